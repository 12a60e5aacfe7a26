/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables, sizes, durations, ports, terminal keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/timeutil.h"
#include "cli/human.h"
#include "cli/ports.h"
#include "cli/table.h"
#include "cli/terminal.h"

static void tables(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"", ""},
        {"a\tb\n", "a         b\n"},
        {"CONTAINER ID\tIMAGE\tX\n0123456789ab\tbusybox\ty\n",
         "CONTAINER ID   IMAGE     X\n0123456789ab   busybox   y\n"},
        {"é…\tx\nabcdefghij\ty\n", "é…           x\nabcdefghij   y\n"},
        /* A line without the column ends the block. */
        {"aaaaaaaaaaaa\tx\nplain\nb\ty\n", "aaaaaaaaaaaa   x\nplain\nb         y\n"},
        {"a\t\tc\n", "a                   c\n"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf b = BUF_INIT(4096);
        table_align(cases[i].in, &b);
        assert_string_equal(buf_str(&b), cases[i].out);
    }
}

static void sizes(void **state)
{
    static const struct {
        double n;
        const char *three, *binary;
    } cases[] = {{0, "0B", "0B"},
                 {999, "999B", "999B"},
                 {1000, "1kB", "1000B"},
                 {1984295, "1.98MB", "1.892MiB"},
                 {1240000, "1.24MB", "1.183MiB"},
                 {25275000000.0, "25.3GB", "23.54GiB"},
                 {1e15, "1PB", "909.5TiB"}};
    char out[HUMAN_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        human_size(cases[i].n, 3, out);
        assert_string_equal(out, cases[i].three);
        human_bytes(cases[i].n, out);
        assert_string_equal(out, cases[i].binary);
    }
    human_size(1984295, 4, out);
    assert_string_equal(out, "1.984MB");
}

static void durations(void **state)
{
    static const struct {
        int64_t sec;
        const char *text;
    } cases[] = {{0, "Less than a second"}, {1, "1 second"},          {59, "59 seconds"},
                 {60, "About a minute"},    {119, "About a minute"},  {120, "2 minutes"},
                 {3599, "59 minutes"},      {3600, "About an hour"},  {5399, "About an hour"},
                 {5400, "2 hours"},         {47 * 3600, "47 hours"},  {48 * 3600, "2 days"},
                 {14 * 86400, "2 weeks"},   {60 * 86400, "2 months"}, {730 * 86400, "2 years"},
                 {-5, "Less than a second"}};
    char out[HUMAN_MAX];
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        human_duration(cases[i].sec * NSEC_PER_SEC, out);
        assert_string_equal(out, cases[i].text);
    }
}

static void times(void **state)
{
    char out[HUMAN_MAX];
    (void)setenv("TZ", "UTC0", 1);
    tzset();
    human_time(1795629933, out);
    assert_string_equal(out, "2026-11-25 18:05:33 +0000 UTC");
    human_rfc3339(1795629933 * NSEC_PER_SEC + 7, true, out);
    assert_string_equal(out, "2026-11-25T18:05:33.000000007Z");
    (void)setenv("TZ", "XYZ-2:30", 1);
    tzset();
    human_rfc3339(1795629933 * NSEC_PER_SEC, false, out);
    assert_string_equal(out, "2026-11-25T20:35:33+02:30");
}

static void texts(void **state)
{
    _cleanup_free_ char *cut = human_ellipsis("sh -c 'trap \"exit 3\" TERM'", 20);
    assert_string_equal(cut, "sh -c 'trap \"exit 3…");
    _cleanup_free_ char *whole = human_ellipsis("abc", 3);
    assert_string_equal(whole, "abc");
    _cleanup_free_ char *wide = human_ellipsis("äöü", 2);
    assert_string_equal(wide, "ä…");
    _cleanup_free_ char *id = human_short_id("sha256:0123456789abcdef");
    assert_string_equal(id, "0123456789ab");
}

static void ports(void **state)
{
    static const struct {
        const char *json, *text;
    } cases[] = {
        {"[]", ""},
        {"[{\"PrivatePort\":80,\"Type\":\"tcp\"}]", "80/tcp"},
        {"[{\"IP\":\"::\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
         "{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"}]",
         "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"},
        {"[{\"PrivatePort\":9,\"Type\":\"tcp\"},{\"PrivatePort\":8,\"Type\":\"tcp\"},"
         "{\"PrivatePort\":8,\"Type\":\"udp\"},{\"PrivatePort\":20,\"Type\":\"tcp\"}]",
         "8-9/tcp, 8/udp, 20/tcp"},
        {"[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":80,\"Type\":\"tcp\"},"
         "{\"IP\":\"0.0.0.0\",\"PrivatePort\":81,\"PublicPort\":81,\"Type\":\"tcp\"}]",
         "0.0.0.0:80-81->80-81/tcp"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_json_ json_t *j = json_parse(cases[i].json, strlen(cases[i].json), "ports", NULL);
        _cleanup_free_ char *text = ports_text(j);
        assert_string_equal(text, cases[i].text);
    }
}

static void keys(void **state)
{
    struct detach_keys d;
    char out[64];
    size_t n = 0;
    assert_int_equal(detach_keys_parse("", &d, NULL), 0);
    assert_int_equal(d.n, 2);
    assert_false(detach_keys_filter(&d, "ab\x10", 3, out, &n));
    assert_int_equal(n, 2);
    assert_false(detach_keys_filter(&d, "c", 1, out, &n));
    assert_memory_equal(out,
                        "\x10"
                        "c",
                        2);
    assert_int_equal(n, 2);
    assert_false(detach_keys_filter(&d, "\x10\x10", 2, out, &n));
    assert_int_equal(n, 1);
    assert_true(detach_keys_filter(&d, "\x11zzz", 4, out, &n));
    assert_int_equal(n, 0);
    assert_int_equal(detach_keys_parse("a,ctrl-@,ctrl-_", &d, NULL), 0);
    assert_memory_equal(d.keys, "a\0\x1f", 3);
    static const char *const bad[] = {"foo", "ctrl-", "ctrl-A1", "a,,b", "ctrl-1"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(detach_keys_parse(bad[i], &d, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables), cmocka_unit_test(sizes), cmocka_unit_test(durations),
        cmocka_unit_test(times),  cmocka_unit_test(texts), cmocka_unit_test(ports),
        cmocka_unit_test(keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
