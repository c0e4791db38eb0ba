/* Snapshots: all that the agent can write, copied to where it cannot go, with the keeper's own hands: an image may have no cp. What is
 * kept of a file are its content with its holes, its names, owner, mode and times. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <unistd.h>

static const char STORE[] = "/run/unhobble";
static const char *const SAVED[] = {"/work", "/home/agent", "/tmp", "/dev/shm"};
enum { SAVED_COUNT = sizeof SAVED / sizeof *SAVED };

/* A copy on its way. A file of several names gets each of them: its copy waits in `links` under its number for the next. */
struct copying {
    struct visitor visitor;
    int to, links;
};

static bool copy_attributes(int from, int to) {
    struct stat status;
    return fstat(from, &status) == 0 && fchown(to, status.st_uid, status.st_gid) == 0 &&
           fchmod(to, status.st_mode & 07777) == 0 && futimens(to, (struct timespec[]){status.st_atim, status.st_mtim}) == 0;
}

/* Copy what is not a hole. */
static bool copy_content(int from, int to, off_t size) {
    for (off_t start = 0; start < size;) {
        if ((start = lseek(from, start, SEEK_DATA)) < 0) {
            if (errno == ENXIO)
                break;
            return false;
        }
        off_t end = lseek(from, start, SEEK_HOLE);
        if (end < 0 || lseek(to, start, SEEK_SET) < 0)
            return false;
        while (start < end)
            if (sendfile(to, from, &start, (size_t)(end - start)) <= 0)
                return false;
    }
    return ftruncate(to, size) == 0;
}

static bool copy_regular(int from_directory, int to_directory, const char *name, const struct stat *status) {
    int from = open_below(from_directory, name, O_RDONLY | O_NONBLOCK);
    int to = openat(to_directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool copied = from >= 0 && to >= 0 && copy_content(from, to, status->st_size) && copy_attributes(from, to);
    close_both(from, to);
    return copied;
}

/* A link, a pipe or a socket. */
static bool copy_special(int from_directory, int to_directory, const char *name, const struct stat *status) {
    char target[PATH_MAX];
    if (S_ISLNK(status->st_mode)) {
        ssize_t length = readlinkat(from_directory, name, target, sizeof target - 1);
        if (length < 0)
            return false;
        target[length] = '\0';
        if (symlinkat(target, to_directory, name) < 0)
            return false;
    } else if (mknodat(to_directory, name, status->st_mode, status->st_rdev) < 0) {
        return false;
    }
    struct timespec times[] = {status->st_atim, status->st_mtim};
    return fchownat(to_directory, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISLNK(status->st_mode) || fchmodat(to_directory, name, status->st_mode & 07777, 0) == 0) &&
           utimensat(to_directory, name, times, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum outcome copy_file(struct visitor *visitor, int directory, const char *name, const struct stat *status) {
    struct copying *copying = (struct copying *)visitor;
    char number[32];
    snprintf(number, sizeof number, "%llx", (unsigned long long)status->st_ino);
    if (status->st_nlink > 1 && linkat(copying->links, number, copying->to, name, 0) == 0)
        return DONE;
    bool copied = S_ISREG(status->st_mode) ? copy_regular(directory, copying->to, name, status)
                                           : copy_special(directory, copying->to, name, status);
    if (copied && status->st_nlink > 1)
        copied = linkat(copying->to, name, copying->links, number, 0) == 0;
    return copied ? DONE : fail(FAILED, "%s: %s", name, strerror(errno));
}

static enum outcome copy_down(struct visitor *visitor, int directory, const char *name) {
    struct copying *copying = (struct copying *)visitor;
    (void)directory;
    int inner = mkdirat(copying->to, name, 0700) < 0 ? -1 : open_below(copying->to, name, DIRECTORY);
    if (inner < 0)
        return fail(FAILED, "%s: %s", name, strerror(errno));
    close(copying->to);
    copying->to = inner;
    return DONE;
}

/* After what is in it, because that changes a directory's times. */
static enum outcome copy_up(struct visitor *visitor, int directory) {
    struct copying *copying = (struct copying *)visitor;
    int above = copy_attributes(directory, copying->to) ? openat(copying->to, "..", DIRECTORY) : -1;
    if (above < 0)
        return fail_errno("a directory");
    close(copying->to);
    copying->to = above;
    return DONE;
}

/* Copy everything in one open directory to another, which is empty: links, owners, modes, times, holes. */
static enum outcome copy_tree(int from, int to) {
    char links[32];
    new_name(links);
    struct copying copying = {.visitor = {.file = copy_file, .enter = copy_down, .leave = copy_up}, .to = -1, .links = -1};
    if (mkdirat(to, links, 0700) < 0)
        return fail(FAILED, "a directory: %s", strerror(errno));
    copying.links = open_below(to, links, DIRECTORY);
    copying.to = openat(to, ".", DIRECTORY);
    int start = openat(from, ".", DIRECTORY);
    enum outcome outcome = walk(start, &copying.visitor);
    if (copying.links >= 0 && empty(copying.links) != DONE && outcome == DONE)
        outcome = FAILED;
    close_both(copying.links, copying.to);
    if (unlinkat(to, links, AT_REMOVEDIR) < 0 || !copy_attributes(from, to))
        outcome = outcome == DONE ? fail(FAILED, "a directory: %s", strerror(errno)) : outcome;
    return outcome;
}

static enum outcome copy_place(const char *place, int store, size_t index, bool back) {
    char name[8];
    snprintf(name, sizeof name, "%zu", index);
    int agents = open(place, DIRECTORY);
    if (agents < 0)
        return errno == ENOENT ? DONE : fail(FAILED, "%s: %s", place, strerror(errno)); /* an image may lack /dev/shm */
    if (!back)
        mkdirat(store, name, 0700);
    int kept = open_below(store, name, DIRECTORY);
    enum outcome outcome = kept < 0 ? fail(FAILED, "%s of a snapshot: %s", place, strerror(errno)) : DONE;
    if (outcome == DONE && back)
        outcome = empty(agents);
    if (outcome == DONE)
        outcome = back ? copy_tree(kept, agents) : copy_tree(agents, kept);
    close_both(agents, kept);
    return outcome;
}

static enum outcome copy_all(bool back) {
    char path[64];
    snprintf(path, sizeof path, "%s/%u", STORE, take_number32());
    if (!back && mkdir(path, 0700) < 0)
        return fail(FAILED, "%s: %s", path, strerror(errno));
    int store = open(path, DIRECTORY);
    enum outcome outcome = store < 0 ? fail(FAILED, "%s: %s", path, strerror(errno)) : DONE;
    for (size_t i = 0; i < SAVED_COUNT && outcome == DONE; i++)
        outcome = copy_place(SAVED[i], store, i, back);
    if (outcome != DONE && !back && store >= 0 && empty(store) == DONE)
        rmdir(path);
    close_both(store, -1);
    return outcome;
}

enum outcome snapshot(void) { return copy_all(false); }

enum outcome restore(void) { return copy_all(true); }
