/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Messages between lighterd and a shim (docs/protocols/shim.md): one JSON object per SOCK_SEQPACKET
 * packet, with the descriptors that its "fds" member names, in order. A text that does not fit a
 * packet travels in a sealed memfd. Used by both sides. */

#include "base/err.h"
#include "base/macros.h"
#include "base/sock.h"
#include "json/json.h"

#define SHIM_PROTOCOL_VERSION 1
#define SHIM_MAX_STREAMS      8
#define SHIM_ID_MAX           64 /* length of container and exec IDs */
#define SHIM_SOCKET           "shim.sock"
#define SHIM_STATE_FILE       "shim.json"
#define SHIM_EXIT_FILE        "exit.json"
#define SHIM_LOG_FILE         "shim.log"
#define SHIM_BOOT_FD          3 /* the shim's end of the pair that `create` comes over */

/* A message to be sent: shim_out_new() -> setters on body, shim_out_fd() -> shim_out_send() ->
 * shim_out_done(). Descriptors are borrowed. */
struct shim_out {
    json_t *body; /* owned */
    int fds[SOCK_MAX_FDS];
    size_t n_fds;
};

void shim_out_init(struct shim_out *o, const char *type);
void shim_out_done(struct shim_out *o);
/* Adds a descriptor by name. Too many make the later send fail with -E2BIG. */
void shim_out_fd(struct shim_out *o, const char *name, int fd);
/* Sends it as one packet; blocks unless the socket does not. 0 or a negative errno. */
int shim_out_send(const struct shim_out *o, int sock);

/* A received message. */
struct shim_msg {
    json_t *body;     /* owned; an object with "v" and "type" */
    const char *type; /* borrowed from body */
    int64_t version;
    int fds[SOCK_MAX_FDS]; /* owned; -1 once taken */
    size_t n_fds;
};

/* Receives one packet. Returns 1 with *ret filled, 0 at end of file, -EAGAIN when a non-blocking
 * socket has none, -EINVAL (err set) for a malformed message, or another negative errno. Blocks
 * if the socket does. */
int shim_msg_recv(int sock, struct shim_msg *ret, struct err *err);
/* What shim_msg_recv() does with the bytes of a packet; takes ownership of the descriptors, also on
 * failure. 0 or -EINVAL. */
int shim_msg_decode(const char *data, size_t len, const int *fds, size_t n_fds,
                    struct shim_msg *ret, struct err *err);
void shim_msg_done(struct shim_msg *m);
/* Hands over the next descriptor with this name; -1 when there is none (left). */
int shim_msg_take_fd(struct shim_msg *m, const char *name);

/* The wire names of error kinds; an unknown name is ERR_INTERNAL. */
const char *shim_kind_name(enum err_kind kind);
enum err_kind shim_kind_parse(const char *name);
/* Fills err from an "error" message and returns its code, always negative. */
int shim_msg_error(const struct shim_msg *m, struct err *err);

/* Container and exec IDs: 1 to 64 of [A-Za-z0-9_.-], not starting with '.'. */
bool shim_id_valid(const char *id);
