/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/caps.h"

#include <ctype.h>
#include <errno.h>
#include <strings.h>
#include <sys/prctl.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/spec.h"

static const char *const default_caps[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};

static uint64_t all_caps(void)
{
    uint64_t mask = 0;

    for (unsigned n = 0; oci_capability_name(n); n++)
        mask |= UINT64_C(1) << n;
    return mask;
}

static int unknown(const char *key, const char *given, struct err *err)
{
    _cleanup_free_ char *name =
        strncasecmp(given, "CAP_", 4) == 0 ? xstrdup(given) : xasprintf("CAP_%s", given);

    for (char *p = name; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return err_set(err, ERR_INVALID, "invalid %s: unknown capability: \"%s\"", key, name);
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
        int n;

        if (strcasecmp(s, "ALL") == 0) {
            *ret_all = true;
            continue;
        }
        n = oci_capability_parse(s);
        if (n < 0)
            return unknown(key, s, err);
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
        mask |= UINT64_C(1) << oci_capability_parse(default_caps[i]);
    if (json_bool_or(host, "Privileged", false))
        mask = all_caps();
    else if (add_all)
        mask = all_caps() & ~drop;
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

    for (unsigned n = 0; oci_capability_name(n); n++)
        if (prctl(PR_CAPBSET_READ, (unsigned long)n, 0, 0, 0) == 1)
            mask |= UINT64_C(1) << n;
    return mask;
}

json_t *container_caps_names(uint64_t mask)
{
    json_t *list = json_array();

    for (unsigned n = 0; oci_capability_name(n); n++)
        if (mask & (UINT64_C(1) << n))
            (void)json_array_append_new(list, json_string(oci_capability_name(n)));
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
