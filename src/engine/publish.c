/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the engine's objects, and their stream to a client. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>

#include "base/timeutil.h"
#include "engine/internal.h"

static void add_pairs(json_t *attributes, va_list ap)
{
    const char *key;

    while ((key = va_arg(ap, const char *)))
        json_set_str(attributes, key, va_arg(ap, const char *));
}

void engine_container_event(struct engine *e, struct container *c, const char *action, ...)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = container_get_view(c);
    json_t *attributes = json_copy(c->conf->labels);
    va_list ap;

    json_set_str(attributes, "image", c->conf->image);
    json_set_str(attributes, "name", v->name);
    va_start(ap, action);
    add_pairs(attributes, ap);
    va_end(ap);
    event_publish(e->bus, "container", action, c->conf->id, attributes);
}

void engine_network_event(struct engine *e, struct container *c, const char *action)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = container_get_view(c);
    json_t *attributes = json_object();
    const char *type = v->endpoint.network;

    json_set_str(attributes, "container", c->conf->id);
    json_set_str(attributes, "name", v->endpoint.network);
    json_set_str(attributes, "type", str_eq(type, "none") ? "null" : type);
    event_publish(e->bus, "network", action, v->endpoint.network_id, attributes);
}

void engine_volume_event(struct engine *e, const char *name, const char *action, ...)
{
    json_t *attributes = json_object();
    va_list ap;

    json_set_str(attributes, "driver", "local");
    va_start(ap, action);
    add_pairs(attributes, ap);
    va_end(ap);
    event_publish(e->bus, "volume", action, name, attributes);
}

void engine_image_event(struct engine *e, const char *action, const char *id, const char *name)
{
    json_t *attributes = json_object();

    json_set_str(attributes, "name", name ? name : id);
    event_publish(e->bus, "image", action, id, attributes);
}

/* Milliseconds for poll() until `until` on the wall clock; -1 for ever. */
static int time_left(int64_t until_nsec)
{
    int64_t left;

    if (until_nsec == 0)
        return -1;
    left = (until_nsec - now_nsec() + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
    return left <= 0 ? 0 : (int)MIN(left, (int64_t)INT32_MAX);
}

static int stream_events(struct engine *e, struct event_subscriber *s, int64_t until_nsec,
                         const struct sink *sink)
{
    struct pollfd fds[2] = {{.fd = event_subscriber_fd(s), .events = POLLIN},
                            {.fd = sink->gone_fd, .events = POLLIN}};

    for (;;) {
        _cleanup_(event_unrefp)
        struct event *ev = NULL;
        int r = event_next(e->bus, s, &ev), left;

        if (r < 0)
            return r;
        if (r > 0) {
            if (until_nsec > 0 && ev->time_nsec > until_nsec)
                return 0;
            if (sink_write(sink, ev->line, ev->line_len) < 0)
                return 0;
            continue;
        }
        left = time_left(until_nsec);
        if (left == 0 || e->closing)
            return 0;
        if (poll(fds, 2, left) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            return 0;
    }
}

int engine_events(struct engine *e, const json_t *filters, int64_t since_nsec, int64_t until_nsec,
                  int (*begin)(void *ctx, struct sink *ret, struct err *err), void *ctx,
                  struct err *err)
{
    struct event_subscriber *s = NULL;
    struct sink sink = {0};
    int r;

    if (since_nsec > 0 && until_nsec > 0 && since_nsec > until_nsec)
        return err_set(err, ERR_INVALID, "`since` time (%lld) cannot be after `until` time (%lld)",
                       (long long)(since_nsec / NSEC_PER_SEC),
                       (long long)(until_nsec / NSEC_PER_SEC));
    r = event_subscribe(e->bus, filters, since_nsec, &s, err);
    if (r < 0)
        return r;
    r = begin(ctx, &sink, err);
    if (r == 0) {
        r = stream_events(e, s, until_nsec, &sink);
        if (r == -ECANCELED)
            (void)err_set(err, ERR_UNAVAILABLE, "the event stream was not read fast enough");
    }
    event_unsubscribe(e->bus, s);
    return r;
}
