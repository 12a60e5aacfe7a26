/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process finds inside a container. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "fixture.h"
#include "oci/spec.h"
#include "runtime/mountfd.h"

#define FIXTURE                 \
    struct fixture *f = *state; \
    if (!f)                     \
    skip()

static void test_exit_codes(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_script(f, "echo out; echo err >&2; exit 42");
    assert_int_equal(fixture_run(f, &out), 42);
    assert_string_equal(out, "out\nerr\n");
    fixture_script(f, "sleep 100 & wait");
    assert_int_equal(fixture_create(f), 0);
    assert_int_equal(runtime_start(f->c, &f->err), 0);
    assert_int_equal(runtime_kill(f->c, SIGKILL, false), 0);
    assert_int_equal(fixture_wait(f, NULL), 128 + SIGKILL);
    assert_int_equal(runtime_kill(f->c, SIGKILL, false), -ESRCH);
}

static void test_env_cwd_home(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL, *two = NULL;

    fixture_set(f, "process.env", json_pack("[sss]", "PATH=/bin", "A=b c", "EMPTY="));
    fixture_set(f, "process.cwd", json_string("/not/there/yet"));
    fixture_set(f, "process.user",
                json_pack("{s:i,s:i,s:[ii],s:i}", "uid", 7, "gid", 8, "additionalGids", 20, 30,
                          "umask", 077));
    fixture_script(f, "pwd; env; id; umask");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_contains(out, "/not/there/yet\n");
    assert_contains(out, "A=b c\n");
    assert_contains(out, "EMPTY=\n");
    assert_contains(out, "HOME=/home/sailor\n");
    assert_contains(out, "uid=7");
    assert_contains(out, "gid=8");
    assert_contains(out, "groups=20,30");
    assert_contains(out, "0077\n");

    fixture_set(f, "process.env", json_pack("[ss]", "PATH=/bin", "HOME=/elsewhere"));
    fixture_script(f, "echo $HOME");
    assert_int_equal(fixture_run(f, &two), 0);
    assert_string_equal(two, "/elsewhere\n");
}

static void test_namespaces(void **state)
{
    static const char *const kinds[] = {"pid", "net", "ipc", "uts", "mnt", "cgroup"};
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_script(f, "ls -l /proc/self/ns; hostname; echo $$; cat /proc/self/cgroup");
    assert_int_equal(fixture_run(f, &out), 0);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        char link[64] = "", path[64];
        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
        assert_true(readlink(path, link, sizeof(link) - 1) > 0);
        assert_lacks(out, link);
    }
    assert_contains(out, "\nboat\n1\n");
    assert_lacks(out, f->id); /* its cgroup is the root it sees */
}

static void test_shared_namespaces(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;
    char link[64] = "";

    /* Host network, and the pid namespace of this process by path. */
    fixture_set(f, "linux.namespaces",
                json_pack("[{ss}{ssss}{ss}]", "type", "mount", "type", "pid", "path",
                          "/proc/self/ns/pid", "type", "ipc"));
    (void)json_object_del(f->config, "hostname");
    fixture_script(f, "ls -l /proc/self/ns");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_true(readlink("/proc/self/ns/net", link, sizeof(link) - 1) > 0);
    assert_contains(out, link);
    memset(link, 0, sizeof(link));
    assert_true(readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0);
    assert_contains(out, link);
}

static void test_dev_and_masks(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_script(
        f, "stat -c '%n %F %t:%T %a' /dev/null /dev/zero /dev/full /dev/random "
           "/dev/urandom /dev/tty /proc/keys; for i in ptmx fd stdin; do readlink /dev/$i; done; "
           "wc -c </proc/keys; ls -A /sys/firmware | wc -l; "
           "touch /sys/firmware/x || echo firmware-ro; "
           "echo 1 >/proc/sys/kernel/shmmax || echo sys-ro");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_contains(out, "/dev/null character special file 1:3 666\n");
    assert_contains(out, "/dev/urandom character special file 1:9 666\n");
    assert_contains(out, "/dev/tty character special file 5:0 666\n");
    assert_contains(out, "/proc/keys character special file 1:3 666\n");
    assert_contains(out, "pts/ptmx\n/proc/self/fd\n/proc/self/fd/0\n0\n0\n");
    assert_contains(out, "firmware-ro\n");
    assert_contains(out, "sys-ro\n");
}

static void test_readonly_root(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_set(f, "root.readonly", json_true());
    fixture_script(f, "touch /x && echo written; touch /dev/x && echo dev");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_lacks(out, "written");
    assert_contains(out, "dev\n");
}

static void test_bind_mounts(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;
    char source[96];

    (void)snprintf(source, sizeof(source), "%s/volume", f->dir);
    assert_int_equal(mkdir(source, 0755), 0);
    assert_int_equal(write_file_at(f->dir_fd, "volume/file", "cargo", 5, 0644), 0);
    fixture_add_mount(f, "/data/deep", "bind", source, "rbind,ro,nosuid,nodev,noexec,rprivate");
    fixture_add_mount(f, "/data.file", "bind", "volume/file", "bind,rw");
    fixture_add_mount(f, "/etc", "tmpfs", "tmpfs", "tmpcopyup,size=64k");
    fixture_script(f, "cat /data/deep/file /data.file; touch /data/deep/x || echo ro; "
                      "grep /data/deep /proc/self/mountinfo; cat /etc/passwd; touch /etc/new");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_contains(out, "cargocargo");
    assert_contains(out, "ro\n");
    assert_contains(out, "ro,nosuid,nodev,noexec");
    assert_contains(out, "sailor");
    assert_int_equal(faccessat(f->dir_fd, "rootfs/etc/new", F_OK, 0), -1);
}

static void test_capabilities(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL, *two = NULL, *three = NULL;

    fixture_script(f, "grep Cap /proc/self/status; grep NoNewPrivs /proc/self/status");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_string_equal(out, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000021\n"
                             "CapEff:\t0000000000000021\nCapBnd:\t0000000000000021\n"
                             "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");

    /* Another user keeps none, unless they are ambient. */
    fixture_set(f, "process.user.uid", json_integer(7));
    assert_int_equal(fixture_run(f, &two), 0);
    assert_contains(two, "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                         "CapBnd:\t0000000000000021\n");
    fixture_set(f, "process.capabilities.inheritable", json_pack("[s]", "CAP_KILL"));
    fixture_set(f, "process.capabilities.ambient", json_pack("[s]", "CAP_KILL"));
    assert_int_equal(fixture_run(f, &three), 0);
    assert_contains(three, "CapEff:\t0000000000000020\n");
    assert_contains(three, "CapAmb:\t0000000000000020\n");
}

/* What this machine withholds is dropped, not an error. */
static void test_all_capabilities(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;
    json_t *all = json_array();

    for (unsigned i = 0; oci_capability_name(i); i++)
        (void)json_array_append_new(all, json_string(oci_capability_name(i)));
    fixture_set(f, "process.capabilities.bounding", json_incref(all));
    fixture_set(f, "process.capabilities.permitted", json_incref(all));
    fixture_set(f, "process.capabilities.effective", all);
    fixture_script(f, "grep CapEff /proc/self/status");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_contains(out, "CapEff:\t");
}

static void test_rlimits(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_set(f, "process.rlimits",
                json_pack("[{sssisi}{sssisi}]", "type", "RLIMIT_NOFILE", "soft", 77, "hard", 99,
                          "type", "RLIMIT_CORE", "soft", 0, "hard", 0));
    fixture_script(f, "ulimit -Sn; ulimit -Hn; ulimit -c");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_string_equal(out, "77\n99\n0\n");
}

static void test_sysctl(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_set(f, "linux.sysctl",
                json_pack("{ssss}", "kernel.shmmax", "12345", "net.ipv4.ip_forward", "1"));
    fixture_script(f, "cat /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_forward");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_string_equal(out, "12345\n1\n");
    fixture_set(f, "linux.sysctl", json_pack("{ss}", "kernel.core_pattern", "|/x"));
    assert_true(fixture_run(f, NULL) < 0);
    assert_contains(f->err.message, "is not in a separate kernel namespace");
}

static void test_terminal(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_set(f, "process.terminal", json_true());
    fixture_set(f, "process.consoleSize", json_pack("{sisi}", "height", 33, "width", 77));
    fixture_script(f, "tty; stty size; stat -c %F /dev/console; echo x >/dev/console; exit 3");
    assert_int_equal(fixture_create(f), 0);
    _cleanup_close_ int master = runtime_take_console(f->c);
    assert_true(master >= 0);
    assert_int_equal(runtime_start(f->c, &f->err), 0);
    char text[1024];
    size_t n = 0;
    for (ssize_t k; n < sizeof(text) - 1 && (k = read(master, text + n, sizeof(text) - 1 - n)) > 0;)
        n += (size_t)k;
    text[n] = '\0';
    assert_int_equal(fixture_wait(f, &out), 3);
    assert_contains(text, "/dev/pts/0\r\n33 77\r\ncharacter special file\r\nx\r\n");
}

static void test_error_texts(void **state)
{
    FIXTURE;
    static const struct {
        const char *program, *text;
    } cases[] = {
        {"nope", "exec: \"nope\": executable file not found in $PATH"},
        {"no\"pe", "exec: \"no\\\"pe\": executable file not found in $PATH"},
        {"/nope", "exec: \"/nope\": stat /nope: no such file or directory"},
        {"/etc/passwd", "exec: \"/etc/passwd\": permission denied"},
        {"/etc", "exec: \"/etc\": permission denied"},
        {"/etc/passwd/x", "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        fixture_args(f, cases[i].program, NULL);
        assert_true(fixture_create(f) < 0); /* found out before it is started */
        assert_string_equal(f->err.message, cases[i].text);
        fixture_destroy(f);
    }
    assert_int_equal(write_file_at(f->dir_fd, "rootfs/bin/script", "what\n", 5, 0755), 0);
    fixture_args(f, "/bin/script", NULL);
    assert_int_equal(fixture_create(f), 0);
    assert_int_equal(runtime_start(f->c, &f->err), -ENOEXEC);
    assert_string_equal(f->err.message, "exec /bin/script: exec format error");
    fixture_destroy(f);
    fixture_args(f, "true", NULL);
    fixture_set(f, "process.cwd", json_string("/etc/passwd"));
    assert_true(fixture_run(f, NULL) < 0);
    assert_string_equal(
        f->err.message,
        "chdir to cwd (\"/etc/passwd\") set in config.json failed: not a directory");
}

static void test_user_namespace(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL, *two = NULL;
    json_t *map = json_pack("[{sisisi}]", "containerID", 0, "hostID", 100000, "size", 65536);

    (void)json_array_append_new(fixture_get(f, "linux.namespaces"),
                                json_pack("{ss}", "type", "user"));
    fixture_set(f, "linux.uidMappings", json_incref(map));
    fixture_set(f, "linux.gidMappings", map);
    fixture_script(f, "cat /proc/self/uid_map; id -u; stat -c '%t:%T' /dev/null");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_contains(out, "100000      65536\n0\n1:3\n");

    fixture_args(f, "sleep", "1000", NULL);
    assert_int_equal(fixture_create(f), 0);
    assert_int_equal(runtime_start(f->c, &f->err), 0);
    json_t *p =
        json_pack("{s[sss]sss[s]s{si}}", "args", "sh", "-c", "id -u; cat /proc/self/gid_map", "cwd",
                  "/", "env", "PATH=/bin", "user", "uid", 5);
    assert_int_equal(fixture_exec(f, p, &two), 0);
    assert_contains(two, "5\n");
    assert_contains(two, "100000");
}

/* As the daemon does it: a detached overlay as the root, a network namespace by descriptor. */
static void test_descriptors(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;
    struct stat st;
    char path[64], link[64], own[64] = "";

    assert_int_equal(mkdirat(f->dir_fd, "upper", 0755), 0);
    assert_int_equal(mkdirat(f->dir_fd, "work", 0755), 0);
    _cleanup_free_ char *lower = xasprintf("lowerdir=%s/rootfs", f->dir);
    _cleanup_free_ char *upper = xasprintf("upperdir=%s/upper", f->dir);
    _cleanup_free_ char *work = xasprintf("workdir=%s/work", f->dir);
    char *const options[] = {lower, upper, work, NULL};
    f->rootfs_fd = mountfd_new("overlay", "overlay", options, 0, &f->err);
    if (f->rootfs_fd < 0) {
        print_message("skipped: %s\n", f->err.message);
        skip();
    }
    pid_t pid = fork();
    if (pid == 0) {
        (void)unshare(CLONE_NEWNET);
        for (;;)
            (void)pause();
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    assert_true(readlink("/proc/self/ns/net", own, sizeof(own) - 1) > 0);
    do {
        memset(link, 0, sizeof(link));
        assert_true(readlink(path, link, sizeof(link) - 1) > 0);
    } while (str_eq(link, own));
    f->netns_fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    fixture_set(f, "root", json_pack("{ss}", "path", ""));
    fixture_script(f, "ls -l /proc/self/ns/net; grep ' / ' /proc/mounts; echo x >/made");
    assert_int_equal(fixture_run(f, &out), 0);
    f->netns_fd = close_fd(f->netns_fd);
    f->rootfs_fd = close_fd(f->rootfs_fd);
    assert_contains(out, link);
    assert_contains(out, "overlay / overlay rw");
    assert_int_equal(fstatat(f->dir_fd, "upper/made", &st, 0), 0);
    assert_int_equal(fstatat(f->dir_fd, "rootfs/made", &st, 0), -1);
}

static void test_time_namespace(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    if (access("/proc/self/ns/time", F_OK) < 0)
        skip();
    (void)json_array_append_new(fixture_get(f, "linux.namespaces"),
                                json_pack("{ss}", "type", "time"));
    fixture_set(f, "linux.timeOffsets", json_pack("{s{si}}", "boottime", "secs", 31536000));
    fixture_script(f, "cat /proc/uptime");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_true(strcspn(out, ".") >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(test_exit_codes),        T(test_env_cwd_home),   T(test_namespaces),
        T(test_shared_namespaces), T(test_dev_and_masks),  T(test_readonly_root),
        T(test_bind_mounts),       T(test_capabilities),   T(test_all_capabilities),
        T(test_rlimits),           T(test_sysctl),         T(test_terminal),
        T(test_error_texts),       T(test_user_namespace), T(test_descriptors),
        T(test_time_namespace),
    };

    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
