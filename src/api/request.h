/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Internal to api/: a routed request, and how handlers read from it and answer it. */

#include "api/api.h"

struct api_request {
    struct http_request *http;
    struct engine *engine;
    const struct api *api;
    unsigned version; /* minor: 24 … 55 */
    const char
        *name; /* what the path has in place of {…}; NULL when the route has none. Borrowed. */
};

/* Answers and returns 0, or returns a negative errno with err set, which becomes the answer. */
typedef int (*api_handler_fn)(struct api_request *rq, struct err *err);

struct api_route {
    const char *method;
    /* "{id}" stands for one path segment, "{name*}" for one or more; one of them at most. */
    const char *pattern;
    api_handler_fn handler;
    unsigned since; /* API version the route appeared in; 0: always there */
    unsigned until; /* the last version that has it; 0: still there */
};

/* One table per resource, ended by an empty row. */
extern const struct api_route api_archive_routes[];
extern const struct api_route api_commit_routes[];
extern const struct api_route api_container_routes[];
extern const struct api_route api_container_stream_routes[];
extern const struct api_route api_exec_routes[];
extern const struct api_route api_image_routes[];
extern const struct api_route api_network_routes[];
extern const struct api_route api_volume_routes[];
extern const struct api_route api_prune_routes[];
extern const struct api_route api_system_routes[];
/* What Docker has and this engine does not. */
extern const struct api_route api_unsupported_routes[];

/* --- parameters --- */
/* A query parameter that may be missing: NULL when missing or empty. */
const char *api_param(struct api_request *rq, const char *name);
/* Docker's loose idea of a boolean: all but "", 0, no, false, none is true. */
bool api_bool(struct api_request *rq, const char *name);
/* A decimal number. A missing one leaves *ret alone; a bad one is ERR_INVALID in the words of Go's
 * strconv. */
int api_int(struct api_request *rq, const char *name, int *ret, struct err *err);
/* A terminal size, which must be there. */
int api_terminal_size(struct api_request *rq, uint16_t *ret_rows, uint16_t *ret_cols,
                      struct err *err);
/* since/until: a time as time_parse_reference() takes it; missing gives 0. */
int api_time(struct api_request *rq, const char *name, int64_t *ret_nsec, struct err *err);
/* The JSON body. With `required` an empty one is an error, else *ret is NULL then. */
int api_read_json(struct api_request *rq, bool required, json_t **ret, struct err *err);

/* --- answers --- */
void api_reply_json(struct api_request *rq, int status, const json_t *j);
void api_reply_empty(struct api_request *rq, int status);
void api_reply_error(struct api_request *rq, const struct err *err);

/* A streamed answer that begins when the engine says so; its begin() fits engine_progress and
 * engine_events(). */
struct api_stream {
    struct api_request *rq;
    const char *content_type;
    bool begun;
    struct sink sink; /* once begun */
};
int api_stream_begin(void *ctx, struct sink *ret, struct err *err);
