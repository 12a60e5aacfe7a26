/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/timeutil.h"
#include "container/mounts.h"
#include "db/db.h"
#include "engine/internal.h"

struct creation {
    struct engine *e;
    char id[65];
    char *name; /* owned; reserved when `reserved` */
    struct container_request rq;
    struct image *image;         /* ref or NULL */
    json_t *mounts, *warnings;   /* owned */
    struct container_conf *conf; /* ref */
    bool reserved, layered, used_volumes;
};

static void creation_done(struct creation *cr)
{
    container_request_done(&cr->rq);
    image_unref(cr->image);
    json_decref(cr->mounts);
    json_decref(cr->warnings);
    container_conf_unref(cr->conf);
    free(cr->name);
}

/* Takes back what a failed creation has left. */
static void undo(struct creation *cr)
{
    _cleanup_free_ char *dir = container_data_dir(cr->e, cr->id);

    if (cr->layered)
        (void)layer_rw_remove(cr->e->layers, cr->id, NULL);
    if (cr->used_volumes)
        (void)volume_release(cr->e->volumes, cr->id, true, NULL);
    (void)rm_rf_at(AT_FDCWD, dir);
    if (cr->reserved)
        engine_release_name(cr->e, cr->name, cr->id);
}

static int reserve_name(struct creation *cr, const char *name, struct err *err)
{
    int r = -EEXIST;

    if (!str_empty(name)) {
        const char *bare = name[0] == '/' ? name + 1 : name;

        if (!container_name_valid(bare))
            return err_set(err, ERR_INVALID,
                           "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
                           "allowed",
                           name);
        cr->name = xstrdup(bare);
        r = engine_reserve_name(cr->e, bare, cr->id, err);
        cr->reserved = r == 0;
        return r;
    }
    for (unsigned retry = 0; retry < 100 && r < 0; retry++) {
        free(cr->name);
        cr->name = container_name_random(retry);
        r = engine_reserve_name(cr->e, cr->name, cr->id, err);
    }
    cr->reserved = r == 0;
    return r;
}

/* "linux/amd64" against what the image is for. */
static int check_platform(const char *platform, const struct image *im, const char *name,
                          struct err *err)
{
    const char *os = json_str_or(im->config, "os", "linux");
    const char *arch = json_str_or(im->config, "architecture", "");
    _cleanup_strv_ char **parts = NULL;

    if (str_empty(platform))
        return 0;
    parts = str_split(platform, '/');
    if (strv_len(parts) > 3)
        return err_set(err, ERR_INVALID, "\"%s\": cannot parse platform specifier", platform);
    if (str_eq(parts[0], os) && (!parts[1] || str_eq(parts[1], arch) ||
                                 (str_eq(parts[1], "x86_64") && str_eq(arch, "amd64")) ||
                                 (str_eq(parts[1], "aarch64") && str_eq(arch, "arm64"))))
        return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "image with reference %s was found but its platform (%s/%s) does not match the "
                   "specified platform (%s)",
                   name, os, arch, platform);
}

/* Another container that the request names. 404 would tell clients that the image is missing. */
static int find_other(struct engine *e, const char *ref, struct container_view **ret,
                      struct err *err)
{
    int r = engine_lookup_view(e, ref, ret, err);

    if (r < 0 && err)
        err->kind = ERR_INVALID;
    return r;
}

/* container:<name> in a mode becomes container:<id>, as Docker stores it. */
static int resolve_mode(struct engine *e, json_t *host, const char *key, struct err *err)
{
    const char *ref = str_after(json_str_or(host, key, ""), "container:");
    _cleanup_(container_view_unrefp)
    struct container_view *v = NULL;
    _cleanup_free_ char *mode = NULL;
    int r;

    if (!ref)
        return 0;
    r = find_other(e, ref, &v, err);
    if (r < 0)
        return r;
    mode = xasprintf("container:%s", v->conf->id);
    json_set_str(host, key, mode);
    return 0;
}

static int resolve_modes(struct creation *cr, struct err *err)
{
    const char *mode = json_str_or(cr->rq.host, "NetworkMode", "bridge");
    int r;

    if ((r = resolve_mode(cr->e, cr->rq.host, "NetworkMode", err)) < 0 ||
        (r = resolve_mode(cr->e, cr->rq.host, "PidMode", err)) < 0)
        return r;
    if (str_after(mode, "container:"))
        return 0;
    /* Whether a network of that name exists is asked at the start, as Docker does. */
    if ((str_eq(mode, "host") || str_eq(json_str_or(cr->rq.host, "UTSMode", ""), "host")) &&
        str_empty(json_str_or(cr->rq.config, "Hostname", ""))) {
        char hostname[65] = "";

        (void)gethostname(hostname, sizeof(hostname) - 1);
        json_set_str(cr->rq.config, "Hostname", hostname);
    }
    return 0;
}

/* The mounts of HostConfig.VolumesFrom; new array. */
static int inherited_mounts(struct creation *cr, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *list = json_array();
    json_t *v, *m;
    size_t i, k;
    int r;

    json_array_foreach(json_object_get(cr->rq.host, "VolumesFrom"), i, v) {
        _cleanup_(container_view_unrefp)
        struct container_view *from = NULL;
        _cleanup_json_ json_t *mounts = NULL;
        _cleanup_free_ char *name = NULL;
        bool read_only = false;

        r = container_volumes_from_parse(json_string_value(v), &name, &read_only, err);
        if (r < 0 || (r = find_other(cr->e, name, &from, err)) < 0)
            return r;
        mounts = container_conf_mounts(from->conf);
        json_array_foreach(mounts, k, m) {
            if (read_only)
                json_set_bool(m, "RW", false);
            json_set_bool(m, "copy", false);
            (void)json_array_append(list, m);
        }
    }
    *ret = TAKE_PTR(list);
    return 0;
}

static int prepare_volume(struct creation *cr, json_t *m, int *rootfs_fd, struct err *err)
{
    const char *name = json_str_or(m, "Name", "");
    _cleanup_json_ json_t *volume = NULL, *found = NULL;
    bool anonymous = str_empty(name);
    int r;

    if (anonymous || volume_inspect(cr->e->volumes, name, &found, NULL) < 0) {
        json_t *labels = json_object_get(m, "labels"), *own = NULL;

        if (anonymous && !labels) {
            own = json_object();
            json_set_str(own, "com.docker.volume.anonymous", "");
            labels = own;
        }
        r = volume_create(cr->e->volumes, anonymous ? NULL : name, "local",
                          json_object_get(m, "driver_opts"), labels, &volume, err);
        json_decref(own);
        if (r < 0)
            return r;
        engine_volume_event(cr->e, json_str_or(volume, "Name", ""), "create", NULL);
    } else {
        volume = json_incref(found);
    }
    json_set_str(m, "Name", json_str_or(volume, "Name", ""));
    json_set_str(m, "Source", json_str_or(volume, "Mountpoint", ""));
    name = json_str_or(m, "Name", "");
    cr->used_volumes = true;
    r = volume_use(cr->e->volumes, name, cr->id, err);
    if (r < 0 || !json_bool_or(m, "copy", false))
        return r;
    if (*rootfs_fd < 0 && (r = layer_rw_mount(cr->e->layers, cr->id, rootfs_fd, err)) < 0)
        return r;
    return volume_populate(cr->e->volumes, name, *rootfs_fd, json_str_or(m, "Destination", ""),
                           err);
}

static int prepare_volumes(struct creation *cr, struct err *err)
{
    _cleanup_close_ int rootfs_fd = -1;
    json_t *m;
    size_t i;
    int r;

    json_array_foreach(cr->mounts, i, m)
        if (str_eq(json_str_or(m, "Type", ""), "volume") &&
            (r = prepare_volume(cr, m, &rootfs_fd, err)) < 0)
            return r;
    return 0;
}

static bool has_volumes(const json_t *mounts)
{
    json_t *m;
    size_t i;

    json_array_foreach(mounts, i, m)
        if (str_eq(json_str_or(m, "Type", ""), "volume"))
            return true;
    return false;
}

static int insert(struct creation *cr, const struct digest *chain, struct err *err)
{
    int r = db_begin(cr->e->db, err);

    if (r < 0)
        return r;
    if (!cr->layered)
        r = layer_rw_create(cr->e->layers, cr->id, chain, err);
    if (r == 0) {
        cr->layered = true;
        r = container_store_insert(cr->e->db, cr->conf, cr->name, err);
    }
    if (r < 0) {
        db_rollback(cr->e->db);
        return r;
    }
    return db_commit(cr->e->db, err);
}

/* Layer and row in one transaction: one sync, and none for a container that removes itself, as a
 * power cut would only do that sooner. With volumes the layer comes first, because they are filled
 * from it. */
static int store(struct creation *cr, struct err *err)
{
    const struct digest *chain =
        cr->image && cr->image->chain_id.str[0] ? &cr->image->chain_id : NULL;
    int r;

    if (has_volumes(cr->mounts)) {
        r = layer_rw_create(cr->e->layers, cr->id, chain, err);
        if (r < 0)
            return r;
        cr->layered = true;
        r = prepare_volumes(cr, err);
        if (r < 0)
            return r;
    }
    cr->conf = container_conf_new(cr->id, now_nsec(), cr->image ? cr->image->id.str : "",
                                  cr->rq.config, cr->rq.host, cr->mounts);
    if (!cr->conf->auto_remove)
        return insert(cr, chain, err);
    db_sync_pause(cr->e->db);
    r = insert(cr, chain, err);
    db_sync_resume(cr->e->db);
    return r;
}

void engine_container_defaults(struct engine *e, struct container_defaults *d)
{
    *d = (struct container_defaults){
        .log_driver = e->log_driver,
        .log_opts = e->log_opts,
        .shm_size_bytes = e->shm_size_bytes,
        .cgroup_v2 = e->cgroup_v2,
        .init = e->init,
        .ulimits = e->ulimits,
        .n_cpus = e->n_cpus,
        .n_mems = e->n_mems,
        .no_blkio_weight = !e->blkio_weight,
        .cpus_known = true,
    };
}

static int prepare(struct creation *cr, const char *name, const json_t *body, const char *platform,
                   struct err *err)
{
    _cleanup_json_ json_t *inherited = NULL;
    _cleanup_free_ char *dir = NULL;
    struct container_defaults defaults;
    const json_t *image_config = NULL;
    int r;

    {
        LOCK_SCOPE(&cr->e->settings_lock);
        engine_container_defaults(cr->e, &defaults);
        r = container_request_parse(body, &defaults, &cr->rq, cr->warnings, err);
    }
    if (r < 0)
        return r;
    if (!str_empty(cr->rq.image)) {
        if ((r = image_get(cr->e->images, cr->rq.image, &cr->image, err)) < 0 ||
            (r = check_platform(platform, cr->image, cr->rq.image, err)) < 0)
            return r;
        image_config = json_object_get(cr->image->config, "config");
    }
    if ((r = resolve_modes(cr, err)) < 0 ||
        (r = container_request_merge(&cr->rq, image_config, cr->id, cr->warnings, err)) < 0 ||
        (r = inherited_mounts(cr, &inherited, err)) < 0 ||
        (r = container_mounts_parse(cr->rq.config, cr->rq.host, inherited, &cr->mounts, err)) < 0 ||
        (r = reserve_name(cr, name, err)) < 0)
        return r;
    dir = container_data_dir(cr->e, cr->id);
    if (mkdir(dir, 0710) < 0)
        return err_errno(err, errno, "make %s", dir);
    return 0;
}

int engine_container_create(struct engine *e, const char *name, const json_t *body,
                            const char *platform, char ret_id[static 65], json_t **ret_warnings,
                            struct err *err)
{
    _cleanup_(creation_done)
    struct creation cr = {.e = e, .warnings = json_array()};
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    int r;

    random_id(cr.id);
    r = prepare(&cr, name, body, platform, err);
    if (r == 0)
        r = store(&cr, err);
    if (r < 0) {
        undo(&cr);
        return r;
    }
    c = container_new(e, cr.conf, cr.name);
    c->restored = true;
    (void)pthread_mutex_lock(&c->lock);
    if (!str_after(cr.conf->network_mode, "container:"))
        (void)snprintf(c->endpoint.network, sizeof(c->endpoint.network), "%s",
                       cr.conf->network_mode);
    container_publish(c);
    (void)pthread_mutex_unlock(&c->lock);
    engine_register(e, c);
    engine_container_event(e, c, "create", NULL);
    (void)snprintf(ret_id, 65, "%s", cr.id);
    *ret_warnings = TAKE_PTR(cr.warnings);
    return 0;
}
