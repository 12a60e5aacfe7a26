/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "json/json.h"
#include "shim/go_json.h"
#include "shim/logger.h"

struct fixture {
    char dir[32];
    char path[64];
    struct logger *log;
};

static int setup(void **state)
{
    struct fixture *f = XNEW(struct fixture);

    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test-log-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/c-json.log", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->log)
        logger_close(f->log);
    assert_int_equal(rm_rf_at(AT_FDCWD, f->dir), 0);
    free(f);
    return 0;
}

static void open_log(struct fixture *f, uint64_t max, unsigned files, const char *attrs)
{
    struct logger_params p = {
        .path = f->path, .max_size_bytes = max, .max_files = files, .attrs_json = attrs};
    struct err err = {};

    assert_int_equal(logger_open("json-file", &p, &f->log, &err), 0);
}

static void put(struct fixture *f, enum log_stream stream, const char *text)
{
    logger_write(f->log, stream, text, strlen(text));
}

static char *content(const char *path)
{
    char *text = NULL;

    assert_int_equal(read_file_at(AT_FDCWD, path, 64 << 20, &text, NULL), 0);
    return text;
}

/* The file with every time replaced by "T". */
static char *without_times(const char *path)
{
    char *text = content(path), *to = text;

    for (const char *p = text; *p;) {
        if (strncmp(p, "\"time\":\"", 8) == 0) {
            memmove(to, "\"time\":\"T", 9);
            to += 9;
            const char *end = strchr(p + 8, '"');
            assert_non_null(end);
            assert_int_equal(end[-1], 'Z');
            assert_true(end - p - 8 <= 30 && end - p - 8 >= 20);
            p = end;
        } else
            *to++ = *p++;
    }
    *to = '\0';
    return text;
}

/* What dockerd 26.1 writes for the same bytes. */
static void test_escape(void **state)
{
    static const char in[] =
        "tab\there\r\x01\x7f\x1b<a>&\"q\\ \xff\xc3( \xe2\x80\xa8\xe2\x80\xa9 "
        "\xed\xa0\x80 \xf4\x90\x80\x80 \xc0\xaf \xc3\xa9\xf0\x9f\x9a\xa2\n\xe2\x82";
    static const char want[] =
        "tab\\u0009here\\r\\u0001\x7f\\u001b\\u003ca\\u003e\\u0026\\\"q\\\\ \\ufffd\\ufffd( "
        "\\u2028\\u2029 \\ufffd\\ufffd\\ufffd \\ufffd\\ufffd\\ufffd\\ufffd \\ufffd\\ufffd "
        "\xc3\xa9\xf0\x9f\x9a\xa2\\n\\ufffd\\ufffd";
    char out[sizeof(in) * GO_JSON_EXPANSION];
    size_t n = go_json_escape(in, sizeof(in) - 1, out);

    assert_int_equal(n, sizeof(want) - 1);
    assert_memory_equal(out, want, n);
}

static void test_lines(void **state)
{
    struct fixture *f = *state;

    open_log(f, 0, 1, NULL);
    put(f, LOG_STDOUT, "one\ntwo ");
    put(f, LOG_STDERR, "err\n");
    put(f, LOG_STDOUT, "parts\n\nlast");
    logger_flush(f->log);
    _cleanup_free_ char *text = without_times(f->path);
    assert_string_equal(text, "{\"log\":\"one\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n"
                              "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\"T\"}\n"
                              "{\"log\":\"two parts\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n"
                              "{\"log\":\"\\n\",\"stream\":\"stdout\",\"time\":\"T\"}\n"
                              "{\"log\":\"last\",\"stream\":\"stdout\",\"time\":\"T\"}\n");
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

static void test_attrs(void **state)
{
    struct fixture *f = *state;

    open_log(f, 0, 1, "{\"a\":\"b\"}");
    put(f, LOG_STDERR, "x\n");
    _cleanup_free_ char *text = without_times(f->path);
    assert_string_equal(
        text, "{\"log\":\"x\\n\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":\"T\"}\n");
}

/* A line is cut every 16 KiB, as dockerd does, however it arrives. */
static void test_long_lines(void **state)
{
    struct fixture *f = *state;
    char *line = xmalloc(40001);
    _cleanup_free_ char *owned = line;

    open_log(f, 0, 1, NULL);
    memset(line, 'a', 40000);
    line[16384] = '\n';
    logger_write(f->log, LOG_STDOUT, line, 16385);
    line[16384] = 'a';
    for (size_t i = 0; i < 40000; i += 1000)
        logger_write(f->log, LOG_STDOUT, line + i, 1000);
    put(f, LOG_STDOUT, "\n");
    _cleanup_free_ char *text = content(f->path);
    static const size_t want[] = {16384, 1, 16384, 16384, 40000 - 2 * 16384 + 1};
    char *p = text;
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        char *nl = strchr(p, '\n');
        assert_non_null(nl);
        _cleanup_json_ json_t *j = json_loadb(p, (size_t)(nl - p), 0, NULL);
        assert_non_null(j);
        assert_int_equal(json_string_length(json_object_get(j, "log")), want[i]);
        p = nl + 1;
    }
    assert_string_equal(p, "");
}

static void test_worst_case(void **state)
{
    struct fixture *f = *state;
    char *bytes = xmalloc(1 << 20);
    _cleanup_free_ char *owned = bytes;

    open_log(f, 0, 1, NULL);
    memset(bytes, '\1', 1 << 20);
    logger_write(f->log, LOG_STDOUT, bytes, 1 << 20);
    memset(bytes, '\n', 1 << 20);
    logger_write(f->log, LOG_STDOUT, bytes, 1 << 20);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_true(st.st_size > (1 << 20) * 66);
    assert_int_equal(f->log->dropped_lines, 0);
}

static void test_rotation(void **state)
{
    struct fixture *f = *state;
    char name[96];
    struct stat st;

    open_log(f, 1000, 3, NULL);
    for (int i = 0; i < 100; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "line %d\n", i);
        put(f, LOG_STDOUT, text);
    }
    static const char *const suffixes[] = {"", ".1", ".2"};
    int next = 99;
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", f->path, suffixes[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_true(st.st_size < 1100 && (i == 0 || st.st_size >= 1000));
        _cleanup_free_ char *text = content(name);
        int lines = 0;
        for (const char *p = text; (p = strchr(p, '\n')); p++)
            lines++;
        char first[64];
        (void)snprintf(first, sizeof(first), "{\"log\":\"line %d\\n\"", next - lines + 1);
        assert_memory_equal(text, first, strlen(first));
        next -= lines;
    }
    (void)snprintf(name, sizeof(name), "%s.3", f->path);
    assert_int_not_equal(access(name, F_OK), 0);
    logger_close(f->log);
    /* One file only: it is emptied. Size counts what an earlier run left. */
    open_log(f, 1000, 1, NULL);
    for (int i = 0; i < 50; i++)
        put(f, LOG_STDOUT, "and on\n");
    assert_int_equal(stat(f->path, &st), 0);
    assert_true(st.st_size < 1100);
}

/* A full disk: whole lines or nothing, counted, and going on afterwards. */
static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    if (mount("tmpfs", f->dir, "tmpfs", 0, "size=64k") < 0)
        skip();
    open_log(f, 0, 1, NULL);
    char line[1001];
    memset(line, 'x', 1000);
    line[999] = '\n';
    for (int i = 0; i < 100; i++)
        logger_write(f->log, LOG_STDOUT, line, 1000);
    assert_true(f->log->dropped_lines > 30 && f->log->dropped_lines < 50);
    assert_int_equal(stat(f->path, &st), 0);
    _cleanup_free_ char *text = content(f->path);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_int_equal(truncate(f->path, 0), 0);
    uint64_t before = f->log->dropped_lines;
    put(f, LOG_STDOUT, "again\n");
    assert_int_equal(f->log->dropped_lines, before);
    _cleanup_free_ char *after = content(f->path);
    assert_memory_equal(after, "{\"log\":\"again\\n\"", 15);
    logger_close(TAKE_PTR(f->log));
    assert_int_equal(umount2(f->dir, MNT_DETACH), 0);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {};
    struct logger_params p = {.path = "relative", .max_files = 1};

    assert_int_equal(logger_open("json-file", &p, &f->log, &err), -EINVAL);
    p.path = f->dir;
    assert_true(logger_open("json-file", &p, &f->log, &err) < 0);
    assert_int_equal(symlink("/etc/hostname", f->path), 0);
    p.path = f->path;
    assert_true(logger_open("json-file", &p, &f->log, &err) < 0);
    assert_true(logger_open("syslog", &p, &f->log, &err) < 0);
    assert_string_equal(err.message, "logger: no log driver named 'syslog' is registered");
    assert_int_equal(logger_open("none", &p, &f->log, &err), 0);
    put(f, LOG_STDOUT, "nowhere\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_attrs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_worst_case, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
