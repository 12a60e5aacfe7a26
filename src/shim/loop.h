/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A small epoll loop. Sources and timers are embedded in their owners and never allocated.
 *
 * A source may be removed, and its owner freed, from any callback: events of a removed source that
 * were already fetched are dropped. Timers fire once; a timer's callback may free its owner.
 * Errors and hang-ups are reported whatever events were asked for. */

#include <sys/epoll.h>

#include "base/macros.h"

struct loop_source;
typedef void (*loop_fn)(struct loop_source *src, uint32_t events);
struct loop_source {
    int fd; /* borrowed */
    loop_fn fn;
    void *owner;
    uint32_t events;
    bool active;
};

struct loop_timer;
typedef void (*loop_timer_fn)(struct loop_timer *t);
struct loop_timer {
    int64_t at_nsec; /* monotonic */
    loop_timer_fn fn;
    void *owner;
    bool armed;
    struct loop_timer *next;
};

#define LOOP_BATCH 8
struct loop {
    int epfd; /* owned */
    bool stop;
    struct epoll_event batch[LOOP_BATCH];
    int n_batch, i_batch;
    struct loop_timer *timers; /* borrowed; unordered, there are few */
    void (*idle)(void);        /* called once when nothing has happened for half a second */
    int64_t idle_at_nsec;      /* when that is; 0: count anew; INT64_MAX: it has been called */
};

int loop_init(struct loop *l);
void loop_done(struct loop *l);
/* Adds the source or changes its events. 0 or a negative errno. */
int loop_watch(struct loop *l, struct loop_source *src, uint32_t events);
/* Takes the source out; harmless when it is not in. Must precede closing its descriptor. */
void loop_unwatch(struct loop *l, struct loop_source *src);
/* (Re)arms the timer, `delay` from now; with 0 it fires before the loop sleeps again. */
void loop_timer_arm(struct loop *l, struct loop_timer *t, int64_t delay_nsec);
void loop_timer_cancel(struct loop *l, struct loop_timer *t);
/* Runs until loop->stop. */
void loop_run(struct loop *l);
