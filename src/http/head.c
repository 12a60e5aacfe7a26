/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/head.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "http/parser.h"
#include "http/uri.h"

static int on_url(parser_state *p, const char *at, size_t len)
{
    struct http_head *h = p->data;

    if (h->url_len == 0)
        h->url_off = (size_t)(at - h->feed_base);
    h->url_len = (size_t)(at - h->feed_base) + len - h->url_off;
    return 0;
}

static int on_header_field(parser_state *p, const char *at, size_t len)
{
    struct http_head *h = p->data;
    size_t off = (size_t)(at - h->feed_base);

    if (h->n_headers == 0 || h->in_value) {
        if (h->n_headers == LIMIT_HTTP_HEADERS) {
            h->too_many = true;
            return -1;
        }
        h->headers[h->n_headers++] = (struct http_header_line){.name_off = off};
        h->in_value = false;
    }
    struct http_header_line *l = &h->headers[h->n_headers - 1];
    l->name_len = off + len - l->name_off;
    return 0;
}

static int on_header_value(parser_state *p, const char *at, size_t len)
{
    struct http_head *h = p->data;
    size_t off = (size_t)(at - h->feed_base);

    if (h->n_headers == 0)
        return -1;
    struct http_header_line *l = &h->headers[h->n_headers - 1];
    if (!h->in_value)
        l->value_off = off;
    l->value_len = off + len - l->value_off;
    h->in_value = true;
    return 0;
}

/* 2 tells both libraries that no body of theirs follows and to stop right behind the head. */
static int on_headers_complete(parser_state *p)
{
    struct http_head *h = p->data;

    h->complete = true;
    h->minor = p->http_major == 1 ? p->http_minor : -1;
    h->method = parser_method(p);
    return 2;
}

static const parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
};

void http_head_init(struct http_head *h)
{
    parser_state *p = XNEW(parser_state);

    *h = (struct http_head){.parser = p};
    parser_init(p, &settings);
    p->data = h;
}

void http_head_done(struct http_head *h)
{
    free(h->parser);
    free(h->text);
    free(h->path);
    h->parser = NULL;
    h->text = NULL;
    h->path = NULL;
}

int http_head_feed(struct http_head *h, const char *data, size_t len, size_t *ret_len)
{
    bool failed = false;

    if (h->fed == len)
        return 0;
    h->feed_base = data;
    size_t n = parser_execute(h->parser, &settings, data + h->fed,
                              MIN(len, LIMIT_HTTP_HEADER_BYTES) - h->fed, &failed);
    h->feed_base = NULL;
    h->fed += n;
    if (h->complete) {
        *ret_len = h->fed;
        return 1;
    }
    if (h->too_many)
        return -431;
    if (h->fed >= LIMIT_HTTP_HEADER_BYTES)
        return h->n_headers == 0 ? -414 : -431;
    return failed ? -400 : 0;
}

const char *http_head_get(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->n_headers; i++)
        if (strcasecmp(h->headers[i].name, name) == 0)
            return h->headers[i].value;
    return NULL;
}

bool http_token_in_list(const char *value, const char *token)
{
    size_t n = strlen(token);

    while (value && *value) {
        value += strspn(value, " \t,");
        size_t len = strcspn(value, ",");
        size_t item = len;
        while (item > 0 && strchr(" \t", value[item - 1]))
            item--;
        if (item == n && strncasecmp(value, token, n) == 0)
            return true;
        value += len;
    }
    return false;
}

/* What the libraries accept and we don't: control characters, a CR or LF on its own, folded lines.
 */
static bool bytes_acceptable(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c == '\r' && (i + 1 == len || s[i + 1] != '\n'))
            return false;
        if (c == '\n') {
            if (i == 0 || s[i - 1] != '\r')
                return false;
            if (i + 1 < len && (s[i + 1] == ' ' || s[i + 1] == '\t'))
                return false;
        }
        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
            return false;
    }
    return true;
}

static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        bool alnum =
            (*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z');
        if (!alnum && !strchr("!#$%&'*+-.^_`|~", *s))
            return false;
    }
    return true;
}

static int set_framing(struct http_head *h, const char **ret_why)
{
    const char *length = NULL;
    const char *coding = NULL;

    for (size_t i = 0; i < h->n_headers; i++) {
        const struct http_header_line *l = &h->headers[i];
        const char **slot = strcasecmp(l->name, "Content-Length") == 0      ? &length
                            : strcasecmp(l->name, "Transfer-Encoding") == 0 ? &coding
                                                                            : NULL;
        if (!slot)
            continue;
        if (*slot) {
            *ret_why = "repeated message framing headers";
            return -400;
        }
        *slot = l->value;
    }
    if (length && coding) {
        *ret_why = "both Content-Length and Transfer-Encoding are given";
        return -400;
    }
    if (coding) {
        if (strcasecmp(coding, "chunked") != 0 || h->minor == 0) {
            *ret_why = "unsupported transfer encoding";
            return h->minor == 0 ? -400 : -501;
        }
        h->framing = HTTP_BODY_CHUNKED;
    } else if (length) {
        if (parse_u64(length, &h->content_length) < 0 || h->content_length > INT64_MAX) {
            *ret_why = "bad Content-Length";
            return -400;
        }
        h->framing = h->content_length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    }
    return 0;
}

static int set_hosts(const struct http_head *h, const char **ret_why)
{
    size_t hosts = 0;

    for (size_t i = 0; i < h->n_headers; i++)
        hosts += strcasecmp(h->headers[i].name, "Host") == 0;
    if (hosts > 1 || (hosts == 0 && h->minor > 0)) {
        *ret_why = hosts ? "too many Host headers" : "missing required Host header";
        return -400;
    }
    return 0;
}

static int set_target(struct http_head *h, char *url, const char **ret_why)
{
    if (url[0] != '/' && strcmp(url, "*") != 0) {
        char *authority = strstr(url, "://");
        char *path = authority ? strchr(authority + 3, '/') : NULL;
        if (!path) {
            *ret_why = "bad request target";
            return -400;
        }
        url = path;
    }
    url[strcspn(url, "#")] = '\0';
    char *query = strchr(url, '?');
    if (query)
        *query++ = '\0';
    h->query = query ? query : "";
    h->path = uri_decode_path(url);
    if (!h->path || !uri_query_valid(h->query)) {
        *ret_why = "bad escape in the request target";
        return -400;
    }
    return 0;
}

static int cut_headers(struct http_head *h, const char **ret_why)
{
    for (size_t i = 0; i < h->n_headers; i++) {
        struct http_header_line *l = &h->headers[i];
        while (l->value_len > 0 && strchr(" \t", h->text[l->value_off + l->value_len - 1]))
            l->value_len--;
        h->text[l->name_off + l->name_len] = '\0';
        l->name = h->text + l->name_off;
        /* The place of an empty value may be the start of the next line. */
        if (l->value_len > 0)
            h->text[l->value_off + l->value_len] = '\0';
        l->value = l->value_len > 0 ? h->text + l->value_off : "";
        if (!is_token(l->name)) {
            *ret_why = "bad header name";
            return -400;
        }
    }
    return 0;
}

int http_head_finish(struct http_head *h, const char *data, size_t len, const char **ret_why)
{
    int r;

    *ret_why = "malformed request";
    if (!bytes_acceptable(data, len))
        return -400;
    if (h->minor < 0 || h->minor > 1) {
        *ret_why = "unsupported HTTP version";
        return -505;
    }
    h->text = xstrndup(data, len);
    r = cut_headers(h, ret_why);
    if (r < 0)
        return r;
    h->text[h->url_off + h->url_len] = '\0';
    r = set_target(h, h->text + h->url_off, ret_why);
    if (r == 0)
        r = set_hosts(h, ret_why);
    if (r == 0)
        r = set_framing(h, ret_why);
    if (r < 0)
        return r;

    const char *connection = http_head_get(h, "Connection");
    const char *expect = http_head_get(h, "Expect");
    h->keep_alive = h->minor > 0 ? !http_token_in_list(connection, "close")
                                 : http_token_in_list(connection, "keep-alive");
    h->upgrade = http_token_in_list(connection, "upgrade") && http_head_get(h, "Upgrade");
    if (expect && h->minor > 0) {
        if (strcasecmp(expect, "100-continue") != 0) {
            *ret_why = "unknown expectation";
            return -417;
        }
        h->expect_continue = h->framing != HTTP_BODY_NONE;
    }
    return 0;
}
