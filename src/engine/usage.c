/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/usage.h"

#include <fcntl.h>

#include "base/hashmap.h"

static void count(json_t *o, const char *key)
{
    json_set_i64(o, key, json_i64_or(o, key, 0) + 1);
}

json_t *usage_volumes(struct engine *e)
{
    json_t *used = json_object(), *m;
    size_t n = 0, k;
    struct container_view **views = engine_views(e, &n);

    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *mounts = container_conf_mounts(views[i]->conf);

        json_array_foreach(mounts, k, m)
            if (str_eq(json_str_or(m, "Type", ""), "volume"))
                count(used, json_str_or(m, "Name", ""));
    }
    engine_views_free(views, n);
    return used;
}

json_t *usage_images(struct engine *e)
{
    json_t *used = json_object();
    size_t n = 0;
    struct container_view **views = engine_views(e, &n);

    for (size_t i = 0; i < n; i++)
        count(used, views[i]->conf->image_id);
    engine_views_free(views, n);
    return used;
}

/* Calls fn for each layer of the image, the lowest first. */
static void each_layer(struct engine *e, const struct image *im,
                       void (*fn)(void *ctx, const struct layer_info *l), void *ctx)
{
    struct digest chain = {0}, parent = {0};
    struct layer_info info;

    for (size_t i = 0; i < im->n_diff_ids; i++) {
        layer_chain_id(i > 0 ? &parent : NULL, &im->diff_ids[i], &chain);
        if (layer_get(e->layers, &chain, &info, NULL) == 0)
            fn(ctx, &info);
        parent = chain;
    }
}

struct tally {
    json_t *users; /* ChainID -> images that have it */
    int64_t total, shared;
};

static void add_layer(void *ctx, const struct layer_info *l)
{
    struct tally *t = ctx;

    if (!json_object_get(t->users, l->chain_id.str))
        t->total += l->size_bytes;
    count(t->users, l->chain_id.str);
}

static void add_shared(void *ctx, const struct layer_info *l)
{
    struct tally *t = ctx;

    if (json_i64_or(t->users, l->chain_id.str, 0) > 1)
        t->shared += l->size_bytes;
}

int usage_layers(struct engine *e, json_t *shared, int64_t *ret, struct err *err)
{
    _cleanup_json_ json_t *users = json_object();
    struct tally t = {.users = users};
    struct image **images = NULL;
    size_t n = 0;
    int r = image_list(e->images, &images, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        each_layer(e, images[i], add_layer, &t);
    for (size_t i = 0; i < n; i++) {
        if (shared) {
            t.shared = 0;
            each_layer(e, images[i], add_shared, &t);
            json_set_i64(shared, images[i]->id.str, t.shared);
        }
        image_unref(images[i]);
    }
    free(images);
    *ret = t.total;
    return 0;
}

int64_t usage_tree_size(const char *path)
{
    _cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? 0 : layer_tree_size(fd);
}
