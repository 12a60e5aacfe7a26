/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The Docker Engine API: routes a request, reads its parameters, calls one operation of the engine
 * and writes the answer in the client's API version. Knows HTTP and JSON, no kernel. */

#include "engine/engine.h"
#include "http/server.h"

#define API_VERSION     55 /* 1.55 */
#define API_VERSION_MIN 24 /* 1.24 */

struct api {
    struct engine *engine; /* borrowed */
    bool experimental;     /* the Docker-Experimental header */
};

/* A http_handler_fn; ctx is the struct api, which only has to outlive the server. */
void api_handle(struct http_request *rq, void *ctx);
