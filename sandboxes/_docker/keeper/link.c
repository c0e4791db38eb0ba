/* The stream to the worker. All numbers are big-endian and unsigned.
 *
 * A request is one byte of operation, four bytes of length, and a body of that length:
 *   x  run a command     user 1, milliseconds 8, bytes of each stream that are kept 8, arguments 4, variables 4, text 4;
 *                        the text (working directory, arguments, variables as NAME=value, each ended by a NUL); standard input
 *   k  end the command that runs: the only request that may come while one does; it gets an answer of its own
 *   w  write files       user 1, then for each file: executable 1, path 4 + text, size 8 + content
 *   f  read a file       most bytes 8, path 4 + text
 *   d  read a directory  most bytes 8, most entries 8, path 4 + text
 *   s  snapshot          number 4
 *   b  back to one       number 4
 *   q  kill whatever the agent left
 * A user is 0 for the keeper and 1 for the agent.
 *
 * What comes back are frames of one byte of kind, four bytes of length, and content:
 *   o, e  a piece of standard output or error
 *   n     a file of a directory: executable 1, path; its content follows
 *   c     a piece of a file's content
 *   r     the answer, after all else: outcome 1 (enum outcome), then text that says what failed; or, where a command was
 *         run, ending 1 (enum ending), exit code 1, standard output was cut 1, standard error was cut 1
 * The first frame is an answer to nothing, which holds the version: the keeper is ready.
 */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned char inbox[CHUNK];
static size_t inbox_start, inbox_end;
static size_t left_of_request;

enum { HEADER = 5, OUTBOX = 2 * (HEADER + CHUNK), PAGE = 4096 };
static unsigned char outbox[OUTBOX];
static size_t outbox_end;

static char reason[1024];

void prepare_link(void) {
    for (volatile unsigned char *page = outbox; page < outbox + OUTBOX; page += PAGE)
        *page = 0;
    for (volatile unsigned char *page = inbox; page < inbox + sizeof inbox; page += PAGE)
        *page = 0;
}

enum outcome fail(enum outcome kind, const char *format, ...) {
    va_list values;
    va_start(values, format);
    vsnprintf(reason, sizeof reason, format, values);
    va_end(values);
    return kind;
}

enum outcome fail_errno(const char *what) {
    return fail(errno == ENOENT ? NOT_FOUND : FAILED, "%s: %s", what, strerror(errno));
}

/* The link is of no more use. All processes of the container end with this one. */
static _Noreturn void leave(const char *why) {
    if (why)
        dprintf(STDERR_FILENO, "keeper: %s\n", why);
    _exit(why ? 1 : 0);
}

static void fill_inbox(void) {
    ssize_t count;
    do
        count = read(STDIN_FILENO, inbox, sizeof inbox);
    while (count < 0 && errno == EINTR);
    if (count <= 0)
        leave(count < 0 ? strerror(errno) : NULL);
    inbox_start = 0;
    inbox_end = (size_t)count;
}

size_t take_piece(const unsigned char **piece, size_t most) {
    if (!left_of_request)
        leave("a request ends too early");
    if (inbox_start == inbox_end)
        fill_inbox();
    size_t count = inbox_end - inbox_start;
    if (count > most)
        count = most;
    if (count > left_of_request)
        count = left_of_request;
    *piece = inbox + inbox_start;
    inbox_start += count;
    left_of_request -= count;
    return count;
}

void take(void *to, size_t count) {
    for (unsigned char *at = to; count;) {
        const unsigned char *piece;
        size_t got = take_piece(&piece, count);
        memcpy(at, piece, got);
        at += got;
        count -= got;
    }
}

static uint64_t take_number(size_t bytes) {
    unsigned char digits[8];
    uint64_t number = 0;
    take(digits, bytes);
    for (size_t i = 0; i < bytes; i++)
        number = number << 8 | digits[i];
    return number;
}

uint8_t take_number8(void) { return (uint8_t)take_number(1); }
uint32_t take_number32(void) { return (uint32_t)take_number(4); }
uint64_t take_number64(void) { return take_number(8); }

uint8_t next_request(void) {
    left_of_request = HEADER;
    uint8_t operation = take_number8();
    left_of_request = take_number32();
    return operation;
}

size_t request_left(void) { return left_of_request; }

bool request_waits(void) { return inbox_start < inbox_end; }

void skip_request(void) {
    const unsigned char *piece;
    while (left_of_request)
        take_piece(&piece, left_of_request);
}

static void flush(void) {
    for (size_t start = 0; start < outbox_end;) {
        ssize_t count = write(STDOUT_FILENO, outbox + start, outbox_end - start);
        if (count < 0 && errno != EINTR)
            leave(strerror(errno));
        if (count > 0)
            start += (size_t)count;
    }
    outbox_end = 0;
}

/* Room for the content of one frame of up to CHUNK bytes, which `send_frame` then sends. */
void *frame_space(void) {
    if (outbox_end + HEADER + CHUNK > OUTBOX)
        flush();
    return outbox + outbox_end + HEADER;
}

void send_frame(char kind, size_t count) {
    unsigned char *header = outbox + outbox_end;
    header[0] = (unsigned char)kind;
    for (int i = 0; i < 4; i++)
        header[1 + i] = (unsigned char)(count >> (24 - 8 * i));
    outbox_end += HEADER + count;
}

void send_bytes(char kind, const void *data, size_t count) {
    memcpy(frame_space(), data, count);
    send_frame(kind, count);
}

void answer(enum outcome outcome, const void *data, size_t count) {
    unsigned char *space = frame_space();
    if (outcome != DONE) {
        data = reason;
        count = strlen(reason);
    }
    space[0] = (unsigned char)outcome;
    if (count)
        memcpy(space + 1, data, count);
    send_frame('r', 1 + count);
    flush();
}
