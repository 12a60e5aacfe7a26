/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /containers/{id}/stats. */
#include "engine/stats.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/timeutil.h"
#include "engine/internal.h"

#define INTERVAL_MSEC 1000

struct sampler {
    struct engine *e;
    const char *ref;
    char *id;          /* owned */
    json_t *cpu;       /* owned: the last sample's; or NULL */
    int64_t last_nsec; /* when that was; 0: never */
};

static void sampler_done(struct sampler *s)
{
    free(s->id);
    json_decref(s->cpu);
}

static bool in_host_network(const struct container_view *v)
{
    return str_eq(v->conf->network_mode, "host") || str_eq(v->conf->network_mode, "none");
}

static void add_networks(const struct container_view *v, json_t *o)
{
    _cleanup_free_ char *path = xasprintf("/proc/%d/net/dev", v->state.pid), *text = NULL;
    json_t *networks;

    if (in_host_network(v) || read_file_at(AT_FDCWD, path, MIB, &text, NULL) < 0)
        return;
    networks = stats_parse_net(text);
    if (networks)
        json_set_take(o, "networks", networks);
}

static void add_system(json_t *cpu)
{
    _cleanup_free_ char *text = NULL;
    int64_t total;
    int n;

    if (read_file_at(AT_FDCWD, "/proc/stat", 4 * MIB, &text, NULL) < 0)
        return;
    total = stats_parse_system(text, &n);
    json_set_i64(cpu, "system_cpu_usage", total);
    json_set_i64(cpu, "online_cpus", n);
}

static json_t *read_numbers(struct sampler *s, const struct container_view *v)
{
    _cleanup_json_ json_t *host = container_conf_host(v->conf);
    _cleanup_free_ char *path = container_cgroup_path(host, s->e->cgroup_parent, v->conf->id);
    json_t *o = stats_read_cgroups(path);

    add_system(json_object_get(o, "cpu_stats"));
    return o;
}

/* The members in the order in which Docker prints them. */
static json_t *assemble(struct sampler *s, const struct container_view *v, json_t *numbers,
                        int64_t now)
{
    _cleanup_free_ char *name = xasprintf("/%s", v->name);
    json_t *o = json_object();

    json_set_time(o, "read", now);
    json_set_time(o, "preread", s->last_nsec);
    json_set_take(o, "pids_stats", json_incref(json_object_get(numbers, "pids_stats")));
    json_set_take(o, "blkio_stats", json_incref(json_object_get(numbers, "blkio_stats")));
    json_set_i64(o, "num_procs", 0);
    json_set_take(o, "storage_stats", json_object());
    json_set_take(o, "cpu_stats", json_incref(json_object_get(numbers, "cpu_stats")));
    json_set_take(o, "precpu_stats", s->cpu ? json_incref(s->cpu) : stats_empty_cpu());
    json_set_take(o, "memory_stats", json_incref(json_object_get(numbers, "memory_stats")));
    json_set_str(o, "name", name);
    json_set_str(o, "id", v->conf->id);
    return o;
}

/* *ret_running: whether a second sample would tell more. */
static int sample(struct sampler *s, json_t **ret, bool *ret_running, struct err *err)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = NULL;
    _cleanup_json_ json_t *numbers = NULL;
    int r = engine_lookup_view(s->e, s->id ? s->id : s->ref, &v, err);
    bool running;
    int64_t now;

    if (r < 0)
        return r;
    if (!s->id)
        s->id = xstrdup(v->conf->id);
    running = v->state.running && !v->state.restarting && v->state.pid > 0;
    numbers = running ? read_numbers(s, v) : stats_empty();
    now = running ? now_nsec() : 0;
    *ret = assemble(s, v, numbers, now);
    if (running)
        add_networks(v, *ret);
    json_decref(s->cpu);
    s->cpu = running ? json_incref(json_object_get(numbers, "cpu_stats")) : NULL;
    s->last_nsec = now;
    *ret_running = running;
    return 0;
}

static int send_sample(const struct sink *sink, const json_t *sample)
{
    _cleanup_free_ char *text = json_print(sample);
    _cleanup_free_ char *line = xasprintf("%s\n", text);

    return sink_write(sink, line, strlen(line));
}

/* False when the client has gone. */
static bool pause_between(int gone_fd)
{
    struct pollfd p = {.fd = gone_fd, .events = POLLIN};

    return poll(&p, 1, INTERVAL_MSEC) <= 0;
}

int engine_container_stats(struct engine *e, const char *ref, bool stream, bool one_shot,
                           int gone_fd, int (*begin)(void *ctx, struct sink *ret, struct err *err),
                           void *ctx, struct err *err)
{
    _cleanup_(sampler_done)
    struct sampler s = {.e = e, .ref = ref};
    _cleanup_json_ json_t *one = NULL;
    struct sink sink;
    bool running;
    int r = sample(&s, &one, &running, err);

    if (r == 0 && !stream && !one_shot && running && pause_between(gone_fd)) {
        json_decref(one);
        one = NULL;
        r = sample(&s, &one, &running, err);
    }
    if (r == 0)
        r = begin(ctx, &sink, err);
    if (r < 0)
        return r;
    while (send_sample(&sink, one) == 0 && stream && pause_between(gone_fd)) {
        json_decref(one);
        one = NULL;
        if (sample(&s, &one, &running, NULL) < 0)
            break;
    }
    return 0;
}
