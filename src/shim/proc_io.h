/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The standard streams of one process (the container's init or an exec) and the clients attached to
 * them.
 *
 *   program's stdout, stderr (pipes) or terminal --> log, and every client that takes the stream
 *   clients with stdin --> detach-keys filter --> program's stdin or terminal
 *
 * Memory is bounded by back-pressure: as long as a client has output pending, nothing more is read
 * from the streams it takes; as long as the program does not take its input, nothing more is read
 * from the clients. A client that hangs up is dropped at once.
 *
 * Life cycle: proc_io_new() -> proc_io_open() -> proc_io_attach()* -> proc_io_end() when the
 * process has been reaped -> ops->drained() when its output has been delivered -> proc_io_close()
 * -> ops->closed() when the last client has taken its output or was given up -> proc_io_free(),
 * allowed in closed(). */

#include "base/err.h"
#include "base/macros.h"
#include "shim/detach.h"
#include "shim/logger.h"
#include "shim/loop.h"

#define PROC_IO_MAX_CLIENTS 256 /* attached to one process at once */

struct proc_io;
struct proc_io_ops {
    void (*detached)(struct proc_io *io); /* a client typed the detach keys */
    void (*drained)(struct proc_io *io);
    void (*closed)(struct proc_io *io); /* may free io */
};

struct proc_io_client;

struct proc_io_out {
    struct proc_io *io;
    int fd; /* owned; -1 once closed */
    int index;
    struct loop_source src;
    size_t owed; /* after the end: bytes that were in the pipe when the process ended */
};

struct proc_io {
    struct loop *loop; /* borrowed */
    const struct proc_io_ops *ops;
    void *owner;
    struct logger *log; /* borrowed; NULL: not logged */
    bool tty;
    bool ignore_input;       /* a terminal that nobody may type into */
    bool close_stdin_on_eof; /* a client's end of input ends the program's (not with a tty) */
    struct proc_io_out out[2];

    int in_fd; /* owned; -1: the program has no input, or no more */
    struct loop_source in_src;
    char *in_pending; /* owned; input the program has not taken yet */
    size_t in_len, in_off;
    bool in_close; /* close the input once in_pending is through */

    int peer_fd; /* owned; the terminal's other side, held so that it cannot hang up early */
    struct proc_io_client *clients;
    size_t n_clients;
    bool ending, drained, closing;
    int64_t end_nsec, last_read_nsec;
    struct loop_timer timer;
};

struct proc_io_attach_params {
    int fd; /* owned: taken also on failure; a stream socket */
    bool use_stdin, use_stdout, use_stderr, multiplex;
    const char *detach_keys;
    const char *preread; /* input that was read from the connection before */
    size_t preread_len;
};

struct proc_io *proc_io_new(struct loop *loop, const struct proc_io_ops *ops, void *owner);
void proc_io_free(struct proc_io *io);
/* Descriptors are taken; -1 for none. */
void proc_io_open_pipes(struct proc_io *io, int in_fd, int out_fd, int err_fd);
int proc_io_open_console(struct proc_io *io, int master_fd, struct err *err);
int proc_io_attach(struct proc_io *io, const struct proc_io_attach_params *params, struct err *err);
/* No-op without a terminal. */
int proc_io_resize(struct proc_io *io, uint16_t rows, uint16_t cols);
void proc_io_end(struct proc_io *io);
void proc_io_close(struct proc_io *io);
/* Gives the transfer buffer's memory back. */
void proc_io_trim(void);

/* For proc_io.c and proc_io_client.c. */
#define PROC_IO_CHUNK (32 * 1024)
extern char proc_io_chunk[PROC_IO_CHUNK];
/* Delivers output to the clients. */
void proc_io_clients_deliver(struct proc_io *io, int index, const char *data, size_t len);
/* Whether a client that takes this stream has not taken all of it yet. */
bool proc_io_clients_blocked(const struct proc_io *io, int index);
/* Watches and unwatches clients' input as io->in_pending asks for. */
void proc_io_clients_update(struct proc_io *io);
/* Closes what is through, gives up what is stuck; returns when to look again (monotonic). */
int64_t proc_io_clients_tick(struct proc_io *io, int64_t now);
void proc_io_clients_free(struct proc_io *io);
/* Feeds input to the program; bytes it does not take now are kept. */
void proc_io_feed(struct proc_io *io, const char *data, size_t len);
/* A client's input has ended. */
void proc_io_feed_eof(struct proc_io *io);
/* Re-evaluates which descriptors to watch. */
void proc_io_update(struct proc_io *io);
/* Has the timer look at the state before the loop sleeps. */
void proc_io_kick(struct proc_io *io);
