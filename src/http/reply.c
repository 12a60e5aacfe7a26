/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Answers: whole ones, streams, and connections taken out of HTTP. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/str.h"
#include "http/conn.h"

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } table[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {301, "Moved Permanently"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {413, "Request Entity Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].status == status)
            return table[i].text;
    return "Status";
}

int http_conn_send(struct http_conn *c, const struct iovec *iov, size_t n)
{
    struct iovec left[8];
    struct msghdr m = {.msg_iov = left, .msg_iovlen = n};

    memcpy(left, iov, n * sizeof(*iov));
    while (m.msg_iovlen > 0) {
        if (m.msg_iov[0].iov_len == 0) {
            m.msg_iov++;
            m.msg_iovlen--;
            continue;
        }
        ssize_t sent = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -errno;
        for (size_t done = (size_t)sent; done > 0;) {
            size_t step = MIN(done, m.msg_iov[0].iov_len);
            m.msg_iov[0].iov_base = (char *)m.msg_iov[0].iov_base + step;
            m.msg_iov[0].iov_len -= step;
            done -= step;
            if (m.msg_iov[0].iov_len == 0) {
                m.msg_iov++;
                m.msg_iovlen--;
            }
        }
    }
    return 0;
}

static int send_all(struct http_request *rq, const struct iovec *iov, size_t n)
{
    int r = rq->broken ? -EPIPE : http_conn_send(rq->conn, iov, n);

    if (r < 0)
        rq->broken = true;
    return r;
}

/* A value can end neither its line nor its string. */
static void add_header(struct buf *b, const char *name, const char *value)
{
    (void)buf_adds(b, name);
    (void)buf_adds(b, ": ");
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        (void)buf_addc(b, (c < 0x20 && c != '\t') || c == 0x7f ? ' ' : *value);
    }
    (void)buf_adds(b, "\r\n");
}

void http_set_header(struct http_request *rq, const char *name, const char *value)
{
    add_header(&rq->out, name, value);
}

static void add_date(struct buf *b)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm tm;

    if (gmtime_r(&now, &tm))
        (void)buf_addf(b, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                       tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                       tm.tm_sec);
}

static void begin_head(struct http_request *rq, struct buf *b, int status, const char *content_type)
{
    (void)buf_addf(b, "HTTP/1.1 %d %s\r\n", status, status_text(status));
    (void)buf_add(b, buf_str(&rq->out), rq->out.len);
    if (content_type)
        add_header(b, "Content-Type", content_type);
    add_date(b);
}

static void end_head(struct http_request *rq, struct buf *b)
{
    if (rq->body.continue_pending)
        rq->keep_alive = false;
    if (!rq->keep_alive)
        (void)buf_adds(b, "Connection: close\r\n");
    else if (rq->head.minor == 0)
        (void)buf_adds(b, "Connection: keep-alive\r\n");
    (void)buf_adds(b, "\r\n");
}

void http_reply(struct http_request *rq, int status, const char *content_type, const void *body,
                size_t len)
{
    _cleanup_buf_ struct buf b = BUF_INIT(2 * LIMIT_HTTP_HEADER_BYTES);
    bool bodyless = status == 204 || status == 304;

    if (rq->reply != HTTP_REPLY_NONE)
        return;
    rq->reply = HTTP_REPLY_DONE;
    begin_head(rq, &b, status, bodyless ? NULL : content_type);
    if (!bodyless)
        (void)buf_addf(&b, "Content-Length: %zu\r\n", len);
    end_head(rq, &b);
    if (bodyless || str_eq(rq->info.method, "HEAD"))
        len = 0;
    struct iovec iov[] = {{.iov_base = b.data, .iov_len = b.len},
                          {.iov_base = (void *)body, .iov_len = len}};
    (void)send_all(rq, iov, 2);
}

bool http_replied(const struct http_request *rq)
{
    return rq->reply != HTTP_REPLY_NONE;
}

/* A reader of a stream may pause for as long as it likes. */
static void set_send_timeout(struct http_conn *c, int seconds)
{
    struct timeval tv = {.tv_sec = seconds};

    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static int stream_write(void *ctx, const void *data, size_t len)
{
    struct http_request *rq = ctx;
    char size[32];

    if (rq->reply != HTTP_REPLY_STREAM)
        return -EPIPE;
    if (len == 0 || str_eq(rq->info.method, "HEAD"))
        return rq->broken ? -EPIPE : 0;
    if (!rq->chunked)
        return send_all(rq, &(struct iovec){.iov_base = (void *)data, .iov_len = len}, 1);
    int n = snprintf(size, sizeof(size), "%zx\r\n", len);
    struct iovec iov[] = {{.iov_base = size, .iov_len = (size_t)n},
                          {.iov_base = (void *)data, .iov_len = len},
                          {.iov_base = (void *)"\r\n", .iov_len = 2}};
    return send_all(rq, iov, 3);
}

int http_gone_fd(struct http_request *rq)
{
    struct epoll_event ev = {.events = EPOLLRDHUP};

    if (rq->gone_fd >= 0 || rq->conn->fd < 0)
        return rq->gone_fd;
    _cleanup_close_ int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, rq->conn->fd, &ev) < 0)
        return -1;
    rq->gone_fd = TAKE_FD(fd);
    return rq->gone_fd;
}

void http_stream_begin(struct http_request *rq, int status, const char *content_type,
                       struct sink *ret)
{
    _cleanup_buf_ struct buf b = BUF_INIT(2 * LIMIT_HTTP_HEADER_BYTES);

    *ret = (struct sink){.write = stream_write, .gone_fd = http_gone_fd(rq), .ctx = rq};
    if (rq->reply != HTTP_REPLY_NONE)
        return;
    rq->reply = HTTP_REPLY_STREAM;
    rq->chunked = rq->head.minor > 0;
    begin_head(rq, &b, status, content_type);
    if (rq->chunked)
        (void)buf_adds(&b, "Transfer-Encoding: chunked\r\n");
    else
        rq->keep_alive = false;
    end_head(rq, &b);
    set_send_timeout(rq->conn, 0);
    (void)send_all(rq, &(struct iovec){.iov_base = b.data, .iov_len = b.len}, 1);
}

void http_stream_end(struct http_request *rq)
{
    if (rq->reply != HTTP_REPLY_STREAM)
        return;
    rq->reply = HTTP_REPLY_DONE;
    set_send_timeout(rq->conn, HTTP_SEND_TIMEOUT_SEC);
    if (rq->chunked && !str_eq(rq->info.method, "HEAD"))
        (void)send_all(rq, &(struct iovec){.iov_base = (void *)"0\r\n\r\n", .iov_len = 5}, 1);
}

void http_stream_abort(struct http_request *rq)
{
    if (rq->reply != HTTP_REPLY_STREAM)
        return;
    rq->reply = HTTP_REPLY_DONE;
    rq->broken = true;
}

bool http_wants_upgrade(const struct http_request *rq)
{
    return rq->head.upgrade;
}

int http_hijack(struct http_request *rq, const char *content_type, int *ret_fd, char **ret_preread,
                size_t *ret_preread_len, struct err *err)
{
    _cleanup_buf_ struct buf b = BUF_INIT(2 * LIMIT_HTTP_HEADER_BYTES);

    if (rq->reply != HTTP_REPLY_NONE)
        return err_set(err, ERR_INTERNAL, "the request was answered already");
    int r = http_body_finish(rq);
    if (r < 0)
        return err_errno(err, r, "read the request body");
    (void)buf_adds(&b, rq->head.upgrade ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n");
    add_header(&b, "Content-Type", content_type);
    if (rq->head.upgrade)
        (void)buf_adds(&b, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
    (void)buf_add(&b, buf_str(&rq->out), rq->out.len);
    (void)buf_adds(&b, "\r\n");
    set_send_timeout(rq->conn, 0);
    r = send_all(rq, &(struct iovec){.iov_base = b.data, .iov_len = b.len}, 1);
    if (r < 0)
        return err_set(err, ERR_CANCELLED, "the client went away");
    rq->reply = HTTP_REPLY_HIJACKED;
    if (rq->gone_fd >= 0)
        rq->gone_fd = close_fd(rq->gone_fd);
    *ret_fd = http_conn_take_fd(rq->conn);
    *ret_preread_len = rq->conn->in.len;
    *ret_preread = buf_take(&rq->conn->in);
    return 0;
}
