/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/client.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "client/host.h"
#include "client/http.h"

#define UPLOAD_CHUNK (256 * KIB)
#define TEXT_MAX     (64 * MIB) /* an answer that is read whole */

struct client {
    struct client_host host;
    char version[16];
    struct http_conn *idle; /* owned; NULL when there is none */
    bool settled;           /* the daemon has accepted `version` */
};

struct client_stream {
    struct client *client;  /* borrowed: outlives the stream */
    struct http_conn *conn; /* owned */
    char method[8];
    struct http_head head;
};

int client_new(const char *host, const char *api_version, struct client **ret, struct err *err)
{
    struct client_host h;
    int r = client_host_parse(host, &h, err);
    if (r < 0)
        return r;
    struct client *c = XNEW(struct client);
    c->host = h;
    (void)snprintf(c->version, sizeof(c->version), "%s",
                   str_empty(api_version) ? CLIENT_API_VERSION : api_version);
    *ret = c;
    return 0;
}

void client_free(struct client *c)
{
    if (!c)
        return;
    http_conn_free(c->idle);
    client_host_done(&c->host);
    free(c);
}

const char *client_url(const struct client *c)
{
    return c->host.url;
}

const char *client_api_version(const struct client *c)
{
    return c->version;
}

static int get_conn(struct client *c, struct http_conn **ret, struct err *err)
{
    if (c->idle && !http_conn_stale(c->idle)) {
        *ret = TAKE_PTR(c->idle);
        return 0;
    }
    http_conn_free(TAKE_PTR(c->idle));
    int fd = client_host_connect(&c->host, err);
    if (fd < 0)
        return fd;
    *ret = http_conn_new(fd);
    return 0;
}

static int stream_failed(const struct client *c, int code, struct err *err)
{
    if (code == -EBADMSG)
        (void)err_set(err, ERR_INTERNAL, "error during connect: malformed HTTP response from %s",
                      c->host.url);
    else if (code == -ECONNRESET || code == -EPIPE)
        (void)err_set(err, ERR_UNAVAILABLE, "error during connect: EOF");
    else
        (void)err_errno(err, code, "error during connect");
    return code;
}

static int begin(struct client *c, const char *method, const char *path, enum http_body kind,
                 const json_t *body, bool upgrade, struct client_stream **ret, struct err *err)
{
    _cleanup_(http_conn_freep)
    struct http_conn *conn = NULL;
    int r = get_conn(c, &conn, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *target = xasprintf("/v%s%s", c->version, path);
    _cleanup_free_ char *text = body ? json_print(body) : NULL;
    r = http_send_request(conn, method, target, text ? HTTP_BODY_JSON : kind, text, upgrade);
    if (r < 0)
        return stream_failed(c, r, err);
    struct client_stream *s = XNEW(struct client_stream);
    s->client = c;
    s->conn = TAKE_PTR(conn);
    (void)snprintf(s->method, sizeof(s->method), "%s", method);
    *ret = s;
    return 0;
}

int client_begin(struct client *c, const char *method, const char *path, const json_t *body,
                 bool upgrade, struct client_stream **ret, struct err *err)
{
    return begin(c, method, path, HTTP_BODY_NONE, body, upgrade, ret, err);
}

static enum err_kind kind_of_status(int status)
{
    switch (status) {
    case 304:
        return ERR_NOT_MODIFIED;
    case 400:
        return ERR_INVALID;
    case 401:
        return ERR_UNAUTHORIZED;
    case 403:
        return ERR_FORBIDDEN;
    case 404:
        return ERR_NOT_FOUND;
    case 409:
        return ERR_CONFLICT;
    case 501:
        return ERR_UNSUPPORTED;
    case 503:
        return ERR_UNAVAILABLE;
    default:
        return ERR_INTERNAL;
    }
}

static int read_text(struct client_stream *s, size_t max, struct buf *b, struct err *err)
{
    *b = BUF_INIT(max);
    for (;;) {
        char *to = buf_reserve(b, 16 * KIB);
        if (!to)
            return err_set(err, ERR_INTERNAL, "the daemon's answer is larger than %zu bytes", max);
        ssize_t n = http_read_body(s->conn, to, 16 * KIB);
        if (n < 0)
            return stream_failed(s->client, (int)n, err);
        if (n == 0)
            return 0;
        b->len += (size_t)n;
    }
}

static int daemon_error(struct client_stream *s, struct err *err)
{
    _cleanup_buf_ struct buf b;
    (void)read_text(s, LIMIT_HTTP_JSON_BODY, &b, NULL);
    _cleanup_json_ json_t *j = b.len ? json_parse(b.data, b.len, "error", NULL) : NULL;
    const char *message = j ? json_str_or(j, "message", NULL) : NULL;
    enum err_kind kind = kind_of_status(s->head.status);
    if (message)
        return err_set(err, kind, "Error response from daemon: %s", message);
    while (b.len > 0 && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r'))
        b.data[--b.len] = '\0';
    if (b.len > 0)
        return err_set(err, kind, "Error response from daemon: %s", buf_str(&b));
    return err_set(err, kind,
                   "request returned %d for API route and version, check if the server supports "
                   "the requested API version",
                   s->head.status);
}

static int read_head(struct client_stream *s, struct err *err)
{
    int r = http_read_head(s->conn, s->method, &s->head);
    return r < 0 ? stream_failed(s->client, r, err) : 0;
}

int client_finish(struct client_stream *s, struct err *err)
{
    int r = read_head(s, err);
    if (r < 0)
        return r;
    if (s->head.status >= 400)
        return daemon_error(s, err);
    s->client->settled = true;
    return 0;
}

/* "1.45" -> 1045; 0 for what is no version. */
static uint32_t version_number(const char *s)
{
    uint32_t major = 0, minor = 0;
    size_t n = strcspn(s, ".");
    _cleanup_free_ char *first = xstrndup(s, n);
    if (parse_u32(first, &major) < 0 || (s[n] && parse_u32(s + n + 1, &minor) < 0))
        return 0;
    return major < 1000 && minor < 1000 ? major * 1000 + minor : 0;
}

static bool version_lower(const char *a, const char *b)
{
    uint32_t va = version_number(a);
    return va > 0 && va < version_number(b);
}

/* After a refusal: did the daemon refuse our version, and speaks a lower one? */
static bool lower_version(struct client *c, const struct http_head *h)
{
    if (c->settled || h->status != 400 || !h->api_version[0] ||
        !version_lower(h->api_version, c->version))
        return false;
    (void)snprintf(c->version, sizeof(c->version), "%s", h->api_version);
    return true;
}

static int open_stream(struct client *c, const char *method, const char *path, const json_t *body,
                       bool upgrade, struct client_stream **ret, struct err *err)
{
    for (;;) {
        _cleanup_(client_stream_freep)
        struct client_stream *s = NULL;
        struct err why = {0};
        int r = begin(c, method, path, HTTP_BODY_NONE, body, upgrade, &s, err);
        if (r < 0)
            return r;
        r = client_finish(s, &why);
        if (r == 0) {
            *ret = TAKE_PTR(s);
            return 0;
        }
        if (!lower_version(c, &s->head)) {
            if (err)
                *err = why;
            return r;
        }
    }
}

int client_open(struct client *c, const char *method, const char *path, const json_t *body,
                struct client_stream **ret, struct err *err)
{
    return open_stream(c, method, path, body, false, ret, err);
}

int client_hijack(struct client *c, const char *method, const char *path, const json_t *body,
                  struct client_stream **ret, struct err *err)
{
    return open_stream(c, method, path, body, true, ret, err);
}

/* A streamed body cannot be sent twice, so the version is settled first. */
static int settle(struct client *c, struct err *err)
{
    if (c->settled)
        return 0;
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    int r = begin(c, "GET", "/_ping", HTTP_BODY_NONE, NULL, false, &s, err);
    if (r == 0)
        r = read_head(s, err);
    if (r < 0)
        return r;
    if (s->head.status >= 400 && !lower_version(c, &s->head))
        return daemon_error(s, err);
    c->settled = true;
    return 0;
}

int client_upload(struct client *c, const char *method, const char *path, int in,
                  struct client_stream **ret, struct err *err)
{
    int r = settle(c, err);
    if (r < 0)
        return r;
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    r = begin(c, method, path, HTTP_BODY_TAR_CHUNKED, NULL, false, &s, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *chunk = xmalloc(UPLOAD_CHUNK);
    for (;;) {
        ssize_t n = read(in, chunk, UPLOAD_CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "read the archive");
        r = n > 0 ? http_send_chunk(s->conn, chunk, (size_t)n) : http_send_end(s->conn);
        /* A daemon that refuses answers and closes before it has read everything. */
        if (r < 0 || n == 0)
            break;
    }
    int r2 = client_finish(s, err);
    if (r2 < 0)
        return r2;
    if (r < 0)
        return stream_failed(c, r, err);
    *ret = TAKE_PTR(s);
    return 0;
}

int client_call_text(struct client *c, const char *method, const char *path, const json_t *body,
                     char **ret, size_t *ret_len, struct err *err)
{
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    int r = client_open(c, method, path, body, &s, err);
    if (r < 0)
        return r;
    _cleanup_buf_ struct buf b;
    r = read_text(s, TEXT_MAX, &b, err);
    if (r < 0)
        return r;
    *ret_len = b.len;
    *ret = buf_take(&b);
    return 0;
}

int client_call(struct client *c, const char *method, const char *path, const json_t *body,
                json_t **ret, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = client_call_text(c, method, path, body, &text, &len, err);
    if (r < 0 || !ret)
        return r;
    json_t *j = NULL;
    if (len > 0) {
        j = json_parse(text, len, "the daemon's answer", err);
        if (!j)
            return -EINVAL;
    }
    *ret = j;
    return 0;
}

ssize_t client_stream_read(struct client_stream *s, void *data, size_t len)
{
    return http_read_body(s->conn, data, len);
}

void client_stream_free(struct client_stream *s)
{
    if (!s)
        return;
    if (s->conn && !s->client->idle && s->head.status != 101 && http_conn_reusable(s->conn))
        s->client->idle = TAKE_PTR(s->conn);
    http_conn_free(s->conn);
    free(s);
}

int client_stream_fd(const struct client_stream *s)
{
    return http_conn_fd(s->conn);
}

const char *client_stream_content_type(const struct client_stream *s)
{
    return s->head.content_type;
}

const char *client_stream_path_stat(const struct client_stream *s)
{
    return s->head.path_stat;
}

const char *client_stream_pending(const struct client_stream *s, size_t *ret_len)
{
    return http_conn_pending(s->conn, ret_len);
}

int client_stream_json(struct client_stream *s, json_t **ret, struct err *err)
{
    _cleanup_buf_ struct buf b;
    int r = read_text(s, LIMIT_HTTP_JSON_BODY, &b, err);
    if (r < 0)
        return r;
    json_t *j = json_parse(buf_str(&b), b.len, "the daemon's answer", err);
    if (!j)
        return -EINVAL;
    *ret = j;
    return 0;
}

static void escape_to(struct buf *b, const char *s, const char *also)
{
    for (; *s; s++) {
        unsigned char ch = (unsigned char)*s;
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || strchr("-_.~", ch) || strchr(also, ch);
        if (plain)
            (void)buf_addc(b, (char)ch);
        else
            (void)buf_addf(b, "%%%02X", ch);
    }
}

char *client_escape(const char *segment)
{
    struct buf b = BUF_INIT(1 * MIB);
    escape_to(&b, segment, "/:@");
    return buf_take(&b);
}

void client_query(struct buf *path, const char *key, const char *value)
{
    (void)buf_addc(path, strchr(buf_str(path), '?') ? '&' : '?');
    (void)buf_adds(path, key);
    (void)buf_addc(path, '=');
    escape_to(path, value, "");
}
