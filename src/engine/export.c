/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole of a container's root file system, and how it differs from its image. */
#include <fcntl.h>

#include "engine/rootfs.h"
#include "tar/pack.h"

static int to_sink(void *arg, const void *data, size_t len, struct err *err)
{
    int r = sink_write(arg, data, len);

    return r < 0 ? err_set(err, ERR_CANCELLED, "the client has gone") : 0;
}

int engine_container_export(struct engine *e, const char *ref,
                            int (*begin)(void *ctx, struct sink *ret, struct err *err), void *ctx,
                            struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(container_root_close)
    struct container_root root = {0};
    struct tar_pack_options options = {.live = true};
    struct sink sink;
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    (void)container_is_running(c);
    r = container_root_open(c, true, &root, err);
    if (r == 0)
        r = begin(ctx, &sink, err);
    if (r == 0)
        r = tar_pack_tree(root.fd, (struct tar_sink){to_sink, &sink}, &options, NULL, err);
    if (r == 0)
        engine_container_event(e, c, "export", NULL);
    return r;
}

static void add_change(void *ctx, const char *path, enum layer_change kind)
{
    json_t *o = json_object();

    json_set_str(o, "Path", path);
    json_set_i64(o, "Kind", kind);
    (void)json_array_append_new(ctx, o);
}

int engine_container_changes(struct engine *e, const char *ref, json_t **ret, struct err *err)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = NULL;
    _cleanup_json_ json_t *list = json_array();
    int r = engine_lookup_view(e, ref, &v, err);

    if (r == 0)
        r = layer_rw_changes(e->layers, v->conf->id, add_change, list, err);
    if (r < 0)
        return r;
    *ret = json_array_size(list) > 0 ? TAKE_PTR(list) : json_null();
    return 0;
}
