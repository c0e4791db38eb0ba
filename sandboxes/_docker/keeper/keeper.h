/* The main process of a Docker sandbox: runs commands, ends them, and moves files, as told over its standard streams.
 *
 * PID 1 and uid 0 of the container, one static executable that needs nothing of the image. The agent has another uid and
 * no capability, so it can neither signal this process nor read its streams. Being PID 1, it inherits every orphan: when it has
 * no child left, no process of a command is left. While it serves a request that touches files, no process of the agent runs.
 *
 *   link.c       the stream to the worker; the wire format is described there
 *   start.c      the start of a command
 *   command.c    what follows until nothing of it is left
 *   killing.c    how that is made sure
 *   paths.c      how a path in a tree of the agent's is followed
 *   writing.c    files in
 *   reading.c    files and directories out
 *   trees.c      walking and emptying trees that the agent made
 *   snapshots.c  copying them
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum { AGENT = 65534, CHUNK = 65536 };

/* The controls that can be switched off, to prove that they are what holds an attack; all false in a real sandbox. */
struct weakened {
    bool same_user, no_sweep, no_time, no_output_cap, follow, shared_pids;
};
extern struct weakened weakened;

/* How a request ended. Whatever is not DONE has left its reason with `fail`. */
enum outcome { DONE = 0, NOT_FOUND = 1, UNFIT = 2, FAILED = 3 };
enum outcome fail(enum outcome kind, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum outcome fail_errno(const char *what);

/* link.c: requests. Reading beyond a request's end, or from a worker that is gone, ends this process. */
void prepare_link(void); /* Has its memory before an agent can use it up. */
uint8_t next_request(void);
size_t request_left(void);
bool request_waits(void);
void take(void *to, size_t count);
uint8_t take_number8(void);
uint32_t take_number32(void);
uint64_t take_number64(void);
size_t take_piece(const unsigned char **piece, size_t most); /* At least one byte; valid until the next is taken. */
void skip_request(void);

/* link.c: answers. Frames gather until `answer` or until there are many. */
void *frame_space(void);
void send_frame(char kind, size_t count);
void send_bytes(char kind, const void *data, size_t count);
void answer(enum outcome outcome, const void *data, size_t count);

/* start.c. What a command is made of, as the worker asked for it. */
struct request {
    bool as_agent;
    uint64_t limit_ms, cap;
    char *text, *directory, **arguments, **variables;
};
void prepare_to_start(void);
enum outcome take_request(struct request *);
void free_request(struct request *);
pid_t start(const struct request *, const int streams[3], const char *volatile *culprit);

/* command.c */
void prepare_for_commands(void);
void run_command(void);

/* killing.c */
void prepare_to_kill(void);
long oom_kills(void);
void sweep(void);

/* paths.c. A path as the worker gave it, split: `below` is free of "", "." and "..", and empty for a place itself. */
struct target {
    char text[PATH_MAX];
    const char *place;
    char *below;
};

enum { DIRECTORY = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
enum outcome take_target(struct target *);
int open_place(const struct target *);
int open_below(int directory, const char *name, int flags);

/* writing.c, reading.c */
enum outcome write_files(void);
enum outcome read_one_file(void);
enum outcome read_directory(void);

/* trees.c. A visitor's functions are called with the open directory that `name` is in; `enter` before and `leave` after a
 * directory is walked. */
struct visitor {
    enum outcome (*file)(struct visitor *, int directory, const char *name, const struct stat *);
    enum outcome (*enter)(struct visitor *, int directory, const char *name);
    enum outcome (*leave)(struct visitor *, int directory);
};
enum outcome walk(int root, struct visitor *visitor);
enum outcome empty(int root);
void new_name(char name[32]);
void close_both(int first, int second);

/* snapshots.c */
enum outcome snapshot(void);
enum outcome restore(void);

#endif
