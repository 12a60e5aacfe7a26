/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup v2 (Documentation/admin-guide/cgroup-v2.rst). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/cgroup.h"

/* Hands the directory's controllers down to its children, unless they have them already. Those that
 * cannot be (a threaded subtree, processes in the way) are found missing when a limit wants them.
 */
static void enable_controllers(int dir)
{
    _cleanup_free_ char *have = NULL, *enabled = NULL;
    _cleanup_buf_ struct buf want = BUF_INIT(1024);

    if (cgroup_read(dir, "cgroup.controllers", &have) < 0 ||
        cgroup_read(dir, "cgroup.subtree_control", &enabled) < 0)
        return;
    _cleanup_strv_ char **all = str_split(have, ' '), **on = str_split(enabled, ' ');
    for (size_t i = 0; all[i]; i++)
        if (*all[i] && !strv_contains(on, all[i]))
            (void)buf_addf(&want, "%s+%s", want.len ? " " : "", all[i]);
    if (want.len == 0 || write_kernel_file_at(dir, "cgroup.subtree_control", buf_str(&want)) == 0)
        return;
    _cleanup_strv_ char **each = str_split(buf_str(&want), ' ');
    for (size_t i = 0; each[i]; i++)
        (void)write_kernel_file_at(dir, "cgroup.subtree_control", each[i]);
}

static int v2_make(struct cgroup_hierarchy *h, const char *path, struct err *err)
{
    _cleanup_strv_ char **parts = str_split(path + 1, '/');
    _cleanup_close_ int opened = -1;
    int dir = h->root_fd;

    for (size_t i = 0; parts[i]; i++) {
        if (h->controllers & ~(unsigned)(CGROUP_DEVICES | CGROUP_FREEZER))
            enable_controllers(dir);
        h->created = true;
        if (mkdirat(dir, parts[i], 0755) < 0) {
            if (errno != EEXIST)
                return err_errno(err, errno, "mkdir");
            h->created = false;
        }
        int next = openat(dir, parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return err_errno(err, errno, "open");
        if (opened >= 0)
            close_fd(opened);
        dir = opened = next;
    }
    h->dir_fd = TAKE_FD(opened);
    return 0;
}

static int write_max(struct cgroup_hierarchy *h, const char *file, int64_t value, struct err *err)
{
    return value < 0 ? cgroup_write(h, file, "max", err) : cgroup_write_i64(h, file, value, err);
}

static int apply_memory(struct cgroup_hierarchy *h, const struct oci_resources *res,
                        struct err *err)
{
    int64_t limit = res->memory_limit, swap = res->memory_swap;
    int r = cgroup_check_memory(h, res, "memory.current", err);

    if (r < 0)
        return r;
    /* v1's memory.memsw counts both, v2's memory.swap only what is swapped. */
    if (swap != OCI_UNSET && swap != 0) {
        int64_t only = -1;
        if (swap > 0) {
            if (limit == OCI_UNSET || limit <= 0)
                return err_set(err, ERR_INVALID, "a swap limit needs a memory limit");
            if (swap < limit)
                return err_set(err, ERR_INVALID, "the memory+swap limit is below the memory limit");
            only = swap - limit;
        }
        r = write_max(h, "memory.swap.max", only, err);
        if (r == -ENOENT && only <= 0) { /* no swap accounting: nothing to limit */
            err_clear(err);
            r = 0;
        }
    }
    if (r == 0 && limit != OCI_UNSET && limit != 0)
        r = write_max(h, "memory.max", limit, err);
    if (r == 0 && res->memory_reservation != OCI_UNSET && res->memory_reservation != 0)
        r = write_max(h, "memory.low", res->memory_reservation, err);
    return r;
}

static int apply_cpu(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err)
{
    int64_t shares = res->cpu_shares, quota = res->cpu_quota, period = res->cpu_period;
    int r = 0;

    if (res->cpu_idle != OCI_UNSET)
        r = cgroup_write_i64(h, "cpu.idle", res->cpu_idle, err);
    /* [2, 262144] becomes [1, 10000], as runc and systemd map them. */
    if (r == 0 && shares != OCI_UNSET && shares != 0) {
        shares = MAX(MIN(shares, INT64_C(262144)), INT64_C(2));
        r = cgroup_write_i64(h, "cpu.weight", 1 + (shares - 2) * 9999 / 262142, err);
    }
    bool has_quota = quota != OCI_UNSET && quota != 0, has_period = period != OCI_UNSET && period;
    if (r == 0 && (has_quota || has_period)) {
        char text[64], max[24] = "max";
        if (has_quota && quota > 0)
            (void)snprintf(max, sizeof(max), "%" PRId64, quota);
        (void)snprintf(text, sizeof(text), "%s %" PRId64, max, has_period ? period : 100000);
        r = cgroup_write(h, "cpu.max", text, err);
    }
    if (r == 0 && res->cpu_burst != OCI_UNSET)
        r = cgroup_write_i64(h, "cpu.max.burst", res->cpu_burst, err);
    return r;
}

static int apply_io_max(struct cgroup_hierarchy *h, const json_t *io, const char *key,
                        const char *what, struct err *err)
{
    const json_t *a = json_object_get(io, key);

    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *o = json_array_get(a, i);
        char text[96];
        (void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s=%" PRIu64,
                       json_i64_or(o, "major", 0), json_i64_or(o, "minor", 0), what,
                       (uint64_t)json_i64_or(o, "rate", 0));
        int r = cgroup_write(h, "io.max", text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* BFQ keeps v1's range; the cost model's [1, 10000] stands for its [10, 1000]. */
static int64_t io_weight(int64_t weight, bool bfq)
{
    return bfq ? weight : 1 + (weight - 10) * 9999 / 990;
}

static int apply_io(struct cgroup_hierarchy *h, const json_t *io, struct err *err)
{
    static const char *const limits[][2] = {{"throttleReadBpsDevice", "rbps"},
                                            {"throttleWriteBpsDevice", "wbps"},
                                            {"throttleReadIOPSDevice", "riops"},
                                            {"throttleWriteIOPSDevice", "wiops"}};
    int64_t weight = json_i64_or(io, "weight", 0);
    int r = 0;

    bool bfq = cgroup_has_file(h, "io.bfq.weight");

    if (weight)
        r = cgroup_write_i64(h, bfq ? "io.bfq.weight" : "io.weight", io_weight(weight, bfq), err);
    const json_t *devices = json_object_get(io, "weightDevice");
    for (size_t i = 0; r == 0 && i < json_array_size(devices); i++) {
        const json_t *o = json_array_get(devices, i);
        char text[96];
        if ((weight = json_i64_or(o, "weight", 0)) == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %" PRId64,
                       json_i64_or(o, "major", 0), json_i64_or(o, "minor", 0),
                       io_weight(weight, bfq));
        r = cgroup_write(h, bfq ? "io.bfq.weight" : "io.weight", text, err);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(limits); i++)
        r = apply_io_max(h, io, limits[i][0], limits[i][1], err);
    return r;
}

static int apply_unified(struct cgroup_hierarchy *h, json_t *unified, struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach(unified, key, value) {
        int r = cgroup_write(h, key, json_string_value(value), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int v2_apply(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err)
{
    int r = 0;

    if (h->controllers & CGROUP_MEMORY)
        r = apply_memory(h, res, err);
    if (r == 0 && (h->controllers & CGROUP_CPU))
        r = apply_cpu(h, res, err);
    if (r == 0 && (h->controllers & CGROUP_CPUSET) && !str_empty(res->cpuset_cpus))
        r = cgroup_write(h, "cpuset.cpus", res->cpuset_cpus, err);
    if (r == 0 && (h->controllers & CGROUP_CPUSET) && !str_empty(res->cpuset_mems))
        r = cgroup_write(h, "cpuset.mems", res->cpuset_mems, err);
    if (r == 0 && (h->controllers & CGROUP_PIDS) && res->pids_limit != OCI_UNSET &&
        res->pids_limit != 0)
        r = write_max(h, "pids.max", res->pids_limit, err);
    if (r == 0 && (h->controllers & CGROUP_IO) && res->block_io)
        r = apply_io(h, res->block_io, err);
    if (r == 0 && (h->controllers & CGROUP_HUGETLB))
        r = cgroup_apply_hugetlb(h, res, "max", err);
    if (r == 0 && (h->controllers & CGROUP_RDMA) && res->rdma)
        r = cgroup_apply_rdma(h, res, err);
    if (r == 0 && res->unified)
        r = apply_unified(h, res->unified, err);
    return r;
}

static int v2_apply_devices(struct cgroup_hierarchy *h, const struct oci_resources *res,
                            struct err *err)
{
    size_t n;
    _cleanup_free_ struct oci_device_rule *rules = cgroup_device_rules(res, &n);

    return cgroup_bpf_attach(h->dir_fd, rules, n, err);
}

static int v2_frozen(struct cgroup_hierarchy *h)
{
    uint64_t frozen = 0;
    int r = cgroup_read_key(h->dir_fd, "cgroup.events", "frozen", &frozen);

    return r < 0 ? r : frozen != 0;
}

static int v2_freeze(struct cgroup_hierarchy *h, bool on, struct err *err)
{
    int r = cgroup_write(h, "cgroup.freeze", on ? "1" : "0", err);

    for (int tries = 0; r == 0 && on && tries < 2000; tries++) {
        if (v2_frozen(h) > 0)
            return 0;
        struct timespec ts = {.tv_nsec = tries < 50 ? 10000 : NSEC_PER_MSEC};
        (void)nanosleep(&ts, NULL);
    }
    if (r < 0 || !on)
        return r;
    (void)write_kernel_file_at(h->dir_fd, "cgroup.freeze", "0");
    return err_set(err, ERR_INTERNAL, "the cgroup could not be frozen");
}

static int v2_oom_kills(struct cgroup_hierarchy *h, uint64_t *ret)
{
    return cgroup_read_key(h->dir_fd, "memory.events", "oom_kill", ret);
}

const struct cgroup_ops cgroup_v2_ops = {
    .v2 = true,
    .make = v2_make,
    .apply = v2_apply,
    .apply_devices = v2_apply_devices,
    .freeze = v2_freeze,
    .frozen = v2_frozen,
    .oom_kills = v2_oom_kills,
};
