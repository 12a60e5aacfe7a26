/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Unix sockets and descriptor passing. All sockets are close-on-exec and blocking. */

#include "base/err.h"
#include "base/macros.h"

#define SOCK_MAX_FDS 32

/* type: SOCK_STREAM or SOCK_SEQPACKET. Paths longer than sun_path go through /proc/self/fd of the
 * parent directory, so their length does not matter. Returns the descriptor or a negative errno. */
int unix_connect(const char *path, int type);
/* Binds (replacing a stale socket file) with `mode`, listens. */
int unix_listen(const char *path, int type, mode_t mode);

/* Sends one message with up to SOCK_MAX_FDS descriptors (borrowed). MSG_NOSIGNAL. On a stream
 * socket the rest of a short write follows without descriptors. 0 or a negative errno. */
int send_fds(int sock, const void *data, size_t len, const int *fds, size_t n_fds);
/* Receives one message. fds[0..*ret_n_fds) are owned by the caller. Returns the length, 0 at end of
 * file, -EMSGSIZE if data or descriptors were cut off (nothing is kept then). */
ssize_t recv_fds(int sock, void *data, size_t len, int *fds, size_t max_fds, size_t *ret_n_fds);
