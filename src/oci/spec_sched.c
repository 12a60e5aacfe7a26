/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What config.json says about scheduling and placement: process.scheduler, process.ioPriority,
 * process.execCPUAffinity and linux.memoryPolicy. */
#include <errno.h>
#include <inttypes.h>
#include <linux/ioprio.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/spec_internal.h"

#ifndef MPOL_WEIGHTED_INTERLEAVE /* Linux 6.9 */
#define MPOL_WEIGHTED_INTERLEAVE 6
#endif
#ifndef MPOL_PREFERRED_MANY /* Linux 5.15 */
#define MPOL_PREFERRED_MANY 5
#endif

struct name {
    const char *name;
    unsigned value;
};

/* The value of a name, or an error that shows field and name. */
static int lookup(const struct name *names, size_t n, const char *field, const char *name,
                  unsigned *ret, struct err *err)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, names[i].name)) {
            *ret = names[i].value;
            return 0;
        }
    return err_set(err, ERR_INVALID, "field \"%s\": \"%s\" is unknown", field, name ? name : "");
}

static int get_flags(const json_t *o, const char *path, const struct name *names, size_t n,
                     unsigned *ret, struct err *err)
{
    _cleanup_strv_ char **list = NULL;
    _cleanup_free_ char *field = xasprintf("%s.flags", path);
    int r = json_get_strv(o, path, "flags", &list, err);

    for (size_t i = 0; r == 0 && list && list[i]; i++) {
        unsigned flag = 0;
        r = lookup(names, n, field, list[i], &flag, err);
        *ret |= flag;
    }
    return r;
}

static int parse_scheduler(const json_t *process, struct oci_scheduler *s, struct err *err)
{
    static const char where[] = "process.scheduler";
    static const struct name policies[] = {
        {"SCHED_OTHER", SCHED_NORMAL}, {"SCHED_FIFO", SCHED_FIFO}, {"SCHED_RR", SCHED_RR},
        {"SCHED_BATCH", SCHED_BATCH},  {"SCHED_ISO", 4},           {"SCHED_IDLE", SCHED_IDLE},
        {"SCHED_DEADLINE", 6},
    };
    static const struct name flags[] = {
        {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
        {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
        {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
        {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
        {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
        {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
        {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
    };
    const char *policy = NULL;
    json_t *o = NULL;
    int r = json_get_object(process, "process", "scheduler", &o, err);

    if (r < 0 || !o)
        return r;
    s->set = true;
    if ((r = json_get_str(o, where, "policy", &policy, err)) < 0 ||
        (r = lookup(policies, ARRAY_SIZE(policies), "process.scheduler.policy", policy, &s->policy,
                    err)) < 0 ||
        (r = json_get_int(o, where, "nice", &s->nice, err)) < 0 ||
        (r = json_get_int(o, where, "priority", &s->priority, err)) < 0 ||
        (r = get_flags(o, where, flags, ARRAY_SIZE(flags), &s->flags, err)) < 0 ||
        (r = json_get_u64(o, where, "runtime", &s->runtime, err)) < 0 ||
        (r = json_get_u64(o, where, "deadline", &s->deadline, err)) < 0 ||
        (r = json_get_u64(o, where, "period", &s->period, err)) < 0)
        return r;
    bool realtime = s->policy == SCHED_FIFO || s->policy == SCHED_RR;
    if (s->nice < -20 || s->nice > 19)
        return err_set(err, ERR_INVALID, "field \"%s.nice\" must be in -20..19", where);
    if (s->priority != 0 && !realtime)
        return err_set(err, ERR_INVALID,
                       "field \"%s.priority\" can only be given for SCHED_FIFO or SCHED_RR", where);
    if ((s->runtime || s->deadline || s->period) && s->policy != 6)
        return err_set(err, ERR_INVALID,
                       "scheduler runtime/deadline/period can only be specified for SCHED_DEADLINE "
                       "policy");
    return 0;
}

static int parse_io_priority(const json_t *process, struct oci_process *p, struct err *err)
{
    static const char where[] = "process.ioPriority";
    static const struct name classes[] = {
        {"IOPRIO_CLASS_RT", IOPRIO_CLASS_RT},
        {"IOPRIO_CLASS_BE", IOPRIO_CLASS_BE},
        {"IOPRIO_CLASS_IDLE", IOPRIO_CLASS_IDLE},
    };
    const char *class = NULL;
    unsigned value = 0;
    int priority = 0, r;
    json_t *o = NULL;

    if ((r = json_get_object(process, "process", "ioPriority", &o, err)) < 0 || !o)
        return r;
    if ((r = json_get_str(o, where, "class", &class, err)) < 0 ||
        (r = lookup(classes, ARRAY_SIZE(classes), "process.ioPriority.class", class, &value, err)) <
            0 ||
        (r = json_get_int(o, where, "priority", &priority, err)) < 0)
        return r;
    if (priority < 0 || priority >= IOPRIO_NR_LEVELS)
        return err_set(err, ERR_INVALID, "field \"%s.priority\" must be in 0..%d", where,
                       IOPRIO_NR_LEVELS - 1);
    p->has_io_priority = true;
    p->io_priority = (int)(value << IOPRIO_CLASS_SHIFT) | priority;
    return 0;
}

/* "0-3,5" into bits; spaces are allowed. */
static int parse_list(const char *text, struct oci_id_set *ret)
{
    struct oci_id_set set = {.set = true};
    _cleanup_strv_ char **parts = str_split(text, ',');

    for (size_t i = 0; parts[i]; i++) {
        uint32_t first, last;
        char *part = parts[i] + strspn(parts[i], " ");
        size_t len = strlen(part);
        while (len > 0 && part[len - 1] == ' ')
            part[--len] = '\0';
        char *dash = strchr(part, '-');
        if (dash)
            *dash = '\0';
        if (parse_u32(part, &first) < 0)
            return -EINVAL;
        last = first;
        if ((dash && parse_u32(dash + 1, &last) < 0) || last < first || last >= OCI_ID_SET_BITS)
            return -EINVAL;
        for (uint32_t k = first; k <= last; k++)
            set.bits[k / 64] |= UINT64_C(1) << (k % 64);
    }
    *ret = set;
    return 0;
}

static int get_list(const json_t *o, const char *path, const char *key, struct oci_id_set *ret,
                    struct err *err)
{
    const char *text = NULL;
    int r = json_get_str(o, path, key, &text, err);

    if (r < 0 || str_empty(text))
        return r;
    if (parse_list(text, ret) < 0)
        return err_set(err, ERR_INVALID, "field \"%s.%s\": \"%s\" is not a list such as 0-3,7",
                       path, key, text);
    return 0;
}

int spec_parse_sched(const json_t *process, struct oci_process *p, struct err *err)
{
    json_t *o = NULL;
    int r;

    if ((r = parse_scheduler(process, &p->scheduler, err)) < 0 ||
        (r = parse_io_priority(process, p, err)) < 0 ||
        (r = json_get_object(process, "process", "execCPUAffinity", &o, err)) < 0 ||
        (r = get_list(o, "process.execCPUAffinity", "initial", &p->affinity_initial, err)) < 0)
        return r;
    return get_list(o, "process.execCPUAffinity", "final", &p->affinity_final, err);
}

int spec_parse_memory_policy(const json_t *linux_, struct oci_memory_policy *ret, struct err *err)
{
    static const char where[] = "linux.memoryPolicy";
    static const struct name modes[] = {
        {"MPOL_DEFAULT", MPOL_DEFAULT},
        {"MPOL_BIND", MPOL_BIND},
        {"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
        {"MPOL_WEIGHTED_INTERLEAVE", MPOL_WEIGHTED_INTERLEAVE},
        {"MPOL_PREFERRED", MPOL_PREFERRED},
        {"MPOL_PREFERRED_MANY", MPOL_PREFERRED_MANY},
        {"MPOL_LOCAL", MPOL_LOCAL},
    };
    static const struct name flags[] = {
        {"MPOL_F_NUMA_BALANCING", 1 << 13},
        {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
        {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
    };
    const char *mode = NULL;
    unsigned value = 0;
    json_t *o = NULL;
    int r = json_get_object(linux_, "linux", "memoryPolicy", &o, err);

    if (r < 0 || !o)
        return r;
    if ((r = json_get_str(o, where, "mode", &mode, err)) < 0 ||
        (r = lookup(modes, ARRAY_SIZE(modes), "linux.memoryPolicy.mode", mode, &value, err)) < 0 ||
        (r = get_list(o, where, "nodes", &ret->nodes, err)) < 0 ||
        (r = get_flags(o, where, flags, ARRAY_SIZE(flags), &value, err)) < 0)
        return r;
    ret->set = true;
    ret->mode = (int)value;
    return 0;
}
