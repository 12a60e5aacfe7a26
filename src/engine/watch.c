/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watcher: one thread that reads the events of all shims and starts containers again whose
 * restart policy says so. It does nothing that may take long: ends and starts have threads. */
#include <errno.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/timeutil.h"
#include "engine/internal.h"

struct restart_timer {
    struct restart_timer *next;
    struct container *c; /* ref */
    unsigned generation;
    int64_t at_nsec; /* monotonic */
};

int engine_watch(struct engine *e, struct container *c)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = container_ref(c)};
    int fd;

    {
        LOCK_SCOPE(&c->lock);
        fd = c->events_fd;
        c->watched = true;
    }
    if (epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        int r = -errno;

        {
            LOCK_SCOPE(&c->lock);
            c->watched = false;
        }
        container_unref(c);
        return r;
    }
    return 0;
}

static void wake(struct engine *e)
{
    uint64_t one = 1;

    (void)!write(e->wake_fd, &one, sizeof(one));
}

void engine_schedule_restart(struct container *c, int64_t delay_nsec)
{
    struct restart_timer *t = XNEW(struct restart_timer);
    struct engine *e = c->engine;

    t->c = container_ref(c);
    t->at_nsec = monotonic_nsec() + delay_nsec;
    {
        LOCK_SCOPE(&c->lock);
        t->generation = ++c->restart_generation;
    }
    {
        LOCK_SCOPE(&e->timers_lock);
        t->next = e->timers;
        e->timers = t;
    }
    wake(e);
}

static void *restart_main(void *arg)
{
    struct restart_timer *t = arg;
    struct container *c = t->c;
    struct err err = {0};
    bool due;

    (void)pthread_mutex_lock(&c->op);
    {
        LOCK_SCOPE(&c->lock);
        due = !c->gone && !c->engine->closing && c->state.restarting &&
              c->restart_generation == t->generation && !c->state.manually_stopped;
        if (due)
            c->state.restart_count++;
    }
    if (due && container_start_locked(c->engine, c, &err) < 0)
        log_error("restart container %s: %s", c->conf->id, err.message);
    (void)pthread_mutex_unlock(&c->op);
    container_unref(c);
    free(t);
    return NULL;
}

/* Starts what is due; milliseconds until the next, -1 when there is none. */
static int run_timers(struct engine *e)
{
    int64_t now = monotonic_nsec(), next = INT64_MAX;
    struct restart_timer *due = NULL, **p;

    {
        LOCK_SCOPE(&e->timers_lock);
        p = &e->timers;
        while (*p) {
            struct restart_timer *t = *p;

            if (t->at_nsec <= now) {
                *p = t->next;
                t->next = due;
                due = t;
            } else {
                next = MIN(next, t->at_nsec);
                p = &t->next;
            }
        }
    }
    while (due) {
        struct restart_timer *t = due;

        due = t->next;
        if (engine_spawn(t->c->engine, "restart", restart_main, t) < 0)
            (void)restart_main(t);
    }
    if (next == INT64_MAX)
        return -1;
    return (int)MIN((next - now) / NSEC_PER_MSEC + 1, (int64_t)60000);
}

/* The watch on c ends: the descriptor leaves the set, the reference goes to the caller. */
static void unwatch(struct engine *e, struct container *c)
{
    (void)epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, c->events_fd, NULL);
    LOCK_SCOPE(&c->lock);
    c->watched = false;
}

/* The connection ended without an exit: dropped for being slow, or the shim is dead. */
static void lost(struct engine *e, struct container *c)
{
    _cleanup_free_ char *dir = container_exec_dir(e, c->conf->id);
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *h = NULL;
    int fd = -1;

    unwatch(e, c);
    {
        LOCK_SCOPE(&c->lock);
        h = shim_handle_ref(c->shim);
    }
    if (h && shim_alive(dir) && shim_subscribe(h->shim, &fd, NULL) == 0) {
        {
            LOCK_SCOPE(&c->lock);
            (void)close_fd(c->events_fd);
            c->events_fd = fd;
        }
        if (engine_watch(e, c) == 0) {
            container_unref(c);
            return;
        }
    }
    container_exit_spawn(c, NULL, true);
}

static void detached(struct container *c, const struct shim_event *ev)
{
    if (ev->exec_id[0])
        engine_container_event(c->engine, c, "exec_detach", "execID", ev->exec_id, NULL);
    else
        engine_container_event(c->engine, c, "detach", NULL);
}

static void handle_event(struct engine *e, struct container *c)
{
    struct shim_event ev = {0};
    int r = shim_read_event(c->events_fd, &ev, NULL);

    if (r == -EAGAIN || r == -EINTR)
        return;
    if (r <= 0) {
        lost(e, c);
        return;
    }
    switch (ev.kind) {
    case SHIM_EVENT_STATE:
        if (!ev.state.exited)
            break;
        __attribute__((fallthrough));
    case SHIM_EVENT_EXITED:
        unwatch(e, c);
        container_exit_spawn(c, &ev.state, false);
        break;
    case SHIM_EVENT_OOM:
        engine_container_event(e, c, "oom", NULL);
        break;
    case SHIM_EVENT_EXEC_EXITED:
        exec_note_exit(e, c, &ev);
        break;
    case SHIM_EVENT_DETACHED:
        detached(c, &ev);
        break;
    case SHIM_EVENT_EXEC_STARTED:
        if (ev.replayed)
            exec_take_over(e, c, &ev);
        break;
    case SHIM_EVENT_STARTED:
    default:
        break;
    }
}

static void *watcher_main(void *arg)
{
    struct engine *e = arg;

    while (!e->closing) {
        struct epoll_event events[32];
        int n = epoll_wait(e->epoll_fd, events, ARRAY_SIZE(events), run_timers(e));

        for (int i = 0; i < n; i++) {
            uint64_t count;

            if (events[i].data.ptr)
                handle_event(e, events[i].data.ptr);
            else
                (void)!read(e->wake_fd, &count, sizeof(count));
        }
    }
    return NULL;
}

int engine_watcher_start(struct engine *e, struct err *err)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    int r;

    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    e->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (e->epoll_fd < 0 || e->wake_fd < 0 ||
        epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->wake_fd, &ev) < 0)
        return err_errno(err, errno, "make the watcher");
    r = thread_spawn("watcher", 0, watcher_main, e, &e->watcher);
    return r < 0 ? err_errno(err, r, "start the watcher") : 0;
}

void engine_unwatch_all(struct engine *e)
{
    size_t n;
    struct container **list = engine_containers(e, &n);

    for (size_t i = 0; i < n; i++) {
        bool watched;

        {
            LOCK_SCOPE(&list[i]->lock);
            watched = list[i]->watched;
        }
        if (watched) {
            unwatch(e, list[i]);
            container_unref(list[i]);
        }
        container_unref(list[i]);
    }
    free(list);
    while (e->timers) {
        struct restart_timer *t = e->timers;

        e->timers = t->next;
        container_unref(t->c);
        free(t);
    }
}

void engine_watcher_stop(struct engine *e)
{
    if (!e->watcher)
        return;
    wake(e);
    (void)pthread_join(e->watcher, NULL);
    e->watcher = 0;
}
