/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The reader's state, shared by reader.c (the stream), entry.c (one header) and sparse.c. */

#include "base/buf.h"
#include "base/limits.h"
#include "tar/header.h"
#include "tar/pax.h"
#include "tar/reader.h"

#define READER_BUFFER (256 * KIB)

struct tar_reader {
    tar_read_fn read;
    void *read_arg; /* borrowed */
    tar_meta_fn meta;
    void *meta_arg; /* borrowed */
    uint8_t *buf;   /* owned; READER_BUFFER */
    size_t pos, len;
    uint64_t offset; /* of buf + pos in the stream */
    bool eof, ended, failed;

    struct buf ext; /* content of the last extended header */
    struct tar_pax pax;
    char *long_name, *long_link; /* owned; GNU 'L' and 'K' */

    struct tar_entry entry;
    char name[LIMIT_TAR_PATH], linkname[LIMIT_TAR_PATH];
    char uname[33], gname[33];
    uint64_t left; /* bytes of content still in the stream */
    uint32_t padding;
    struct tar_segment *segments; /* owned */
    size_t n_segments;
    size_t segment; /* the current one, and what of it has been given */
    uint64_t segment_done;
    uint64_t read_pos; /* of tar_reader_read() */
};

/* Makes at least `want` bytes (up to READER_BUFFER) available at buf + pos; fewer at the end of the
 * stream. Returns how many there are, or a negative errno. */
ssize_t tar_reader_peek(struct tar_reader *r, size_t want, struct err *err);
/* Consumes n available bytes as metadata. */
int tar_reader_meta(struct tar_reader *r, size_t n, struct err *err);

/* Decodes the header block at buf + pos, with the extensions before it, into r->entry, and consumes
 * it along with the sparse map that may follow. */
int tar_reader_entry(struct tar_reader *r, struct err *err);
/* Finds out whether the entry is sparse and decodes its map; `block` is a copy of its header. */
int tar_reader_sparse(struct tar_reader *r, const uint8_t *block, struct err *err);
