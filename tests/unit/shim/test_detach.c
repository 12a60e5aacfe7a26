/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shim/detach.h"

static void test_parse(void **state)
{
    struct detach d;
    struct err err = {};

    assert_int_equal(detach_parse(NULL, &d, &err), 0);
    assert_int_equal(d.n, 2);
    assert_memory_equal(d.keys, "\x10\x11", 2);
    assert_int_equal(detach_parse("ctrl-@,a,ctrl-],ctrl-\\,ctrl-^,ctrl-_,ctrl-[,DEL,Z", &d, &err),
                     0);
    assert_int_equal(d.n, 9);
    assert_memory_equal(d.keys, "\0a\x1d\x1c\x1e\x1f\x1b\x7fZ", 9);
    static const char *const bad[] = {
        "ctrl-", "ctrl-A", "ctrl-1",  ",",
        "a,",    "ab",     "ctrl-pq", "a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(detach_parse(bad[i], &d, &err), -22);
        assert_int_equal(err.kind, ERR_INVALID);
    }
    assert_int_equal(detach_parse("shift-a", &d, &err), -22);
    assert_string_equal(err.message, "invalid detach keys (shift-a) provided");
}

/* Feeds input in pieces of `step` bytes; returns how much came out before the keys, or -1. */
static ssize_t feed(const char *keys, const char *in, size_t step, char *out, size_t *ret_len)
{
    struct detach d;
    size_t total = strlen(in), len = 0;

    assert_int_equal(detach_parse(keys, &d, NULL), 0);
    for (size_t i = 0; i < total; i += step) {
        char part[256];
        size_t n;
        bool hit = detach_filter(&d, in + i, MIN(step, total - i), part, &n);
        memcpy(out + len, part, n);
        len += n;
        if (hit) {
            *ret_len = len;
            return (ssize_t)len;
        }
    }
    *ret_len = len;
    return -1;
}

static void test_filter(void **state)
{
    static const struct {
        const char *keys, *in, *out;
        bool detaches;
    } cases[] = {
        {NULL, "abc", "abc", false},       {NULL, "a\x10\x11z", "a", true},
        {NULL, "a\x10z", "a\x10z", false}, {NULL, "\x10\x10\x11", "\x10", true},
        {NULL, "\x11\x10", "\x11", false}, /* the last one is held back */
        {"a,a,b", "aaab", "a", true},      {"a,b,a,c", "abababacx", "abab", true},
        {"a,a,b", "aacaab", "aac", true},  {"q", "wq", "w", true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (size_t step = 1; step < 10; step++) {
            char out[256];
            size_t len;
            ssize_t r = feed(cases[i].keys, cases[i].in, step, out, &len);
            assert_int_equal(r >= 0, cases[i].detaches);
            assert_int_equal(len, strlen(cases[i].out));
            assert_memory_equal(out, cases[i].out, len);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_filter)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
