/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The head of a request: request line and headers, parsed incrementally out of one growing buffer.
 *
 * Life cycle: http_head_init() -> http_head_feed() until it is complete -> http_head_finish(),
 * which copies the head into memory of its own and checks everything that the parser library lets
 * pass (control characters, folded lines, conflicting framing, bad escapes) -> http_head_done(). */

#include "base/limits.h"
#include "base/macros.h"

enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct http_header_line {
    size_t name_off, name_len; /* into the buffer */
    size_t value_off, value_len;
    const char *name, *value; /* borrowed: http_head.text; set by http_head_finish() */
};

struct http_head {
    void *parser;          /* owned: library state; NULL when not parsing */
    const char *feed_base; /* borrowed during http_head_feed() only */
    size_t fed;            /* bytes of the buffer given to the parser */
    size_t url_off, url_len;
    bool in_value, complete, too_many;

    char *text;         /* owned: copy of the head, cut into strings */
    char *path;         /* owned: decoded */
    const char *query;  /* borrowed: text */
    const char *method; /* static */
    int minor;          /* HTTP/1.minor */
    struct http_header_line headers[LIMIT_HTTP_HEADERS];
    size_t n_headers;

    bool keep_alive;      /* what the client asks for */
    bool expect_continue; /* "Expect: 100-continue" */
    bool upgrade;         /* an Upgrade header and "Connection: upgrade" */
    enum http_framing framing;
    uint64_t content_length;
};

void http_head_init(struct http_head *h);
void http_head_done(struct http_head *h);
/* Gives it what is new in the buffer `data`/`len` (which always starts at the same byte, but may
 * move). 0: more is needed; 1: complete, *ret_len bytes belong to the head; else minus an HTTP
 * status. */
int http_head_feed(struct http_head *h, const char *data, size_t len, size_t *ret_len);
/* After completion: the strings above. 0, or minus an HTTP status with *ret_why static. */
int http_head_finish(struct http_head *h, const char *data, size_t len, const char **ret_why);
/* A header's value, or NULL; the name in any case. */
const char *http_head_get(const struct http_head *h, const char *name);
/* True when the comma-separated list `value` has `token`, in any case. */
bool http_token_in_list(const char *value, const char *token);
