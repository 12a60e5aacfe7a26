/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Validation of the parts of config.json that are kept as they are, after its schema. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/spec_internal.h"

static int check_range(const json_t *o, const char *path, const char *key, int64_t min, int64_t max,
                       bool required, struct err *err)
{
    const json_t *value = json_object_get(o, key);
    int64_t v = min;
    int r = json_get_i64(o, path, key, &v, err);

    if (r < 0)
        return r;
    if (required && (!value || json_is_null(value)))
        return err_set(err, ERR_INVALID, "field \"%s.%s\" is missing", path, key);
    if (v < min || v > max)
        return err_set(err, ERR_INVALID, "field \"%s.%s\" must be in %" PRId64 "..%" PRId64, path,
                       key, min, max);
    return 0;
}

/* Objects with major, minor and one value. */
static int check_devices(const json_t *io, const char *key, const char *value, int64_t max,
                         struct err *err)
{
    static const char where[] = "linux.resources.blockIO";
    _cleanup_free_ char *path = xasprintf("%s.%s", where, key);
    json_t *a = NULL;
    int r = json_get_array(io, where, key, &a, err);

    for (size_t i = 0; r == 0 && i < json_array_size(a); i++) {
        const json_t *o = spec_array_object(a, path, i, err);
        if (!o)
            return -EINVAL;
        if ((r = check_range(o, path, "major", 0, UINT32_MAX, true, err)) < 0 ||
            (r = check_range(o, path, "minor", 0, UINT32_MAX, true, err)) < 0)
            return r;
        /* Rates are unsigned 64-bit numbers; the upper half was folded into negative ones. */
        r = check_range(o, path, value, max == INT64_MAX ? INT64_MIN : 0, max, false, err);
    }
    return r;
}

int spec_check_block_io(const json_t *io, struct err *err)
{
    static const char *const throttles[] = {"throttleReadBpsDevice", "throttleWriteBpsDevice",
                                            "throttleReadIOPSDevice", "throttleWriteIOPSDevice"};
    static const char where[] = "linux.resources.blockIO";
    int r;

    if ((r = check_range(io, where, "weight", 0, UINT16_MAX, false, err)) < 0 ||
        (r = check_range(io, where, "leafWeight", 0, UINT16_MAX, false, err)) < 0 ||
        (r = check_devices(io, "weightDevice", "weight", UINT16_MAX, err)) < 0 ||
        (r = check_devices(io, "weightDevice", "leafWeight", UINT16_MAX, err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(throttles); i++)
        if ((r = check_devices(io, throttles[i], "rate", INT64_MAX, err)) < 0)
            return r;
    return 0;
}

/* "2MB", as the kernel names its files. */
static bool is_page_size(const char *s)
{
    size_t n = s ? strspn(s, "0123456789") : 0;

    return n > 0 && s[0] != '0' && s[n] && strchr("KMG", s[n]) && str_eq(s + n + 1, "B");
}

int spec_check_hugepages(const json_t *list, struct err *err)
{
    static const char where[] = "linux.resources.hugepageLimits";

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *size = NULL;
        const json_t *o = spec_array_object(list, where, i, err);
        if (!o)
            return -EINVAL;
        int r = json_get_str(o, where, "pageSize", &size, err);
        if (r == 0)
            r = check_range(o, where, "limit", INT64_MIN, INT64_MAX, true, err);
        if (r < 0)
            return r;
        if (!is_page_size(size))
            return err_set(err, ERR_INVALID,
                           "field \"%s.pageSize\": \"%s\" is not a size such as 2MB", where,
                           size ? size : "");
    }
    return 0;
}

static bool is_interface_name(const char *s)
{
    size_t n = s ? strlen(s) : 0;

    if (n == 0 || n > 15 || str_eq(s, ".") || str_eq(s, ".."))
        return false;
    for (; *s; s++)
        if (*s == '/' || *s == ':' || *s == '%' || isspace((unsigned char)*s))
            return false;
    return true;
}

int spec_check_network(const json_t *network, struct err *err)
{
    static const char where[] = "linux.resources.network",
                      inner[] = "linux.resources.network.priorities";
    json_t *a = NULL;
    int r;

    if ((r = check_range(network, where, "classID", 0, UINT32_MAX, false, err)) < 0 ||
        (r = json_get_array(network, where, "priorities", &a, err)) < 0)
        return r;
    for (size_t i = 0; i < json_array_size(a); i++) {
        const char *name = NULL;
        const json_t *o = spec_array_object(a, inner, i, err);
        if (!o)
            return -EINVAL;
        if ((r = json_get_str(o, inner, "name", &name, err)) < 0 ||
            (r = check_range(o, inner, "priority", 0, UINT32_MAX, true, err)) < 0)
            return r;
        if (!is_interface_name(name))
            return err_set(err, ERR_INVALID, "field \"%s.name\" must name a network interface",
                           inner);
    }
    return 0;
}

int spec_check_rdma(json_t *rdma, struct err *err)
{
    const char *device;
    json_t *o;

    json_object_foreach(rdma, device, o) {
        _cleanup_free_ char *path = xasprintf("linux.resources.rdma.%s", device);
        int r;
        if (!json_is_object(o) || strpbrk(device, " \n") || !*device)
            return err_set(err, ERR_INVALID, "field \"%s\" must be an object named as a device",
                           path);
        if ((r = check_range(o, path, "hcaHandles", 0, UINT32_MAX, false, err)) < 0 ||
            (r = check_range(o, path, "hcaObjects", 0, UINT32_MAX, false, err)) < 0)
            return r;
    }
    return 0;
}

int spec_check_net_devices(json_t *devices, struct err *err)
{
    const char *device;
    json_t *o;

    json_object_foreach(devices, device, o) {
        _cleanup_free_ char *path = xasprintf("linux.netDevices.%s", device);
        const char *name = device;
        if (!json_is_object(o))
            return err_set(err, ERR_INVALID, "field \"%s\" must be an object", path);
        int r = json_get_str(o, path, "name", &name, err);
        if (r < 0)
            return r;
        if (!is_interface_name(device) || (!str_empty(name) && !is_interface_name(name)))
            return err_set(err, ERR_INVALID, "field \"%s\" must name network interfaces", path);
    }
    return 0;
}

int spec_check_rdt(const json_t *rdt, struct err *err)
{
    static const char where[] = "linux.intelRdt";
    _cleanup_strv_ char **schemata = NULL;
    const char *id = NULL, *l3 = NULL, *bandwidth = NULL;
    bool monitoring = false;
    int r;

    if ((r = json_get_str(rdt, where, "closID", &id, err)) < 0 ||
        (r = json_get_strv(rdt, where, "schemata", &schemata, err)) < 0 ||
        (r = json_get_str(rdt, where, "l3CacheSchema", &l3, err)) < 0 ||
        (r = json_get_str(rdt, where, "memBwSchema", &bandwidth, err)) < 0 ||
        (r = json_get_bool(rdt, where, "enableMonitoring", &monitoring, err)) < 0)
        return r;
    if (id && (!*id || id[0] == '.' || strchr(id, '/') || strchr(id, '\n')))
        return err_set(err, ERR_INVALID, "field \"%s.closID\" must be a directory's name", where);
    if (bandwidth && (!str_starts(bandwidth, "MB:") || strchr(bandwidth, '\n')))
        return err_set(err, ERR_INVALID, "field \"%s.memBwSchema\" must be one line MB:...", where);
    return 0;
}
