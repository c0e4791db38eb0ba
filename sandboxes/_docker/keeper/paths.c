/* Paths in trees that an agent controls. It may have planted anything: links out of its tree, pipes that block, devices,
 * directories it cannot enter itself. Nothing here follows a link or leaves the place it was given. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *const PLACES[] = {"/work", "/home/agent", "/tmp", "/tests"};
static int open_one(int directory, const char *name, int flags) {
    struct open_how how = {
        .flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, directory, name, &how, sizeof how);
}

/* Open what lies at the relative path `name` without following a link or leaving `directory`. */
int open_below(int directory, const char *name, int flags) {
    int opened = open_one(directory, name, flags);
    if (opened >= 0 || errno != ENOSYS)
        return opened;
    /* A kernel (gVisor's, or one older than 5.6) without openat2: the same, one name at a time. */
    int from = directory;
    for (const char *end; (end = strchr(name, '/')); name = end + 1) {
        char step[NAME_MAX + 1];
        if ((size_t)(end - name) >= sizeof step) {
            errno = ENAMETOOLONG;
            opened = -1;
        } else {
            memcpy(step, name, (size_t)(end - name));
            step[end - name] = '\0';
            opened = openat(from, step, DIRECTORY);
        }
        int error = errno;
        if (from != directory)
            close(from);
        errno = error;
        if ((from = opened) < 0)
            return -1;
    }
    opened = openat(from, name, flags | O_NOFOLLOW | O_CLOEXEC);
    int error = errno;
    if (from != directory)
        close(from);
    errno = error;
    return opened;
}

/* Make `path` free of empty and "." names. False where it has a "..". */
static bool tidy(char *path) {
    char *to = path;
    for (char *name = path, *end; *name; name = end) {
        end = strchrnul(name, '/');
        size_t size = (size_t)(end - name);
        if (size == 2 && name[0] == '.' && name[1] == '.')
            return false;
        if (size && !(size == 1 && *name == '.')) {
            if (to != path)
                *to++ = '/';
            memmove(to, name, size);
            to += size;
        }
        end += *end == '/';
    }
    *to = '\0';
    return true;
}

enum outcome take_target(struct target *target) {
    uint32_t size = take_number32();
    if (size >= sizeof target->text)
        return fail(UNFIT, "a path of %u bytes is longer than any file's", size);
    take(target->text, size);
    target->text[size] = '\0';
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES && strlen(target->text) == size; i++) {
        size_t length = strlen(PLACES[i]);
        if (strncmp(target->text, PLACES[i], length) || (target->text[length] && target->text[length] != '/'))
            continue;
        target->place = PLACES[i];
        target->below = target->text + length;
        if (tidy(target->below))
            return DONE;
    }
    return fail(UNFIT, "'%s' is not a path below /work, /home/agent, /tmp or /tests, free of '..'", target->text);
}

int open_place(const struct target *target) { return open(target->place, DIRECTORY); }
