/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/codec.h"

#define ZSTD_WINDOW_LOG  27 /* 128 MiB: what zstd itself accepts without --long */
#define XZ_MEMLIMIT      (UINT64_C(256) * MIB)
#define BZIP2_INPUT_STEP (64 * KIB)

static int zstd_begin(struct tar_source *s, struct err *err)
{
    if (!s->u.zstd) {
        s->u.zstd = ZSTD_createDStream();
        if (!s->u.zstd)
            return err_set(err, ERR_INTERNAL, "zstd: out of memory");
        (void)ZSTD_DCtx_setParameter(s->u.zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
    }
    (void)ZSTD_DCtx_reset(s->u.zstd, ZSTD_reset_session_only);
    return 0;
}

static ssize_t zstd_step(struct tar_source *s, uint8_t *out, size_t cap, struct err *err)
{
    ZSTD_inBuffer zin = {.src = s->in + s->in_pos, .size = s->in_len - s->in_pos};
    ZSTD_outBuffer zout = {.dst = out, .size = cap};
    size_t r = ZSTD_decompressStream(s->u.zstd, &zout, &zin);

    s->in_pos += zin.pos;
    if (ZSTD_isError(r))
        return err_set(err, ERR_INVALID, "zstd: %s", ZSTD_getErrorName(r));
    if (r == 0)
        s->in_member = false;
    return (ssize_t)zout.pos;
}

static void zstd_done(struct tar_source *s)
{
    (void)ZSTD_freeDStream(s->u.zstd);
}

static int xz_begin(struct tar_source *s, struct err *err)
{
    /* On a live stream this starts anew and reuses its memory. */
    lzma_ret r = lzma_stream_decoder(&s->u.xz.strm, XZ_MEMLIMIT, LZMA_TELL_UNSUPPORTED_CHECK);

    s->u.xz.live = true;
    return r == LZMA_OK ? 0 : err_set(err, ERR_INTERNAL, "xz: cannot start (%d)", (int)r);
}

static ssize_t xz_step(struct tar_source *s, uint8_t *out, size_t cap, struct err *err)
{
    lzma_stream *z = &s->u.xz.strm;

    z->next_in = s->in + s->in_pos;
    z->avail_in = s->in_len - s->in_pos;
    z->next_out = out;
    z->avail_out = cap;
    lzma_ret r = lzma_code(z, LZMA_RUN);
    s->in_pos = (size_t)(z->next_in - s->in);
    switch (r) {
    case LZMA_STREAM_END:
        s->in_member = false;
        break;
    case LZMA_OK:
    case LZMA_BUF_ERROR: /* no progress: the caller finds out why */
        break;
    case LZMA_MEMLIMIT_ERROR:
        return err_set(err, ERR_INVALID, "xz: decoding needs more than %d MiB of memory",
                       (int)(XZ_MEMLIMIT / MIB));
    case LZMA_UNSUPPORTED_CHECK:
        return err_set(err, ERR_INVALID, "xz: unsupported integrity check");
    default:
        return err_set(err, ERR_INVALID, "xz: malformed data (%d)", (int)r);
    }
    return z->next_out - out;
}

static void xz_done(struct tar_source *s)
{
    if (s->u.xz.live)
        lzma_end(&s->u.xz.strm);
}

#if defined(HAVE_BZIP2) && HAVE_BZIP2
static void bz_done(struct tar_source *s)
{
    if (s->u.bz.live)
        (void)BZ2_bzDecompressEnd(&s->u.bz.strm);
    s->u.bz.live = false;
}

static int bz_begin(struct tar_source *s, struct err *err)
{
    bz_done(s);
    s->u.bz.strm = (bz_stream){0};
    int r = BZ2_bzDecompressInit(&s->u.bz.strm, 0, 0);
    if (r != BZ_OK)
        return err_set(err, ERR_INTERNAL, "bzip2: cannot start (%d)", r);
    s->u.bz.live = true;
    return 0;
}

static ssize_t bz_step(struct tar_source *s, uint8_t *out, size_t cap, struct err *err)
{
    bz_stream *z = &s->u.bz.strm;
    size_t avail = MIN(s->in_len - s->in_pos, BZIP2_INPUT_STEP);

    z->next_in = (char *)s->in + s->in_pos;
    z->avail_in = (unsigned)avail;
    z->next_out = (char *)out;
    z->avail_out = (unsigned)MIN(cap, (size_t)1 << 30);
    int r = BZ2_bzDecompress(z);
    s->in_pos += avail - z->avail_in;
    if (r == BZ_STREAM_END)
        s->in_member = false;
    else if (r != BZ_OK)
        return err_set(err, ERR_INVALID, "bzip2: malformed data (%d)", r);
    return z->next_out - (char *)out;
}

const struct codec tar_codec_bzip2 = {"bzip2", bz_begin, bz_step, bz_done};
#else
const struct codec tar_codec_bzip2 = {.name = "bzip2"};
#endif

const struct codec tar_codec_zstd = {"zstd", zstd_begin, zstd_step, zstd_done};
const struct codec tar_codec_xz = {"xz", xz_begin, xz_step, xz_done};
