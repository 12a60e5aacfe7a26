/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /containers: all that is answered at once. */

#include <limits.h>

#include "api/filters.h"
#include "api/versions.h"
#include "base/str.h"

/* A start request with a body once carried a HostConfig; "{}" and the like are let through. */
#define START_BODY_MAX 7

static const char *const container_filters[] = {
    "ancestor", "before", "expose",  "exited",  "health", "id",     "isolation", "is-task",
    "label",    "name",   "network", "publish", "since",  "status", "volume",    NULL,
};

static int list(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *filters = NULL;
    _cleanup_json_ json_t *answer = NULL;
    int limit = 0;
    int r = api_filters(rq, container_filters, &filters, err);

    if (r == 0)
        r = api_int(rq, "limit", &limit, err);
    if (r < 0)
        return r;
    bool all = api_bool(rq, "all") || limit > 0;
    r = engine_container_list(rq->engine, filters, all, limit > 0 ? limit : -1,
                              api_bool(rq, "size"), &answer, err);
    if (r < 0)
        return r;
    api_answers_for_version(API_CONTAINER_SUMMARY, answer, rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

/* True when the body says nothing about the container itself. */
static bool config_empty(const json_t *body)
{
    size_t other = (json_object_get(body, "HostConfig") != NULL) +
                   (json_object_get(body, "NetworkingConfig") != NULL);

    return json_object_size(body) <= other;
}

static int check_create(const json_t *body, unsigned version, struct err *err)
{
    const json_t *networking = json_object_get(body, "NetworkingConfig");

    if (config_empty(body))
        return err_set(err, ERR_INVALID, "config cannot be empty in order to create a container");
    if (version < 44 && json_object_size(json_object_get(networking, "EndpointsConfig")) > 1)
        return err_set(err, ERR_INVALID,
                       "Container cannot be created with multiple network endpoints");
    return 0;
}

static int create(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *body = NULL;
    _cleanup_json_ json_t *answer = json_object();
    json_t *warnings = NULL;
    char id[65];
    int r = api_read_json(rq, true, &body, err);

    if (r == 0)
        r = check_create(body, rq->version, err);
    if (r < 0)
        return r;
    api_create_for_version(body, rq->version);
    const char *platform = rq->version >= 41 ? api_param(rq, "platform") : NULL;
    r = engine_container_create(rq->engine, api_param(rq, "name"), body, platform, id, &warnings,
                                err);
    if (r < 0)
        return r;
    json_set_str(answer, "Id", id);
    json_set_take(answer, "Warnings", warnings ? warnings : json_array());
    api_reply_json(rq, 201, answer);
    return 0;
}

static int inspect(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_container_inspect(rq->engine, rq->name, api_bool(rq, "size"), &answer, err);

    if (r < 0)
        return r;
    api_answer_for_version(API_CONTAINER, answer, rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

/* The end of operations that answer with a status alone. */
static int done(struct api_request *rq, int r, int status)
{
    if (r == 0)
        api_reply_empty(rq, status);
    return r;
}

static int start(struct api_request *rq, struct err *err)
{
    int64_t len = http_content_length(rq->http);

    if (len < 0 || len > START_BODY_MAX)
        return err_set(err, ERR_INVALID,
                       "starting container with non-empty request body was deprecated since API "
                       "v1.22 and removed in v1.24");
    return done(rq, engine_container_start(rq->engine, rq->name, api_param(rq, "detachKeys"), err),
                204);
}

/* Reads the parameters that stop and restart share. */
static int stop_params(struct api_request *rq, const char **ret_signal, int *ret_timeout,
                       struct err *err)
{
    *ret_timeout = INT_MIN;
    *ret_signal = rq->version >= 42 ? api_param(rq, "signal") : NULL;
    return api_int(rq, "t", ret_timeout, err);
}

static int stop(struct api_request *rq, struct err *err)
{
    const char *signal;
    int timeout;
    int r = stop_params(rq, &signal, &timeout, err);

    if (r < 0)
        return r;
    return done(rq, engine_container_stop(rq->engine, rq->name, signal, timeout, err), 204);
}

static int restart(struct api_request *rq, struct err *err)
{
    const char *signal;
    int timeout;
    int r = stop_params(rq, &signal, &timeout, err);

    if (r < 0)
        return r;
    return done(rq, engine_container_restart(rq->engine, rq->name, signal, timeout, err), 204);
}

static int kill_container(struct api_request *rq, struct err *err)
{
    return done(rq, engine_container_kill(rq->engine, rq->name, api_param(rq, "signal"), err), 204);
}

static int pause_container(struct api_request *rq, struct err *err)
{
    return done(rq, engine_container_pause(rq->engine, rq->name, err), 204);
}

static int unpause(struct api_request *rq, struct err *err)
{
    return done(rq, engine_container_unpause(rq->engine, rq->name, err), 204);
}

static int rename_container(struct api_request *rq, struct err *err)
{
    const char *name = api_param(rq, "name");

    if (!name || str_eq(name, "/"))
        return err_set(err, ERR_INVALID, "Neither old nor new names may be empty");
    return done(rq, engine_container_rename(rq->engine, rq->name, name, err), 204);
}

static int remove_container(struct api_request *rq, struct err *err)
{
    return done(rq,
                engine_container_remove(rq->engine, rq->name, api_bool(rq, "force"),
                                        api_bool(rq, "v"), api_bool(rq, "link"), err),
                204);
}

static int resize(struct api_request *rq, struct err *err)
{
    uint16_t rows;
    uint16_t cols;
    int r = api_terminal_size(rq, &rows, &cols, err);

    if (r < 0)
        return r;
    return done(rq, engine_container_resize(rq->engine, rq->name, rows, cols, err), 200);
}

static int top(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_container_top(rq->engine, rq->name, api_param(rq, "ps_args"), &answer, err);

    if (r == 0)
        api_reply_json(rq, 200, answer);
    return r;
}

static int update(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *body = NULL;
    _cleanup_json_ json_t *answer = json_object();
    json_t *warnings = NULL;
    int r = api_read_json(rq, true, &body, err);

    if (r == 0)
        r = engine_container_update(rq->engine, rq->name, body, &warnings, err);
    if (r < 0)
        return r;
    json_set_take(answer, "Warnings", warnings);
    api_reply_json(rq, 200, answer);
    return 0;
}

const struct api_route api_container_routes[] = {
    {"POST", "/containers/{id}/update", update, 0, 0},
    {"GET", "/containers/json", list, 0, 0},
    {"POST", "/containers/create", create, 0, 0},
    {"GET", "/containers/{id}/json", inspect, 0, 0},
    {"GET", "/containers/{id}/top", top, 0, 0},
    {"POST", "/containers/{id}/start", start, 0, 0},
    {"POST", "/containers/{id}/stop", stop, 0, 0},
    {"POST", "/containers/{id}/restart", restart, 0, 0},
    {"POST", "/containers/{id}/kill", kill_container, 0, 0},
    {"POST", "/containers/{id}/pause", pause_container, 0, 0},
    {"POST", "/containers/{id}/unpause", unpause, 0, 0},
    {"POST", "/containers/{id}/rename", rename_container, 0, 0},
    {"POST", "/containers/{id}/resize", resize, 0, 0},
    {"DELETE", "/containers/{id}", remove_container, 0, 0},
    {},
};
