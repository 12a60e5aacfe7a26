/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "container/mounts.h"
#include "container/spec.h"

/* Docker's file systems below every container's root, in the order in which they are mounted. */
static const struct {
    const char *destination, *type, *source, *options;
} defaults[] = {
    {"/proc", "proc", "proc", "nosuid,noexec,nodev"},
    {"/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"},
    {"/dev/pts", "devpts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"},
    {"/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"},
    {"/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,noexec,nodev"},
    {"/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"},
    {"/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev,mode=1777"},
};

static json_t *mount_json(const char *destination, const char *type, const char *source,
                          json_t *options)
{
    json_t *m = json_object();

    json_set_str(m, "destination", destination);
    json_set_str(m, "type", type);
    json_set_str(m, "source", source);
    json_set_take(m, "options", options);
    return m;
}

static json_t *split_options(const char *text)
{
    _cleanup_strv_ char **parts = str_split(text, ',');

    return json_strv(parts, false);
}

static bool is_user_destination(const struct container_spec_params *p, const char *destination)
{
    const char *key;
    json_t *m, *v;
    size_t i;

    json_array_foreach(p->mounts, i, m)
        if (str_eq(json_str_or(m, "Destination", ""), destination))
            return true;
    json_object_foreach(json_object_get(p->host, "Tmpfs"), key, v) {
        _cleanup_free_ char *clean = path_clean(key);

        if (str_eq(clean, destination))
            return true;
    }
    return false;
}

static json_t *without(json_t *options, const char *option)
{
    json_t *v;
    size_t i;

    json_array_foreach(options, i, v)
        if (str_eq(json_string_value(v), option)) {
            (void)json_array_remove(options, i);
            break;
        }
    return options;
}

static void add_shm(const struct container_spec_params *p, json_t *list, const char *options)
{
    const char *ipc = json_str_or(p->host, "IpcMode", "");
    json_t *o;

    if (str_eq(ipc, "none"))
        return;
    if (str_eq(ipc, "host")) {
        (void)json_array_append_new(list, mount_json("/dev/shm", "bind", "/dev/shm",
                                                     json_pack("[s,s]", "rbind", "rprivate")));
        return;
    }
    o = split_options(options);
    (void)json_array_append_new(
        o, json_sprintf("size=%lld", (long long)json_i64_or(p->host, "ShmSize", 67108864)));
    (void)json_array_append_new(list, mount_json("/dev/shm", "tmpfs", "shm", o));
}

static void add_defaults(const struct container_spec_params *p, json_t *list)
{
    bool privileged = json_bool_or(p->host, "Privileged", false);

    for (size_t i = 0; i < ARRAY_SIZE(defaults); i++) {
        const char *destination = defaults[i].destination, *type = defaults[i].type;
        json_t *options;

        if (is_user_destination(p, destination))
            continue;
        if (str_eq(destination, "/dev/shm")) {
            add_shm(p, list, defaults[i].options);
            continue;
        }
        if (str_eq(destination, "/dev/mqueue") &&
            str_eq(json_str_or(p->host, "IpcMode", ""), "host")) {
            (void)json_array_append_new(
                list, mount_json(destination, "bind", destination, json_pack("[s]", "rbind")));
            continue;
        }
        options = split_options(defaults[i].options);
        if (privileged && (str_eq(type, "sysfs") || str_eq(type, "cgroup")))
            options = without(options, "ro");
        (void)json_array_append_new(list,
                                    mount_json(destination, type, defaults[i].source, options));
    }
}

/* mount_setattr(2), Linux 5.12: without it a read-only mount leaves those below it writable. */
static bool can_recurse(void)
{
    return syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) == 0 || errno != ENOSYS;
}

static int add_user_mount(json_t *list, const json_t *m)
{
    const char *type = json_str_or(m, "Type", ""), *source = json_str_or(m, "Source", "");
    const char *destination = json_str_or(m, "Destination", "");
    const char *propagation = json_str_or(m, "Propagation", "");
    json_t *options;

    if (str_eq(type, "tmpfs")) {
        options = json_deep_copy(json_object_get(m, "options"));
        (void)json_array_append_new(
            list, mount_json(destination, "tmpfs", "tmpfs", options ? options : json_array()));
        return 0;
    }
    options = json_array();
    (void)json_array_append_new(options,
                                json_string(json_bool_or(m, "nonrec", false) ? "bind" : "rbind"));
    if (!json_bool_or(m, "RW", true)) {
        bool all = !json_bool_or(m, "rononrec", false) && can_recurse();

        (void)json_array_append_new(options, json_string(all ? "rro" : "ro"));
    }
    (void)json_array_append_new(options,
                                json_string(str_empty(propagation) ? "rprivate" : propagation));
    (void)json_array_append_new(list, mount_json(destination, "bind", source, options));
    return 0;
}

static void add_file(const struct container_spec_params *p, json_t *list, const char *destination,
                     const char *source)
{
    if (source && !is_user_destination(p, destination))
        (void)json_array_append_new(
            list, mount_json(destination, "bind", source, json_pack("[s,s]", "rbind", "rprivate")));
}

static size_t depth(const json_t *mount)
{
    size_t n = 0;

    for (const char *c = json_str_or(mount, "destination", ""); *c; c++)
        n += *c == '/';
    return n;
}

/* Shallow destinations first, so that none hides another; otherwise the order stays. */
static json_t *sort_by_depth(json_t *list)
{
    json_t *sorted = json_array(), *m;
    size_t i;

    for (size_t d = 1, done = 0; done < json_array_size(list) && d < 4096; d++)
        json_array_foreach(list, i, m)
            if (depth(m) == d) {
                (void)json_array_append(sorted, m);
                done++;
            }
    json_decref(list);
    return sorted;
}

static int add_tmpfs(const struct container_spec_params *p, json_t *list, struct err *err)
{
    const char *key;
    json_t *v;

    json_object_foreach(json_object_get(p->host, "Tmpfs"), key, v) {
        _cleanup_free_ char *clean = path_clean(key);
        json_t *options = container_tmpfs_options(json_string_value(v), err);

        if (!options)
            return -EINVAL;
        (void)json_array_append_new(list, mount_json(clean, "tmpfs", "tmpfs", options));
    }
    return 0;
}

int container_spec_mounts(const struct container_spec_params *p, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *list = json_array();
    json_t *user = json_array(), *m;
    size_t i;
    int r;

    add_defaults(p, list);
    r = add_tmpfs(p, user, err);
    if (r < 0) {
        json_decref(user);
        return r;
    }
    json_array_foreach(p->mounts, i, m)
        (void)add_user_mount(user, m);
    add_file(p, user, "/etc/resolv.conf", p->resolv_path);
    add_file(p, user, "/etc/hostname", p->hostname_path);
    add_file(p, user, "/etc/hosts", p->hosts_path);
    if (json_bool_or(p->host, "Init", false) && p->init_path)
        (void)json_array_append_new(user, mount_json("/sbin/docker-init", "bind", p->init_path,
                                                     json_pack("[s,s]", "bind", "ro")));
    user = sort_by_depth(user);
    (void)json_array_extend(list, user);
    json_decref(user);
    *ret = TAKE_PTR(list);
    return 0;
}
