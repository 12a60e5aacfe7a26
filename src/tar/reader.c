/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/reader.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "tar/reader_internal.h"

struct tar_reader *tar_reader_new(tar_read_fn read_fn, void *arg)
{
    struct tar_reader *r = XNEW(struct tar_reader);

    r->read = read_fn;
    r->read_arg = arg;
    r->buf = xmalloc(READER_BUFFER);
    buf_init(&r->ext, LIMIT_TAR_PAX_BYTES + TAR_BLOCK);
    tar_pax_reset(&r->pax);
    return r;
}

void tar_reader_free(struct tar_reader *r)
{
    if (!r)
        return;
    tar_pax_done(&r->pax);
    buf_done(&r->ext);
    free(r->long_name);
    free(r->long_link);
    free(r->segments);
    free(r->buf);
    free(r);
}

void tar_reader_set_meta(struct tar_reader *r, tar_meta_fn meta, void *arg)
{
    r->meta = meta;
    r->meta_arg = arg;
}

uint64_t tar_reader_offset(const struct tar_reader *r)
{
    return r->offset;
}

ssize_t tar_reader_peek(struct tar_reader *r, size_t want, struct err *err)
{
    size_t have = r->len - r->pos;

    if (have >= want || r->eof)
        return (ssize_t)have;
    if (have > 0)
        memmove(r->buf, r->buf + r->pos, have);
    r->pos = 0;
    r->len = have;
    while (r->len < want && !r->eof) {
        ssize_t n = r->read(r->read_arg, r->buf + r->len, READER_BUFFER - r->len, err);
        if (n < 0)
            return n;
        r->eof = n == 0;
        r->len += (size_t)n;
    }
    return (ssize_t)r->len;
}

int tar_reader_meta(struct tar_reader *r, size_t n, struct err *err)
{
    int ret = r->meta && n > 0 ? r->meta(r->meta_arg, r->buf + r->pos, n, err) : 0;

    r->pos += n;
    r->offset += n;
    return ret;
}

/* Passes n bytes on as metadata; at the end of the stream fewer if `lenient`. */
static int pass_meta(struct tar_reader *r, uint64_t n, bool lenient, struct err *err)
{
    while (n > 0) {
        ssize_t have = tar_reader_peek(r, 1, err);
        if (have < 0)
            return (int)have;
        if (have == 0)
            return lenient ? 0 : err_set(err, ERR_INVALID, "tar: truncated");
        size_t step = (size_t)MIN(n, (uint64_t)have);
        int ret = tar_reader_meta(r, step, err);
        if (ret < 0)
            return ret;
        n -= step;
    }
    return 0;
}

/* Reads the content of an extended header into r->ext, as metadata. */
static int read_extended(struct tar_reader *r, const uint8_t *block, const char *what, size_t max,
                         struct err *err)
{
    int64_t size;

    if (tar_parse_number(block, F_SIZE, &size) < 0 || size < 0)
        return err_set(err, ERR_INVALID, "tar: %s with a malformed size", what);
    if ((uint64_t)size > max)
        return err_set(err, ERR_INVALID, "tar: %s of %lld bytes, more than the %zu allowed", what,
                       (long long)size, max);
    int ret = tar_reader_meta(r, TAR_BLOCK, err);
    if (ret < 0)
        return ret;
    buf_reset(&r->ext);
    for (size_t left = (size_t)size; left > 0;) {
        ssize_t have = tar_reader_peek(r, 1, err);
        if (have < 0)
            return (int)have;
        if (have == 0)
            return err_set(err, ERR_INVALID, "tar: truncated in a %s", what);
        size_t step = MIN(left, (size_t)have);
        ret = buf_add(&r->ext, r->buf + r->pos, step);
        if (ret == 0)
            ret = tar_reader_meta(r, step, err);
        if (ret < 0)
            return ret;
        left -= step;
    }
    return pass_meta(r, -(uint64_t)size % TAR_BLOCK, true, err);
}

static int read_long_name(struct tar_reader *r, const uint8_t *block, char **slot, struct err *err)
{
    int ret = read_extended(r, block, "GNU long name", LIMIT_TAR_PATH, err);

    if (ret < 0)
        return ret;
    free(*slot);
    *slot = xstrdup(buf_str(&r->ext));
    if (strlen(*slot) >= LIMIT_TAR_PATH)
        return tar_bad(err, *slot, "the name is longer than %zu bytes", LIMIT_TAR_PATH - 1);
    return 0;
}

/* Handles the header if it only extends the next one: 1, or 0 if it is an entry's own. */
static int extension(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    int ret;

    switch (block[OFF_TYPEFLAG]) {
    case 'x':
        ret = read_extended(r, block, "pax header", LIMIT_TAR_PAX_BYTES, err);
        tar_pax_reset(&r->pax);
        if (ret == 0)
            ret = tar_pax_parse(&r->pax, buf_str(&r->ext), r->ext.len, err);
        break;
    case 'g':
        ret = read_extended(r, block, "global pax header", LIMIT_TAR_PAX_BYTES, err);
        break;
    case 'L':
        ret = read_long_name(r, block, &r->long_name, err);
        break;
    case 'K':
        ret = read_long_name(r, block, &r->long_link, err);
        break;
    default:
        return 0;
    }
    return ret < 0 ? ret : 1;
}

/* A zero block has been seen: checks the end marker and reads the rest of the stream. */
static int finish(struct tar_reader *r, struct err *err)
{
    int ret = tar_reader_meta(r, TAR_BLOCK, err);

    if (ret < 0)
        return ret;
    ssize_t have = tar_reader_peek(r, TAR_BLOCK, err);
    if (have < 0)
        return (int)have;
    if (have >= TAR_BLOCK && !tar_block_is_zero(r->buf + r->pos))
        return err_set(err, ERR_INVALID, "tar: a lone zero block at offset %llu",
                       (unsigned long long)(r->offset - TAR_BLOCK));
    r->ended = true;
    return pass_meta(r, UINT64_MAX, true, err);
}

/* What is left of the current entry: its content (dropped) and padding. */
static int finish_entry(struct tar_reader *r, struct err *err)
{
    const void *data;
    uint64_t offset;
    ssize_t n;

    while ((n = tar_reader_data(r, 0, &data, &offset, err)) > 0)
        ;
    if (n < 0)
        return (int)n;
    int ret = pass_meta(r, r->padding, true, err);
    r->padding = 0;
    return ret;
}

static void forget_extensions(struct tar_reader *r)
{
    tar_pax_reset(&r->pax);
    free(r->long_name);
    free(r->long_link);
    r->long_name = r->long_link = NULL;
}

static int check_block(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    char name[101], shown[256];

    if (tar_checksum_ok(block))
        return 0;
    if (r->offset == 0)
        return err_set(err, ERR_INVALID,
                       "tar: this is not a tar archive (bad checksum in the "
                       "first header)");
    (void)tar_field_string(block, F_NAME, name);
    return err_set(err, ERR_INVALID, "tar: bad checksum in the header of \"%s\" at offset %llu",
                   tar_printable(name, shown), (unsigned long long)r->offset);
}

static int next_entry(struct tar_reader *r, struct err *err)
{
    forget_extensions(r);
    for (size_t n_ext = 0;; n_ext++) {
        ssize_t have = tar_reader_peek(r, TAR_BLOCK, err);
        if (have < 0)
            return (int)have;
        if (have == 0 && n_ext == 0) {
            r->ended = true;
            return 0;
        }
        if (have < TAR_BLOCK)
            return err_set(err, ERR_INVALID, "tar: truncated: a header is missing at offset %llu",
                           (unsigned long long)r->offset);
        const uint8_t *block = r->buf + r->pos;
        if (tar_block_is_zero(block)) {
            if (n_ext > 0)
                return err_set(err, ERR_INVALID, "tar: an extended header without its entry");
            return finish(r, err);
        }
        if (n_ext > 16)
            return err_set(err, ERR_INVALID, "tar: too many extended headers in a row");
        int ret = check_block(r, block, err);
        if (ret == 0)
            ret = extension(r, block, err);
        if (ret < 0)
            return ret;
        if (ret == 0) {
            ret = tar_reader_entry(r, err);
            return ret < 0 ? ret : 1;
        }
    }
}

int tar_reader_next(struct tar_reader *r, const struct tar_entry **ret, struct err *err)
{
    if (r->failed)
        return err_set(err, ERR_INVALID, "tar: the archive has failed before");
    if (r->ended)
        return 0;
    int n = finish_entry(r, err);
    if (n == 0)
        n = next_entry(r, err);
    if (n < 0)
        r->failed = true;
    if (n > 0)
        *ret = &r->entry;
    return n;
}

ssize_t tar_reader_data(struct tar_reader *r, size_t max, const void **ret_data,
                        uint64_t *ret_offset, struct err *err)
{
    if (r->left == 0)
        return 0;
    ssize_t have = tar_reader_peek(r, 1, err);
    if (have == 0)
        have = tar_bad(err, r->entry.name, "truncated: %llu bytes of content are missing",
                       (unsigned long long)r->left);
    if (have < 0) {
        r->failed = true;
        return have;
    }
    uint64_t n = MIN((uint64_t)have, r->left);
    if (max > 0)
        n = MIN(n, (uint64_t)max);
    if (r->entry.sparse) {
        while (r->segment_done == r->segments[r->segment].len) {
            r->segment++;
            r->segment_done = 0;
        }
        const struct tar_segment *s = &r->segments[r->segment];
        n = MIN(n, s->len - r->segment_done);
        *ret_offset = s->offset + r->segment_done;
        r->segment_done += n;
    } else {
        *ret_offset = r->entry.stored - r->left;
    }
    *ret_data = r->buf + r->pos;
    r->pos += n;
    r->offset += n;
    r->left -= n;
    return (ssize_t)n;
}

ssize_t tar_reader_read(void *reader, void *buf, size_t len, struct err *err)
{
    struct tar_reader *r = reader;
    uint64_t hole = 0, at;
    const void *data;

    if (r->entry.sparse) {
        size_t i = r->segment;
        uint64_t done = r->segment_done;
        while (i < r->n_segments && done == r->segments[i].len) {
            i++;
            done = 0;
        }
        uint64_t next = i < r->n_segments ? r->segments[i].offset + done : r->entry.size;
        hole = next - r->read_pos;
    }
    if (hole > 0) {
        size_t n = (size_t)MIN(hole, (uint64_t)len);
        memset(buf, 0, n);
        r->read_pos += n;
        return (ssize_t)n;
    }
    ssize_t n = tar_reader_data(r, len, &data, &at, err);
    if (n > 0) {
        memcpy(buf, data, (size_t)n);
        r->read_pos += (size_t)n;
    }
    return n;
}
