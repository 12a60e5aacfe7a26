/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removing what nobody uses. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/timeutil.h"
#include "engine/filters.h"
#include "engine/usage.h"

static const char *const container_filters[] = {"label", "label!", "until", NULL};
static const char *const image_filters[] = {"dangling", "label", "label!", "until", NULL};
static const char *const volume_filters[] = {"all", "label", "label!", NULL};

/* What may go: made before until_nsec (0: any time), labels as the filters want. */
struct selection {
    const json_t *filters;
    int64_t until_nsec;
};

static int selection_init(struct selection *s, const json_t *filters, const char *const *accepted,
                          struct err *err)
{
    const char *text;
    size_t cursor = 0;
    int r = filters_check(filters, accepted, err);

    if (r < 0)
        return r;
    *s = (struct selection){.filters = filters};
    while ((text = filters_next(filters, "until", &cursor))) {
        if (s->until_nsec != 0)
            return err_set(err, ERR_INVALID, "more than one until filter specified");
        if (time_parse_reference(text, now_nsec(), &s->until_nsec) < 0)
            return err_set(err, ERR_INVALID, "failed to parse value as time or duration: \"%s\"",
                           text);
    }
    return 0;
}

static bool selected(const struct selection *s, int64_t created_nsec, const json_t *labels)
{
    if (s->until_nsec != 0 && created_nsec > s->until_nsec)
        return false;
    if (!filters_labels(s->filters, "label", labels))
        return false;
    return !filters_has(s->filters, "label!") || !filters_labels(s->filters, "label!", labels);
}

/* {"<what>":[…] or null,"SpaceReclaimed":n}, and the event. */
static json_t *report(struct engine *e, const char *what, json_t *gone, int64_t bytes,
                      const char *type)
{
    json_t *o = json_object(), *attributes = json_object();
    char number[24];

    (void)snprintf(number, sizeof(number), "%lld", (long long)bytes);
    json_set_str(attributes, "reclaimed", number);
    event_publish(e->bus, type, "prune", "", attributes);
    json_set_take(o, what, json_array_size(gone) > 0 ? json_incref(gone) : json_null());
    json_set_i64(o, "SpaceReclaimed", bytes);
    return o;
}

int engine_container_prune(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *gone = json_array();
    struct selection s;
    int64_t bytes = 0;
    size_t n = 0;
    int r = selection_init(&s, filters, container_filters, err);

    if (r < 0)
        return r;
    struct container_view **views = engine_views(e, &n);
    for (size_t i = 0; i < n; i++) {
        const struct container_view *v = views[i];
        int64_t size = 0;

        if (v->state.running || v->state.removing ||
            !selected(&s, v->conf->created_nsec, v->conf->labels))
            continue;
        (void)layer_rw_size(e->layers, v->conf->id, &size, NULL);
        /* one that has been started meanwhile stays */
        if (engine_container_remove(e, v->conf->id, false, false, false, NULL) < 0)
            continue;
        (void)json_array_append_new(gone, json_str_new(v->conf->id));
        bytes += size;
    }
    engine_views_free(views, n);
    *ret = report(e, "ContainersDeleted", gone, bytes, "container");
    return 0;
}

static bool anonymous(const json_t *volume)
{
    return json_object_get(json_object_get(volume, "Labels"), "com.docker.volume.anonymous");
}

int engine_volume_prune(struct engine *e, const json_t *filters, bool always_all, json_t **ret,
                        struct err *err)
{
    _cleanup_json_ json_t *gone = json_array(), *volumes = NULL, *used = NULL;
    bool all = always_all, all_set = false;
    struct selection s;
    int64_t bytes = 0;
    json_t *v;
    size_t i;
    int r = selection_init(&s, filters, volume_filters, err);

    if (r == 0)
        r = filters_bool(filters, "all", &all_set, &all, err);
    if (r < 0)
        return r;
    volumes = volume_list(e->volumes);
    used = usage_volumes(e);
    json_array_foreach(volumes, i, v) {
        const char *name = json_str_or(v, "Name", "");
        int64_t size = usage_tree_size(json_str_or(v, "Mountpoint", ""));

        if (json_object_get(used, name) || (!all && !anonymous(v)) ||
            !selected(&s, 0, json_object_get(v, "Labels")) ||
            engine_volume_remove(e, name, false, NULL) < 0)
            continue;
        (void)json_array_append_new(gone, json_str_new(name));
        bytes += size;
    }
    *ret = report(e, "VolumesDeleted", gone, bytes, "volume");
    return 0;
}

/* Removes all names of the image, and with the last one the image. */
static void prune_image(struct engine *e, const struct image *im, json_t *gone)
{
    for (size_t i = 0; im->tags && im->tags[i]; i++) {
        _cleanup_json_ json_t *done = NULL;

        if (engine_image_remove(e, im->tags[i], false, false, &done, NULL) == 0)
            (void)json_array_extend(gone, done);
    }
    if (!im->tags || !im->tags[0]) {
        _cleanup_json_ json_t *done = NULL;

        if (engine_image_remove(e, im->id.str, false, false, &done, NULL) == 0)
            (void)json_array_extend(gone, done);
    }
}

int engine_image_prune(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *gone = json_array(), *used = NULL;
    bool dangling = true, dangling_set = false;
    int64_t before = 0, after = 0;
    struct image **images = NULL;
    struct selection s;
    size_t n = 0;
    int r = selection_init(&s, filters, image_filters, err);

    if (r == 0)
        r = filters_bool(filters, "dangling", &dangling_set, &dangling, err);
    if (r == 0)
        r = usage_layers(e, NULL, &before, err);
    if (r == 0)
        r = image_list(e->images, &images, &n, err);
    if (r < 0)
        return r;
    used = usage_images(e);
    for (size_t i = 0; i < n; i++) {
        const struct image *im = images[i];
        const json_t *labels = json_object_get(json_object_get(im->config, "config"), "Labels");
        bool named = (im->tags && im->tags[0]) || (im->digests && im->digests[0]);

        if (!json_object_get(used, im->id.str) && (!dangling || !named) &&
            selected(&s, im->created_nsec, labels))
            prune_image(e, im, gone);
        image_unref(images[i]);
    }
    free(images);
    (void)usage_layers(e, NULL, &after, NULL);
    *ret = report(e, "ImagesDeleted", gone, before > after ? before - after : 0, "image");
    return 0;
}
