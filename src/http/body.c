/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Request bodies: framing (RFC 9112, sections 6 and 7), strictly: a chunk that does not end as it
 * should, a size that is not plain hex, or trailers beyond a bound break the body off. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/thread.h"
#include "base/timeutil.h"
#include "http/conn.h"

#define CHUNK_LINE_BYTES    ((size_t)256)
#define CHUNK_TRAILER_LINES 32
#define PUMP_BYTES          (64 * KIB)
#define PUMP_PIPE_BYTES     (1 * MIB)

void http_body_begin(struct http_request *rq)
{
    struct http_body *b = &rq->body;

    b->framing = rq->head.framing;
    b->left = b->framing == HTTP_BODY_LENGTH ? rq->head.content_length : 0;
    b->done = b->framing == HTTP_BODY_NONE;
    b->continue_pending = rq->head.expect_continue;
}

static int body_break(struct http_body *b, int code)
{
    atomic_store(&b->error, code);
    return code;
}

static ssize_t receive(struct http_request *rq, void *buf, size_t len)
{
    ssize_t n = http_conn_recv(rq->conn, buf, len, rq->body.deadline_nsec);

    return n == 0 ? -ECONNRESET : n;
}

/* Bytes of the body as they came: first those already there. */
static ssize_t read_raw(struct http_request *rq, void *buf, size_t len)
{
    struct buf *in = &rq->conn->in;

    if (in->len == 0)
        return receive(rq, buf, len);
    size_t n = MIN(len, in->len);
    memcpy(buf, in->data, n);
    buf_consume(in, n);
    return (ssize_t)n;
}

/* One line of chunk framing, without its CRLF. */
static int read_line(struct http_request *rq, char line[static CHUNK_LINE_BYTES])
{
    struct buf *in = &rq->conn->in;
    size_t seen = 0;

    for (;;) {
        const char *end = in->len > seen ? memchr(in->data + seen, '\n', in->len - seen) : NULL;
        if (end) {
            size_t len = (size_t)(end - in->data);
            if (len == 0 || len > CHUNK_LINE_BYTES || in->data[len - 1] != '\r')
                return -EBADMSG;
            memcpy(line, in->data, len - 1);
            line[len - 1] = '\0';
            buf_consume(in, len + 1);
            return strlen(line) == len - 1 ? 0 : -EBADMSG;
        }
        seen = in->len;
        if (seen > CHUNK_LINE_BYTES)
            return -EBADMSG;
        char *room = buf_reserve(in, HTTP_READ_BYTES);
        if (!room)
            return -EBADMSG;
        ssize_t n = receive(rq, room, HTTP_READ_BYTES);
        if (n < 0)
            return (int)n;
        in->len += (size_t)n;
        in->data[in->len] = '\0';
    }
}

static int parse_chunk_size(const char *line, uint64_t *ret)
{
    uint64_t v = 0;
    size_t n = strspn(line, "0123456789abcdefABCDEF");

    if (n == 0 || n > 15 || (line[n] != '\0' && line[n] != ';'))
        return -EBADMSG;
    for (const char *p = line + n; *p; p++)
        if ((unsigned char)*p < 0x20 && *p != '\t')
            return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        char c = line[i];
        v = v * 16 + (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    *ret = v;
    return 0;
}

/* Goes on to the next data of a chunked body; sets done at its end. */
static int next_chunk(struct http_request *rq)
{
    struct http_body *b = &rq->body;
    char line[CHUNK_LINE_BYTES];
    int r;

    if (b->chunk == CHUNK_DATA_END) {
        r = read_line(rq, line);
        if (r == 0 && line[0] != '\0')
            r = -EBADMSG;
        if (r < 0)
            return r;
    }
    r = read_line(rq, line);
    if (r == 0)
        r = parse_chunk_size(line, &b->left);
    if (r < 0)
        return r;
    b->chunk = CHUNK_DATA;
    if (b->left > 0)
        return 0;
    b->chunk = CHUNK_TRAILER;
    for (int i = 0; i < CHUNK_TRAILER_LINES; i++) {
        r = read_line(rq, line);
        if (r < 0)
            return r;
        if (line[0] == '\0') {
            b->done = true;
            return 0;
        }
    }
    return -EBADMSG;
}

static int send_continue(struct http_request *rq)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct iovec iov = {.iov_base = (void *)text, .iov_len = sizeof(text) - 1};

    if (!rq->body.continue_pending)
        return 0;
    rq->body.continue_pending = false;
    if (rq->conn->in.len > 0 || rq->reply != HTTP_REPLY_NONE)
        return 0;
    return http_conn_send(rq->conn, &iov, 1);
}

static ssize_t read_body(struct http_request *rq, void *buf, size_t len)
{
    struct http_body *b = &rq->body;
    int r = atomic_load(&b->error);

    if (r < 0)
        return r;
    if (b->done || len == 0)
        return 0;
    r = send_continue(rq);
    if (r < 0)
        return body_break(b, r);
    if (b->framing == HTTP_BODY_CHUNKED && b->left == 0) {
        r = next_chunk(rq);
        if (r < 0)
            return body_break(b, r);
        if (b->done)
            return 0;
    }
    ssize_t n = read_raw(rq, buf, (size_t)MIN((uint64_t)len, b->left));
    if (n < 0)
        return body_break(b, (int)n);
    b->left -= (uint64_t)n;
    if (b->left == 0) {
        b->done = b->framing == HTTP_BODY_LENGTH;
        b->chunk = CHUNK_DATA_END;
    }
    return n;
}

ssize_t http_body_read(struct http_request *rq, void *buf, size_t len)
{
    return rq->body.pump_started ? -EBUSY : read_body(rq, buf, len);
}

int http_body_read_all(struct http_request *rq, size_t max, char **ret, size_t *ret_len,
                       struct err *err)
{
    struct http_body *b = &rq->body;
    _cleanup_buf_ struct buf all = BUF_INIT(max);

    if (b->framing == HTTP_BODY_LENGTH && b->left > max)
        return err_set(err, ERR_INVALID, "the request body is larger than %zu bytes", max);
    b->deadline_nsec = monotonic_nsec() + HTTP_BODY_ALL_TIMEOUT_MSEC * NSEC_PER_MSEC;
    for (;;) {
        char chunk[HTTP_READ_BYTES];
        ssize_t n = http_body_read(rq, chunk, sizeof(chunk));
        if (n < 0) {
            b->deadline_nsec = 0;
            if (n == -EBADMSG)
                return err_set(err, ERR_INVALID, "malformed chunked encoding");
            return err_set(err, ERR_INVALID, "the request body broke off");
        }
        if (n == 0)
            break;
        if (buf_add(&all, chunk, (size_t)n) < 0) {
            b->deadline_nsec = 0;
            return err_set(err, ERR_INVALID, "the request body is larger than %zu bytes", max);
        }
    }
    b->deadline_nsec = 0;
    if (ret_len)
        *ret_len = all.len;
    *ret = buf_take(&all);
    return 0;
}

/* Waits for the client's bytes, but ends when nobody reads the pipe any more. */
static bool pump_wait(struct http_request *rq)
{
    struct pollfd p[] = {{.fd = rq->conn->fd, .events = POLLIN}, {.fd = rq->body.pump_fd}};

    if (rq->body.done)
        return false;
    if (rq->conn->in.len > 0)
        p[0].fd = -1;
    for (;;) {
        int r = poll(p, 2, p[0].fd < 0 ? 0 : -1);
        if (r < 0 && errno == EINTR)
            continue;
        return r >= 0 && !(p[1].revents & (POLLERR | POLLHUP));
    }
}

static void *pump_main(void *arg)
{
    struct http_request *rq = arg;
    _cleanup_free_ char *block = xmalloc(PUMP_BYTES);

    while (pump_wait(rq)) {
        ssize_t n = read_body(rq, block, PUMP_BYTES);
        if (n <= 0 || write_full(rq->body.pump_fd, block, (size_t)n) < 0)
            break;
    }
    rq->body.pump_fd = close_fd(rq->body.pump_fd);
    return NULL;
}

int http_body_fd(struct http_request *rq, int *ret_fd, struct err *err)
{
    struct http_body *b = &rq->body;
    int fds[2];

    if (b->pump_started)
        return err_set(err, ERR_INTERNAL, "the request body has a reader already");
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "create a pipe");
    (void)fcntl(fds[1], F_SETPIPE_SZ, (int)PUMP_PIPE_BYTES);
    int r = b->done ? 0 : send_continue(rq);
    if (r == 0) {
        b->pump_fd = fds[1];
        r = thread_spawn("http-body", 0, pump_main, rq, &b->pump);
    }
    if (r < 0) {
        b->pump_fd = -1;
        close_fd(fds[0]);
        close_fd(fds[1]);
        return err_errno(err, r, "read the request body");
    }
    b->pump_started = true;
    *ret_fd = fds[0];
    return 0;
}

int http_body_error(struct http_request *rq)
{
    return atomic_load(&rq->body.error);
}

int http_body_finish(struct http_request *rq)
{
    struct http_body *b = &rq->body;
    char scratch[HTTP_READ_BYTES];

    if (b->pump_started) {
        (void)pthread_join(b->pump, NULL);
        b->pump_started = false;
    }
    if (b->done)
        return 0;
    if (b->continue_pending)
        return -ECANCELED;
    b->deadline_nsec = monotonic_nsec() + HTTP_DRAIN_TIMEOUT_MSEC * NSEC_PER_MSEC;
    for (size_t total = 0; !b->done;) {
        ssize_t n = read_body(rq, scratch, sizeof(scratch));
        if (n < 0)
            return (int)n;
        total += (size_t)n;
        if (total > HTTP_DRAIN_BYTES)
            return -EFBIG;
    }
    return 0;
}
