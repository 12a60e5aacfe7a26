/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Device rules common to both versions: the spec's, then what every container may use. */
#include <string.h>

#include "base/alloc.h"
#include "runtime/cgroup.h"

#define RULE(t, maj, min, r_, w_, m_)                                                              \
    {                                                                                              \
        .allow = true, .type = t, .major = maj, .minor = min, .read = r_, .write = w_, .mknod = m_ \
    }

/* The list that runc appends: nodes may be made, the default devices used. */
static const struct oci_device_rule always[] = {
    RULE('c', -1, -1, false, false, true), RULE('b', -1, -1, false, false, true),
    RULE('c', 1, 3, true, true, true),    /* null */
    RULE('c', 1, 8, true, true, true),    /* random */
    RULE('c', 1, 7, true, true, true),    /* full */
    RULE('c', 5, 0, true, true, true),    /* tty */
    RULE('c', 1, 5, true, true, true),    /* zero */
    RULE('c', 1, 9, true, true, true),    /* urandom */
    RULE('c', 136, -1, true, true, true), /* pts */
    RULE('c', 5, 2, true, true, true),    /* ptmx */
};

struct oci_device_rule *cgroup_device_rules(const struct oci_resources *res, size_t *ret_n)
{
    size_t n = res->n_devices, k = ARRAY_SIZE(always);
    struct oci_device_rule *rules = XNEW_ARRAY(struct oci_device_rule, n + k);

    if (n)
        memcpy(rules, res->devices, n * sizeof(*rules));
    memcpy(rules + n, always, sizeof(always));
    *ret_n = n + k;
    return rules;
}
