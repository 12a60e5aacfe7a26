/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* An HTTP/1.1 server: one thread per connection, blocking I/O, keep-alive.
 *
 * The handler is called once per request on the connection's thread. It reads the body (if any)
 * with http_body_*(), then answers with exactly one of http_reply(), http_stream_begin() … or
 * http_hijack(). What it leaves unread of a body is drained (bounded) or the connection closed. */

#include "base/err.h"
#include "base/macros.h"
#include "base/sink.h"

struct http_server;
struct http_request;

struct http_request_info {
    const char *method;
    const char *path;  /* percent-decoded path, without the query */
    const char *query; /* raw, "" when none */
    uid_t peer_uid;    /* Unix sockets: SO_PEERCRED; else (uid_t)-1 */
    pid_t peer_pid;
};

typedef void (*http_handler_fn)(struct http_request *rq, void *ctx);

/* ctx is borrowed. max_connections: more are answered 503 and closed. */
struct http_server *http_server_new(http_handler_fn handler, void *ctx, size_t max_connections);
/* How long a client may take from a request's first byte to the end of its headers (30 s). Before
 * http_server_run(). */
void http_server_set_head_timeout(struct http_server *s, int msec);
/* Adds a listening socket (owned by the server from then on). */
void http_server_add_listener(struct http_server *s, int listen_fd);
/* Accepts until http_server_stop(); returns when all listeners are closed. */
int http_server_run(struct http_server *s, struct err *err);
/* Serves one connected socket (owned by the server from then on) on the calling thread, until it
 * ends. */
void http_server_serve_fd(struct http_server *s, int fd);
/* Stops accepting and shuts connections down for reading, so that idle ones end and handlers see
 * their clients gone; waits up to timeout_msec for them. False when handlers still run after that,
 * and use what they were given. Thread-safe. */
bool http_server_stop(struct http_server *s, int timeout_msec);
void http_server_free(struct http_server *s);

const struct http_request_info *http_info(const struct http_request *rq);
/* A header's value, or NULL; name in any case. Borrowed. */
const char *http_header(const struct http_request *rq, const char *name);
/* A query parameter, percent-decoded ('+' is a blank), the first of its name, or NULL. Borrowed. */
const char *http_query(struct http_request *rq, const char *name);
/* All values of a repeated parameter; new string vector or NULL. */
char **http_query_all(struct http_request *rq, const char *name);

/* True when the request announces a body. */
bool http_has_body(const struct http_request *rq);
/* The announced length of the body, 0 without one, -1 when it is chunked. */
int64_t http_content_length(const struct http_request *rq);

/* The whole body, at most max bytes (ERR_INVALID over it); caller frees; NUL-terminated. */
int http_body_read_all(struct http_request *rq, size_t max, char **ret, size_t *ret_len,
                       struct err *err);
/* Streaming: up to len bytes, 0 at the body's end, negative errno when the client broke off. */
ssize_t http_body_read(struct http_request *rq, void *buf, size_t len);
/* A descriptor from which the decoded body can be read to its end (a pipe fed by a helper thread);
 * owned by the caller; closing it early is fine. A body that breaks off ends it early and
 * http_body_error() then says so. */
int http_body_fd(struct http_request *rq, int *ret_fd, struct err *err);
int http_body_error(struct http_request *rq);

/* Adds a response header; before the reply. */
void http_set_header(struct http_request *rq, const char *name, const char *value);
/* A whole answer. body may be NULL (then Content-Length: 0, or none with 204/304). */
void http_reply(struct http_request *rq, int status, const char *content_type, const void *body,
                size_t len);
/* A descriptor that polls readable once the client has closed its side (an epoll set that holds the
 * connection for EPOLLRDHUP, so that bytes behind the request do not count), as a sink's gone_fd;
 * -1 when there is none. Borrowed, valid until the handler returns. A client that only shuts down
 * its writing side counts as gone, as with Docker. */
int http_gone_fd(struct http_request *rq);
/* A chunked answer of unknown length: headers go out at once, then write through the sink. The
 * sink's gone_fd polls readable when the client closes. http_stream_end() finishes it. */
void http_stream_begin(struct http_request *rq, int status, const char *content_type,
                       struct sink *ret);
void http_stream_end(struct http_request *rq);
/* Breaks a streamed answer off, so that the client sees that it is not whole. */
void http_stream_abort(struct http_request *rq);
bool http_replied(const struct http_request *rq);

/* Whether the client asked to upgrade the connection. */
bool http_wants_upgrade(const struct http_request *rq);

/* Takes the connection out of HTTP: answers "101 UPGRADED" when the client asked for an upgrade to
 * tcp, else "200 OK", with `content_type`, as Docker does, and hands the socket over. *ret_fd:
 * owned by the caller; *ret_preread: bytes already read behind the request (heap, caller frees). No
 * HTTP reply is possible afterwards. */
int http_hijack(struct http_request *rq, const char *content_type, int *ret_fd, char **ret_preread,
                size_t *ret_preread_len, struct err *err);
