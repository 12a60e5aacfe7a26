/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/loop.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/timeutil.h"

#define IDLE_NSEC (500 * NSEC_PER_MSEC)

int loop_init(struct loop *l)
{
    *l = (struct loop){.epfd = epoll_create1(EPOLL_CLOEXEC)};
    return l->epfd < 0 ? -errno : 0;
}

void loop_done(struct loop *l)
{
    l->epfd = close_fd(l->epfd);
}

int loop_watch(struct loop *l, struct loop_source *src, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = src};

    if (src->active && src->events == events)
        return 0;
    if (epoll_ctl(l->epfd, src->active ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, src->fd, &ev) < 0)
        return -errno;
    src->active = true;
    src->events = events;
    return 0;
}

void loop_unwatch(struct loop *l, struct loop_source *src)
{
    if (!src->active)
        return;
    (void)epoll_ctl(l->epfd, EPOLL_CTL_DEL, src->fd, NULL);
    src->active = false;
    for (int i = l->i_batch; i < l->n_batch; i++)
        if (l->batch[i].data.ptr == src)
            l->batch[i].data.ptr = NULL;
}

void loop_timer_arm(struct loop *l, struct loop_timer *t, int64_t delay_nsec)
{
    t->at_nsec = delay_nsec <= 0 ? 0 : monotonic_nsec() + delay_nsec;
    if (t->armed)
        return;
    t->armed = true;
    t->next = l->timers;
    l->timers = t;
}

void loop_timer_cancel(struct loop *l, struct loop_timer *t)
{
    if (!t->armed)
        return;
    for (struct loop_timer **p = &l->timers; *p; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            break;
        }
    }
    t->armed = false;
    t->next = NULL;
}

/* Fires what is due. Every callback may change the list, so each search starts anew; the time is
 * taken once, so that a timer rearming itself with a delay cannot keep the loop here. */
static void fire_timers(struct loop *l)
{
    int64_t now = l->timers ? monotonic_nsec() : 0;
    bool fired = true;

    while (fired && !l->stop) {
        fired = false;
        for (struct loop_timer *t = l->timers; t; t = t->next) {
            if (t->at_nsec > now)
                continue;
            loop_timer_cancel(l, t);
            l->idle_at_nsec = 0;
            t->fn(t);
            fired = true;
            break;
        }
    }
}

static int next_timeout_msec(struct loop *l)
{
    int64_t at = INT64_MAX;

    if (l->idle_at_nsec == 0)
        l->idle_at_nsec = monotonic_nsec() + IDLE_NSEC;
    if (l->idle)
        at = l->idle_at_nsec;
    for (const struct loop_timer *t = l->timers; t; t = t->next)
        at = MIN(at, t->at_nsec);
    if (at == INT64_MAX)
        return -1;
    int64_t wait = MAX(at - monotonic_nsec(), INT64_C(0));
    return (int)MIN((wait + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC, (int64_t)INT_MAX);
}

static void check_idle(struct loop *l)
{
    if (!l->idle || l->idle_at_nsec == INT64_MAX || monotonic_nsec() < l->idle_at_nsec)
        return;
    l->idle_at_nsec = INT64_MAX;
    l->idle();
}

void loop_run(struct loop *l)
{
    while (!l->stop) {
        fire_timers(l);
        if (l->stop)
            break;
        int n = epoll_wait(l->epfd, l->batch, LOOP_BATCH, next_timeout_msec(l));
        if (n < 0 && errno != EINTR)
            break;
        if (n == 0)
            check_idle(l);
        l->n_batch = MAX(n, 0);
        for (l->i_batch = 0; l->i_batch < l->n_batch && !l->stop;) {
            struct epoll_event ev = l->batch[l->i_batch++];
            struct loop_source *src = ev.data.ptr;
            l->idle_at_nsec = 0;
            if (src)
                src->fn(src, ev.events);
        }
        l->n_batch = 0;
    }
}
