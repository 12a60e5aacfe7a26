/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Gzip by zlib, for machines that ISA-L does not know. */

#include <zlib.h>

#include "base/alloc.h"
#include "tar/codec.h"
#include "tar/gzip.h"

#define OUTPUT_BYTES (128 * KIB)
#define GZIP_ONLY    (MAX_WBITS + 16)

struct gzip_state {
    z_stream z;
};

static int gzip_begin(struct tar_source *s, struct err *err)
{
    int r;

    if (!s->u.gzip) {
        s->u.gzip = XNEW(struct gzip_state);
        r = inflateInit2(&s->u.gzip->z, GZIP_ONLY);
    } else {
        r = inflateReset(&s->u.gzip->z);
    }
    return r == Z_OK ? 0 : err_set(err, ERR_INTERNAL, "gzip: cannot start (%d)", r);
}

static ssize_t gzip_step(struct tar_source *s, uint8_t *out, size_t cap, struct err *err)
{
    z_stream *z = &s->u.gzip->z;

    z->next_in = s->in + s->in_pos;
    z->avail_in = (uInt)(s->in_len - s->in_pos);
    z->next_out = out;
    z->avail_out = (uInt)MIN(cap, (size_t)1 << 30);
    int r = inflate(z, Z_NO_FLUSH);
    s->in_pos = (size_t)(z->next_in - s->in);
    if (r == Z_STREAM_END)
        s->in_member = false;
    else if (r != Z_OK && r != Z_BUF_ERROR)
        return err_set(err, ERR_INVALID, "gzip: %s",
                       z->msg && strstr(z->msg, "check") ? "wrong checksum" : "malformed data");
    return z->next_out - out;
}

static void gzip_done(struct tar_source *s)
{
    if (!s->u.gzip)
        return;
    (void)inflateEnd(&s->u.gzip->z);
    free(s->u.gzip);
}

const struct codec tar_codec_gzip = {"gzip", gzip_begin, gzip_step, gzip_done};

struct gzip_encoder {
    z_stream z;
    uint8_t out[OUTPUT_BYTES];
};

struct gzip_encoder *gzip_encoder_new(void)
{
    struct gzip_encoder *g = XNEW(struct gzip_encoder);

    /* Fails only for lack of memory; the first write reports it then. */
    (void)deflateInit2(&g->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_ONLY, 8, Z_DEFAULT_STRATEGY);
    return g;
}

void gzip_encoder_free(struct gzip_encoder *g)
{
    if (!g)
        return;
    (void)deflateEnd(&g->z);
    free(g);
}

int gzip_encoder_write(struct gzip_encoder *g, struct tar_sink sink, const void *data, size_t len,
                       bool end, struct err *err)
{
    const uint8_t *p = data;
    int status = Z_OK;

    do {
        size_t take = MIN(len, (size_t)1 << 30);
        bool last = end && take == len;
        g->z.next_in = (uint8_t *)(uintptr_t)p;
        g->z.avail_in = (uInt)take;
        do {
            g->z.next_out = g->out;
            g->z.avail_out = OUTPUT_BYTES;
            status = deflate(&g->z, last ? Z_FINISH : Z_NO_FLUSH);
            if (status == Z_STREAM_ERROR)
                return err_set(err, ERR_INTERNAL, "gzip: cannot compress");
            size_t n = OUTPUT_BYTES - g->z.avail_out;
            int r = n > 0 ? sink.write(sink.arg, g->out, n, err) : 0;
            if (r < 0)
                return r;
        } while (g->z.avail_out == 0 || (last && status != Z_STREAM_END));
        p = take > 0 ? p + take : p;
        len -= take;
    } while (len > 0);
    return 0;
}
