/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "engine/stats.h"
#include "runtime/cgroup.h"

static const char *const blkio_members[] = {
    "io_service_bytes_recursive", "io_serviced_recursive",  "io_queue_recursive",
    "io_service_time_recursive",  "io_wait_time_recursive", "io_merged_recursive",
    "io_time_recursive",          "sectors_recursive",
};

/* The hierarchy that has the controller and a directory of the container's. */
static const struct cgroup_hierarchy *with(const struct cgroup *c, unsigned controller)
{
    for (size_t i = 0; i < c->n; i++)
        if ((c->h[i].controllers & controller) != 0 && c->h[i].dir_fd >= 0)
            return &c->h[i];
    return NULL;
}

/* A number in a file of its own; "max" and what is not there give the fallback. */
static int64_t number(const struct cgroup_hierarchy *h, const char *file, int64_t fallback)
{
    _cleanup_free_ char *text = NULL;
    uint64_t v;

    if (!h || cgroup_read(h->dir_fd, file, &text) < 0 || parse_u64(text, &v) < 0)
        return fallback;
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

static json_t *flat(const struct cgroup_hierarchy *h, const char *file)
{
    _cleanup_free_ char *text = NULL;

    if (!h || cgroup_read(h->dir_fd, file, &text) < 0)
        return json_object();
    return stats_parse_flat(text);
}

static json_t *pids_stats(const struct cgroup *c)
{
    const struct cgroup_hierarchy *h = with(c, CGROUP_PIDS);
    json_t *o = json_object();
    int64_t current = number(h, "pids.current", -1), limit = number(h, "pids.max", -1);

    if (current >= 0)
        json_set_i64(o, "current", current);
    if (limit >= 0)
        json_set_i64(o, "limit", limit);
    return o;
}

static void cpu_v1(const struct cgroup_hierarchy *h, json_t *usage)
{
    _cleanup_json_ json_t *split = flat(h, "cpuacct.stat");
    _cleanup_free_ char *each = NULL;
    int64_t tick = INT64_C(1000000000) / sysconf(_SC_CLK_TCK);

    json_set_i64(usage, "total_usage", number(h, "cpuacct.usage", 0));
    if (h && cgroup_read(h->dir_fd, "cpuacct.usage_percpu", &each) == 0) {
        _cleanup_strv_ char **words = str_split(each, ' ');
        json_t *list = json_array();

        for (size_t i = 0; words[i]; i++) {
            int64_t v;
            if (parse_i64(words[i], &v) == 0)
                (void)json_array_append_new(list, json_integer((json_int_t)v));
        }
        json_set_take(usage, "percpu_usage", list);
    }
    json_set_i64(usage, "usage_in_kernelmode", json_i64_or(split, "system", 0) * tick);
    json_set_i64(usage, "usage_in_usermode", json_i64_or(split, "user", 0) * tick);
}

static void cpu_v2(const json_t *stat, json_t *usage)
{
    json_set_i64(usage, "total_usage", json_i64_or(stat, "usage_usec", 0) * 1000);
    json_set_i64(usage, "usage_in_kernelmode", json_i64_or(stat, "system_usec", 0) * 1000);
    json_set_i64(usage, "usage_in_usermode", json_i64_or(stat, "user_usec", 0) * 1000);
}

static json_t *cpu_stats(const struct cgroup *c)
{
    const struct cgroup_hierarchy *h = with(c, CGROUP_CPU), *acct = with(c, CGROUP_CPUACCT);
    bool v2 = !acct && c->v2 && c->v2->dir_fd >= 0;
    _cleanup_json_ json_t *stat = flat(v2 ? c->v2 : h, "cpu.stat");
    json_t *usage = json_object(), *throttling = json_object(), *o = json_object();

    if (v2)
        cpu_v2(stat, usage);
    else
        cpu_v1(acct, usage);
    json_set_i64(throttling, "periods", json_i64_or(stat, "nr_periods", 0));
    json_set_i64(throttling, "throttled_periods", json_i64_or(stat, "nr_throttled", 0));
    json_set_i64(throttling, "throttled_time",
                 v2 ? json_i64_or(stat, "throttled_usec", 0) * 1000
                    : json_i64_or(stat, "throttled_time", 0));
    json_set_take(o, "cpu_usage", usage);
    json_set_take(o, "throttling_data", throttling);
    return o;
}

static json_t *memory_stats(const struct cgroup *c)
{
    const struct cgroup_hierarchy *h = with(c, CGROUP_MEMORY);
    int64_t total = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), limit;
    json_t *o = json_object();

    if (!h)
        return o;
    json_set_i64(o, "usage", number(h, h->ops->v2 ? "memory.current" : "memory.usage_in_bytes", 0));
    if (!h->ops->v2)
        json_set_i64(o, "max_usage", number(h, "memory.max_usage_in_bytes", 0));
    json_set_take(o, "stats", flat(h, "memory.stat"));
    if (!h->ops->v2 && number(h, "memory.failcnt", 0) > 0)
        json_set_i64(o, "failcnt", number(h, "memory.failcnt", 0));
    limit = number(h, h->ops->v2 ? "memory.max" : "memory.limit_in_bytes", INT64_MAX);
    json_set_i64(o, "limit", limit > total ? total : limit);
    return o;
}

static json_t *blkio_file(const struct cgroup_hierarchy *h, const char *file)
{
    _cleanup_free_ char *text = NULL;

    if (!h || cgroup_read(h->dir_fd, file, &text) < 0)
        return json_array();
    return stats_parse_blkio(text);
}

static json_t *blkio_stats(const struct cgroup *c)
{
    const struct cgroup_hierarchy *h = with(c, CGROUP_IO);
    _cleanup_free_ char *io = NULL;
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(blkio_members); i++)
        json_set_take(o, blkio_members[i], json_array());
    if (h && h->ops->v2 && cgroup_read(h->dir_fd, "io.stat", &io) == 0) {
        json_set_take(o, blkio_members[0], stats_parse_io(io, true));
        json_set_take(o, blkio_members[1], stats_parse_io(io, false));
    } else if (h && !h->ops->v2) {
        json_set_take(o, blkio_members[0],
                      blkio_file(h, "blkio.throttle.io_service_bytes_recursive"));
        json_set_take(o, blkio_members[1], blkio_file(h, "blkio.throttle.io_serviced_recursive"));
    }
    return o;
}

json_t *stats_empty_cpu(void)
{
    return json_pack("{s:{s:i,s:i,s:i},s:{s:i,s:i,s:i}}", "cpu_usage", "total_usage", 0,
                     "usage_in_kernelmode", 0, "usage_in_usermode", 0, "throttling_data", "periods",
                     0, "throttled_periods", 0, "throttled_time", 0);
}

json_t *stats_empty(void)
{
    json_t *o = json_object(), *blkio = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(blkio_members); i++)
        json_set_take(blkio, blkio_members[i], json_null());
    json_set_take(o, "pids_stats", json_object());
    json_set_take(o, "blkio_stats", blkio);
    json_set_take(o, "cpu_stats", stats_empty_cpu());
    json_set_take(o, "memory_stats", json_object());
    return o;
}

json_t *stats_read_cgroups(const char *path)
{
    _cleanup_(cgroup_freep)
    struct cgroup *c = NULL;
    json_t *o;

    if (cgroup_new(path, path, &c, NULL) < 0)
        return stats_empty();
    cgroup_find(c);
    o = json_object();
    json_set_take(o, "pids_stats", pids_stats(c));
    json_set_take(o, "blkio_stats", blkio_stats(c));
    json_set_take(o, "cpu_stats", cpu_stats(c));
    json_set_take(o, "memory_stats", memory_stats(c));
    return o;
}
