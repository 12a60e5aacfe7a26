/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/stats_values.h"

#include "base/str.h"

static double member(const json_t *o, const char *key)
{
    return (double)json_i64_or(o, key, 0);
}

static double total_usage(const json_t *cpu)
{
    return member(json_object_get(cpu, "cpu_usage"), "total_usage");
}

static double cpu_percent(const json_t *now, const json_t *before)
{
    double used = total_usage(now) - total_usage(before);
    double system = member(now, "system_cpu_usage") - member(before, "system_cpu_usage");
    double cpus = member(now, "online_cpus");

    if (cpus <= 0) {
        const json_t *usage = json_object_get(now, "cpu_usage");
        cpus = (double)json_array_size(json_object_get(usage, "percpu_usage"));
    }
    return used > 0 && system > 0 ? used / system * cpus * 100.0 : 0;
}

/* What the kernel would give back at once does not count. */
static double memory_used(const json_t *memory)
{
    static const char *const names[] = {"total_inactive_file", "inactive_file"};
    const json_t *stats = json_object_get(memory, "stats");
    double usage = member(memory, "usage");

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const json_t *v = json_object_get(stats, names[i]);
        if (v)
            return member(stats, names[i]) < usage ? usage - member(stats, names[i]) : usage;
    }
    return usage;
}

static void add_block(const json_t *blkio, struct stats_values *v)
{
    const json_t *list = json_object_get(blkio, "io_service_bytes_recursive"), *row;
    size_t i;

    json_array_foreach(list, i, row) {
        const char *op = json_str_or(row, "op", "");
        if (*op == 'r' || *op == 'R')
            v->block_read += member(row, "value");
        else if (*op == 'w' || *op == 'W')
            v->block_write += member(row, "value");
    }
}

void stats_compute(const json_t *sample, const json_t *before, struct stats_values *ret)
{
    const json_t *memory = json_object_get(sample, "memory_stats"), *row;
    struct stats_values v = {
        .cpu_percent = cpu_percent(json_object_get(sample, "cpu_stats"),
                                   before ? json_object_get(before, "cpu_stats")
                                          : json_object_get(sample, "precpu_stats")),
        .memory = memory_used(memory),
        .memory_limit = member(memory, "limit"),
        .pids = json_i64_or(json_object_get(sample, "pids_stats"), "current", 0),
    };
    const char *name;

    if (v.memory_limit > 0)
        v.memory_percent = v.memory / v.memory_limit * 100.0;
    json_object_foreach(json_object_get(sample, "networks"), name, row) {
        v.net_rx += member(row, "rx_bytes");
        v.net_tx += member(row, "tx_bytes");
    }
    add_block(json_object_get(sample, "blkio_stats"), &v);
    *ret = v;
}
