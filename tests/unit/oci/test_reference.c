/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "oci/reference.h"

static void parses_and_normalises(void **state)
{
    static const struct {
        const char *in, *canonical, *familiar;
    } cases[] = {
        {"busybox", "docker.io/library/busybox", "busybox"},
        {"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
        {"library/busybox", "docker.io/library/busybox", "busybox"},
        {"docker.io/busybox", "docker.io/library/busybox", "busybox"},
        {"index.docker.io/busybox:x", "docker.io/library/busybox:x", "busybox:x"},
        {"docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"},
        {"user/app", "docker.io/user/app", "user/app"},
        {"localhost/app", "localhost/app", "localhost/app"},
        {"localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"},
        {"LOCALHOST/app", "LOCALHOST/app", "LOCALHOST/app"},
        {"[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app"},
        {"ghcr.io/a/b_c/d__e.f-g---h", "ghcr.io/a/b_c/d__e.f-g---h", "ghcr.io/a/b_c/d__e.f-g---h"},
        {"a:_x.Y-1", "docker.io/library/a:_x.Y-1", "a:_x.Y-1"},
        {"a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "docker.io/library/a@sha256:"
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {"a:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "docker.io/library/a:1@sha256:"
         "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "a:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_reference_ struct reference r = {0};
        struct err err = {0};
        if (reference_parse(cases[i].in, &r, &err) < 0)
            fail_msg("%s: %s", cases[i].in, err.message);
        _cleanup_free_ char *canonical = reference_string(&r);
        _cleanup_free_ char *familiar = reference_familiar(&r);
        _cleanup_free_ char *again = reference_familiar_of(canonical);
        assert_string_equal(canonical, cases[i].canonical);
        assert_string_equal(familiar, cases[i].familiar);
        assert_string_equal(again, cases[i].familiar);
    }
}

static void refuses_in_dockers_words(void **state)
{
    static const char hex64[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        const char *in, *message;
    } cases[] = {
        {"", "invalid reference format"},
        {"Foo", "invalid reference format: repository name (library/Foo) must be lowercase"},
        {"localhost/A", "invalid reference format: repository name (A) must be lowercase"},
        {"foo:", "invalid reference format"},
        {":foo", "invalid reference format"},
        {"a//b", "invalid reference format"},
        {"/a", "invalid reference format"},
        {"a/", "invalid reference format"},
        {"a/../b", "invalid reference format"},
        {"a b", "invalid reference format"},
        {"a\nb", "invalid reference format"},
        {"a..b", "invalid reference format"},
        {"a___b", "invalid reference format"},
        {"-a", "invalid reference format"},
        {"a-", "invalid reference format"},
        {"a:-x", "invalid reference format"},
        {"a:b:c", "invalid reference format"},
        {"a@sha256:abc", "invalid reference format"},
        {"a@md5:0123456789abcdef0123456789abcdef", "invalid reference format"},
        {"a@", "invalid reference format"},
        {"host:x/a", "invalid reference format"},
        {"-host.x/a", "invalid reference format"},
        {"[::1/a.b", "invalid reference format"},
    };
    struct err err = {0};
    struct reference r;

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (reference_parse(cases[i].in, &r, &err) == 0)
            fail_msg("%s: was taken", cases[i].in);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_string_equal(err.message, cases[i].message);
    }
    assert_true(reference_parse(hex64, &r, &err) < 0);
    assert_non_null(strstr(err.message, "cannot specify 64-byte hexadecimal strings"));
}

static void bounds_lengths(void **state)
{
    char name[600];
    struct err err = {0};
    struct reference r = {0};

    memset(name, 'a', sizeof(name));
    name[260] = '\0';
    assert_true(reference_parse(name, &r, &err) < 0);
    assert_string_equal(err.message, "repository name must not be more than 255 characters");
    name[255 - strlen("library/")] = '\0';
    assert_int_equal(reference_parse(name, &r, &err), 0);
    reference_done(&r);
    memset(name, 'a', sizeof(name));
    name[1] = ':';
    name[2 + 128] = '\0';
    assert_int_equal(reference_parse(name, &r, &err), 0);
    reference_done(&r);
    name[2 + 128] = 'a';
    name[2 + 129] = '\0';
    assert_true(reference_parse(name, &r, &err) < 0);
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_true(reference_parse(name, &r, &err) < 0);
}

static void tags_for_targets(void **state)
{
    struct err err = {0};
    struct reference r = {0};

    assert_int_equal(reference_parse_tagged("busybox", &r, &err), 0);
    assert_string_equal(r.tag, "latest");
    reference_done(&r);
    assert_true(reference_parse_tagged("a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef01"
                                       "23456789abcdef",
                                       &r, &err) < 0);
    assert_string_equal(err.message, "refusing to create a tag with a digest reference");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_and_normalises),
        cmocka_unit_test(refuses_in_dockers_words),
        cmocka_unit_test(bounds_lengths),
        cmocka_unit_test(tags_for_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
