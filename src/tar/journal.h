/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The header journal: everything of a layer's tar that the unpacked files do not hold (headers,
 * padding, end marker, trailing bytes, and the content of entries that were not unpacked or were
 * replaced later), compressed, usually about 1 % of the layer. Journal and files together give back
 * the exact tar, bit for bit. The format is described in docs/internals/tar.md.
 *
 * A journal is a regular file, written once from offset 0 by one thread. It is valid only after
 * tar_journal_finish(): a torn one is refused. Sizes, names and counts read from a journal are
 * bounded, and everything is under a checksum. */

#include "base/digest.h"
#include "base/err.h"
#include "base/macros.h"
#include "tar/io.h"
#include "tar/reader.h"

/* Writing */

struct tar_journal;

/* fd: an empty regular file opened for writing; borrowed. */
int tar_journal_new(int fd, struct tar_journal **ret, struct err *err);
void tar_journal_free(struct tar_journal *j);
DEFINE_CLEANUP(struct tar_journal *, tar_journal_free);
/* Bytes of the stream to be kept as they are. Is a tar_meta_fn with the journal as arg. */
int tar_journal_literal(void *journal, const void *data, size_t len, struct err *err);
/* `stored` bytes of the stream are the content of the regular file `path` (beneath the root, no
 * symlink in it): of the whole file, or of these segments of it. */
int tar_journal_file(struct tar_journal *j, const char *path, uint64_t stored,
                     const struct tar_segment *segments, size_t n_segments, struct err *err);
/* To be called before a regular file that tar_journal_file() has named is removed or changed: keeps
 * the content of fd (open for reading, borrowed) for the references made to `path` so far. */
int tar_journal_keep(struct tar_journal *j, const char *path, int fd, struct err *err);
/* Ends the journal; tar_bytes and diff_id are those of the uncompressed stream. Does not sync. */
int tar_journal_finish(struct tar_journal *j, uint64_t tar_bytes, const struct digest *diff_id,
                       struct err *err);

/* Reading */

struct tar_journal_info {
    uint64_t tar_bytes;     /* length of the uncompressed tar */
    struct digest diff_id;  /* its SHA-256 */
    uint64_t kept_files;    /* contents kept in the journal because their file was replaced */
    uint64_t journal_bytes; /* length of the journal itself */
};

/* fd: a journal open for reading; borrowed, its offset is not used. ERR_INVALID when it is torn or
 * damaged in what was looked at (header and index). */
int tar_journal_info(int fd, struct tar_journal_info *ret, struct err *err);

/* Opens the unpacked regular file `path` for reading. Returns the descriptor (the caller closes it)
 * or a negative errno. */
typedef int (*tar_open_fn)(void *arg, const char *path, struct err *err);

/* Writes the exact tar to `sink`, and verifies its length and digest at the end: ERR_INVALID if the
 * files are not the ones that were unpacked, or the journal is damaged (the sink has then got wrong
 * or incomplete data). ret may be NULL. */
int tar_rebuild(int journal_fd, tar_open_fn open_file, void *arg, struct tar_sink sink,
                struct tar_journal_info *ret, struct err *err);
/* The same with the files beneath rootfd (opened without following any symlink). */
int tar_rebuild_at(int journal_fd, int rootfd, struct tar_sink sink, struct tar_journal_info *ret,
                   struct err *err);
