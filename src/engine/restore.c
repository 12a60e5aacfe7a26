/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After the daemon's start: finds out what each container does, takes the running ones over, and
 * sweeps what nobody owns. The API answers meanwhile; a call on a container waits for that one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/path.h"
#include "base/timeutil.h"
#include "engine/health.h"
#include "engine/internal.h"

#define WORKERS 4

struct restore {
    struct engine *e;
    struct container **list; /* references */
    size_t n, next;          /* next: atomically taken */
    pthread_t main;
};

void engine_wait_net_ready(struct engine *e)
{
    LOCK_SCOPE(&e->boot_lock);
    while (!e->net_ready && !e->closing)
        (void)pthread_cond_wait(&e->boot_changed, &e->boot_lock);
}

void container_endpoint_load(struct container *c)
{
    struct container_endpoint *to = &c->endpoint;
    struct net_endpoint lease = {0}, *from = &lease;

    if (net_endpoint_get(c->engine->net, c->conf->id, &lease, NULL) < 0)
        return;
    (void)snprintf(to->network_id, sizeof(to->network_id), "%s", from->network_id);
    (void)snprintf(to->endpoint_id, sizeof(to->endpoint_id), "%s", from->endpoint_id);
    (void)snprintf(to->sandbox_id, sizeof(to->sandbox_id), "%s", from->sandbox_id);
    (void)snprintf(to->ip, sizeof(to->ip), "%s", from->ip);
    (void)snprintf(to->gateway, sizeof(to->gateway), "%s", from->gateway);
    (void)snprintf(to->mac, sizeof(to->mac), "%s", from->mac);
    to->prefix_len = from->prefix_len;
}

static void take_over(struct container *c, struct shim *shim, int events_fd,
                      const struct shim_state *state)
{
    (void)pthread_mutex_lock(&c->lock);
    container_set_running(&c->state, state->pid, state->started_nsec);
    c->state.paused = state->paused;
    c->shim = shim_handle_new(shim);
    c->events_fd = events_fd;
    container_endpoint_load(c);
    container_publish(c);
    (void)pthread_mutex_unlock(&c->lock);
}

/* 1 when a shim was found and taken over (or holds an end that the watcher will handle). */
static int try_shim(struct engine *e, struct container *c, const char *dir)
{
    struct shim *shim = NULL;
    struct shim_event ev = {0};
    int fd = -1;

    if (shim_connect(c->conf->id, dir, &shim, NULL) < 0)
        return 0;
    if (shim_subscribe(shim, &fd, NULL) < 0 || shim_read_event(fd, &ev, NULL) <= 0 ||
        ev.kind != SHIM_EVENT_STATE) {
        if (fd >= 0)
            (void)close_fd(fd);
        shim_free(shim);
        return 0;
    }
    if (!ev.state.started && !ev.state.exited) {
        /* the daemon died in the middle of its start */
        (void)shim_abort(shim, NULL);
        container_reap_shim(c, fd, 0, 5000);
        shim_free(shim);
        return 0;
    }
    take_over(c, shim, fd, &ev.state);
    if (ev.state.exited) {
        /* found while it ends: it is not watched, so that nobody else handles this end too */
        container_mark_restored(c);
        container_exit_spawn(container_ref(c), &ev.state, false);
    } else if (engine_watch(e, c) < 0) {
        log_error("container %s runs, but cannot be watched", c->conf->id);
    } else {
        container_health_begin(c);
    }
    return 1;
}

/* It is not running any more: sets how it ended. */
static void settle(struct container *c, const char *dir, bool had_dir)
{
    int64_t started = container_noted_start(c->engine, c->conf->id);
    struct shim_state end = {0};
    bool was_running, known = had_dir && shim_read_exit(dir, &end, NULL) == 0;

    if (!known && (had_dir || c->state.running || started > c->state.started_nsec))
        container_end_orphan(c->engine, c->conf);
    (void)pthread_mutex_lock(&c->lock);
    was_running = c->state.running || started > c->state.started_nsec;
    c->state.started_nsec = MAX(c->state.started_nsec, started);
    if (known && end.exited_nsec > c->state.finished_nsec) {
        if (end.started_nsec > 0)
            c->state.started_nsec = end.started_nsec;
        container_set_exited(&c->state, end.exit_code, end.oom_killed, end.exited_nsec);
    } else if (was_running) {
        /* a reboot, or a shim killed with its container */
        container_set_exited(&c->state, 255, false, now_nsec());
    }
    c->state.running = c->state.restarting = false;
    container_endpoint_clear(&c->endpoint);
    c->sweep = had_dir;
    container_publish(c);
    (void)pthread_mutex_unlock(&c->lock);
    if (was_running || known || had_dir)
        engine_mark_dirty(c);
}

/* Docker's rule at a daemon's start: `always` starts even what was stopped by hand. */
static bool wants_start(const struct container *c)
{
    const struct container_state *s = &c->state;

    if (s->running || s->started_nsec == 0)
        return false;
    switch (container_conf_restart(c->conf)) {
    case RESTART_ALWAYS:
        return true;
    case RESTART_UNLESS_STOPPED:
        return !s->manually_stopped;
    case RESTART_ON_FAILURE:
        return !s->manually_stopped && s->exit_code != 0 &&
               (container_conf_restart_max(c->conf) == 0 ||
                s->restart_count < container_conf_restart_max(c->conf));
    case RESTART_NO:
    default:
        return false;
    }
}

static void restore_one(struct engine *e, struct container *c)
{
    _cleanup_free_ char *dir = container_exec_dir(e, c->conf->id);
    bool had_dir = access(dir, F_OK) == 0;

    if (!had_dir || try_shim(e, c, dir) == 0)
        settle(c, dir, had_dir);
    container_mark_restored(c);
}

static void *worker_main(void *arg)
{
    struct restore *rs = arg;

    for (;;) {
        size_t i = __atomic_fetch_add(&rs->next, 1, __ATOMIC_RELAXED);

        if (i >= rs->n)
            return NULL;
        restore_one(rs->e, rs->list[i]);
    }
}

static void restore_all(struct restore *rs)
{
    pthread_t workers[WORKERS];
    size_t n = 0;

    for (; n + 1 < MIN(rs->n, (size_t)WORKERS); n++)
        if (thread_spawn("restore", 0, worker_main, rs, &workers[n]) < 0)
            break;
    (void)worker_main(rs);
    while (n > 0)
        (void)pthread_join(workers[--n], NULL);
}

static void restore_networks(struct restore *rs)
{
    _cleanup_strv_ char **running = NULL;
    struct err err = {0};

    for (size_t i = 0; i < rs->n; i++) {
        _cleanup_(container_view_unrefp)
        struct container_view *v = container_get_view(rs->list[i]);

        if (v->state.running)
            strv_push(&running, v->conf->id);
    }
    if (net_restore(rs->e->net, running, &err) < 0)
        log_error("restore the networks: %s", err.message);
    LOCK_SCOPE(&rs->e->boot_lock);
    rs->e->net_ready = true;
    (void)pthread_cond_broadcast(&rs->e->boot_changed);
}

/* Removes the directories below `path` whose names are no container's. */
static void sweep_dirs(struct engine *e, const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;

    if (!d)
        return;
    while ((entry = readdir(d))) {
        _cleanup_free_ char *dir = NULL;
        struct shim *shim = NULL;
        bool known;

        if (entry->d_name[0] == '.')
            continue;
        {
            LOCK_SCOPE(&e->registry);
            known = hashmap_get(e->by_id, entry->d_name) != NULL;
        }
        if (known)
            continue;
        dir = xasprintf("%s/%s", path, entry->d_name);
        if (shim_connect(entry->d_name, dir, &shim, NULL) == 0) {
            log_warn("the container %s runs, but nobody knows it: it is ended", entry->d_name);
            if (shim_abort(shim, NULL) < 0)
                (void)shim_kill(shim, SIGKILL, NULL);
            shim_free(shim);
        }
        (void)rm_rf_at(dirfd(d), entry->d_name);
    }
    (void)closedir(d);
}

static void sweep_layers(struct engine *e)
{
    _cleanup_strv_ char **names = NULL;

    if (layer_rw_list(e->layers, &names, NULL) < 0)
        return;
    for (size_t i = 0; names && names[i]; i++) {
        bool known;

        {
            LOCK_SCOPE(&e->registry);
            known = hashmap_get(e->by_id, names[i]) != NULL;
        }
        if (!known)
            (void)layer_rw_remove(e->layers, names[i], NULL);
    }
}

/* What the restart policies and --rm still owe. */
static void finish_one(struct engine *e, struct container *c)
{
    struct err err = {0};
    bool start, remove;

    LOCK_SCOPE(&c->op);
    {
        LOCK_SCOPE(&c->lock);
        if (c->gone || c->state.running)
            return;
        start = wants_start(c);
        remove = c->conf->auto_remove && c->state.started_nsec != 0;
    }
    if (start && container_start_locked(e, c, &err) < 0)
        log_error("start container %s: %s", c->conf->id, err.message);
    else if (!start && remove)
        (void)container_remove_locked(e, c, true, NULL);
}

static void *restore_main(void *arg)
{
    struct restore *rs = arg;
    struct engine *e = rs->e;

    restore_all(rs);
    restore_networks(rs);
    for (size_t i = 0; i < rs->n && !e->closing; i++)
        finish_one(e, rs->list[i]);
    for (size_t i = 0; i < rs->n; i++)
        container_unref(rs->list[i]);
    free(rs->list);
    rs->list = NULL;
    log_debug("the restore of %zu containers is done", rs->n);
    return NULL;
}

int engine_restore_start(struct engine *e, struct err *err)
{
    _cleanup_free_ char *exec = xasprintf("%s/containers", e->exec_root);
    _cleanup_free_ char *data = xasprintf("%s/containers", e->data_root);
    struct restore *rs = XNEW(struct restore);
    int r;

    /* before the API can make new ones */
    sweep_dirs(e, exec);
    sweep_dirs(e, data);
    sweep_layers(e);
    rs->e = e;
    rs->list = engine_containers(e, &rs->n);
    e->boot = rs;
    r = thread_spawn("boot", 0, restore_main, rs, &rs->main);
    return r < 0 ? err_errno(err, r, "start the restore") : 0;
}

void engine_restore_stop(struct engine *e)
{
    if (!e->boot)
        return;
    {
        LOCK_SCOPE(&e->boot_lock);
        (void)pthread_cond_broadcast(&e->boot_changed);
    }
    (void)pthread_join(e->boot->main, NULL);
    free(e->boot);
    e->boot = NULL;
}
