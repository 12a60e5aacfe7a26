/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Remove and rename. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "db/db.h"
#include "engine/internal.h"

/* Marks it as being removed; false when somebody else does it already. */
static bool begin_removal(struct container *c)
{
    LOCK_SCOPE(&c->lock);
    if (c->gone || c->state.removing)
        return false;
    c->state.removing = true;
    c->restart_generation++;
    container_publish(c);
    return true;
}

static void removal_failed(struct container *c)
{
    LOCK_SCOPE(&c->lock);
    c->state.removing = false;
    c->state.dead = true;
    container_publish(c);
}

static void volumes_released(struct engine *e, struct container *c, bool anonymous)
{
    _cleanup_json_ json_t *mounts = container_conf_mounts(c->conf);
    json_t *m;
    size_t i;

    if (json_array_size(mounts) == 0)
        return;
    (void)volume_release(e->volumes, c->conf->id, anonymous, NULL);
    json_array_foreach(mounts, i, m) {
        const char *name = json_str_or(m, "Name", "");
        _cleanup_json_ json_t *still = NULL;

        if (anonymous && !str_empty(name) && str_eq(json_str_or(m, "Type", ""), "volume") &&
            volume_inspect(e->volumes, name, &still, NULL) < 0)
            engine_volume_event(e, name, "destroy", NULL);
    }
}

/* One sync for both rows. What was to remove itself needs none: if it comes back after a power cut,
 * the next daemon removes it. */
static int forget_on_disk(struct engine *e, struct container *c, struct err *err)
{
    int r;

    db_sync_pause(e->db);
    r = layer_rw_remove(e->layers, c->conf->id, err);
    if (r == 0 && c->conf->auto_remove)
        r = container_store_delete(e->db, c->conf->id, err);
    db_sync_resume(e->db);
    if (r == 0 && !c->conf->auto_remove)
        r = container_store_delete(e->db, c->conf->id, err);
    return r;
}

int container_remove_locked(struct engine *e, struct container *c, bool volumes, struct err *err)
{
    _cleanup_free_ char *data = container_data_dir(e, c->conf->id);
    _cleanup_free_ char *exec = container_exec_dir(e, c->conf->id);
    int r;

    if (!begin_removal(c))
        return err_set(err, ERR_CONFLICT, "removal of container %s is already in progress",
                       c->conf->id);
    (void)rm_rf_at(AT_FDCWD, exec);
    r = forget_on_disk(e, c, err);
    if (r < 0 && err && err->kind == ERR_NO_SPACE) {
        /* the disk is full, maybe of its log, and even to forget takes some room */
        (void)rm_rf_at(AT_FDCWD, data);
        r = forget_on_disk(e, c, err);
    }
    if (r < 0) {
        removal_failed(c);
        err_wrap(err, "unable to remove container %s", c->conf->id);
        return r;
    }
    (void)rm_rf_at(AT_FDCWD, data);
    container_cancel_pending(c);
    exec_forget_all(e, c);
    volumes_released(e, c, volumes);
    engine_unregister(e, c);
    engine_container_event(e, c, "destroy", NULL);
    LOCK_SCOPE(&c->lock);
    c->gone = true;
    container_wake(c, true, true);
    return 0;
}

/* Ends a running container for good. */
static int kill_it(struct container *c, struct err *err)
{
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;

    {
        LOCK_SCOPE(&c->lock);
        c->state.manually_stopped = true;
        c->restart_generation++;
        shim = shim_handle_ref(c->shim);
    }
    if (shim)
        (void)container_kill(c, shim, NULL);
    if (!container_wait_stopped(c, KILL_GRACE_NSEC))
        return err_set(err, ERR_INTERNAL,
                       "cannot remove container \"%s\": could not kill container: tried to kill "
                       "container, but did not receive an exit event",
                       c->conf->id);
    return 0;
}

/* Whether its state allows removal; c->lock is not held. */
static int check_removable(struct container *c, const char *ref, struct err *err)
{
    LOCK_SCOPE(&c->lock);
    if (!c->state.running || c->state.restarting)
        return 0;
    if (c->state.paused)
        return err_set(err, ERR_CONFLICT,
                       "cannot remove container \"%s\": container is paused and must be unpaused "
                       "first",
                       ref);
    return err_set(err, ERR_CONFLICT,
                   "cannot remove container \"%s\": container is running: stop the container "
                   "before removing or force remove",
                   ref);
}

static void drop_restart(struct container *c)
{
    LOCK_SCOPE(&c->lock);
    c->restart_generation++;
    if (c->state.restarting) {
        container_set_exited(&c->state, c->state.exit_code, c->state.oom_killed,
                             c->state.finished_nsec);
        container_publish(c);
    }
}

int engine_container_remove(struct engine *e, const char *ref, bool force, bool volumes, bool link,
                            struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    int r;

    if (link)
        return err_set(err, ERR_UNSUPPORTED, "links are not supported");
    r = engine_lookup(e, ref, &c, err);
    if (r < 0)
        return r;
    {
        _cleanup_(container_view_unrefp)
        struct container_view *v = container_get_view(c);
        _cleanup_free_ char *name = xasprintf("/%s", v->name);

        r = force ? 0 : check_removable(c, name, err);
    }
    if (r < 0)
        return r;
    for (int tries = 0;; tries++) {
        if (force && (r = kill_it(c, err)) < 0)
            return r;
        LOCK_SCOPE(&c->op);
        drop_restart(c);
        r = check_removable(c, ref, err);
        if (r < 0 && force && tries < 3)
            continue; /* started again in between */
        if (r < 0)
            return r;
        {
            LOCK_SCOPE(&c->lock);
            if (c->gone) /* --rm was quicker */
                return force ? 0 : err_set(err, ERR_NOT_FOUND, "No such container: %s", ref);
        }
        return container_remove_locked(e, c, volumes, err);
    }
}

int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_free_ char *old = NULL, *old_shown = NULL;
    const char *bare = name && name[0] == '/' ? name + 1 : name;
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    if (str_empty(bare))
        return err_set(err, ERR_INVALID, "Neither old nor new names may be empty");
    if (!container_name_valid(bare))
        return err_set(err, ERR_INVALID,
                       "Error when allocating new name: Invalid container name (/%s), only "
                       "[a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                       bare);
    LOCK_SCOPE(&c->op);
    {
        LOCK_SCOPE(&c->lock);
        if (c->gone)
            return err_set(err, ERR_NOT_FOUND, "No such container: %s", ref);
        old = xstrdup(c->name);
    }
    if (str_eq(old, bare))
        return err_set(err, ERR_INVALID,
                       "Renaming a container with the same name as its current name");
    r = engine_reserve_name(e, bare, c->conf->id, err);
    if (r < 0) {
        err_wrap(err, "Error when allocating new name");
        return r;
    }
    r = container_store_rename(e->db, c->conf->id, bare, err);
    if (r < 0) {
        engine_release_name(e, bare, c->conf->id);
        return r;
    }
    {
        LOCK_SCOPE(&c->lock);
        free(c->name);
        c->name = xstrdup(bare);
        container_publish(c);
    }
    engine_release_name(e, old, c->conf->id);
    old_shown = xasprintf("/%s", old);
    engine_container_event(e, c, "rename", "oldName", old_shown, NULL);
    return 0;
}
