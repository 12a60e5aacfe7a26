/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Health checks. One thread knows when which container is due, and sleeps while none is; a probe is
 * an exec whose thread ends with it, so that one that hangs holds up nobody else. */

#include "engine/internal.h"

struct health_scheduler;

int engine_health_start(struct engine *e, struct err *err);
/* Waits for the probes under way, which give up. */
void engine_health_stop(struct engine *e);
/* The container runs now: its first probe is due after one interval. Takes a reference if it has a
 * health check. c->lock is not held. */
void container_health_begin(struct container *c);

/* What a Healthcheck object asks for, with Docker's defaults. */
struct health_conf {
    json_t *command; /* owned: array of strings; NULL: none */
    int64_t interval_nsec, timeout_nsec, start_period_nsec, start_interval_nsec;
    int retries;
};
void health_conf_read(const json_t *config, struct health_conf *ret);
void health_conf_done(struct health_conf *h);
/* What a probe's end does to the state: true when the status has changed. since_start_nsec: of the
 * probe's begin. */
bool health_apply(struct container_state *s, const struct health_conf *h, int exit_code,
                  int64_t since_start_nsec);
