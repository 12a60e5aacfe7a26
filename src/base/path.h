/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Paths beneath a root: the only way to touch a file inside a container's root, a layer or a build
 * context. A path is resolved once by openat2(2) with RESOLVE_IN_ROOT, and stays a file descriptor
 * from then on; symlinks and ".." cannot leave the root, and magic links are refused. */

#include "base/err.h"
#include "base/macros.h"

/* Opens `path` inside `rootfd`. flags as open(2) (O_CLOEXEC is added); mode for O_CREAT.
 * Returns a descriptor or a negative errno. */
int open_in_root(int rootfd, const char *path, int flags, mode_t mode);
/* The same, but no symlink at all is followed, anywhere (RESOLVE_NO_SYMLINKS), and ".." may not
 * lead above rootfd (RESOLVE_BENEATH). For trees that we wrote ourselves. */
int open_beneath(int rootfd, const char *path, int flags, mode_t mode);
/* Opens the regular file `path` in the root for reading. Anything else is refused with -EINVAL and
 * never opened: a tree that others write can hold a fifo or a device whose opening has effects. */
int open_regular_in_root(int rootfd, const char *path);
/* Opens the directory `path` in the root, making what is missing with `mode` (parents too), each
 * step resolved in the root. Returns an O_PATH|O_DIRECTORY descriptor or a negative errno. */
int mkdir_p_in_root(int rootfd, const char *path, mode_t mode);

/* mkdir -p for the engine's own directories; existing ones are kept as they are. */
int mkdir_p(const char *path, mode_t mode);
/* Removes the tree `name` below dirfd without following links or crossing mounts; 0 when absent. */
int rm_rf_at(int dirfd, const char *name);

/* Lexical clean-up as Go's path.Clean: no "//", "." or inner "..". Caller frees. */
char *path_clean(const char *path);
/* True for a path component that may name a new file: not empty, ".", "..", no '/'. */
bool path_component_valid(const char *name);
