/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/route.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"

#define VERSION_TEXT_MAX 32

bool api_route_match(const char *pattern, const char *path, const char **ret_name, size_t *ret_len)
{
    const char *open = strchr(pattern, '{');
    const char *name = NULL;
    size_t len = 0;

    if (!open) {
        if (strcmp(pattern, path) != 0)
            return false;
    } else {
        const char *close = strchr(open, '}');
        assert(close);
        size_t head = (size_t)(open - pattern);
        size_t tail = strlen(close + 1);
        size_t total = strlen(path);
        if (total <= head + tail || strncmp(pattern, path, head) != 0 ||
            strcmp(path + total - tail, close + 1) != 0)
            return false;
        name = path + head;
        len = total - head - tail;
        if (close[-1] != '*' && memchr(name, '/', len))
            return false;
    }
    *ret_name = name;
    *ret_len = len;
    return true;
}

/* Reads digits and steps over them; large numbers stay large. */
static unsigned read_number(const char **p)
{
    unsigned v = 0;

    for (; **p >= '0' && **p <= '9'; (*p)++)
        if (v < 100000)
            v = v * 10 + (unsigned)(**p - '0');
    return v;
}

int api_version_split(const char *path, unsigned *ret_version, const char **ret_rest,
                      struct err *err)
{
    const char *p = str_after(path, "/v");
    size_t n = p ? strspn(p, "0123456789.") : 0;
    char text[VERSION_TEXT_MAX];

    if (n == 0 || p[n] != '/') {
        *ret_version = API_VERSION;
        *ret_rest = path;
        return 0;
    }
    (void)snprintf(text, sizeof(text), "%.*s", (int)MIN(n, sizeof(text) - 1), p);
    const char *rest = p + n;
    unsigned major = read_number(&p);
    p += *p == '.';
    unsigned minor = read_number(&p);
    if (major < 1 || (major == 1 && minor < API_VERSION_MIN))
        return err_set(
            err, ERR_INVALID,
            "client version %s is too old. Minimum supported API version is 1.%d, please "
            "upgrade your client to a newer version",
            text, API_VERSION_MIN);
    if (major > 1 || minor > API_VERSION)
        return err_set(err, ERR_INVALID,
                       "client version %s is too new. Maximum supported API version is 1.%d", text,
                       API_VERSION);
    *ret_version = minor;
    *ret_rest = rest;
    return 0;
}

static const struct api_route *const tables[] = {
    api_archive_routes,          api_commit_routes, api_prune_routes,       api_container_routes,
    api_container_stream_routes, api_exec_routes,   api_image_routes,       api_network_routes,
    api_volume_routes,           api_system_routes, api_unsupported_routes,
};

/* Finds the route; without one, *ret_allow lists the methods that the path has. */
static const struct api_route *find_route(const char *method, const char *path, unsigned version,
                                          const char **ret_name, size_t *ret_len,
                                          struct buf *ret_allow)
{
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        for (const struct api_route *r = tables[i]; r->pattern; r++) {
            const char *name = NULL;
            size_t len = 0;

            assert(r->method);
            if (r->since > version || (r->until != 0 && r->until < version) ||
                !api_route_match(r->pattern, path, &name, &len))
                continue;
            if (str_eq(r->method, method)) {
                *ret_name = name;
                *ret_len = len;
                return r;
            }
            (void)buf_addf(ret_allow, "%s%s", ret_allow->len > 0 ? ", " : "", r->method);
        }
    }
    return NULL;
}

static void set_common_headers(struct http_request *rq, const struct api *api)
{
    char version[16];

    (void)snprintf(version, sizeof(version), "1.%d", API_VERSION);
    http_set_header(rq, "Api-Version", version);
    http_set_header(rq, "Docker-Experimental", api->experimental ? "true" : "false");
    http_set_header(rq, "Ostype", "linux");
    http_set_header(rq, "Server", "Lighter/" LIGHTER_VERSION " (linux)");
}

static void reply_message(struct api_request *rq, int status, const char *message)
{
    _cleanup_json_ json_t *j = json_object();

    json_set_str(j, "message", message);
    api_reply_json(rq, status, j);
}

static void run_route(struct api_request *rq, const struct api_route *route)
{
    struct err err = {};
    int r = route->handler(rq, &err);

    if (r == 0)
        return;
    const struct http_request_info *info = http_info(rq->http);
    log_debug("%s %s: %s", info->method, info->path, err.message);
    if (http_replied(rq->http))
        return;
    if (err.kind == ERR_NONE)
        err_errno(&err, r, "%s", info->path);
    if (err.kind == ERR_INTERNAL || err.kind == ERR_NO_SPACE)
        log_error("%s %s: %s", info->method, info->path, err.message);
    api_reply_error(rq, &err);
}

void api_handle(struct http_request *http, void *ctx)
{
    const struct api *api = ctx;
    const struct http_request_info *info = http_info(http);
    struct api_request rq = {
        .http = http, .engine = api->engine, .api = api, .version = API_VERSION};
    _cleanup_buf_ struct buf allow = BUF_INIT(4 * KIB);
    _cleanup_free_ char *name = NULL;
    const char *path = info->path;
    const char *part = NULL;
    size_t part_len = 0;
    struct err err = {};

    set_common_headers(http, api);
    if (api_version_split(info->path, &rq.version, &path, &err) < 0) {
        api_reply_error(&rq, &err);
        return;
    }
    if (str_eq(info->method, "OPTIONS")) {
        api_reply_empty(&rq, 200);
        return;
    }
    const struct api_route *route =
        find_route(info->method, path, rq.version, &part, &part_len, &allow);
    if (!route && allow.len == 0) {
        reply_message(&rq, 404, "page not found");
        return;
    }
    if (!route) {
        http_set_header(http, "Allow", buf_str(&allow));
        reply_message(&rq, 405, "method not allowed");
        return;
    }
    if (part)
        name = xstrndup(part, part_len);
    rq.name = name;
    run_route(&rq, route);
}
