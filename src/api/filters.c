/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/filters.h"

#include <string.h>

#include "base/str.h"

static bool is_accepted(const char *const *accepted, const char *name)
{
    for (; *accepted; accepted++)
        if (strcmp(*accepted, name) == 0)
            return true;
    return false;
}

/* The values of one filter as an array of strings, or NULL when they are something else. */
static json_t *values_of(const json_t *v)
{
    _cleanup_json_ json_t *out = json_array();
    const char *key;
    json_t *item;
    size_t i;

    if (json_is_object(v)) {
        /* jansson iterates without changing the object but does not say so in its types */
        json_object_foreach((json_t *)v, key, item) {
            if (!json_is_boolean(item))
                return NULL;
            (void)json_array_append_new(out, json_str_new(key));
        }
        return TAKE_PTR(out);
    }
    if (!json_is_array(v))
        return NULL;
    json_array_foreach(v, i, item) {
        if (!json_is_string(item))
            return NULL;
        (void)json_array_append(out, item);
    }
    return TAKE_PTR(out);
}

int api_filters_parse(const char *text, const char *const *accepted, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *in = json_parse(text, strlen(text), "filters", NULL);
    _cleanup_json_ json_t *out = json_object();
    const char *name;
    json_t *v;

    if (!json_is_object(in) && !json_is_null(in))
        return err_set(err, ERR_INVALID, "invalid filter");
    json_object_foreach(in, name, v) {
        json_t *values = values_of(v);
        if (!values)
            return err_set(err, ERR_INVALID, "invalid filter");
        json_set_take(out, name, values);
        if (!is_accepted(accepted, name))
            return err_set(err, ERR_INVALID, "invalid filter '%s'", name);
    }
    *ret = TAKE_PTR(out);
    return 0;
}

int api_filters(struct api_request *rq, const char *const *accepted, json_t **ret, struct err *err)
{
    const char *text = api_param(rq, "filters");

    if (!text) {
        *ret = NULL;
        return 0;
    }
    return api_filters_parse(text, accepted, ret, err);
}
