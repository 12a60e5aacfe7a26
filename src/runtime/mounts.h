/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The spec's mounts, in order, each resolved beneath the root and attached by descriptor. */

#include "runtime/internal.h"

/* idmap_fds: for each mount the user namespace of an id-mapped one, or -1; NULL: none. */
int mounts_setup(struct init_ctx *ctx, const int *idmap_fds, struct err *err);
/* Masked and read-only paths. */
int mounts_mask(struct init_ctx *ctx, struct err *err);
/* A mount of type "cgroup" (cgroup_mount.c). target_fd is borrowed. */
struct mount_opts;
int mounts_cgroup(struct init_ctx *ctx, int target_fd, const struct mount_opts *opts,
                  struct err *err);
/* Copies what is below src_fd into the fresh tmpfs dst_fd (copyup.c). */
int mounts_copy_up(int src_fd, int dst_fd, struct err *err);
