/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "base/timeutil.h"
#include "engine/internal.h"

void container_wake(struct container *c, bool exited, bool removed)
{
    for (struct waiter *w = c->waiters; w; w = w->next) {
        uint64_t one = 1;
        bool fits = removed || (exited && w->condition != WAIT_REMOVED &&
                                (w->condition == WAIT_NEXT_EXIT || !c->state.running));

        if (w->fired || !fits)
            continue;
        w->fired = true;
        w->exit_code = c->state.exit_code;
        if (w->condition != WAIT_REMOVED)
            (void)snprintf(w->error, sizeof(w->error), "%s", c->state.error);
        (void)!write(w->fd, &one, sizeof(one));
    }
    (void)pthread_cond_broadcast(&c->changed);
}

bool container_wait_stopped(struct container *c, int64_t timeout_nsec)
{
    int64_t end = monotonic_nsec() + timeout_nsec;
    struct timespec at = {.tv_sec = end / NSEC_PER_SEC, .tv_nsec = end % NSEC_PER_SEC};
    int r = 0;

    LOCK_SCOPE(&c->lock);
    while (c->state.running && !c->state.restarting && !c->gone && r == 0) {
        if (timeout_nsec < 0)
            (void)pthread_cond_wait(&c->changed, &c->lock);
        else
            r = pthread_cond_timedwait(&c->changed, &c->lock, &at);
    }
    return !c->state.running || c->state.restarting || c->gone;
}

static int parse_condition(const char *text, enum wait_condition *ret, struct err *err)
{
    if (str_empty(text) || str_eq(text, "not-running"))
        *ret = WAIT_NOT_RUNNING;
    else if (str_eq(text, "next-exit"))
        *ret = WAIT_NEXT_EXIT;
    else if (str_eq(text, "removed"))
        *ret = WAIT_REMOVED;
    else
        return err_set(err, ERR_INVALID, "invalid condition: \"%s\"", text);
    return 0;
}

static void add_waiter(struct container *c, struct waiter *w)
{
    LOCK_SCOPE(&c->lock);
    w->next = c->waiters;
    c->waiters = w;
    if (c->gone || (w->condition == WAIT_NOT_RUNNING && !c->state.running)) {
        uint64_t one = 1;

        w->fired = true;
        w->exit_code = c->state.exit_code;
        (void)snprintf(w->error, sizeof(w->error), "%s", c->state.error);
        (void)!write(w->fd, &one, sizeof(one));
    }
}

static void drop_waiter(struct container *c, struct waiter *w)
{
    LOCK_SCOPE(&c->lock);
    for (struct waiter **p = &c->waiters; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
}

int engine_container_wait(struct engine *e, const char *ref, const char *condition,
                          void (*registered)(void *ctx), void *ctx, int gone_fd,
                          int64_t *ret_exit_code, char **ret_error, struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_close_ int fd = -1;
    struct waiter w = {0};
    int r = parse_condition(condition, &w.condition, err);

    if (r < 0 || (r = engine_lookup(e, ref, &c, err)) < 0)
        return r;
    w.fd = fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "eventfd");
    add_waiter(c, &w);
    if (registered)
        registered(ctx);
    for (;;) {
        struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = gone_fd, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR) {
            r = -errno;
            break;
        }
        if (fds[0].revents || fds[1].revents)
            break;
    }
    drop_waiter(c, &w);
    if (!w.fired)
        return err_set(err, ERR_CANCELLED, "the client has gone");
    *ret_exit_code = w.exit_code;
    *ret_error = w.error[0] ? xstrdup(w.error) : NULL;
    return 0;
}
