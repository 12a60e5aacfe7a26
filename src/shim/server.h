/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The shim's state: one container, its execs, and the control connections.
 *
 * Phases only move forward:
 *   CREATED   the init process waits; `start` runs it, `abort` or nobody's interest takes it back
 *   RUNNING   the program runs
 *   ENDING    init has been reaped; the rest is killed, output is drained
 *   REPORTED  exit.json is written and subscribers know; clients take their last output
 * After REPORTED the loop stops once every client is done.
 *
 * Single-threaded. Files: boot.c (creation), server.c (life cycle), control.c (connections and
 * requests), events.c (what subscribers get), exec.c, oom.c, state_file.c, main.c. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"
#include "runtime/runtime.h"
#include "shim/logger.h"
#include "shim/loop.h"
#include "shim/proc_io.h"
#include "shim/proto.h"
#include "shim/request.h"
#include "shim/shim_client.h"

#define SERVER_MAX_CONNECTIONS 256
#define SERVER_MAX_EXECS       1024 /* running at once */
#define SERVER_KEPT_EXECS      256  /* ended ones that are remembered */

enum server_phase { PHASE_CREATED, PHASE_RUNNING, PHASE_ENDING, PHASE_REPORTED };

struct exec {
    struct exec *next;
    struct server *server;
    char id[SHIM_ID_MAX + 1];
    pid_t pid;
    bool running; /* until its output has been delivered */
    bool reaped;
    int exit_code;
    int64_t started_nsec, exited_nsec;
    struct proc_io *io; /* owned; NULL once all clients are gone */
};

struct connection;
struct oom_watch;

struct server {
    struct loop loop;
    enum server_phase phase;
    char *id, *dir; /* owned */
    int dir_fd;     /* owned */
    struct oci_spec *spec;
    struct runtime_container *container;
    struct logger *log;
    struct proc_io *io;
    struct shim_state state;
    bool init_reaped;
    char *error; /* owned; why the start failed, or NULL */
    int inherited_oom_score_adj;

    struct exec *execs; /* newest first */
    size_t n_running, n_ended;

    int listen_fd; /* owned */
    struct loop_source listen_src;
    int signal_fd; /* owned */
    struct loop_source signal_src;
    struct connection *connections;
    size_t n_connections;
    int64_t last_contact_nsec, abandon_nsec;
    struct loop_timer abandon_timer;
    struct loop_timer end_timer; /* gives up waiting for execs that cannot be reaped */
    struct oom_watch *oom;       /* owned; or NULL */
};

/* boot.c */

/* Makes the container that the request describes, and listens for others. On failure nothing is
 * left but what server.c releases. */
int server_create(struct server *s, struct request *r, struct err *err);

/* server.c */

/* Takes `create` from the boot socket, answers, and serves until the container has ended. Returns
 * the program's exit code. */
int server_run(int boot_fd);
int server_start(struct server *s, struct err *err);
int server_abort(struct server *s, struct err *err);
/* Whether everything has ended that the exit report waits for; makes the report then. */
void server_check_end(struct server *s);
/* Exit code as shells and Docker count it: 128 + n for signal n. */
int server_exit_code(int wait_status);

/* control.c */
int control_listen(struct server *s, struct err *err);
void control_close(struct server *s);
/* Closes the connections; what subscribers have not read yet stays theirs to read. */
void control_done(struct server *s);
/* Opens what a request's stream names and attaches it to io. */
int control_attach(struct proc_io *io, struct request_stream *stream, struct err *err);
/* Sends to all subscribers; takes the message. */
void control_broadcast(struct server *s, struct shim_out *o);
/* Sends to one connection, queueing what it does not take now; takes the message. Returns false
 * when the connection is gone. */
bool control_send(struct connection *c, struct shim_out *o);

/* events.c */
void event_fill_state(const struct server *s, json_t *body);
void event_replay(struct server *s, struct connection *c);
void event_started(struct server *s);
void event_exited(struct server *s);
void event_oom(struct server *s);
void event_detached(struct server *s, const char *exec_id);
void event_exec_started(struct server *s, const struct exec *e);
void event_exec_exited(struct server *s, const struct exec *e);

/* exec.c */
int exec_start(struct server *s, struct request *r, struct exec **ret, struct err *err);
struct exec *exec_find(struct server *s, const char *id);
/* True when the pid was an exec's. */
bool exec_reaped(struct server *s, pid_t pid, int wait_status);
/* Reports every running exec as ended, for when the container is gone. */
void exec_give_up(struct server *s);
bool exec_any_open(const struct server *s);
void exec_free_all(struct server *s);
/* stdio for a process without a terminal: what the program gets and what the shim keeps. */
struct exec_pipes {
    int theirs[3]; /* owned */
    int ours[3];   /* owned; -1 where theirs is /dev/null */
};
int exec_pipes_open(bool in, bool out, bool errs, struct exec_pipes *ret, struct err *err);
void exec_pipes_close_theirs(struct exec_pipes *p);
void exec_pipes_done(struct exec_pipes *p);

/* state_file.c */
int state_file_write(const struct server *s);
int exit_file_write(const struct server *s);

/* oom.c */
void oom_watch_start(struct server *s);
void oom_watch_stop(struct server *s);
