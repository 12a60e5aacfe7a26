/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tars made to break out, to exhaust, or to confuse. Each leaves the canary alone (checked by
 * unpack()), and is refused by name or does something harmless. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/str.h"
#include "tar_fixture.h"

static int setup(void **state)
{
    if (geteuid() != 0) {
        print_message("unpacking needs root\n");
        skip();
    }
    return fixture_setup(state);
}

static void test_names_that_leave(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {
        "../canary",      "a/../../canary",         "/../canary",       "..",
        "./../outside/x", "a/b/../../../outside/x", "////..//canary/x", "../root/x"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        add_file(f, names[i], "broken\n");
        expect_invalid(f, "leads out of the layer");
        add_dir(f, names[i]);
        expect_invalid(f, "leads out of the layer");
        add_symlink(f, names[i], "x");
        expect_invalid(f, "leads out of the layer");
    }
    add_file(f, "/etc/passwd", "inside\n");
    add_file(f, "a/../b", "inside\n");
    add_file(f, "...", "dots\n");
    expect_ok(f);
    assert_true(tree_has(f, "etc/passwd", "inside\n"));
    assert_true(tree_has(f, "b", "inside\n"));
    assert_true(tree_has(f, "...", "dots\n"));
}

static void test_symlink_parents(void **state)
{
    struct fixture *f = *state;
    char outside[128];

    (void)snprintf(outside, sizeof(outside), "%s/outside", f->dir);
    add_symlink(f, "abs", outside);
    add_file(f, "abs/x", "kept inside\n");
    add_symlink(f, "up", "../../../../outside");
    add_file(f, "up/y", "kept inside\n");
    add_dir(f, "d/");
    add_symlink(f, "d/chain", "../up");
    add_file(f, "d/chain/z", "kept inside\n");
    expect_ok(f);
    assert_true(tree_has(f, "outside/y", "kept inside\n"));
    assert_true(tree_has(f, "outside/z", "kept inside\n"));
    _cleanup_free_ char *inside = xasprintf("%s/x", outside + 1);
    assert_true(tree_has(f, inside, "kept inside\n"));

    fixture_reset(f);
    add_symlink(f, "l", "../canary");
    add_file(f, "l", "replaces the link\n");
    expect_ok(f);
    assert_true(tree_has(f, "l", "replaces the link\n"));

    fixture_reset(f);
    add_symlink(f, "loop", "loop");
    add_file(f, "loop/x", "");
    expect_invalid(f, "too many symlinks");

    add_file(f, "file", "x");
    add_file(f, "file/x", "x");
    expect_invalid(f, "is not a directory");
}

static void test_type_swaps(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    /* file, then a link out, then written again */
    add_file(f, "x", "one\n");
    add_symlink(f, "x", "../canary");
    add_file(f, "x", "two\n");
    /* directory with content, then a link out, then written through */
    add_dir(f, "d");
    add_file(f, "d/f", "in d\n");
    add_symlink(f, "d", "../outside");
    add_file(f, "d/g", "through\n");
    /* hard link to what is replaced afterwards */
    add_file(f, "h", "first\n");
    add_hardlink(f, "i", "h");
    add_file(f, "h", "second\n");
    expect_ok(f);
    assert_true(tree_has(f, "x", "two\n"));
    assert_true(tree_has(f, "outside/g", "through\n"));
    assert_true(tree_has(f, "i", "first\n"));
    assert_true(tree_has(f, "h", "second\n"));
    assert_true(tree_stat(f, "d", &st) && S_ISLNK(st.st_mode));
}

static void test_hard_links(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    add_hardlink(f, "l", "../canary");
    expect_invalid(f, "leads out of the layer");
    add_hardlink(f, "l", "/etc/passwd");
    expect_invalid(f, "\"/etc/passwd\" is not in this layer");
    add_symlink(f, "s", "../outside");
    add_hardlink(f, "l", "s/../canary");
    expect_invalid(f, "\"s/../canary\" is not in this layer");
    add_dir(f, "d");
    add_hardlink(f, "l", "d");
    expect_invalid(f, "hard link to a directory");
    add_file(f, ".wh.gone", "");
    add_hardlink(f, "l", "gone");
    expect_invalid(f, "is not in this layer");

    /* To a symlink: the link itself gets another name. To itself: nothing happens. */
    add_symlink(f, "s", "../canary");
    add_hardlink(f, "l", "s");
    add_file(f, "f", "f\n");
    add_hardlink(f, "f", "f");
    add_hardlink(f, "f", "./f");
    expect_ok(f);
    assert_true(tree_stat(f, "l", &st) && S_ISLNK(st.st_mode) && st.st_nlink == 2);
    assert_true(tree_has(f, "f", "f\n"));
}

static void test_whiteouts_of_nonsense(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {".wh...", ".wh..", ".wh.", "a/.wh...", "a/.wh.."};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        add_file(f, names[i], "");
        expect_invalid(f, "whiteout of");
    }
    add_file(f, ".wh.d/x", "");
    expect_invalid(f, "whiteout used as a directory");
    add_symlink(f, "s", "../outside");
    add_file(f, "s/.wh.x", "");
    add_file(f, "s/.wh..wh..opq", "");
    expect_ok(f);
    assert_true(tree_whiteout(f, "outside/x"));
    assert_true(tree_opaque(f, "outside"));
}

static void test_bad_numbers(void **state)
{
    struct fixture *f = *state;

    add_raw(f, "neg", '0', "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "", "", 0);
    expect_invalid(f, "\"neg\": negative size");
    add_raw(f, "huge", '0', "\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "", "", 0);
    expect_invalid(f, "\"huge\": size out of range");
    add_raw(f, "big", '0', "77777777777", "", "", 0);
    expect_invalid(f, "\"big\": truncated");
    add_raw(f, "octal", '0', "0000000009x", "", "", 0);
    expect_invalid(f, "\"octal\": malformed size");
    add_records(f, "size=-12\n");
    add_raw(f, "pax", '0', "0", "", "", 0);
    expect_invalid(f, "pax record size: negative");
    add_records(f, "size=9223372036854775807\n");
    add_raw(f, "pax", '0', "0", "", "", 0);
    expect_invalid(f, "\"pax\": size out of range");
    add_records(f, "uid=4294967295\n");
    add_raw(f, "pax", '0', "0", "", "", 0);
    expect_invalid(f, "uid or gid out of range");
}

static void test_pax_bombs(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *long_name = xmalloc(5001);

    add_raw(f, "x", 'x', "00100000001", "", "", 0);
    expect_invalid(f, "pax header of 16777217 bytes");
    add_raw(f, "x", 'L', "00100000001", "", "", 0);
    expect_invalid(f, "GNU long name of 16777217 bytes");
    for (int i = 0; i < 20; i++)
        add_pax(f, "6 a=b\n", 6);
    expect_invalid(f, "too many extended headers");
    add_pax(f, "99 a=b\n", 7);
    expect_invalid(f, "malformed pax record");
    add_pax(f, "6 =ab\n", 6);
    expect_invalid(f, "no usable key");
    add_pax(f, "12 path=a\0b\n", 12);
    add_raw(f, "n", '0', "0", "", "", 0);
    expect_invalid(f, "pax record path: contains a NUL");
    add_pax(f, "6 a=b\n", 6);
    expect_invalid(f, "extended header without its entry");

    memset(long_name, 'a', 5000);
    long_name[5000] = '\0';
    _cleanup_free_ char *record = xasprintf("path=%s\n", long_name);
    add_records(f, record);
    add_raw(f, "n", '0', "0", "", "", 0);
    expect_invalid(f, "too long");
    long_name[300] = '\0';
    add_file(f, long_name, "");
    expect_invalid(f, "the name is too long");
}

static void test_sparse_nonsense(void **state)
{
    struct fixture *f = *state;
    static const char out_of_range[] = "GNU.sparse.major=0\nGNU.sparse.minor=1\n"
                                       "GNU.sparse.map=90,100\nGNU.sparse.size=100\n";
    static const char bomb[] = "GNU.sparse.major=0\nGNU.sparse.minor=1\n"
                               "GNU.sparse.map=0,1\nGNU.sparse.size=999999999999999\n";
    static const char one_oh[] = "GNU.sparse.major=1\nGNU.sparse.minor=0\n"
                                 "GNU.sparse.realsize=10\n";
    char block[512] = "99999999\n";

    add_records(f, out_of_range);
    add_raw(f, "s", '0', "00000000144", "", block, 100);
    expect_invalid(f, "the map is out of order or out of range");
    f->options.max_bytes = 1 << 20;
    add_records(f, bomb);
    add_raw(f, "s", '0', "00000000001", "", "x", 1);
    expect_invalid(f, "larger than allowed");
    add_records(f, one_oh);
    add_raw(f, "s", '0', "00000001000", "", block, 512);
    expect_invalid(f, "the map is too long");
    memcpy(block, "2\n0\n5", 5);
    add_records(f, one_oh);
    add_raw(f, "s", '0', "00000001000", "", block, 512);
    expect_invalid(f, "malformed map");
    add_raw(f, "s", 'S', "00000001000", "", block, 512);
    expect_invalid(f, "not in GNU format");
}

static void test_broken_streams(void **state)
{
    struct fixture *f = *state;

    /* A pax header and its record come first. */
    add_file(f, "file", "content\n");
    assert_true(unpack_bytes(f, f->tar.data, 1536 + 3, NULL, 0) < 0);
    assert_non_null(strstr(f->err.message, "\"file\": truncated"));
    fixture_reset(f);
    add_file(f, "file", "content\n");
    assert_true(unpack_bytes(f, f->tar.data, 300, NULL, 0) < 0);
    fixture_reset(f);
    add_file(f, "ok", "");
    add_file(f, "file", "content\n");
    f->tar.data[f->tar.len - 8 - 512 + 3] ^= 1;
    assert_true(unpack(f) < 0);
    assert_non_null(strstr(f->err.message, "checksum"));
    fixture_reset(f);
    for (int i = 0; i < 100; i++)
        assert_int_equal(buf_adds(&f->tar, "this is no tar archive at all\n"), 0);
    expect_invalid(f, "not a tar archive");
    add_file(f, "a", "");
    assert_int_equal(buf_add(&f->tar, (char[512]){0}, 512), 0);
    add_file(f, "b", "");
    expect_invalid(f, "lone zero block");
    add_raw(f, "", '0', "0", "", "", 0);
    expect_invalid(f, "without a name");
    add_raw(f, "odd", 'M', "0", "", "", 0);
    expect_invalid(f, "unsupported entry type 0x4d");
    add_symlink(f, "s", "");
    expect_invalid(f, "without a target");
    add_file(f, ".", "root as a file");
    expect_invalid(f, "only a directory can be the layer's root");
    add_file(f, "ctl\n\x01\xff", "");
    add_raw(f, "ctl\n\x01\xff", 'M', "0", "", "", 0);
    expect_invalid(f, "\"ctl???\"");
}

static void test_limits(void **state)
{
    struct fixture *f = *state;

    f->options.max_entries = 3;
    for (int i = 0; i < 4; i++)
        add_file(f, "x", "");
    expect_invalid(f, "more than 3 entries");
    f->options.max_bytes = 100000;
    add_file(f, "x", "");
    for (int i = 0; i < 400; i++)
        assert_int_equal(buf_add(&f->tar, (char[512]){0}, 512), 0);
    expect_invalid(f, "larger than the 100000 bytes");
}

static void test_overlay_xattrs_are_dropped(void **state)
{
    struct fixture *f = *state;
    static const char records[] = "SCHILY.xattr.trusted.overlay.opaque=y\n"
                                  "SCHILY.xattr.trusted.overlay.redirect=/\n"
                                  "SCHILY.xattr.user.overlay.opaque=y\n"
                                  "SCHILY.xattr.security.selinux=x\n"
                                  "SCHILY.xattr.user.kept=yes\n";

    add_records(f, records);
    add_raw(f, "d/", '5', "0", "", "", 0);
    expect_ok(f);
    assert_false(tree_opaque(f, "d"));
    assert_true(f->result.dropped_xattrs >= 4 && f->result.dropped_xattrs <= 5);
}

static void test_deep_and_wide_removal(void **state)
{
    struct fixture *f = *state;
    char name[1100] = "top";

    for (int i = 0; i < 500; i++) {
        size_t n = strlen(name);
        (void)snprintf(name + n, sizeof(name) - n, "/d");
        _cleanup_free_ char *file = xasprintf("%s/f", name);
        add_file(f, file, "deep\n");
    }
    for (int i = 0; i < 300; i++) {
        _cleanup_free_ char *file = xasprintf("top/w%d/f", i);
        add_file(f, file, "wide\n");
    }
    add_file(f, "top", "now a file\n");
    expect_ok(f);
    assert_true(tree_has(f, "top", "now a file\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_names_that_leave),
        TEST(test_symlink_parents),
        TEST(test_type_swaps),
        TEST(test_hard_links),
        TEST(test_whiteouts_of_nonsense),
        TEST(test_bad_numbers),
        TEST(test_pax_bombs),
        TEST(test_sparse_nonsense),
        TEST(test_broken_streams),
        TEST(test_limits),
        TEST(test_overlay_xattrs_are_dropped),
        TEST(test_deep_and_wide_removal),
    };
    return cmocka_run_group_tests_name("tar/hostile", tests, NULL, NULL);
}
