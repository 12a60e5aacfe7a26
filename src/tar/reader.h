/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Streaming tar reader: V7, ustar, pax (POSIX.1-2017 pax(1)), GNU long names, base-256 numbers and
 * the sparse formats (old GNU, PAX 0.0, 0.1, 1.0).
 *
 * Life cycle: new -> (next -> data* )* until next returns 0 -> free. The stream is then read to its
 * end, what follows the end marker included. Everything is bounded (base/limits.h); what is
 * malformed is ERR_INVALID with the entry's name and what is wrong. Where parsers differ, Go's
 * archive/tar is followed, as Docker uses it: links, devices, directories and fifos have no content
 * whatever their size field says; global pax headers are skipped and change nothing; an archive may
 * end at any header boundary without an end marker.
 *
 * Not thread-safe. Blocks on the source. */

#include <time.h>

#include "base/err.h"
#include "base/macros.h"
#include "tar/io.h"

#define TAR_BLOCK 512

enum tar_type {
    TAR_FILE,
    TAR_HARDLINK,
    TAR_SYMLINK,
    TAR_CHAR,
    TAR_BLOCKDEV,
    TAR_DIR,
    TAR_FIFO,
    TAR_OTHER, /* a type flag that means nothing here; see tar_entry.typeflag */
};

struct tar_xattr {
    const char *name; /* without "SCHILY.xattr." */
    const uint8_t *value;
    size_t len; /* bytes */
};

/* A piece of a file's content: where it belongs in the file, and how long it is. */
struct tar_segment {
    uint64_t offset;
    uint64_t len;
};

struct tar_entry {
    enum tar_type type;
    char typeflag;        /* as in the header */
    const char *name;     /* as in the archive; never empty; at most LIMIT_TAR_PATH - 1 bytes */
    const char *linkname; /* "" unless a link */
    const char *uname, *gname;
    uint32_t mode; /* 07777 bits */
    uint32_t uid, gid;
    uint64_t size;   /* of the file, holes included; 0 for all but TAR_FILE and TAR_OTHER */
    uint64_t stored; /* bytes of content in the archive; differs from size for sparse files */
    struct timespec mtime, atime;
    bool has_atime;
    uint32_t devmajor, devminor;
    const struct tar_xattr *xattrs;
    size_t n_xattrs;
    /* Segments in ascending order without overlap, their sum is `stored`. */
    bool sparse;
    const struct tar_segment *segments;
    size_t n_segments;
};

struct tar_reader;

/* Gets every byte of the stream that is not content of an entry, in stream order: headers, extended
 * headers, maps, padding, end marker, and what follows it. Called from next() and data(). A
 * negative return ends the reading with it. */
typedef int (*tar_meta_fn)(void *arg, const void *data, size_t len, struct err *err);

/* Reads the uncompressed stream that `read` delivers; see tar_reader_new_source(). */
struct tar_reader *tar_reader_new(tar_read_fn read, void *arg);
struct tar_source;
/* source is borrowed. */
struct tar_reader *tar_reader_new_source(struct tar_source *source);
void tar_reader_free(struct tar_reader *r);
DEFINE_CLEANUP(struct tar_reader *, tar_reader_free);
void tar_reader_set_meta(struct tar_reader *r, tar_meta_fn meta, void *arg);

/* The next entry, skipping what is left of the current one. Returns 1 with *ret (borrowed until the
 * next call), 0 at the end, or a negative errno. */
int tar_reader_next(struct tar_reader *r, const struct tar_entry **ret, struct err *err);

/* The next piece of the entry's content: at most `max` bytes (0: no limit) that belong at
 * *ret_offset of the file; *ret_data is borrowed until the next call. Returns their number, 0 at
 * the end of the content, or a negative errno (a truncated archive is ERR_INVALID). */
ssize_t tar_reader_data(struct tar_reader *r, size_t max, const void **ret_data,
                        uint64_t *ret_offset, struct err *err);
/* The entry's content as a tar_read_fn (arg: the reader), holes filled with zeros: for an entry
 * that is itself a tar, or is read into memory. */
ssize_t tar_reader_read(void *reader, void *buf, size_t len, struct err *err);
/* Bytes of the stream consumed so far, content included. */
uint64_t tar_reader_offset(const struct tar_reader *r);
