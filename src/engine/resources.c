/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Networks and volumes, as far as the API shows them. */
#include <errno.h>

#include "base/alloc.h"
#include "engine/filters.h"
#include "engine/internal.h"

static const char *const network_filters[] = {"dangling", "driver", "id",   "label",
                                              "name",     "scope",  "type", NULL};
static const char *const volume_filters[] = {"dangling", "driver", "label", "name", NULL};

/* The module knows IDs only: the names of connected containers are filled in. */
static void fill_names(struct engine *e, json_t *network)
{
    json_t *containers = json_object_get(network, "Containers"), *o;
    const char *id;

    json_object_foreach(containers, id, o) {
        _cleanup_(container_view_unrefp)
        struct container_view *v = NULL;

        if (engine_lookup_view(e, id, &v, NULL) == 0)
            json_set_str(o, "Name", v->name);
    }
}

int engine_network_list(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *all = NULL;
    json_t *out, *n;
    const char *type;
    size_t i, cursor = 0;
    int r = filters_check(filters, network_filters, err);

    if (r < 0)
        return r;
    while ((type = filters_next(filters, "type", &cursor)))
        if (!str_eq(type, "builtin") && !str_eq(type, "custom"))
            return err_set(err, ERR_INVALID, "invalid filter: 'type'='%s'", type);
    all = net_list(e->net);
    out = json_array();
    json_array_foreach(all, i, n) {
        if (!filters_match(filters, "name", json_str_or(n, "Name", "")) ||
            !filters_prefix(filters, "id", json_str_or(n, "Id", "")) ||
            !filters_exact(filters, "driver", json_str_or(n, "Driver", "")) ||
            !filters_exact(filters, "scope", json_str_or(n, "Scope", "local")) ||
            !filters_exact(filters, "type", "builtin") ||
            !filters_labels(filters, "label", json_object_get(n, "Labels")) ||
            (filters_has(filters, "dangling") && !filters_exact(filters, "dangling", "false") &&
             !filters_exact(filters, "dangling", "0")))
            continue;
        (void)json_array_append(out, n);
    }
    *ret = out;
    return 0;
}

int engine_network_inspect(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    json_t *o = NULL;
    int r = net_inspect(e->net, name, &o, err);

    if (r < 0)
        return r;
    fill_names(e, o);
    *ret = o;
    return 0;
}

int engine_volume_create(struct engine *e, const json_t *body, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *found = NULL;
    const char *name = NULL, *driver = NULL;
    json_t *options = NULL, *labels = NULL, *volume = NULL;
    bool existed;
    int r;

    if ((r = json_get_str(body, NULL, "Name", &name, err)) < 0 ||
        (r = json_get_str(body, NULL, "Driver", &driver, err)) < 0 ||
        (r = json_get_object(body, NULL, "DriverOpts", &options, err)) < 0 ||
        (r = json_get_object(body, NULL, "Labels", &labels, err)) < 0)
        return r;
    if (json_object_size(json_object_get(body, "ClusterVolumeSpec")) > 0)
        return err_set(err, ERR_UNSUPPORTED, "cluster volumes are not supported");
    existed = !str_empty(name) && volume_inspect(e->volumes, name, &found, NULL) == 0;
    r = volume_create(e->volumes, str_empty(name) ? NULL : name,
                      str_empty(driver) ? "local" : driver, options, labels, &volume, err);
    if (r < 0)
        return r;
    if (!existed)
        engine_volume_event(e, json_str_or(volume, "Name", ""), "create", NULL);
    *ret = volume;
    return 0;
}

/* Names of the volumes that containers use; new object used as a set. */
static json_t *used_volumes(struct engine *e)
{
    json_t *used = json_object(), *m;
    size_t n = 0, k;
    struct container_view **views = engine_views(e, &n);

    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *mounts = container_conf_mounts(views[i]->conf);

        json_array_foreach(mounts, k, m)
            if (str_eq(json_str_or(m, "Type", ""), "volume"))
                json_set_bool(used, json_str_or(m, "Name", ""), true);
    }
    engine_views_free(views, n);
    return used;
}

int engine_volume_list(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *all = NULL, *used = NULL;
    bool dangling = false, dangling_set = false;
    json_t *list, *v;
    size_t i;
    int r;

    if ((r = filters_check(filters, volume_filters, err)) < 0 ||
        (r = filters_bool(filters, "dangling", &dangling_set, &dangling, err)) < 0)
        return r;
    all = volume_list(e->volumes);
    used = dangling_set ? used_volumes(e) : NULL;
    list = json_array();
    json_array_foreach(all, i, v) {
        const char *name = json_str_or(v, "Name", "");

        if (!filters_match(filters, "name", name) ||
            !filters_exact(filters, "driver", json_str_or(v, "Driver", "")) ||
            !filters_labels(filters, "label", json_object_get(v, "Labels")) ||
            (dangling_set && dangling != !json_object_get(used, name)))
            continue;
        (void)json_array_append(list, v);
    }
    *ret = json_pack("{s:o,s:n}", "Volumes", list, "Warnings");
    return 0;
}

int engine_volume_inspect(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    return volume_inspect(e->volumes, name, ret, err);
}

int engine_volume_remove(struct engine *e, const char *name, bool force, struct err *err)
{
    _cleanup_json_ json_t *found = NULL;
    bool existed = volume_inspect(e->volumes, name, &found, NULL) == 0;
    int r = volume_remove(e->volumes, name, force, err);

    if (r == 0 && existed)
        engine_volume_event(e, name, "destroy", NULL);
    return r;
}
