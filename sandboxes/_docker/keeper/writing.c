/* Files that go in. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Go down into `name`, making it a directory where it is none, and close `directory`. */
static int step_into(int directory, const char *name, bool for_agent) {
    int inner = open_below(directory, name, DIRECTORY);
    if (inner < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        unlinkat(directory, name, 0);
        errno = ENOENT;
    }
    if (inner < 0 && errno == ENOENT && mkdirat(directory, name, 0755) == 0) {
        inner = open_below(directory, name, DIRECTORY);
        if (inner >= 0 && for_agent && fchown(inner, AGENT, AGENT) < 0) {
            close_both(inner, -1);
            inner = -1;
        }
    }
    int error = errno;
    close(directory);
    errno = error;
    return inner;
}

static bool replace(int directory, const char *from, const char *to) {
    if (renameat(directory, from, directory, to) == 0)
        return true;
    if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
        return false;
    int in_the_way = open_below(directory, to, DIRECTORY);
    bool emptied = in_the_way >= 0 && empty(in_the_way) == DONE;
    if (in_the_way >= 0)
        close(in_the_way);
    return emptied && unlinkat(directory, to, AT_REMOVEDIR) == 0 && renameat(directory, from, directory, to) == 0;
}

static bool take_content(int file, uint64_t size) {
    while (size) {
        const unsigned char *piece;
        size_t count = take_piece(&piece, size);
        size -= count;
        for (ssize_t written; count; piece += written, count -= (size_t)written)
            if ((written = write(file, piece, count)) <= 0)
                return false;
    }
    return true;
}

/* Write beside and rename over: a link or pipe of that name is replaced, not opened. */
static enum outcome put(int directory, const char *name, bool for_agent) {
    char beside[32];
    new_name(beside);
    bool executable = take_number8();
    uint64_t size = take_number64();
    int file = openat(directory, beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return fail_errno(name);
    bool written = take_content(file, size) && (!for_agent || fchown(file, AGENT, AGENT) == 0) &&
                   fchmod(file, executable ? 0755 : 0644) == 0 && replace(directory, beside, name);
    enum outcome outcome = written ? DONE : fail(FAILED, "%s: %s", name, strerror(errno));
    if (!written)
        unlinkat(directory, beside, 0);
    close(file);
    return outcome;
}

static enum outcome write_one_file(bool for_agent) {
    struct target target;
    enum outcome outcome = take_target(&target);
    if (outcome == DONE && !*target.below)
        outcome = fail(UNFIT, "'%s' is not a path below /work, /home/agent, /tmp or /tests", target.text);
    if (outcome != DONE)
        return outcome;
    char *name = target.below;
    int directory = open_place(&target);
    for (char *end; directory >= 0 && (end = strchr(name, '/')); name = end + 1) {
        *end = '\0';
        directory = step_into(directory, name, for_agent);
    }
    if (directory < 0)
        return fail(FAILED, "%s: %s", name, strerror(errno));
    outcome = put(directory, name, for_agent);
    close(directory);
    return outcome;
}

enum outcome write_files(void) {
    bool for_agent = take_number8();
    enum outcome outcome = DONE;
    while (outcome == DONE && request_left())
        outcome = write_one_file(for_agent);
    return outcome;
}
