/* The start of a command: from the request for it to a process that has become it, or could not. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_TEXT = 8 << 20, /* more than any kernel takes as arguments and environment */
    NICENESS = 5,        /* short of time, the keeper goes first */
    TRIES = 200,
    PAUSE_NS = 5000000,
};
static const uint64_t LONGEST_MS = 1000000000000;
static const char DEFAULT_PATH[] = "/usr/local/bin:/usr/bin:/bin";

static int oom_score = -1;
static char own_score[16];

static bool set_oom_score(const char *score) {
    return oom_score >= 0 && pwrite(oom_score, score, strlen(score), 0) > 0;
}

/* Find the lowest score that the kernel allows this process, and keep it: an agent can lower its own as far as that. */
static void lower_oom_score(void) {
    int lowest = -1000, highest = 1000;
    while (lowest < highest) {
        int middle = lowest + (highest - lowest) / 2;
        snprintf(own_score, sizeof own_score, "%d", middle);
        if (set_oom_score(own_score))
            highest = middle;
        else
            lowest = middle + 1;
    }
    snprintf(own_score, sizeof own_score, "%d", lowest);
    set_oom_score(own_score);
}

void prepare_to_start(void) {
    oom_score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    lower_oom_score();
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

/* A list of `count` texts out of `*at`, which moves on; NULL where there are fewer. */
static char **list_of(uint32_t count, char **at, const char *end) {
    char **list = count <= (size_t)(end - *at) ? calloc(count + 1, sizeof *list) : NULL;
    for (uint32_t i = 0; list && i < count; i++) {
        if (*at == end) {
            free(list);
            return NULL;
        }
        list[i] = *at;
        *at += strlen(*at) + 1;
    }
    return list;
}

enum outcome take_request(struct request *request) {
    request->as_agent = take_number8() && !weakened.same_user;
    request->limit_ms = take_number64();
    request->cap = take_number64();
    uint32_t arguments = take_number32(), variables = take_number32(), size = take_number32();
    if (request->limit_ms > LONGEST_MS)
        request->limit_ms = LONGEST_MS;
    if (size > MOST_TEXT || size > request_left() || !(request->text = malloc(size + 1u)))
        return fail(FAILED, "a command of %u bytes is too long", size);
    take(request->text, size);
    if (!size || request->text[size - 1]) /* every text ends before the end of them all */
        return fail(FAILED, "a command of %u bytes does not end with a NUL", size);
    char *at = request->text, *end = at + size;
    request->directory = at;
    at += strlen(at) + 1;
    request->arguments = list_of(arguments, &at, end);
    request->variables = request->arguments ? list_of(variables, &at, end) : NULL;
    if (!arguments || !request->variables || at != end)
        return fail(FAILED, "a command of %u bytes does not hold %u arguments and %u variables", size, arguments, variables);
    return DONE;
}

void free_request(struct request *request) {
    free(request->arguments);
    free(request->variables);
    free(request->text);
}

static void execute(const struct request *request) {
    char *const *arguments = request->arguments, *const *variables = request->variables;
    const char *path = DEFAULT_PATH;
    if (strchr(arguments[0], '/')) {
        execve(arguments[0], arguments, variables);
        return;
    }
    for (char *const *variable = variables; *variable; variable++)
        if (!strncmp(*variable, "PATH=", 5))
            path = *variable + 5;
    int error = ENOENT;
    for (const char *end; *arguments[0]; path = end + 1) {
        static char program[4096];
        end = strchrnul(path, ':');
        int length = snprintf(program, sizeof program, "%.*s/%s", (int)(end - path), path, arguments[0]);
        errno = ENAMETOOLONG;
        if (length < (int)sizeof program)
            execve(*program == '/' && end == path ? program + 1 : program, arguments, variables);
        if (errno != ENOENT && errno != ENOTDIR)
            error = errno;
        if (!*end)
            break;
    }
    errno = error;
}

/* What a child does to become the command. Returns what failed; errno says why. It shares this process's memory until then. */
static const char *become(const struct request *request, const int streams[3]) {
    setsid();
    for (int i = 0; i < 3; i++)
        if (dup2(streams[i], i) < 0)
            return "standard streams";
    setpriority(PRIO_PROCESS, 0, NICENESS);
    if (chdir(request->directory) < 0)
        return request->directory;
    /* The system calls themselves: what the C library adds is for processes with threads. */
    if (request->as_agent && (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, AGENT, AGENT, AGENT) < 0 ||
                              syscall(SYS_setresuid, AGENT, AGENT, AGENT) < 0))
        return "the agent's user";
    sigset_t none;
    sigemptyset(&none);
    sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execute(request);
    return request->arguments[0];
}

/* Start a process that is the command. Where it cannot become that, `*culprit` is what it failed at and errno why. */
static pid_t launch(const struct request *request, const int streams[3], const char *volatile *culprit) {
    volatile int error = 0;
    /* Short of memory, the kernel shall take the command and not the keeper. A child inherits the score. */
    set_oom_score("1000");
    pid_t pid = vfork();
    if (!pid) {
        *culprit = become(request, streams);
        error = errno;
        _exit(EXIT_FAILURE);
    }
    if (pid < 0)
        error = errno;
    set_oom_score(own_score);
    if (pid > 0 && *culprit)
        waitpid(pid, NULL, 0);
    errno = error;
    return pid;
}

/* `launch`, again and again while the kernel still counts the processes of the last command: nothing of this one has run. */
pid_t start(const struct request *request, const int streams[3], const char *volatile *culprit) {
    for (int tries = 1;; tries++) {
        pid_t pid = launch(request, streams, culprit);
        if (pid > 0 || tries == TRIES || (errno != EAGAIN && errno != ENOMEM))
            return pid;
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    }
}
