/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "image/internal.h"

/* SHA-256 of a tar without entries: such a layer is none. */
#define EMPTY_TAR "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"

/* A member of the config that has to be an array; made when the parent has none. Borrowed. */
static json_t *array_of(json_t *o, const char *key)
{
    json_t *list = json_object_get(o, key);

    if (!json_is_array(list)) {
        list = json_array();
        json_set_take(o, key, list);
    }
    return list;
}

static json_t *make_config(const struct image *parent, const struct image_commit *c,
                           json_t *run_config, const struct digest *diff_id)
{
    static const char *const stale[] = {"container", "container_config", "id", "parent",
                                        "docker_version"};
    json_t *o = parent ? json_deep_copy(parent->config) : json_object(), *step = json_object();
    json_t *rootfs = json_object_get(o, "rootfs");
    int64_t now = now_nsec();

    for (size_t i = 0; i < ARRAY_SIZE(stale); i++)
        (void)json_object_del(o, stale[i]);
    if (!parent) {
        json_set_str(o, "architecture", oci_host_arch());
        json_set_str(o, "os", "linux");
    }
    if (!json_is_object(rootfs)) {
        rootfs = json_pack("{s:s}", "type", "layers");
        json_set_take(o, "rootfs", rootfs);
    }
    json_set_time(step, "created", now);
    if (!str_empty(c->author))
        json_set_str(step, "author", c->author);
    json_set_str(step, "created_by", c->created_by);
    if (!str_empty(c->message))
        json_set_str(step, "comment", c->message);
    if (diff_id)
        (void)json_array_append_new(array_of(rootfs, "diff_ids"), json_str_new(diff_id->str));
    else
        json_set_bool(step, "empty_layer", true);
    (void)json_array_append_new(array_of(o, "history"), step);
    json_set_str(o, "author", c->author ? c->author : "");
    json_set_str(o, "comment", c->message ? c->message : "");
    json_set_take(o, "config", json_incref(run_config));
    json_set_time(o, "created", now);
    return o;
}

/* The layer of the changes, or the parent's own when there are none; with a reference. */
static int make_layer(struct image_store *s, const struct image *parent, int fd,
                      struct layer_info *ret, bool *ret_empty, struct err *err)
{
    const struct digest *chain = parent && *parent->chain_id.str ? &parent->chain_id : NULL;
    struct layer_info info;
    int r = layer_register(s->layers, chain, fd, NULL, &info, err);

    if (r < 0)
        return r;
    *ret_empty = chain && str_eq(info.diff_id.str, EMPTY_TAR);
    if (*ret_empty) {
        r = layer_ref(s->layers, chain, err);
        (void)layer_unref(s->layers, &info.chain_id, NULL);
        info.chain_id = *chain;
    }
    if (r == 0)
        *ret = info;
    return r;
}

int image_commit(struct image_store *s, const struct image_commit *c, struct digest *ret_id,
                 struct err *err)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_(image_unrefp)
    struct image *parent = NULL;
    _cleanup_json_ json_t *run_config = json_deep_copy(c->config), *config = NULL;
    _cleanup_free_ char *text = NULL;
    struct layer_info layer;
    bool empty = false;
    int r = str_empty(c->reference) ? 0 : reference_parse_tagged(c->reference, &ref, err);

    if (r == 0)
        r = image_changes_apply(run_config, c->changes, err);
    if (r == 0 && !str_empty(c->parent))
        r = image_get(s, c->parent, &parent, err);
    if (r == 0)
        r = make_layer(s, parent, c->fd, &layer, &empty, err);
    if (r < 0)
        return r;
    config = make_config(parent, c, run_config, empty ? NULL : &layer.diff_id);
    text = json_print(config);
    const struct image_new new = {.config = text,
                                  .config_len = strlen(text),
                                  .chain_id = layer.chain_id,
                                  .parent = parent ? parent->id.str : NULL};
    r = image_add(s, &new, ret_id, err);
    if (r < 0) {
        (void)layer_unref(s->layers, &layer.chain_id, NULL);
        return r;
    }
    return ref.path ? image_ref_set(s, &ref, ret_id, err) : 0;
}
