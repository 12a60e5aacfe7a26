/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The stream of events: what happened is published once, kept in a bounded ring for `since`, and
 * queued for each subscriber. A subscriber that does not keep up loses the stream (ECANCELED),
 * never holds up a publisher. Thread-safe; the bus's lock is a leaf. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct event_bus;
struct event_subscriber;

struct event {
    unsigned refs;
    int64_t time_nsec;
    char *type, *action, *actor_id; /* owned */
    json_t *attributes;             /* ref; object of strings; read only */
    char *line;                     /* owned; JSON text with newline */
    size_t line_len;
};

struct event_bus *event_bus_new(void);
void event_bus_free(struct event_bus *b);
/* attributes: taken. type "container" also sets Docker's old fields status, id and from. */
void event_publish(struct event_bus *b, const char *type, const char *action, const char *actor_id,
                   json_t *attributes);
void event_unref(struct event *ev);
DEFINE_CLEANUP(struct event *, event_unref);

/* filters: borrowed for the call; ERR_INVALID `invalid filter 'x'`. since_nsec > 0: kept events
 * from then on come first. */
int event_subscribe(struct event_bus *b, const json_t *filters, int64_t since_nsec,
                    struct event_subscriber **ret, struct err *err);
void event_unsubscribe(struct event_bus *b, struct event_subscriber *s);
/* Polls readable while events are queued; borrowed. */
int event_subscriber_fd(const struct event_subscriber *s);
/* 1 and an event (a reference), 0 when there is none now, -ECANCELED after an overflow. */
int event_next(struct event_bus *b, struct event_subscriber *s, struct event **ret);
unsigned event_bus_listeners(struct event_bus *b);
