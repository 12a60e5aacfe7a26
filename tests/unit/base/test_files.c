/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/sock.h"
#include "base/str.h"

struct dir {
    char path[32];
    int fd;
};

static int setup(void **state)
{
    struct dir *d = XNEW(struct dir);

    memcpy(d->path, "/tmp/test-files-XXXXXX", 23);
    assert_non_null(mkdtemp(d->path));
    d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(d->fd >= 0);
    *state = d;
    return 0;
}

static int teardown(void **state)
{
    struct dir *d = *state;

    close_fd(d->fd);
    assert_int_equal(rm_rf_at(AT_FDCWD, d->path), 0);
    free(d);
    return 0;
}

static void test_links_stay_inside(void **state)
{
    struct dir *d = *state;

    assert_int_equal(mkdirat(d->fd, "root", 0755), 0);
    assert_int_equal(mkdirat(d->fd, "outside", 0755), 0);
    _cleanup_close_ int root = openat(d->fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(symlinkat("../outside", root, "up"), 0);
    assert_int_equal(symlinkat("/etc", root, "etc-link"), 0);
    assert_int_equal(symlinkat("/proc/self/fd/0", root, "magic"), 0);
    assert_int_equal(open_in_root(root, "up", O_PATH, 0), -ENOENT);
    assert_int_equal(open_in_root(root, "etc-link/passwd", O_RDONLY, 0), -ENOENT);
    assert_int_equal(open_beneath(root, "up", O_PATH, 0), -ELOOP);
    assert_int_equal(open_beneath(root, "../outside", O_PATH, 0), -EXDEV);

    _cleanup_close_ int made = mkdir_p_in_root(root, "/etc-link/a/../b/c", 0755);
    assert_int_equal(made, -ENOENT);
    assert_int_equal(mkdirat(root, "etc", 0755), 0);
    made = mkdir_p_in_root(root, "/etc-link/a/b", 0750);
    assert_true(made >= 0);
    assert_int_equal(faccessat(d->fd, "root/etc/a/b", F_OK, 0), 0);
    assert_int_not_equal(faccessat(d->fd, "outside/a", F_OK, 0), 0);
    _cleanup_close_ int up = mkdir_p_in_root(root, "../../x", 0755);
    assert_true(up >= 0);
    assert_int_equal(faccessat(d->fd, "root/x", F_OK, 0), 0);
}

static void test_rm_rf_does_not_follow(void **state)
{
    struct dir *d = *state;

    assert_int_equal(mkdirat(d->fd, "keep", 0755), 0);
    assert_int_equal(write_file_at(d->fd, "keep/file", "x", 1, 0644), 0);
    assert_int_equal(mkdirat(d->fd, "tree", 0755), 0);
    assert_int_equal(mkdirat(d->fd, "tree/sub", 0755), 0);
    assert_int_equal(symlinkat("../keep", d->fd, "tree/link"), 0);
    assert_int_equal(rm_rf_at(d->fd, "tree"), 0);
    assert_int_equal(rm_rf_at(d->fd, "tree"), 0);
    assert_int_equal(faccessat(d->fd, "keep/file", F_OK, 0), 0);
    assert_int_not_equal(faccessat(d->fd, "tree", F_OK, 0), 0);
}

static void test_replace_is_whole(void **state)
{
    struct dir *d = *state;
    _cleanup_free_ char *text = NULL;
    size_t len;
    struct stat st;

    assert_int_equal(replace_file_at(d->fd, "f", "one", 3, 0600, true), 0);
    assert_int_equal(replace_file_at(d->fd, "f", "second", 6, 0640, false), 0);
    assert_int_equal(read_file_at(d->fd, "f", 6, &text, &len), 0);
    assert_string_equal(text, "second");
    assert_int_equal(fstatat(d->fd, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    char *more = NULL;
    assert_int_equal(read_file_at(d->fd, "f", 5, &more, NULL), -EFBIG);
    assert_null(more);
    assert_int_equal(replace_file_at(d->fd, "no/such/dir", "x", 1, 0600, true), -ENOENT);
}

static void test_memfd_is_sealed(void **state)
{
    _cleanup_close_ int fd = memfd_sealed("test", "hello", 5);
    char buf[8] = {};

    assert_true(fd >= 0);
    assert_int_equal(read_full(fd, buf, sizeof(buf)), 5);
    assert_string_equal(buf, "hello");
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
}

static void test_descriptors_travel(void **state)
{
    int pair[2];
    int got[4];
    size_t n = 0;
    char data[16];
    _cleanup_close_ int fd = memfd_sealed("payload", "abc", 3);

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(send_fds(pair[0], "msg", 3, &fd, 1), 0);
    assert_int_equal(recv_fds(pair[1], data, sizeof(data), got, 4, &n), 3);
    assert_int_equal(n, 1);
    assert_int_equal(pread(got[0], data, 3, 0), 3);
    assert_memory_equal(data, "abc", 3);
    close_fd(got[0]);
    int two[2] = {fd, fd};
    assert_int_equal(send_fds(pair[0], "msg", 3, two, 2), 0);
    assert_int_equal(recv_fds(pair[1], data, sizeof(data), got, 1, &n), -EMSGSIZE);
    assert_int_equal(send_fds(pair[0], "a long message", 14, NULL, 0), 0);
    assert_int_equal(recv_fds(pair[1], data, 4, got, 1, &n), -EMSGSIZE);
    close_fd(pair[0]);
    assert_int_equal(recv_fds(pair[1], data, sizeof(data), got, 1, &n), 0);
    close_fd(pair[1]);
}

static void test_long_socket_paths(void **state)
{
    struct dir *d = *state;
    _cleanup_free_ char *long_dir = xasprintf("%s/%0120d", d->path, 7);
    _cleanup_free_ char *path = xasprintf("%s/sock", long_dir);
    struct stat st;

    assert_int_equal(mkdir_p(long_dir, 0755), 0);
    _cleanup_close_ int l = unix_listen(path, SOCK_SEQPACKET, 0600);
    assert_true(l >= 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    _cleanup_close_ int c = unix_connect(path, SOCK_SEQPACKET);
    assert_true(c >= 0);
    _cleanup_close_ int again = unix_listen(path, SOCK_SEQPACKET, 0600);
    assert_true(again >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write_file_at(AT_FDCWD, path, "x", 1, 0644), 0);
    assert_int_equal(unix_listen(path, SOCK_SEQPACKET, 0600), -EEXIST);
}

static void test_clean_paths(void **state)
{
    static const char *const cases[][2] = {{"/a//b/./c/..", "/a/b"},
                                           {"/../..", "/"},
                                           {"a/../..", ".."},
                                           {"", "."},
                                           {"./x", "x"},
                                           {"/", "/"},
                                           {"a/..", "."},
                                           {"../a", "../a"}};

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *got = path_clean(cases[i][0]);
        assert_string_equal(got, cases[i][1]);
    }
    assert_false(path_component_valid(".."));
    assert_false(path_component_valid("a/b"));
    assert_false(path_component_valid(""));
    assert_true(path_component_valid("..a"));
}

#define DIR_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DIR_TEST(test_links_stay_inside),          DIR_TEST(test_rm_rf_does_not_follow),
        DIR_TEST(test_replace_is_whole),           cmocka_unit_test(test_memfd_is_sealed),
        cmocka_unit_test(test_descriptors_travel), DIR_TEST(test_long_socket_paths),
        cmocka_unit_test(test_clean_paths),
    };

    return cmocka_run_group_tests_name("base/files", tests, NULL, NULL);
}
