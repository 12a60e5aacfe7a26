/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "tar/compress.h"
#include "tar/gzip.h"

#define OUTPUT_BYTES       (128 * KIB)
#define ZSTD_LEVEL_DEFAULT 3

struct tar_encoder {
    enum tar_compression compression;
    struct tar_sink sink;
    uint8_t *out;              /* owned; OUTPUT_BYTES */
    struct gzip_encoder *gzip; /* owned */
    ZSTD_CStream *zstd;        /* owned */
};

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
        e->gzip = gzip_encoder_new();
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
    gzip_encoder_free(e->gzip);
    free(e->out);
    free(e);
}

static int emit(struct tar_encoder *e, size_t len, struct err *err)
{
    return len > 0 ? e->sink.write(e->sink.arg, e->out, len, err) : 0;
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
        return gzip_encoder_write(e->gzip, e->sink, data, len, end, err);
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
