/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Mounts as file descriptors (fsopen(2), open_tree(2), move_mount(2), mount_setattr(2)).
 *
 * A mount is made detached, as a descriptor, and then attached to a directory or file that is a
 * descriptor too: no path is looked up twice, so nobody can swap one for another in between. All
 * descriptors are owned by the caller; results are a descriptor or 0, or a negative errno. */

#include "base/err.h"
#include "base/macros.h"

/* A new file system. data: its options, "key=value" or flags; attr: MOUNT_ATTR_… */
int mountfd_new(const char *type, const char *source, char *const *data, uint64_t attr,
                struct err *err);
/* A bind of what fd refers to, or of the path. */
int mountfd_clone(int dirfd, const char *path, bool recursive);
/* Attaches to the place that target_fd (O_PATH) is. */
int mountfd_attach(int mount_fd, int target_fd);
/* Changes attributes of an attached mount. Falls back to remounting where mount_setattr(2) is
 * missing, which keeps what the mount has. */
int mountfd_set_attr(int mount_fd, uint64_t set, uint64_t clr, bool recursive);
/* MS_SHARED, MS_SLAVE … with MS_REC. */
int mountfd_set_propagation(int mount_fd, unsigned long flags);
/* Maps ids of a detached mount by a user namespace. */
int mountfd_idmap(int mount_fd, int userns_fd, bool recursive);
/* Where the descriptor is, seen from the process' root. buf gets a NUL. 0 or a negative errno. */
int fd_path(int fd, char *buf, size_t size);
