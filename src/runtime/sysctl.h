/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Kernel parameters of the container's own namespaces. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* Refuses what is not namespaced, or belongs to a namespace that the container shares. net_own: the
 * network namespace is not the host's. */
int sysctl_check(const struct oci_spec *spec, bool net_own, struct err *err);
/* Writes them; proc_fd is a verified procfs. Called inside the namespaces. */
int sysctl_apply(const struct oci_spec *spec, int proc_fd, struct err *err);
