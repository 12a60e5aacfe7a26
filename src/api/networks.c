/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /networks. */

#include "api/filters.h"
#include "api/versions.h"

static const char *const network_filters[] = {
    "dangling", "driver", "id", "label", "name", "scope", "type", NULL,
};

static int list(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *filters = NULL;
    _cleanup_json_ json_t *answer = NULL;
    int r = api_filters(rq, network_filters, &filters, err);

    if (r == 0)
        r = engine_network_list(rq->engine, filters, &answer, err);
    if (r < 0)
        return r;
    api_answers_for_version(API_NETWORK, answer, rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

static int inspect(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_network_inspect(rq->engine, rq->name, &answer, err);

    if (r < 0)
        return r;
    api_answer_for_version(API_NETWORK, answer, rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

const struct api_route api_network_routes[] = {
    {"GET", "/networks", list, 0, 0},
    {"GET", "/networks/", list, 0, 0},
    {"GET", "/networks/{id*}", inspect, 0, 0},
    {},
};
