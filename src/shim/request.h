/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Requests to a shim, read out of a message and checked: what a handler gets is complete, bounded
 * and of the right type. Unknown members are ignored, so that a newer lighterd can talk to us. */

#include "shim/proto.h"

enum request_type {
    REQUEST_CREATE,
    REQUEST_START,
    REQUEST_ATTACH,
    REQUEST_EXEC,
    REQUEST_EXEC_STATE,
    REQUEST_RESIZE,
    REQUEST_KILL,
    REQUEST_PAUSE,
    REQUEST_RESUME,
    REQUEST_STATE,
    REQUEST_SUBSCRIBE,
    REQUEST_ABORT,
    REQUEST_UPDATE,
};

struct request_stream {
    int fd;         /* owned; -1 once taken */
    int preread_fd; /* owned; or -1 */
    bool use_stdin, use_stdout, use_stderr, multiplex;
    const char *detach_keys; /* borrowed; or NULL */
};

struct request {
    enum request_type type;
    struct shim_msg *msg; /* borrowed; what the strings below live in */
    struct request_stream streams[SHIM_MAX_STREAMS];
    size_t n_streams;
    /* create */
    const char *id, *dir;
    int spec_fd, rootfs_fd, netns_fd, seccomp_fd; /* owned; or -1 */
    const char *log_driver, *log_path;
    json_t *log_attrs; /* borrowed; object, or NULL */
    uint64_t log_max_size;
    unsigned log_max_files;
    bool stdin_once;
    int64_t abandon_nsec;
    /* create, exec */
    bool tty, open_stdin;
    json_t *process;   /* borrowed; exec */
    json_t *resources; /* borrowed; update: OCI linux.resources */
    /* exec, exec-state, resize: NULL in a resize of the container itself */
    const char *exec_id;
    uint16_t rows, cols;
    int signo;
};

/* Moves the message's descriptors into the request. ERR_UNSUPPORTED for a type we do not know.
 * *ret is to be released by request_done() also after a failure. */
int request_parse(struct shim_msg *msg, struct request *ret, struct err *err);
void request_done(struct request *r);
