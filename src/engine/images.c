/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fnmatch.h>

#include "base/alloc.h"
#include "base/timeutil.h"
#include "engine/filters.h"
#include "engine/internal.h"
#include "oci/reference.h"

static const char *const accepted[] = {"before", "dangling", "label", "reference",
                                       "since",  "until",    NULL};

struct image_query {
    const json_t *filters;
    bool dangling_set, dangling;
    int64_t before_nsec, since_nsec, until_nsec;
};

static int created_of(struct engine *e, const json_t *filters, const char *name, int64_t *ret,
                      struct err *err)
{
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    size_t cursor = 0;
    const char *ref = filters_next(filters, name, &cursor);
    int r;

    if (!ref)
        return 0;
    r = image_get(e->images, ref, &im, err);
    if (r == 0)
        *ret = im->created_nsec;
    return r;
}

static int query_init(struct engine *e, struct image_query *q, struct err *err)
{
    size_t cursor = 0;
    const char *until;
    int r;

    if ((r = filters_check(q->filters, accepted, err)) < 0 ||
        (r = filters_bool(q->filters, "dangling", &q->dangling_set, &q->dangling, err)) < 0 ||
        (r = created_of(e, q->filters, "before", &q->before_nsec, err)) < 0 ||
        (r = created_of(e, q->filters, "since", &q->since_nsec, err)) < 0)
        return r;
    until = filters_next(q->filters, "until", &cursor);
    if (until && time_parse_reference(until, now_nsec(), &q->until_nsec) < 0)
        return err_set(err, ERR_INVALID, "invalid filter 'until=%s'", until);
    return 0;
}

/* A `reference` pattern: the whole name, the name without tag, or the last components of it. */
static bool reference_matches(const char *pattern, const char *tag)
{
    const char *slash = strrchr(tag, '/');
    const char *colon = strrchr(slash ? slash : tag, ':');
    _cleanup_free_ char *bare = colon ? xstrndup(tag, (size_t)(colon - tag)) : xstrdup(tag);

    return fnmatch(pattern, tag, FNM_PATHNAME) == 0 || fnmatch(pattern, bare, FNM_PATHNAME) == 0;
}

static bool any_matches(const json_t *filters, const char *reference)
{
    size_t cursor = 0;
    const char *want;

    while ((want = filters_next(filters, "reference", &cursor)))
        if (reference_matches(want, reference))
            return true;
    return false;
}

static bool match_reference(const json_t *filters, const struct image *im)
{
    if (!filters_has(filters, "reference"))
        return true;
    for (char **t = im->tags; t && *t; t++)
        if (any_matches(filters, *t))
            return true;
    for (char **t = im->digests; t && *t; t++)
        if (any_matches(filters, *t))
            return true;
    return false;
}

/* With a `reference` filter, only the names that it means are shown. */
static void keep_matching(const json_t *filters, json_t *summary, const char *key)
{
    json_t *list = json_object_get(summary, key), *kept, *v;
    size_t i;

    if (!filters_has(filters, "reference") || !json_is_array(list))
        return;
    kept = json_array();
    json_array_foreach(list, i, v)
        if (any_matches(filters, json_string_value(v)))
            (void)json_array_append(kept, v);
    json_set_take(summary, key, kept);
}

static bool matches(const struct image_query *q, const struct image *im)
{
    const json_t *labels = json_object_get(json_object_get(im->config, "config"), "Labels");
    bool dangling = strv_len(im->tags) == 0 && strv_len(im->digests) == 0;

    if (q->dangling_set && q->dangling != dangling)
        return false;
    if ((q->before_nsec && im->created_nsec >= q->before_nsec) ||
        (q->since_nsec && im->created_nsec <= q->since_nsec) ||
        (q->until_nsec && im->created_nsec > q->until_nsec))
        return false;
    return filters_labels(q->filters, "label", labels) && match_reference(q->filters, im);
}

static int64_t count_users(struct container_view **views, size_t n, const char *image_id)
{
    int64_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += str_eq(views[i]->conf->image_id, image_id);
    return count;
}

static int newest_first(const void *a, const void *b)
{
    const struct image *x = *(struct image *const *)a, *y = *(struct image *const *)b;

    return x->created_nsec < y->created_nsec ? 1 : x->created_nsec > y->created_nsec ? -1 : 0;
}

int engine_image_list(struct engine *e, const json_t *filters, bool all, bool digests,
                      bool shared_size, json_t **ret, struct err *err)
{
    struct image_query q = {.filters = filters};
    struct container_view **views;
    struct image **images = NULL;
    size_t n = 0, n_views = 0;
    json_t *out;
    int r;

    (void)all;
    (void)digests;
    (void)shared_size;
    if ((r = query_init(e, &q, err)) < 0 || (r = image_list(e->images, &images, &n, err)) < 0)
        return r;
    views = engine_views(e, &n_views);
    qsort(images, n, sizeof(*images), newest_first);
    out = json_array();
    for (size_t i = 0; i < n; i++) {
        if (matches(&q, images[i])) {
            json_t *o = image_summary(images[i]);

            keep_matching(filters, o, "RepoTags");
            keep_matching(filters, o, "RepoDigests");
            json_set_i64(o, "Containers", count_users(views, n_views, images[i]->id.str));
            (void)json_array_append_new(out, o);
        }
        image_unref(images[i]);
    }
    free(images);
    engine_views_free(views, n_views);
    *ret = out;
    return 0;
}

int engine_image_inspect(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    return image_inspect(e->images, name, ret, err);
}

int engine_image_history(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    return image_history(e->images, name, ret, err);
}

static void tag_event(struct engine *e, const char *id, const char *target)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_free_ char *familiar = NULL;

    if (reference_parse_tagged(target, &ref, NULL) == 0)
        familiar = reference_familiar(&ref);
    engine_image_event(e, "tag", id, familiar ? familiar : target);
}

int engine_image_tag(struct engine *e, const char *name, const char *target, struct err *err)
{
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    int r = image_tag(e->images, name, target, err);

    if (r == 0 && image_get(e->images, target, &im, NULL) == 0)
        tag_event(e, im->id.str, target);
    return r;
}

static void each_user(void *ctx, const struct digest *id,
                      void (*cb)(void *cb_ctx, const char *container_id, bool running),
                      void *cb_ctx)
{
    struct engine *e = ctx;
    size_t n = 0;
    struct container_view **views = engine_views(e, &n);

    for (size_t i = 0; i < n; i++)
        if (str_eq(views[i]->conf->image_id, id->str))
            cb(cb_ctx, views[i]->conf->id, views[i]->state.running);
    engine_views_free(views, n);
}

int engine_image_remove(struct engine *e, const char *name, bool force, bool noprune, json_t **ret,
                        struct err *err)
{
    struct image_users users = {.each = each_user, .ctx = e};
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    json_t *done = NULL, *v;
    size_t i;
    int r = image_get(e->images, name, &im, err);

    if (r < 0 || (r = image_remove(e->images, name, force, !noprune, &users, &done, err)) < 0)
        return r;
    json_array_foreach(done, i, v) {
        const char *untagged = json_str_or(v, "Untagged", NULL);
        const char *deleted = json_str_or(v, "Deleted", NULL);

        if (untagged)
            engine_image_event(e, "untag", im->id.str, im->id.str);
        else if (str_eq(deleted, im->id.str))
            engine_image_event(e, "delete", im->id.str, im->id.str);
    }
    *ret = done;
    return 0;
}

/* A progress stream that begins with its first line. */
struct progress {
    const struct engine_progress *p;
    struct sink sink;
    bool begun;
};

static int begin(struct progress *pr, struct err *err)
{
    int r;

    if (pr->begun)
        return 0;
    r = pr->p->begin(pr->p->ctx, &pr->sink, err);
    pr->begun = r == 0;
    return r;
}

static int message(void *ctx, const json_t *object)
{
    struct progress *pr = ctx;
    _cleanup_free_ char *text = NULL, *line = NULL;

    if (begin(pr, NULL) < 0)
        return -EPIPE;
    text = json_print(object);
    line = xasprintf("%s\r\n", text);
    return sink_write(&pr->sink, line, strlen(line));
}

/* An error is an HTTP status before the first line, and a line of its own afterwards. */
static int finish(struct progress *pr, int r, struct err *err)
{
    _cleanup_json_ json_t *o = NULL;

    if (r >= 0)
        return begin(pr, err);
    if (!pr->begun || !err)
        return r;
    o = json_object();
    json_set_take(o, "errorDetail", json_object());
    json_set_str(json_object_get(o, "errorDetail"), "message", err->message);
    json_set_str(o, "error", err->message);
    (void)message(pr, o);
    return 0;
}

int engine_image_load(struct engine *e, int fd, bool quiet, const struct engine_progress *p,
                      struct err *err)
{
    struct progress pr = {.p = p};
    struct image_progress progress = {.message = message, .ctx = &pr};
    _cleanup_strv_ char **loaded = NULL;
    int r = image_load(e->images, fd, quiet, &progress, &loaded, err);

    for (size_t i = 0; loaded && loaded[i]; i++) {
        _cleanup_(image_unrefp)
        struct image *im = NULL;

        if (image_get(e->images, loaded[i], &im, NULL) == 0)
            engine_image_event(e, "load", im->id.str, im->id.str);
    }
    return finish(&pr, r, err);
}

int engine_image_import(struct engine *e, int fd, const char *source, const char *repo,
                        const char *tag, const char *message_text, char *const *changes,
                        const char *platform, const struct engine_progress *p, struct err *err)
{
    _cleanup_free_ char *reference = NULL;
    _cleanup_json_ json_t *done = NULL;
    struct progress pr = {.p = p};
    struct digest id = {0};
    int r;

    if (!str_empty(repo))
        reference = str_empty(tag) ? xstrdup(repo) : xasprintf("%s:%s", repo, tag);
    r = image_import(e->images, fd, source, reference, message_text, changes, platform, &id, err);
    if (r == 0) {
        if (reference)
            tag_event(e, id.str, reference);
        engine_image_event(e, "import", id.str, id.str);
        done = json_object();
        json_set_str(done, "status", id.str);
        (void)message(&pr, done);
    }
    return finish(&pr, r, err);
}

int engine_image_save(struct engine *e, char *const *names, int out_fd, struct err *err)
{
    int r = image_save(e->images, names, out_fd, err);

    for (size_t i = 0; r == 0 && names[i]; i++) {
        _cleanup_(image_unrefp)
        struct image *im = NULL;

        if (image_get(e->images, names[i], &im, NULL) == 0)
            engine_image_event(e, "save", im->id.str, im->id.str);
    }
    return r;
}
