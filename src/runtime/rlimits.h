/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Resource limits and the OOM score, set by the parent on the waiting child: the child may be in a
 * user namespace, where neither can be raised. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

int rlimits_apply(pid_t pid, const struct oci_process *p, struct err *err);
int oom_score_apply(int proc_fd, pid_t pid, const struct oci_process *p, struct err *err);
