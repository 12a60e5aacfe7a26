/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sock.h"
#include "http/listen.h"
#include "http/uri.h"

#include <cmocka.h>

static int listen_one(const char *spec, struct err *err)
{
    int fds[HTTP_LISTEN_MAX];
    size_t n = 0;
    int r = http_listen(spec, (gid_t)-1, fds, &n, err);

    if (r < 0)
        return r;
    assert_int_equal(n, 1);
    return fds[0];
}

static void test_unix(void **state)
{
    char dir[] = "/tmp/lighter-listen-XXXXXX";
    struct err err = {};
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    _cleanup_free_ char *path = xasprintf("%s/s", dir);
    _cleanup_free_ char *spec = xasprintf("unix://%s", path);
    int fd = listen_one(spec, &err);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    int client = unix_connect(path, SOCK_STREAM);
    assert_true(client >= 0);
    close_fd(client);
    /* One that is alive is left alone, a stale one replaced. */
    assert_true(listen_one(spec, &err) < 0);
    assert_non_null(strstr(err.message, "in use"));
    close_fd(fd);
    fd = listen_one(spec, &err);
    assert_true(fd >= 0);
    close_fd(fd);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_tcp(void **state)
{
    static const char *const bad[] = {
        "tcp://127.0.0.1:x",
        "tcp://127.0.0.1:65536",
        "tcp://[::1",
        "tcp://127.0.0.1:1/x",
        "udp://x",
        "unix://relative",
        "",
        "fd://",
        "fd://9",
    };
    struct err err = {};

    (void)state;
    int fd = listen_one("tcp://127.0.0.1:0", &err);
    assert_true(fd >= 0);
    close_fd(fd);
    fd = listen_one("tcp://:0/", &err);
    assert_true(fd >= 0);
    close_fd(fd);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        err_clear(&err);
        assert_true(listen_one(bad[i], &err) < 0);
        assert_int_equal(err.kind, ERR_INVALID);
    }
}

static void test_activation_of_others(void **state)
{
    struct err err = {};

    (void)state;
    assert_int_equal(setenv("LISTEN_PID", "1", 1), 0);
    assert_int_equal(setenv("LISTEN_FDS", "1", 1), 0);
    assert_true(listen_one("fd://", &err) < 0);
    assert_non_null(strstr(err.message, "no sockets were passed"));
    assert_int_equal(unsetenv("LISTEN_PID"), 0);
    assert_int_equal(unsetenv("LISTEN_FDS"), 0);
}

static void test_uri(void **state)
{
    static const char *const bad_paths[] = {"/%", "/%4", "/%4g", "/%g4", "/%00", "/%1f", "/%7F"};
    struct uri_query q;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad_paths); i++)
        assert_null(uri_decode_path(bad_paths[i]));
    _cleanup_free_ char *path = uri_decode_path("/a%2Fb+c%41");
    assert_string_equal(path, "/a/b+cA");
    assert_true(uri_query_valid("a=%0a&b"));
    assert_false(uri_query_valid("a=%"));
    assert_false(uri_query_valid("a=%00"));
    uri_query_parse("&a=1&&b=x+y%26=&a=2&c&=d&", &q);
    assert_string_equal(uri_query_get(&q, "a"), "1");
    assert_string_equal(uri_query_get(&q, "b"), "x y&=");
    assert_string_equal(uri_query_get(&q, "c"), "");
    assert_null(uri_query_get(&q, "d"));
    uri_query_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_tcp),
        cmocka_unit_test(test_activation_of_others),
        cmocka_unit_test(test_uri),
    };

    return cmocka_run_group_tests_name("http/listen", tests, NULL, NULL);
}
