/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /images. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "api/filters.h"
#include "api/versions.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"

#define SAVE_BLOCK_BYTES (64 * KIB)

static const char *const image_filters[] = {
    "before", "dangling", "label", "reference", "since", "until", NULL,
};

/* Before 1.41, `filter` was a reference to match. */
static void add_old_filter(struct api_request *rq, json_t **filters)
{
    const char *reference = rq->version < 41 ? api_param(rq, "filter") : NULL;

    if (!reference)
        return;
    if (!*filters)
        *filters = json_object();
    json_set_take(*filters, "reference", json_pack("[o]", json_str_new(reference)));
}

static int list(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *filters = NULL;
    _cleanup_json_ json_t *answer = NULL;
    int r = api_filters(rq, image_filters, &filters, err);

    if (r < 0)
        return r;
    add_old_filter(rq, &filters);
    r = engine_image_list(rq->engine, filters, api_bool(rq, "all"), api_bool(rq, "digests"),
                          rq->version >= 42 && api_bool(rq, "shared-size"), &answer, err);
    if (r < 0)
        return r;
    api_answers_for_version(API_IMAGE_SUMMARY, answer, rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

static int inspect(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_image_inspect(rq->engine, rq->name, &answer, err);

    if (r < 0)
        return r;
    api_answer_for_version(API_IMAGE, answer, rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

static int history(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_image_history(rq->engine, rq->name, &answer, err);

    if (r == 0)
        api_reply_json(rq, 200, answer);
    return r;
}

static int tag(struct api_request *rq, struct err *err)
{
    const char *repo = api_param(rq, "repo");
    const char *tag_name = api_param(rq, "tag");

    if (!repo)
        return err_set(err, ERR_INVALID, "invalid reference format");
    _cleanup_free_ char *target = tag_name ? xasprintf("%s:%s", repo, tag_name) : xstrdup(repo);
    int r = engine_image_tag(rq->engine, rq->name, target, err);
    if (r == 0)
        api_reply_empty(rq, 201);
    return r;
}

static int remove_image(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;

    if (rq->name[strspn(rq->name, " ")] == '\0')
        return err_set(err, ERR_INVALID, "image name cannot be blank");
    int r = engine_image_remove(rq->engine, rq->name, api_bool(rq, "force"),
                                api_bool(rq, "noprune"), &answer, err);
    if (r == 0)
        api_reply_json(rq, 200, answer);
    return r;
}

/* --- images that come in as a request body --- */

/* Once progress has been sent an error can only be one more line of it. */
static int finish_progress(struct api_stream *stream, int r, struct err *err)
{
    if (r == 0 && !stream->begun) {
        api_reply_empty(stream->rq, 200);
        return 0;
    }
    if (r == 0 || !stream->begun)
        return r;
    _cleanup_json_ json_t *line = json_object();
    json_t *detail = json_object();
    json_set_str(detail, "message", err->message);
    json_set_take(line, "errorDetail", detail);
    json_set_str(line, "error", err->message);
    _cleanup_free_ char *text = json_print(line);
    if (sink_write(&stream->sink, text, strlen(text)) == 0)
        (void)sink_write(&stream->sink, "\r\n", 2);
    return 0;
}

static int load(struct api_request *rq, struct err *err)
{
    struct api_stream stream = {.rq = rq, .content_type = "application/json"};
    struct engine_progress progress = {.begin = api_stream_begin, .ctx = &stream};
    _cleanup_close_ int fd = -1;
    int r = http_body_fd(rq->http, &fd, err);

    if (r < 0)
        return r;
    r = engine_image_load(rq->engine, fd, api_bool(rq, "quiet"), &progress, err);
    fd = close_fd(fd);
    return finish_progress(&stream, r, err);
}

static int import(struct api_request *rq, struct err *err)
{
    struct api_stream stream = {.rq = rq, .content_type = "application/json"};
    struct engine_progress progress = {.begin = api_stream_begin, .ctx = &stream};
    const char *source = api_param(rq, "fromSrc");
    _cleanup_strv_ char **changes = http_query_all(rq->http, "changes");
    _cleanup_close_ int fd = -1;

    if (!str_eq(source, "-"))
        return err_set(err, ERR_UNSUPPORTED,
                       "importing from a URL is not supported by this version of Lighter: send the "
                       "archive in the request body");
    int r = http_body_fd(rq->http, &fd, err);
    if (r < 0)
        return r;
    r = engine_image_import(rq->engine, fd, source, api_param(rq, "repo"), api_param(rq, "tag"),
                            api_param(rq, "message"), changes, api_param(rq, "platform"), &progress,
                            err);
    fd = close_fd(fd);
    return finish_progress(&stream, r, err);
}

static int create(struct api_request *rq, struct err *err)
{
    const char *from = api_param(rq, "fromImage");

    if (from)
        return err_set(err, ERR_UNSUPPORTED,
                       "pull %s: registries are not supported by this version of Lighter; use load "
                       "or import to bring in an image",
                       from);
    if (!api_param(rq, "fromSrc"))
        return err_set(err, ERR_INVALID, "neither fromImage nor fromSrc is given");
    return import(rq, err);
}

/* --- saving --- */

/* Moves what the engine writes into a pipe on into the answer, which begins with its first byte, so
 * that an error before it still becomes a status. */
struct save {
    struct api_stream stream;
    int fd; /* read end, owned by the thread */
};

static void *save_main(void *arg)
{
    struct save *s = arg;
    _cleanup_free_ char *block = xmalloc(SAVE_BLOCK_BYTES);
    struct sink sink;

    for (;;) {
        ssize_t n = read(s->fd, block, SAVE_BLOCK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        (void)api_stream_begin(&s->stream, &sink, NULL);
        if (sink_write(&sink, block, (size_t)n) < 0)
            break;
    }
    s->fd = close_fd(s->fd);
    return NULL;
}

static int save_images(struct api_request *rq, char *const *names, struct err *err)
{
    struct save s = {.stream = {.rq = rq, .content_type = "application/x-tar"}};
    pthread_t thread;
    int fds[2];

    if (strv_len(names) == 0)
        return err_set(err, ERR_INVALID, "no image is named");
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "create a pipe");
    s.fd = fds[0];
    int r = thread_spawn("api-save", 0, save_main, &s, &thread);
    if (r < 0) {
        close_fd(fds[0]);
        close_fd(fds[1]);
        return err_errno(err, r, "save images");
    }
    r = engine_image_save(rq->engine, names, fds[1], err);
    close_fd(fds[1]);
    (void)pthread_join(thread, NULL);
    if (r == 0 && !s.stream.begun)
        api_reply_empty(rq, 200);
    if (r < 0 && s.stream.begun)
        http_stream_abort(rq->http);
    return r;
}

static int get_one(struct api_request *rq, struct err *err)
{
    _cleanup_strv_ char **names = NULL;

    strv_push(&names, rq->name);
    return save_images(rq, names, err);
}

static int get_several(struct api_request *rq, struct err *err)
{
    _cleanup_strv_ char **names = http_query_all(rq->http, "names");

    return save_images(rq, names, err);
}

const struct api_route api_image_routes[] = {
    {"GET", "/images/json", list, 0, 0},
    {"POST", "/images/load", load, 0, 0},
    {"POST", "/images/create", create, 0, 0},
    {"GET", "/images/get", get_several, 0, 0},
    {"GET", "/images/{name*}/json", inspect, 0, 0},
    {"GET", "/images/{name*}/history", history, 0, 0},
    {"GET", "/images/{name*}/get", get_one, 0, 0},
    {"POST", "/images/{name*}/tag", tag, 0, 0},
    {"DELETE", "/images/{name*}", remove_image, 0, 0},
    {},
};
