/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Resource limits and the OOM score.
 *
 * A process may lower its own limits, but needs CAP_SYS_RESOURCE of the initial user namespace to
 * raise them or to touch another user's: so the child sets what it can, and the parent the rest. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* On the calling process; false when some were refused. */
bool rlimits_apply_self(const struct oci_process *p);
int rlimits_apply(pid_t pid, const struct oci_process *p, struct err *err);
int oom_score_apply(int proc_fd, pid_t pid, const struct oci_process *p, struct err *err);
