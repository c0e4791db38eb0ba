/* Trees that an agent made: deeper than any path is long, wider than any memory. Nothing here recurses or keeps a list of names. */
#define _GNU_SOURCE
#include "keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* A name that nothing of the agent's has. */
void new_name(char name[32]) {
    unsigned long long number = 0;
    while (getrandom(&number, sizeof number, 0) != sizeof number)
        ;
    snprintf(name, 32, ".keeper-%016llx", number);
}

static bool is_child(const char *name) { return strcmp(name, ".") && strcmp(name, ".."); }

void close_both(int first, int second) {
    int error = errno;
    if (first >= 0)
        close(first);
    if (second >= 0)
        close(second);
    errno = error;
}

/* --- walking --------------------------------------------------------------------------------------------------------- */

/* A directory that the walk has gone down from: where it goes on there, and how it is known again. */
struct level {
    long position;
    dev_t device;
    ino_t inode;
};

struct way {
    DIR *directory;
    struct level *levels;
    size_t depth, room;
};

static bool stand_in(struct way *way, int directory) {
    DIR *opened = directory < 0 ? NULL : fdopendir(directory);
    if (!opened) {
        close_both(directory, -1);
        return false;
    }
    if (way->directory)
        closedir(way->directory);
    way->directory = opened;
    return true;
}

static bool go_down(struct way *way, const char *name) {
    struct stat here;
    if (way->depth == way->room) {
        size_t room = way->room ? 2 * way->room : 64;
        struct level *levels = realloc(way->levels, room * sizeof *levels);
        if (!levels)
            return false;
        way->levels = levels;
        way->room = room;
    }
    if (fstat(dirfd(way->directory), &here) < 0)
        return false;
    way->levels[way->depth++] = (struct level){telldir(way->directory), here.st_dev, here.st_ino};
    return stand_in(way, open_below(dirfd(way->directory), name, DIRECTORY));
}

/* Back to where the walk came from; the open directory of every level would be more than a process may have. */
static bool go_up(struct way *way) {
    const struct level *level = &way->levels[--way->depth];
    struct stat above;
    int up = openat(dirfd(way->directory), "..", DIRECTORY);
    if (up < 0 || fstat(up, &above) < 0 || above.st_dev != level->device || above.st_ino != level->inode) {
        close_both(up, -1);
        errno = ESTALE;
        return false;
    }
    if (!stand_in(way, up))
        return false;
    seekdir(way->directory, level->position);
    return true;
}

/* Visit everything below the open directory `root`, which is closed. */
enum outcome walk(int root, struct visitor *visitor) {
    struct way way = {0};
    enum outcome outcome = stand_in(&way, root) ? DONE : fail_errno("a directory");
    while (outcome == DONE) {
        struct stat status;
        errno = 0;
        struct dirent *entry = readdir(way.directory);
        int here = dirfd(way.directory);
        if (!entry) {
            if (errno)
                outcome = fail_errno("a directory");
            else if (!way.depth)
                break;
            else if ((outcome = visitor->leave(visitor, here)) == DONE && !go_up(&way))
                outcome = fail_errno("a directory");
        } else if (!is_child(entry->d_name)) {
            continue;
        } else if (fstatat(here, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
            outcome = fail_errno(entry->d_name);
        } else if (!S_ISDIR(status.st_mode)) {
            outcome = visitor->file(visitor, here, entry->d_name, &status);
        } else if ((outcome = visitor->enter(visitor, here, entry->d_name)) == DONE && !go_down(&way, entry->d_name)) {
            outcome = fail(FAILED, "%s: %s", entry->d_name, strerror(errno));
        }
    }
    if (way.directory)
        closedir(way.directory);
    free(way.levels);
    return outcome;
}

/* --- emptying -------------------------------------------------------------------------------------------------------- */

/* Remove the directory `name`. What it holds and is no file moves up to `root`, so that no tree is too deep. */
static bool flatten(int root, const char *name) {
    int inner = open_below(root, name, DIRECTORY);
    DIR *children = inner < 0 ? NULL : fdopendir(inner);
    if (!children) {
        close_both(inner, -1);
        return false;
    }
    bool moved = true;
    for (struct dirent *child; moved && (child = readdir(children));) {
        char above[32];
        if (!is_child(child->d_name) || unlinkat(inner, child->d_name, 0) == 0)
            continue;
        new_name(above);
        moved = renameat(inner, child->d_name, root, above) == 0;
    }
    closedir(children);
    return moved && unlinkat(root, name, AT_REMOVEDIR) == 0;
}

/* Remove everything in the open directory `root`, which stays open. */
enum outcome empty(int root) {
    for (;;) {
        int again = openat(root, ".", DIRECTORY);
        DIR *entries = again < 0 ? NULL : fdopendir(again);
        if (!entries) {
            close_both(again, -1);
            return fail_errno("a directory");
        }
        size_t found = 0, removed = 0;
        int error = 0;
        for (struct dirent *entry; (entry = readdir(entries));) {
            if (!is_child(entry->d_name))
                continue;
            found++;
            if (unlinkat(root, entry->d_name, 0) == 0 || flatten(root, entry->d_name))
                removed++;
            else
                error = errno;
        }
        closedir(entries);
        if (!found)
            return DONE;
        if (!removed)
            return fail(FAILED, "a directory cannot be emptied: %s", strerror(error));
    }
}
