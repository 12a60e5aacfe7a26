/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Decompression and the tar reader: no input may crash, read out of bounds, or lose a byte between
 * metadata and content. */

#include "base/digest.h"
#include "base/limits.h"
#include "fuzz.h"
#include "tar/compress.h"
#include "tar/reader.h"

/* Decompressed bytes per input; tiny inputs can be bombs. */
#define DECODED_MAX (4 * MIB)

struct tally {
    struct tar_source *src;
    uint64_t decoded, meta;
};

static ssize_t read_some(void *arg, void *buf, size_t len, struct err *err)
{
    struct tally *t = arg;

    if (t->decoded > DECODED_MAX)
        return err_set(err, ERR_INVALID, "enough");
    ssize_t n = tar_source_read(t->src, buf, len, err);
    if (n > 0)
        t->decoded += (uint64_t)n;
    return n;
}

static int count_meta(void *arg, const void *data, size_t len, struct err *err)
{
    ((struct tally *)arg)->meta += len;
    return 0;
}

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* The entry's content, by one way or the other; returns its bytes in the stream. */
static int64_t read_content(struct tar_reader *r, const struct tar_entry *e, bool whole,
                            struct err *err)
{
    uint64_t stored = 0, offset, last = 0;
    const void *data;
    char buf[1000];
    ssize_t n;

    if (whole && e->size < DECODED_MAX) {
        uint64_t size = 0;
        while ((n = tar_reader_read(r, buf, sizeof(buf), err)) > 0)
            size += (uint64_t)n;
        check(n < 0 || size == e->size);
        return n < 0 ? n : (int64_t)e->stored;
    }
    while ((n = tar_reader_data(r, 0, &data, &offset, err)) > 0) {
        check(offset >= last && offset + (uint64_t)n <= e->size);
        last = offset + (uint64_t)n;
        stored += (uint64_t)n;
    }
    check(n < 0 || stored == e->stored);
    return n < 0 ? n : (int64_t)stored;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tally t = {0};
    struct err err = {0};
    const struct tar_entry *e;
    uint64_t content = 0;
    int r;

    if (tar_source_open_mem(data, size, &t.src, &err) < 0)
        return 0;
    struct tar_reader *reader = tar_reader_new(read_some, &t);
    tar_reader_set_meta(reader, count_meta, &t);
    for (size_t i = 0; (r = tar_reader_next(reader, &e, &err)) > 0; i++) {
        check(e->name[0] != '\0');
        int64_t n = read_content(reader, e, i % 2, &err);
        if (n < 0) {
            r = (int)n;
            break;
        }
        content += (uint64_t)n;
    }
    check(r <= 0 && (r == 0 || err.message[0]));
    if (r == 0) {
        check(t.meta + content == t.decoded);
        check(tar_reader_offset(reader) == t.decoded);
    }
    tar_reader_free(reader);
    tar_source_free(t.src);
    return 0;
}
