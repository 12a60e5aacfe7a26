/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /volumes. */

#include "api/filters.h"

static const char *const volume_filters[] = {"dangling", "driver", "label", "name", NULL};

static int list(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *filters = NULL;
    _cleanup_json_ json_t *answer = NULL;
    int r = api_filters(rq, volume_filters, &filters, err);

    if (r == 0)
        r = engine_volume_list(rq->engine, filters, &answer, err);
    if (r < 0)
        return r;
    if (json_is_array(answer)) {
        json_t *o = json_object();
        json_set_take(o, "Volumes", TAKE_PTR(answer));
        json_set_take(o, "Warnings", json_null());
        answer = o;
    }
    api_reply_json(rq, 200, answer);
    return 0;
}

static int create(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *body = NULL;
    _cleanup_json_ json_t *answer = NULL;
    int r = api_read_json(rq, false, &body, err);

    if (r < 0)
        return r;
    if (!body)
        body = json_object();
    r = engine_volume_create(rq->engine, body, &answer, err);
    if (r == 0)
        api_reply_json(rq, 201, answer);
    return r;
}

static int inspect(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_volume_inspect(rq->engine, rq->name, &answer, err);

    if (r == 0)
        api_reply_json(rq, 200, answer);
    return r;
}

static int remove_volume(struct api_request *rq, struct err *err)
{
    bool force = rq->version >= 25 && api_bool(rq, "force");
    int r = engine_volume_remove(rq->engine, rq->name, force, err);

    if (r == 0)
        api_reply_empty(rq, 204);
    return r;
}

const struct api_route api_volume_routes[] = {
    {"GET", "/volumes", list, 0, 0},
    {"POST", "/volumes/create", create, 0, 0},
    {"GET", "/volumes/{name*}", inspect, 0, 0},
    {"DELETE", "/volumes/{name*}", remove_volume, 0, 0},
    {},
};
