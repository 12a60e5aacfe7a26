/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/filters.h"

static const char *const accepted[] = {"name", "label", "dangling", NULL};

static void test_shapes(void **state)
{
    _cleanup_json_ json_t *old = json_loads("{\"name\":[\"a\",\"b\"]}", 0, NULL);
    _cleanup_json_ json_t *now = json_loads("{\"name\":{\"a\":true,\"c\":false}}", 0, NULL);
    _cleanup_json_ json_t *unknown = json_loads("{\"foo\":[\"a\"]}", 0, NULL);
    _cleanup_json_ json_t *wrong = json_loads("{\"name\":[1]}", 0, NULL);
    struct err err = {0};
    size_t cursor = 0;

    (void)state;
    assert_int_equal(filters_check(NULL, accepted, NULL), 0);
    assert_int_equal(filters_check(old, accepted, NULL), 0);
    assert_int_equal(filters_check(now, accepted, NULL), 0);
    assert_true(filters_check(wrong, accepted, NULL) < 0);
    assert_true(filters_check(unknown, accepted, &err) < 0);
    assert_string_equal(err.message, "invalid filter 'foo'");
    assert_string_equal(filters_next(old, "name", &cursor), "a");
    assert_string_equal(filters_next(old, "name", &cursor), "b");
    assert_null(filters_next(old, "name", &cursor));
    assert_true(filters_exact(now, "name", "a"));
    assert_false(filters_exact(now, "name", "c"));
    assert_true(filters_exact(now, "label", "whatever"));
}

static void test_matching(void **state)
{
    _cleanup_json_ json_t *f =
        json_loads("{\"name\":[\"^/we.$\"],\"label\":[\"a=1\",\"b\"]}", 0, NULL);
    _cleanup_json_ json_t *labels = json_loads("{\"a\":\"1\",\"b\":\"x\"}", 0, NULL);
    _cleanup_json_ json_t *fewer = json_loads("{\"a\":\"1\"}", 0, NULL);
    _cleanup_json_ json_t *broken = json_loads("{\"name\":[\"(\"]}", 0, NULL);

    (void)state;
    assert_true(filters_match(f, "name", "/web"));
    assert_false(filters_match(f, "name", "/webs"));
    assert_false(filters_match(broken, "name", "/web"));
    assert_true(filters_labels(f, "label", labels));
    assert_false(filters_labels(f, "label", fewer));
}

static void test_booleans(void **state)
{
    _cleanup_json_ json_t *yes = json_loads("{\"dangling\":{\"true\":true}}", 0, NULL);
    _cleanup_json_ json_t *bad = json_loads("{\"dangling\":[\"x\"]}", 0, NULL);
    bool set = false, on = false;
    struct err err = {0};

    (void)state;
    assert_int_equal(filters_bool(yes, "dangling", &set, &on, NULL), 0);
    assert_true(set && on);
    assert_true(filters_bool(bad, "dangling", &set, &on, &err) < 0);
    assert_string_equal(err.message, "invalid filter 'dangling=[x]'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_matching),
        cmocka_unit_test(test_booleans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
