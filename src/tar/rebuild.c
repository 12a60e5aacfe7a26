/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/path.h"
#include "base/str.h"
#include "tar/compress.h"
#include "tar/journal.h"
#include "tar/journal_format.h"

#define COPY_BYTES (256 * KIB)

/* A content kept in the journal: stands for the references to its path before record `until`. */
struct kept {
    uint64_t until, offset, len;
    struct kept *next; /* owned; later one of the same path */
    /* Borrowed; of the first one of a path only: the end of its list, and the one that the records
     * read so far have come to. */
    struct kept *last, *current;
};

/* A part of the journal as a stream, leaving out the frames of kept contents. */
struct extent {
    int fd;
    uint64_t pos, end;
    struct kept *const *skip; /* in order of offset */
    size_t n_skip;
};

struct rebuild {
    int fd;
    tar_open_fn open_file;
    void *arg;
    struct tar_sink sink;
    struct tar_journal_info info;
    uint64_t index_offset, index_clen, index_len;
    struct hashmap *by_path;   /* owned; of struct kept */
    struct kept **kept;        /* owned array, borrowed elements; in order of offset */
    struct digest_ctx *digest; /* owned */
    uint64_t written, n_files;
    uint8_t *copy; /* owned; COPY_BYTES */
};

static int damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "the header journal is damaged: %s", what);
}

static void kept_free(void *value)
{
    for (struct kept *k = value; k;) {
        struct kept *next = k->next;
        free(k);
        k = next;
    }
}

static void rebuild_done(struct rebuild *b)
{
    hashmap_free(b->by_path);
    digest_ctx_free(b->digest);
    free(b->kept);
    free(b->copy);
}

static ssize_t extent_read(void *arg, void *buf, size_t len, struct err *err)
{
    struct extent *x = arg;
    uint64_t end = x->end;

    while (x->n_skip > 0 && x->pos >= (*x->skip)->offset) {
        x->pos = (*x->skip)->offset + (*x->skip)->len;
        x->skip++;
        x->n_skip--;
    }
    if (x->n_skip > 0)
        end = (*x->skip)->offset;
    if (x->pos >= end)
        return 0;
    for (;;) {
        ssize_t n = pread(x->fd, buf, MIN((uint64_t)len, end - x->pos), (off_t)x->pos);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "read the header journal");
        if (n == 0)
            return damaged(err, "it is cut off");
        x->pos += (uint64_t)n;
        return n;
    }
}

static int open_extent(struct extent *x, struct tar_source **ret, struct err *err)
{
    int r = tar_source_open_fn(extent_read, x, ret, err);

    if (r < 0)
        return r;
    return tar_source_compression(*ret) == TAR_ZSTD ? 0 : damaged(err, "not compressed by zstd");
}

static int read_exactly(struct tar_source *s, void *buf, size_t len, struct err *err)
{
    uint8_t *p = buf;

    while (len > 0) {
        ssize_t n = tar_source_read(s, p, len, err);
        if (n <= 0)
            return n < 0 ? (int)n : damaged(err, "it ends early");
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int expect_end(struct tar_source *s, struct err *err)
{
    uint8_t c;
    ssize_t n = tar_source_read(s, &c, 1, err);

    return n > 0 ? damaged(err, "something follows its end") : (int)n;
}

/* Header and the checksum over it and the index. */
static int load_header(struct rebuild *b, struct err *err)
{
    _cleanup_(digest_ctx_freep)
    struct digest_ctx *ctx = digest_ctx_new();
    _cleanup_free_ uint8_t *data = xmalloc(JOURNAL_LITERAL);
    uint8_t header[JOURNAL_HEADER], sum[32];
    struct digest d;
    struct stat st;

    ssize_t n = pread(b->fd, header, sizeof(header), 0);
    if (n < 0 || fstat(b->fd, &st) < 0)
        return err_errno(err, errno, "read the header journal");
    if (n < JOURNAL_HEADER || memcmp(header, JOURNAL_MAGIC, 8) != 0)
        return damaged(err, "it was not finished, or is none");
    if (get_le32(header + JH_VERSION) != JOURNAL_VERSION)
        return err_set(err, ERR_UNSUPPORTED, "the header journal has version %u, not %d",
                       get_le32(header + JH_VERSION), JOURNAL_VERSION);
    b->index_offset = get_le64(header + JH_INDEX_OFF);
    b->index_clen = get_le64(header + JH_INDEX_CLEN);
    b->index_len = get_le64(header + JH_INDEX_LEN);
    b->info.tar_bytes = get_le64(header + JH_TAR_BYTES);
    b->info.journal_bytes = (uint64_t)st.st_size;
    if (b->index_offset < JOURNAL_HEADER || b->index_offset > b->info.journal_bytes ||
        b->index_clen != b->info.journal_bytes - b->index_offset ||
        b->index_len > JOURNAL_INDEX_MAX || (b->index_len > 0) != (b->index_clen > 0) ||
        b->index_clen > JOURNAL_INDEX_MAX + MIB)
        return damaged(err, "its length does not fit");
    digest_ctx_update(ctx, header, JOURNAL_CHECKED);
    for (uint64_t at = b->index_offset; at < b->info.journal_bytes; at += (uint64_t)n) {
        n = pread(b->fd, data, MIN(JOURNAL_LITERAL, b->info.journal_bytes - at), (off_t)at);
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : EIO, "read the header journal");
        digest_ctx_update(ctx, data, (size_t)n);
    }
    digest_ctx_final(ctx, &d);
    (void)journal_digest_bytes(digest_hex(&d), sum);
    if (memcmp(sum, header + JH_SHA256, sizeof(sum)) != 0)
        return damaged(err, "wrong checksum");
    memcpy(b->info.diff_id.str, "sha256:", 7);
    hex_encode(header + JH_DIFF_ID, 32, b->info.diff_id.str + 7);
    return 0;
}

static int add_kept(struct rebuild *b, const char *path, uint64_t until, uint64_t offset,
                    uint64_t len, struct err *err)
{
    size_t n = b->info.kept_files;
    uint64_t from = n > 0 ? b->kept[n - 1]->offset + b->kept[n - 1]->len : JOURNAL_HEADER;

    if (offset < from || offset > b->index_offset || len == 0 || len > b->index_offset - offset ||
        (n > 0 && until < b->kept[n - 1]->until))
        return damaged(err, "its index is out of order");
    struct kept *k = XNEW(struct kept);
    *k = (struct kept){.until = until, .offset = offset, .len = len};
    struct kept *first = hashmap_get(b->by_path, path);
    if (first) {
        first->last->next = k;
        first->last = k;
    } else {
        k->last = k->current = k;
        hashmap_put(b->by_path, path, k);
    }
    if ((n & (n - 1)) == 0)
        b->kept = xrealloc_array(b->kept, n ? n * 2 : 1, sizeof(struct kept *));
    b->kept[n] = k;
    b->info.kept_files++;
    return 0;
}

static int load_index(struct rebuild *b, struct err *err)
{
    struct extent x = {.fd = b->fd, .pos = b->index_offset, .end = b->info.journal_bytes};
    _cleanup_(tar_source_freep)
    struct tar_source *s = NULL;
    uint64_t left = b->index_len;

    b->by_path = hashmap_new(kept_free);
    if (left == 0)
        return 0;
    int r = open_extent(&x, &s, err);
    while (r == 0 && left > 0) {
        uint8_t fixed[JINDEX_FIXED];
        char path[LIMIT_TAR_PATH];
        r = left < JINDEX_FIXED ? damaged(err, "its index is cut off")
                                : read_exactly(s, fixed, sizeof(fixed), err);
        if (r < 0)
            break;
        size_t len = get_le16(fixed + 24);
        left -= JINDEX_FIXED;
        if (len == 0 || len >= sizeof(path) || len > left)
            return damaged(err, "its index has a bad path");
        r = read_exactly(s, path, len, err);
        path[len] = '\0';
        left -= len;
        if (r == 0 && strlen(path) != len)
            r = damaged(err, "its index has a bad path");
        if (r == 0)
            r = add_kept(b, path, get_le64(fixed), get_le64(fixed + 8), get_le64(fixed + 16), err);
    }
    return r < 0 ? r : expect_end(s, err);
}

static int out(struct rebuild *b, const void *data, size_t len, struct err *err)
{
    if (len > b->info.tar_bytes - b->written)
        return err_set(err, ERR_INVALID, "the rebuilt tar is longer than it was");
    digest_ctx_update(b->digest, data, len);
    b->written += len;
    return b->sink.write(b->sink.arg, data, len, err);
}

/* Where a content comes from: the unpacked file, or a frame of the journal. */
struct content {
    int fd;
    struct tar_source *kept;
    uint64_t pos;         /* kept: next byte of the file */
    uint64_t chunk_start; /* kept: the current chunk */
    uint32_t chunk_left;
    bool chunk_end; /* kept: chunk_start is the size */
};

/* Up to len bytes of a kept content at its position; holes are zeros. 0 at its end. */
static ssize_t kept_read(struct content *c, uint8_t *buf, size_t len, struct err *err)
{
    while (!c->chunk_end && c->chunk_left == 0) {
        uint8_t fixed[JCHUNK_FIXED];
        int r = read_exactly(c->kept, fixed, sizeof(fixed), err);
        if (r < 0)
            return r;
        uint64_t start = get_le64(fixed);
        c->chunk_left = get_le32(fixed + 8);
        if (start < c->pos || start > INT64_MAX || c->chunk_left > JOURNAL_LITERAL)
            return damaged(err, "a kept file is out of order");
        c->chunk_start = start;
        c->chunk_end = c->chunk_left == 0;
        if (c->pos < start)
            break;
    }
    if (c->pos < c->chunk_start) {
        size_t n = (size_t)MIN((uint64_t)len, c->chunk_start - c->pos);
        memset(buf, 0, n);
        c->pos += n;
        return (ssize_t)n;
    }
    if (c->chunk_end)
        return 0;
    size_t n = MIN(len, c->chunk_left);
    int r = read_exactly(c->kept, buf, n, err);
    if (r < 0)
        return r;
    c->pos += n;
    c->chunk_start += n;
    c->chunk_left -= (uint32_t)n;
    return (ssize_t)n;
}

static ssize_t content_read(struct content *c, uint64_t at, uint8_t *buf, size_t len,
                            struct err *err)
{
    if (!c->kept) {
        ssize_t n;
        do
            n = pread(c->fd, buf, len, (off_t)at);
        while (n < 0 && errno == EINTR);
        return n < 0 ? err_errno(err, errno, "read") : n;
    }
    while (c->pos < at) {
        ssize_t n = kept_read(c, buf, (size_t)MIN((uint64_t)len, at - c->pos), err);
        if (n <= 0)
            return n;
    }
    return kept_read(c, buf, len, err);
}

static int copy_range(struct rebuild *b, struct content *c, const char *path, uint64_t at,
                      uint64_t len, struct err *err)
{
    if (at > INT64_MAX || len > INT64_MAX - at)
        return damaged(err, "a segment is out of range");
    while (len > 0) {
        ssize_t n = content_read(c, at, b->copy, (size_t)MIN((uint64_t)COPY_BYTES, len), err);
        if (n == 0)
            return err_set(err, ERR_INVALID, "file \"%.200s\" is shorter than it was", path);
        if (n < 0)
            return (int)n;
        int r = out(b, b->copy, (size_t)n, err);
        if (r < 0)
            return r;
        at += (uint64_t)n;
        len -= (uint64_t)n;
    }
    return 0;
}

static const struct kept *find_kept(struct rebuild *b, const char *path)
{
    struct kept *first = hashmap_get(b->by_path, path);

    if (!first)
        return NULL;
    while (first->current && first->current->until <= b->n_files)
        first->current = first->current->next;
    return first->current;
}

static int copy_segments(struct rebuild *b, struct tar_source *records, struct content *c,
                         const char *path, uint64_t stored, uint32_t n_segments, struct err *err)
{
    if (n_segments == 0)
        return copy_range(b, c, path, 0, stored, err);
    uint64_t end = 0;
    for (uint32_t i = 0; i < n_segments; i++) {
        uint8_t pair[16];
        int r = read_exactly(records, pair, sizeof(pair), err);
        uint64_t at = get_le64(pair), len = get_le64(pair + 8);
        if (r == 0 && (at < end || len > stored || at > INT64_MAX || len > INT64_MAX - at))
            r = damaged(err, "segments are out of order");
        if (r == 0)
            r = copy_range(b, c, path, at, len, err);
        if (r < 0)
            return r;
        end = at + len;
        stored -= len;
    }
    return stored == 0 ? 0 : damaged(err, "segments do not add up");
}

static int file_record(struct rebuild *b, struct tar_source *records, struct err *err)
{
    uint8_t fixed[JREC_FILE_FIXED - 1];
    char path[LIMIT_TAR_PATH];
    int r = read_exactly(records, fixed, sizeof(fixed), err);

    if (r < 0)
        return r;
    size_t len = get_le16(fixed);
    if (len == 0 || len >= sizeof(path))
        return damaged(err, "bad path");
    r = read_exactly(records, path, len, err);
    path[len] = '\0';
    if (r == 0 && strlen(path) != len)
        r = damaged(err, "bad path");
    if (r < 0)
        return r;

    const struct kept *k = find_kept(b, path);
    struct extent x = {.fd = b->fd};
    struct content c = {.fd = -1};
    if (k) {
        x.pos = k->offset;
        x.end = k->offset + k->len;
        r = open_extent(&x, &c.kept, err);
    } else {
        c.fd = b->open_file(b->arg, path, err);
        r = MIN(c.fd, 0);
    }
    if (r == 0)
        r = copy_segments(b, records, &c, path, get_le64(fixed + 2), get_le32(fixed + 10), err);
    tar_source_free(c.kept);
    if (c.fd >= 0)
        close_fd(c.fd);
    b->n_files++;
    return r;
}

static int literal_record(struct rebuild *b, struct tar_source *records, struct err *err)
{
    uint8_t fixed[4];
    int r = read_exactly(records, fixed, sizeof(fixed), err);

    if (r < 0)
        return r;
    size_t len = get_le32(fixed);
    if (len > JOURNAL_LITERAL)
        return damaged(err, "a record is too long");
    r = read_exactly(records, b->copy, len, err);
    return r < 0 ? r : out(b, b->copy, len, err);
}

static int play(struct rebuild *b, struct err *err)
{
    struct extent x = {.fd = b->fd,
                       .pos = JOURNAL_HEADER,
                       .end = b->index_offset,
                       .skip = b->kept,
                       .n_skip = b->info.kept_files};
    _cleanup_(tar_source_freep)
    struct tar_source *records = NULL;
    int r = open_extent(&x, &records, err);

    while (r == 0) {
        uint8_t kind;
        r = read_exactly(records, &kind, 1, err);
        if (r < 0)
            break;
        if (kind == JREC_END)
            return expect_end(records, err);
        if (kind == JREC_LITERAL)
            r = literal_record(b, records, err);
        else if (kind == JREC_FILE)
            r = file_record(b, records, err);
        else
            r = damaged(err, "unknown record");
    }
    return r;
}

int tar_journal_info(int fd, struct tar_journal_info *ret, struct err *err)
{
    _cleanup_(rebuild_done)
    struct rebuild b = {.fd = fd};
    int r = load_header(&b, err);

    if (r == 0)
        r = load_index(&b, err);
    if (r == 0)
        *ret = b.info;
    return r;
}

int tar_rebuild(int journal_fd, tar_open_fn open_file, void *arg, struct tar_sink sink,
                struct tar_journal_info *ret, struct err *err)
{
    _cleanup_(rebuild_done)
    struct rebuild b = {.fd = journal_fd, .open_file = open_file, .arg = arg, .sink = sink};
    struct digest d;

    b.copy = xmalloc(COPY_BYTES);
    b.digest = digest_ctx_new();
    int r = load_header(&b, err);
    if (r == 0)
        r = load_index(&b, err);
    if (r == 0)
        r = play(&b, err);
    if (r < 0)
        return r;
    digest_ctx_final(b.digest, &d);
    if (b.written != b.info.tar_bytes || !digest_eq(&d, &b.info.diff_id))
        return err_set(err, ERR_INVALID,
                       "the rebuilt tar has digest %s instead of %s: files of the "
                       "layer have changed",
                       d.str, b.info.diff_id.str);
    if (ret)
        *ret = b.info;
    return 0;
}

static int open_at(void *arg, const char *path, struct err *err)
{
    struct stat st;
    /* O_NONBLOCK: should a fifo be there, opening it must not wait. */
    _cleanup_close_ int fd = open_beneath(*(int *)arg, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

    if (fd < 0)
        return err_errno(err, fd, "open layer file \"%.200s\"", path);
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "stat layer file \"%.200s\"", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "layer file \"%.200s\" is not a regular file", path);
    return TAKE_FD(fd);
}

int tar_rebuild_at(int journal_fd, int rootfd, struct tar_sink sink, struct tar_journal_info *ret,
                   struct err *err)
{
    return tar_rebuild(journal_fd, open_at, &rootfd, sink, ret, err);
}
