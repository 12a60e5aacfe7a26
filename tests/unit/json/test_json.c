/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/str.h"
#include "json/json.h"

static json_t *parse(const char *s)
{
    struct err err = {};
    json_t *j = json_parse(s, strlen(s), "test", &err);

    if (!j)
        fail_msg("%s", err.message);
    return j;
}

static void test_errors_name_the_field(void **state)
{
    _cleanup_json_ json_t *o = parse("{\"s\":1,\"n\":\"x\",\"a\":[1],\"big\":4294967296,\"neg\":-1,"
                                     "\"nul\":\"a\\u0000b\"}");
    struct err err = {};
    const char *s = "kept";
    int i = 5;
    uint64_t u;
    char **v = NULL;

    assert_int_equal(json_get_str(o, "Host", "s", &s, &err), -EINVAL);
    assert_string_equal(err.message, "field \"Host.s\" must be a string");
    assert_string_equal(s, "kept");
    assert_int_equal(json_get_int(o, NULL, "n", &i, &err), -EINVAL);
    assert_string_equal(err.message, "field \"n\" must be an integer");
    assert_int_equal(json_get_int(o, NULL, "big", &i, &err), -EINVAL);
    assert_int_equal(json_get_u64(o, NULL, "neg", &u, &err), -EINVAL);
    assert_int_equal(json_get_strv(o, NULL, "a", &v, &err), -EINVAL);
    assert_null(v);
    assert_int_equal(json_get_str(o, NULL, "nul", &s, &err), -EINVAL);
    assert_int_equal(json_get_str(o, NULL, "absent", &s, &err), 0);
    assert_string_equal(s, "kept");
}

static void test_depth_is_bounded(void **state)
{
    struct err err = {};
    _cleanup_free_ char *deep = xmalloc(20001);

    memset(deep, '[', 20000);
    deep[20000] = '\0';
    assert_null(json_parse(deep, 20000, "deep", &err));
    assert_string_equal(err.message, "deep: nested deeper than 64 levels");
    _cleanup_json_ json_t *quoted =
        parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
              "[[[[[[[[[[[[[[\\\"[[[[[\"");
    assert_true(json_is_string(quoted));
}

static void test_bad_utf8_is_replaced(void **state)
{
    _cleanup_json_ json_t *j = json_str_newn("a\xff\xc3\xa9\xe2\x82", 6);

    assert_string_equal(json_string_value(j), "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd");
    _cleanup_json_ json_t *surrogate = json_str_newn("\xed\xa0\x80", 3);
    assert_string_equal(json_string_value(surrogate), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_building(void **state)
{
    _cleanup_json_ json_t *o = json_object();
    char x[] = "x";
    char y[] = "y";
    char *v[] = {x, y, NULL};

    json_set_str(o, "name", "n");
    json_set_str(o, "none", NULL);
    json_set_time(o, "never", 0);
    json_set_take(o, "list", json_strv(v, true));
    json_set_take(o, "empty", json_strv(NULL, true));
    _cleanup_free_ char *text = json_print(o);
    assert_string_equal(text, "{\"name\":\"n\",\"none\":null,\"never\":\"0001-01-01T00:00:00Z\","
                              "\"list\":[\"x\",\"y\"],\"empty\":null}");
}

static void test_garbage(void **state)
{
    static const char *const bad[] = {"", "{", "{\"a\":}", "[1,]", "nul", "{}x", "\"\\x\""};
    struct err err = {};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_null(json_parse(bad[i], strlen(bad[i]), "garbage", &err));
    assert_true(str_starts(err.message, "garbage: invalid JSON at line 1"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_name_the_field),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_bad_utf8_is_replaced),
        cmocka_unit_test(test_building),
        cmocka_unit_test(test_garbage),
    };

    return cmocka_run_group_tests_name("json/json", tests, NULL, NULL);
}
