/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "tar_fixture.h"

#define PLAIN_BYTES ((size_t)700000)

static const char *const tools[] = {"gzip", "zstd", "xz", "bzip2"};

struct chunks {
    const char *data;
    size_t len, step;
};

static ssize_t read_chunks(void *arg, void *buf, size_t len, struct err *err)
{
    struct chunks *c = arg;
    size_t n = MIN(len, c->step);

    n = MIN(n, c->len);
    memcpy(buf, c->data, n);
    c->data += n;
    c->len -= n;
    return (ssize_t)n;
}

/* Half random, half repetitive. */
static void make_plain(struct fixture *f)
{
    _cleanup_free_ uint8_t *plain = xmalloc(PLAIN_BYTES);

    for (size_t i = 0; i < PLAIN_BYTES; i++)
        plain[i] = i / 1000 % 2 ? (uint8_t)(i * i >> 7) : (uint8_t)(i / 100);
    assert_int_equal(buf_add(&f->tar, plain, PLAIN_BYTES), 0);
    assert_int_equal(write_file_at(f->dirfd, "plain", plain, PLAIN_BYTES, 0644), 0);
}

/* Decodes with reads of `step` compressed bytes and `want` decoded ones. */
static int decode(const char *data, size_t len, size_t step, size_t want, struct buf *out,
                  struct err *err)
{
    struct chunks c = {data, len, step};
    _cleanup_(tar_source_freep)
    struct tar_source *s = NULL;
    _cleanup_free_ char *piece = xmalloc(want);
    ssize_t n = tar_source_open_fn(read_chunks, &c, &s, err);

    if (n < 0)
        return (int)n;
    while ((n = tar_source_read(s, piece, want, err)) > 0)
        assert_int_equal(buf_add(out, piece, (size_t)n), 0);
    if (n == 0)
        assert_int_equal(c.len, 0);
    return (int)n;
}

static void expect_plain(struct fixture *f, const char *data, size_t len, size_t step, size_t want,
                         size_t times)
{
    struct buf out = BUF_INIT(16 * MIB);

    int r = decode(data, len, step, want, &out, &f->err);
    if (r < 0)
        print_error("steps of %zu, %zu: %s after %zu\n", step, want, f->err.message, out.len);
    assert_int_equal(r, 0);
    assert_int_equal(out.len, times * PLAIN_BYTES);
    for (size_t i = 0; i < times; i++)
        assert_memory_equal(out.data + i * PLAIN_BYTES, f->tar.data, PLAIN_BYTES);
    buf_done(&out);
}

static void test_decodes(void **state)
{
    struct fixture *f = *state;

    make_plain(f);
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        size_t len;
        if (!shell(f,
                   "%s -c plain >one && { cat one one; head -c 1500 /dev/zero; } >two && "
                   "head -c 65536 plain | %s -c >a && tail -c +65537 plain | %s -c >b && "
                   "cat a b >halves",
                   tools[i], tools[i], tools[i])) {
            print_message("no %s here\n", tools[i]);
            continue;
        }
        _cleanup_free_ char *one = slurp(f, "one", &len);
        assert_string_equal(tar_compression_name(tar_compression_detect(one, len)), tools[i]);
        expect_plain(f, one, len, 1, 100000, 1);
        expect_plain(f, one, len, 1 << 20, 1 << 20, 1);
        expect_plain(f, one, len, 7, 13, 1);
        _cleanup_free_ char *two = slurp(f, "two", &len);
        expect_plain(f, two, len, 1, 4096, 2);
        expect_plain(f, two, len, 1 << 20, 1 << 20, 2);
        _cleanup_free_ char *halves = slurp(f, "halves", &len);
        expect_plain(f, halves, len, 333, 1 << 16, 1);
    }
}

static void test_truncated_is_an_error(void **state)
{
    struct fixture *f = *state;

    make_plain(f);
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        size_t len;
        if (!shell(f, "%s -c plain >one", tools[i]))
            continue;
        _cleanup_free_ char *one = slurp(f, "one", &len);
        for (size_t cut = 1; cut < len - 8; cut = cut < 64 ? cut + 1 : cut * 3) {
            struct buf out = BUF_INIT(16 * MIB);
            err_clear(&f->err);
            assert_true(decode(one, len - cut, 1000, 65536, &out, &f->err) < 0);
            assert_int_equal(f->err.kind, ERR_INVALID);
            assert_true(out.len <= PLAIN_BYTES);
            buf_done(&out);
        }
    }
}

static void test_damage_and_garbage(void **state)
{
    struct fixture *f = *state;

    make_plain(f);
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        size_t len;
        struct buf out = BUF_INIT(16 * MIB);
        if (!shell(f, "%s -c plain >one && { cat one; echo rubbish; } >trail", tools[i]))
            continue;
        _cleanup_free_ char *trail = slurp(f, "trail", &len);
        assert_true(decode(trail, len, 1000, 65536, &out, &f->err) < 0);
        assert_int_equal(f->err.kind, ERR_INVALID);
        _cleanup_free_ char *one = slurp(f, "one", &len);
        one[len / 2] ^= 0x10;
        assert_true(decode(one, len, 1000, 65536, &out, &f->err) < 0);
        one[len / 2] ^= 0x10;
        buf_done(&out);
        if (i > 0)
            continue;
        /* gzip's checksum and length are its last eight bytes. */
        for (size_t k = 1; k <= 8; k++) {
            one[len - k] ^= 1;
            assert_true(decode(one, len, 1000, 65536, &out, &f->err) < 0);
            assert_non_null(strstr(f->err.message, "checksum"));
            one[len - k] ^= 1;
            buf_done(&out);
        }
    }
}

static void test_plain_and_short(void **state)
{
    struct fixture *f = *state;
    struct buf out = BUF_INIT(1000);

    assert_int_equal(decode("", 0, 10, 10, &out, &f->err), 0);
    assert_int_equal(out.len, 0);
    assert_int_equal(decode("ab", 2, 1, 10, &out, &f->err), 0);
    assert_string_equal(buf_str(&out), "ab");
    assert_true(decode("\x1f\x8b\x08", 3, 1, 10, &out, &f->err) < 0);
    buf_done(&out);
}

static uint32_t crc32_of(const char *data, size_t len)
{
    uint32_t crc = ~0U;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)data[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

/* All optional fields, and any split of them. */
static void test_gzip_header_fields(void **state)
{
    struct fixture *f = *state;
    static const char fields[] = "\x1f\x8b\x08\x1f\1\2\3\4\0\3\5\0extra"
                                 "name\0a comment";
    size_t len;

    make_plain(f);
    if (!shell(f, "gzip -n -c plain >one"))
        skip();
    _cleanup_free_ char *one = slurp(f, "one", &len);
    struct buf gz = BUF_INIT(16 * MIB);
    assert_int_equal(buf_add(&gz, fields, sizeof(fields)), 0);
    uint32_t crc = crc32_of(gz.data, gz.len);
    const char hcrc[2] = {(char)(crc & 0xff), (char)(crc >> 8 & 0xff)};
    assert_int_equal(buf_add(&gz, hcrc, 2), 0);
    assert_int_equal(buf_add(&gz, one + 10, len - 10), 0);
    for (size_t step = 1; step < 40; step++)
        expect_plain(f, gz.data, gz.len, step, 65536, 1);
    expect_plain(f, gz.data, gz.len, 1 << 20, 65536, 1);
    buf_done(&gz);
}

static int add_to_buf(void *arg, const void *data, size_t len, struct err *err)
{
    return buf_add(arg, data, len);
}

static void test_encoders(void **state)
{
    struct fixture *f = *state;
    static const enum tar_compression kinds[] = {TAR_PLAIN, TAR_GZIP, TAR_ZSTD};
    struct tar_encoder *e = NULL;

    make_plain(f);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct buf out = BUF_INIT(16 * MIB);
        assert_int_equal(
            tar_encoder_new(kinds[i], 0, (struct tar_sink){add_to_buf, &out}, &e, &f->err), 0);
        for (size_t at = 0, n = 1; at < PLAIN_BYTES; at += n, n = n * 2 + 1) {
            n = MIN(n, PLAIN_BYTES - at);
            assert_int_equal(tar_encoder_write(e, f->tar.data + at, n, &f->err), 0);
        }
        assert_int_equal(tar_encoder_finish(e, &f->err), 0);
        tar_encoder_free(e);
        assert_int_equal(tar_compression_detect(out.data, out.len), kinds[i]);
        expect_plain(f, out.data, out.len, 4096, 65536, 1);
        buf_done(&out);
    }
    assert_true(tar_encoder_new(TAR_XZ, 0, tar_sink_null(), &e, &f->err) < 0);
    assert_int_equal(f->err.kind, ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_decodes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_truncated_is_an_error, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(test_damage_and_garbage, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_plain_and_short, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_gzip_header_fields, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_encoders, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests_name("tar/compress", tests, NULL, NULL);
}
