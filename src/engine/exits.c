/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What follows a container's end. Each end has a short-lived thread of its own, so that one that is
 * slow to clean up holds up no other. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/timeutil.h"
#include "engine/internal.h"

struct ending {
    struct container *c; /* ref */
    struct shim_state state;
    bool shim_gone;
};

void container_cancel_pending(struct container *c)
{
    struct shim_stream *pending;
    size_t n;

    {
        LOCK_SCOPE(&c->lock);
        pending = TAKE_PTR(c->pending);
        n = c->n_pending;
        c->n_pending = 0;
    }
    for (size_t i = 0; i < n; i++) {
        (void)close_fd(pending[i].fd);
        free((char *)pending[i].detach_keys);
        free((void *)pending[i].preread);
    }
    free(pending);
}

/* Reads events until the shim closes the connection. False when it has not within the time. */
static bool drain(struct container *c, int events_fd, int timeout_msec)
{
    int64_t end = monotonic_nsec() + timeout_msec * NSEC_PER_MSEC;

    for (;;) {
        struct pollfd p = {.fd = events_fd, .events = POLLIN};
        int64_t left = (end - monotonic_nsec()) / NSEC_PER_MSEC;
        struct shim_event event;
        int r;

        if (left <= 0 || poll(&p, 1, (int)left) == 0)
            return false;
        r = shim_read_event(events_fd, &event, NULL);
        if (r <= 0)
            return true;
        if (event.kind == SHIM_EVENT_EXEC_EXITED)
            exec_note_exit(c->engine, c, &event);
    }
}

void container_reap_shim(struct container *c, int events_fd, pid_t shim_pid, int timeout_msec)
{
    siginfo_t info;

    if (events_fd >= 0 && !drain(c, events_fd, timeout_msec) && shim_pid > 0) {
        log_warn("the shim of container %s does not end; it is killed", c->conf->id);
        (void)kill(shim_pid, SIGKILL);
    }
    if (events_fd >= 0)
        (void)close_fd(events_fd);
    if (shim_pid > 0)
        while (waitid(P_PID, (id_t)shim_pid, &info, WEXITED) < 0 && errno == EINTR)
            continue;
}

void container_endpoint_clear(struct container_endpoint *ep)
{
    ep->ip[0] = ep->gateway[0] = ep->mac[0] = ep->endpoint_id[0] = '\0';
    ep->prefix_len = 0;
}

static void unmount_events(struct container *c)
{
    _cleanup_json_ json_t *mounts = container_conf_mounts(c->conf);
    json_t *m;
    size_t i;

    json_array_foreach(mounts, i, m)
        if (str_eq(json_str_or(m, "Type", ""), "volume"))
            engine_volume_event(c->engine, json_str_or(m, "Name", ""), "unmount", "container",
                                c->conf->id, NULL);
}

static void die_events(struct container *c, int exit_code, int64_t ran_nsec, bool sandboxed)
{
    char code[16], duration[24];

    (void)snprintf(code, sizeof(code), "%d", exit_code);
    (void)snprintf(duration, sizeof(duration), "%lld", (long long)(ran_nsec / NSEC_PER_SEC));
    if (sandboxed)
        engine_network_event(c->engine, c, "disconnect");
    unmount_events(c);
    engine_container_event(c->engine, c, "die", "execDuration", duration, "exitCode", code, NULL);
}

/* Finds out how it ended when the shim is gone without a word. */
static void read_end(struct container *c, struct ending *end)
{
    _cleanup_free_ char *dir = container_exec_dir(c->engine, c->conf->id);

    if (shim_read_exit(dir, &end->state, NULL) == 0)
        return;
    log_warn("the shim of container %s ended before its container, which is killed", c->conf->id);
    container_end_orphan(c->engine, c->conf);
    end->state = (struct shim_state){.exited = true, .exit_code = 137, .exited_nsec = now_nsec()};
}

static void finish(struct container *c, bool restart, int64_t ran_nsec)
{
    struct engine *e = c->engine;
    int64_t delay;
    bool keep;

    {
        LOCK_SCOPE(&c->lock);
        keep = c->keep;
    }
    if (!str_after(c->conf->network_mode, "container:"))
        net_sandbox_release(e->net, c->conf->id);
    engine_mark_dirty(c);
    if (restart) {
        {
            LOCK_SCOPE(&c->lock);
            delay = container_restart_delay(&c->restart_delay_nsec, ran_nsec);
        }
        engine_schedule_restart(c, delay);
    } else if (c->conf->auto_remove && !keep) {
        (void)container_remove_locked(e, c, true, NULL);
    }
}

static void handle_end(struct ending *end)
{
    struct container *c = end->c;
    bool restart, sandboxed;
    int events_fd;
    pid_t shim_pid;
    struct shim_handle *shim;
    int64_t ran;

    LOCK_SCOPE(&c->op);
    if (end->shim_gone)
        read_end(c, end);
    (void)pthread_mutex_lock(&c->lock);
    if (!c->state.running || c->gone) {
        (void)pthread_mutex_unlock(&c->lock);
        return;
    }
    if (end->state.exited_nsec == 0)
        end->state.exited_nsec = now_nsec();
    ran = end->state.exited_nsec - c->state.started_nsec;
    restart = container_should_restart(c->conf, &c->state, end->state.exit_code);
    if (restart)
        container_set_restarting(&c->state, end->state.exit_code, end->state.oom_killed,
                                 end->state.exited_nsec);
    else
        container_set_exited(&c->state, end->state.exit_code, end->state.oom_killed,
                             end->state.exited_nsec);
    sandboxed = c->endpoint.network_id[0] != '\0';
    shim = TAKE_PTR(c->shim);
    events_fd = TAKE_FD(c->events_fd);
    shim_pid = c->shim_pid;
    c->shim_pid = 0;
    c->sweep = !restart;
    (void)pthread_mutex_unlock(&c->lock);
    exec_forget_all(c->engine, c);
    die_events(c, end->state.exit_code, ran, sandboxed);
    (void)pthread_mutex_lock(&c->lock);
    container_endpoint_clear(&c->endpoint);
    container_publish(c);
    container_wake(c, true, false);
    (void)pthread_mutex_unlock(&c->lock);
    container_reap_shim(c, events_fd, shim_pid, 10000);
    shim_handle_unref(shim);
    finish(c, restart, ran);
}

static void *ending_main(void *arg)
{
    struct ending *end = arg;

    handle_end(end);
    container_unref(end->c);
    free(end);
    return NULL;
}

void container_exit_spawn(struct container *c, const struct shim_state *state, bool shim_gone)
{
    struct ending *end = XNEW(struct ending);
    int r;

    end->c = c;
    if (state)
        end->state = *state;
    end->shim_gone = shim_gone;
    r = engine_spawn(c->engine, "exit", ending_main, end);
    if (r < 0) {
        log_error("start a thread: %s", errno_text(r));
        (void)ending_main(end);
    }
}
