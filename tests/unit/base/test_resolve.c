/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Resolution in userspace gives what the kernel's openat2(2) gives, and neither leaves the root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/resolve.h"

static char top[] = "/tmp/test-resolve-XXXXXX";
static int root = -1;

static int setup(void **state)
{
    static const char *const links[][2] = {{"d/sub", "to-sub"},        {"/d", "abs"},
                                           {"../../..", "up"},         {"loop-b", "loop-a"},
                                           {"loop-a", "loop-b"},       {"../outside", "out"},
                                           {"/../../outside/f", "of"}, {"nowhere", "dangling"},
                                           {"d/../d/f", "winding"},    {"/", "slash"},
                                           {"d/f/", "f-slash"}};

    if (!mkdtemp(top))
        return -1;
    int t = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (mkdirat(t, "root", 0755) < 0 || mkdirat(t, "outside", 0755) < 0 ||
        write_file_at(t, "outside/f", "secret", 6, 0644) < 0)
        return -1;
    root = openat(t, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close_fd(t);
    if (mkdirat(root, "d", 0755) < 0 || mkdirat(root, "d/sub", 0755) < 0 ||
        write_file_at(root, "d/f", "x", 1, 0644) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (symlinkat(links[i][0], root, links[i][1]) < 0)
            return -1;
    return symlinkat("../../f", root, "d/sub/upf") < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    close_fd(root);
    return rm_rf_at(AT_FDCWD, top);
}

static int kernel_open(const char *path, int flags, bool beneath)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .mode = flags & O_CREAT ? 0600 : 0,
                           .resolve = beneath ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                                    RESOLVE_NO_MAGICLINKS
                                              : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));

    return fd < 0 ? -errno : fd;
}

static void compare(const char *path, int flags, bool beneath)
{
    struct stat a;
    struct stat b;
    int want = kernel_open(path, flags, beneath);
    int got = resolve_open(root, path, flags, 0600, beneath);

    if ((want < 0 || got < 0) && want != got)
        fail_msg("\"%s\", flags %#x, %s: got %d, the kernel says %d", path, (unsigned)flags,
                 beneath ? "beneath" : "in root", got, want);
    if (want < 0)
        return;
    assert_int_equal(fstat(want, &a), 0);
    assert_int_equal(fstat(got, &b), 0);
    if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
        fail_msg("\"%s\" led to another file than the kernel's", path);
    close_fd(want);
    close_fd(got);
}

static void test_same_as_the_kernel(void **state)
{
    static const char *const paths[] = {
        ".",        "/",          "d",          "d/",         "/d/f",         "d/f/",
        "d/f/x",    "d//sub",     "d/./sub/..", "..",         "../..",        "../outside/f",
        "to-sub",   "to-sub/..",  "abs/f",      "abs/sub",    "up",           "up/d/f",
        "loop-a",   "loop-a/x",   "out",        "out/f",      "of",           "dangling",
        "winding",  "winding/",   "slash",      "slash/d/f",  "d/sub/upf",    "nothing",
        "nothing/", "d/nothing/", "f-slash",    "to-sub/upf", "d/../../../d", "up/../up/../d/sub"};
    static const int flags[] = {O_RDONLY,
                                O_PATH,
                                O_PATH | O_NOFOLLOW,
                                O_RDONLY | O_NOFOLLOW,
                                O_RDONLY | O_DIRECTORY,
                                O_PATH | O_DIRECTORY};

    if (kernel_open(".", O_PATH, false) == -ENOSYS)
        skip();
    for (size_t p = 0; p < ARRAY_SIZE(paths); p++) {
        for (size_t f = 0; f < ARRAY_SIZE(flags); f++) {
            compare(paths[p], flags[f], false);
            if (paths[p][0] != '/')
                compare(paths[p], flags[f], true);
        }
    }
}

static void test_creation_stays_inside(void **state)
{
    struct stat st;
    int fd = resolve_open(root, "../../new", O_WRONLY | O_CREAT | O_EXCL, 0600, false);

    assert_true(fd >= 0);
    close_fd(fd);
    assert_int_equal(fstatat(root, "new", &st, AT_SYMLINK_NOFOLLOW), 0);
    fd = resolve_open(root, "dangling", O_WRONLY | O_CREAT, 0600, false);
    assert_true(fd >= 0);
    close_fd(fd);
    assert_int_equal(fstatat(root, "nowhere", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(resolve_open(root, "dangling", O_WRONLY | O_CREAT | O_EXCL, 0600, false),
                     -EEXIST);
    assert_int_equal(resolve_open(root, "out", O_WRONLY | O_CREAT | O_EXCL, 0600, true), -EEXIST);
    _cleanup_free_ char *outside = xasprintf("%s/new", top);
    assert_int_not_equal(stat(outside, &st), 0);
}

static void test_magic_links_are_refused(void **state)
{
    _cleanup_close_ int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(resolve_open(proc, "root/etc", O_PATH, 0, false), -ELOOP);
    assert_int_equal(resolve_open(proc, "exe", O_RDONLY, 0, false), -ELOOP);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_the_kernel),
        cmocka_unit_test(test_creation_stays_inside),
        cmocka_unit_test(test_magic_links_are_refused),
    };

    return cmocka_run_group_tests_name("base/resolve", tests, setup, teardown);
}
