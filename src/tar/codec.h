/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Decoders behind a tar_source: one for each compression. */

#include <lzma.h>
#include <zstd.h>
#if defined(HAVE_BZIP2) && HAVE_BZIP2
#include <bzlib.h>
#endif

#include "base/limits.h"
#include "tar/compress.h"

#define INPUT_BYTES (256 * KIB)

struct tar_source;

/* One decoder. A stream consists of members (gzip members, zstd frames, xz or bzip2 streams). */
struct codec {
    const char *name;
    /* Gets ready for a member. */
    int (*begin)(struct tar_source *s, struct err *err);
    /* Consumes input, gives up to cap bytes of output; clears s->in_member at its verified end. */
    ssize_t (*step)(struct tar_source *s, uint8_t *out, size_t cap, struct err *err);
    void (*done)(struct tar_source *s);
};

struct tar_source {
    enum tar_compression compression;
    const struct codec *codec; /* NULL: plain */
    tar_read_fn read;
    void *read_arg; /* borrowed */
    int fd;         /* borrowed; -1: not over a descriptor */
    int cancel_fd;  /* borrowed; -1: none */
    const uint8_t *mem;
    size_t mem_len;
    uint8_t *in; /* owned; INPUT_BYTES */
    size_t in_pos, in_len;
    bool in_eof, in_member, any_member;
    int failed; /* negative errno that every later read returns, too */
    union {
        struct gzip_state *gzip; /* owned */
        ZSTD_DStream *zstd;      /* owned */
        struct {
            lzma_stream strm;
            bool live;
        } xz;
#if defined(HAVE_BZIP2) && HAVE_BZIP2
        struct {
            bz_stream strm;
            bool live;
        } bz;
#endif
    } u;
};

extern const struct codec tar_codec_gzip, tar_codec_zstd, tar_codec_xz, tar_codec_bzip2;
