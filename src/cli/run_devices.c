/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --device, its limits, and --ulimit. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/run.h"

static bool device_mode_valid(const char *mode)
{
    return *mode && !mode[strspn(mode, "rwm")];
}

/* "host[:container][:mode]" */
static int add_device(const char *text, json_t *devices, struct err *err)
{
    _cleanup_strv_ char **p = str_split(text, ':');
    size_t n = strv_len(p);
    const char *inside = p[0], *mode = "rwm";
    if (n > 3)
        return err_set(err, ERR_INVALID, "bad format for path: %s", text);
    if (n == 2 && device_mode_valid(p[1]) && p[1][0] != '/')
        mode = p[1];
    else if (n >= 2)
        inside = p[1];
    if (n == 3)
        mode = p[2];
    if (inside[0] != '/')
        return err_set(err, ERR_INVALID, "%s is not an absolute path", inside);
    if (!device_mode_valid(mode))
        return err_set(err, ERR_INVALID, "bad mode specified: %s", mode);
    json_t *d = json_object();
    json_set_str(d, "PathOnHost", p[0]);
    json_set_str(d, "PathInContainer", inside);
    json_set_str(d, "CgroupPermissions", mode);
    (void)json_array_append_new(devices, d);
    return 0;
}

/* Values that the option table has checked: "/dev/x:number". */
static void set_throttle(json_t *host, const char *key, const char *field, char *const *values)
{
    json_t *list = json_array();
    json_set_take(host, key, list);
    for (char *const *v = values; v && *v; v++) {
        const char *colon = strchr(*v, ':');
        _cleanup_free_ char *path = xstrndup(*v, (size_t)(colon - *v));
        int64_t n = 0;
        (void)parse_ram_bytes(colon + 1, &n, NULL);
        json_t *o = json_object();
        json_set_str(o, "Path", path);
        json_set_i64(o, field, n);
        (void)json_array_append_new(list, o);
    }
}

static int by_name(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void set_ulimits(json_t *host, char *const *values)
{
    json_t *list = json_array();
    json_set_take(host, "Ulimits", list);
    _cleanup_strv_ char **sorted = strv_copy(values);
    if (!sorted)
        return;
    qsort(sorted, strv_len(sorted), sizeof(*sorted), by_name);
    for (char **v = sorted; *v; v++) {
        size_t n = strcspn(*v, "=");
        _cleanup_free_ char *name = xstrndup(*v, n);
        _cleanup_strv_ char **limits = str_split(*v + n + 1, ':');
        int64_t soft = 0, hard = 0;
        (void)parse_i64(limits[0], &soft);
        hard = soft;
        if (limits[1])
            (void)parse_i64(limits[1], &hard);
        json_t *o = json_object();
        json_set_str(o, "Name", name);
        json_set_i64(o, "Hard", hard);
        json_set_i64(o, "Soft", soft);
        (void)json_array_append_new(list, o);
    }
}

int run_devices(const struct args *a, json_t *host, struct err *err)
{
    json_t *devices = json_array();
    json_set_take(host, "Devices", devices);
    for (char *const *d = args_list(a, "device"); d && *d; d++) {
        int r = add_device(*d, devices, err);
        if (r < 0)
            return r;
    }
    json_set_take(host, "DeviceCgroupRules", json_strv(args_list(a, "device-cgroup-rule"), true));
    set_throttle(host, "BlkioWeightDevice", "Weight", args_list(a, "blkio-weight-device"));
    set_throttle(host, "BlkioDeviceReadBps", "Rate", args_list(a, "device-read-bps"));
    set_throttle(host, "BlkioDeviceWriteBps", "Rate", args_list(a, "device-write-bps"));
    set_throttle(host, "BlkioDeviceReadIOps", "Rate", args_list(a, "device-read-iops"));
    set_throttle(host, "BlkioDeviceWriteIOps", "Rate", args_list(a, "device-write-iops"));
    set_ulimits(host, args_list(a, "ulimit"));
    return 0;
}
