/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/compress.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "tar/codec.h"
#include "tar/pipe.h"
#include "tar/reader.h"

static const struct codec plain = {.name = "plain"};

static const struct codec *const codecs[] = {
    [TAR_PLAIN] = &plain,     [TAR_GZIP] = &tar_codec_gzip,   [TAR_ZSTD] = &tar_codec_zstd,
    [TAR_XZ] = &tar_codec_xz, [TAR_BZIP2] = &tar_codec_bzip2,
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
    return (size_t)c < ARRAY_SIZE(codecs) ? codecs[c]->name : "unknown";
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
    s->codec = s->compression == TAR_PLAIN ? NULL : codecs[s->compression];
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
    if (s->any_member && s->codec == &tar_codec_gzip && s->in[s->in_pos] != 0x1f)
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

static ssize_t read_source(void *arg, void *buf, size_t len, struct err *err)
{
    return tar_source_read(arg, buf, len, err);
}

struct tar_reader *tar_reader_new_source(struct tar_source *source)
{
    return tar_reader_new(read_source, source);
}
