/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/alloc.h"
#include "base/timeutil.h"
#include "container/container.h"

void container_set_running(struct container_state *s, pid_t pid, int64_t started_nsec)
{
    s->running = true;
    s->paused = s->restarting = s->oom_killed = s->dead = false;
    s->pid = pid;
    s->exit_code = 0;
    s->error[0] = '\0';
    s->started_nsec = started_nsec;
}

void container_set_exited(struct container_state *s, int exit_code, bool oom, int64_t nsec)
{
    s->running = s->paused = s->restarting = false;
    if (s->health != HEALTH_NONE)
        s->health = HEALTH_UNHEALTHY;
    s->pid = 0;
    s->exit_code = exit_code;
    s->oom_killed = oom;
    s->finished_nsec = nsec;
}

void container_set_restarting(struct container_state *s, int exit_code, bool oom, int64_t nsec)
{
    container_set_exited(s, exit_code, oom, nsec);
    s->running = s->restarting = true;
}

void container_set_start_failed(struct container_state *s, int exit_code, const char *text)
{
    s->running = s->paused = s->restarting = false;
    s->pid = 0;
    s->exit_code = exit_code;
    (void)snprintf(s->error, sizeof(s->error), "%s", text);
}

const char *container_status(const struct container_state *s)
{
    if (s->running)
        return s->paused ? "paused" : s->restarting ? "restarting" : "running";
    if (s->removing)
        return "removing";
    if (s->dead)
        return "dead";
    return s->started_nsec == 0 ? "created" : "exited";
}

char *container_human_duration(int64_t nsec)
{
    int64_t seconds = nsec / NSEC_PER_SEC, minutes = seconds / 60;
    int64_t hours = (seconds + 1800) / 3600; /* rounded */

    if (seconds < 1)
        return xstrdup("Less than a second");
    if (seconds == 1)
        return xstrdup("1 second");
    if (seconds < 60)
        return xasprintf("%lld seconds", (long long)seconds);
    if (minutes == 1)
        return xstrdup("About a minute");
    if (minutes < 60)
        return xasprintf("%lld minutes", (long long)minutes);
    if (hours == 1)
        return xstrdup("About an hour");
    if (hours < 48)
        return xasprintf("%lld hours", (long long)hours);
    if (hours < (int64_t)24 * 7 * 2)
        return xasprintf("%lld days", (long long)(hours / 24));
    if (hours < (int64_t)24 * 30 * 2)
        return xasprintf("%lld weeks", (long long)(hours / 24 / 7));
    if (hours < (int64_t)24 * 365 * 2)
        return xasprintf("%lld months", (long long)(hours / 24 / 30));
    return xasprintf("%lld years", (long long)(seconds / 3600 / 24 / 365));
}

const char *container_health_name(enum container_health health)
{
    static const char *const names[] = {"none", "starting", "healthy", "unhealthy"};

    return names[health];
}

char *container_status_text(const struct container_state *s, int64_t now)
{
    _cleanup_free_ char *up = container_human_duration(now - s->started_nsec);
    _cleanup_free_ char *since = container_human_duration(now - s->finished_nsec);

    if (s->running && s->paused)
        return xasprintf("Up %s (Paused)", up);
    if (s->running && s->restarting)
        return xasprintf("Restarting (%d) %s ago", s->exit_code, since);
    if (s->running && s->health == HEALTH_STARTING)
        return xasprintf("Up %s (health: starting)", up);
    if (s->running && s->health != HEALTH_NONE)
        return xasprintf("Up %s (%s)", up, container_health_name(s->health));
    if (s->running)
        return xasprintf("Up %s", up);
    if (s->removing)
        return xstrdup("Removal In Progress");
    if (s->dead)
        return xstrdup("Dead");
    if (s->started_nsec == 0)
        return xstrdup("Created");
    if (s->finished_nsec == 0)
        return xstrdup("");
    return xasprintf("Exited (%d) %s ago", s->exit_code, since);
}

bool container_should_restart(const struct container_conf *c, const struct container_state *s,
                              int exit_code)
{
    if (s->manually_stopped || s->removing)
        return false;
    switch (container_conf_restart(c)) {
    case RESTART_ALWAYS:
    case RESTART_UNLESS_STOPPED:
        return true;
    case RESTART_ON_FAILURE:
        return exit_code != 0 && (container_conf_restart_max(c) == 0 ||
                                  s->restart_count < container_conf_restart_max(c));
    case RESTART_NO:
    default:
        return false;
    }
}

int64_t container_restart_delay(int64_t *delay_nsec, int64_t ran_nsec)
{
    const int64_t least = 100 * NSEC_PER_MSEC, most = 60 * NSEC_PER_SEC;

    if (*delay_nsec == 0 || ran_nsec >= 10 * NSEC_PER_SEC)
        *delay_nsec = least;
    else
        *delay_nsec = MIN(*delay_nsec * 2, most);
    return *delay_nsec;
}
