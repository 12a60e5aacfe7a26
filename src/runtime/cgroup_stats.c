/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a container uses, as runc's `events --stats` shows it. Whatever the machine's cgroups do not
 * count is left out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/cgroup.h"

/* A number in a file; "max" is the largest. False when there is none. */
static bool read_number(const struct cgroup_hierarchy *h, const char *file, uint64_t *ret)
{
    _cleanup_free_ char *text = NULL;

    if (cgroup_read(h->dir_fd, file, &text) < 0)
        return false;
    if (str_eq(text, "max")) {
        *ret = UINT64_MAX;
        return true;
    }
    return parse_u64(text, ret) == 0;
}

/* Numbers above what the JSON library holds mean "no limit". */
static void set_u64(json_t *o, const char *key, uint64_t value)
{
    json_set_i64(o, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void copy_number(const struct cgroup_hierarchy *h, const char *file, json_t *o,
                        const char *key)
{
    uint64_t value;

    if (file && read_number(h, file, &value))
        set_u64(o, key, value);
}

static void copy_key(const struct cgroup_hierarchy *h, const char *file, const char *name,
                     json_t *o, const char *key, uint64_t factor)
{
    uint64_t value;

    if (cgroup_read_key(h->dir_fd, file, name, &value) == 0)
        set_u64(o, key, value * factor);
}

/* The member of an object, made if missing. Borrowed. */
static json_t *member(json_t *o, const char *key)
{
    if (!json_object_get(o, key))
        json_set_take(o, key, json_object());
    return json_object_get(o, key);
}

static void add_percpu(const struct cgroup_hierarchy *h, json_t *usage)
{
    _cleanup_free_ char *text = NULL;
    json_t *list = json_array();
    char *save = NULL;
    int64_t used;

    if (cgroup_read(h->dir_fd, "cpuacct.usage_percpu", &text) == 0)
        for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save))
            if (parse_i64(p, &used) == 0)
                (void)json_array_append_new(list, json_integer(used));
    json_set_take(usage, "percpu", list);
}

static void add_cpu(const struct cgroup_hierarchy *h, json_t *o)
{
    json_t *cpu = member(o, "cpu"), *usage = member(cpu, "usage"),
           *throttling = member(cpu, "throttling");

    if (h->ops->v2) {
        copy_key(h, "cpu.stat", "usage_usec", usage, "total", 1000);
        copy_key(h, "cpu.stat", "user_usec", usage, "user", 1000);
        copy_key(h, "cpu.stat", "system_usec", usage, "kernel", 1000);
        copy_key(h, "cpu.stat", "throttled_usec", throttling, "throttledTime", 1000);
    } else if (h->controllers & CGROUP_CPUACCT) {
        uint64_t tick = (uint64_t)(NSEC_PER_SEC / sysconf(_SC_CLK_TCK));
        copy_number(h, "cpuacct.usage", usage, "total");
        copy_key(h, "cpuacct.stat", "user", usage, "user", tick);
        copy_key(h, "cpuacct.stat", "system", usage, "kernel", tick);
        add_percpu(h, usage);
    }
    if (h->controllers & CGROUP_CPU) {
        copy_key(h, "cpu.stat", "nr_periods", throttling, "periods", 1);
        copy_key(h, "cpu.stat", "nr_throttled", throttling, "throttledPeriods", 1);
        copy_key(h, "cpu.stat", "throttled_time", throttling, "throttledTime", 1);
    }
}

static void add_memory_kind(const struct cgroup_hierarchy *h, json_t *memory, const char *key,
                            const char *const files[static 4])
{
    static const char *const names[] = {"limit", "usage", "max", "failcnt"};
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        copy_number(h, files[i], o, names[i]);
    if (json_object_size(o) > 0 && !json_object_get(o, "failcnt"))
        json_set_i64(o, "failcnt", 0);
    json_set_take(memory, key, o);
}

static void add_memory(const struct cgroup_hierarchy *h, json_t *o)
{
    static const struct {
        const char *key;
        const char *v1[4], *v2[4];
    } kinds[] = {
        {"usage",
         {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes",
          "memory.failcnt"},
         {"memory.max", "memory.current", "memory.peak", NULL}},
        {"swap",
         {"memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes",
          "memory.memsw.max_usage_in_bytes", "memory.memsw.failcnt"},
         {"memory.swap.max", "memory.swap.current", "memory.swap.peak", NULL}},
        {"kernel",
         {"memory.kmem.limit_in_bytes", "memory.kmem.usage_in_bytes",
          "memory.kmem.max_usage_in_bytes", "memory.kmem.failcnt"},
         {NULL, NULL, NULL, NULL}},
        {"kernelTCP",
         {"memory.kmem.tcp.limit_in_bytes", "memory.kmem.tcp.usage_in_bytes",
          "memory.kmem.tcp.max_usage_in_bytes", "memory.kmem.tcp.failcnt"},
         {NULL, NULL, NULL, NULL}},
    };
    json_t *memory = member(o, "memory"), *raw = member(memory, "raw");
    _cleanup_free_ char *text = NULL;
    char *save = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        add_memory_kind(h, memory, kinds[i].key, h->ops->v2 ? kinds[i].v2 : kinds[i].v1);
    copy_key(h, "memory.stat", h->ops->v2 ? "file" : "cache", memory, "cache", 1);
    if (cgroup_read(h->dir_fd, "memory.stat", &text) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *space = strchr(line, ' ');
        uint64_t value;
        if (!space || parse_u64(space + 1, &value) < 0)
            continue;
        *space = '\0';
        set_u64(raw, line, value);
    }
}

static void add_io_entry(json_t *list, unsigned major, unsigned minor, const char *op,
                         uint64_t value)
{
    json_t *o = json_object();

    json_set_i64(o, "major", major);
    json_set_i64(o, "minor", minor);
    json_set_str(o, "op", op);
    set_u64(o, "value", value);
    (void)json_array_append_new(list, o);
}

/* "8:0" */
static bool parse_device(const char *s, uint32_t *ret_major, uint32_t *ret_minor)
{
    _cleanup_strv_ char **numbers = str_split(s, ':');

    return strv_len(numbers) == 2 && parse_u32(numbers[0], ret_major) == 0 &&
           parse_u32(numbers[1], ret_minor) == 0;
}

/* v1: "8:0 Read 4096". */
static void add_io_v1(const struct cgroup_hierarchy *h, const char *file, json_t *list)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    uint32_t major, minor;
    uint64_t value;

    if (cgroup_read(h->dir_fd, file, &text) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        _cleanup_strv_ char **words = str_split(line, ' ');

        if (strv_len(words) == 3 && parse_device(words[0], &major, &minor) &&
            parse_u64(words[2], &value) == 0)
            add_io_entry(list, major, minor, words[1], value);
    }
}

/* v2: "8:0 rbytes=4096 wbytes=0 rios=1 …". */
static void add_io_v2(const struct cgroup_hierarchy *h, json_t *bytes, json_t *counts)
{
    _cleanup_free_ char *text = NULL;
    char *save = NULL;
    uint32_t major, minor;
    uint64_t value;

    if (cgroup_read(h->dir_fd, "io.stat", &text) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        static const char *const keys[][2] = {
            {"rbytes=", "Read"}, {"wbytes=", "Write"}, {"rios=", "Read"}, {"wios=", "Write"}};
        _cleanup_strv_ char **words = str_split(line, ' ');

        if (!parse_device(words[0], &major, &minor))
            continue;
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
            for (char **w = words + 1; *w; w++) {
                const char *number = str_after(*w, keys[i][0]);
                if (number && parse_u64(number, &value) == 0)
                    add_io_entry(i < 2 ? bytes : counts, major, minor, keys[i][1], value);
            }
    }
}

static void add_io(const struct cgroup_hierarchy *h, json_t *o)
{
    json_t *io = member(o, "blkio"), *bytes = json_array(), *counts = json_array();

    if (h->ops->v2) {
        add_io_v2(h, bytes, counts);
    } else {
        add_io_v1(h, "blkio.throttle.io_service_bytes_recursive", bytes);
        add_io_v1(h, "blkio.throttle.io_serviced_recursive", counts);
    }
    json_set_take(io, "ioServiceBytesRecursive", bytes);
    json_set_take(io, "ioServicedRecursive", counts);
}

json_t *cgroup_stats(const struct cgroup *c)
{
    json_t *o = json_object();

    for (size_t i = 0; i < c->n; i++) {
        const struct cgroup_hierarchy *h = &c->h[i];
        if (h->dir_fd < 0)
            continue;
        if (h->controllers & (CGROUP_CPU | CGROUP_CPUACCT))
            add_cpu(h, o);
        if (h->controllers & CGROUP_MEMORY)
            add_memory(h, o);
        if (h->controllers & CGROUP_IO)
            add_io(h, o);
        if (h->controllers & CGROUP_PIDS) {
            json_t *pids = member(o, "pids");
            uint64_t limit = 0;
            copy_number(h, "pids.current", pids, "current");
            if (read_number(h, "pids.max", &limit) && limit != UINT64_MAX)
                set_u64(pids, "limit", limit);
        }
    }
    return o;
}
