/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The tree that a layer is unpacked into: finding the place of a name in it, making missing
 * parents, removing what is replaced, and setting the times of directories at the end.
 *
 * A place is a directory descriptor plus a last component, and the canonical path: the one without
 * any symlink. Nobody but the unpacking changes the tree, so a canonical path stays true until
 * something is removed. */

#include <sys/stat.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/macros.h"
#include "tar/extract.h"
#include "tar/header.h"
#include "tar/journal.h"

#define TREE_CACHE 8

struct tree_dir {
    char *name;      /* owned; cleaned, as the tar has it; NULL: unused */
    char *canonical; /* owned; "" for the root */
    int fd;          /* owned; O_PATH */
};

struct tree_times {
    char *canonical; /* owned */
    struct timespec atime, mtime;
};

struct tar_tree {
    int rootfd;                               /* borrowed */
    struct tar_journal *journal;              /* borrowed; NULL: none */
    const struct tar_unpack_options *options; /* borrowed */
    struct tree_dir cache[TREE_CACHE];
    size_t next_slot;
    struct tree_times *times; /* owned */
    size_t n_times;
    struct timespec implied_mtime; /* of parents that the tar does not bring */
};

struct tree_place {
    int dirfd;                 /* borrowed: valid until the next two lookups, or a removal */
    char path[LIMIT_TAR_PATH]; /* canonical, from the root */
    const char *base;          /* last component, in path; "." for the root itself */
};

void tar_tree_done(struct tar_tree *t);

/* The place of a cleaned name; symlinks among the parents are followed inside the root. Missing
 * parents are made if `create`, else -ENOENT. */
int tar_tree_find(struct tar_tree *t, const char *clean, bool create, struct tree_place *ret,
                  struct err *err);
/* Removes what is there, directories with all they hold; contents that the journal refers to are
 * kept in it. Makes all places invalid. */
int tar_tree_remove(struct tar_tree *t, const struct tree_place *p, struct err *err);
/* Notes the times that the directory gets at the end. */
void tar_tree_note_times(struct tar_tree *t, const char *canonical, struct timespec atime,
                         struct timespec mtime);
int tar_tree_apply_times(struct tar_tree *t, struct err *err);
/* lsetxattr(2) on dirfd/base. */
int tar_tree_setxattr(int dirfd, const char *base, const char *name, const void *value, size_t len);
int tar_tree_set_opaque(const struct tree_place *p, struct err *err);
static inline bool tar_is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}
