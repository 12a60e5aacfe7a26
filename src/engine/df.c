/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /system/df. */
#include "engine/usage.h"

static int add_images(struct engine *e, json_t *o, struct err *err)
{
    _cleanup_json_ json_t *list = NULL, *used = usage_images(e), *shared = json_object();
    int64_t total = 0;
    json_t *im;
    size_t i;
    int r = usage_layers(e, shared, &total, err);

    if (r == 0)
        r = engine_image_list(e, NULL, true, false, false, &list, err);
    if (r < 0)
        return r;
    json_array_foreach(list, i, im) {
        const char *id = json_str_or(im, "Id", "");

        json_set_i64(im, "Containers", json_i64_or(used, id, 0));
        json_set_i64(im, "SharedSize", json_i64_or(shared, id, 0));
    }
    json_set_i64(o, "LayersSize", total);
    json_set_take(o, "Images", TAKE_PTR(list));
    return 0;
}

static int add_containers(struct engine *e, json_t *o, struct err *err)
{
    json_t *list = NULL;
    int r = engine_container_list(e, NULL, true, -1, true, &list, err);

    if (r == 0)
        json_set_take(o, "Containers", list);
    return r;
}

static void add_volumes(struct engine *e, json_t *o)
{
    _cleanup_json_ json_t *used = usage_volumes(e);
    json_t *list = volume_list(e->volumes), *v;
    size_t i;

    json_array_foreach(list, i, v) {
        json_t *usage = json_object();

        json_set_i64(usage, "RefCount", json_i64_or(used, json_str_or(v, "Name", ""), 0));
        json_set_i64(usage, "Size", usage_tree_size(json_str_or(v, "Mountpoint", "")));
        json_set_take(v, "UsageData", usage);
    }
    json_set_take(o, "Volumes", list);
}

int engine_system_df(struct engine *e, unsigned what, json_t **ret, struct err *err)
{
    /* What was not asked for is null, as Docker's clients know it. */
    _cleanup_json_ json_t *o = json_pack("{s:i, s:n, s:n, s:n, s:n}", "LayersSize", 0, "Images",
                                         "Containers", "Volumes", "BuildCache");
    int r = 0;

    if (what & ENGINE_DF_IMAGES)
        r = add_images(e, o, err);
    if (r == 0 && (what & ENGINE_DF_CONTAINERS))
        r = add_containers(e, o, err);
    if (r < 0)
        return r;
    if (what & ENGINE_DF_VOLUMES)
        add_volumes(e, o);
    if (what & ENGINE_DF_BUILD_CACHE)
        json_set_take(o, "BuildCache", json_array());
    *ret = TAKE_PTR(o);
    return 0;
}
