/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The four ways to store a sparse file, as GNU tar's manual has them ("Storing Sparse Files"). The
 * maps are bounded like a pax header. */

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "tar/reader_internal.h"

#define MAP_BYTES_MAX LIMIT_TAR_PAX_BYTES
#define MAP_MAX       (MAP_BYTES_MAX / 24) /* entries, in old GNU's form */

/* Takes the map over into the entry after checking it. */
static int check_map(struct tar_reader *r, uint64_t size, struct err *err)
{
    struct tar_entry *e = &r->entry;
    uint64_t end = 0, sum = 0;

    if (size > INT64_MAX - TAR_BLOCK)
        return tar_bad(err, e->name, "sparse: size out of range");
    for (size_t i = 0; i < r->n_segments; i++) {
        const struct tar_segment *s = &r->segments[i];
        if (s->offset < end || s->len > size || s->offset > size - s->len)
            return tar_bad(err, e->name, "sparse: the map is out of order or out of range");
        end = s->offset + s->len;
        sum += s->len;
    }
    if (sum != e->stored)
        return tar_bad(err, e->name, "sparse: the map names %llu bytes, the archive has %llu",
                       (unsigned long long)sum, (unsigned long long)e->stored);
    e->size = size;
    e->sparse = true;
    e->segments = r->segments;
    e->n_segments = r->n_segments;
    return 0;
}

/* Pairs of offset and length; an all-blank pair ends them. */
static int old_gnu_pairs(struct tar_reader *r, const uint8_t *block, size_t at, size_t n,
                         struct err *err)
{
    for (size_t i = 0; i < n; i++, at += 24) {
        int64_t offset, len;
        if (block[at] == 0)
            return 0;
        if (tar_parse_number(block, (struct tar_field){(uint16_t)at, 12}, &offset) < 0 ||
            tar_parse_number(block, (struct tar_field){(uint16_t)(at + 12), 12}, &len) < 0 ||
            offset < 0 || len < 0)
            return tar_bad(err, r->entry.name, "sparse: malformed map");
        if (r->n_segments >= MAP_MAX)
            return tar_bad(err, r->entry.name, "sparse: the map is too long");
        tar_segment_push(&r->segments, &r->n_segments, (uint64_t)offset, (uint64_t)len);
    }
    return 0;
}

static int old_gnu(struct tar_reader *r, const uint8_t *header, struct err *err)
{
    int64_t size;

    if (tar_header_dialect(header) != TAR_GNU)
        return tar_bad(err, r->entry.name, "sparse, but not in GNU format");
    if (tar_parse_number(header, F_REALSIZE, &size) < 0 || size < 0)
        return tar_bad(err, r->entry.name, "sparse: malformed size");
    int ret = old_gnu_pairs(r, header, OFF_SPARSE, SPARSE_IN_HEADER, err);
    bool extended = header[OFF_SPARSE_EXTENDED] != 0;
    for (size_t blocks = 0; ret == 0 && extended; blocks++) {
        ssize_t have = tar_reader_peek(r, TAR_BLOCK, err);
        if (have < 0)
            return (int)have;
        if (have < TAR_BLOCK || blocks > MAP_MAX / SPARSE_IN_BLOCK)
            return tar_bad(err, r->entry.name, "sparse: the map is truncated or too long");
        const uint8_t *block = r->buf + r->pos;
        extended = block[OFF_BLOCK_EXTENDED] != 0;
        ret = old_gnu_pairs(r, block, 0, SPARSE_IN_BLOCK, err);
        if (ret == 0)
            ret = tar_reader_meta(r, TAR_BLOCK, err);
    }
    return ret < 0 ? ret : check_map(r, (uint64_t)size, err);
}

/* One decimal line of a 1.0 map, which may cross blocks; *in_block counts the bytes of the current
 * block already used. */
static int map_line(struct tar_reader *r, size_t *in_block, size_t *budget, uint64_t *ret,
                    struct err *err)
{
    uint64_t x = 0;

    for (size_t digits = 0;; digits++) {
        if (*in_block == TAR_BLOCK) {
            int n = tar_reader_meta(r, TAR_BLOCK, err);
            if (n < 0)
                return n;
            r->left -= TAR_BLOCK;
            *in_block = 0;
        }
        if (*in_block == 0) {
            ssize_t have = tar_reader_peek(r, TAR_BLOCK, err);
            if (have < 0)
                return (int)have;
            if (have < TAR_BLOCK || r->left < TAR_BLOCK || *budget < TAR_BLOCK)
                return tar_bad(err, r->entry.name, "sparse: the map is truncated or too long");
            *budget -= TAR_BLOCK;
        }
        uint8_t c = r->buf[r->pos + (*in_block)++];
        if (c == '\n' && digits > 0)
            break;
        if (c < '0' || c > '9' || digits > 18)
            return tar_bad(err, r->entry.name, "sparse: malformed map");
        x = x * 10 + (uint64_t)(c - '0');
    }
    *ret = x;
    return 0;
}

/* 1.0: the content starts with the map: decimal lines, filled up to a whole block. */
static int pax_1_0(struct tar_reader *r, struct err *err)
{
    size_t in_block = 0, budget = MAP_BYTES_MAX;
    uint64_t n = 0, offset = 0, len = 0;
    int ret = map_line(r, &in_block, &budget, &n, err);

    if (ret == 0 && n > MAP_MAX)
        return tar_bad(err, r->entry.name, "sparse: the map is too long");
    for (uint64_t i = 0; ret == 0 && i < n; i++) {
        ret = map_line(r, &in_block, &budget, &offset, err);
        if (ret == 0)
            ret = map_line(r, &in_block, &budget, &len, err);
        if (ret == 0)
            tar_segment_push(&r->segments, &r->n_segments, offset, len);
    }
    if (ret == 0)
        ret = tar_reader_meta(r, TAR_BLOCK, err);
    if (ret < 0)
        return ret;
    r->left -= TAR_BLOCK;
    r->entry.stored = r->left;
    return check_map(r, r->pax.sparse_size, err);
}

int tar_reader_sparse(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    const struct tar_pax *p = &r->pax;
    bool is_1_0 = p->sparse_major == 1 && p->sparse_minor == 0;
    bool is_0_x = p->has_map && (p->sparse_major < 0 || p->sparse_major == 0);

    if (r->entry.typeflag == 'S')
        return old_gnu(r, block, err);
    if (!is_1_0 && !is_0_x)
        return 0;
    if (!p->has_sparse_size)
        return tar_bad(err, r->entry.name, "sparse, but without a size");
    if (p->sparse_name)
        (void)snprintf(r->name, sizeof(r->name), "%s", p->sparse_name);
    if (is_1_0)
        return pax_1_0(r, err);
    if (p->has_numblocks && p->numblocks != p->n_map)
        return tar_bad(err, r->entry.name, "sparse: the map has %zu parts, not the %llu announced",
                       p->n_map, (unsigned long long)p->numblocks);
    for (size_t i = 0; i < p->n_map; i++)
        tar_segment_push(&r->segments, &r->n_segments, p->map[i].offset, p->map[i].len);
    return check_map(r, p->sparse_size, err);
}
