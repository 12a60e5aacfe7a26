/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Drives a real shim program through the client library. With the real runtime, the container is a
 * busybox root; with the fake one, commands run on the host. */

#include "base/buf.h"
#include "shim/shim_client.h"

struct box {
    char dir[64]; /* exec directory, also holds the root */
    char id[32];
    char log[128]; /* log file */
    struct shim_create create;
    char *spec; /* owned */
    struct shim *shim;
    pid_t pid, shim_pid;
    int client; /* our end of an attached stream, or -1 */
    int events; /* subscription, or -1 */
    int n_attach;
    struct shim_stream attach[1];
};

extern const char *box_program; /* path of the shim */
extern bool box_real;           /* it has the real runtime */

extern int64_t box_memory_limit; /* of containers made from now on, in bytes; 0: none */

/* Prepares a container of `sh -c script`; fields of create may be changed before box_spawn(). */
void box_init(struct box *b, const char *script, bool tty);
void box_init_args(struct box *b, const char *const *args, bool tty);
/* Attaches a client from the first byte on. */
void box_attach_first(struct box *b, bool in, bool multiplex);
void box_spawn(struct box *b);
void box_start(struct box *b); /* with a subscription */
/* Waits for the end and returns the exit code from the EXITED event; checks that the shim ends too
 * and that exit.json agrees. */
int box_wait(struct box *b);
void box_done(struct box *b);
/* Removes the control group that the containers' ones were in; fails if one is left there. */
int box_group_teardown(void **state);

/* A connected pair as an API connection would be; *ret_theirs is for the shim. */
int stream_pair(int *ret_theirs);
/* Reads until end of file or `want` appears (NULL: end of file); 10 seconds at most. Appends. */
void read_until(int fd, struct buf *b, const char *want);
/* Waits for an event of this kind; others before it are skipped. False at end of file. */
bool next_event(int fd, enum shim_event_kind kind, struct shim_event *ret);
/* Starts an exec of `sh -c script`; *ret_fd, if asked for, is our end of its stream. */
int box_exec(struct box *b, const char *id, const char *script, bool tty, bool in, int *ret_fd,
             struct err *err);
char *file_text(const char *path); /* owned by the caller; "" when missing */
/* Splits Docker's frames into the two streams' bytes. */
void demultiplex(const struct buf *in, struct buf *out, struct buf *errs);
void die_in(unsigned seconds); /* ends the test if it hangs */
