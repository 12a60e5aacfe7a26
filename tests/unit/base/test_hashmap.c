/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/hashmap.h"

static void test_put_get_remove_many(void **state)
{
    _cleanup_(hashmap_freep)
    struct hashmap *m = hashmap_new(free);
    char key[16];

    for (int i = 0; i < 5000; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        hashmap_put(m, key, xasprintf("%d", i));
    }
    assert_int_equal(hashmap_len(m), 5000);
    for (int i = 0; i < 5000; i += 2) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        hashmap_remove(m, key);
    }
    assert_int_equal(hashmap_len(m), 2500);
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        const char *v = hashmap_get(m, key);
        if (i % 2 == 0) {
            assert_null(v);
        } else {
            assert_non_null(v);
            assert_string_equal(v, key + 1);
        }
    }
}

static void test_replace_and_take(void **state)
{
    _cleanup_(hashmap_freep)
    struct hashmap *m = hashmap_new(free);

    hashmap_put(m, "a", xstrdup("one"));
    hashmap_put(m, "a", xstrdup("two"));
    assert_int_equal(hashmap_len(m), 1);
    _cleanup_free_ char *v = hashmap_take(m, "a");
    assert_string_equal(v, "two");
    assert_null(hashmap_get(m, "a"));
    assert_null(hashmap_take(m, "a"));
}

static void test_iteration_sees_each_once(void **state)
{
    _cleanup_(hashmap_freep)
    struct hashmap *m = hashmap_new(NULL);
    static int seen[100];
    char key[16];
    void *value;
    int n = 0;

    for (int i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof(key), "%d", i);
        hashmap_put(m, key, &seen[i]);
    }
    for (size_t cursor = 0; hashmap_next(m, &cursor, NULL, &value); n++)
        assert_int_equal((*(int *)value)++, 0);
    assert_int_equal(n, 100);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_remove_many),
        cmocka_unit_test(test_replace_and_take),
        cmocka_unit_test(test_iteration_sees_each_once),
    };

    return cmocka_run_group_tests_name("base/hashmap", tests, NULL, NULL);
}
