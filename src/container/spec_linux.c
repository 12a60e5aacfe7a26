/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "base/str.h"
#include "container/spec.h"

/* Devices that every container may use; the rest of its /dev is the runtime's. */
static const struct {
    int major, minor; /* -1: any */
    const char *access;
} default_devices[] = {
    {-1, -1, "m"}, {1, 3, "rwm"}, {1, 5, "rwm"}, {1, 7, "rwm"}, {1, 8, "rwm"},
    {1, 9, "rwm"}, {5, 0, "rwm"}, {5, 1, "rwm"}, {5, 2, "rwm"}, {136, -1, "rwm"},
};

static json_t *device_rule(bool allow, char type, int64_t major, int64_t minor, const char *access)
{
    char text[2] = {type, '\0'};
    json_t *o = json_pack("{s:b,s:s,s:s}", "allow", allow, "type", text, "access", access);

    if (major >= 0)
        json_set_i64(o, "major", major);
    if (minor >= 0)
        json_set_i64(o, "minor", minor);
    return o;
}

/* Adds the device node at `host` under the name `container` and its rule. */
static int add_device(json_t *devices, json_t *rules, const char *host, const char *container,
                      const char *access, struct err *err)
{
    struct stat st;
    char type[2] = "c";
    int r;

    if (stat(host, &st) < 0) {
        r = errno;
        return err_errno(err, r,
                         "error gathering device information while adding custom device "
                         "\"%s\"",
                         host);
    }
    if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(err, ERR_INVALID,
                       "error gathering device information while adding custom device \"%s\": not "
                       "a device node",
                       host);
    if (S_ISBLK(st.st_mode))
        type[0] = 'b';
    (void)json_array_append_new(
        devices, json_pack("{s:s,s:s,s:I,s:I,s:i,s:I,s:I}", "path", container, "type", type,
                           "major", (json_int_t)major(st.st_rdev), "minor",
                           (json_int_t)minor(st.st_rdev), "fileMode", (int)(st.st_mode & 07777),
                           "uid", (json_int_t)st.st_uid, "gid", (json_int_t)st.st_gid));
    (void)json_array_append_new(rules, device_rule(true, type[0], (int64_t)major(st.st_rdev),
                                                   (int64_t)minor(st.st_rdev), access));
    return 0;
}

/* A directory of devices, as --device /dev/snd gives. */
static int add_device_dir(json_t *devices, json_t *rules, const char *host, const char *container,
                          const char *access, unsigned depth, struct err *err)
{
    DIR *d = opendir(host);
    struct dirent *e;
    int r = 0;

    if (!d)
        return err_errno(err, errno,
                         "error gathering device information while adding custom "
                         "device \"%s\"",
                         host);
    while (r == 0 && (e = readdir(d))) {
        _cleanup_free_ char *from = NULL, *to = NULL;
        struct stat st;

        if (e->d_name[0] == '.')
            continue;
        from = xasprintf("%s/%s", host, e->d_name);
        to = xasprintf("%s/%s", container, e->d_name);
        if (lstat(from, &st) < 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < 4)
            r = add_device_dir(devices, rules, from, to, access, depth + 1, err);
        else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
            r = add_device(devices, rules, from, to, access, err);
    }
    (void)closedir(d);
    return r;
}

static int add_devices(const struct container_spec_params *p, json_t *devices, json_t *rules,
                       struct err *err)
{
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(p->host, "Devices"), i, v) {
        const char *from = json_str_or(v, "PathOnHost", "");
        const char *to = json_str_or(v, "PathInContainer", "");
        const char *access = json_str_or(v, "CgroupPermissions", "");
        struct stat st;
        int r;

        if (str_empty(to))
            to = from;
        if (str_empty(access))
            access = "rwm";
        if (strspn(access, "rwm") != strlen(access) || to[0] != '/')
            return err_set(err, ERR_INVALID, "bad device specification: %s:%s:%s", from, to,
                           access);
        if (stat(from, &st) == 0 && S_ISDIR(st.st_mode))
            r = add_device_dir(devices, rules, from, to, access, 0, err);
        else
            r = add_device(devices, rules, from, to, access, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int parse_device_number(const char *s, int64_t *ret)
{
    uint32_t n = 0;

    if (str_eq(s, "*")) {
        *ret = -1;
        return 0;
    }
    if (parse_u32(s, &n) < 0)
        return -EINVAL;
    *ret = n;
    return 0;
}

/* "c 1:3 rwm" */
static int add_cgroup_rules(const struct container_spec_params *p, json_t *rules, struct err *err)
{
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(p->host, "DeviceCgroupRules"), i, v) {
        _cleanup_strv_ char **parts = str_split(json_string_value(v), ' ');
        _cleanup_strv_ char **numbers = strv_len(parts) == 3 ? str_split(parts[1], ':') : NULL;
        int64_t major = 0, minor = 0;

        if (!numbers || strv_len(numbers) != 2 || strlen(parts[0]) != 1 ||
            !strchr("abc", parts[0][0]) || parse_device_number(numbers[0], &major) < 0 ||
            parse_device_number(numbers[1], &minor) < 0 || !parts[2][0] ||
            strspn(parts[2], "rwm") != strlen(parts[2]))
            return err_set(err, ERR_INVALID, "invalid device cgroup rule format: '%s'",
                           json_string_value(v));
        (void)json_array_append_new(rules, device_rule(true, parts[0][0], major, minor, parts[2]));
    }
    return 0;
}

static int make_devices(const struct container_spec_params *p, json_t *linux_obj, json_t *resources,
                        struct err *err)
{
    json_t *devices = json_array(), *rules = json_array();
    bool privileged = json_bool_or(p->host, "Privileged", false);
    int r = 0;

    json_set_take(linux_obj, "devices", devices);
    json_set_take(resources, "devices", rules);
    if (privileged) {
        (void)json_array_append_new(rules, json_pack("{s:b,s:s}", "allow", 1, "access", "rwm"));
        if ((r = add_device_dir(devices, rules, "/dev", "/dev", "rwm", 0, err)) < 0)
            return r;
        json_array_clear(rules);
        (void)json_array_append_new(rules, json_pack("{s:b,s:s}", "allow", 1, "access", "rwm"));
        return 0;
    }
    (void)json_array_append_new(rules, json_pack("{s:b,s:s}", "allow", 0, "access", "rwm"));
    for (size_t i = 0; i < ARRAY_SIZE(default_devices); i++) {
        (void)json_array_append_new(rules, device_rule(true, 'c', default_devices[i].major,
                                                       default_devices[i].minor,
                                                       default_devices[i].access));
        if (default_devices[i].major < 0)
            (void)json_array_append_new(rules, device_rule(true, 'b', -1, -1, "m"));
    }
    if ((r = add_devices(p, devices, rules, err)) < 0)
        return r;
    return add_cgroup_rules(p, rules, err);
}

static void set_positive(json_t *o, const char *key, int64_t value)
{
    if (value > 0)
        json_set_i64(o, key, value);
}

/* [{"Path":…,"Rate":…}] to [{"major","minor","rate"}] */
static int make_throttle(const json_t *host, const char *from, json_t *block_io, const char *to,
                         const char *from_value, const char *to_value, struct err *err)
{
    json_t *list = json_array(), *v;
    size_t i;

    json_array_foreach(json_object_get(host, from), i, v) {
        const char *path = json_str_or(v, "Path", "");
        struct stat st;

        if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode)) {
            json_decref(list);
            return err_set(err, ERR_INVALID, "%s: %s is not a block device", from, path);
        }
        (void)json_array_append_new(list, json_pack("{s:I,s:I,s:I}", "major",
                                                    (json_int_t)major(st.st_rdev), "minor",
                                                    (json_int_t)minor(st.st_rdev), to_value,
                                                    (json_int_t)json_i64_or(v, from_value, 0)));
    }
    if (json_array_size(list) > 0)
        json_set_take(block_io, to, list);
    else
        json_decref(list);
    return 0;
}

static int make_block_io(const json_t *host, json_t *resources, struct err *err)
{
    _cleanup_json_ json_t *io = json_object();
    int r;

    set_positive(io, "weight", json_i64_or(host, "BlkioWeight", 0));
    if ((r = make_throttle(host, "BlkioWeightDevice", io, "weightDevice", "Weight", "weight",
                           err)) < 0 ||
        (r = make_throttle(host, "BlkioDeviceReadBps", io, "throttleReadBpsDevice", "Rate", "rate",
                           err)) < 0 ||
        (r = make_throttle(host, "BlkioDeviceWriteBps", io, "throttleWriteBpsDevice", "Rate",
                           "rate", err)) < 0 ||
        (r = make_throttle(host, "BlkioDeviceReadIOps", io, "throttleReadIOPSDevice", "Rate",
                           "rate", err)) < 0 ||
        (r = make_throttle(host, "BlkioDeviceWriteIOps", io, "throttleWriteIOPSDevice", "Rate",
                           "rate", err)) < 0)
        return r;
    if (json_object_size(io) > 0)
        (void)json_object_set(resources, "blockIO", io);
    return 0;
}

static void make_memory(const json_t *host, json_t *resources)
{
    _cleanup_json_ json_t *memory = json_object();
    int64_t swap = json_i64_or(host, "MemorySwap", 0);

    set_positive(memory, "limit", json_i64_or(host, "Memory", 0));
    set_positive(memory, "reservation", json_i64_or(host, "MemoryReservation", 0));
    if (swap != 0)
        json_set_i64(memory, "swap", swap);
    if (json_is_integer(json_object_get(host, "MemorySwappiness")))
        json_set_i64(memory, "swappiness", json_i64_or(host, "MemorySwappiness", 0));
    if (json_bool_or(host, "OomKillDisable", false))
        json_set_bool(memory, "disableOOMKiller", true);
    if (json_object_size(memory) > 0)
        (void)json_object_set(resources, "memory", memory);
}

static void make_cpu(const json_t *host, json_t *resources)
{
    _cleanup_json_ json_t *cpu = json_object();
    int64_t nano = json_i64_or(host, "NanoCpus", 0);
    const char *cpus = json_str_or(host, "CpusetCpus", ""),
               *mems = json_str_or(host, "CpusetMems", "");

    set_positive(cpu, "shares", json_i64_or(host, "CpuShares", 0));
    if (nano > 0) {
        json_set_i64(cpu, "period", 100000);
        json_set_i64(cpu, "quota", nano / 10000);
    } else {
        set_positive(cpu, "period", json_i64_or(host, "CpuPeriod", 0));
        if (json_i64_or(host, "CpuQuota", 0) != 0)
            json_set_i64(cpu, "quota", json_i64_or(host, "CpuQuota", 0));
    }
    set_positive(cpu, "realtimePeriod", json_i64_or(host, "CpuRealtimePeriod", 0));
    set_positive(cpu, "realtimeRuntime", json_i64_or(host, "CpuRealtimeRuntime", 0));
    if (!str_empty(cpus))
        json_set_str(cpu, "cpus", cpus);
    if (!str_empty(mems))
        json_set_str(cpu, "mems", mems);
    if (json_object_size(cpu) > 0)
        (void)json_object_set(resources, "cpu", cpu);
}

static void make_namespaces(const struct container_spec_params *p, json_t *linux_obj)
{
    const char *pid = json_str_or(p->host, "PidMode", ""),
               *ipc = json_str_or(p->host, "IpcMode", "");
    json_t *list = json_array(), *ns;

    (void)json_array_append_new(list, json_pack("{s:s}", "type", "mount"));
    if (p->network_given)
        (void)json_array_append_new(list, json_pack("{s:s}", "type", "network"));
    if (!str_eq(json_str_or(p->host, "UTSMode", ""), "host"))
        (void)json_array_append_new(list, json_pack("{s:s}", "type", "uts"));
    if (!str_eq(pid, "host")) {
        ns = json_pack("{s:s}", "type", "pid");
        if (p->pid_ns)
            json_set_str(ns, "path", p->pid_ns);
        (void)json_array_append_new(list, ns);
    }
    if (!str_eq(ipc, "host")) {
        ns = json_pack("{s:s}", "type", "ipc");
        (void)json_array_append_new(list, ns);
    }
    if (str_eq(json_str_or(p->host, "CgroupnsMode", ""), "private"))
        (void)json_array_append_new(list, json_pack("{s:s}", "type", "cgroup"));
    json_set_take(linux_obj, "namespaces", list);
}

static void make_sysctls(const struct container_spec_params *p, json_t *linux_obj)
{
    bool host_net = str_eq(json_str_or(p->host, "NetworkMode", ""), "host");
    json_t *o = json_object(), *given = json_object_get(p->host, "Sysctls");

    /* what unprivileged users get with Docker: low ports, and ping without a capability */
    if (!host_net && p->network_given &&
        !str_after(json_str_or(p->host, "NetworkMode", ""), "container:")) {
        json_set_str(o, "net.ipv4.ip_unprivileged_port_start", "0");
        json_set_str(o, "net.ipv4.ping_group_range", "0 2147483647");
    }
    if (given)
        (void)json_object_update(o, given);
    json_set_take(linux_obj, "sysctl", o);
}

char *container_cgroup_path(const json_t *host, const char *default_parent, const char *id)
{
    const char *parent = json_str_or(host, "CgroupParent", "");

    if (str_empty(parent))
        parent = default_parent ? default_parent : "/lighter";
    return xasprintf("%s%s/%s", parent[0] == '/' ? "" : "/", parent, id);
}

int container_spec_resources(const json_t *host, json_t *resources, struct err *err)
{
    int64_t pids = json_i64_or(host, "PidsLimit", 0);
    int r = make_block_io(host, resources, err);

    if (r < 0)
        return r;
    make_memory(host, resources);
    make_cpu(host, resources);
    if (pids != 0)
        json_set_take(resources, "pids", json_pack("{s:I}", "limit", (json_int_t)pids));
    return 0;
}

int container_spec_linux(const struct container_spec_params *p, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *o = json_object(), *resources = json_object();
    _cleanup_free_ char *cgroup = container_cgroup_path(p->host, p->cgroup_parent, p->id);
    json_t *v;
    int r;

    if (strstr(cgroup, "..") || strchr(cgroup, '\n'))
        return err_set(err, ERR_INVALID, "invalid cgroup parent: %s", cgroup);
    json_set_str(o, "cgroupsPath", cgroup);
    make_namespaces(p, o);
    make_sysctls(p, o);
    if ((r = make_devices(p, o, resources, err)) < 0 ||
        (r = container_spec_resources(p->host, resources, err)) < 0)
        return r;
    (void)json_object_set(o, "resources", resources);
    v = json_object_get(p->host, "MaskedPaths");
    if (json_array_size(v) > 0)
        (void)json_object_set(o, "maskedPaths", v);
    v = json_object_get(p->host, "ReadonlyPaths");
    if (json_array_size(v) > 0)
        (void)json_object_set(o, "readonlyPaths", v);
    *ret = TAKE_PTR(o);
    return 0;
}
