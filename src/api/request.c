/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/request.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "api/status.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"

const char *api_param(struct api_request *rq, const char *name)
{
    const char *v = http_query(rq->http, name);

    return str_empty(v) ? NULL : v;
}

bool api_bool(struct api_request *rq, const char *name)
{
    static const char *const no[] = {"", "0", "no", "false", "none"};
    const char *v = api_param(rq, name);

    if (!v)
        return false;
    v += strspn(v, " \t\r\n");
    size_t n = strlen(v);
    while (n > 0 && strchr(" \t\r\n", v[n - 1]))
        n--;
    for (size_t i = 0; i < ARRAY_SIZE(no); i++)
        if (strlen(no[i]) == n && strncasecmp(no[i], v, n) == 0)
            return false;
    return true;
}

static int number_error(const char *function, const char *text, int code, struct err *err)
{
    return err_set(err, ERR_INVALID, "strconv.%s: parsing \"%s\": %s", function, text,
                   code == -ERANGE ? "value out of range" : "invalid syntax");
}

int api_int(struct api_request *rq, const char *name, int *ret, struct err *err)
{
    const char *v = api_param(rq, name);
    int r = v ? parse_int(*v == '+' ? v + 1 : v, ret) : 0;

    return r < 0 ? number_error("Atoi", v, r, err) : 0;
}

static int terminal_side(struct api_request *rq, const char *name, uint16_t *ret, struct err *err)
{
    const char *v = http_query(rq->http, name);
    uint32_t n = 0;
    int r = parse_u32(v ? v : "", &n);

    if (r == 0 && n > UINT16_MAX)
        r = -ERANGE;
    if (r < 0)
        return number_error("Atoi", v ? v : "", r, err);
    *ret = (uint16_t)n;
    return 0;
}

int api_terminal_size(struct api_request *rq, uint16_t *ret_rows, uint16_t *ret_cols,
                      struct err *err)
{
    uint16_t rows = 0;
    uint16_t cols = 0;
    int r = terminal_side(rq, "h", &rows, err);

    if (r == 0)
        r = terminal_side(rq, "w", &cols, err);
    if (r < 0)
        return r;
    *ret_rows = rows;
    *ret_cols = cols;
    return 0;
}

int api_time(struct api_request *rq, const char *name, int64_t *ret_nsec, struct err *err)
{
    const char *v = api_param(rq, name);
    int64_t nsec = 0;

    if (v && time_parse_reference(v, now_nsec(), &nsec) < 0)
        return number_error("ParseInt", v, -EINVAL, err);
    *ret_nsec = nsec;
    return 0;
}

/* The media type alone must be application/json; parameters do not matter. */
static int check_content_type(struct api_request *rq, struct err *err)
{
    const char *type = http_header(rq->http, "Content-Type");

    if (str_empty(type))
        return err_set(err, ERR_INVALID, "malformed Content-Type header (): mime: no media type");
    size_t n = strcspn(type, "; \t");
    if (n != strlen("application/json") || strncasecmp(type, "application/json", n) != 0)
        return err_set(err, ERR_INVALID,
                       "unsupported Content-Type header (%s): must be 'application/json'", type);
    return 0;
}

static int bad_json(const char *text, struct err *err)
{
    struct err parse = {};

    json_decref(json_parse(text, strlen(text), "body", &parse));
    const char *tail = strstr(parse.message, "invalid JSON at ");
    if (strstr(parse.message, "end of file expected"))
        return err_set(err, ERR_INVALID, "unexpected content after JSON");
    if (strstr(parse.message, "near end of file") || strstr(parse.message, "premature end"))
        return err_set(err, ERR_INVALID, "invalid JSON: unexpected EOF");
    return err_set(err, ERR_INVALID, "invalid JSON: %s",
                   tail ? tail + strlen("invalid JSON at ") : parse.message);
}

int api_read_json(struct api_request *rq, bool required, json_t **ret, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = 0;

    if (http_has_body(rq->http) || http_header(rq->http, "Content-Type"))
        r = check_content_type(rq, err);
    if (r == 0)
        r = http_body_read_all(rq->http, LIMIT_HTTP_JSON_BODY, &text, &len, err);
    if (r < 0)
        return r;
    assert(text);
    if (strspn(text, " \t\r\n") == len) {
        if (required || len > 0)
            return err_set(err, ERR_INVALID, "invalid JSON: got EOF while reading request body");
        *ret = NULL;
        return 0;
    }
    if (strlen(text) != len)
        return err_set(err, ERR_INVALID, "invalid JSON: a NUL byte");
    json_t *j = json_parse(text, len, "body", err);
    if (!j)
        return bad_json(text, err);
    if (!json_is_object(j) && !json_is_null(j)) {
        json_decref(j);
        return err_set(err, ERR_INVALID, "invalid JSON: the request body must be an object");
    }
    if (json_is_null(j)) {
        json_decref(j);
        j = json_object();
    }
    *ret = j;
    return 0;
}

void api_reply_json(struct api_request *rq, int status, const json_t *j)
{
    _cleanup_free_ char *text = json_print(j);
    size_t len = strlen(text);

    text = xrealloc_array(text, len + 2, 1);
    text[len++] = '\n'; /* as Go's encoder ends it */
    http_reply(rq->http, status, "application/json", text, len);
}

void api_reply_empty(struct api_request *rq, int status)
{
    http_reply(rq->http, status, NULL, NULL, 0);
}

void api_reply_error(struct api_request *rq, const struct err *err)
{
    int status = api_status_of(err->kind);

    if (status == 304) {
        api_reply_empty(rq, status);
        return;
    }
    _cleanup_json_ json_t *j = json_object();
    json_set_str(j, "message", err->message[0] ? err->message : "internal error");
    api_reply_json(rq, status, j);
}

int api_stream_begin(void *ctx, struct sink *ret, struct err *err)
{
    struct api_stream *s = ctx;

    (void)err;
    if (!s->begun)
        http_stream_begin(s->rq->http, 200, s->content_type, &s->sink);
    s->begun = true;
    *ret = s->sink;
    return 0;
}
