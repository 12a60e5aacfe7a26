/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /containers: files in and out, export and changes. */

#include <string.h>

#include "api/request.h"
#include "base/base64.h"
#include "base/str.h"

#define STAT_HEADER "X-Docker-Container-Path-Stat"

static int path_param(struct api_request *rq, const char **ret, struct err *err)
{
    const char *path = api_param(rq, "path");

    if (!path)
        return err_set(err, ERR_INVALID, "bad parameter: path cannot be empty");
    *ret = path;
    return 0;
}

static void set_stat(struct api_request *rq, const json_t *stat)
{
    _cleanup_free_ char *text = json_print(stat);
    _cleanup_free_ char *coded = base64_encode(text, strlen(text));

    http_set_header(rq->http, STAT_HEADER, coded);
}

static int stat_path(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *stat = NULL;
    const char *path = NULL;
    int r = path_param(rq, &path, err);

    if (r == 0)
        r = engine_archive_stat(rq->engine, rq->name, path, &stat, err);
    if (r < 0)
        return r;
    set_stat(rq, stat);
    http_reply(rq->http, 200, NULL, NULL, 0);
    return 0;
}

static int begin_get(void *ctx, const json_t *stat, struct sink *ret, struct err *err)
{
    struct api_stream *s = ctx;

    set_stat(s->rq, stat);
    return api_stream_begin(s, ret, err);
}

static int get(struct api_request *rq, struct err *err)
{
    struct api_stream stream = {.rq = rq, .content_type = "application/x-tar"};
    const char *path = NULL;
    int r = path_param(rq, &path, err);

    if (r == 0)
        r = engine_archive_get(rq->engine, rq->name, path, begin_get, &stream, err);
    if (r < 0 && stream.begun)
        http_stream_abort(rq->http);
    return r;
}

static int put(struct api_request *rq, struct err *err)
{
    _cleanup_close_ int fd = -1;
    const char *path = NULL;
    int r = path_param(rq, &path, err);

    if (r == 0)
        r = http_body_fd(rq->http, &fd, err);
    if (r == 0)
        r = engine_archive_put(rq->engine, rq->name, path, api_bool(rq, "noOverwriteDirNonDir"),
                               api_bool(rq, "copyUIDGID"), fd, err);
    if (r == 0 && http_body_error(rq->http) < 0)
        r = err_set(err, ERR_CANCELLED, "the archive broke off");
    if (r == 0)
        api_reply_empty(rq, 200);
    return r;
}

static int export_container(struct api_request *rq, struct err *err)
{
    struct api_stream stream = {.rq = rq, .content_type = "application/octet-stream"};
    int r = engine_container_export(rq->engine, rq->name, api_stream_begin, &stream, err);

    if (r < 0 && stream.begun)
        http_stream_abort(rq->http);
    return r;
}

static int changes(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_container_changes(rq->engine, rq->name, &answer, err);

    if (r == 0)
        api_reply_json(rq, 200, answer);
    return r;
}

const struct api_route api_archive_routes[] = {
    {"GET", "/containers/{id}/export", export_container, 0, 0},
    {"GET", "/containers/{id}/changes", changes, 0, 0},
    {"HEAD", "/containers/{id}/archive", stat_path, 0, 0},
    {"GET", "/containers/{id}/archive", get, 0, 0},
    {"PUT", "/containers/{id}/archive", put, 0, 0},
    {},
};
