/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A thin typed layer over jansson: bounded parsing, reading with errors that name the field, and
 * compact printing. Objects keep insertion order. json_t values follow jansson's counting: a
 * `json_t *` returned to a caller is a new reference unless it says borrowed. */

#include <jansson.h>

#include "base/err.h"
#include "base/macros.h"

static inline void json_decref_cleanup_(json_t **j)
{
    json_decref(*j);
}
#define _cleanup_json_ _cleanup_(json_decref_cleanup_)

/* Parses one JSON text of at most LIMIT_JSON_DEPTH levels. New reference, or NULL with ERR_INVALID
 * set. `what` names the text in the error. Any top-level value is taken. */
json_t *json_parse(const char *data, size_t len, const char *what, struct err *err);
/* Compact text; caller frees. Never NULL. */
char *json_print(const json_t *j);

/* Members of an object. A missing or null member leaves *ret as the caller set it and gives 0; a
 * wrong type gives -EINVAL and `field "<path>.<key>" must be a <type>`. path may be NULL. Strings
 * and containers are borrowed from the object. */
int json_get_str(const json_t *o, const char *path, const char *key, const char **ret,
                 struct err *err);
int json_get_bool(const json_t *o, const char *path, const char *key, bool *ret, struct err *err);
int json_get_i64(const json_t *o, const char *path, const char *key, int64_t *ret, struct err *err);
int json_get_u64(const json_t *o, const char *path, const char *key, uint64_t *ret,
                 struct err *err);
int json_get_int(const json_t *o, const char *path, const char *key, int *ret, struct err *err);
int json_get_object(const json_t *o, const char *path, const char *key, json_t **ret,
                    struct err *err);
int json_get_array(const json_t *o, const char *path, const char *key, json_t **ret,
                   struct err *err);
/* An array of strings as a new string vector (empty array: NULL left as is). */
int json_get_strv(const json_t *o, const char *path, const char *key, char ***ret, struct err *err);

/* Short reading for values we wrote ourselves: the value, or the fallback. Borrowed. */
const char *json_str_or(const json_t *o, const char *key, const char *fallback);
int64_t json_i64_or(const json_t *o, const char *key, int64_t fallback);
bool json_bool_or(const json_t *o, const char *key, bool fallback);

/* Building. Setters overwrite; they end the process only when memory is out. A string that is not
 * UTF-8 has its bad bytes replaced by U+FFFD, as Go does. */
json_t *json_str_new(const char *s); /* NULL gives JSON null */
json_t *json_str_newn(const char *s, size_t n);
void json_set_str(json_t *o, const char *key, const char *value);
void json_set_i64(json_t *o, const char *key, int64_t value);
void json_set_bool(json_t *o, const char *key, bool value);
void json_set_take(json_t *o, const char *key, json_t *value); /* takes the reference */
/* nsec as RFC3339Nano; 0 prints Go's zero time. */
void json_set_time(json_t *o, const char *key, int64_t nsec);
/* NULL vector: null when null_if_empty, else []. */
json_t *json_strv(char *const *v, bool null_if_empty);
