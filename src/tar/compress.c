/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/compress.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>
#if HAVE_BZIP2
#include <bzlib.h>
#endif

#include "base/alloc.h"
#include "base/limits.h"
#include "tar/pipe.h"

#define INPUT_BYTES      (256 * KIB)
#define ZSTD_WINDOW_LOG  27 /* 128 MiB: what zstd itself accepts without --long */
#define XZ_MEMLIMIT      (UINT64_C(256) * MIB)
#define BZIP2_INPUT_STEP (64 * KIB)

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

struct gzip_state {
    struct inflate_state z;
    struct isal_gzip_header header;
    bool in_header;
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
#if HAVE_BZIP2
        struct {
            bz_stream strm;
            bool live;
        } bz;
#endif
    } u;
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

#if HAVE_BZIP2
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
#endif

static const struct codec codecs[] = {
    [TAR_PLAIN] = {.name = "plain"},
    [TAR_GZIP] = {"gzip", gzip_begin, gzip_step, gzip_done},
    [TAR_ZSTD] = {"zstd", zstd_begin, zstd_step, zstd_done},
    [TAR_XZ] = {"xz", xz_begin, xz_step, xz_done},
#if HAVE_BZIP2
    [TAR_BZIP2] = {"bzip2", bz_begin, bz_step, bz_done},
#else
    [TAR_BZIP2] = {.name = "bzip2"},
#endif
};

enum tar_compression tar_compression_detect(const void *data, size_t len)
{
    const uint8_t *p = data;

    if (len >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8)
        return TAR_GZIP;
    if (len >= 4 && memcmp(p, "\x28\xb5\x2f\xfd", 4) == 0)
        return TAR_ZSTD;
    /* A skippable zstd frame first, as eStargz-like layers have it. */
    if (len >= 4 && (p[0] & 0xf0) == 0x50 && memcmp(p + 1, "\x2a\x4d\x18", 3) == 0)
        return TAR_ZSTD;
    if (len >= 6 && memcmp(p,
                           "\xfd"
                           "7zXZ\0",
                           6) == 0)
        return TAR_XZ;
    if (len >= 4 && memcmp(p, "BZh", 3) == 0 && p[3] >= '1' && p[3] <= '9')
        return TAR_BZIP2;
    return TAR_PLAIN;
}

const char *tar_compression_name(enum tar_compression c)
{
    return (size_t)c < ARRAY_SIZE(codecs) ? codecs[c].name : "unknown";
}

static ssize_t read_from_fd(void *arg, void *buf, size_t len, struct err *err)
{
    const struct tar_source *s = arg;

    for (;;) {
        if (s->cancel_fd >= 0) {
            struct pollfd fds[2] = {{.fd = s->fd, .events = POLLIN},
                                    {.fd = s->cancel_fd, .events = POLLIN}};
            if (poll(fds, 2, -1) < 0 && errno != EINTR)
                return err_errno(err, errno, "poll");
            if (fds[1].revents)
                return err_set(err, ERR_CANCELLED, "cancelled");
        }
        ssize_t n = read(s->fd, buf, len);
        if (n >= 0)
            return n;
        if (errno != EINTR)
            return err_errno(err, errno, "read");
    }
}

static ssize_t read_from_mem(void *arg, void *buf, size_t len, struct err *err)
{
    struct tar_source *s = arg;
    size_t n = MIN(len, s->mem_len);

    if (n > 0)
        memcpy(buf, s->mem, n);
    s->mem += n;
    s->mem_len -= n;
    return (ssize_t)n;
}

/* Adds to the input, which may hold something still. */
static int fill(struct tar_source *s, struct err *err)
{
    if (s->in_pos == s->in_len)
        s->in_pos = s->in_len = 0;
    ssize_t n = s->read(s->read_arg, s->in + s->in_len, INPUT_BYTES - s->in_len, err);
    if (n < 0)
        return (int)n;
    s->in_eof = n == 0;
    s->in_len += (size_t)n;
    return 0;
}

void tar_source_set_cancel(struct tar_source *s, int cancel_fd)
{
    s->cancel_fd = cancel_fd;
}

static int source_open(struct tar_source *s, struct tar_source **ret, struct err *err)
{
    s->cancel_fd = -1;
    s->in = xmalloc(INPUT_BYTES);
    while (!s->in_eof && s->in_len < TAR_COMPRESSION_MAGIC) {
        int r = fill(s, err);
        if (r < 0) {
            tar_source_free(s);
            return r;
        }
    }
    s->compression = tar_compression_detect(s->in, s->in_len);
    s->codec = s->compression == TAR_PLAIN ? NULL : &codecs[s->compression];
    if (s->codec && !s->codec->step) {
        int r = err_set(err, ERR_UNSUPPORTED, "%s is not supported by this build", s->codec->name);
        s->codec = NULL;
        tar_source_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

int tar_source_open_fd(int fd, struct tar_source **ret, struct err *err)
{
    struct tar_source *s = XNEW(struct tar_source);

    s->fd = fd;
    s->read = read_from_fd;
    s->read_arg = s;
    return source_open(s, ret, err);
}

int tar_source_open_fn(tar_read_fn read_fn, void *arg, struct tar_source **ret, struct err *err)
{
    struct tar_source *s = XNEW(struct tar_source);

    s->fd = -1;
    s->read = read_fn;
    s->read_arg = arg;
    return source_open(s, ret, err);
}

int tar_source_open_mem(const void *data, size_t len, struct tar_source **ret, struct err *err)
{
    struct tar_source *s = XNEW(struct tar_source);

    s->fd = -1;
    s->mem = data;
    s->mem_len = len;
    s->read = read_from_mem;
    s->read_arg = s;
    return source_open(s, ret, err);
}

void tar_source_free(struct tar_source *s)
{
    if (!s)
        return;
    if (s->codec)
        s->codec->done(s);
    free(s->in);
    free(s);
}

enum tar_compression tar_source_compression(const struct tar_source *s)
{
    return s->compression;
}

static ssize_t plain_read(struct tar_source *s, void *buf, size_t len, struct err *err)
{
    size_t n = MIN(len, s->in_len - s->in_pos);

    if (n == 0)
        return s->in_eof ? 0 : s->read(s->read_arg, buf, len, err);
    memcpy(buf, s->in + s->in_pos, n);
    s->in_pos += n;
    return (ssize_t)n;
}

/* Between members: skips zero padding and starts the next member. Returns 0 at the end of the
 * stream, 1 when there is a member (or more input is needed to tell). */
static int next_member(struct tar_source *s, struct err *err)
{
    if (s->any_member)
        while (s->in_pos < s->in_len && s->in[s->in_pos] == 0)
            s->in_pos++;
    if (s->in_pos == s->in_len)
        return s->in_eof ? 0 : 1;
    if (s->any_member && s->codec == &codecs[TAR_GZIP] && s->in[s->in_pos] != 0x1f)
        return err_set(err, ERR_INVALID, "gzip: something else follows the compressed stream");
    int r = s->codec->begin(s, err);
    if (r < 0)
        return r;
    s->in_member = s->any_member = true;
    return 1;
}

static ssize_t coded_read(struct tar_source *s, void *buf, size_t len, struct err *err)
{
    for (;;) {
        if (s->in_pos == s->in_len && !s->in_eof) {
            int r = fill(s, err);
            if (r < 0)
                return r;
        }
        if (!s->in_member) {
            int r = next_member(s, err);
            if (r <= 0)
                return r;
            if (!s->in_member)
                continue;
        }
        size_t before = s->in_pos;
        ssize_t n = s->codec->step(s, buf, len, err);
        if (n != 0)
            return n;
        if (s->in_member && s->in_eof && s->in_pos == s->in_len && before == s->in_pos)
            return err_set(err, ERR_INVALID, "%s: the stream is truncated", s->codec->name);
    }
}

ssize_t tar_source_read(struct tar_source *s, void *buf, size_t len, struct err *err)
{
    if (s->failed)
        return err_set(err, ERR_INVALID, "%s: the stream has failed before",
                       tar_compression_name(s->compression));
    if (len == 0)
        return 0;
    ssize_t n = s->codec ? coded_read(s, buf, len, err) : plain_read(s, buf, len, err);
    if (n < 0)
        s->failed = (int)n;
    return n;
}
