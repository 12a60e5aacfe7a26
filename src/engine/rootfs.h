/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A container's file system from outside: as the container sees it, with its volumes and binds, or
 * the bare root file system. No code of the container runs, and whatever its processes do to the
 * tree meanwhile, paths resolved in `fd` by base/path.h stay inside.
 *
 * A running container is looked at through its own mount namespace. A stopped one gets a mount of
 * its layers in a namespace that only `ns_fd` keeps alive; its operation lock is held until
 * container_root_close(), so that it is not started on the same layers. */

#include "engine/internal.h"

struct container_root {
    struct container *c; /* borrowed */
    int fd;              /* owned; O_PATH, the root directory */
    int ns_fd;           /* owned; or -1 */
    bool locked;         /* c->op is held */
};

/* bare: without what is mounted on it. Blocks; ERR_NOT_FOUND when the container is gone. */
int container_root_open(struct container *c, bool bare, struct container_root *ret,
                        struct err *err);
void container_root_close(struct container_root *r);
