/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Streaming tar writer. Headers are ustar as far as that can express the entry, preceded by a pax
 * extended header for what it cannot (long or non-ASCII names, large numbers, fractions of seconds,
 * xattrs). The same entries always give the same bytes.
 *
 * Life cycle: new -> (entry -> data*)* -> finish -> free. Not thread-safe. Blocks on the sink. */

#include "base/err.h"
#include "base/macros.h"
#include "tar/io.h"
#include "tar/reader.h"

struct tar_writer;

struct tar_writer *tar_writer_new(struct tar_sink sink);
void tar_writer_free(struct tar_writer *w);
DEFINE_CLEANUP(struct tar_writer *, tar_writer_free);

/* Starts an entry; the previous one must have got all its content. Of `e`, name, type, mode, uid,
 * gid, mtime and, where they apply, size, linkname, uname, gname, atime, device numbers and xattrs
 * are used; uname and gname may be NULL. Directories get a trailing '/'. */
int tar_writer_entry(struct tar_writer *w, const struct tar_entry *e, struct err *err);
/* Content of the current entry, e.size bytes in total, in any number of pieces. */
int tar_writer_data(struct tar_writer *w, const void *data, size_t len, struct err *err);
/* The writer's current entry as a sink; borrowed. */
struct tar_sink tar_writer_sink(struct tar_writer *w);

/* Whole small members, owned by root. */
int tar_writer_file(struct tar_writer *w, const char *name, mode_t mode, time_t mtime,
                    const void *data, size_t len, struct err *err);
int tar_writer_dir(struct tar_writer *w, const char *name, mode_t mode, time_t mtime,
                   struct err *err);
int tar_writer_symlink(struct tar_writer *w, const char *name, const char *target, time_t mtime,
                       struct err *err);

/* Writes the end marker (two zero blocks). Fails with ERR_INTERNAL when content is missing. */
int tar_writer_finish(struct tar_writer *w, struct err *err);
