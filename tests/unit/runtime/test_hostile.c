/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Images and specs that want out: one test for each class of past escape. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "fixture.h"
#include "oci/spec.h"
#include "runtime/seccomp.h"

#define FIXTURE                 \
    struct fixture *f = *state; \
    if (!f)                     \
    skip()

/* The mount target is a link that points out, absolute and relative, dangling or not. */
static void test_linked_target(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;
    char outside[96];

    (void)snprintf(outside, sizeof(outside), "%s/outside", f->dir);
    assert_int_equal(mkdir(outside, 0755), 0);
    assert_int_equal(symlinkat(outside, f->dir_fd, "rootfs/absolute"), 0);
    assert_int_equal(symlinkat("../../../../../outside2", f->dir_fd, "rootfs/relative"), 0);
    assert_int_equal(symlinkat("/gone/file", f->dir_fd, "rootfs/dangling"), 0);
    fixture_add_mount(f, "/absolute/a", "tmpfs", "tmpfs", "size=4k");
    fixture_add_mount(f, "/relative/b", "tmpfs", "tmpfs", "size=4k");
    fixture_add_mount(f, "/dangling", "bind", "/etc/hostname", "bind");
    fixture_script(f, "grep -c tmpfs.*size=4k /proc/mounts; grep -c /gone/file /proc/mounts");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_string_equal(out, "2\n1\n");
    assert_int_equal(rmdir(outside), 0); /* still empty */
    assert_int_equal(faccessat(f->dir_fd, "outside2", F_OK, 0), -1);
    assert_int_equal(access("/gone", F_OK), -1);
    for (const char *const *p =
             (const char *const[]){"rootfs/absolute", "rootfs/relative", "rootfs/dangling", NULL};
         *p; p++)
        assert_int_equal(unlinkat(f->dir_fd, *p, 0), 0);
}

static void test_over_proc(void **state)
{
    FIXTURE;
    static const struct {
        const char *where, *type, *source, *text;
    } cases[] = {
        {"/proc", "tmpfs", "tmpfs", "because it is not of type proc"},
        {"/proc/", "bind", "/tmp", "because it is not of type proc"},
        {"/proc/self/attr", "tmpfs", "tmpfs", "because it is inside /proc"},
        {"/tmp/../proc/sys", "bind", "/tmp", "because it is inside /proc"},
        {"/", "tmpfs", "tmpfs", "a mount cannot replace the root"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        fixture_add_mount(f, cases[i].where, cases[i].type, cases[i].source, "");
        assert_true(fixture_run(f, NULL) < 0);
        assert_contains(f->err.message, cases[i].text);
        json_t *mounts = fixture_get(f, "mounts");
        (void)json_array_remove(mounts, json_array_size(mounts) - 1);
    }
}

/* An image whose /proc is a link elsewhere. */
static void test_linked_proc(void **state)
{
    FIXTURE;

    assert_int_equal(unlinkat(f->dir_fd, "rootfs/proc", AT_REMOVEDIR), 0);
    assert_int_equal(symlinkat("/tmp", f->dir_fd, "rootfs/proc"), 0);
    assert_true(fixture_run(f, NULL) < 0);
    assert_contains(f->err.message, "must be mounted on ordinary directory");
    assert_int_equal(unlinkat(f->dir_fd, "rootfs/proc", 0), 0);
    assert_int_equal(mkdirat(f->dir_fd, "rootfs/proc", 0755), 0);
}

/* No fresh /dev: the image's own /dev/null is a file, or a link to somewhere that matters; masked
 * paths must be covered by the real one. */
static void test_fake_null(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;
    json_t *mounts = fixture_get(f, "mounts");

    for (size_t i = json_array_size(mounts); i > 0; i--)
        if (str_starts(json_str_or(json_array_get(mounts, i - 1), "destination", ""), "/dev"))
            (void)json_array_remove(mounts, i - 1);
    assert_int_equal(symlinkat("/etc/passwd", f->dir_fd, "rootfs/dev/null"), 0);
    fixture_script(f, "cat /proc/keys; stat -c %t:%T /proc/keys");
    assert_true(fixture_run(f, NULL) < 0); /* and not: used as a device */
    assert_contains(f->err.message, "create device /dev/null");
    assert_int_equal(unlinkat(f->dir_fd, "rootfs/dev/null", 0), 0);
    assert_int_equal(fixture_run(f, &out), 0);
    assert_string_equal(out, "1:3\n");
}

/* /dev is a link out of the root. */
static void test_linked_dev(void **state)
{
    FIXTURE;

    json_t *mounts = fixture_get(f, "mounts");
    for (size_t i = json_array_size(mounts); i > 0; i--)
        if (str_starts(json_str_or(json_array_get(mounts, i - 1), "destination", ""), "/dev"))
            (void)json_array_remove(mounts, i - 1);
    assert_int_equal(rm_rf_at(f->dir_fd, "rootfs/dev"), 0);
    assert_int_equal(mkdirat(f->dir_fd, "host-dev", 0755), 0);
    _cleanup_free_ char *target = xasprintf("%s/host-dev", f->dir);
    assert_int_equal(symlinkat(target, f->dir_fd, "rootfs/dev"), 0);
    (void)fixture_run(f, NULL);
    assert_int_equal(unlinkat(f->dir_fd, "host-dev", AT_REMOVEDIR), 0); /* nothing came in */
    assert_int_equal(unlinkat(f->dir_fd, "rootfs/dev", 0), 0);
    assert_int_equal(mkdirat(f->dir_fd, "rootfs/dev", 0755), 0);
}

/* /dev/console as a link would put the terminal over a file that is to be masked. */
static void test_linked_console(void **state)
{
    FIXTURE;

    assert_int_equal(mkdirat(f->dir_fd, "vol", 0755), 0);
    assert_int_equal(symlinkat("/proc/sys/kernel/core_pattern", f->dir_fd, "vol/console"), 0);
    assert_int_equal(mkdirat(f->dir_fd, "vol/pts", 0755), 0);
    json_t *mounts = fixture_get(f, "mounts");
    json_t *dev = json_array_get(mounts, 1);
    assert_string_equal(json_str_or(dev, "destination", ""), "/dev");
    json_set_str(dev, "type", "bind");
    json_set_str(dev, "source", "vol");
    json_set_take(dev, "options", json_pack("[s]", "rbind"));
    fixture_set(f, "process.terminal", json_true());
    assert_true(fixture_run(f, NULL) < 0);
    assert_contains(f->err.message, "/dev/console is neither a file nor a device");
}

/* A descriptor of the host as working directory, for every number. */
static void test_leaked_cwd(void **state)
{
    FIXTURE;
    char cwd[64];

    for (int i = 3; i < 40; i++) {
        (void)snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", i);
        fixture_set(f, "process.cwd", json_string(cwd));
        assert_true(fixture_run(f, NULL) < 0);
    }
}

/* Nothing above stdio survives, even what the caller left inheritable; by exec neither. */
static void test_no_descriptors(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL, *two = NULL;
    int leaky = open("/", O_RDONLY | O_DIRECTORY);
    int high = fcntl(leaky, F_DUPFD, 700);

    fixture_script(f, "find /proc/self/fd -type l | wc -l; ls -l /proc/self/fd");
    int r = fixture_run(f, &out);
    fixture_args(f, "sleep", "100", NULL);
    assert_int_equal(fixture_create(f), 0);
    assert_int_equal(runtime_start(f->c, &f->err), 0);
    json_t *p = json_pack("{s[sss]sss[s]}", "args", "sh", "-c", "ls -l /proc/self/fd", "cwd", "/",
                          "env", "PATH=/bin");
    int k = fixture_exec(f, p, &two);
    close_fd(leaky);
    close_fd(high);
    assert_int_equal(r, 0);
    assert_int_equal(k, 0);
    assert_lacks(out, "700");
    assert_lacks(out, " /\n");
    assert_lacks(two, "700");
    assert_lacks(two, " /\n");
    assert_lacks(two, "socket");
}

/* The program of the test itself, executed inside by its own link, cannot be written from there. In
 * the shim and in lighter-runtime /proc/self/exe is sealed or read-only. */
static void test_own_program(void **state)
{
    FIXTURE;
    struct stat before, after;

    assert_int_equal(stat("/proc/self/exe", &before), 0);
    fixture_args(f, "/proc/self/exe", NULL);
    (void)fixture_run(f, NULL);
    assert_int_equal(stat("/proc/self/exe", &after), 0);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtime, after.st_mtime);
}

static json_t *deny_mkdir(void)
{
    return json_pack("{sss[s]s[{s[ss]sssi}]}", "defaultAction", "SCMP_ACT_ALLOW", "architectures",
                     "SCMP_ARCH_X86_64", "syscalls", "names", "mkdir", "mkdirat", "action",
                     "SCMP_ACT_ERRNO", "errnoRet", 5);
}

static void test_seccomp(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL, *two = NULL, *three = NULL;

    fixture_set(f, "linux.seccomp", deny_mkdir());
    fixture_script(f, "mkdir /tmp/x; grep -E 'Seccomp:|NoNew|CapEff' /proc/self/status");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_contains(out, "Input/output error");
    assert_contains(out, "Seccomp:\t2");

    fixture_args(f, "sleep", "1000", NULL);
    assert_int_equal(fixture_create(f), 0);
    assert_int_equal(runtime_start(f->c, &f->err), 0);
    json_t *p = json_pack("{s[sss]sss[s]}", "args", "sh", "-c", "mkdir /tmp/y || echo denied",
                          "cwd", "/", "env", "PATH=/bin");
    assert_int_equal(fixture_exec(f, p, &two), 0);
    assert_contains(two, "Input/output error");
    assert_contains(two, "denied");
    fixture_destroy(f);

    /* Without no_new_privs, and with a filter compiled before. */
    json_t *filter = deny_mkdir();
    assert_int_equal(seccomp_compile(filter, &f->seccomp_fd, &f->err), 0);
    json_decref(filter);
    (void)json_object_del(fixture_get(f, "linux"), "seccomp");
    fixture_set(f, "process.noNewPrivileges", json_false());
    fixture_script(f, "mkdir /tmp/x; grep -E 'Seccomp:|NoNew|CapEff' /proc/self/status");
    assert_int_equal(fixture_run(f, &three), 0);
    f->seccomp_fd = close_fd(f->seccomp_fd);
    assert_contains(three, "Input/output error");
    assert_contains(three, "NoNewPrivs:\t0\nSeccomp:\t2");
    assert_contains(three, "CapEff:\t0000000000000021");
}

static void test_bad_seccomp(void **state)
{
    FIXTURE;
    fixture_set(f, "linux.seccomp", json_pack("{ss}", "defaultAction", "SCMP_ACT_NONSENSE"));
    assert_true(fixture_run(f, NULL) < 0);
    assert_contains(f->err.message, "seccomp action \"SCMP_ACT_NONSENSE\" is unknown");
    fixture_set(f, "linux.seccomp", json_pack("{ss}", "defaultAction", "SCMP_ACT_NOTIFY"));
    assert_true(fixture_run(f, NULL) < 0);
    assert_contains(f->err.message, "default seccomp action");
}

/* /etc/passwd may be a fifo, which would block, or a link to a device. */
static void test_hostile_passwd(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    assert_int_equal(mkfifoat(f->dir_fd, "rootfs/fifo", 0644), 0);
    fixture_add_mount(f, "/etc", "tmpfs", "tmpfs", "size=64k");
    fixture_set(f, "process.user.uid", json_integer(7));
    assert_int_equal(mkdirat(f->dir_fd, "etc", 0755), 0);
    assert_int_equal(symlinkat("/fifo", f->dir_fd, "etc/passwd"), 0);
    json_t *mounts = fixture_get(f, "mounts");
    json_t *etc = json_array_get(mounts, json_array_size(mounts) - 1);
    json_set_str(etc, "type", "bind");
    json_set_str(etc, "source", "etc");
    json_set_take(etc, "options", json_pack("[s]", "rbind"));
    fixture_script(f, "echo $HOME");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_string_equal(out, "/\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(test_linked_target), T(test_over_proc),      T(test_linked_proc), T(test_fake_null),
        T(test_linked_dev),    T(test_linked_console), T(test_leaked_cwd),  T(test_no_descriptors),
        T(test_own_program),   T(test_seccomp),        T(test_bad_seccomp), T(test_hostile_passwd),
    };

    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
