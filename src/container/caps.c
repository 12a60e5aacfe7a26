/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/caps.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/str.h"

/* By number, capabilities(7). */
static const char *const cap_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

static const char *const default_caps[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};

#define ALL_CAPS ((UINT64_C(1) << ARRAY_SIZE(cap_names)) - 1)

int container_cap_number(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++)
        if (str_eq(cap_names[i], name))
            return (int)i;
    return -1;
}

/* One list, CapAdd or CapDrop; names with or without CAP_, in any case; "ALL". */
static int parse_list(const json_t *host, const char *key, uint64_t *ret, bool *ret_all,
                      struct err *err)
{
    json_t *list = json_object_get(host, key), *v;
    uint64_t mask = 0;
    size_t i;

    json_array_foreach(list, i, v) {
        const char *s = json_string_value(v);
        _cleanup_free_ char *name = NULL;
        int n;

        if (strcasecmp(s, "ALL") == 0) {
            *ret_all = true;
            continue;
        }
        name = strncasecmp(s, "CAP_", 4) == 0 ? xstrdup(s) : xasprintf("CAP_%s", s);
        for (char *p = name; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        n = container_cap_number(name);
        if (n < 0)
            return err_set(err, ERR_INVALID, "invalid %s: unknown capability: \"%s\"", key, name);
        mask |= UINT64_C(1) << n;
    }
    *ret = mask;
    return 0;
}

int container_caps(const json_t *host, uint64_t *ret_mask, struct err *err)
{
    uint64_t mask = 0, add = 0, drop = 0;
    bool add_all = false, drop_all = false;
    int r;

    if ((r = parse_list(host, "CapAdd", &add, &add_all, err)) < 0 ||
        (r = parse_list(host, "CapDrop", &drop, &drop_all, err)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(default_caps); i++)
        mask |= UINT64_C(1) << container_cap_number(default_caps[i]);
    if (json_bool_or(host, "Privileged", false))
        mask = ALL_CAPS;
    else if (add_all)
        mask = ALL_CAPS & ~drop;
    else if (drop_all)
        mask = add;
    else
        mask = (mask | add) & ~drop;
    *ret_mask = mask;
    return 0;
}

uint64_t container_caps_bounding(void)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++)
        if (prctl(PR_CAPBSET_READ, (unsigned long)i, 0, 0, 0) == 1)
            mask |= UINT64_C(1) << i;
    return mask;
}

json_t *container_caps_names(uint64_t mask)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++)
        if (mask & (UINT64_C(1) << i))
            (void)json_array_append_new(list, json_string(cap_names[i]));
    return list;
}

bool container_rlimit_known(const char *name)
{
    static const char *const names[] = {"core",    "cpu",      "data",   "fsize",      "locks",
                                        "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                        "rss",     "rtprio",   "rttime", "sigpending", "stack"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}
