/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writer: run-time state is stored in the background, many changes in one transaction. Losing
 * the last of it costs nothing, because exec directories tell what happened. */
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "db/db.h"
#include "engine/internal.h"

#define BATCH_DELAY_NSEC 200000000

void engine_mark_dirty(struct container *c)
{
    struct engine *e = c->engine;
    bool fresh;

    {
        LOCK_SCOPE(&c->lock);
        fresh = !c->dirty;
        c->dirty = true;
    }
    if (!fresh)
        return;
    LOCK_SCOPE(&e->dirty_lock);
    strv_push(&e->dirty_ids, c->conf->id);
    (void)pthread_cond_signal(&e->dirty_changed);
}

/* Writes one container's state; the caller has begun the transaction or not. True when its exec
 * directory can go. */
static bool store_one(struct container *c, struct err *err)
{
    struct container_state state;
    bool sweep;

    {
        LOCK_SCOPE(&c->lock);
        c->dirty = false;
        state = c->state;
        sweep = c->sweep && !c->gone && !c->state.running;
        if (c->gone)
            return false;
    }
    return container_store_state(c->engine->db, c->conf->id, &state, err) == 0 && sweep;
}

/* Removes the exec directory unless the container was started again meanwhile. Whoever holds `op`
 * is starting or removing it, and cleans up himself: the writer waits for nobody. */
static void sweep_exec_dir(struct container *c)
{
    bool sweep;

    if (pthread_mutex_trylock(&c->op) != 0)
        return;
    {
        LOCK_SCOPE(&c->lock);
        sweep = c->sweep && !c->state.running && !c->gone;
        c->sweep = c->sweep && !sweep;
    }
    if (sweep) {
        _cleanup_free_ char *dir = container_exec_dir(c->engine, c->conf->id);

        (void)rm_rf_at(AT_FDCWD, dir);
    }
    (void)pthread_mutex_unlock(&c->op);
}

void engine_store_state(struct container *c)
{
    struct err err = {0};

    (void)store_one(c, &err);
    if (err.kind)
        log_error("store the state of container %s: %s", c->conf->id, err.message);
}

static struct container *by_id(struct engine *e, const char *id)
{
    struct container *c;

    LOCK_SCOPE(&e->registry);
    c = hashmap_get(e->by_id, id);
    return c ? container_ref(c) : NULL;
}

static void write_batch(struct engine *e, char *const *ids)
{
    size_t n = strv_len(ids);
    struct container **sweep = XNEW_ARRAY(struct container *, n + 1);
    struct err err = {0};

    db_sync_pause(e->db);
    if (db_begin(e->db, &err) == 0) {
        for (size_t i = 0; i < n; i++) {
            struct container *c = by_id(e, ids[i]);

            if (c && store_one(c, &err))
                sweep[i] = c;
            else
                container_unref(c);
        }
        (void)db_commit(e->db, &err);
    }
    db_sync_resume(e->db);
    if (err.kind)
        log_error("store the state of containers: %s", err.message);
    for (size_t i = 0; i < n; i++)
        if (sweep[i]) {
            sweep_exec_dir(sweep[i]);
            container_unref(sweep[i]);
        }
    free(sweep);
}

static void *writer_main(void *arg)
{
    struct engine *e = arg;

    for (;;) {
        _cleanup_strv_ char **ids = NULL;
        struct timespec pause = {.tv_nsec = BATCH_DELAY_NSEC};
        bool closing;

        (void)pthread_mutex_lock(&e->dirty_lock);
        while (!e->dirty_ids && !e->closing)
            (void)pthread_cond_wait(&e->dirty_changed, &e->dirty_lock);
        closing = e->closing;
        (void)pthread_mutex_unlock(&e->dirty_lock);
        if (!closing)
            (void)nanosleep(&pause, NULL);
        (void)pthread_mutex_lock(&e->dirty_lock);
        ids = TAKE_PTR(e->dirty_ids);
        (void)pthread_mutex_unlock(&e->dirty_lock);
        if (ids)
            write_batch(e, ids);
        else if (closing)
            return NULL;
    }
}

int engine_writer_start(struct engine *e, struct err *err)
{
    int r = thread_spawn("state-writer", 0, writer_main, e, &e->writer);

    return r < 0 ? err_errno(err, r, "start the state writer") : 0;
}

void engine_writer_stop(struct engine *e)
{
    if (!e->writer)
        return;
    {
        LOCK_SCOPE(&e->dirty_lock);
        (void)pthread_cond_broadcast(&e->dirty_changed);
    }
    (void)pthread_join(e->writer, NULL);
    e->writer = 0;

    _cleanup_strv_ char **ids = TAKE_PTR(e->dirty_ids);
    if (ids)
        write_batch(e, ids);
}
