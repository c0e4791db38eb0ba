#define _GNU_SOURCE
#include "keeper.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

struct weakened weakened;

static bool understood(const char *argument) {
    const struct { const char *name; bool *value; } flags[] = {
        {"--same-user", &weakened.same_user}, {"--no-output-cap", &weakened.no_output_cap},
        {"--no-sweep", &weakened.no_sweep},   {"--shared-pids", &weakened.shared_pids},
        {"--no-time", &weakened.no_time},     {"--follow", &weakened.follow},
    };
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (!strcmp(argument, flags[i].name))
            return *flags[i].value = true;
    return false;
}

/* The answer of every request but that of a command, which answers by itself. */
static enum outcome serve(uint8_t operation) {
    switch (operation) {
    case 'w': return write_files();
    case 'f': return read_one_file();
    case 'd': return read_directory();
    case 's': return snapshot();
    case 'b': return restore();
    case 'q': sweep(); return DONE;
    case 'k': return DONE; /* too late: the command ended by itself before */
    default: return fail(FAILED, "there is no operation %#x", operation);
    }
}

int main(int count, char **arguments) {
    static const char mark[] = "unhobble-keeper " VERSION;
    for (int i = 1; i < count; i++)
        if (!understood(arguments[i])) {
            dprintf(STDERR_FILENO, "keeper: there is no option %s\n", arguments[i]);
            return 2;
        }
    /* It kills every process that it sees: anywhere but at the head of a container that would be the machine's. */
    if ((getpid() != 1 && !weakened.shared_pids) || getuid() != 0) {
        dprintf(STDERR_FILENO, "%s: runs only as the first process of a container, and as root\n", mark);
        return 2;
    }
    umask(022);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    prepare_link();
    prepare_to_start();
    prepare_to_kill();
    prepare_for_commands();
    if (!weakened.same_user)
        prctl(PR_SET_DUMPABLE, 0);
    answer(DONE, VERSION, strlen(VERSION));
    for (;;) {
        uint8_t operation = next_request();
        if (operation == 'x') {
            run_command();
            continue;
        }
        enum outcome outcome = serve(operation);
        skip_request();
        answer(outcome, NULL, 0);
    }
}
