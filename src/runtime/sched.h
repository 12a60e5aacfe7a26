/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* When and where processes run: scheduling class, I/O priority, processors, memory nodes. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* process.scheduler and process.ioPriority, set from outside on a waiting child: inside a user
 * namespace it would lack the power. */
int sched_apply(pid_t pid, const struct oci_process *p, struct err *err);
/* The calling thread may run on these processors only. Unset: nothing is done. */
int sched_set_affinity(const struct oci_id_set *set, const char *field, struct err *err);
/* The calling thread's memory comes from these nodes, also after execve(). */
int sched_set_memory_policy(const struct oci_memory_policy *policy, struct err *err);
