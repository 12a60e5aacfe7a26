/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "container/fields.h"
#include "container/request.h"

#define FIXED "cannot be changed while the container exists"

/* What may change. Clients send every field; one that says nothing leaves things as they are. */
static const struct field update_fields[] = {
    {"CpuShares", FIELD_INT},
    {"Memory", FIELD_INT},
    {"NanoCpus", FIELD_INT},
    {"BlkioWeight", FIELD_INT},
    {"CpuPeriod", FIELD_INT},
    {"CpuQuota", FIELD_INT},
    {"CpuRealtimePeriod", FIELD_INT},
    {"CpuRealtimeRuntime", FIELD_INT},
    {"CpusetCpus", FIELD_STR},
    {"CpusetMems", FIELD_STR},
    {"MemoryReservation", FIELD_INT},
    {"MemorySwap", FIELD_INT},
    {"PidsLimit", FIELD_INT, FIELD_NULLABLE},
    {"RestartPolicy", FIELD_OBJECT},
    {"CgroupParent", FIELD_STR, FIELD_REFUSE, NULL, FIXED},
    {"BlkioWeightDevice", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"BlkioDeviceReadBps", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"BlkioDeviceWriteBps", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"BlkioDeviceReadIOps", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"BlkioDeviceWriteIOps", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"Devices", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"DeviceCgroupRules", FIELD_STRV, FIELD_REFUSE, NULL, FIXED},
    {"DeviceRequests", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"KernelMemory", FIELD_INT, FIELD_REFUSE, NULL, "kernel memory limits are not supported"},
    {"KernelMemoryTCP", FIELD_INT, FIELD_REFUSE, NULL, "kernel memory limits are not supported"},
    {"MemorySwappiness", FIELD_INT, FIELD_REFUSE | FIELD_NULLABLE, NULL, FIXED},
    {"OomKillDisable", FIELD_BOOL, FIELD_REFUSE | FIELD_NULLABLE, NULL, FIXED},
    {"Ulimits", FIELD_ARRAY, FIELD_REFUSE, NULL, FIXED},
    {"Init", FIELD_BOOL, FIELD_REFUSE | FIELD_NULLABLE, NULL, FIXED},
    {"CpuCount", FIELD_INT, FIELD_REFUSE, NULL, "is for Windows only"},
    {"CpuPercent", FIELD_INT, FIELD_REFUSE, NULL, "is for Windows only"},
    {"IOMaximumIOps", FIELD_INT, FIELD_REFUSE, NULL, "is for Windows only"},
    {"IOMaximumBandwidth", FIELD_INT, FIELD_REFUSE, NULL, "is for Windows only"},
};

static int64_t num(const json_t *o, const char *key)
{
    return json_i64_or(o, key, 0);
}

/* Docker's rules on what excludes what, in its words. */
static int check_conflicts(const json_t *want, const json_t *host, struct err *err)
{
    static const char *const cfs[][2] = {{"CpuPeriod", "CPU Period"}, {"CpuQuota", "CPU Quota"}};
    const json_t *policy = json_object_get(want, "RestartPolicy");
    const char *name = json_str_or(policy, "Name", "");

    for (size_t i = 0; i < ARRAY_SIZE(cfs); i++) {
        if (num(want, cfs[i][0]) > 0 && num(host, "NanoCpus") > 0)
            return err_set(err, ERR_INVALID,
                           "Conflicting options: %s cannot be updated as NanoCPUs has already been "
                           "set",
                           cfs[i][1]);
        if (num(want, "NanoCpus") > 0 && num(host, cfs[i][0]) > 0)
            return err_set(err, ERR_INVALID,
                           "Conflicting options: Nano CPUs cannot be updated as %s has already "
                           "been set",
                           cfs[i][1]);
    }
    if (num(want, "Memory") > 0 && num(want, "MemorySwap") == 0 && num(host, "MemorySwap") > 0 &&
        num(want, "Memory") > num(host, "MemorySwap"))
        return err_set(err, ERR_INVALID,
                       "Memory limit should be smaller than already set memoryswap limit, update "
                       "the memoryswap at the same time");
    if (json_bool_or(host, "AutoRemove", false) && !str_empty(name) && !str_eq(name, "no"))
        return err_set(err, ERR_INVALID,
                       "Restart policy cannot be updated because AutoRemove is enabled for the "
                       "container");
    return 0;
}

int container_update_parse(const json_t *body, json_t *config, const json_t *host,
                           const struct container_defaults *defaults, json_t **ret_host,
                           json_t *warnings, struct err *err)
{
    _cleanup_json_ json_t *want = fields_normalise(update_fields, ARRAY_SIZE(update_fields), body,
                                                   "UpdateConfig", warnings, err);
    _cleanup_json_ json_t *next = NULL;
    const char *key;
    json_t *value;
    int r;

    if (!want)
        return -EINVAL;
    r = check_conflicts(want, host, err);
    if (r < 0)
        return r;
    next = json_deep_copy(host);
    json_object_foreach(want, key, value) {
        if (json_is_neutral(value) ||
            (str_eq(key, "RestartPolicy") && str_empty(json_str_or(value, "Name", ""))))
            continue;
        (void)json_object_set(next, key, value);
    }
    r = container_verify(config, next, defaults, warnings, err);
    if (r == 0)
        *ret_host = TAKE_PTR(next);
    return r;
}
