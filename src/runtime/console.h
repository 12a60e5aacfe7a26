/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A terminal from the container's own devpts. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* Allocates a pty in the devpts below root_fd, sets its size and owner. *ret_slave is the other
 * end, opened without a path. */
int console_open(int root_fd, const struct oci_process *p, int *ret_master, int *ret_slave,
                 struct err *err);
/* Binds the slave on /dev/console of the root. */
int console_bind(int root_fd, int slave, struct err *err);
/* Makes the slave descriptors 0 to 2 and the controlling terminal of this new session. */
int console_adopt(int slave, struct err *err);
