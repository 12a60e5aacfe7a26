/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/filters.h"

#include <errno.h>
#include <regex.h>

#include "base/alloc.h"
#include "base/str.h"

#define PATTERN_MAX 256

static bool on(const json_t *v)
{
    return json_is_true(v);
}

int filters_check(const json_t *filters, const char *const *accepted, struct err *err)
{
    const char *name, *key;
    json_t *values, *v;
    size_t i;

    if (!filters || json_is_null(filters))
        return 0;
    if (!json_is_object(filters))
        return err_set(err, ERR_INVALID, "invalid filters: must be an object");
    json_object_foreach((json_t *)filters, name, values) {
        bool known = false;

        for (i = 0; accepted[i] && !known; i++)
            known = str_eq(accepted[i], name);
        if (!known)
            return err_set(err, ERR_INVALID, "invalid filter '%s'", name);
        if (!json_is_object(values) && !json_is_array(values))
            return err_set(err, ERR_INVALID, "invalid filter '%s': must be an object or an array",
                           name);
        json_array_foreach(values, i, v)
            if (!json_is_string(v))
                return err_set(err, ERR_INVALID, "invalid filter '%s': must hold strings", name);
        json_object_foreach(values, key, v)
            if (!json_is_boolean(v))
                return err_set(err, ERR_INVALID, "invalid filter '%s': must hold booleans", name);
    }
    return 0;
}

const char *filters_next(const json_t *filters, const char *name, size_t *cursor)
{
    const json_t *values = json_object_get(filters, name);
    const char *key;
    json_t *v;
    size_t i = 0;

    if (json_is_array(values))
        return json_string_value(json_array_get(values, (*cursor)++));
    json_object_foreach((json_t *)values, key, v)
        if (i++ >= *cursor) {
            *cursor = i;
            if (on(v))
                return key;
        }
    return NULL;
}

bool filters_has(const json_t *filters, const char *name)
{
    size_t cursor = 0;

    return filters_next(filters, name, &cursor) != NULL;
}

bool filters_exact(const json_t *filters, const char *name, const char *value)
{
    size_t cursor = 0;
    const char *want;

    if (!filters_has(filters, name))
        return true;
    while ((want = filters_next(filters, name, &cursor)))
        if (str_eq(want, value))
            return true;
    return false;
}

bool filters_prefix(const json_t *filters, const char *name, const char *value)
{
    size_t cursor = 0;
    const char *want;

    if (!filters_has(filters, name))
        return true;
    while ((want = filters_next(filters, name, &cursor)))
        if (str_starts(value, want))
            return true;
    return false;
}

static bool matches(const char *pattern, const char *value)
{
    regex_t re;
    bool found;

    if (str_eq(pattern, value))
        return true;
    /* a name holds 255 bytes: longer patterns say nothing and cost memory to compile */
    if (strlen(pattern) > PATTERN_MAX || regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    found = regexec(&re, value, 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

bool filters_match(const json_t *filters, const char *name, const char *value)
{
    size_t cursor = 0;
    const char *want;

    if (!filters_has(filters, name))
        return true;
    while ((want = filters_next(filters, name, &cursor)))
        if (matches(want, value))
            return true;
    return false;
}

bool filters_labels(const json_t *filters, const char *name, const json_t *labels)
{
    size_t cursor = 0;
    const char *want;

    while ((want = filters_next(filters, name, &cursor))) {
        const char *equals = strchr(want, '=');
        _cleanup_free_ char *key = equals ? xstrndup(want, (size_t)(equals - want)) : xstrdup(want);
        const json_t *v = json_object_get(labels, key);

        if (!v || (equals && !str_eq(json_string_value(v), equals + 1)))
            return false;
    }
    return true;
}

int filters_bool(const json_t *filters, const char *name, bool *ret_set, bool *ret, struct err *err)
{
    size_t cursor = 0;
    const char *want = filters_next(filters, name, &cursor);

    if (!want)
        return 0;
    if (str_eq(want, "1") || str_eq(want, "true"))
        *ret = true;
    else if (str_eq(want, "0") || str_eq(want, "false"))
        *ret = false;
    else
        return err_set(err, ERR_INVALID, "invalid filter '%s=[%s]'", name, want);
    *ret_set = true;
    return 0;
}
