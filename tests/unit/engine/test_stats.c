/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "engine/stats.h"

static void test_net(void **state)
{
    (void)state;
    _cleanup_json_ json_t *o = stats_parse_net(
        "Inter-|   Receive                            |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes packets\n"
        "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
        "  eth0:486 5 1 2 0 0 0 0 77 6 3 4 0 0 0 0\n"
        " bad0: 1 2\n");
    const json_t *eth = json_object_get(o, "eth0");

    assert_int_equal(json_object_size(o), 1);
    assert_int_equal(json_i64_or(eth, "rx_bytes", -1), 486);
    assert_int_equal(json_i64_or(eth, "rx_dropped", -1), 2);
    assert_int_equal(json_i64_or(eth, "tx_bytes", -1), 77);
    assert_int_equal(json_i64_or(eth, "tx_errors", -1), 3);
    assert_null(stats_parse_net("lo: 1 2 3 4 5 6 7 8 9 10 11 12\n"));
    assert_null(stats_parse_net(""));
}

static void test_blkio(void **state)
{
    (void)state;
    _cleanup_json_ json_t *v1 =
        stats_parse_blkio("8:0 Read 4096\n8:0 Write 1\n254:16 12\nTotal 4097\nnonsense\n");
    _cleanup_json_ json_t *v2 =
        stats_parse_io("8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n254:0 \n", true);
    _cleanup_json_ json_t *ios = stats_parse_io("8:0 rbytes=10 wbytes=20 rios=1 wios=2", false);

    assert_int_equal(json_array_size(v1), 3);
    assert_int_equal(json_i64_or(json_array_get(v1, 0), "major", 0), 8);
    assert_string_equal(json_str_or(json_array_get(v1, 1), "op", ""), "Write");
    assert_int_equal(json_i64_or(json_array_get(v1, 2), "value", 0), 12);
    assert_int_equal(json_array_size(v2), 2);
    assert_int_equal(json_i64_or(json_array_get(v2, 1), "value", 0), 20);
    assert_int_equal(json_i64_or(json_array_get(ios, 1), "value", 0), 2);
}

static void test_flat_and_system(void **state)
{
    (void)state;
    int cpus;
    _cleanup_json_ json_t *o = stats_parse_flat("cache 12\nhuge 18446744073709551615\nbad\n");

    assert_int_equal(json_i64_or(o, "cache", 0), 12);
    assert_true(json_i64_or(o, "huge", 0) == INT64_MAX);
    assert_int_equal(json_object_size(o), 2);
    assert_true(stats_parse_system("cpu  1 2 3 4 5 6 7 100 100 100\ncpu0 1 2 3 4 5 6 7 8\n"
                                   "cpu1 1 2 3 4 5 6 7 8\nintr 5\n",
                                   &cpus) == 28 * INT64_C(10000000));
    assert_int_equal(cpus, 2);
    assert_true(stats_parse_system("", &cpus) == 0);
    assert_int_equal(cpus, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net),
        cmocka_unit_test(test_blkio),
        cmocka_unit_test(test_flat_and_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
