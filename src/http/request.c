/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a handler asks about its request. */

#include "base/alloc.h"
#include "base/str.h"
#include "http/conn.h"

const struct http_request_info *http_info(const struct http_request *rq)
{
    return &rq->info;
}

const char *http_header(const struct http_request *rq, const char *name)
{
    return http_head_get(&rq->head, name);
}

bool http_has_body(const struct http_request *rq)
{
    return rq->head.framing != HTTP_BODY_NONE;
}

int64_t http_content_length(const struct http_request *rq)
{
    return rq->head.framing == HTTP_BODY_CHUNKED ? -1 : (int64_t)rq->head.content_length;
}

static const struct uri_query *params(struct http_request *rq)
{
    if (!rq->params_parsed)
        uri_query_parse(rq->info.query, &rq->params);
    rq->params_parsed = true;
    return &rq->params;
}

const char *http_query(struct http_request *rq, const char *name)
{
    return uri_query_get(params(rq), name);
}

char **http_query_all(struct http_request *rq, const char *name)
{
    const struct uri_query *q = params(rq);
    char **all = NULL;

    for (size_t i = 0; i < q->n; i++)
        if (str_eq(q->params[i].name, name))
            strv_push(&all, q->params[i].value);
    return all;
}
