/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/timeutil.h"

#define T2026 (INT64_C(1767323045) * NSEC_PER_SEC) /* 2026-01-02T03:04:05Z */

static void test_format(void **state)
{
    char s[TIME_RFC3339_MAX];

    time_format_rfc3339nano(T2026 + 6, s);
    assert_string_equal(s, "2026-01-02T03:04:05.000000006Z");
    time_format_rfc3339nano(T2026 + 120 * NSEC_PER_MSEC, s);
    assert_string_equal(s, "2026-01-02T03:04:05.12Z");
    time_format_rfc3339nano(T2026, s);
    assert_string_equal(s, "2026-01-02T03:04:05Z");
    time_format_fixed(T2026, s);
    assert_string_equal(s, "2026-01-02T03:04:05.000000000Z");
    time_format_rfc3339nano(0, s);
    assert_string_equal(s, "0001-01-01T00:00:00Z");
}

static void test_parse_rfc3339(void **state)
{
    static const char *const bad[] = {"",
                                      "2026-01-02",
                                      "2026-01-02T03:04:05",
                                      "2026-13-02T03:04:05Z",
                                      "2026-01-02T25:04:05Z",
                                      "2026-01-02T03:04:05.Z",
                                      "2026-01-02T03:04:05Zx",
                                      "yesterday"};
    int64_t v = 1;

    assert_int_equal(time_parse_rfc3339("2026-01-02T03:04:05.000000006Z", &v), 0);
    assert_true(v == T2026 + 6);
    assert_int_equal(time_parse_rfc3339("2026-01-02T05:34:05.5+02:30", &v), 0);
    assert_true(v == T2026 + 500 * NSEC_PER_MSEC);
    assert_int_equal(time_parse_rfc3339("0001-01-01T00:00:00Z", &v), 0);
    assert_true(v == 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(time_parse_rfc3339(bad[i], &v), -EINVAL);
}

static void test_durations(void **state)
{
    static const char *const bad[] = {"", "1", "h", "1x", "1h2", "--1s", ".s"};
    int64_t v;

    assert_int_equal(duration_parse("1h2m3s", &v), 0);
    assert_true(v == 3723 * NSEC_PER_SEC);
    assert_int_equal(duration_parse("1.5s", &v), 0);
    assert_true(v == 1500 * NSEC_PER_MSEC);
    assert_int_equal(duration_parse("300ms", &v), 0);
    assert_true(v == 300 * NSEC_PER_MSEC);
    assert_int_equal(duration_parse("-10us", &v), 0);
    assert_true(v == -10000);
    assert_int_equal(duration_parse("0", &v), 0);
    assert_true(v == 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(duration_parse(bad[i], &v) < 0);
    assert_true(duration_parse("99999999999999h", &v) < 0);
}

static void test_references(void **state)
{
    int64_t v;

    assert_int_equal(time_parse_reference("10m", T2026, &v), 0);
    assert_true(v == T2026 - 600 * NSEC_PER_SEC);
    assert_int_equal(time_parse_reference("1767323045.000000006", 0, &v), 0);
    assert_true(v == T2026 + 6);
    assert_int_equal(time_parse_reference("1767323045", 0, &v), 0);
    assert_true(v == T2026);
    assert_int_equal(time_parse_reference("2026-01-02T03:04:05Z", 0, &v), 0);
    assert_true(v == T2026);
    assert_int_equal(time_parse_reference("2026-01-02T03:04:05", 0, &v), 0);
    assert_true(v == T2026);
    assert_int_equal(time_parse_reference("2026-01-02", 0, &v), 0);
    assert_true(v == T2026 - (3 * 3600 + 4 * 60 + 5) * NSEC_PER_SEC);
    assert_true(time_parse_reference("nonsense", 0, &v) < 0);
    assert_true(time_parse_reference("1.2.3", 0, &v) < 0);
    assert_true(time_parse_reference("99999999999999999999", 0, &v) < 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse_rfc3339),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_references),
    };

    (void)setenv("TZ", "UTC", 1);
    tzset();
    return cmocka_run_group_tests_name("base/timeutil", tests, NULL, NULL);
}
