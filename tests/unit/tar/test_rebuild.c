/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Tars of other programs: unpacked as those would, and given back bit for bit from the tree and the
 * journal. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "tar_fixture.h"

/* Everything about a tree that a tar carries, one line an entry. */
#define LISTING                                                                   \
    "find . -mindepth 1 -printf '%%P %%y %%m %%U %%G %%l %%T@ %%n\\n' | sort && " \
    "find . -type f -exec sha256sum {} + | sort"

static int setup(void **state)
{
    if (geteuid() != 0) {
        print_message("unpacking needs root\n");
        skip();
    }
    return fixture_setup(state);
}

static void make_tree(struct fixture *f)
{
    assert_true(shell(
        f, "rm -rf tree && mkdir -p tree/dir/sub tree/empty && cd tree && "
           "echo hello >dir/file && : >dir/nothing && head -c 1300000 /dev/urandom >dir/big && "
           "head -c 512 /dev/urandom >dir/exact && ln dir/file dir/sub/hard && "
           "ln -s ../file dir/sub/soft && ln -s /nonexistent dangling && "
           "mknod dir/null c 1 3 && mknod dir/loop b 7 200 && mkfifo dir/fifo && "
           "chown 1234:5678 dir/file && chmod 4755 dir/big && chmod 1777 empty && "
           "touch -d '2001-02-03 04:05:06.123456789' dir/file dir/sub && "
           "touch -d '2030-01-01' dangling"));
}

/* What the dialects before pax and GNU cannot hold. */
static void make_long(struct fixture *f)
{
    assert_true(shell(f, "cd tree && n=$(printf %%0200d 7) && mkdir -p long/$n && "
                         "echo x >long/$n/$n && ln -s $n/$n long/link && "
                         "ln long/$n/$n long/$n/hard$n && echo u >long/gr\303\274n && "
                         "truncate -s 3M sparse && printf data | dd of=sparse bs=1 seek=1000000 "
                         "conv=notrunc && printf end | dd of=sparse bs=1 seek=3000000 conv=notrunc "
                         "&& truncate -s 2M hole && chown 3000000000:4000000000 long/link -h"));
}

/* Unpacks the tar `name`, and compares with `tree` if asked to. */
static void roundtrip(struct fixture *f, const char *name, bool compare)
{
    size_t len;
    _cleanup_free_ char *tar = slurp(f, name, &len);

    fixture_reset(f);
    int r = unpack_bytes(f, tar, len, tar, len);
    if (r < 0)
        print_error("%s: %s\n", name, f->err.message);
    assert_int_equal(r, 0);
    if (!compare)
        return;
    bool same = shell(f, "(cd tree && " LISTING ") >want && (cd root && " LISTING ") >have && "
                         "diff want have");
    if (!same) {
        _cleanup_free_ char *log = slurp(f, "log", NULL);
        print_error("%s:\n%s\n", name, log);
    }
    assert_true(same);
}

static void test_gnu_tar_formats(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *options;
        bool long_names, exact_times;
    } cases[] = {
        {"--format=v7 --exclude=dir/null --exclude=dir/loop --exclude=dir/fifo", false, false},
        {"--format=ustar", false, false},
        {"--format=oldgnu", true, false},
        {"--format=gnu", true, false},
        {"--format=gnu --sparse", true, false},
        {"--format=posix", true, true},
        {"--format=posix --sparse --sparse-version=0.0", true, true},
        {"--format=posix --sparse --sparse-version=0.1", true, true},
        {"--format=posix --sparse --sparse-version=1.0", true, true},
        {"--format=posix --xattrs --acls --selinux", true, true},
        {"--format=posix --blocking-factor=1", true, true},
        {"--format=gnu --blocking-factor=100", true, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        make_tree(f);
        if (cases[i].long_names)
            make_long(f);
        if (!cases[i].exact_times)
            assert_true(shell(f, "find tree -exec touch -h -d 2002-02-02 {} +"));
        assert_true(shell(f, "tar cf t.tar --sort=name %s -C tree .", cases[i].options));
        if (strstr(cases[i].options, "v7"))
            assert_true(shell(f, "rm tree/dir/null tree/dir/loop tree/dir/fifo && "
                                 "touch -d 2002-02-02 tree/dir"));
        roundtrip(f, "t.tar", true);
    }
    /* A map longer than the header has room for, in each form. */
    assert_true(shell(f, "rm -rf tree && mkdir tree && truncate -s 30M tree/s && "
                         "for i in $(seq 1 2 500); do printf %%s $i | "
                         "dd of=tree/s bs=4096 seek=$i conv=notrunc; done && "
                         "touch -d 2002-02-02 tree/s"));
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (!strstr(cases[i].options, "--sparse"))
            continue;
        assert_true(shell(f, "tar cf t.tar %s -C tree .", cases[i].options));
        roundtrip(f, "t.tar", true);
        struct stat st;
        assert_true(tree_stat(f, "s", &st));
        assert_true(st.st_blocks < 30 * 2048 / 4);
    }
}

static void test_compressed(void **state)
{
    struct fixture *f = *state;
    static const char *const tools[] = {"gzip", "zstd", "xz", "bzip2"};
    size_t plain_len, len;

    make_tree(f);
    make_long(f);
    assert_true(shell(f, "tar cf t.tar -C tree ."));
    _cleanup_free_ char *plain = slurp(f, "t.tar", &plain_len);
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        if (!shell(f, "%s -c t.tar >t.tar.z", tools[i]))
            continue;
        _cleanup_free_ char *tar = slurp(f, "t.tar.z", &len);
        fixture_reset(f);
        assert_int_equal(unpack_bytes(f, tar, len, plain, plain_len), 0);
        assert_string_equal(tar_compression_name(f->result.compression), tools[i]);
    }
}

static void test_odd_archives(void **state)
{
    struct fixture *f = *state;

    /* The same names again and again, appended; nothing or rubbish after the end. */
    make_tree(f);
    assert_true(shell(f, "tar cf t.tar -C tree . && for i in 1 2 3; do echo $i$i >tree/dir/file; "
                         "tar rf t.tar -C tree ./dir/file ./dir/big; done && "
                         "tar cf tail.tar -C tree dir/exact && cp t.tar trail.tar && "
                         "head -c 100000 /dev/urandom >>trail.tar && cat tail.tar >>trail.tar && "
                         "tar cf no-end.tar --format=ustar -C tree ./dir/exact && "
                         "truncate -s 1024 no-end.tar && cp no-end.tar one-block.tar && "
                         "truncate -s 1536 one-block.tar && cp no-end.tar half.tar && "
                         "truncate -s 1800 half.tar && : >empty.tar && "
                         "head -c 10240 /dev/zero >zeros.tar"));
    roundtrip(f, "t.tar", false);
    assert_true(tree_has(f, "dir/file", "33\n"));
    roundtrip(f, "trail.tar", false);
    roundtrip(f, "no-end.tar", false);
    roundtrip(f, "one-block.tar", false);
    roundtrip(f, "half.tar", false);
    roundtrip(f, "empty.tar", false);
    roundtrip(f, "zeros.tar", false);
}

static const char python_tar[] =
    "import tarfile, io, sys\n"
    "def build(name, **kw):\n"
    "    t = tarfile.open(name, 'w', **kw)\n"
    "    def add(n, data=b'', **a):\n"
    "        i = tarfile.TarInfo(n); i.size = len(data); i.mtime = 1.25\n"
    "        for k, v in a.items(): setattr(i, k, v)\n"
    "        t.addfile(i, io.BytesIO(data))\n"
    "    add('a/b', b'x' * 1000)\n"
    "    add('a/b', b'y' * 2000)\n"
    "    add('d', type=tarfile.DIRTYPE)\n"
    "    add('d/e', b'inner')\n"
    "    add('d', b'a file now')\n"
    "    add('d/', type=tarfile.DIRTYPE)\n"
    "    add('d/e', b'inner again')\n"
    "    add('l', type=tarfile.LNKTYPE, linkname='a/b')\n"
    "    add('a/b', b'z' * 30)\n"
    "    add('a/.wh.gone', b'content in a whiteout')\n"
    "    add('c', b'contiguous', type=tarfile.CONTTYPE)\n"
    "    add('v7dir/', type=tarfile.AREGTYPE)\n"
    "    add('n' * 240, b'long')\n"
    "    add('\\u00fcml/' + 'm' * 200, b'long', uname='\\u00e9', uid=70000)\n"
    "    add('.wh..wh.plnk/1', b'aufs')\n"
    "    add('s', type=tarfile.SYMTYPE, linkname='a')\n"
    "    add('s/through', b'one')\n"
    "    add('s/through', b'two')\n"
    "    add('a/through', b'three')\n"
    "    t.close()\n"
    "for n, f in (('g', tarfile.GNU_FORMAT), ('p', tarfile.PAX_FORMAT)):\n"
    "    build('py-%s.tar' % n, format=f)\n"
    "build('py-x.tar', format=tarfile.PAX_FORMAT, pax_headers={'comment': 'c' * 3000})\n";

static void test_python_tarfile(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"py-g.tar", "py-p.tar", "py-x.tar"};
    struct stat st;

    assert_int_equal(write_file_at(f->dirfd, "b.py", python_tar, strlen(python_tar), 0644), 0);
    if (!shell(f, "/usr/bin/python3 b.py")) {
        print_message("no python3 here\n");
        skip();
    }
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        roundtrip(f, names[i], false);
        assert_true(tree_has(f, "d/e", "inner again"));
        assert_true(tree_has(f, "a/through", "three"));
        assert_true(tree_has(f, "c", "contiguous"));
        assert_true(tree_whiteout(f, "a/gone"));
        assert_true(tree_stat(f, "v7dir", &st) && S_ISDIR(st.st_mode));
        assert_true(tree_stat(f, "l", &st) && st.st_size == 2000);
    }
}

/* A journal of a small layer in which one file replaced another. */
static int make_journal(struct fixture *f)
{
    _cleanup_(tar_source_freep)
    struct tar_source *src = NULL;
    int fd = memfd_create("journal", MFD_CLOEXEC);

    add_file(f, "a", "first\n");
    add_file(f, "b", "stays\n");
    add_file(f, "a", "second\n");
    add_file(f, "a", "third\n");
    assert_int_equal(tar_writer_finish(f->writer, &f->err), 0);
    assert_int_equal(tar_source_open_mem(f->tar.data, f->tar.len, &src, &f->err), 0);
    assert_int_equal(tar_unpack_layer(src, f->rootfd, NULL, fd, &f->result, &f->err), 0);
    return fd;
}

static int to_buf(void *arg, const void *data, size_t len, struct err *err)
{
    return buf_add(arg, data, len);
}

static int rebuild(struct fixture *f, int journal)
{
    struct buf out = BUF_INIT(MIB);

    err_clear(&f->err);
    int r = tar_rebuild_at(journal, f->rootfd, (struct tar_sink){to_buf, &out}, NULL, &f->err);
    if (r == 0) {
        assert_int_equal(out.len, f->tar.len);
        assert_memory_equal(out.data, f->tar.data, out.len);
    }
    buf_done(&out);
    return r;
}

static void test_journal_info(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int journal = make_journal(f);
    struct tar_journal_info info;

    assert_int_equal(tar_journal_info(journal, &info, &f->err), 0);
    assert_int_equal(info.tar_bytes, f->tar.len);
    assert_int_equal(info.kept_files, 2);
    assert_true(digest_eq(&info.diff_id, &f->result.diff_id));
    assert_int_equal(rebuild(f, journal), 0);
}

static void test_changed_files_are_noticed(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int journal = make_journal(f);

    assert_true(shell(f, "printf stayz >root/b"));
    assert_true(rebuild(f, journal) < 0);
    assert_non_null(strstr(f->err.message, "shorter"));
    assert_true(shell(f, "echo stayz >root/b"));
    assert_true(rebuild(f, journal) < 0);
    assert_non_null(strstr(f->err.message, "have changed"));
    assert_true(shell(f, "rm root/b && ln -s ../canary root/b"));
    assert_true(rebuild(f, journal) < 0);
    assert_non_null(strstr(f->err.message, "\"b\""));
    assert_true(shell(f, "rm root/b && mkfifo root/b"));
    assert_true(rebuild(f, journal) < 0);
    assert_true(shell(f, "rm root/b && echo stays >root/b"));
    assert_int_equal(rebuild(f, journal), 0);
}

static void test_damaged_journals(void **state)
{
    struct fixture *f = *state;
    _cleanup_close_ int journal = make_journal(f);
    struct stat st;

    assert_int_equal(fstat(journal, &st), 0);
    for (off_t at = 0; at < st.st_size; at++) {
        uint8_t c, bad;
        assert_int_equal(pread(journal, &c, 1, at), 1);
        for (int bit = 0; bit < 8; bit += 3) {
            bad = (uint8_t)(c ^ 1 << bit);
            assert_int_equal(pwrite(journal, &bad, 1, at), 1);
            /* Some bits mean nothing (the end of the header, zstd's window sizes), and a success
             * is always the exact tar. */
            int r = rebuild(f, journal);
            assert_true(r < 0 || at >= 112);
        }
        assert_int_equal(pwrite(journal, &c, 1, at), 1);
    }
    assert_int_equal(rebuild(f, journal), 0);
    for (off_t len = st.st_size - 1; len >= 0; len -= 5) {
        assert_int_equal(ftruncate(journal, len), 0);
        assert_true(rebuild(f, journal) < 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_gnu_tar_formats),  TEST(test_compressed),   TEST(test_odd_archives),
        TEST(test_python_tarfile),   TEST(test_journal_info), TEST(test_changed_files_are_noticed),
        TEST(test_damaged_journals),
    };
    return cmocka_run_group_tests_name("tar/rebuild", tests, NULL, NULL);
}
