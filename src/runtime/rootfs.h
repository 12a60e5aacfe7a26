/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The container's root: attached in the new mount namespace, and made "/" at the end. */

#include <limits.h>

#include "runtime/internal.h"

/* Cuts the namespace off from the host's mounts and attaches the root; sets ctx->root_fd. */
int rootfs_attach(struct init_ctx *ctx, struct err *err);
/* Makes the root read-only if the spec says so, then pivots into it. */
int rootfs_enter(struct init_ctx *ctx, struct err *err);
/* The place `path` in the root, made if missing (a file when !dir): O_PATH descriptor. where gets
 * its path without links, from the root; *ret_made tells whether it was missing. */
int rootfs_target(struct init_ctx *ctx, const char *path, bool dir, char where[static PATH_MAX],
                  bool *ret_made, struct err *err);
