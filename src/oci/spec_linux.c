/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The linux object of config.json (runtime-spec config-linux.md), without resources. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/spec_internal.h"

#define ID_MAPS_MAX 340 /* user_namespaces(7) */
#define DEVICES_MAX 4096

static const char *const ns_names[OCI_NS_MAX] = {
    [OCI_NS_PID] = "pid",       [OCI_NS_NETWORK] = "network", [OCI_NS_MOUNT] = "mount",
    [OCI_NS_IPC] = "ipc",       [OCI_NS_UTS] = "uts",         [OCI_NS_USER] = "user",
    [OCI_NS_CGROUP] = "cgroup", [OCI_NS_TIME] = "time",
};

static int parse_namespaces(const json_t *o, struct oci_spec *spec, struct err *err)
{
    json_t *a = NULL;
    int r = json_get_array(o, "linux", "namespaces", &a, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *type = NULL, *path = NULL;
        const json_t *n = spec_array_object(a, "linux.namespaces", i, err);
        if (!n)
            return -EINVAL;
        if ((r = json_get_str(n, "linux.namespaces", "type", &type, err)) < 0 ||
            (r = json_get_str(n, "linux.namespaces", "path", &path, err)) < 0)
            return r;
        size_t k = 0;
        while (k < OCI_NS_MAX && !str_eq(type, ns_names[k]))
            k++;
        if (k == OCI_NS_MAX)
            return err_set(err, ERR_INVALID, "namespace \"%s\" does not exist", type ? type : "");
        if (spec->ns[k].set)
            return err_set(err, ERR_INVALID, "namespace \"%s\" is given twice", type);
        if (!str_empty(path) && path[0] != '/')
            return err_set(err, ERR_INVALID, "namespace \"%s\": path must be absolute", type);
        spec->ns[k].set = true;
        spec->ns[k].path = str_empty(path) ? NULL : xstrdup(path);
    }
    return 0;
}

int spec_parse_id_maps(const json_t *o, const char *path, const char *key, struct oci_id_map **ret,
                       size_t *ret_n, struct err *err)
{
    json_t *a = NULL;
    int r = json_get_array(o, path, key, &a, err);
    size_t n = json_array_size(a);

    if (r < 0 || n == 0)
        return r;
    if (n > ID_MAPS_MAX)
        return err_set(err, ERR_INVALID, "field \"%s.%s\" has more than %d entries", path, key,
                       ID_MAPS_MAX);
    *ret = XNEW_ARRAY(struct oci_id_map, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *m = spec_array_object(a, key, i, err);
        struct oci_id_map *map = *ret + i;
        if (!m)
            return -EINVAL;
        if ((r = spec_get_u32(m, key, "containerID", &map->container_id, NULL, err)) < 0 ||
            (r = spec_get_u32(m, key, "hostID", &map->host_id, NULL, err)) < 0 ||
            (r = spec_get_u32(m, key, "size", &map->size, NULL, err)) < 0)
            return r;
        if (map->size == 0 || (uint64_t)map->container_id + map->size > UINT32_MAX ||
            (uint64_t)map->host_id + map->size > UINT32_MAX)
            return err_set(err, ERR_INVALID, "field \"%s.%s\": entry %zu is out of range", path,
                           key, i);
        *ret_n = i + 1;
    }
    return 0;
}

static int parse_device(const json_t *o, struct oci_device *d, struct err *err)
{
    static const char where[] = "linux.devices";
    const char *type = NULL;
    int r;

    if ((r = json_get_str(o, where, "type", &type, err)) < 0 ||
        (r = spec_get_str(o, where, "path", &d->path, err)) < 0 ||
        (r = json_get_i64(o, where, "major", &d->major, err)) < 0 ||
        (r = json_get_i64(o, where, "minor", &d->minor, err)) < 0 ||
        (r = spec_get_u32(o, where, "fileMode", &d->mode, &d->has_mode, err)) < 0 ||
        (r = spec_get_u32(o, where, "uid", &d->uid, NULL, err)) < 0 ||
        (r = spec_get_u32(o, where, "gid", &d->gid, NULL, err)) < 0)
        return r;
    if (!type || strlen(type) != 1 || !strchr("cbup", type[0]))
        return err_set(err, ERR_INVALID, "%s: invalid type \"%s\"", where, type ? type : "");
    if (!d->path || d->path[0] != '/')
        return err_set(err, ERR_INVALID, "%s: path must be absolute", where);
    if (type[0] != 'p' &&
        (d->major < 0 || d->minor < 0 || d->major > UINT32_MAX || d->minor > UINT32_MAX))
        return err_set(err, ERR_INVALID, "%s: %s: device number out of range", where, d->path);
    d->type = type[0];
    d->mode &= 07777;
    return 0;
}

static int parse_devices(const json_t *o, struct oci_spec *spec, struct err *err)
{
    json_t *a = NULL;
    int r = json_get_array(o, "linux", "devices", &a, err);
    size_t n = json_array_size(a);

    if (r < 0 || n == 0)
        return r;
    if (n > DEVICES_MAX)
        return err_set(err, ERR_INVALID, "linux.devices has too many entries");
    spec->devices = XNEW_ARRAY(struct oci_device, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *d = spec_array_object(a, "linux.devices", i, err);
        if (!d)
            return -EINVAL;
        if ((r = parse_device(d, &spec->devices[spec->n_devices++], err)) < 0)
            return r;
    }
    return 0;
}

static int parse_sysctls(const json_t *o, struct oci_spec *spec, struct err *err)
{
    json_t *sysctl = NULL, *value;
    const char *key;
    int r = json_get_object(o, "linux", "sysctl", &sysctl, err);

    if (r < 0)
        return r;
    json_object_foreach(sysctl, key, value) {
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
            return err_set(err, ERR_INVALID, "sysctl \"%s\" must have a string value", key);
        strv_push(&spec->sysctl_keys, key);
        strv_push(&spec->sysctl_values, json_string_value(value));
    }
    return 0;
}

static int parse_personality(const json_t *o, struct oci_spec *spec, struct err *err)
{
    json_t *p = NULL;
    const char *domain = NULL;
    int r = json_get_object(o, "linux", "personality", &p, err);

    if (r < 0 || !p)
        return r;
    if ((r = json_get_str(p, "linux.personality", "domain", &domain, err)) < 0)
        return r;
    if (!str_eq(domain, "LINUX") && !str_eq(domain, "LINUX32"))
        return err_set(err, ERR_INVALID, "personality domain \"%s\" is unknown",
                       domain ? domain : "");
    if (json_array_size(json_object_get(p, "flags")) > 0)
        return err_set(err, ERR_INVALID, "personality flags are not supported");
    spec->has_personality = true;
    spec->personality = str_eq(domain, "LINUX32") ? 8 : 0;
    return 0;
}

static int parse_time_offset(const json_t *offsets, const char *clock, struct oci_time_offset *ret,
                             struct err *err)
{
    json_t *o = NULL;
    int r = json_get_object(offsets, "linux.timeOffsets", clock, &o, err);

    if (r < 0 || !o)
        return r;
    ret->set = true;
    if ((r = json_get_i64(o, clock, "secs", &ret->sec, err)) < 0 ||
        (r = spec_get_u32(o, clock, "nanosecs", &ret->nsec, NULL, err)) < 0)
        return r;
    return 0;
}

static int check_propagation(const char *p, struct err *err)
{
    static const char *const known[] = {"private", "rprivate", "slave",      "rslave",
                                        "shared",  "rshared",  "unbindable", "runbindable"};

    if (str_empty(p))
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (str_eq(p, known[i]))
            return 0;
    return err_set(err, ERR_INVALID, "rootfsPropagation=%s is not supported", p);
}

/* A map needs a new namespace to be written to, and a new one needs a map. */
static int check_id_maps(const struct oci_spec *spec, struct err *err)
{
    const struct oci_namespace *user = &spec->ns[OCI_NS_USER];
    bool maps = spec->n_uid_maps || spec->n_gid_maps;

    if (maps && !user->set)
        return err_set(err, ERR_INVALID, "id mappings need a user namespace");
    if (user->set && !user->path && (!spec->n_uid_maps || !spec->n_gid_maps))
        return err_set(err, ERR_INVALID, "a new user namespace needs uidMappings and gidMappings");
    return 0;
}

int spec_parse_linux(const json_t *o, struct oci_spec *spec, struct err *err)
{
    static const char where[] = "linux";
    json_t *resources = NULL, *seccomp = NULL, *offsets = NULL, *net_devices = NULL, *rdt = NULL;
    int r;

    if ((r = parse_namespaces(o, spec, err)) < 0 ||
        (r = spec_parse_id_maps(o, where, "uidMappings", &spec->uid_maps, &spec->n_uid_maps, err)) <
            0 ||
        (r = spec_parse_id_maps(o, where, "gidMappings", &spec->gid_maps, &spec->n_gid_maps, err)) <
            0 ||
        (r = parse_devices(o, spec, err)) < 0 || (r = parse_sysctls(o, spec, err)) < 0 ||
        (r = parse_personality(o, spec, err)) < 0 ||
        (r = spec_get_str(o, where, "cgroupsPath", &spec->cgroups_path, err)) < 0 ||
        (r = json_get_object(o, where, "resources", &resources, err)) < 0 ||
        (r = json_get_object(o, where, "seccomp", &seccomp, err)) < 0 ||
        (r = spec_get_str(o, where, "rootfsPropagation", &spec->rootfs_propagation, err)) < 0 ||
        (r = check_propagation(spec->rootfs_propagation, err)) < 0 ||
        (r = json_get_strv(o, where, "maskedPaths", &spec->masked_paths, err)) < 0 ||
        (r = json_get_strv(o, where, "readonlyPaths", &spec->readonly_paths, err)) < 0 ||
        (r = spec_get_str(o, where, "mountLabel", &spec->mount_label, err)) < 0 ||
        (r = json_get_object(o, where, "netDevices", &net_devices, err)) < 0 ||
        (r = spec_check_net_devices(net_devices, err)) < 0 ||
        (r = json_get_object(o, where, "intelRdt", &rdt, err)) < 0 ||
        (r = spec_check_rdt(rdt, err)) < 0 ||
        (r = spec_parse_memory_policy(o, &spec->memory_policy, err)) < 0 ||
        (r = json_get_object(o, where, "timeOffsets", &offsets, err)) < 0 ||
        (r = parse_time_offset(offsets, "monotonic", &spec->monotonic_offset, err)) < 0 ||
        (r = parse_time_offset(offsets, "boottime", &spec->boottime_offset, err)) < 0)
        return r;
    if ((spec->monotonic_offset.set || spec->boottime_offset.set) &&
        (!spec->ns[OCI_NS_TIME].set || spec->ns[OCI_NS_TIME].path))
        return err_set(err, ERR_INVALID, "timeOffsets need a new time namespace");
    spec->has_resources = resources != NULL;
    spec->seccomp = json_incref(seccomp);
    spec->net_devices = json_incref(net_devices);
    spec->intel_rdt = json_incref(rdt);
    oci_resources_done(&spec->resources);
    if ((r = oci_resources_parse(resources, &spec->resources, err)) < 0)
        return r;
    return check_id_maps(spec, err);
}

void spec_linux_done(struct oci_spec *spec)
{
    for (size_t i = 0; i < OCI_NS_MAX; i++)
        free(spec->ns[i].path);
    free(spec->uid_maps);
    free(spec->gid_maps);
    for (size_t i = 0; i < spec->n_devices; i++)
        free(spec->devices[i].path);
    free(spec->devices);
    free(spec->cgroups_path);
    oci_resources_done(&spec->resources);
    strv_free(spec->sysctl_keys);
    strv_free(spec->sysctl_values);
    free(spec->rootfs_propagation);
    strv_free(spec->masked_paths);
    strv_free(spec->readonly_paths);
    free(spec->mount_label);
    json_decref(spec->seccomp);
    json_decref(spec->net_devices);
    json_decref(spec->intel_rdt);
}
