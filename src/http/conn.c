/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/conn.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/timeutil.h"

static int msec_until(int64_t deadline_nsec)
{
    int64_t left = (deadline_nsec - monotonic_nsec() + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;

    return left <= 0 ? 0 : (int)MIN(left, (int64_t)INT_MAX);
}

ssize_t http_conn_recv(struct http_conn *c, void *buf, size_t len, int64_t deadline_nsec)
{
    for (;;) {
        if (deadline_nsec != 0) {
            struct pollfd p = {.fd = c->fd, .events = POLLIN};
            int r = poll(&p, 1, msec_until(deadline_nsec));
            if (r < 0 && errno != EINTR)
                return -errno;
            if (r == 0)
                return -ETIMEDOUT;
            if (r < 0)
                continue;
        }
        ssize_t n = recv(c->fd, buf, len, 0);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return -errno;
    }
}

/* Waits for a request's first byte. */
static bool wait_for_request(struct http_conn *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int r;

    if (c->in.len > 0)
        return true;
    http_conn_set_idle(c, true);
    do {
        r = poll(&p, 1, c->local ? -1 : HTTP_IDLE_TIMEOUT_MSEC);
    } while (r < 0 && errno == EINTR);
    http_conn_set_idle(c, false);
    return r > 0;
}

/* 1 with a complete head; 0 when the client is gone; else minus an HTTP status. */
static int read_head(struct http_conn *c, struct http_request *rq, const char **ret_why)
{
    int64_t deadline = monotonic_nsec() + http_conn_head_timeout(c) * NSEC_PER_MSEC;
    size_t len = 0;

    for (;;) {
        int r = http_head_feed(&rq->head, buf_str(&c->in), c->in.len, &len);
        if (r < 0) {
            *ret_why = r == -400 ? "malformed request" : "the request's head is too large";
            return r;
        }
        if (r == 1) {
            r = http_head_finish(&rq->head, c->in.data, len, ret_why);
            buf_consume(&c->in, len);
            return r < 0 ? r : 1;
        }
        char *room = buf_reserve(&c->in, HTTP_READ_BYTES);
        if (!room)
            return -431;
        ssize_t n = http_conn_recv(c, room, HTTP_READ_BYTES, deadline);
        if (n == -ETIMEDOUT) {
            *ret_why = "the request took too long";
            return -408;
        }
        if (n <= 0)
            return 0;
        c->in.len += (size_t)n;
        c->in.data[c->in.len] = '\0';
    }
}

static void reply_malformed(struct http_request *rq, int status, const char *why)
{
    char body[256];
    int n = snprintf(body, sizeof(body), "{\"message\":\"%s\"}\n", why);

    rq->keep_alive = false;
    http_reply(rq, status, "application/json", body, (size_t)n);
}

/* Lets the client read the answer before the connection goes: unread input would reset it, and a
 * client that still sends a large body notices an answer only while its writing does not fail. */
static void linger(struct http_conn *c)
{
    char scratch[HTTP_READ_BYTES];
    int64_t deadline = monotonic_nsec() + HTTP_DRAIN_TIMEOUT_MSEC * NSEC_PER_MSEC;

    if (shutdown(c->fd, SHUT_WR) < 0)
        return;
    while (monotonic_nsec() < deadline && http_conn_recv(c, scratch, sizeof(scratch), deadline) > 0)
        continue;
}

static void request_init(struct http_request *rq, struct http_conn *c)
{
    *rq = (struct http_request){.conn = c, .gone_fd = -1, .body.pump_fd = -1};
    rq->out = BUF_INIT(LIMIT_HTTP_HEADER_BYTES);
    http_head_init(&rq->head);
}

static void request_done(struct http_request *rq)
{
    http_head_done(&rq->head);
    uri_query_done(&rq->params);
    buf_done(&rq->out);
    if (rq->gone_fd >= 0)
        rq->gone_fd = close_fd(rq->gone_fd);
}

/* Answers one request. True when another may follow on the connection. */
static bool serve_one(struct http_conn *c, struct http_request *rq)
{
    const char *why = "malformed request";
    int r = read_head(c, rq, &why);

    if (r == 0)
        return false;
    if (r < 0) {
        reply_malformed(rq, -r, why);
        linger(c);
        return false;
    }
    rq->keep_alive = rq->head.keep_alive && !http_conn_stopping(c);
    rq->info = (struct http_request_info){.method = rq->head.method,
                                          .path = rq->head.path,
                                          .query = rq->head.query,
                                          .peer_uid = c->peer_uid,
                                          .peer_pid = c->peer_pid};
    http_body_begin(rq);
    http_conn_handle(c, rq);
    if (rq->reply == HTTP_REPLY_STREAM)
        http_stream_end(rq);
    r = http_body_finish(rq);
    if (rq->reply == HTTP_REPLY_HIJACKED)
        return false;
    if (rq->reply == HTTP_REPLY_NONE) {
        rq->keep_alive = rq->keep_alive && r == 0;
        reply_malformed(rq, 500, "the request was not answered");
    }
    if (rq->broken)
        return false;
    if (r < 0 || !rq->keep_alive) {
        linger(c);
        return false;
    }
    return true;
}

void *http_conn_main(void *arg)
{
    struct http_conn *c = arg;
    bool more = true;

    while (more && !http_conn_stopping(c) && wait_for_request(c)) {
        struct http_request *rq = malloc(sizeof(*rq));
        if (!rq)
            break;
        request_init(rq, c);
        more = serve_one(c, rq);
        request_done(rq);
        free(rq);
    }
    http_conn_end(c);
    return NULL;
}
