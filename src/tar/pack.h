/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Makes a tar of a directory tree. The order is deterministic: each directory before its entries,
 * those sorted bytewise; so are the bytes (names of users are not written). Sockets are left out.
 * Symlinks are never followed and mounts beneath are not entered. Kept xattrs: user.* (but
 * user.overlay.*), security.capability, system.posix_acl_*. Sparse files are written in full. */

#include <time.h>

#include "base/err.h"
#include "base/macros.h"
#include "tar/io.h"

struct tar_pack_options {
    /* The tree is an overlay2 layer: 0:0 character devices become ".wh.NAME", opaque directories
     * get a ".wh..wh..opq" as their first entry. */
    bool overlay;
    bool nsec_times; /* keep fractions of seconds; as Docker, they are dropped otherwise */
    bool live;       /* others change the tree: what is gone when its turn comes is left out */
    bool cross_mounts;
    /* The root is an entry too and has this name, and all others are below it. NULL: as above. */
    const char *root_name;
    /* With root_name: only this entry of rootfd, no directory, under that name. NULL: the tree. */
    const char *only;
    /* Tells whether to take the entry (false skips a directory's content too); NULL: all. */
    bool (*filter)(void *arg, const char *path);
    void *arg;
};

struct tar_pack_result {
    uint64_t tar_bytes;  /* length of the tar */
    uint64_t size_bytes; /* sum of the sizes of regular files */
    uint64_t entries;
};

/* Names in the tar are relative to rootfd ("etc/passwd"), which itself is not an entry. A file that
 * shrinks meanwhile is padded with zeros, one that grows is cut. options and ret may be NULL. */
int tar_pack_tree(int rootfd, struct tar_sink sink, const struct tar_pack_options *options,
                  struct tar_pack_result *ret, struct err *err);
