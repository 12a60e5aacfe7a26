/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Gzip by ISA-L, several times as fast as zlib. */

#include <isa-l/igzip_lib.h>

#include "base/alloc.h"
#include "tar/codec.h"
#include "tar/gzip.h"

#define OUTPUT_BYTES (128 * KIB)

struct gzip_state {
    struct inflate_state z;
    struct isal_gzip_header header;
    bool in_header;
};

/* The header is read apart: when isal_inflate() does it itself and the header comes in pieces, it
 * forgets the flags between them (ISA-L 2.30 keeps them on its stack). */
static int gzip_begin(struct tar_source *s, struct err *err)
{
    if (!s->u.gzip)
        s->u.gzip = XNEW(struct gzip_state);
    isal_inflate_init(&s->u.gzip->z);
    isal_gzip_header_init(&s->u.gzip->header);
    s->u.gzip->z.crc_flag = ISAL_GZIP_NO_HDR_VER;
    s->u.gzip->in_header = true;
    return 0;
}

static ssize_t gzip_step(struct tar_source *s, uint8_t *out, size_t cap, struct err *err)
{
    struct gzip_state *g = s->u.gzip;
    struct inflate_state *z = &g->z;
    int r;

    z->next_in = s->in + s->in_pos;
    z->avail_in = (uint32_t)(s->in_len - s->in_pos);
    z->next_out = out;
    z->avail_out = (uint32_t)MIN(cap, (size_t)1 << 30);
    if (g->in_header) {
        r = isal_read_gzip_header(z, &g->header);
        g->in_header = r == ISAL_END_INPUT;
    } else {
        r = isal_inflate(z);
    }
    s->in_pos = (size_t)(z->next_in - s->in);
    if (r == ISAL_INCORRECT_CHECKSUM)
        return err_set(err, ERR_INVALID, "gzip: wrong checksum");
    if (r < 0 || r >= ISAL_NAME_OVERFLOW)
        return err_set(err, ERR_INVALID, "gzip: malformed data (%d)", r);
    if (z->block_state == ISAL_BLOCK_FINISH)
        s->in_member = false;
    return z->next_out - out;
}

static void gzip_done(struct tar_source *s)
{
    free(s->u.gzip);
}

const struct codec tar_codec_gzip = {"gzip", gzip_begin, gzip_step, gzip_done};

struct gzip_encoder {
    struct isal_zstream z;
    uint8_t level[ISAL_DEF_LVL2_DEFAULT]; /* working memory of its level */
    uint8_t out[OUTPUT_BYTES];
};

struct gzip_encoder *gzip_encoder_new(void)
{
    struct gzip_encoder *g = XNEW(struct gzip_encoder);

    isal_deflate_init(&g->z);
    g->z.level = 2;
    g->z.level_buf = g->level;
    g->z.level_buf_size = sizeof(g->level);
    g->z.gzip_flag = IGZIP_GZIP;
    return g;
}

void gzip_encoder_free(struct gzip_encoder *g)
{
    free(g);
}

int gzip_encoder_write(struct gzip_encoder *g, struct tar_sink sink, const void *data, size_t len,
                       bool end, struct err *err)
{
    static const uint8_t nothing[1];
    const uint8_t *p = data ? data : nothing;
    struct isal_zstream *z = &g->z;

    do {
        size_t take = MIN(len, (size_t)1 << 30);
        z->next_in = (uint8_t *)(uintptr_t)p;
        z->avail_in = (uint32_t)take;
        z->end_of_stream = end && take == len;
        do {
            z->next_out = g->out;
            z->avail_out = OUTPUT_BYTES;
            int r = isal_deflate(z);
            if (r != COMP_OK)
                return err_set(err, ERR_INTERNAL, "gzip: cannot compress (%d)", r);
            size_t n = OUTPUT_BYTES - z->avail_out;
            r = n > 0 ? sink.write(sink.arg, g->out, n, err) : 0;
            if (r < 0)
                return r;
        } while (z->avail_out == 0 || z->avail_in > 0);
        p += take;
        len -= take;
    } while (len > 0);
    return 0;
}
