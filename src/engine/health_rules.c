/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/timeutil.h"
#include "engine/health.h"

#define DEFAULT_NSEC           (30 * NSEC_PER_SEC)
#define DEFAULT_START_INTERVAL (5 * NSEC_PER_SEC)
#define DEFAULT_RETRIES        3

static int64_t positive_or(const json_t *o, const char *key, int64_t fallback)
{
    int64_t v = json_i64_or(o, key, 0);

    return v > 0 ? v : fallback;
}

/* Test: ["CMD", …], ["CMD-SHELL", text], ["NONE"]. */
static json_t *read_command(const json_t *config, const json_t *test)
{
    const char *kind = json_string_value(json_array_get(test, 0));
    json_t *shell = json_object_get(config, "Shell"), *out;

    if (str_eq(kind, "CMD") && json_array_size(test) > 1) {
        out = json_deep_copy(test);
        (void)json_array_remove(out, 0);
        return out;
    }
    if (!str_eq(kind, "CMD-SHELL") || !json_is_string(json_array_get(test, 1)))
        return NULL;
    out = json_array_size(shell) > 0 ? json_deep_copy(shell) : json_pack("[s,s]", "/bin/sh", "-c");
    (void)json_array_append(out, json_array_get(test, 1));
    return out;
}

void health_conf_read(const json_t *config, struct health_conf *ret)
{
    const json_t *check = json_object_get(config, "Healthcheck");
    int64_t retries = positive_or(check, "Retries", DEFAULT_RETRIES);

    *ret = (struct health_conf){
        .command = read_command(config, json_object_get(check, "Test")),
        .interval_nsec = positive_or(check, "Interval", DEFAULT_NSEC),
        .timeout_nsec = positive_or(check, "Timeout", DEFAULT_NSEC),
        .start_period_nsec = positive_or(check, "StartPeriod", 0),
        .start_interval_nsec = positive_or(check, "StartInterval", DEFAULT_START_INTERVAL),
        .retries = INT32_MAX,
    };
    if (retries < INT32_MAX)
        ret->retries = (int)retries;
}

void health_conf_done(struct health_conf *h)
{
    json_decref(h->command);
}

bool health_apply(struct container_state *s, const struct health_conf *h, int exit_code,
                  int64_t since_start_nsec)
{
    enum container_health before = s->health;

    if (exit_code == 0) {
        s->health = HEALTH_HEALTHY;
        s->health_streak = 0;
        return before != s->health;
    }
    /* what fails while it comes up does not count */
    if (before == HEALTH_STARTING && since_start_nsec < h->start_period_nsec)
        return false;
    if (++s->health_streak >= h->retries)
        s->health = HEALTH_UNHEALTHY;
    return before != s->health;
}
