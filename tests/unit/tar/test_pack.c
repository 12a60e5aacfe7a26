/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "tar/pack.h"
#include "tar_fixture.h"

static int setup(void **state)
{
    if (geteuid() != 0) {
        print_message("unpacking needs root\n");
        skip();
    }
    return fixture_setup(state);
}

static int to_buf(void *arg, const void *data, size_t len, struct err *err)
{
    return buf_add(arg, data, len);
}

static void pack(struct fixture *f, const struct tar_pack_options *o, struct buf *out,
                 struct tar_pack_result *res)
{
    int r = tar_pack_tree(f->rootfd, (struct tar_sink){to_buf, out}, o, res, &f->err);

    if (r < 0)
        print_error("pack: %s\n", f->err.message);
    assert_int_equal(r, 0);
}

/* A whiteout and the directory that no entry describes are as old as the unpacking. */
static void set_new_times(struct fixture *f)
{
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    assert_int_equal(utimensat(f->rootfd, "d/gone", times, 0), 0);
    assert_int_equal(utimensat(f->rootfd, ".", times, 0), 0);
}

/* Unpacking what was packed and packing it again gives the same bytes. */
static void test_round_trip(void **state)
{
    struct fixture *f = *state;
    const struct tar_pack_options o = {.overlay = true, .nsec_times = true};
    struct buf first = BUF_INIT(64 * MIB), second = BUF_INIT(64 * MIB);
    struct tar_pack_result one, two;

    add_dir(f, "d/");
    add_file(f, "d/.wh.gone", "");
    add_file(f, "d/x", "content\n");
    add_hardlink(f, "h", "d/x");
    add_dir(f, "opaque/");
    add_file(f, "opaque/.wh..wh..opq", "");
    add_file(f, "opaque/-first", "");
    add_file(f, ".wh..wh..opq", "");
    add_symlink(f, "s", "d/x");
    add_device(f, "null", TAR_CHAR, 1, 3);
    add_device(f, "loop", TAR_BLOCKDEV, 259, 70000);
    add_device(f, "fifo", TAR_FIFO, 0, 0);
    add_records(f, "SCHILY.xattr.user.x=1\nSCHILY.xattr.user.a=2\n");
    add_raw(f, "attrs", '0', "00000000003", "", "abc", 3);
    _cleanup_free_ char *n = xasprintf("%0200d", 1);
    _cleanup_free_ char *deep = xasprintf("%s/%s", n, n);
    add_file(f, deep, "deep");
    add_file(f, "gr\xc3\xbcn", "utf-8");
    expect_ok(f);

    set_new_times(f);
    pack(f, &o, &first, &one);
    assert_int_equal(one.tar_bytes, first.len);
    fixture_reset(f);
    int r = unpack_bytes(f, first.data, first.len, first.data, first.len);
    if (r < 0)
        print_error("%s\n", f->err.message);
    assert_int_equal(r, 0);
    struct digest packed;
    digest_of(first.data, first.len, &packed);
    assert_string_equal(f->result.diff_id.str, packed.str);
    assert_int_equal(f->result.size_bytes, one.size_bytes);
    assert_int_equal(f->result.entries, one.entries);
    assert_true(tree_whiteout(f, "d/gone"));
    assert_true(tree_opaque(f, "opaque"));
    assert_true(tree_opaque(f, "."));
    set_new_times(f);
    pack(f, &o, &second, &two);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    buf_done(&first);
    buf_done(&second);
}

static bool not_secret(void *arg, const char *path)
{
    return !str_eq(path, "secret");
}

/* GNU tar and Python read it, and see the same. */
static void test_others_read_it(void **state)
{
    struct fixture *f = *state;
    const struct tar_pack_options o = {.filter = not_secret};
    struct buf tar = BUF_INIT(64 * MIB);

    assert_true(shell(f, "cd root && mkdir -p a/b secret && echo 1 >a/b/c && echo 2 >a/b.x && "
                         "echo 3 >secret/x && ln a/b/c hard && n=$(printf %%0180d 5) && "
                         "mkdir $n && echo 4 >$n/$n && ln -s $n/$n link && ln $n/$n hardlong && "
                         "truncate -s 100k zeros && chown 3000000:4 a && "
                         "touch -d '1960-01-01 00:00:00.5' old && "
                         "find . -exec touch -h -d 2011-11-11 {} +"));
    pack(f, &o, &tar, NULL);
    assert_int_equal(write_file_at(f->dirfd, "p.tar", tar.data, tar.len, 0644), 0);
    bool same = shell(f, "mkdir x && tar xpf p.tar --numeric-owner -C x && rm -r root/secret && "
                         "touch -d 2011-11-11 root && touch -d 2011-11-11 x && "
                         "(cd root && find . -mindepth 1 -printf '%%P %%y %%m %%U %%G %%l %%T@ "
                         "%%n\\n' | sort) >want && "
                         "(cd x && find . -mindepth 1 -printf '%%P %%y %%m %%U %%G %%l %%T@ "
                         "%%n\\n' | sort) >have && diff want have && diff -r root x");
    if (!same) {
        _cleanup_free_ char *log = slurp(f, "log", NULL);
        print_error("%s\n", log);
    }
    assert_true(same);
    assert_true(
        shell(f, "tar tf p.tar | grep ^a | tr '\\n' ' ' | grep -q '^a/ a/b/ a/b/c a/b.x $'"));
    if (shell(f, "test -x /usr/bin/python3"))
        assert_true(shell(f, "/usr/bin/python3 -c \"import tarfile; t = tarfile.open('p.tar'); "
                             "assert t.getmember('hard').linkname == 'a/b/c' and "
                             "t.getmember('a').uid == 3000000 and len(t.getnames()) == 11, "
                             "t.getnames()\""));
    buf_done(&tar);
}

static void test_writer_members(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(tar_writer_dir(f->writer, "blobs", 0755, 0, &f->err), 0);
    assert_int_equal(tar_writer_file(f->writer, "blobs/x", 0644, 0, "12345", 5, &f->err), 0);
    assert_int_equal(tar_writer_symlink(f->writer, "l", "blobs/x", 0, &f->err), 0);
    struct tar_entry e = {.type = TAR_FILE, .name = "late", .size = 10};
    assert_int_equal(tar_writer_entry(f->writer, &e, &f->err), 0);
    assert_int_equal(tar_writer_data(f->writer, "123", 3, &f->err), 0);
    assert_true(tar_writer_finish(f->writer, &f->err) < 0);
    assert_true(tar_writer_data(f->writer, "12345678", 8, &f->err) < 0);
    struct tar_sink sink = tar_writer_sink(f->writer);
    assert_int_equal(sink.write(sink.arg, "4567890", 7, &f->err), 0);
    /* A size beyond what octal holds, and a time before the epoch. */
    struct tar_entry big = {
        .type = TAR_FILE, .name = "big", .size = UINT64_C(1) << 40, .mtime = {-2, 500000000}};
    size_t at = f->tar.len;
    assert_int_equal(tar_writer_entry(f->writer, &big, &f->err), 0);
    assert_non_null(memmem(f->tar.data + at, f->tar.len - at, "size=1099511627776\n", 19));
    assert_non_null(memmem(f->tar.data + at, f->tar.len - at, "mtime=-1.5\n", 11));
    f->tar.len = at;
    tar_writer_free(f->writer);
    f->writer = NULL;
    expect_ok(f);
    assert_true(tree_has(f, "late", "1234567890"));
    assert_true(tree_has(f, "l", "12345"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_round_trip),
        TEST(test_others_read_it),
        TEST(test_writer_members),
    };
    return cmocka_run_group_tests_name("tar/pack", tests, NULL, NULL);
}
