/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of containers: look-up by ID, name and prefix; names; views. */
#include <errno.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/timeutil.h"
#include "engine/internal.h"

/* How long a view may wait for the boot: one container that is stuck in the kernel hangs nobody. */
#define VIEW_PATIENCE_NSEC (2 * NSEC_PER_SEC)

struct shim_handle *shim_handle_new(struct shim *shim)
{
    struct shim_handle *h = XNEW(struct shim_handle);

    h->refs = 1;
    h->shim = shim;
    return h;
}

struct shim_handle *shim_handle_ref(struct shim_handle *h)
{
    if (h)
        (void)__atomic_add_fetch(&h->refs, 1, __ATOMIC_RELAXED);
    return h;
}

void shim_handle_unref(struct shim_handle *h)
{
    if (!h || __atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    shim_free(h->shim);
    free(h);
}

struct container *container_new(struct engine *e, struct container_conf *conf, const char *name)
{
    struct container *c = XNEW(struct container);
    pthread_condattr_t attr;

    c->refs = 1;
    c->engine = e;
    c->conf = container_conf_ref(conf);
    c->name = xstrdup(name);
    c->events_fd = -1;
    (void)pthread_mutex_init(&c->op, NULL);
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_mutex_init(&c->view_lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    return c;
}

struct container *container_ref(struct container *c)
{
    (void)__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void container_unref(struct container *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    container_cancel_pending(c);
    container_conf_unref(c->conf);
    container_view_unref(c->view);
    shim_handle_unref(c->shim);
    if (c->events_fd >= 0)
        (void)close_fd(c->events_fd);
    strv_free(c->exec_ids);
    free(c->name);
    json_decref(c->health_log);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->op);
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_mutex_destroy(&c->view_lock);
    free(c);
}

void container_publish(struct container *c)
{
    struct container_view *v =
        container_view_new(c->conf, c->name, &c->state, &c->endpoint, c->exec_ids);
    struct container_view *old;

    (void)pthread_mutex_lock(&c->view_lock);
    old = c->view;
    c->view = v;
    (void)pthread_mutex_unlock(&c->view_lock);
    container_view_unref(old);
    (void)pthread_cond_broadcast(&c->changed);
}

struct container_view *container_get_view(struct container *c)
{
    LOCK_SCOPE(&c->view_lock);
    return container_view_ref(c->view);
}

void container_mark_restored(struct container *c)
{
    LOCK_SCOPE(&c->lock);
    c->restored = true;
    (void)pthread_cond_broadcast(&c->changed);
}

/* The registry's lock is held. A reference, or NULL. */
static struct container *find(struct engine *e, const char *ref, bool *ret_ambiguous)
{
    struct container *c, *found = NULL;
    const char *id, *name = ref[0] == '/' ? ref + 1 : ref, *key;
    size_t cursor = 0;
    void *value;

    c = hashmap_get(e->by_id, ref);
    if (!c && (id = hashmap_get(e->by_name, name)))
        c = hashmap_get(e->by_id, id);
    if (c)
        return container_ref(c);
    if (!str_is_hex(ref, strlen(ref)) || strlen(ref) > 64)
        return NULL;
    while (hashmap_next(e->by_id, &cursor, &key, &value))
        if (str_starts(key, ref)) {
            if (found) {
                *ret_ambiguous = true;
                return NULL;
            }
            found = value;
        }
    return found ? container_ref(found) : NULL;
}

static int lookup(struct engine *e, const char *ref, struct container **ret, struct err *err)
{
    bool ambiguous = false;
    struct container *c = NULL;

    if (str_empty(ref))
        return err_set(err, ERR_INVALID, "No command, name or ID of a container is given");
    {
        LOCK_SCOPE(&e->registry);
        c = find(e, ref, &ambiguous);
    }
    if (ambiguous)
        return err_set(err, ERR_INVALID, "multiple IDs found with provided prefix: %s", ref);
    if (!c)
        return err_set(err, ERR_NOT_FOUND, "No such container: %s", ref);
    *ret = c;
    return 0;
}

/* Waits until the boot has found out what c does, or time is up. */
static void wait_restored(struct engine *e, struct container *c, int64_t until)
{
    struct timespec at = {.tv_sec = (time_t)(until / NSEC_PER_SEC),
                          .tv_nsec = (long)(until % NSEC_PER_SEC)};

    LOCK_SCOPE(&c->lock);
    while (!c->restored && !e->closing)
        if (pthread_cond_timedwait(&c->changed, &c->lock, &at) == ETIMEDOUT)
            return;
}

int engine_lookup(struct engine *e, const char *ref, struct container **ret, struct err *err)
{
    struct container *c = NULL;
    int r = lookup(e, ref, &c, err);

    if (!c)
        return r;
    (void)pthread_mutex_lock(&c->lock);
    while (!c->restored && !e->closing)
        (void)pthread_cond_wait(&c->changed, &c->lock);
    (void)pthread_mutex_unlock(&c->lock);
    *ret = c;
    return 0;
}

int engine_lookup_view(struct engine *e, const char *ref, struct container_view **ret,
                       struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    int r = lookup(e, ref, &c, err);

    if (!c)
        return r;
    wait_restored(e, c, monotonic_nsec() + VIEW_PATIENCE_NSEC);
    *ret = container_get_view(c);
    return 0;
}

int engine_reserve_name(struct engine *e, const char *name, const char *id, struct err *err)
{
    const char *owner;

    LOCK_SCOPE(&e->registry);
    owner = hashmap_get(e->by_name, name);
    if (owner)
        return err_set(err, ERR_CONFLICT,
                       "Conflict. The container name \"/%s\" is already in use by container "
                       "\"%s\". You have to remove (or rename) that container to be able to reuse "
                       "that name.",
                       name, owner);
    hashmap_put(e->by_name, name, xstrdup(id));
    return 0;
}

void engine_release_name(struct engine *e, const char *name, const char *id)
{
    LOCK_SCOPE(&e->registry);
    if (str_eq(hashmap_get(e->by_name, name), id))
        hashmap_remove(e->by_name, name);
}

void engine_register(struct engine *e, struct container *c)
{
    LOCK_SCOPE(&e->registry);
    hashmap_put(e->by_id, c->conf->id, container_ref(c));
}

void engine_unregister(struct engine *e, struct container *c)
{
    struct container *held;

    {
        LOCK_SCOPE(&e->registry);
        held = hashmap_take(e->by_id, c->conf->id);
        if (str_eq(hashmap_get(e->by_name, c->name), c->conf->id))
            hashmap_remove(e->by_name, c->name);
    }
    container_unref(held);
}

struct container **engine_containers(struct engine *e, size_t *ret_n)
{
    struct container **list;
    size_t cursor = 0, n = 0;
    void *value;

    LOCK_SCOPE(&e->registry);
    list = XNEW_ARRAY(struct container *, hashmap_len(e->by_id) + 1);
    while (hashmap_next(e->by_id, &cursor, NULL, &value))
        list[n++] = container_ref(value);
    *ret_n = n;
    return list;
}

struct container_view **engine_views(struct engine *e, size_t *ret_n)
{
    int64_t until = monotonic_nsec() + VIEW_PATIENCE_NSEC;
    struct container **list = engine_containers(e, ret_n);
    struct container_view **views = XNEW_ARRAY(struct container_view *, *ret_n + 1);

    for (size_t i = 0; i < *ret_n; i++) {
        wait_restored(e, list[i], until);
        views[i] = container_get_view(list[i]);
        container_unref(list[i]);
    }
    free(list);
    return views;
}

void engine_views_free(struct container_view **views, size_t n)
{
    for (size_t i = 0; i < n; i++)
        container_view_unref(views[i]);
    free(views);
}

char *container_exec_dir(const struct engine *e, const char *id)
{
    return xasprintf("%s/containers/%s", e->exec_root, id);
}

char *container_data_dir(const struct engine *e, const char *id)
{
    return xasprintf("%s/containers/%s", e->data_root, id);
}

char *container_log_path(const struct engine *e, const char *id)
{
    return xasprintf("%s/containers/%s/%s-json.log", e->data_root, id, id);
}
