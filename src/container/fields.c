/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/fields.h"

#include <errno.h>
#include <strings.h>

#include "base/str.h"

json_t *fields_member(const json_t *in, const char *name)
{
    json_t *v = json_object_get(in, name), *member;
    const char *key;

    if (v)
        return v;
    json_object_foreach((json_t *)in, key, member)
        if (strcasecmp(key, name) == 0)
            return member;
    return NULL;
}

bool json_is_neutral(const json_t *j)
{
    const char *key;
    json_t *v;
    size_t i;

    switch (j ? json_typeof(j) : JSON_NULL) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_INTEGER:
        return json_integer_value(j) == 0;
    case JSON_REAL:
        return json_real_value(j) == 0;
    case JSON_STRING:
        return json_string_length(j) == 0;
    case JSON_ARRAY:
        json_array_foreach(j, i, v)
            if (!json_is_neutral(v))
                return false;
        return true;
    case JSON_OBJECT:
        json_object_foreach((json_t *)j, key, v)
            if (!json_is_neutral(v))
                return false;
        return true;
    case JSON_TRUE:
    default:
        return false;
    }
}

static const char *kind_name(enum field_kind kind)
{
    static const char *const names[] = {
        [FIELD_STR] = "a string",
        [FIELD_BOOL] = "a boolean",
        [FIELD_INT] = "an integer",
        [FIELD_STRV] = "an array of strings",
        [FIELD_CMD] = "a string or an array of strings",
        [FIELD_STRMAP] = "an object of strings",
        [FIELD_SET] = "an object",
        [FIELD_OBJECT] = "an object",
        [FIELD_ARRAY] = "an array",
    };
    return names[kind];
}

static bool all_strings(const json_t *v)
{
    const char *key;
    json_t *item;
    size_t i;

    json_array_foreach(v, i, item)
        if (!json_is_string(item))
            return false;
    json_object_foreach((json_t *)v, key, item)
        if (!json_is_string(item))
            return false;
    return true;
}

static bool kind_fits(enum field_kind kind, const json_t *v)
{
    switch (kind) {
    case FIELD_STR:
        return json_is_string(v);
    case FIELD_BOOL:
        return json_is_boolean(v);
    case FIELD_INT:
        return json_is_integer(v);
    case FIELD_STRV:
        return json_is_array(v) && all_strings(v);
    case FIELD_CMD:
        return json_is_string(v) || (json_is_array(v) && all_strings(v));
    case FIELD_STRMAP:
        return json_is_object(v) && all_strings(v);
    case FIELD_SET:
    case FIELD_OBJECT:
        return json_is_object(v);
    case FIELD_ARRAY:
        return json_is_array(v);
    default:
        return false;
    }
}

static json_t *zero_of(const struct field *f)
{
    if (f->flags & FIELD_NULLABLE)
        return json_null();
    switch (f->kind) {
    case FIELD_STR:
        return json_string("");
    case FIELD_BOOL:
        return json_false();
    case FIELD_INT:
        return json_integer(0);
    case FIELD_STRV:
    case FIELD_CMD:
    case FIELD_STRMAP:
    case FIELD_SET:
    case FIELD_OBJECT:
    case FIELD_ARRAY:
    default:
        return json_null();
    }
}

/* Go's omitempty: zero values and empty containers; a pointer that is set stays. */
static bool is_empty(const struct field *f, const json_t *v)
{
    if (!v || json_is_null(v))
        return true;
    if (f->flags & FIELD_NULLABLE)
        return false;
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return json_object_size(v) == 0;
    case JSON_ARRAY:
        return json_array_size(v) == 0;
    case JSON_STRING:
    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
    default:
        return json_is_neutral(v);
    }
}

static int check_field(const struct field *f, const json_t *v, const char *path, struct err *err)
{
    if (!kind_fits(f->kind, v))
        return err_set(err, ERR_INVALID, "field \"%s.%s\" must be %s", path, f->name,
                       kind_name(f->kind));
    if (!(f->flags & FIELD_REFUSE) || json_is_neutral(v))
        return 0;
    if (f->neutral && json_is_string(v) && str_eq(json_string_value(v), f->neutral))
        return 0;
    return err_set(err, ERR_UNSUPPORTED, "%s.%s: %s", path, f->name,
                   f->why ? f->why : "this setting is not supported");
}

static void warn_unknown(const struct field *table, size_t n, const json_t *in, const char *path,
                         json_t *warnings)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)in, key, v) {
        bool known = false;

        for (size_t i = 0; i < n && !known; i++)
            known = strcasecmp(table[i].name, key) == 0;
        if (!known && !json_is_neutral(v) && warnings)
            (void)json_array_append_new(
                warnings, json_sprintf("Ignored: the unknown field %s.%s", path, key));
    }
}

json_t *fields_normalise(const struct field *table, size_t n, const json_t *in, const char *path,
                         json_t *warnings, struct err *err)
{
    _cleanup_json_ json_t *out = json_object();

    if (in && !json_is_null(in) && !json_is_object(in)) {
        (void)err_set(err, ERR_INVALID, "field \"%s\" must be an object", path);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        const struct field *f = &table[i];
        _cleanup_json_ json_t *v = NULL;
        json_t *given = in ? fields_member(in, f->name) : NULL;

        if (!given || json_is_null(given)) {
            v = zero_of(f);
        } else {
            if (check_field(f, given, path, err) < 0)
                return NULL;
            if (f->kind == FIELD_CMD && json_is_string(given))
                v = json_pack("[O]", given);
            else
                v = json_incref(given);
        }
        if (!(f->flags & FIELD_DROP) && !((f->flags & FIELD_OMIT) && is_empty(f, v)))
            (void)json_object_set(out, f->name, v);
    }
    if (in)
        warn_unknown(table, n, in, path, warnings);
    return TAKE_PTR(out);
}
