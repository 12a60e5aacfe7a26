/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Ping, version, info and events. */

#include <stdio.h>

#include "api/filters.h"
#include "api/versions.h"
#include "base/str.h"

static const char *const event_filters[] = {
    "config", "container", "daemon", "event",   "image", "label",  "network", "node",
    "plugin", "scope",     "secret", "service", "type",  "volume", NULL,
};

/* Builder-Version 1 makes the docker command use its classic builder. */
static int ping(struct api_request *rq, struct err *err)
{
    (void)err;
    http_set_header(rq->http, "Builder-Version", "1");
    http_set_header(rq->http, "Cache-Control", "no-cache, no-store, must-revalidate");
    http_set_header(rq->http, "Pragma", "no-cache");
    http_set_header(rq->http, "Swarm", "inactive");
    bool head = str_eq(http_info(rq->http)->method, "HEAD");
    http_reply(rq->http, 200, "text/plain; charset=utf-8", "OK", head ? 0 : 2);
    return 0;
}

static int version(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    char newest[16];
    char oldest[16];
    json_t *component;
    size_t i;
    int r = engine_version(rq->engine, &answer, err);

    if (r < 0)
        return r;
    (void)snprintf(newest, sizeof(newest), "1.%d", API_VERSION);
    (void)snprintf(oldest, sizeof(oldest), "1.%d", API_VERSION_MIN);
    json_set_str(answer, "ApiVersion", newest);
    json_set_str(answer, "MinAPIVersion", oldest);
    json_array_foreach(json_object_get(answer, "Components"), i, component) {
        json_t *details = json_object_get(component, "Details");
        if (!str_eq(json_str_or(component, "Name", ""), "Engine") || !json_is_object(details))
            continue;
        json_set_str(details, "ApiVersion", newest);
        json_set_str(details, "MinAPIVersion", oldest);
    }
    api_reply_json(rq, 200, answer);
    return 0;
}

static int info(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_info(rq->engine, &answer, err);

    if (r < 0)
        return r;
    api_answer_for_version(API_INFO, answer, rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

/* From 1.52 on clients may ask for one of the names that JSON lines have. */
static const char *events_content_type(struct api_request *rq)
{
    static const char *const types[] = {"application/jsonl", "application/x-ndjson"};
    const char *accept = rq->version >= 52 ? http_header(rq->http, "Accept") : NULL;

    for (size_t i = 0; accept && i < ARRAY_SIZE(types); i++)
        if (str_eq(accept, types[i]))
            return types[i];
    return "application/json";
}

static int events(struct api_request *rq, struct err *err)
{
    struct api_stream stream = {.rq = rq, .content_type = events_content_type(rq)};
    _cleanup_json_ json_t *filters = NULL;
    int64_t since = 0;
    int64_t until = 0;
    int r = api_time(rq, "since", &since, err);

    if (r == 0)
        r = api_time(rq, "until", &until, err);
    if (r == 0)
        r = api_filters(rq, event_filters, &filters, err);
    if (r < 0)
        return r;
    if (since != 0 && until != 0 && since > until)
        return err_set(err, ERR_INVALID, "`since` time (%s) cannot be after `until` time (%s)",
                       api_param(rq, "since"), api_param(rq, "until"));
    /* since=0 is a time too: everything that is still known */
    if (since == 0 && !str_empty(api_param(rq, "since")))
        since = 1;
    return engine_events(rq->engine, filters, since, until, api_stream_begin, &stream, err);
}

const struct api_route api_system_routes[] = {
    {"GET", "/_ping", ping, 0, 0},      {"HEAD", "/_ping", ping, 0, 0},
    {"GET", "/version", version, 0, 0}, {"GET", "/info", info, 0, 0},
    {"GET", "/events", events, 0, 0},   {},
};
