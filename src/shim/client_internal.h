/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Shared by the files of the client library. */

#include "shim/proto.h"
#include "shim/shim_client.h"

struct shim {
    char *id;  /* owned */
    char *dir; /* owned */
};

#define SHIM_CREATE_TIMEOUT_MSEC  30000
#define SHIM_REQUEST_TIMEOUT_MSEC 10000

struct shim *shim_new(const char *id, const char *dir);
/* Waits for an answer and receives it; *ret is to be released by shim_msg_done(). An "error" answer
 * becomes this function's error. */
int shim_await(int sock, const char *id, int timeout_msec, struct shim_msg *ret, struct err *err);
/* Adds a stream to a message: its descriptions go into `streams`, its descriptors into o.
 * *ret_memfd, if set, must stay open until o has been sent. */
int shim_add_stream(struct shim_out *o, json_t *streams, const struct shim_stream *stream,
                    int *ret_memfd, struct err *err);
void shim_stream_close(struct shim_stream *stream);
/* Reads the members of a state object; what is missing stays zero. */
void shim_state_read(const json_t *o, struct shim_state *ret);
/* What shim_read_event() makes of a message. 0, or -EAGAIN for an event of a kind we do not know.
 */
int shim_event_parse(const json_t *body, const char *type, struct shim_event *ret);
