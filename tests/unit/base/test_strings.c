/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/str.h"

static void test_numbers_are_strict(void **state)
{
    static const char *const bad[] = {"", "1x", "x1", " 1", "1 ", "+1", "-", "0x10", "1.0"};
    uint64_t u = 7;
    int64_t i = 7;
    uint32_t w = 7;

    for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
        assert_int_equal(parse_u64(bad[k], &u), -EINVAL);
        assert_int_equal(parse_i64(bad[k], &i), -EINVAL);
    }
    assert_int_equal(u, 7);
    assert_int_equal(parse_u64("-1", &u), -EINVAL);
    assert_int_equal(parse_u64("18446744073709551615", &u), 0);
    assert_true(u == UINT64_MAX);
    assert_int_equal(parse_u64("18446744073709551616", &u), -ERANGE);
    assert_int_equal(parse_u64("99999999999999999999999", &u), -ERANGE);
    assert_int_equal(parse_u32("4294967295", &w), 0);
    assert_int_equal(parse_u32("4294967296", &w), -ERANGE);
    assert_int_equal(parse_i64("-9223372036854775808", &i), 0);
    assert_true(i == INT64_MIN);
    assert_int_equal(parse_i64("9223372036854775808", &i), -ERANGE);
}

static void test_modes_and_bools(void **state)
{
    mode_t m;
    bool b;

    assert_int_equal(parse_mode("0755", &m), 0);
    assert_int_equal(m, 0755);
    assert_int_equal(parse_mode("8", &m), -EINVAL);
    assert_int_equal(parse_mode("10000", &m), -ERANGE);
    assert_int_equal(parse_bool("True", &b), 0);
    assert_true(b);
    assert_int_equal(parse_bool("f", &b), 0);
    assert_false(b);
    assert_int_equal(parse_bool("yes", &b), -EINVAL);
    assert_int_equal(parse_bool(NULL, &b), -EINVAL);
}

static void test_vectors(void **state)
{
    _cleanup_strv_ char **v = str_split("a,,b", ',');
    _cleanup_free_ char *joined = strv_join(v, "|");

    assert_int_equal(strv_len(v), 3);
    assert_string_equal(joined, "a||b");
    strv_push(&v, "c");
    assert_true(strv_contains(v, "c"));
    assert_false(strv_contains(v, "d"));
    assert_false(strv_contains(NULL, "d"));
}

static void test_buffer_ceiling(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(8);

    assert_int_equal(buf_adds(&b, "12345"), 0);
    assert_int_equal(buf_adds(&b, "6789"), -EFBIG);
    assert_string_equal(buf_str(&b), "12345");
    assert_int_equal(buf_adds(&b, "6"), -EFBIG);
    buf_reset(&b);
    assert_int_equal(buf_addf(&b, "%d", 12345678), 0);
    assert_int_equal(buf_addc(&b, '9'), -EFBIG);
    buf_reset(&b);
    assert_int_equal(buf_adds(&b, "abcdef"), 0);
    buf_consume(&b, 2);
    assert_string_equal(buf_str(&b), "cdef");
    buf_consume(&b, 99);
    assert_string_equal(buf_str(&b), "");
}

static void test_errors_wrap(void **state)
{
    struct err err = {};

    assert_int_equal(err_set(&err, ERR_NOT_FOUND, "no such %s", "thing"), -ENOENT);
    err_wrap(&err, "look for it");
    assert_string_equal(err.message, "look for it: no such thing");
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_int_equal(err_errno(&err, ENOSPC, "write"), -ENOSPC);
    assert_string_equal(err.message, "write: no space left on device");
    assert_int_equal(err.kind, ERR_NO_SPACE);
    assert_int_equal(err_set(NULL, ERR_CONFLICT, "x"), -EEXIST);
    err_wrap(NULL, "x");
}

static void test_errors_never_overflow(void **state)
{
    struct err err = {};
    _cleanup_free_ char *lots = xmalloc(5000);

    memset(lots, 'x', 4999);
    lots[4999] = '\0';
    (void)err_set(&err, ERR_INVALID, "%s", lots);
    for (int i = 0; i < 3; i++)
        err_wrap(&err, "%s", lots);
    assert_true(strlen(err.message) < ERR_MESSAGE_MAX);
    (void)err_errno(&err, EIO, "%s", lots);
    assert_true(str_ends(err.message, "input/output error"));
}

static void test_digest(void **state)
{
    struct digest d;
    struct err err = {};

    digest_of("abc", 3, &d);
    assert_string_equal(d.str,
                        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(digest_parse(d.str, &d, &err), 0);
    assert_int_equal(digest_parse("sha256:abc", &d, &err), -EINVAL);
    assert_int_equal(digest_parse("../../etc/passwd", &d, &err), -EINVAL);
    assert_int_equal(
        digest_parse("sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", &d,
                     &err),
        -EINVAL);
}

static void test_random_ids_differ(void **state)
{
    char a[65];
    char b[65];

    random_id(a);
    random_id(b);
    assert_int_equal(strlen(a), 64);
    assert_true(str_is_hex(a, 64));
    assert_string_not_equal(a, b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_strict),
        cmocka_unit_test(test_modes_and_bools),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_buffer_ceiling),
        cmocka_unit_test(test_errors_wrap),
        cmocka_unit_test(test_errors_never_overflow),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_random_ids_differ),
    };

    return cmocka_run_group_tests_name("base/strings", tests, NULL, NULL);
}
