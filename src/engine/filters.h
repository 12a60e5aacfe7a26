/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The `filters` parameter of lists and events: {"name":{"value":true}} or {"name":["value"]}. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

/* Checks shape and names; accepted is a NULL-terminated list. ERR_INVALID `invalid filter 'x'`. */
int filters_check(const json_t *filters, const char *const *accepted, struct err *err);
bool filters_has(const json_t *filters, const char *name);
/* Steps through a filter's values: start with *cursor = 0. NULL at the end. Borrowed. */
const char *filters_next(const json_t *filters, const char *name, size_t *cursor);
/* True when the filter is absent or names the value. */
bool filters_exact(const json_t *filters, const char *name, const char *value);
/* … or a value that `value` starts with. */
bool filters_prefix(const json_t *filters, const char *name, const char *value);
/* … or equals, or matches as a regular expression (Docker's Match; extended POSIX here). */
bool filters_match(const json_t *filters, const char *name, const char *value);
/* "key" and "key=value" filters against an object of strings: all must hold. */
bool filters_labels(const json_t *filters, const char *name, const json_t *labels);
/* A boolean filter; absent leaves *ret and *ret_set. ERR_INVALID `invalid filter 'dangling=[x]'`.
 */
int filters_bool(const json_t *filters, const char *name, bool *ret_set, bool *ret,
                 struct err *err);
