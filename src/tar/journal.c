/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "tar/compress.h"
#include "tar/journal_format.h"

struct tar_journal {
    int fd;                      /* borrowed */
    uint64_t offset;             /* bytes of compressed data so far, header included */
    struct tar_encoder *encoder; /* owned; one zstd frame after the other */
    bool in_frame;
    uint8_t *literal; /* owned; JOURNAL_LITERAL; bytes of the next 'L' record */
    size_t literal_len;
    uint64_t n_files;
    struct buf index;
};

bool journal_digest_bytes(const char *hex, uint8_t out[static 32])
{
    for (size_t i = 0; i < 64; i++) {
        char c = hex[i];
        uint8_t v;
        if (c >= '0' && c <= '9')
            v = (uint8_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = (uint8_t)(c - 'a' + 10);
        else
            return false;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] | v : v << 4);
    }
    return true;
}

static int journal_sink(void *arg, const void *data, size_t len, struct err *err)
{
    struct tar_journal *j = arg;
    int r = write_full(j->fd, data, len);

    if (r < 0)
        return err_errno(err, r, "write the header journal");
    j->offset += len;
    return 0;
}

int tar_journal_new(int fd, struct tar_journal **ret, struct err *err)
{
    uint8_t header[JOURNAL_HEADER] = {0};
    _cleanup_(tar_journal_freep)
    struct tar_journal *j = XNEW(struct tar_journal);

    j->fd = fd;
    j->literal = xmalloc(JOURNAL_LITERAL);
    buf_init(&j->index, JOURNAL_INDEX_MAX);
    int r = tar_encoder_new(TAR_ZSTD, 0, (struct tar_sink){journal_sink, j}, &j->encoder, err);
    if (r == 0)
        /* Zeros until it is finished. */
        r = journal_sink(j, header, sizeof(header), err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(j);
    return 0;
}

void tar_journal_free(struct tar_journal *j)
{
    if (!j)
        return;
    tar_encoder_free(j->encoder);
    buf_done(&j->index);
    free(j->literal);
    free(j);
}

static int put(struct tar_journal *j, const void *data, size_t len, struct err *err)
{
    j->in_frame = true;
    return tar_encoder_write(j->encoder, data, len, err);
}

static int end_frame(struct tar_journal *j, struct err *err)
{
    if (!j->in_frame)
        return 0;
    j->in_frame = false;
    return tar_encoder_finish(j->encoder, err);
}

static int put_literal(struct tar_journal *j, const void *data, size_t len, struct err *err)
{
    uint8_t head[5] = {JREC_LITERAL};

    put_le32(head + 1, (uint32_t)len);
    int r = put(j, head, sizeof(head), err);
    return r < 0 ? r : put(j, data, len, err);
}

static int flush_literal(struct tar_journal *j, struct err *err)
{
    size_t len = j->literal_len;

    j->literal_len = 0;
    return len > 0 ? put_literal(j, j->literal, len, err) : 0;
}

int tar_journal_literal(void *journal, const void *data, size_t len, struct err *err)
{
    struct tar_journal *j = journal;
    const uint8_t *p = data;

    while (len > 0) {
        size_t n = MIN(len, JOURNAL_LITERAL - j->literal_len);
        memcpy(j->literal + j->literal_len, p, n);
        j->literal_len += n;
        p += n;
        len -= n;
        if (j->literal_len == JOURNAL_LITERAL) {
            int r = flush_literal(j, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int tar_journal_file(struct tar_journal *j, const char *path, uint64_t stored,
                     const struct tar_segment *segments, size_t n_segments, struct err *err)
{
    uint8_t head[JREC_FILE_FIXED] = {JREC_FILE};
    size_t len = strlen(path);
    int r = flush_literal(j, err);

    if (r < 0)
        return r;
    if (len == 0 || len >= LIMIT_TAR_PATH)
        return err_set(err, ERR_INVALID, "header journal: bad path");
    put_le16(head + 1, (uint16_t)len);
    put_le64(head + 3, stored);
    put_le32(head + 11, (uint32_t)n_segments);
    r = put(j, head, sizeof(head), err);
    if (r == 0)
        r = put(j, path, len, err);
    for (size_t i = 0; r == 0 && i < n_segments; i++) {
        uint8_t pair[16];
        put_le64(pair, segments[i].offset);
        put_le64(pair + 8, segments[i].len);
        r = put(j, pair, sizeof(pair), err);
    }
    j->n_files++;
    return r;
}

static int put_chunk(struct tar_journal *j, uint64_t offset, const void *data, size_t len,
                     struct err *err)
{
    uint8_t head[JCHUNK_FIXED];

    put_le64(head, offset);
    put_le32(head + 8, (uint32_t)len);
    int r = put(j, head, sizeof(head), err);
    return r < 0 || len == 0 ? r : put(j, data, len, err);
}

/* Writes the data of fd between its holes. */
static int put_chunks(struct tar_journal *j, int fd, uint64_t size, struct err *err)
{
    _cleanup_free_ uint8_t *data = xmalloc(JOURNAL_LITERAL);
    uint64_t at = 0;

    while (at < size) {
        off_t start = lseek(fd, (off_t)at, SEEK_DATA), end;
        if (start < 0 && errno == ENXIO)
            break;
        end = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);
        if (end < 0)
            start = (off_t)at, end = (off_t)size;
        for (at = (uint64_t)start; at < (uint64_t)end;) {
            ssize_t n = pread(fd, data, MIN(JOURNAL_LITERAL, (uint64_t)end - at), (off_t)at);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return err_errno(err, errno, "read a replaced file");
            if (n == 0)
                break;
            int r = put_chunk(j, at, data, (size_t)n, err);
            if (r < 0)
                return r;
            at += (uint64_t)n;
        }
        at = (uint64_t)end;
    }
    return put_chunk(j, size, NULL, 0, err);
}

int tar_journal_keep(struct tar_journal *j, const char *path, int fd, struct err *err)
{
    uint8_t entry[JINDEX_FIXED];
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "stat a replaced file");
    int r = end_frame(j, err);
    uint64_t start = j->offset;
    if (r == 0)
        r = put_chunks(j, fd, (uint64_t)st.st_size, err);
    if (r == 0)
        r = end_frame(j, err);
    if (r < 0)
        return r;
    put_le64(entry, j->n_files);
    put_le64(entry + 8, start);
    put_le64(entry + 16, j->offset - start);
    put_le16(entry + 24, (uint16_t)strlen(path));
    (void)buf_add(&j->index, entry, sizeof(entry));
    if (buf_adds(&j->index, path) < 0)
        return err_set(err, ERR_INVALID, "too many files of the layer replace each other");
    return 0;
}

/* SHA-256 of the header's first part and the compressed index at `offset`. */
static int seal(struct tar_journal *j, uint8_t *header, uint64_t offset, struct err *err)
{
    _cleanup_(digest_ctx_freep)
    struct digest_ctx *ctx = digest_ctx_new();
    _cleanup_free_ uint8_t *data = xmalloc(JOURNAL_LITERAL);
    struct digest sum;

    digest_ctx_update(ctx, header, JOURNAL_CHECKED);
    while (offset < j->offset) {
        ssize_t n = pread(j->fd, data, MIN(JOURNAL_LITERAL, j->offset - offset), (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : EIO, "read the header journal back");
        digest_ctx_update(ctx, data, (size_t)n);
        offset += (uint64_t)n;
    }
    digest_ctx_final(ctx, &sum);
    (void)journal_digest_bytes(digest_hex(&sum), header + JH_SHA256);
    return 0;
}

int tar_journal_finish(struct tar_journal *j, uint64_t tar_bytes, const struct digest *diff_id,
                       struct err *err)
{
    static const uint8_t end[1] = {JREC_END};
    uint8_t header[JOURNAL_HEADER] = {0};
    int r = flush_literal(j, err);

    if (r == 0)
        r = put(j, end, sizeof(end), err);
    if (r == 0)
        r = end_frame(j, err);
    uint64_t start = j->offset;
    if (r == 0 && j->index.len > 0)
        r = put(j, j->index.data, j->index.len, err);
    if (r == 0)
        r = end_frame(j, err);
    if (r < 0)
        return r;
    memcpy(header, JOURNAL_MAGIC, 8);
    put_le32(header + JH_VERSION, JOURNAL_VERSION);
    put_le64(header + JH_INDEX_OFF, start);
    put_le64(header + JH_INDEX_CLEN, j->offset - start);
    put_le64(header + JH_INDEX_LEN, j->index.len);
    put_le64(header + JH_TAR_BYTES, tar_bytes);
    if (!journal_digest_bytes(digest_hex(diff_id), header + JH_DIFF_ID))
        return err_set(err, ERR_INTERNAL, "header journal: no digest");
    r = seal(j, header, start, err);
    if (r < 0)
        return r;
    ssize_t n = pwrite(j->fd, header, sizeof(header), 0);
    if (n != (ssize_t)sizeof(header))
        return err_errno(err, n < 0 ? errno : EIO, "write the header journal");
    return 0;
}
