/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Filters, query strings, paths and routes. */

#include <string.h>

#include "api/filters.h"
#include "api/route.h"
#include "base/alloc.h"
#include "http/uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_filters(const char *text)
{
    static const char *const accepted[] = {"name", "label", "status", NULL};
    json_t *filters = NULL;
    json_t *values;
    const char *name;

    if (api_filters_parse(text, accepted, &filters, NULL) < 0)
        return;
    json_object_foreach(filters, name, values) {
        for (size_t i = 0; i < json_array_size(values); i++)
            if (!json_is_string(json_array_get(values, i)))
                abort();
    }
    json_decref(filters);
}

static void check_path(const char *path)
{
    unsigned version = 0;
    const char *rest = NULL;
    const char *name = NULL;
    size_t len = 0;

    if (api_version_split(path, &version, &rest, NULL) < 0)
        return;
    if (version < API_VERSION_MIN || version > API_VERSION)
        abort();
    for (const struct api_route *r = api_image_routes; r->pattern; r++)
        if (api_route_match(r->pattern, rest, &name, &len) && name && len == 0)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size);
    char *path = uri_decode_path(text);

    check_filters(text);
    if (path)
        check_path(path);
    if (uri_query_valid(text)) {
        struct uri_query q;
        uri_query_parse(text, &q);
        const char *filters = uri_query_get(&q, "filters");
        if (filters)
            check_filters(filters);
        uri_query_done(&q);
    }
    free(path);
    free(text);
    return 0;
}
