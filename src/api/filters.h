/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The `filters` parameter: a JSON object from filter names to their values, either as an object
 * {"status":{"running":true}} or, from old clients, as an array {"status":["running"]}. */

#include "api/request.h"

/* Parses the text into a new object {"name":["value", …]}. ERR_INVALID ("invalid filter") for
 * anything else, and ("invalid filter 'x'") for a name that is not among `accepted` (NULL-ended,
 * static). */
int api_filters_parse(const char *text, const char *const *accepted, json_t **ret, struct err *err);
/* The request's parameter; *ret is NULL when there is none. */
int api_filters(struct api_request *rq, const char *const *accepted, json_t **ret, struct err *err);
