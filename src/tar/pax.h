/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Pax extended headers (POSIX.1-2017 pax(1), "pax Extended Header"): parsing the records of one
 * header, and making them. */

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "tar/reader.h"

struct tar_pax {
    char *path, *linkpath, *uname, *gname; /* owned; NULL: not given */
    bool has_uid, has_gid, has_size, has_mtime, has_atime;
    uint64_t uid, gid, size;
    struct timespec mtime, atime;
    struct tar_xattr *xattrs; /* owned, names and values as well */
    size_t n_xattrs;
    /* GNU.sparse.* */
    int64_t sparse_major, sparse_minor; /* -1: not given */
    char *sparse_name;                  /* owned */
    bool has_sparse_size, has_numblocks, has_map;
    uint64_t sparse_size, numblocks;
    struct tar_segment *map; /* owned; 0.0 and 0.1 */
    size_t n_map;
    bool half_pair; /* 0.0: an offset without its length so far */
};

/* Forgets all. */
void tar_pax_reset(struct tar_pax *p);
void tar_pax_done(struct tar_pax *p);
/* Parses the records of one header. ERR_INVALID with what is wrong. */
int tar_pax_parse(struct tar_pax *p, const char *data, size_t len, struct err *err);

/* Appends "LEN KEY=VALUE\n". */
int tar_pax_add(struct buf *b, const char *key, const void *value, size_t len);

/* Appends to a growing array of segments. */
void tar_segment_push(struct tar_segment **map, size_t *n, uint64_t offset, uint64_t len);
