/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Percent-decoding of request targets, strictly: a '%' without two hex digits is an error, and so
 * is an escape that would put a NUL (in paths: any control character) into a string. */

#include "base/macros.h"

/* The decoded path, or NULL when it is malformed. Caller frees. */
char *uri_decode_path(const char *path);
/* True when every escape of the query is well-formed. */
bool uri_query_valid(const char *query);

/* A query taken apart. */
struct uri_param {
    char *name, *value; /* owned by the list */
};
struct uri_query {
    struct uri_param *params; /* owned */
    size_t n;
};
/* Splits at '&' and decodes; '+' is a blank. The query must be valid. */
void uri_query_parse(const char *query, struct uri_query *ret);
void uri_query_done(struct uri_query *q);
/* The first value of that name, or NULL. Borrowed. */
const char *uri_query_get(const struct uri_query *q, const char *name);
