/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The daemon's side of the shim protocol (docs/protocols/shim.md).
 *
 * shim_spawn() starts a shim from a sealed memfd copy of the program and has it create the
 * container; shim_start() lets the container's program run. Each call on a `struct shim` is one
 * request and its answer on a connection of its own, so calls from several threads do not wait for
 * each other. Thread-safe. Events come over one subscribed connection that the caller polls.
 *
 * Directory of a container's shim (`dir`, mode 0700, made by the caller):
 *   shim.sock   control socket (SOCK_SEQPACKET)
 *   exit.json   {"exitCode":N,"exitedAt":"RFC3339Nano","oomKilled":bool,"startedAt":…,"error":…},
 *               written by rename before the exit is reported and before the shim ends
 *   shim.json   {"version":1,"pid":shim pid,"initPid":N,"startedAt":…}, written before `created` */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

/* Log driver settings; the shim writes the logs itself. */
struct shim_log {
    const char *driver;      /* "json-file" or "none" */
    const char *path;        /* absolute path of the log file (json-file) */
    uint64_t max_size_bytes; /* rotate at this size; 0: never */
    unsigned max_files;      /* kept files with the current one, at least 1 */
    const char *attrs_json;  /* JSON object put into every line as "attrs", or NULL */
};

/* A client connection that becomes a stdio stream: after an HTTP upgrade, the daemon hands its
 * descriptor over and never touches it again. */
struct shim_stream {
    int fd; /* owned by the call: closed in this process once handed over or on failure */
    bool use_stdin, use_stdout, use_stderr;
    bool multiplex;          /* Docker's 8-byte frame headers (no tty); false: raw bytes */
    const char *detach_keys; /* e.g. "ctrl-p,ctrl-q"; "" or NULL: the default; looked for only with
                                a tty and stdin */
    const void *preread;     /* bytes the HTTP layer already read from the client: stdin's start */
    size_t preread_len;
};

/* ERR_INVALID in Docker's words for detach keys that do not exist. */
int shim_check_detach_keys(const char *keys, struct err *err);

struct shim_create {
    const char *id;
    const char *dir;           /* exec directory, see above */
    const char *program;       /* path of lighter-shim, for the memfd */
    const char *spec_json;     /* the OCI config.json text */
    const char *cgroup_parent; /* unused when the spec has cgroupsPath; NULL */
    int rootfs_fd;             /* borrowed; detached mount */
    int netns_fd;              /* borrowed; or -1 */
    int seccomp_fd;            /* borrowed; compiled filter, or -1 */
    struct shim_log log;
    bool tty, open_stdin, stdin_once;
    uint16_t rows, cols;        /* initial terminal size; 0: unset */
    struct shim_stream *attach; /* streams attached from the first byte on */
    size_t n_attach;
    unsigned abandon_sec; /* a container nobody starts nor talks to is given up after this; 0: 60 */
};

struct shim; /* a reachable shim: its directory and id */

/* Starts the shim and creates the container; the program does not run yet. Blocks (a few ms).
 * On failure no process is left. *ret_pid is the container's init process, *ret_shim_pid the shim,
 * a child of this process that the caller reaps (by waitid on it, whenever). */
int shim_spawn(const struct shim_create *params, struct shim **ret, pid_t *ret_pid,
               pid_t *ret_shim_pid, struct err *err);
/* Connects to a running shim (after a restart of the daemon). ERR_NOT_FOUND: it is gone. */
int shim_connect(const char *id, const char *dir, struct shim **ret, struct err *err);
void shim_free(struct shim *s);
DEFINE_CLEANUP(struct shim *, shim_free);

/* Takes back a container that has not been started: nothing is left, and no exit file is written.
 * ERR_CONFLICT once it has been started. */
int shim_abort(struct shim *s, struct err *err);

/* Lets the program run; returns once execve succeeded, or with the texts of runtime_start(). After
 * a failure the shim ends by itself, as after the exit of a program: exit.json holds the text. */
int shim_start(struct shim *s, int64_t *ret_started_nsec, struct err *err);

/* Adds a stdio stream to the running container. As everywhere, stream->fd is closed on failure too:
 * a caller that wants to write an error to the client keeps a duplicate. */
int shim_attach(struct shim *s, struct shim_stream *stream, struct err *err);

/* Starts a process in the container. process_json is an OCI process object. stream NULL: detached.
 * The stream's fd is handed over: the shim closes it when the process and its output have ended,
 * after the exec's state is final. */
int shim_exec(struct shim *s, const char *exec_id, const char *process_json, bool tty,
              bool open_stdin, struct shim_stream *stream, pid_t *ret_pid, struct err *err);
struct shim_exec_state {
    bool running;
    int exit_code;
    pid_t pid;
};
/* ERR_NOT_FOUND for an unknown exec_id. */
int shim_exec_state(struct shim *s, const char *exec_id, struct shim_exec_state *ret,
                    struct err *err);

/* exec_id NULL: the container itself. */
int shim_resize(struct shim *s, const char *exec_id, uint16_t rows, uint16_t cols, struct err *err);
/* Signals the container's init process; ERR_CONFLICT when it has ended. */
int shim_kill(struct shim *s, int signo, struct err *err);
int shim_pause(struct shim *s, struct err *err);
int shim_resume(struct shim *s, struct err *err);
/* Changes the limits of the running container; resources as in OCI's linux.resources, what it does
 * not name stays. ERR_UNSUPPORTED: a shim of an older version. */
int shim_update(struct shim *s, json_t *resources, struct err *err);

/* What a shim knows; also the first thing a subscriber gets. */
struct shim_state {
    bool started, exited;
    pid_t pid;
    int exit_code;
    bool oom_killed, paused;
    int64_t started_nsec, exited_nsec;
};

enum shim_event_kind {
    SHIM_EVENT_STATE = 1, /* first event of a subscription */
    SHIM_EVENT_STARTED,
    SHIM_EVENT_EXITED, /* all output has been written to the log before */
    SHIM_EVENT_OOM,
    SHIM_EVENT_EXEC_STARTED,
    SHIM_EVENT_EXEC_EXITED, /* before the exec's stream is closed */
    SHIM_EVENT_DETACHED,    /* a client typed the detach keys; exec_id "" for the container */
};
struct shim_event {
    enum shim_event_kind kind;
    char exec_id[65];
    pid_t pid;
    int exit_code;
    int64_t time_nsec;
    bool replayed; /* happened before the subscription: after SHIM_EVENT_STATE come the running
                      execs as SHIM_EVENT_EXEC_STARTED and the ended ones that the shim still
                      remembers as SHIM_EVENT_EXEC_EXITED */
    struct shim_state state; /* SHIM_EVENT_STATE, SHIM_EVENT_EXITED */
};

/* Opens the event connection; the caller owns and polls the descriptor. A subscriber that leaves
 * about a thousand events unread is dropped: at end of file, a shim that is shim_alive() is to be
 * subscribed to again. */
int shim_subscribe(struct shim *s, int *ret_fd, struct err *err);
/* Reads one event; 1 with *ret set, 0 at end of file (the shim has ended: read exit.json with
 * shim_read_exit()), or a negative errno. */
int shim_read_event(int fd, struct shim_event *ret, struct err *err);

int shim_get_state(struct shim *s, struct shim_state *ret, struct err *err);

/* Reads exit.json of a shim that has ended. ERR_NOT_FOUND when it never got to write one. */
int shim_read_exit(const char *dir, struct shim_state *ret, struct err *err);
/* Whether the shim of `dir` is alive (its socket accepts). */
bool shim_alive(const char *dir);
