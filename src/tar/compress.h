/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Compressed streams, found out by their first bytes: plain, gzip (concatenated members, checksums
 * verified), zstd (several frames, skippable frames, window up to 128 MiB), xz, bzip2.
 *
 * A source is pulled: open -> read until 0 -> free. A stream that ends early, has a wrong checksum
 * or something other than zero padding behind its end is ERR_INVALID, never a silent end of file.
 * A source belongs to one thread at a time. Reading blocks on the underlying stream. */

#include "base/err.h"
#include "base/macros.h"
#include "tar/io.h"

enum tar_compression {
    TAR_PLAIN,
    TAR_GZIP,
    TAR_ZSTD,
    TAR_XZ,
    TAR_BZIP2,
};

#define TAR_COMPRESSION_MAGIC 6 /* bytes that tar_compression_detect() wants to see */

enum tar_compression tar_compression_detect(const void *data, size_t len);
/* "plain", "gzip", "zstd", "xz", "bzip2" */
const char *tar_compression_name(enum tar_compression c);

struct tar_source;

/* Reads fd (borrowed, from its current offset to its end). Reads the first bytes at once. */
int tar_source_open_fd(int fd, struct tar_source **ret, struct err *err);
/* The same for the stream that `read` delivers (e.g. a member of another tar). */
int tar_source_open_fn(tar_read_fn read, void *arg, struct tar_source **ret, struct err *err);
/* The same for len bytes of memory (borrowed). */
int tar_source_open_mem(const void *data, size_t len, struct tar_source **ret, struct err *err);
void tar_source_free(struct tar_source *s);
DEFINE_CLEANUP(struct tar_source *, tar_source_free);

enum tar_compression tar_source_compression(const struct tar_source *s);
/* Decoded bytes: up to len, 0 at the verified end, or a negative errno. By then the underlying
 * stream has been read to its end too. */
ssize_t tar_source_read(struct tar_source *s, void *buf, size_t len, struct err *err);

/* Encoders: what is written comes out of `sink` compressed. TAR_PLAIN passes through, TAR_GZIP and
 * TAR_ZSTD are supported, others are ERR_UNSUPPORTED. Output is deterministic (no times, no names
 * in headers). level 0: the default. */
struct tar_encoder;
int tar_encoder_new(enum tar_compression c, int level, struct tar_sink sink,
                    struct tar_encoder **ret, struct err *err);
void tar_encoder_free(struct tar_encoder *e);
DEFINE_CLEANUP(struct tar_encoder *, tar_encoder_free);
int tar_encoder_write(struct tar_encoder *e, const void *data, size_t len, struct err *err);
/* Ends the stream; nothing can be written afterwards. */
int tar_encoder_finish(struct tar_encoder *e, struct err *err);
/* The encoder as a sink for tar_writer and others; borrowed. */
struct tar_sink tar_encoder_sink(struct tar_encoder *e);
