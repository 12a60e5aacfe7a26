/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits whose files are alike in both versions. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/cgroup.h"

int cgroup_check_memory(struct cgroup_hierarchy *h, const struct oci_resources *res,
                        const char *file, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    uint64_t used = 0;

    if (!res->memory_check || res->memory_limit <= 0 || cgroup_read(h->dir_fd, file, &text) < 0 ||
        parse_u64(text, &used) < 0 || used <= (uint64_t)res->memory_limit)
        return 0;
    return err_set(err, ERR_CONFLICT,
                   "a memory limit of %" PRId64 " is below the %" PRIu64 " that are in use",
                   res->memory_limit, used);
}

int cgroup_apply_hugetlb(struct cgroup_hierarchy *h, const struct oci_resources *res,
                         const char *suffix, struct err *err)
{
    for (size_t i = 0; i < json_array_size(res->hugepage_limits); i++) {
        const json_t *o = json_array_get(res->hugepage_limits, i);
        const char *size = json_str_or(o, "pageSize", "");
        int64_t limit = json_i64_or(o, "limit", 0);
        char value[24];
        _cleanup_free_ char *file = xasprintf("hugetlb.%s.%s", size, suffix),
                            *reserved = xasprintf("hugetlb.%s.rsvd.%s", size, suffix);
        /* The upper half of 64 bits, folded into negative numbers, means no limit. */
        if (limit < 0)
            (void)snprintf(value, sizeof(value), "%s", h->ops->v2 ? "max" : "-1");
        else
            (void)snprintf(value, sizeof(value), "%" PRId64, limit);
        int r = cgroup_write(h, file, value, err);
        /* Pages are taken at mmap() where this file exists (Linux 5.7), at the fault elsewhere. */
        if (r == 0 && cgroup_has_file(h, reserved))
            r = cgroup_write(h, reserved, value, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_apply_rdma(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err)
{
    const char *device;
    json_t *o;

    json_object_foreach(res->rdma, device, o) {
        int64_t handles = json_i64_or(o, "hcaHandles", -1),
                objects = json_i64_or(o, "hcaObjects", -1);
        char a[48] = "", b[48] = "";
        if (handles >= 0)
            (void)snprintf(a, sizeof(a), " hca_handle=%" PRId64, handles);
        if (objects >= 0)
            (void)snprintf(b, sizeof(b), " hca_object=%" PRId64, objects);
        _cleanup_free_ char *text = xasprintf("%s%s%s", device, a, b);
        int r = cgroup_write(h, "rdma.max", text, err);
        if (r < 0)
            return r;
    }
    return 0;
}
