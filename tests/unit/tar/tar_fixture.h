/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the codec's tests share: a scratch directory with a canary beside the tree that is unpacked
 * into, tars built in memory (also malformed ones), and a check that a journal gives a tar back. */

#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "tar/extract.h"
#include "tar/journal.h"
#include "tar/writer.h"

struct fixture {
    char dir[64]; /* scratch directory */
    int dirfd, rootfd;
    struct buf tar; /* what is being built */
    struct tar_writer *writer;
    struct tar_unpack_options options;
    struct tar_unpack_result result;
    struct err err;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Starts over with an empty tree and an empty tar. */
void fixture_reset(struct fixture *f);
void add_file(struct fixture *f, const char *name, const char *content);
void add_dir(struct fixture *f, const char *name);
void add_symlink(struct fixture *f, const char *name, const char *target);
void add_hardlink(struct fixture *f, const char *name, const char *target);
void add_device(struct fixture *f, const char *name, enum tar_type type, unsigned dev_major,
                unsigned dev_minor);
/* A header with everything as given, the checksum made right. size: the raw field, 12 bytes or
 * less. content is padded. */
void add_raw(struct fixture *f, const char *name, char typeflag, const char *size,
             const char *linkname, const void *content, size_t len);
/* A pax header with these records before the next entry. */
void add_pax(struct fixture *f, const char *records, size_t len);
/* The same for well-formed records, given as "key=value\n"…; their lengths are put before them. */
void add_records(struct fixture *f, const char *lines);

/* Ends the tar and unpacks it with a journal. On success the tar is rebuilt from the tree and
 * compared; the canary is checked in any case. Returns what tar_unpack_layer() did. */
int unpack(struct fixture *f);
/* The same with a finished tar, compressed or not; plain is the uncompressed one. */
int unpack_bytes(struct fixture *f, const void *tar, size_t len, const void *plain,
                 size_t plain_len);

/* Expects success, or a failure whose message contains `text`. */
void expect_ok(struct fixture *f);
void expect_invalid(struct fixture *f, const char *text);

/* stat of a path in the tree, links not followed. */
bool tree_stat(struct fixture *f, const char *path, struct stat *ret);
bool tree_has(struct fixture *f, const char *path, const char *content);
bool tree_opaque(struct fixture *f, const char *path);
bool tree_whiteout(struct fixture *f, const char *path);

/* Runs a shell command in the scratch directory; false if it fails. */
bool shell(struct fixture *f, const char *fmt, ...) _printf_(2, 3);
/* A whole file of the scratch directory. */
char *slurp(struct fixture *f, const char *name, size_t *ret_len);
