/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* linux.netDevices: interfaces of this network namespace that the container gets.
 *
 * Each is moved, renamed if asked, given its permanent global addresses back, which the kernel
 * drops on the way, and set up. The kernel returns hardware to the host when the namespace ends. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* netns_fd: the container's network namespace. Enters it for a moment. */
int netdev_move(const struct oci_spec *spec, int netns_fd, struct err *err);
