/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What subscribers are told. */

#include "base/timeutil.h"
#include "shim/server.h"

void event_fill_state(const struct server *s, json_t *body)
{
    const struct shim_state *st = &s->state;

    json_set_bool(body, "started", st->started);
    json_set_bool(body, "exited", st->exited);
    json_set_i64(body, "pid", st->pid);
    json_set_i64(body, "exitCode", st->exit_code);
    json_set_bool(body, "oomKilled", st->oom_killed);
    json_set_bool(body, "paused", st->paused);
    json_set_i64(body, "startedNsec", st->started_nsec);
    json_set_i64(body, "exitedNsec", st->exited_nsec);
    if (s->log && s->log->dropped_lines > 0)
        json_set_i64(body, "logDroppedLines", (int64_t)s->log->dropped_lines);
}

static void init_event(struct shim_out *o, const char *type, int64_t nsec)
{
    shim_out_init(o, type);
    json_set_i64(o->body, "time", nsec);
}

static void fill_exec(const struct exec *e, struct shim_out *o)
{
    init_event(o, e->running ? "exec-started" : "exec-exited",
               e->running ? e->started_nsec : e->exited_nsec);
    json_set_str(o->body, "execId", e->id);
    json_set_i64(o->body, "pid", e->pid);
    if (!e->running)
        json_set_i64(o->body, "exitCode", e->exit_code);
}

void event_replay(struct server *s, struct connection *c)
{
    struct shim_out o;

    init_event(&o, "state", now_nsec());
    event_fill_state(s, o.body);
    if (!control_send(c, &o))
        return;
    for (const struct exec *e = s->execs; e; e = e->next) {
        fill_exec(e, &o);
        json_set_bool(o.body, "replayed", true);
        if (!control_send(c, &o))
            return;
    }
}

void event_started(struct server *s)
{
    struct shim_out o;

    init_event(&o, "started", s->state.started_nsec);
    json_set_i64(o.body, "pid", s->state.pid);
    control_broadcast(s, &o);
}

void event_exited(struct server *s)
{
    struct shim_out o;

    init_event(&o, "exited", s->state.exited_nsec);
    event_fill_state(s, o.body);
    control_broadcast(s, &o);
}

void event_oom(struct server *s)
{
    struct shim_out o;

    init_event(&o, "oom", now_nsec());
    control_broadcast(s, &o);
}

void event_detached(struct server *s, const char *exec_id)
{
    struct shim_out o;

    init_event(&o, "detached", now_nsec());
    json_set_str(o.body, "execId", exec_id);
    control_broadcast(s, &o);
}

void event_exec_started(struct server *s, const struct exec *e)
{
    struct shim_out o;

    fill_exec(e, &o);
    control_broadcast(s, &o);
}

void event_exec_exited(struct server *s, const struct exec *e)
{
    struct shim_out o;

    fill_exec(e, &o);
    control_broadcast(s, &o);
}
