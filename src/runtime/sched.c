/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/sched.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

static int set_scheduler(pid_t pid, const struct oci_scheduler *s, struct err *err)
{
    struct sched_attr attr = {
        .size = sizeof(attr),
        .sched_policy = s->policy,
        .sched_flags = s->flags,
        .sched_nice = s->nice,
        .sched_priority = (uint32_t)s->priority,
        .sched_runtime = s->runtime,
        .sched_deadline = s->deadline,
        .sched_period = s->period,
    };

    if (!s->set || syscall(SYS_sched_setattr, pid, &attr, 0) == 0)
        return 0;
    return err_errno(err, errno, "set process.scheduler");
}

int sched_apply(pid_t pid, const struct oci_process *p, struct err *err)
{
    int r = set_scheduler(pid, &p->scheduler, err);

    if (r == 0 && p->has_io_priority &&
        syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, pid, p->io_priority) < 0)
        r = err_errno(err, errno, "set process.ioPriority");
    return r;
}

int sched_set_affinity(const struct oci_id_set *set, const char *field, struct err *err)
{
    if (!set->set || syscall(SYS_sched_setaffinity, 0, sizeof(set->bits), set->bits) >= 0)
        return 0;
    return err_errno(err, errno, "set %s", field);
}

int sched_set_memory_policy(const struct oci_memory_policy *policy, struct err *err)
{
    /* The kernel takes at most as many nodes as it was built for. */
    unsigned long nodes = 0;

    if (!policy->set)
        return 0;
    for (unsigned i = 0; i < OCI_ID_SET_BITS; i++)
        if (policy->nodes.bits[i / 64] >> (i % 64) & 1)
            nodes = i + 1;
    /* One more, since the kernel counts to the bit before the last. */
    if (syscall(SYS_set_mempolicy, policy->mode, nodes ? policy->nodes.bits : NULL,
                nodes ? nodes + 1 : 0) == 0)
        return 0;
    return err_errno(err, errno, "set linux.memoryPolicy");
}
