/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A user attached to a process in a container: standard input, output and error over one hijacked
 * connection, with window sizes and signals beside it.
 *
 * Life cycle: fill the struct, session_prepare() (before the container starts, so that no signal is
 * lost), hijack, start, session_run() until the stream ends or the user detaches, session_done().
 * One thread, one poll loop; standard output may block it, the container's input may not. */

#include "base/err.h"
#include "base/macros.h"
#include "cli/terminal.h"
#include "client/client.h"

enum session_end { SESSION_ENDED, SESSION_DETACHED };

struct session {
    struct client *client; /* borrowed */
    char *object;          /* owned: "/containers/<id>" or "/exec/<id>" */
    bool tty;              /* the container has a terminal: one raw stream */
    bool in, out, err;     /* what is attached */
    bool proxy_signals;
    bool watch_size;           /* window changes are passed on */
    struct detach_keys detach; /* looked for when tty and in */

    int signals; /* owned: signalfd, -1 */
    struct terminal terminal;
};

/* Blocks the signals it will handle. 0 or a negative errno. */
int session_prepare(struct session *s, struct err *err);
/* Copies until the end. stream is the hijacked connection (borrowed). */
int session_run(struct session *s, struct client_stream *stream, enum session_end *ret,
                struct err *err);
/* Tells the container its window size; failures do not matter. */
void session_resize(struct session *s);
/* The same, by way of another size, so that a program that is attached to again draws its screen.
 */
void session_redraw(struct session *s);
void session_done(struct session *s);
