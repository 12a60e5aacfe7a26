/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Path resolution step by step, for kernels before 5.6, which have no openat2(2). Used by path.c
 * only; same results as the kernel's RESOLVE_IN_ROOT and RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
 * with magic links refused. A directory that is renamed while it is walked cannot lead outside:
 * ".." goes back to where the walk came from, never to the directory's new parent. */

#include "base/macros.h"

/* Opens `path` inside rootfd (borrowed). flags and mode as open(2), O_CLOEXEC is added. beneath:
 * symlinks give -ELOOP and leaving the root -EXDEV; otherwise links are followed inside the root
 * and
 * ".." stops there. Returns a descriptor or a negative errno. */
int resolve_open(int rootfd, const char *path, int flags, mode_t mode, bool beneath);
