/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
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

static void test_whiteouts(void **state)
{
    struct fixture *f = *state;

    add_dir(f, "etc/");
    add_file(f, "etc/.wh.passwd", "");
    add_dir(f, "opt/");
    add_file(f, "opt/.wh..wh..opq", "");
    add_file(f, "opt/new", "new\n");
    add_file(f, "missing/parent/.wh.x", "");
    add_file(f, "var/.wh..wh..opq", "content is odd but kept\n");
    add_file(f, ".wh.top", "");
    add_file(f, ".wh..wh.plnk/1.2", "aufs\n");
    add_dir(f, ".wh..wh.orph");
    expect_ok(f);
    assert_true(tree_whiteout(f, "etc/passwd"));
    assert_true(tree_opaque(f, "opt"));
    assert_true(tree_has(f, "opt/new", "new\n"));
    assert_true(tree_whiteout(f, "missing/parent/x"));
    assert_true(tree_opaque(f, "var"));
    assert_true(tree_whiteout(f, "top"));
    struct stat st;
    assert_false(tree_stat(f, ".wh..wh.plnk", &st));
    assert_false(tree_stat(f, ".wh..wh.orph", &st));
    assert_int_equal(f->result.whiteouts, 5);
}

static void test_whiteouts_spare_the_same_layer(void **state)
{
    struct fixture *f = *state;

    /* before */
    add_file(f, "a/.wh.file", "");
    add_file(f, "a/file", "mine\n");
    add_file(f, ".wh.dir", "");
    add_dir(f, "dir/");
    add_file(f, "dir/x", "mine\n");
    add_file(f, ".wh.implied", "");
    add_file(f, "implied/x", "mine\n");
    /* after */
    add_file(f, "b/file", "mine\n");
    add_file(f, "b/.wh.file", "");
    add_file(f, "c/x", "mine\n");
    add_file(f, ".wh.c", "");
    /* twice */
    add_file(f, ".wh.twice", "");
    add_file(f, ".wh.twice", "");
    expect_ok(f);
    assert_true(tree_has(f, "a/file", "mine\n"));
    assert_true(tree_has(f, "dir/x", "mine\n"));
    assert_true(tree_opaque(f, "dir"));
    assert_true(tree_has(f, "implied/x", "mine\n"));
    assert_true(tree_opaque(f, "implied"));
    assert_true(tree_has(f, "b/file", "mine\n"));
    assert_true(tree_has(f, "c/x", "mine\n"));
    assert_true(tree_opaque(f, "c"));
    assert_true(tree_whiteout(f, "twice"));
}

static void add_owned(struct fixture *f, const char *name, enum tar_type type, unsigned mode,
                      unsigned uid)
{
    struct tar_entry e = {.type = type,
                          .name = name,
                          .linkname = "target",
                          .mode = mode,
                          .uid = uid,
                          .gid = uid + 1,
                          .devmajor = 1,
                          .devminor = 3,
                          .mtime = {1000000000, 987654321}};

    assert_int_equal(tar_writer_entry(f->writer, &e, &f->err), 0);
}

static void expect_stat(struct fixture *f, const char *path, mode_t mode, uid_t uid)
{
    struct stat st;

    assert_true(tree_stat(f, path, &st));
    assert_int_equal(st.st_mode, mode);
    assert_int_equal(st.st_uid, uid);
    assert_int_equal(st.st_gid, uid + 1);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
    assert_int_equal(st.st_mtim.tv_nsec, 987654321);
}

static void test_metadata(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    add_owned(f, "./", TAR_DIR, 01777, 5);
    add_owned(f, "suid", TAR_FILE, 06755, 1000);
    add_owned(f, "dir", TAR_DIR, 02775, 3000000000U);
    add_owned(f, "dir/link", TAR_SYMLINK, 0777, 7);
    add_owned(f, "dir/null", TAR_CHAR, 0666, 0);
    add_owned(f, "dir/disk", TAR_BLOCKDEV, 0660, 6);
    add_owned(f, "dir/fifo", TAR_FIFO, 0600, 8);
    add_owned(f, "dir/sub", TAR_DIR, 0500, 9);
    add_file(f, "dir/sub/x", "x");
    add_file(f, "made/on/the/way", "x");
    expect_ok(f);
    expect_stat(f, ".", S_IFDIR | 01777, 5);
    expect_stat(f, "suid", S_IFREG | 06755, 1000);
    expect_stat(f, "dir", S_IFDIR | 02775, 3000000000U);
    expect_stat(f, "dir/link", S_IFLNK | 0777, 7);
    expect_stat(f, "dir/null", S_IFCHR | 0666, 0);
    expect_stat(f, "dir/disk", S_IFBLK | 0660, 6);
    expect_stat(f, "dir/fifo", S_IFIFO | 0600, 8);
    expect_stat(f, "dir/sub", S_IFDIR | 0500, 9);
    assert_true(tree_stat(f, "dir/null", &st));
    assert_int_equal(st.st_rdev, makedev(1, 3));
    assert_true(tree_stat(f, "made/on/the", &st));
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(st.st_mtim.tv_sec, 1234567890);
}

static void test_directories_merge(void **state)
{
    struct fixture *f = *state;

    add_owned(f, "d", TAR_DIR, 0700, 1);
    add_file(f, "d/kept", "kept\n");
    add_owned(f, "d/", TAR_DIR, 0711, 2);
    add_dir(f, "was-dir");
    add_file(f, "was-dir/x", "gone\n");
    add_owned(f, "was-dir", TAR_FILE, 0644, 3);
    add_file(f, "was-file", "gone\n");
    add_owned(f, "was-file", TAR_DIR, 0755, 4);
    add_symlink(f, "was-link", "d");
    add_owned(f, "was-link", TAR_DIR, 0755, 5);
    expect_ok(f);
    expect_stat(f, "d", S_IFDIR | 0711, 2);
    assert_true(tree_has(f, "d/kept", "kept\n"));
    expect_stat(f, "was-dir", S_IFREG | 0644, 3);
    expect_stat(f, "was-file", S_IFDIR | 0755, 4);
    expect_stat(f, "was-link", S_IFDIR | 0755, 5);
}

static void test_xattrs(void **state)
{
    struct fixture *f = *state;
    static const uint8_t cap[20] = {0x01, 0, 0, 0x02, 0, 0x20};
    const struct tar_xattr x[] = {{"security.capability", cap, sizeof(cap)},
                                  {"user.text", (const uint8_t *)"a=b\nc", 5}};
    struct tar_entry e = {
        .type = TAR_FILE, .name = "ping", .mode = 0755, .uid = 5, .xattrs = x, .n_xattrs = 2};
    _cleanup_free_ char *path = xasprintf("%s/root/ping", f->dir);
    char value[64];

    assert_int_equal(tar_writer_entry(f->writer, &e, &f->err), 0);
    expect_ok(f);
    assert_int_equal(getxattr(path, "security.capability", value, sizeof(value)), 20);
    assert_memory_equal(value, cap, 20);
    if (f->result.dropped_xattrs == 0) {
        assert_int_equal(getxattr(path, "user.text", value, sizeof(value)), 5);
        assert_memory_equal(value, "a=b\nc", 5);
    }
}

static void test_size_is_counted_as_docker_does(void **state)
{
    struct fixture *f = *state;

    add_file(f, "a", "12345");
    add_hardlink(f, "b", "a");
    add_file(f, "a", "123");
    add_symlink(f, "s", "a");
    expect_ok(f);
    assert_int_equal(f->result.size_bytes, 8);
    assert_int_equal(f->result.entries, 4);
}

static int lower_stat(void *arg, const char *path, struct stat *ret)
{
    if (!str_eq(path, "tmp"))
        return -ENOENT;
    *ret = (struct stat){.st_mode = S_IFDIR | 01777, .st_uid = 3, .st_gid = 4};
    ret->st_mtim.tv_sec = 77;
    return 0;
}

static int lower_link(void *arg, const char *target, int dirfd, const char *name)
{
    return str_eq(target, "usr/lower") ? symlinkat("stand-in", dirfd, name) < 0 ? -errno : 0
                                       : -ENOENT;
}

static void test_lower_layers(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    f->options.stat_lower = lower_stat;
    f->options.fetch_link = lower_link;
    add_file(f, "tmp/x", "x");
    add_file(f, "other/x", "x");
    add_file(f, "link", "replaced");
    add_hardlink(f, "link", "./usr//lower");
    expect_ok(f);
    assert_true(tree_stat(f, "tmp", &st));
    assert_int_equal(st.st_mode, S_IFDIR | 01777);
    assert_int_equal(st.st_uid, 3);
    assert_int_equal(st.st_gid, 4);
    assert_int_equal(st.st_mtim.tv_sec, 77);
    assert_true(tree_stat(f, "other", &st));
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_true(tree_stat(f, "link", &st));
    assert_true(S_ISLNK(st.st_mode));
    fixture_reset(f);
    f->options.fetch_link = lower_link;
    add_hardlink(f, "link", "usr/elsewhere");
    expect_invalid(f, "is not in this layer");
}

static int stop_at_once(void *arg, uint64_t bytes)
{
    return -ECANCELED;
}

/* A source that would block for ever does not keep a failed unpacking from returning. */
static void test_failure_does_not_wait_for_the_source(void **state)
{
    struct fixture *f = *state;
    _cleanup_(tar_source_freep)
    struct tar_source *src = NULL;
    int p[2];
    _cleanup_free_ char *big = xmalloc(900001);

    memset(big, 'x', 900000);
    big[900000] = '\0';
    add_file(f, "../escape", "x");
    add_file(f, "big", big);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    (void)fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
    assert_int_equal(write_full(p[1], f->tar.data, 600 * KIB), 0);
    assert_int_equal(tar_source_open_fd(p[0], &src, &f->err), 0);
    assert_true(tar_unpack_layer(src, f->rootfd, NULL, -1, &f->result, &f->err) < 0);
    assert_non_null(strstr(f->err.message, "leads out"));
    close_fd(p[0]);
    close_fd(p[1]);

    fixture_reset(f);
    for (int i = 0; i < 3; i++)
        add_file(f, "big", big);
    f->options.progress = stop_at_once;
    assert_true(unpack(f) < 0);
    assert_int_equal(f->err.kind, ERR_CANCELLED);
}

static void test_full_disk(void **state)
{
    struct fixture *f = *state;
    _cleanup_(tar_source_freep)
    struct tar_source *src = NULL;
    _cleanup_free_ char *big = xmalloc(900001);

    if (!shell(f, "mkdir small && mount -t tmpfs -o size=512k none small")) {
        print_message("cannot mount a tmpfs here\n");
        skip();
    }
    memset(big, 'x', 900000);
    big[900000] = '\0';
    add_file(f, "big", big);
    assert_int_equal(tar_writer_finish(f->writer, &f->err), 0);
    int small = openat(f->dirfd, "small", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(small >= 0);
    assert_int_equal(tar_source_open_mem(f->tar.data, f->tar.len, &src, &f->err), 0);
    int r = tar_unpack_layer(src, small, NULL, -1, &f->result, &f->err);
    close_fd(small);
    assert_true(shell(f, "umount small"));
    assert_int_equal(r, -ENOSPC);
    assert_int_equal(f->err.kind, ERR_NO_SPACE);
    assert_non_null(strstr(f->err.message, "\"big\""));
}

static void test_member_of_another_tar(void **state)
{
    struct fixture *f = *state;
    _cleanup_(tar_source_freep)
    struct tar_source *outer = NULL, *inner = NULL;
    _cleanup_(tar_reader_freep)
    struct tar_reader *r = NULL;
    const struct tar_entry *e;

    add_file(f, "hello", "from within\n");
    assert_int_equal(tar_writer_finish(f->writer, &f->err), 0);
    struct buf layer = f->tar;
    buf_init(&f->tar, MIB);
    fixture_reset(f);
    add_file(f, "manifest.json", "[]");
    struct tar_entry member = {.type = TAR_FILE, .name = "layer.tar", .size = layer.len};
    assert_int_equal(tar_writer_entry(f->writer, &member, &f->err), 0);
    assert_int_equal(tar_writer_data(f->writer, layer.data, layer.len, &f->err), 0);
    add_file(f, "last", "x");
    assert_int_equal(tar_writer_finish(f->writer, &f->err), 0);

    assert_int_equal(tar_source_open_mem(f->tar.data, f->tar.len, &outer, &f->err), 0);
    r = tar_reader_new_source(outer);
    assert_int_equal(tar_reader_next(r, &e, &f->err), 1);
    assert_int_equal(tar_reader_next(r, &e, &f->err), 1);
    assert_string_equal(e->name, "layer.tar");
    assert_int_equal(tar_source_open_fn(tar_reader_read, r, &inner, &f->err), 0);
    assert_int_equal(tar_unpack_layer(inner, f->rootfd, NULL, -1, &f->result, &f->err), 0);
    assert_int_equal(f->result.tar_bytes, layer.len);
    assert_true(tree_has(f, "hello", "from within\n"));
    assert_int_equal(tar_reader_next(r, &e, &f->err), 1);
    assert_string_equal(e->name, "last");
    assert_int_equal(tar_reader_next(r, &e, &f->err), 0);
    buf_done(&layer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_whiteouts),    TEST(test_whiteouts_spare_the_same_layer),
        TEST(test_metadata),     TEST(test_directories_merge),
        TEST(test_xattrs),       TEST(test_size_is_counted_as_docker_does),
        TEST(test_lower_layers), TEST(test_failure_does_not_wait_for_the_source),
        TEST(test_full_disk),    TEST(test_member_of_another_tar),
    };
    return cmocka_run_group_tests_name("tar/extract", tests, NULL, NULL);
}
