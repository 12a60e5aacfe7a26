/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Endpoints that Docker documents and this engine does not have: a clear answer instead of "page
 * not found". */

#include "api/request.h"

static int unsupported(struct api_request *rq, struct err *err)
{
    const struct http_request_info *info = http_info(rq->http);

    return err_set(err, ERR_UNSUPPORTED, "%s %s is not supported by this version of Lighter",
                   info->method, info->path);
}

/* What Docker answers when it is in no swarm; clients ask to find that out. */
static int no_swarm(struct api_request *rq, struct err *err)
{
    (void)rq;
    return err_set(err, ERR_UNAVAILABLE,
                   "This node is not a swarm manager: swarm mode is not supported by this version "
                   "of Lighter");
}

const struct api_route api_unsupported_routes[] = {
    {"GET", "/containers/{id}/attach/ws", unsupported, 0, 0},
    {"POST", "/build", unsupported, 0, 0},
    {"POST", "/build/cancel", unsupported, 39, 0},
    {"POST", "/session", unsupported, 31, 0},
    {"POST", "/grpc", unsupported, 39, 0},
    {"POST", "/images/{name*}/push", unsupported, 0, 0},
    {"GET", "/images/{name*}/attestations", unsupported, 55, 0},
    {"GET", "/images/search", unsupported, 0, 0},
    {"GET", "/distribution/{name*}/json", unsupported, 30, 0},
    {"PUT", "/volumes/{name*}", unsupported, 42, 0},
    {"POST", "/networks/create", unsupported, 0, 0},
    {"POST", "/networks/{id*}/connect", unsupported, 0, 0},
    {"POST", "/networks/{id*}/disconnect", unsupported, 0, 0},
    {"DELETE", "/networks/{id*}", unsupported, 0, 0},
    {"GET", "/plugins", unsupported, 25, 0},
    {"GET", "/plugins/{name*}", unsupported, 25, 0},
    {"POST", "/plugins/{name*}", unsupported, 25, 0},
    {"DELETE", "/plugins/{name*}", unsupported, 25, 0},
    {"GET", "/swarm", no_swarm, 0, 0},
    {"GET", "/swarm/unlockkey", no_swarm, 0, 0},
    {"POST", "/swarm/init", unsupported, 0, 0},
    {"POST", "/swarm/join", unsupported, 0, 0},
    {"POST", "/swarm/{action}", no_swarm, 0, 0},
    {"GET", "/nodes", no_swarm, 0, 0},
    {"GET", "/nodes/{id*}", no_swarm, 0, 0},
    {"POST", "/nodes/{id*}", no_swarm, 0, 0},
    {"DELETE", "/nodes/{id*}", no_swarm, 0, 0},
    {"GET", "/services", no_swarm, 0, 0},
    {"GET", "/services/{id*}", no_swarm, 0, 0},
    {"POST", "/services/{id*}", no_swarm, 0, 0},
    {"DELETE", "/services/{id*}", no_swarm, 0, 0},
    {"GET", "/tasks", no_swarm, 0, 0},
    {"GET", "/tasks/{id*}", no_swarm, 0, 0},
    {"GET", "/secrets", no_swarm, 25, 0},
    {"GET", "/secrets/{id*}", no_swarm, 25, 0},
    {"POST", "/secrets/{id*}", no_swarm, 25, 0},
    {"DELETE", "/secrets/{id*}", no_swarm, 25, 0},
    {"GET", "/configs", no_swarm, 30, 0},
    {"GET", "/configs/{id*}", no_swarm, 30, 0},
    {"POST", "/configs/{id*}", no_swarm, 30, 0},
    {"DELETE", "/configs/{id*}", no_swarm, 30, 0},
    {},
};
