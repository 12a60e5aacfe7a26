/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stop, kill, restart, pause, unpause, resize. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/timeutil.h"
#include "engine/internal.h"

#define DEFAULT_STOP_SEC 10

/* The shim of a running container; ERR_CONFLICT with Docker's words otherwise. */
static int running_shim(struct container *c, struct shim_handle **ret, struct err *err)
{
    LOCK_SCOPE(&c->lock);
    if (!c->state.running || !c->shim) {
        (void)err_set(err, ERR_CONFLICT, "container %s is not running", c->conf->id);
        return -EBUSY;
    }
    *ret = shim_handle_ref(c->shim);
    return 0;
}

static int send_signal(struct engine *e, struct container *c, int signo, struct err *err)
{
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    char number[12];
    int r = running_shim(c, &shim, err);

    if (r < 0)
        return r;
    r = signo == SIGKILL ? container_kill(c, shim, err) : shim_kill(shim->shim, signo, err);
    if (r < 0)
        return r;
    (void)snprintf(number, sizeof(number), "%d", signo);
    engine_container_event(e, c, "kill", "signal", number, NULL);
    return 0;
}

/* A stop that must survive a restart of the daemon for the policy's sake is stored at once. */
static void note_manual_stop(struct container *c)
{
    bool store;

    {
        LOCK_SCOPE(&c->lock);
        store = !c->state.manually_stopped && container_conf_restart(c->conf) != RESTART_NO;
        c->state.manually_stopped = true;
        c->restart_generation++;
    }
    if (store)
        engine_store_state(c);
}

static int stop_signal(const struct container *c, const char *signal, int *ret, struct err *err)
{
    if (!str_empty(signal))
        return container_signal_parse(signal, ret, err);
    if (str_empty(c->conf->stop_signal) ||
        container_signal_parse(c->conf->stop_signal, ret, NULL) < 0)
        *ret = SIGTERM;
    return 0;
}

/* A container that waits for its next try only has to be told that there is none. */
static bool cancel_restart(struct container *c)
{
    LOCK_SCOPE(&c->op);
    LOCK_SCOPE(&c->lock);
    if (!c->state.restarting)
        return false;
    container_set_exited(&c->state, c->state.exit_code, c->state.oom_killed,
                         c->state.finished_nsec);
    c->sweep = true;
    container_publish(c);
    container_wake(c, true, false);
    return true;
}

static int stop_running(struct engine *e, struct container *c, const char *signal, int timeout_sec,
                        struct err *err)
{
    int signo = SIGTERM, r;
    int64_t timeout;

    r = stop_signal(c, signal, &signo, err);
    if (r < 0)
        return r;
    if (timeout_sec == INT_MIN)
        timeout_sec =
            c->conf->stop_timeout_sec == INT_MIN ? DEFAULT_STOP_SEC : c->conf->stop_timeout_sec;
    timeout = timeout_sec < 0 ? -1 : timeout_sec * NSEC_PER_SEC;
    note_manual_stop(c);
    if (cancel_restart(c)) {
        engine_mark_dirty(c);
        engine_container_event(e, c, "stop", NULL);
        return 0;
    }
    r = send_signal(e, c, signo, NULL);
    if (r < 0 || !container_wait_stopped(c, timeout)) {
        r = send_signal(e, c, SIGKILL, NULL);
        if (!container_wait_stopped(c, KILL_GRACE_NSEC))
            return err_set(err, ERR_INTERNAL,
                           "cannot stop container: %s: tried to kill container, but did not "
                           "receive an exit event",
                           c->conf->id);
    }
    engine_container_event(e, c, "stop", NULL);
    return 0;
}

static bool runs_now(struct container *c)
{
    LOCK_SCOPE(&c->lock);
    return c->state.running;
}

bool container_is_running(struct container *c)
{
    if (runs_now(c))
        return true;
    LOCK_SCOPE(&c->op);
    return runs_now(c);
}

int engine_container_stop(struct engine *e, const char *ref, const char *signal, int timeout_sec,
                          struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    if (!container_is_running(c))
        return err_set(err, ERR_NOT_MODIFIED, "the container is not running");
    r = stop_running(e, c, signal, timeout_sec, err);
    if (r < 0 && err && !str_starts(err->message, "cannot stop container"))
        err_wrap(err, "cannot stop container: %s", ref);
    return r;
}

static void set_keep(struct container *c, bool on)
{
    LOCK_SCOPE(&c->lock);
    c->keep = on;
}

static int start_again(struct engine *e, struct container *c, struct err *err)
{
    LOCK_SCOPE(&c->op);
    {
        LOCK_SCOPE(&c->lock);
        if (c->gone || c->state.removing)
            return err_set(err, ERR_CONFLICT,
                           "container is marked for removal and cannot be started");
        if (c->state.running)
            return 0;
        c->restart_generation++;
        c->restart_delay_nsec = 0;
        c->state.manually_stopped = false;
    }
    return container_start_locked(e, c, err);
}

int engine_container_restart(struct engine *e, const char *ref, const char *signal, int timeout_sec,
                             struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    set_keep(c, true); /* the end in between must not remove it */
    if (container_is_running(c))
        r = stop_running(e, c, signal, timeout_sec, err);
    if (r == 0)
        r = start_again(e, c, err);
    set_keep(c, false);
    if (r < 0) {
        err_wrap(err, "Cannot restart container %s", ref);
        return r;
    }
    engine_container_event(e, c, "restart", NULL);
    return 0;
}

int engine_container_kill(struct engine *e, const char *ref, const char *signal, struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    int signo = SIGKILL, own = SIGTERM, r;

    r = str_empty(signal) ? 0 : container_signal_parse(signal, &signo, err);
    if (r >= 0)
        r = engine_lookup(e, ref, &c, err);
    if (r < 0) {
        err_wrap(err, "cannot kill container: %s", ref);
        return r;
    }
    if (!container_is_running(c))
        return err_set(err, ERR_CONFLICT, "cannot kill container: %s: container %s is not running",
                       ref, c->conf->id);
    (void)stop_signal(c, NULL, &own, NULL);
    if (signo == SIGKILL || signo == own)
        note_manual_stop(c);
    if (signo == SIGKILL && cancel_restart(c)) {
        engine_mark_dirty(c);
        return 0;
    }
    r = send_signal(e, c, signo, err);
    if (r < 0) {
        err_wrap(err, "cannot kill container: %s", ref);
        return r;
    }
    /* as with Docker, a killed container is down when the call returns */
    if (signo == SIGKILL && !container_wait_stopped(c, KILL_GRACE_NSEC))
        log_warn("container %s does not end after SIGKILL", c->conf->id);
    return 0;
}

static int check_pausable(struct container *c, bool pause, struct shim_handle **ret,
                          struct err *err)
{
    const char *id = c->conf->id;

    LOCK_SCOPE(&c->lock);
    if (c->state.running && c->shim && c->state.paused != pause) {
        *ret = shim_handle_ref(c->shim);
        return 0;
    }
    if (c->state.running && c->shim)
        (void)err_set(err, ERR_CONFLICT,
                      pause ? "Container %s is already paused" : "Container %s is not paused", id);
    else if (pause && c->state.restarting)
        (void)err_set(err, ERR_CONFLICT,
                      "Container %s is restarting, wait until the container is running", id);
    else
        (void)err_set(err, ERR_CONFLICT,
                      pause ? "container %s is not running" : "Container %s is not paused", id);
    return -EBUSY;
}

static int set_paused(struct engine *e, const char *ref, bool pause, struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    LOCK_SCOPE(&c->op);
    r = check_pausable(c, pause, &shim, err);
    if (r < 0)
        return r;
    r = pause ? shim_pause(shim->shim, err) : shim_resume(shim->shim, err);
    if (r < 0) {
        err_wrap(err, "Cannot %s container %s", pause ? "pause" : "unpause", c->conf->id);
        return r;
    }
    {
        LOCK_SCOPE(&c->lock);
        c->state.paused = pause;
        container_publish(c);
    }
    engine_container_event(e, c, pause ? "pause" : "unpause", NULL);
    return 0;
}

int engine_container_pause(struct engine *e, const char *ref, struct err *err)
{
    return set_paused(e, ref, true, err);
}

int engine_container_unpause(struct engine *e, const char *ref, struct err *err)
{
    return set_paused(e, ref, false, err);
}

int engine_container_resize(struct engine *e, const char *ref, uint16_t rows, uint16_t cols,
                            struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    char height[8], width[8];
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0 || (r = running_shim(c, &shim, err)) < 0)
        return r;
    r = shim_resize(shim->shim, NULL, rows, cols, err);
    if (r < 0)
        return r;
    (void)snprintf(height, sizeof(height), "%u", rows);
    (void)snprintf(width, sizeof(width), "%u", cols);
    engine_container_event(e, c, "resize", "height", height, "width", width, NULL);
    return 0;
}
