/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Messages between the parent and the child that becomes a container's process. One packet each;
 * at most one descriptor goes along. End of file tells the parent that execve() succeeded: the
 * socket is close-on-exec. */

#include "base/err.h"
#include "base/macros.h"

enum sync_kind {
    SYNC_MAPPED = 1, /* parent: id maps are written */
    SYNC_CGROUP,     /* parent: the cgroups are there; value: the child's pid */
    SYNC_SECCOMP,    /* parent: fd is the filter */
    SYNC_CONSOLE,    /* child: fd is the pty master */
    SYNC_HOOKS,      /* child: run the hooks of the runtime namespace */
    SYNC_READY,      /* child: waits to be started; value: 1 if it could not set all resource
                        limits itself */
    SYNC_START,      /* parent: go; value: the child's pid */
    SYNC_PID,        /* go-between: fd is the child's pidfd; value: its pid */
    SYNC_ERROR,      /* child: text, kind and code of what failed */
};

struct sync_msg {
    uint32_t kind;
    uint32_t value;
    int32_t code;
    uint32_t err_kind;
    char text[ERR_MESSAGE_MAX];
};

int sync_pair(int ret[2], struct err *err);
/* fd -1: none. Borrowed. */
int sync_send(int sock, enum sync_kind kind, uint32_t value, int fd);
int sync_send_err(int sock, const struct err *e);
/* 1: a message, 0: end of file, or a negative errno. ret_fd may be NULL; -1 without a descriptor.
 */
int sync_recv(int sock, struct sync_msg *ret, int *ret_fd);
/* Waits for a message of this kind. SYNC_ERROR becomes err. */
int sync_expect(int sock, enum sync_kind kind, uint32_t *ret_value, int *ret_fd, struct err *err);
/* Waits for execve(): 0 at end of file, or the child's error. */
int sync_expect_exec(int sock, struct err *err);
