/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/ipam.h"

static struct in_addr ip(const char *s)
{
    struct in_addr a;

    assert_int_equal(inet_pton(AF_INET, s, &a), 1);
    return a;
}

static void test_lowest_first(void **state)
{
    _cleanup_(ipam_freep)
    struct ipam *p = ipam_new(ip("172.17.0.1"), 16);
    struct in_addr a;

    assert_int_equal(ipam_lease(p, "bridge", &a, NULL), 0);
    assert_int_equal(a.s_addr, ip("172.17.0.2").s_addr);
    assert_int_equal(ipam_lease(p, "bridge", &a, NULL), 0);
    assert_int_equal(a.s_addr, ip("172.17.0.3").s_addr);
    ipam_release(p, ip("172.17.0.2"));
    assert_int_equal(ipam_lease(p, "bridge", &a, NULL), 0);
    assert_int_equal(a.s_addr, ip("172.17.0.2").s_addr);
    assert_int_equal(ipam_leased(p), 2);
}

static void test_exhaustion(void **state)
{
    _cleanup_(ipam_freep)
    struct ipam *p = ipam_new(ip("10.1.2.1"), 29);
    struct err err = {};
    struct in_addr a;

    for (int i = 0; i < 5; i++)
        assert_int_equal(ipam_lease(p, "bridge", &a, &err), 0);
    assert_int_equal(a.s_addr, ip("10.1.2.6").s_addr);
    assert_true(ipam_lease(p, "bridge", &a, &err) < 0);
    assert_string_equal(err.message,
                        "no available IPv4 addresses on this network's address pools: bridge");
    ipam_release(p, ip("10.1.2.4"));
    assert_int_equal(ipam_lease(p, "bridge", &a, &err), 0);
    assert_int_equal(a.s_addr, ip("10.1.2.4").s_addr);
}

static void test_whole_words_are_skipped(void **state)
{
    _cleanup_(ipam_freep)
    struct ipam *p = ipam_new(ip("10.0.0.1"), 22);
    struct in_addr a;

    for (uint32_t want = 2; want < 1023; want++) {
        assert_int_equal(ipam_lease(p, "bridge", &a, NULL), 0);
        assert_int_equal(ntohl(a.s_addr), ntohl(ip("10.0.0.0").s_addr) + want);
    }
    assert_true(ipam_lease(p, "bridge", &a, NULL) < 0);
}

static void test_take(void **state)
{
    _cleanup_(ipam_freep)
    struct ipam *p = ipam_new(ip("10.1.2.1"), 24);

    assert_int_equal(ipam_take(p, ip("10.1.2.9")), 0);
    assert_int_equal(ipam_take(p, ip("10.1.2.9")), -EEXIST);
    assert_int_equal(ipam_take(p, ip("10.1.2.1")), -EEXIST);
    assert_int_equal(ipam_take(p, ip("10.1.3.9")), -ERANGE);
}

static void test_parse(void **state)
{
    static const char *const bad[] = {
        "",           "10.0.0.1", "10.0.0.1/",   "10.0.0/8", "10.0.0.1/7",   "10.0.0.1/31",
        "10.0.0.1/x", "x/8",      "10.0.0.1/+9", "::1/64",   "10.0.0.1/ 16", "10.0.0.256/8"};
    struct in_addr a;
    int n;

    assert_int_equal(ipam_parse_cidr("192.168.5.1/24", &a, &n, NULL), 0);
    assert_int_equal(n, 24);
    assert_int_equal(a.s_addr, ip("192.168.5.1").s_addr);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(ipam_parse_cidr(bad[i], &a, &n, NULL) < 0);
}

static void test_pools_and_overlap(void **state)
{
    struct in_addr a;
    int n;
    size_t count = 0;

    assert_true(ipam_default_pool(0, &a, &n));
    assert_int_equal(a.s_addr, ip("172.17.0.1").s_addr);
    assert_true(ipam_default_pool(14, &a, &n));
    assert_int_equal(a.s_addr, ip("172.31.0.1").s_addr);
    assert_true(ipam_default_pool(15, &a, &n));
    assert_int_equal(a.s_addr, ip("192.168.0.1").s_addr);
    while (ipam_default_pool(count, &a, &n))
        count++;
    assert_int_equal(count, 31);
    assert_true(ipam_overlaps(ip("172.17.0.0"), 16, ip("172.17.9.0"), 24));
    assert_true(ipam_overlaps(ip("172.17.9.0"), 24, ip("172.0.0.0"), 8));
    assert_false(ipam_overlaps(ip("172.17.0.0"), 16, ip("172.18.0.0"), 16));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lowest_first),
        cmocka_unit_test(test_exhaustion),
        cmocka_unit_test(test_whole_words_are_skipped),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_pools_and_overlap),
    };

    return cmocka_run_group_tests_name("net/ipam", tests, NULL, NULL);
}
