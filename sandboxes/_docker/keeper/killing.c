/* The end of processes: by this one, and by the kernel for want of memory. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int memory_events = -1;

void prepare_to_kill(void) {
    memory_events = open("/sys/fs/cgroup/memory.events", O_RDONLY | O_CLOEXEC);
    if (memory_events < 0)
        memory_events = open("/sys/fs/cgroup/memory/memory.oom_control", O_RDONLY | O_CLOEXEC);
    if (weakened.shared_pids)
        prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* How many processes of this container the kernel has killed for memory; 0 where it does not say. */
long oom_kills(void) {
    char text[1024];
    ssize_t count = memory_events < 0 ? -1 : pread(memory_events, text, sizeof text - 1, 0);
    if (count <= 0)
        return 0;
    text[count] = '\0';
    for (char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, "oom_kill ", 9))
            return strtol(line + 9, NULL, 10);
    }
    return 0;
}

/* Kill the children, which brings theirs here: all that can be done where kill(-1) would be the end of the machine. */
static void kill_children(void) {
    char text[4096];
    int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    ssize_t count = file < 0 ? 0 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    text[count > 0 ? count : 0] = '\0';
    for (char *at = text, *next; *at; at = next) {
        long pid = strtol(at, &next, 10);
        if (next == at || (*next && *next != ' '))
            return;
        if (pid > 1)
            kill((pid_t)pid, SIGKILL);
        next += *next == ' ';
    }
}

/* Kill every process but this one, and wait until the last is gone. kill(-1) holds the kernel's list of processes, so that no fork
 * escapes between two signals. */
void sweep(void) {
    do
        if (weakened.shared_pids)
            kill_children();
        else
            kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}
