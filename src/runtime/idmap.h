/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Id maps of a new user namespace (user_namespaces(7)). */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* Writes uid_map and gid_map of a process that is alone in its new user namespace. */
/* Whether this process is in the user namespace that the machine started with. */
bool idmap_is_initial(int proc_fd);
int idmap_write(int proc_fd, pid_t pid, const struct oci_spec *spec, struct err *err);
/* A user namespace with these maps, for an id-mapped mount: a descriptor, or a negative errno. */
int idmap_userns(int proc_fd, const struct oci_mount *m, struct err *err);
