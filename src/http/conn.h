/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Internal to http/: a connection, and the request that is being answered on it.
 *
 * A connection belongs to its thread. Only what the server needs to end it (fd, idle_since, the
 * list links) is shared, under the server's mutex. A request's reading side (body) may be handed to
 * one helper thread (http_body_fd()), which alone then touches conn->in and request.body. */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "http/head.h"
#include "http/server.h"
#include "http/uri.h"

#define HTTP_HEAD_TIMEOUT_MSEC     30000  /* from a request's first byte to the end of its head */
#define HTTP_IDLE_TIMEOUT_MSEC     600000 /* between requests, on TCP only */
#define HTTP_BODY_ALL_TIMEOUT_MSEC 60000  /* for a body that is read whole */
#define HTTP_SEND_TIMEOUT_SEC      60     /* for one write of an answer that is not a stream */
#define HTTP_DRAIN_BYTES           (256 * KIB)
#define HTTP_DRAIN_TIMEOUT_MSEC    2000
#define HTTP_READ_BYTES            (4 * KIB)

struct http_conn {
    struct http_server *server; /* ref */
    struct http_conn *prev, *next;
    int fd; /* owned; -1 once hijacked */
    int64_t idle_since;
    bool local; /* Unix socket */
    uid_t peer_uid;
    pid_t peer_pid;
    struct buf in; /* bytes received and not used */
};

enum chunk_state { CHUNK_SIZE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILER };

struct http_body {
    enum http_framing framing;
    enum chunk_state chunk;
    uint64_t left; /* of the body or the chunk */
    bool done;
    bool continue_pending; /* the client waits for "100 Continue" */
    atomic_int error;      /* negative errno once it broke off */
    int64_t deadline_nsec; /* monotonic; 0: none */
    bool pump_started;
    pthread_t pump;
    int pump_fd; /* write end, owned by the pump */
};

enum http_reply_state { HTTP_REPLY_NONE, HTTP_REPLY_STREAM, HTTP_REPLY_DONE, HTTP_REPLY_HIJACKED };

struct http_request {
    struct http_conn *conn; /* borrowed */
    struct http_head head;
    struct http_request_info info;
    struct uri_query params;
    bool params_parsed;
    struct http_body body;
    struct buf out; /* response headers set so far */
    enum http_reply_state reply;
    bool keep_alive;
    bool chunked; /* of a streamed answer */
    bool broken;  /* a write failed */
    int gone_fd;  /* epoll descriptor, -1 until asked for */
};

/* server.c */
void http_conn_set_idle(struct http_conn *c, bool idle);
bool http_conn_stopping(struct http_conn *c);
int http_conn_head_timeout(const struct http_conn *c);
int http_conn_take_fd(struct http_conn *c);
void http_conn_handle(struct http_conn *c, struct http_request *rq);
/* Unlinks, closes and frees it. */
void http_conn_end(struct http_conn *c);

/* conn.c: the thread */
void *http_conn_main(void *arg);
/* Waits for input until the deadline (monotonic; 0: for ever), then receives at most len bytes.
 * Count, 0 at the end, negative errno (-ETIMEDOUT). */
ssize_t http_conn_recv(struct http_conn *c, void *buf, size_t len, int64_t deadline_nsec);

/* body.c */
void http_body_begin(struct http_request *rq);
/* Reads and drops what is left, within bounds; 0 when the next request can follow. */
int http_body_finish(struct http_request *rq);

/* reply.c */
int http_conn_send(struct http_conn *c, const struct iovec *iov, size_t n);
