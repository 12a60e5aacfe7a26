/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /containers: attach, logs and wait, whose answers are streams. */

#include <errno.h>
#include <string.h>

#include "api/stream.h"
#include "base/str.h"

const char *api_stream_content_type(const struct api_request *rq, bool multiplexed)
{
    return multiplexed && rq->version >= 42 ? "application/vnd.docker.multiplexed-stream"
                                            : "application/vnd.docker.raw-stream";
}

int api_hijack(void *ctx, bool multiplexed, int *ret_fd, char **ret_preread,
               size_t *ret_preread_len, struct err *err)
{
    struct api_request *rq = ctx;
    /* as Docker: who asks for no upgrade is told nothing of the frames */
    bool told = multiplexed && http_wants_upgrade(rq->http);

    return http_hijack(rq->http, api_stream_content_type(rq, told), ret_fd, ret_preread,
                       ret_preread_len, err);
}

static int attach(struct api_request *rq, struct err *err)
{
    struct engine_attach params = {
        .stream = api_bool(rq, "stream"),
        .logs = api_bool(rq, "logs"),
        .use_stdin = api_bool(rq, "stdin"),
        .use_stdout = api_bool(rq, "stdout"),
        .use_stderr = api_bool(rq, "stderr"),
        .detach_keys = api_param(rq, "detachKeys"),
        .hijack = api_hijack,
        .ctx = rq,
    };

    return engine_container_attach(rq->engine, rq->name, &params, err);
}

static int begin_logs(void *ctx, bool multiplexed, struct sink *ret, struct err *err)
{
    struct api_stream *s = ctx;

    s->content_type = api_stream_content_type(s->rq, multiplexed);
    return api_stream_begin(s, ret, err);
}

static int logs(struct api_request *rq, struct err *err)
{
    struct api_stream stream = {.rq = rq};
    struct engine_logs params = {
        .use_stdout = api_bool(rq, "stdout"),
        .use_stderr = api_bool(rq, "stderr"),
        .follow = api_bool(rq, "follow"),
        .timestamps = api_bool(rq, "timestamps"),
        .details = api_bool(rq, "details"),
        .tail = -1,
        .begin = begin_logs,
        .ctx = &stream,
    };
    const char *tail = api_param(rq, "tail");
    int64_t n;

    if (!params.use_stdout && !params.use_stderr)
        return err_set(err, ERR_INVALID, "Bad parameters: you must choose at least one stream");
    int r = api_time(rq, "since", &params.since_nsec, err);
    if (r == 0 && rq->version >= 35)
        r = api_time(rq, "until", &params.until_nsec, err);
    if (r < 0)
        return r;
    if (tail && parse_i64(tail, &n) == 0 && n >= 0)
        params.tail = n;
    return engine_container_logs(rq->engine, rq->name, &params, err);
}

/* The client relies on the headers coming before the wait ends: it starts the container then. */
static void wait_registered(void *ctx)
{
    struct sink sink;

    (void)api_stream_begin(ctx, &sink, NULL);
}

static void reply_wait(struct api_request *rq, struct api_stream *stream, int64_t code,
                       const char *error)
{
    _cleanup_json_ json_t *answer = json_object();
    _cleanup_free_ char *text = NULL;

    json_set_i64(answer, "StatusCode", code);
    if (error) {
        json_t *e = json_object();
        json_set_str(e, "Message", error);
        json_set_take(answer, "Error", e);
    }
    if (!stream->begun) {
        api_reply_json(rq, 200, answer);
        return;
    }
    text = json_print(answer);
    if (sink_write(&stream->sink, text, strlen(text)) == 0)
        (void)sink_write(&stream->sink, "\n", 1);
}

static int wait_container(struct api_request *rq, struct err *err)
{
    struct api_stream stream = {.rq = rq, .content_type = "application/json"};
    bool modern = rq->version >= 30; /* conditions, and headers at once */
    const char *condition = modern ? api_param(rq, "condition") : NULL;
    _cleanup_free_ char *error = NULL;
    int64_t code = 0;

    if (condition && !str_eq(condition, "not-running") && !str_eq(condition, "next-exit") &&
        !str_eq(condition, "removed"))
        return err_set(err, ERR_INVALID, "invalid condition: \"%s\"", condition);
    int r = engine_container_wait(rq->engine, rq->name, condition, modern ? wait_registered : NULL,
                                  &stream, http_gone_fd(rq->http), &code, &error, err);
    if (r < 0 && (!stream.begun || (err && err->kind == ERR_CANCELLED)))
        return r;
    reply_wait(rq, &stream, r < 0 ? -1 : code, r < 0 && err ? err->message : error);
    return 0;
}

static int stats(struct api_request *rq, struct err *err)
{
    struct api_stream s = {.rq = rq, .content_type = "application/json"};
    bool stream = !api_param(rq, "stream") || api_bool(rq, "stream");
    bool one_shot = rq->version >= 41 && api_bool(rq, "one-shot");

    if (stream && one_shot)
        return err_set(err, ERR_INVALID, "cannot have stream=true and one-shot=true");
    return engine_container_stats(rq->engine, rq->name, stream, one_shot, http_gone_fd(rq->http),
                                  api_stream_begin, &s, err);
}

const struct api_route api_container_stream_routes[] = {
    {"GET", "/containers/{id}/stats", stats, 0, 0},
    {"POST", "/containers/{id}/attach", attach, 0, 0},
    {"GET", "/containers/{id}/logs", logs, 0, 0},
    {"POST", "/containers/{id}/wait", wait_container, 0, 0},
    {},
};
