/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Unpacks a layer's tar into a directory, in overlay2 form: ".wh.NAME" becomes a 0:0 character
 * device NAME, ".wh..wh..opq" the xattr trusted.overlay.opaque=y of its directory; other AUFS
 * metadata (".wh..wh.*") is skipped. Whiteouts never touch what the same layer brings, before or
 * after them (image-spec, layer.md#whiteouts); a directory that the layer both whites out and
 * brings is opaque.
 *
 * Nothing outside the directory is touched, whatever the tar says:
 * - names are cleaned lexically, a leading "/" is dropped, a ".." that leads out is refused;
 * - a symlink of this layer in the parent part of a name is followed inside the root; what it leads
 *   to is created if it is missing; the last component is never followed;
 * - existing files are never opened for writing: a later entry replaces an earlier one, except that
 *   directories merge;
 * - a hard link needs its target in this layer, or in what `fetch_link` can reach;
 * - xattrs kept: user.* (but user.overlay.*), security.capability, system.posix_acl_*. Others are
 *   dropped and counted, trusted.overlay.* above all;
 * - the file system sees no more than the limits below.
 *
 * The caller is root, rootfd an empty directory that nobody else changes, and removes the tree on
 * failure. Nothing is synced: the caller calls syncfs(2). The source is read and hashed by a second
 * thread while files are written; it has ended when the call returns. */

#include <sys/stat.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/macros.h"
#include "tar/compress.h"

struct tar_unpack_options {
    uint64_t max_bytes;   /* of files, holes included, and of the tar; 0: no limit but the disk */
    uint64_t max_entries; /* 0: LIMIT_TAR_ENTRIES */
    /* What a lower layer has at `path`: 0 and *ret filled, or a negative errno (-ENOENT: nothing).
     * Used to give directories that the tar does not bring itself, but that are parents of what it
     * brings, the owner and mode they have below. NULL: such are root's, 0755. */
    int (*stat_lower)(void *arg, const char *path, struct stat *ret);
    /* Makes `name` in dirfd from `target`, a path in a lower layer (link or copy). NULL or -ENOENT:
     * such a hard link is refused. */
    int (*fetch_link)(void *arg, const char *target, int dirfd, const char *name);
    /* Called now and then with the bytes of tar consumed; a negative errno ends the unpacking. */
    int (*progress)(void *arg, uint64_t tar_bytes);
    void *arg;
};

struct tar_unpack_result {
    struct digest diff_id; /* SHA-256 of the uncompressed stream */
    uint64_t tar_bytes;    /* its length */
    uint64_t size_bytes;   /* sum of the sizes of regular files: what Docker calls a layer's size */
    uint64_t entries;
    uint64_t whiteouts;
    uint64_t dropped_xattrs; /* not allowed from an image, or not supported by the file system */
    enum tar_compression compression;
};

/* options may be NULL. journal_fd: an empty regular file that gets the header journal
 * (tar/journal.h), or -1. Errors: ERR_INVALID malformed or hostile tar (names the entry),
 * ERR_NO_SPACE disk full, or what the source reports. */
int tar_unpack_layer(struct tar_source *src, int rootfd, const struct tar_unpack_options *options,
                     int journal_fd, struct tar_unpack_result *ret, struct err *err);

/* Reads the stream to its end without unpacking it, and fills diff_id, tar_bytes and compression:
 * for a layer that is already there. The content is not looked at. */
int tar_hash(struct tar_source *src, struct tar_unpack_result *ret, struct err *err);
