/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What this machine's kernel can do, for `info` and its warnings. */

#include "base/macros.h"
#include "json/json.h"

struct kernel_features {
    bool memory, swap, cpu, cpu_cfs, cpuset, pids, ip_forward;
};

/* Whether the v2 hierarchy is the one that holds the controllers. */
bool kernel_cgroup_v2(void);
void kernel_probe(bool cgroup_v2, struct kernel_features *ret);
/* Docker's "WARNING: No swap limit support" …; null when there are none. */
json_t *kernel_warnings(const struct kernel_features *f);
bool kernel_has_seccomp(void);
/* Whether a cgroup's block I/O can be given a weight. */
bool kernel_blkio_weight(bool cgroup_v2);
/* How many memory nodes there are; 0 when that is not known. */
unsigned kernel_memory_nodes(void);
unsigned kernel_own_threads(void);
