/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One HTTP/1.1 connection seen from the client (RFC 9112), blocking.
 *
 * Life cycle: http_conn_new(fd) -> { http_send_head -> [http_send_body | http_send_chunk* +
 * http_send_end] -> http_read_head -> http_read_body until 0 }* -> http_conn_free(). After a body
 * was read to its end and http_conn_reusable() is true, the next request may follow. After status
 * 101 the connection belongs to another protocol: take the descriptor with http_conn_take() and
 * what was already received with http_conn_pending(). Not thread-safe. */

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

struct http_conn;

struct http_head {
    int status;
    char content_type[128]; /* "" when absent */
    char api_version[16];   /* Api-Version: what the server speaks at most; "" when absent */
    char os_type[16];       /* Ostype */
    char path_stat[8192];   /* X-Docker-Container-Path-Stat; "" when absent */
};

/* Takes fd. */
struct http_conn *http_conn_new(int fd);
void http_conn_free(struct http_conn *c);
DEFINE_CLEANUP(struct http_conn *, http_conn_free);
int http_conn_fd(const struct http_conn *c);
bool http_conn_reusable(const struct http_conn *c);
/* True when nothing of a response has arrived and the peer has closed: an idle connection died. */
bool http_conn_stale(const struct http_conn *c);

/* How a request's body travels. */
enum http_body { HTTP_BODY_NONE, HTTP_BODY_JSON, HTTP_BODY_TAR_CHUNKED };

/* Sends request line and headers; with HTTP_BODY_JSON the body follows at once. `upgrade` asks for
 * a raw stream (101). 0 or a negative errno. */
int http_send_request(struct http_conn *c, const char *method, const char *target,
                      enum http_body kind, const char *json, bool upgrade);
/* A chunk of a HTTP_BODY_TAR_CHUNKED body (len > 0), and its end. */
int http_send_chunk(struct http_conn *c, const void *data, size_t len);
int http_send_end(struct http_conn *c);

/* Reads the response's head, skipping 1xx but 101. -EBADMSG for what is not HTTP, -ECONNRESET for
 * an end before it is complete. `method` of the request ("HEAD" has no body). */
int http_read_head(struct http_conn *c, const char *method, struct http_head *ret);
/* The next bytes of the body, at most len; 0 at its end; a negative errno. */
ssize_t http_read_body(struct http_conn *c, void *data, size_t len);

/* After 101: the bytes received beyond the head (borrowed until the connection is freed). */
const char *http_conn_pending(const struct http_conn *c, size_t *ret_len);
int http_conn_take(struct http_conn *c);
