/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Unpacks an archive into a tree that is in use, as `cp` into a container does. Unlike a layer
 * (tar/extract.h) names are resolved at the moment of their use, since processes in the tree may
 * change it at any time:
 * - every parent is resolved in the root, so that links and renames cannot lead outside;
 * - the last component is never followed; files are made anew and changed by descriptor;
 * - what is in the way is removed, but a directory is kept when one is to be put there. */

#include "base/err.h"
#include "base/macros.h"
#include "tar/reader.h"

struct tar_place_options {
    bool no_overwrite_dir_non_dir; /* refuse to replace a directory by something else, or reverse */
    bool keep_owner;               /* files belong to whoever makes them */
    bool chown;                    /* all belongs to uid and gid, whatever the archive says */
    uint32_t uid, gid;
    /* The first component `from` of names is replaced by `to`; from "": `to` comes before all.
     * NULL: names stay. */
    const char *from, *to;
};

/* reader: at its beginning; borrowed. dir: a directory inside rootfd (borrowed), from the root;
 * links in it are followed there. On failure what has been written so far stays. Errors:
 * ERR_INVALID for a malformed archive or an entry that leads out of `dir`, or what the file system
 * says. */
int tar_place(struct tar_reader *reader, int rootfd, const char *dir,
              const struct tar_place_options *options, struct err *err);
