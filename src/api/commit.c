/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /commit, and /auth. */

#include "api/request.h"
#include "base/str.h"

static int commit(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *body = NULL;
    _cleanup_json_ json_t *answer = json_object();
    _cleanup_strv_ char **changes = http_query_all(rq->http, "changes");
    const char *container = api_param(rq, "container");
    struct engine_commit params = {
        .repo = api_param(rq, "repo"),
        .tag = api_param(rq, "tag"),
        .author = api_param(rq, "author"),
        .message = api_param(rq, "comment"),
        .pause = !api_param(rq, "pause") || api_bool(rq, "pause"),
        .changes = changes,
    };
    char id[80];
    int r = api_read_json(rq, false, &body, err);

    if (r < 0)
        return r;
    if (!container)
        return err_set(err, ERR_INVALID, "bad parameter: container cannot be empty");
    params.config = body;
    r = engine_container_commit(rq->engine, container, &params, id, err);
    if (r < 0)
        return r;
    json_set_str(answer, "Id", id);
    api_reply_json(rq, 201, answer);
    return 0;
}

static int auth(struct api_request *rq, struct err *err)
{
    (void)rq;
    return err_set(err, ERR_UNSUPPORTED,
                   "logging in to a registry is not supported by this version of Lighter");
}

const struct api_route api_commit_routes[] = {
    {"POST", "/commit", commit, 0, 0},
    {"POST", "/auth", auth, 0, 0},
    {},
};
