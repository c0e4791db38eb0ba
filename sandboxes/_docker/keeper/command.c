/* One command, from its start until nothing of it is left. */
#define _GNU_SOURCE
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum ending { EXITED = 0, TIMED_OUT = 1, OUT_OF_MEMORY = 2, OUTPUT_EXCEEDED = 3, CANCELLED = 4 };

enum {
    EXCESS = 16,      /* a stream of more than this many times its cap ends the command */
    LATER_READS = 16, /* what a pipe can hold when nobody writes to it any more */
    NOT_STARTABLE_CODE = 126,
    NOT_FOUND_CODE = 127,
    SIGNAL_CODE = 128,
};

struct stream {
    int pipe;
    char kind;
    uint64_t written;
};

/* Standard input: what does not fit into the pipe at first waits in a file in memory, where it is no burden of this process. */
struct feed {
    int pipe, rest;
    off_t sent;
    uint64_t waiting;
};

struct command {
    pid_t pid;
    int status;
    bool ended;
    struct stream out, err;
    struct feed feed;
    enum ending ending;
};

static long oom_kills_seen;
static sigset_t while_waiting;

static void on_child(int signal) { (void)signal; }

void prepare_for_commands(void) {
    oom_kills_seen = oom_kills();
    /* The end of a child is seen only while we wait for something, so that it can come between no two steps. */
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    sigdelset(&while_waiting, SIGCHLD);
    sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_child}, NULL);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Put what the request still holds into the pipe, and beside it what the pipe does not take. */
static enum outcome take_input(struct feed *feed) {
    while (request_left()) {
        const unsigned char *piece;
        size_t size = take_piece(&piece, request_left());
        ssize_t fitted = feed->rest < 0 ? write(feed->pipe, piece, size) : 0;
        if (fitted > 0)
            piece += fitted, size -= (size_t)fitted;
        if (size && feed->rest < 0 && (feed->rest = memfd_create("standard input", MFD_CLOEXEC)) < 0)
            return fail_errno("standard input");
        for (; size; feed->waiting += (uint64_t)fitted, piece += fitted, size -= (size_t)fitted)
            if ((fitted = write(feed->rest, piece, size)) <= 0)
                return fail_errno("standard input");
    }
    return DONE;
}

static void close_pipe(int *pipe) {
    if (*pipe >= 0)
        close(*pipe);
    *pipe = -1;
}

/* Pass on what the pipe holds, up to the cap. False where it holds nothing now. */
static bool pass_on(struct stream *stream, uint64_t cap) {
    if (stream->pipe < 0)
        return false;
    ssize_t count = read(stream->pipe, frame_space(), CHUNK);
    if (count < 0)
        return false;
    if (!count) {
        close_pipe(&stream->pipe);
        return false;
    }
    uint64_t wanted = stream->written < cap ? cap - stream->written : 0;
    if (wanted > (uint64_t)count || weakened.no_output_cap)
        wanted = (uint64_t)count;
    if (wanted)
        send_frame(stream->kind, wanted);
    stream->written += (uint64_t)count;
    return true;
}

static void feed_more(struct feed *feed) {
    if (feed->pipe < 0)
        return;
    if (feed->waiting) {
        ssize_t count = splice(feed->rest, &feed->sent, feed->pipe, NULL, feed->waiting, SPLICE_F_NONBLOCK);
        if (count < 0 && errno == EAGAIN)
            return;
        /* A command that reads no more of it does no harm. */
        feed->waiting = count > 0 ? feed->waiting - (uint64_t)count : 0;
    }
    if (!feed->waiting) {
        close_pipe(&feed->pipe);
        close_pipe(&feed->rest);
    }
}

static void reap(struct command *command) {
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == command->pid) {
            command->ended = true;
            command->status = WIFEXITED(status) ? WEXITSTATUS(status) : SIGNAL_CODE + WTERMSIG(status);
        }
}

static bool exceeds(const struct command *command, uint64_t cap) {
    uint64_t most = command->out.written > command->err.written ? command->out.written : command->err.written;
    return !weakened.no_output_cap && cap < UINT64_MAX / EXCESS && most > EXCESS * cap;
}

/* Serve the command until it ends or must end. */
static void attend(struct command *command, const struct request *request) {
    int64_t deadline_ns = now_ns() + (int64_t)request->limit_ms * 1000000;
    for (;;) {
        reap(command);
        if (command->ended)
            return;
        int64_t left_ns = deadline_ns - now_ns();
        if (left_ns <= 0 && !weakened.no_time) {
            command->ending = TIMED_OUT;
            return;
        }
        struct pollfd polled[] = {
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = command->out.pipe, .events = POLLIN},
            {.fd = command->err.pipe, .events = POLLIN},
            {.fd = command->feed.pipe, .events = POLLOUT},
        };
        struct timespec left = {left_ns / 1000000000, left_ns % 1000000000};
        if (request_waits())
            polled[0].revents = POLLIN;
        else if (ppoll(polled, 4, weakened.no_time ? NULL : &left, &while_waiting) <= 0)
            continue;
        if (polled[0].revents) {
            next_request(); /* while a command runs only one request comes: to end it */
            skip_request();
            command->ending = CANCELLED;
            return;
        }
        if (polled[1].revents)
            pass_on(&command->out, request->cap);
        if (polled[2].revents)
            pass_on(&command->err, request->cap);
        if (polled[3].revents)
            feed_more(&command->feed);
        if (exceeds(command, request->cap)) {
            command->ending = OUTPUT_EXCEEDED;
            return;
        }
    }
}

/* Leave no process of the command, then take the last that it wrote. */
static void finish(struct command *command, uint64_t cap) {
    if (!weakened.no_sweep || !command->ended)
        sweep();
    for (int i = 0; i < LATER_READS && pass_on(&command->out, cap); i++)
        ;
    for (int i = 0; i < LATER_READS && pass_on(&command->err, cap); i++)
        ;
    long kills = oom_kills();
    if (command->ending == EXITED && command->status && kills > oom_kills_seen)
        command->ending = OUT_OF_MEMORY;
    oom_kills_seen = kills;
}

static void report(const struct command *command, uint64_t cap) {
    unsigned char said[] = {(unsigned char)command->ending, (unsigned char)command->status, command->out.written > cap,
                            command->err.written > cap};
    answer(DONE, said, sizeof said);
    if (command->ending == CANCELLED)
        answer(DONE, NULL, 0); /* the request to end the command was one of its own */
}

static enum outcome run(struct command *command, const struct request *request, int theirs[3]) {
    int ours[3] = {-1, -1, -1};
    for (int i = 0; i < 3; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return fail_errno("standard streams");
        theirs[i] = ends[i > 0];
        ours[i] = ends[i == 0];
        *(i == 0 ? &command->feed.pipe : i == 1 ? &command->out.pipe : &command->err.pipe) = ours[i];
        fcntl(ours[i], F_SETFL, O_NONBLOCK);
    }
    if (take_input(&command->feed) != DONE)
        return FAILED;
    const char *volatile culprit = NULL;
    command->pid = start(request, theirs, &culprit);
    if (command->pid < 0)
        return fail_errno("the start of a command");
    int error = errno;
    for (int i = 0; i < 3; i++)
        close_pipe(&theirs[i]);
    if (culprit) {
        /* As a shell would: it could not be started, and that is the command's own fault. */
        size_t length = (size_t)snprintf(frame_space(), CHUNK, "%s: %s\n", culprit, strerror(error));
        if (length >= CHUNK)
            length = CHUNK - 1;
        send_frame('e', length < request->cap ? length : request->cap);
        command->ended = true;
        command->status = error == ENOENT && culprit != request->directory ? NOT_FOUND_CODE : NOT_STARTABLE_CODE;
    } else {
        feed_more(&command->feed);
        attend(command, request);
        finish(command, request->cap);
    }
    report(command, request->cap);
    return DONE;
}

void run_command(void) {
    struct request request = {0};
    struct command command = {.out = {-1, 'o', 0}, .err = {-1, 'e', 0}, .feed = {.pipe = -1, .rest = -1}};
    int theirs[3] = {-1, -1, -1};
    enum outcome outcome = take_request(&request);
    if (outcome == DONE)
        outcome = run(&command, &request, theirs);
    int *open_files[] = {&command.out.pipe, &command.err.pipe, &command.feed.pipe, &command.feed.rest, &theirs[0], &theirs[1], &theirs[2]};
    for (size_t i = 0; i < sizeof open_files / sizeof *open_files; i++)
        close_pipe(open_files[i]);
    free_request(&request);
    if (outcome != DONE) {
        skip_request();
        answer(outcome, NULL, 0);
    }
}
