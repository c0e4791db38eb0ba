/* Files and directories that go out. No link is followed, no pipe waited for. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
enum { READABLE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

static int open_readable(int directory, const char *name) {
    return weakened.follow ? openat(directory, name, O_RDONLY | O_CLOEXEC) : open_below(directory, name, READABLE);
}

/* Send what `file` holds, if it is a regular file of at most `most` bytes, and close it. */
static enum outcome send_content(int file, const char *name, uint64_t most, uint64_t *sent) {
    struct stat status;
    ssize_t count = 0;
    *sent = 0;
    enum outcome outcome = fstat(file, &status) < 0 ? fail_errno(name) : DONE;
    if (outcome == DONE && !weakened.follow && !S_ISREG(status.st_mode))
        outcome = fail(UNFIT, "%s is not a regular file", name);
    if (outcome == DONE && S_ISREG(status.st_mode) && (uint64_t)status.st_size > most)
        outcome = fail(UNFIT, "%s has %lld bytes; at most %llu are read", name, (long long)status.st_size, (unsigned long long)most);
    while (outcome == DONE && (count = read(file, frame_space(), CHUNK)) > 0) {
        *sent += (uint64_t)count;
        if (*sent > most)
            outcome = fail(UNFIT, "%s has more than %llu bytes", name, (unsigned long long)most);
        else
            send_frame('c', (size_t)count);
    }
    if (outcome == DONE && count < 0)
        outcome = fail(FAILED, "%s: %s", name, strerror(errno));
    close(file);
    return outcome;
}

/* What the failure to open something that should be `expected` means. */
static enum outcome unopened(const char *name, const char *expected) {
    switch (errno) {
    case ELOOP: case ENOTDIR: case ENXIO: case ENAMETOOLONG: case EXDEV:
        return fail(UNFIT, "%s is not a %s, or lies behind a link: %s", name, expected, strerror(errno));
    default: return fail_errno(name);
    }
}

enum outcome read_one_file(void) {
    struct target target;
    uint64_t most = take_number64(), sent;
    enum outcome outcome = take_target(&target);
    if (outcome != DONE)
        return outcome;
    int place = open_place(&target);
    if (place < 0)
        return fail(FAILED, "%s: %s", target.place, strerror(errno));
    const char *name = *target.below ? target.below : ".";
    int file = open_readable(place, name);
    outcome = file < 0 ? unopened(name, "regular file") : send_content(file, name, most, &sent);
    close(place);
    return outcome;
}

/* The walk of one directory whose files go out. */
struct reading {
    struct visitor visitor;
    uint64_t bytes_left, most_bytes, entries, most_entries;
    size_t length; /* of `path`, which is that of the directory the walk is in */
    unsigned char executable; /* lies before the path, as it does in a frame */
    char path[PATH_MAX];
};

static enum outcome count_entry(struct reading *reading, const char *name) {
    if (++reading->entries > reading->most_entries)
        return fail(UNFIT, "%s has more than %llu entries", reading->path, (unsigned long long)reading->most_entries);
    if (reading->length + 1 + strlen(name) >= sizeof reading->path)
        return fail(UNFIT, "a path of more than %d bytes begins with %s", PATH_MAX, reading->path);
    return DONE;
}

static void push_name(struct reading *reading, const char *name) {
    reading->path[reading->length++] = '/';
    strcpy(reading->path + reading->length, name);
    reading->length += strlen(name);
}

static void pop_name(struct reading *reading) {
    reading->length = (size_t)(strrchr(reading->path, '/') - reading->path);
    reading->path[reading->length] = '\0';
}

static enum outcome go_in(struct visitor *visitor, int directory, const char *name) {
    (void)directory;
    enum outcome outcome = count_entry((struct reading *)visitor, name);
    if (outcome == DONE)
        push_name((struct reading *)visitor, name);
    return outcome;
}

static enum outcome go_out(struct visitor *visitor, int directory) {
    (void)directory;
    pop_name((struct reading *)visitor);
    return DONE;
}

static enum outcome send_file(struct visitor *visitor, int directory, const char *name, const struct stat *status) {
    struct reading *reading = (struct reading *)visitor;
    uint64_t sent;
    enum outcome outcome = count_entry(reading, name);
    if (outcome != DONE || !(S_ISREG(status->st_mode) || weakened.follow))
        return outcome;
    if (S_ISREG(status->st_mode) && (uint64_t)status->st_size > reading->bytes_left)
        return fail(UNFIT, "%s holds more than %llu bytes", reading->path, (unsigned long long)reading->most_bytes);
    int file = open_readable(directory, name);
    if (file < 0)
        return unopened(name, "regular file");
    push_name(reading, name);
    reading->executable = (status->st_mode & S_IXUSR) != 0;
    send_bytes('n', &reading->executable, 1 + reading->length);
    outcome = send_content(file, reading->path, reading->bytes_left, &sent);
    reading->bytes_left -= outcome == DONE ? sent : 0;
    pop_name(reading);
    return outcome;
}

enum outcome read_directory(void) {
    static struct target target;
    static struct reading reading;
    reading = (struct reading){.visitor = {.file = send_file, .enter = go_in, .leave = go_out}};
    reading.bytes_left = reading.most_bytes = take_number64();
    reading.most_entries = take_number64();
    enum outcome outcome = take_target(&target);
    if (outcome != DONE)
        return outcome;
    int place = open_place(&target);
    if (place < 0)
        return fail(FAILED, "%s: %s", target.place, strerror(errno));
    int length = snprintf(reading.path, sizeof reading.path, "%s%s%s", target.place, *target.below ? "/" : "", target.below);
    reading.length = (size_t)length;
    const char *name = *target.below ? target.below : ".";
    int root = open_below(place, name, DIRECTORY);
    outcome = root < 0 ? unopened(name, "directory") : walk(root, &reading.visitor);
    close(place);
    return outcome;
}
