/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "tar/compress.h"

#define OUTPUT_BYTES       (128 * KIB)
#define ZSTD_LEVEL_DEFAULT 3

struct tar_encoder {
    enum tar_compression compression;
    struct tar_sink sink;
    uint8_t *out;              /* owned; OUTPUT_BYTES */
    struct isal_zstream *gzip; /* owned */
    uint8_t *gzip_level;       /* owned: the working memory of its level */
    ZSTD_CStream *zstd;        /* owned */
};

static void gzip_init(struct tar_encoder *e)
{
    e->gzip = XNEW(struct isal_zstream);
    e->gzip_level = xmalloc(ISAL_DEF_LVL2_DEFAULT);
    isal_deflate_init(e->gzip);
    e->gzip->level = 2;
    e->gzip->level_buf = e->gzip_level;
    e->gzip->level_buf_size = ISAL_DEF_LVL2_DEFAULT;
    e->gzip->gzip_flag = IGZIP_GZIP;
}

int tar_encoder_new(enum tar_compression c, int level, struct tar_sink sink,
                    struct tar_encoder **ret, struct err *err)
{
    if (c != TAR_PLAIN && c != TAR_GZIP && c != TAR_ZSTD)
        return err_set(err, ERR_UNSUPPORTED, "compressing with %s is not supported",
                       tar_compression_name(c));
    _cleanup_(tar_encoder_freep)
    struct tar_encoder *e = XNEW(struct tar_encoder);
    e->compression = c;
    e->sink = sink;
    e->out = xmalloc(OUTPUT_BYTES);
    if (c == TAR_GZIP) {
        gzip_init(e);
    } else if (c == TAR_ZSTD) {
        e->zstd = ZSTD_createCStream();
        if (!e->zstd)
            return err_set(err, ERR_INTERNAL, "zstd: out of memory");
        size_t r = ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_compressionLevel,
                                          level ? level : ZSTD_LEVEL_DEFAULT);
        if (ZSTD_isError(r))
            return err_set(err, ERR_INVALID, "zstd: %s", ZSTD_getErrorName(r));
        (void)ZSTD_CCtx_setParameter(e->zstd, ZSTD_c_checksumFlag, 1);
    }
    *ret = TAKE_PTR(e);
    return 0;
}

void tar_encoder_free(struct tar_encoder *e)
{
    if (!e)
        return;
    (void)ZSTD_freeCStream(e->zstd);
    free(e->gzip);
    free(e->gzip_level);
    free(e->out);
    free(e);
}

static int emit(struct tar_encoder *e, size_t len, struct err *err)
{
    return len > 0 ? e->sink.write(e->sink.arg, e->out, len, err) : 0;
}

static int gzip_write(struct tar_encoder *e, const void *data, size_t len, bool end,
                      struct err *err)
{
    struct isal_zstream *z = e->gzip;
    static const uint8_t nothing[1];
    const uint8_t *p = data ? data : nothing;

    do {
        size_t take = MIN(len, (size_t)1 << 30);
        z->next_in = (uint8_t *)(uintptr_t)p;
        z->avail_in = (uint32_t)take;
        z->end_of_stream = end && take == len;
        do {
            z->next_out = e->out;
            z->avail_out = OUTPUT_BYTES;
            int r = isal_deflate(z);
            if (r != COMP_OK)
                return err_set(err, ERR_INTERNAL, "gzip: cannot compress (%d)", r);
            r = emit(e, OUTPUT_BYTES - z->avail_out, err);
            if (r < 0)
                return r;
        } while (z->avail_out == 0 || z->avail_in > 0);
        p += take;
        len -= take;
    } while (len > 0);
    return 0;
}

static int zstd_write(struct tar_encoder *e, const void *data, size_t len, bool end,
                      struct err *err)
{
    ZSTD_inBuffer in = {.src = data, .size = len};

    for (;;) {
        ZSTD_outBuffer out = {.dst = e->out, .size = OUTPUT_BYTES};
        size_t left = ZSTD_compressStream2(e->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return err_set(err, ERR_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        int r = emit(e, out.pos, err);
        if (r < 0)
            return r;
        if (end ? left == 0 : in.pos == in.size)
            return 0;
    }
}

static int encode(struct tar_encoder *e, const void *data, size_t len, bool end, struct err *err)
{
    switch (e->compression) {
    case TAR_GZIP:
        return gzip_write(e, data, len, end, err);
    case TAR_ZSTD:
        return zstd_write(e, data, len, end, err);
    default:
        return len > 0 ? e->sink.write(e->sink.arg, data, len, err) : 0;
    }
}

int tar_encoder_write(struct tar_encoder *e, const void *data, size_t len, struct err *err)
{
    return len > 0 ? encode(e, data, len, false, err) : 0;
}

int tar_encoder_finish(struct tar_encoder *e, struct err *err)
{
    return encode(e, NULL, 0, true, err);
}

static int encoder_sink_write(void *arg, const void *data, size_t len, struct err *err)
{
    return tar_encoder_write(arg, data, len, err);
}

struct tar_sink tar_encoder_sink(struct tar_encoder *e)
{
    return (struct tar_sink){.write = encoder_sink_write, .arg = e};
}
