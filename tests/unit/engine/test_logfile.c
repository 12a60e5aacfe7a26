/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/logfile.h"

static char dir[] = "/tmp/test-logfile-XXXXXX";
static char *path;

static void append(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write_full(fd, text, strlen(text)), 0);
    (void)close_fd(fd);
}

static void write_lines(const char *file, int first, int last)
{
    for (int i = first; i <= last; i++) {
        _cleanup_free_ char *line = xasprintf("line %d\n", i);

        append(file, line);
    }
}

/* As the shim rotates: .1 becomes .2 … */
static void rotate(int keep)
{
    for (int k = keep; k > 0; k--) {
        _cleanup_free_ char *to = xasprintf("%s.%d", path, k);
        _cleanup_free_ char *from = k == 1 ? xstrdup(path) : xasprintf("%s.%d", path, k - 1);

        (void)rename(from, to);
    }
}

static void expect_lines(struct logfile *l, int first, int last)
{
    const char *line = NULL;
    size_t len = 0;

    for (int i = first; i <= last; i++) {
        _cleanup_free_ char *want = xasprintf("line %d", i);

        if (logfile_next(l, &line, &len) != 1)
            fail_msg("no line %d", i);
        if (len != strlen(want) || memcmp(line, want, len) != 0)
            fail_msg("\"%.*s\" instead of \"%s\"", (int)len, line, want);
    }
    assert_int_equal(logfile_next(l, &line, &len), 0);
}

static void tail_is(int64_t tail, int first, int last)
{
    struct logfile *l = NULL;

    assert_int_equal(logfile_open(path, tail, &l, NULL), 0);
    expect_lines(l, first, last);
    logfile_close(l);
}

static void clean(void)
{
    for (int k = 0; k < 10; k++) {
        _cleanup_free_ char *name = k ? xasprintf("%s.%d", path, k) : xstrdup(path);

        (void)unlink(name);
    }
}

static void test_tail(void **state)
{
    (void)state;
    clean();
    tail_is(-1, 1, 0);
    tail_is(5, 1, 0);
    write_lines(path, 1, 10);
    rotate(3);
    write_lines(path, 11, 20);
    rotate(3);
    write_lines(path, 21, 25);
    tail_is(-1, 1, 25);
    tail_is(0, 26, 25);
    tail_is(1, 25, 25);
    tail_is(5, 21, 25);
    tail_is(6, 20, 25);
    tail_is(17, 9, 25);
    tail_is(25, 1, 25);
    tail_is(1000, 1, 25);
    /* a line that is being written does not count */
    append(path, "half");
    tail_is(1, 25, 25);
    tail_is(-1, 1, 25);
}

static void test_follow_through_rotation(void **state)
{
    struct logfile *l = NULL;

    (void)state;
    clean();
    assert_int_equal(logfile_open(path, -1, &l, NULL), 0);
    expect_lines(l, 1, 0);
    write_lines(path, 1, 3);
    expect_lines(l, 1, 3);
    append(path, "line");
    expect_lines(l, 1, 0);
    append(path, " 4\n");
    expect_lines(l, 4, 4);
    write_lines(path, 5, 6);
    rotate(3);
    write_lines(path, 7, 8);
    rotate(3);
    write_lines(path, 9, 9);
    expect_lines(l, 5, 9);
    write_lines(path, 10, 10);
    expect_lines(l, 10, 10);
    rotate(3);
    expect_lines(l, 11, 10);
    write_lines(path, 11, 11);
    expect_lines(l, 11, 11);
    logfile_close(l);
}

static void test_big(void **state)
{
    _cleanup_free_ char *huge = xmalloc(2000001);
    struct logfile *l = NULL;

    (void)state;
    clean();
    (void)memset(huge, 'x', 2000000);
    huge[1999999] = '\n';
    huge[2000000] = '\0';
    write_lines(path, 1, 1);
    append(path, huge);
    write_lines(path, 2, 20000);
    assert_int_equal(logfile_open(path, -1, &l, NULL), 0);
    expect_lines(l, 1, 20000); /* what is over the ceiling is left out */
    logfile_close(l);
    tail_is(15000, 5001, 20000);
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    path = xasprintf("%s/x-json.log", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(path);
    return rm_rf_at(AT_FDCWD, dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_follow_through_rotation),
        cmocka_unit_test(test_big),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
