/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/http.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"

#define READ_SIZE      (32 * KIB)
#define CHUNK_LINE_MAX 256 /* a chunk's size line or one trailer */

enum body_state {
    BODY_DONE,
    BODY_LENGTH,
    BODY_CHUNK_SIZE,
    BODY_CHUNK_DATA,
    BODY_TRAILER,
    BODY_EOF
};

struct http_conn {
    int fd; /* owned */
    char *in;
    size_t in_pos, in_len; /* received and not yet taken: in[in_pos..in_len) */
    enum body_state body;
    uint64_t left; /* of the body or the chunk */
    bool close;    /* the server ends the connection after this response */
    bool busy;     /* a request is under way */
};

struct http_conn *http_conn_new(int fd)
{
    struct http_conn *c = XNEW(struct http_conn);
    c->fd = fd;
    c->in = xmalloc(LIMIT_HTTP_HEADER_BYTES);
    return c;
}

void http_conn_free(struct http_conn *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        (void)close_fd(c->fd);
    free(c->in);
    free(c);
}

int http_conn_fd(const struct http_conn *c)
{
    return c->fd;
}

bool http_conn_reusable(const struct http_conn *c)
{
    return c->fd >= 0 && !c->close && !c->busy && c->body == BODY_DONE && c->in_pos == c->in_len;
}

bool http_conn_stale(const struct http_conn *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

static int send_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

int http_send_request(struct http_conn *c, const char *method, const char *target,
                      enum http_body kind, const char *json, bool upgrade)
{
    _cleanup_buf_ struct buf b = BUF_INIT(LIMIT_HTTP_HEADER_BYTES + LIMIT_HTTP_JSON_BODY);
    c->busy = true;
    (void)buf_addf(&b,
                   "%s %s HTTP/1.1\r\nHost: api.lighter.localhost\r\n"
                   "User-Agent: Lighter-Client/" LIGHTER_VERSION " (linux)\r\n",
                   method, target);
    if (upgrade)
        (void)buf_adds(&b, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
    if (kind == HTTP_BODY_TAR_CHUNKED) {
        (void)buf_adds(&b, "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n\r\n");
    } else if (kind == HTTP_BODY_JSON) {
        (void)buf_addf(&b, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       strlen(json));
        (void)buf_adds(&b, json);
    } else if (str_eq(method, "POST")) {
        (void)buf_adds(&b, "Content-Length: 0\r\n\r\n");
    } else {
        (void)buf_adds(&b, "\r\n");
    }
    if (b.overflow)
        return -E2BIG;
    return send_all(c->fd, b.data, b.len);
}

int http_send_chunk(struct http_conn *c, const void *data, size_t len)
{
    char line[32];
    int n = snprintf(line, sizeof(line), "%zx\r\n", len);
    int r = send_all(c->fd, line, (size_t)n);
    if (r == 0)
        r = send_all(c->fd, data, len);
    return r == 0 ? send_all(c->fd, "\r\n", 2) : r;
}

int http_send_end(struct http_conn *c)
{
    return send_all(c->fd, "0\r\n\r\n", 5);
}

/* Receives more into the input buffer. The count, 0 at the end, -ENOBUFS when it is full. */
static ssize_t fill(struct http_conn *c)
{
    if (c->in_pos == c->in_len)
        c->in_pos = c->in_len = 0;
    if (c->in_len == LIMIT_HTTP_HEADER_BYTES && c->in_pos > 0) {
        memmove(c->in, c->in + c->in_pos, c->in_len - c->in_pos);
        c->in_len -= c->in_pos;
        c->in_pos = 0;
    }
    if (c->in_len == LIMIT_HTTP_HEADER_BYTES)
        return -ENOBUFS;
    ssize_t n;
    do
        n = recv(c->fd, c->in + c->in_len, MIN(LIMIT_HTTP_HEADER_BYTES - c->in_len, READ_SIZE), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    c->in_len += (size_t)n;
    return n;
}

/* One line without its CRLF, of at most cap-1 bytes; 0 or a negative errno. */
static int read_line(struct http_conn *c, char *line, size_t cap)
{
    size_t scanned = 0;
    for (;;) {
        char *from = c->in + c->in_pos;
        char *nl = memchr(from + scanned, '\n', c->in_len - c->in_pos - scanned);
        if (nl) {
            size_t len = (size_t)(nl - from);
            c->in_pos += len + 1;
            if (len > 0 && from[len - 1] == '\r')
                len--;
            if (len >= cap)
                return -EBADMSG;
            memcpy(line, from, len);
            line[len] = '\0';
            return 0;
        }
        scanned = c->in_len - c->in_pos;
        if (scanned >= cap + 1)
            return -EBADMSG;
        ssize_t n = fill(c);
        if (n <= 0)
            return n == 0 ? -ECONNRESET : (int)n;
    }
}

static bool has_token(const char *value, const char *token)
{
    size_t len = strlen(token);
    for (const char *p = value; *p; p++)
        if (strncasecmp(p, token, len) == 0)
            return true;
    return false;
}

static int take_header(struct http_conn *c, char *line, struct http_head *h)
{
    char *value = strchr(line, ':');
    if (!value)
        return -EBADMSG;
    *value++ = '\0';
    value += strspn(value, " \t");
    if (strcasecmp(line, "Content-Length") == 0) {
        if (parse_u64(value, &c->left) < 0)
            return -EBADMSG;
        if (c->body == BODY_EOF)
            c->body = BODY_LENGTH;
    } else if (strcasecmp(line, "Transfer-Encoding") == 0) {
        if (has_token(value, "chunked"))
            c->body = BODY_CHUNK_SIZE;
    } else if (strcasecmp(line, "Connection") == 0) {
        c->close = has_token(value, "close");
    } else if (strcasecmp(line, "Content-Type") == 0) {
        (void)snprintf(h->content_type, sizeof(h->content_type), "%s", value);
    } else if (strcasecmp(line, "Api-Version") == 0) {
        (void)snprintf(h->api_version, sizeof(h->api_version), "%s", value);
    } else if (strcasecmp(line, "Ostype") == 0) {
        (void)snprintf(h->os_type, sizeof(h->os_type), "%s", value);
    } else if (strcasecmp(line, "X-Docker-Container-Path-Stat") == 0) {
        (void)snprintf(h->path_stat, sizeof(h->path_stat), "%s", value);
    }
    return 0;
}

/* One head, whatever its status. The line buffer is as large as a head may be. */
static int read_one_head(struct http_conn *c, char *line, struct http_head *h)
{
    *h = (struct http_head){0};
    int r = read_line(c, line, LIMIT_HTTP_HEADER_BYTES);
    if (r < 0)
        return r;
    if (!(str_starts(line, "HTTP/1.1 ") || str_starts(line, "HTTP/1.0 ")) || strlen(line) < 12)
        return -EBADMSG;
    c->close = line[7] == '0';
    c->body = BODY_EOF;
    c->left = 0;
    char code[4] = {line[9], line[10], line[11], '\0'};
    if (parse_int(code, &h->status) < 0 || h->status < 100)
        return -EBADMSG;
    size_t total = 0;
    for (size_t n = 0;; n++) {
        r = read_line(c, line, LIMIT_HTTP_HEADER_BYTES);
        if (r < 0)
            return r;
        if (!*line)
            return 0;
        total += strlen(line);
        if (n >= LIMIT_HTTP_HEADERS || total > LIMIT_HTTP_HEADER_BYTES)
            return -EBADMSG;
        r = take_header(c, line, h);
        if (r < 0)
            return r;
    }
}

static void response_done(struct http_conn *c)
{
    c->body = BODY_DONE;
    c->busy = false;
}

int http_read_head(struct http_conn *c, const char *method, struct http_head *ret)
{
    struct http_head h;
    _cleanup_free_ char *line = xmalloc(LIMIT_HTTP_HEADER_BYTES);
    do {
        int r = read_one_head(c, line, &h);
        if (r < 0)
            return r;
    } while (h.status < 200 && h.status != 101);
    if (h.status == 101 || h.status == 204 || h.status == 304 || str_eq(method, "HEAD") ||
        (c->body == BODY_LENGTH && c->left == 0))
        response_done(c);
    if (c->body == BODY_EOF)
        c->close = true;
    *ret = h;
    return 0;
}

/* Plain bytes of the body, at most what is left. */
static ssize_t read_bytes(struct http_conn *c, void *data, size_t len)
{
    if (c->in_pos < c->in_len) {
        size_t n = MIN(len, c->in_len - c->in_pos);
        memcpy(data, c->in + c->in_pos, n);
        c->in_pos += n;
        return (ssize_t)n;
    }
    ssize_t n;
    do
        n = recv(c->fd, data, len, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int next_chunk(struct http_conn *c)
{
    char line[CHUNK_LINE_MAX] = "";
    int r = read_line(c, line, sizeof(line));
    if (r < 0)
        return r;
    uint64_t n = 0;
    size_t digits = strspn(line, "0123456789abcdefABCDEF");
    if (digits == 0 || digits > 15 || !strchr("; ", line[digits]))
        return -EBADMSG;
    for (size_t i = 0; i < digits; i++) {
        int ch = line[i] | 0x20;
        n = n * 16 + (uint64_t)(ch <= '9' ? ch - '0' : ch - 'a' + 10);
    }
    c->left = n;
    c->body = n ? BODY_CHUNK_DATA : BODY_TRAILER;
    return 0;
}

static int skip_trailer(struct http_conn *c)
{
    char line[CHUNK_LINE_MAX];
    do {
        int r = read_line(c, line, sizeof(line));
        if (r < 0)
            return r;
    } while (*line);
    response_done(c);
    return 0;
}

static int end_chunk(struct http_conn *c)
{
    char line[CHUNK_LINE_MAX];
    int r = read_line(c, line, sizeof(line));
    if (r < 0)
        return r;
    if (*line)
        return -EBADMSG;
    c->body = BODY_CHUNK_SIZE;
    return 0;
}

ssize_t http_read_body(struct http_conn *c, void *data, size_t len)
{
    while (c->body == BODY_CHUNK_SIZE || c->body == BODY_TRAILER) {
        int r = c->body == BODY_TRAILER ? skip_trailer(c) : next_chunk(c);
        if (r < 0)
            return r;
    }
    if (c->body == BODY_DONE)
        return 0;
    size_t want = c->body == BODY_EOF ? len : (size_t)MIN((uint64_t)len, c->left);
    ssize_t n = read_bytes(c, data, want);
    if (n < 0)
        return n;
    if (c->body == BODY_EOF) {
        if (n == 0)
            response_done(c);
        return n;
    }
    if (n == 0)
        return -ECONNRESET;
    c->left -= (uint64_t)n;
    if (c->left > 0)
        return n;
    if (c->body == BODY_LENGTH) {
        response_done(c);
        return n;
    }
    int r = end_chunk(c);
    return r < 0 ? r : n;
}

const char *http_conn_pending(const struct http_conn *c, size_t *ret_len)
{
    *ret_len = c->in_len - c->in_pos;
    return c->in + c->in_pos;
}

int http_conn_take(struct http_conn *c)
{
    return TAKE_FD(c->fd);
}
