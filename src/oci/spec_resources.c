/* SPDX-License-Identifier: GPL-2.0-or-later */
/* linux.resources of config.json (runtime-spec config-linux.md#control-groups). */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/spec_internal.h"

#define DEVICE_RULES_MAX 4096

static int parse_device_rule(const json_t *o, struct oci_device_rule *rule, struct err *err)
{
    static const char where[] = "linux.resources.devices";
    const char *type = NULL, *access = NULL;
    int r;

    *rule = (struct oci_device_rule){.type = 'a', .major = -1, .minor = -1};
    if ((r = json_get_bool(o, where, "allow", &rule->allow, err)) < 0 ||
        (r = json_get_str(o, where, "type", &type, err)) < 0 ||
        (r = json_get_str(o, where, "access", &access, err)) < 0 ||
        (r = json_get_i64(o, where, "major", &rule->major, err)) < 0 ||
        (r = json_get_i64(o, where, "minor", &rule->minor, err)) < 0)
        return r;
    if (!str_empty(type)) {
        if (strlen(type) != 1 || !strchr("abcu", type[0]))
            return err_set(err, ERR_INVALID, "%s: invalid type \"%s\"", where, type);
        rule->type = type[0] == 'u' ? 'c' : type[0];
    }
    if (rule->major < -1 || rule->minor < -1 || rule->major > UINT32_MAX ||
        rule->minor > UINT32_MAX)
        return err_set(err, ERR_INVALID, "%s: device number out of range", where);
    for (const char *p = str_empty(access) ? "rwm" : access; *p; p++) {
        if (*p == 'r')
            rule->read = true;
        else if (*p == 'w')
            rule->write = true;
        else if (*p == 'm')
            rule->mknod = true;
        else
            return err_set(err, ERR_INVALID, "%s: invalid access \"%s\"", where, access);
    }
    return 0;
}

static int parse_device_rules(const json_t *j, struct oci_resources *res, struct err *err)
{
    json_t *a = NULL;
    int r = json_get_array(j, "linux.resources", "devices", &a, err);
    size_t n = json_array_size(a);

    if (r < 0 || n == 0)
        return r;
    if (n > DEVICE_RULES_MAX)
        return err_set(err, ERR_INVALID, "linux.resources.devices has too many rules");
    res->devices = XNEW_ARRAY(struct oci_device_rule, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = spec_array_object(a, "linux.resources.devices", i, err);
        if (!o)
            return -EINVAL;
        if ((r = parse_device_rule(o, &res->devices[res->n_devices++], err)) < 0)
            return r;
    }
    return 0;
}

static int parse_memory(const json_t *j, struct oci_resources *res, struct err *err)
{
    static const char where[] = "linux.resources.memory";
    json_t *o = NULL;
    int r = json_get_object(j, "linux.resources", "memory", &o, err);

    if (r < 0 || !o)
        return r;
    const json_t *oom = json_object_get(o, "disableOOMKiller");
    res->has_oom_disable = oom && !json_is_null(oom);
    if ((r = json_get_i64(o, where, "limit", &res->memory_limit, err)) < 0 ||
        (r = json_get_i64(o, where, "reservation", &res->memory_reservation, err)) < 0 ||
        (r = json_get_i64(o, where, "swap", &res->memory_swap, err)) < 0 ||
        (r = json_get_i64(o, where, "kernel", &res->memory_kernel, err)) < 0 ||
        (r = json_get_i64(o, where, "swappiness", &res->memory_swappiness, err)) < 0 ||
        (r = json_get_bool(o, where, "disableOOMKiller", &res->oom_disable, err)) < 0 ||
        (r = json_get_bool(o, where, "checkBeforeUpdate", &res->memory_check, err)) < 0)
        return r;
    if (res->memory_swappiness != OCI_UNSET &&
        (res->memory_swappiness < -1 || res->memory_swappiness > 100))
        return err_set(err, ERR_INVALID, "field \"%s.swappiness\" must be in 0..100", where);
    /* Docker sends -1 for "as it is". */
    if (res->memory_swappiness == -1)
        res->memory_swappiness = OCI_UNSET;
    return 0;
}

static int parse_cpu(const json_t *j, struct oci_resources *res, struct err *err)
{
    static const char where[] = "linux.resources.cpu";
    json_t *o = NULL;
    int r = json_get_object(j, "linux.resources", "cpu", &o, err);

    if (r < 0 || !o)
        return r;
    if ((r = json_get_i64(o, where, "shares", &res->cpu_shares, err)) < 0 ||
        (r = json_get_i64(o, where, "quota", &res->cpu_quota, err)) < 0 ||
        (r = json_get_i64(o, where, "period", &res->cpu_period, err)) < 0 ||
        (r = json_get_i64(o, where, "burst", &res->cpu_burst, err)) < 0 ||
        (r = json_get_i64(o, where, "realtimeRuntime", &res->cpu_rt_runtime, err)) < 0 ||
        (r = json_get_i64(o, where, "realtimePeriod", &res->cpu_rt_period, err)) < 0 ||
        (r = json_get_i64(o, where, "idle", &res->cpu_idle, err)) < 0 ||
        (r = spec_get_str(o, where, "cpus", &res->cpuset_cpus, err)) < 0 ||
        (r = spec_get_str(o, where, "mems", &res->cpuset_mems, err)) < 0)
        return r;
    return 0;
}

/* The values of "unified" are written to files named by its keys. */
static int check_unified(json_t *unified, struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach(unified, key, value) {
        if (!*key || strchr(key, '/') || key[0] == '.')
            return err_set(err, ERR_INVALID, "unified resource \"%s\" must be a file name", key);
        if (!json_is_string(value))
            return err_set(err, ERR_INVALID, "unified resource \"%s\" must be a string", key);
    }
    return 0;
}

static int parse_resources(const json_t *j, struct oci_resources *res, struct err *err)
{
    static const char where[] = "linux.resources";
    json_t *pids = NULL, *block_io = NULL, *hugepages = NULL, *network = NULL, *rdma = NULL,
           *unified = NULL;
    int r;

    if ((r = parse_device_rules(j, res, err)) < 0 || (r = parse_memory(j, res, err)) < 0 ||
        (r = parse_cpu(j, res, err)) < 0 ||
        (r = json_get_object(j, where, "pids", &pids, err)) < 0 ||
        (r = json_get_i64(pids, "linux.resources.pids", "limit", &res->pids_limit, err)) < 0 ||
        (r = json_get_object(j, where, "blockIO", &block_io, err)) < 0 ||
        (r = json_get_array(j, where, "hugepageLimits", &hugepages, err)) < 0 ||
        (r = json_get_object(j, where, "network", &network, err)) < 0 ||
        (r = json_get_object(j, where, "rdma", &rdma, err)) < 0 ||
        (r = json_get_object(j, where, "unified", &unified, err)) < 0 ||
        (r = check_unified(unified, err)) < 0 || (r = spec_check_block_io(block_io, err)) < 0 ||
        (r = spec_check_hugepages(hugepages, err)) < 0 ||
        (r = spec_check_network(network, err)) < 0 || (r = spec_check_rdma(rdma, err)) < 0)
        return r;
    res->block_io = json_incref(block_io);
    res->hugepage_limits = json_incref(hugepages);
    res->network = json_incref(network);
    res->rdma = json_incref(rdma);
    res->unified = json_incref(unified);
    return 0;
}

int oci_resources_parse(const json_t *j, struct oci_resources *ret, struct err *err)
{
    struct oci_resources res = {
        .memory_limit = OCI_UNSET,
        .memory_reservation = OCI_UNSET,
        .memory_swap = OCI_UNSET,
        .memory_kernel = OCI_UNSET,
        .memory_swappiness = OCI_UNSET,
        .cpu_shares = OCI_UNSET,
        .cpu_quota = OCI_UNSET,
        .cpu_period = OCI_UNSET,
        .cpu_burst = OCI_UNSET,
        .cpu_rt_runtime = OCI_UNSET,
        .cpu_rt_period = OCI_UNSET,
        .cpu_idle = OCI_UNSET,
        .pids_limit = OCI_UNSET,
    };

    int r = j ? parse_resources(j, &res, err) : 0;
    if (r < 0) {
        oci_resources_done(&res);
        return r;
    }
    *ret = res;
    return 0;
}

void oci_resources_done(struct oci_resources *r)
{
    if (!r)
        return;
    free(r->devices);
    free(r->cpuset_cpus);
    free(r->cpuset_mems);
    json_decref(r->block_io);
    json_decref(r->hugepage_limits);
    json_decref(r->network);
    json_decref(r->rdma);
    json_decref(r->unified);
    *r = (struct oci_resources){0};
}
