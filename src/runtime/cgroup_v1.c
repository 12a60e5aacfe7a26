/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup v1 (Documentation/admin-guide/cgroup-v1). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/cgroup.h"

/* A new cpuset is empty and takes no process: it inherits by hand. */
static int inherit_cpuset(int parent, int child)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *own = NULL, *inherited = NULL;
        int r;
        if ((r = cgroup_read(child, files[i], &own)) < 0)
            return r;
        if (*own)
            continue;
        if ((r = cgroup_read(parent, files[i], &inherited)) < 0 ||
            (r = write_kernel_file_at(child, files[i], inherited)) < 0)
            return r;
    }
    return 0;
}

static int v1_make(struct cgroup_hierarchy *h, const char *path, struct err *err)
{
    _cleanup_strv_ char **parts = str_split(path + 1, '/');
    _cleanup_close_ int opened = -1;
    int dir = h->root_fd;

    for (size_t i = 0; parts[i]; i++) {
        h->created = true;
        if (mkdirat(dir, parts[i], 0755) < 0) {
            if (errno != EEXIST)
                return err_errno(err, errno, "mkdir");
            h->created = false;
        }
        int next = openat(dir, parts[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return err_errno(err, errno, "open");
        int r = h->controllers & CGROUP_CPUSET ? inherit_cpuset(dir, next) : 0;
        if (opened >= 0)
            close_fd(opened);
        dir = opened = next;
        if (r < 0)
            return err_errno(err, r, "inherit cpuset");
    }
    h->dir_fd = TAKE_FD(opened);
    return 0;
}

/* The kernel wants limit <= memory+swap at every step, so a raise starts with the latter. */
static int apply_memory_limits(struct cgroup_hierarchy *h, const struct oci_resources *res,
                               struct err *err)
{
    static const char limit[] = "memory.limit_in_bytes", memsw[] = "memory.memsw.limit_in_bytes";
    bool has_swap = cgroup_has_file(h, memsw);
    int64_t want = res->memory_limit, swap = res->memory_swap;
    int r;

    want = want == 0 ? OCI_UNSET : want;
    swap = swap == 0 ? OCI_UNSET : swap;
    if (swap != OCI_UNSET && !has_swap) {
        /* No swap accounting: with swap at most equal to the limit nothing is lost. */
        if (swap > 0 && swap > want)
            return err_set(err, ERR_UNSUPPORTED, "memory.memsw.limit_in_bytes is not available");
        swap = OCI_UNSET;
    }
    if (want == -1 && swap == OCI_UNSET && has_swap)
        swap = -1;
    if (want == OCI_UNSET)
        return swap == OCI_UNSET ? 0 : cgroup_write_i64(h, memsw, swap, err);
    if (swap == OCI_UNSET)
        return cgroup_write_i64(h, limit, want, err);

    _cleanup_free_ char *current = NULL;
    uint64_t now = 0;
    bool raise = cgroup_read(h->dir_fd, memsw, &current) == 0 && parse_u64(current, &now) == 0 &&
                 (swap == -1 || now < (uint64_t)swap);
    if ((r = cgroup_write_i64(h, raise ? memsw : limit, raise ? swap : want, err)) < 0)
        return r;
    return cgroup_write_i64(h, raise ? limit : memsw, raise ? want : swap, err);
}

static int apply_memory(struct cgroup_hierarchy *h, const struct oci_resources *res,
                        struct err *err)
{
    int r = cgroup_check_memory(h, res, "memory.usage_in_bytes", err);

    if (r == 0)
        r = apply_memory_limits(h, res, err);
    if (r == 0 && res->memory_reservation != OCI_UNSET && res->memory_reservation != 0)
        r = cgroup_write_i64(h, "memory.soft_limit_in_bytes", res->memory_reservation, err);
    if (r == 0 && res->memory_swappiness != OCI_UNSET)
        r = cgroup_write_i64(h, "memory.swappiness", res->memory_swappiness, err);
    if (r == 0 && res->has_oom_disable && res->oom_disable)
        r = cgroup_write(h, "memory.oom_control", "1", err);
    return r;
}

static int write_if(struct cgroup_hierarchy *h, const char *file, int64_t value, struct err *err)
{
    return value == OCI_UNSET || value == 0 ? 0 : cgroup_write_i64(h, file, value, err);
}

static int apply_cpu(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err)
{
    int r;

    if ((r = write_if(h, "cpu.shares", res->cpu_shares, err)) < 0 ||
        (r = write_if(h, "cpu.rt_period_us", res->cpu_rt_period, err)) < 0 ||
        (r = write_if(h, "cpu.rt_runtime_us", res->cpu_rt_runtime, err)) < 0)
        return r;
    if (res->cpu_idle != OCI_UNSET && (r = cgroup_write_i64(h, "cpu.idle", res->cpu_idle, err)) < 0)
        return r;
    /* A period below the present quota is refused in some orders: the quota is lifted first. */
    if (res->cpu_period != OCI_UNSET && res->cpu_period != 0) {
        if (write_kernel_file_at(h->dir_fd, "cpu.cfs_quota_us", "-1") < 0 &&
            res->cpu_quota == OCI_UNSET)
            return err_set(err, ERR_UNSUPPORTED, "cpu.cfs_quota_us is not available");
        if ((r = cgroup_write_i64(h, "cpu.cfs_period_us", res->cpu_period, err)) < 0)
            return r;
    }
    if ((r = write_if(h, "cpu.cfs_quota_us", res->cpu_quota, err)) < 0)
        return r;
    return write_if(h, "cpu.cfs_burst_us", res->cpu_burst, err);
}

/* major:minor value lines of blockIO throttling. */
static int apply_throttle(struct cgroup_hierarchy *h, const json_t *io, const char *key,
                          const char *file, struct err *err)
{
    const json_t *a = json_object_get(io, key);

    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *o = json_array_get(a, i);
        char text[96];
        (void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %" PRIu64,
                       json_i64_or(o, "major", 0), json_i64_or(o, "minor", 0),
                       (uint64_t)json_i64_or(o, "rate", json_i64_or(o, "weight", 0)));
        int r = cgroup_write(h, file, text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply_blkio(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err)
{
    static const char *const throttle[][2] = {
        {"throttleReadBpsDevice", "blkio.throttle.read_bps_device"},
        {"throttleWriteBpsDevice", "blkio.throttle.write_bps_device"},
        {"throttleReadIOPSDevice", "blkio.throttle.read_iops_device"},
        {"throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"},
    };
    const json_t *io = res->block_io;
    int64_t weight = json_i64_or(io, "weight", 0);
    bool bfq = cgroup_has_file(h, "blkio.bfq.weight");
    int r = 0;

    if (weight)
        r = cgroup_write_i64(h, bfq ? "blkio.bfq.weight" : "blkio.weight", weight, err);
    if (r == 0)
        r = apply_throttle(h, io, "weightDevice",
                           bfq ? "blkio.bfq.weight_device" : "blkio.weight_device", err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(throttle); i++)
        r = apply_throttle(h, io, throttle[i][0], throttle[i][1], err);
    return r;
}

static int apply_network(struct cgroup_hierarchy *h, const struct oci_resources *res,
                         struct err *err)
{
    int64_t class_id = json_i64_or(res->network, "classID", 0);
    const json_t *priorities = json_object_get(res->network, "priorities");
    int r = 0;

    if (class_id && (h->controllers & CGROUP_NET_CLS))
        r = cgroup_write_i64(h, "net_cls.classid", class_id, err);
    for (size_t i = 0;
         r == 0 && (h->controllers & CGROUP_NET_PRIO) && i < json_array_size(priorities); i++) {
        const json_t *o = json_array_get(priorities, i);
        _cleanup_free_ char *text =
            xasprintf("%s %" PRId64, json_str_or(o, "name", ""), json_i64_or(o, "priority", 0));
        r = cgroup_write(h, "net_prio.ifpriomap", text, err);
    }
    return r;
}

static int v1_apply(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err)
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
        r = res->pids_limit > 0 ? cgroup_write_i64(h, "pids.max", res->pids_limit, err)
                                : cgroup_write(h, "pids.max", "max", err);
    if (r == 0 && (h->controllers & CGROUP_IO) && res->block_io)
        r = apply_blkio(h, res, err);
    if (r == 0 && (h->controllers & CGROUP_HUGETLB))
        r = cgroup_apply_hugetlb(h, res, "limit_in_bytes", err);
    if (r == 0 && (h->controllers & CGROUP_RDMA) && res->rdma)
        r = cgroup_apply_rdma(h, res, err);
    if (r == 0 && res->network)
        r = apply_network(h, res, err);
    return r;
}

/* The control files of device rules: each is opened once, however many rules there are. */
struct device_files {
    struct cgroup_hierarchy *h; /* borrowed */
    int allow_fd, deny_fd;      /* owned; -1 until needed */
};

static int write_device_line(struct device_files *f, bool allow, const char *line, struct err *err)
{
    const char *file = allow ? "devices.allow" : "devices.deny";
    int *fd = allow ? &f->allow_fd : &f->deny_fd;
    size_t len = strlen(line);

    if (*fd < 0)
        *fd = openat(f->h->dir_fd, file, O_WRONLY | O_CLOEXEC);
    if (*fd >= 0 && write(*fd, line, len) == (ssize_t)len)
        return 0;
    return err_errno(err, errno, "write %s to %s", line, file);
}

static int write_device_rule(struct device_files *f, const struct oci_device_rule *rule,
                             struct err *err)
{
    char text[80], major[16] = "*", minor[16] = "*", access[4] = "";
    size_t n = 0;

    if (rule->type == 'a')
        return write_device_line(f, rule->allow, "a", err);
    if (rule->major >= 0)
        (void)snprintf(major, sizeof(major), "%" PRId64, rule->major);
    if (rule->minor >= 0)
        (void)snprintf(minor, sizeof(minor), "%" PRId64, rule->minor);
    if (rule->read)
        access[n++] = 'r';
    if (rule->write)
        access[n++] = 'w';
    if (rule->mknod)
        access[n] = 'm';
    (void)snprintf(text, sizeof(text), "%c %s:%s %s", rule->type, major, minor, access);
    return write_device_line(f, rule->allow, text, err);
}

static int v1_apply_devices(struct cgroup_hierarchy *h, const struct oci_resources *res,
                            struct err *err)
{
    size_t n, first = 0;
    _cleanup_free_ struct oci_device_rule *rules = cgroup_device_rules(res, &n);
    struct device_files files = {.h = h, .allow_fd = -1, .deny_fd = -1};

    /* Only what follows the last rule for all devices counts. */
    bool allow_all = false;
    for (size_t i = 0; i < n; i++)
        if (rules[i].type == 'a') {
            first = i + 1;
            allow_all = rules[i].allow;
        }
    const struct oci_device_rule all = {.type = 'a', .allow = allow_all, .major = -1, .minor = -1};
    int r = write_device_rule(&files, &all, err);
    bool denied = !allow_all;
    for (size_t i = first; r == 0 && i < n; i++) {
        denied |= !rules[i].allow;
        if (denied) /* until then everything is allowed anyway */
            r = write_device_rule(&files, &rules[i], err);
    }
    if (files.allow_fd >= 0)
        close_fd(files.allow_fd);
    if (files.deny_fd >= 0)
        close_fd(files.deny_fd);
    return r;
}

static int v1_freeze(struct cgroup_hierarchy *h, bool on, struct err *err)
{
    const char *want = on ? "FROZEN" : "THAWED";
    int r = cgroup_write(h, "freezer.state", want, err);

    /* A process being born can make the state fall back to FREEZING: write again, as the kernel's
     * documentation has it. */
    for (int tries = 0; r == 0 && tries < 2000; tries++) {
        _cleanup_free_ char *state = NULL;
        if ((r = cgroup_read(h->dir_fd, "freezer.state", &state)) < 0)
            return err_errno(err, r, "read freezer.state");
        if (str_eq(state, want))
            return 0;
        struct timespec ts = {.tv_nsec = tries < 50 ? 10000 : NSEC_PER_MSEC};
        (void)nanosleep(&ts, NULL);
        if (tries % 50 == 49)
            r = cgroup_write(h, "freezer.state", want, err);
    }
    if (r < 0)
        return r;
    (void)write_kernel_file_at(h->dir_fd, "freezer.state", "THAWED");
    return err_set(err, ERR_INTERNAL, "the cgroup could not be frozen");
}

static int v1_frozen(struct cgroup_hierarchy *h)
{
    _cleanup_free_ char *state = NULL;
    int r = cgroup_read(h->dir_fd, "freezer.state", &state);

    return r < 0 ? r : !str_eq(state, "THAWED");
}

static int v1_oom_kills(struct cgroup_hierarchy *h, uint64_t *ret)
{
    return cgroup_read_key(h->dir_fd, "memory.oom_control", "oom_kill", ret);
}

const struct cgroup_ops cgroup_v1_ops = {
    .v2 = false,
    .make = v1_make,
    .apply = v1_apply,
    .apply_devices = v1_apply_devices,
    .freeze = v1_freeze,
    .frozen = v1_frozen,
    .oom_kills = v1_oom_kills,
};
