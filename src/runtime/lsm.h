/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* AppArmor profile and SELinux label that take effect at execve(). */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* Refuses a profile or label on a machine without that security module. */
int lsm_check(const struct oci_process *p, int proc_fd, struct err *err);
/* Sets it for this thread's next execve(). proc_fd: a verified procfs in which it is visible. */
int lsm_apply(const struct oci_process *p, int proc_fd, struct err *err);
