/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits, and the end of everything in a container. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "fixture.h"
#include "oci/spec.h"
#include "runtime/cgroup.h"

#define FIXTURE                 \
    struct fixture *f = *state; \
    if (!f)                     \
    skip()

/* The value of a file of the container's cgroup, from whichever hierarchy has it. Caller frees. */
static char *value(struct fixture *f, const char *v1_file, const char *v2_file)
{
    struct cgroup *c = NULL;
    char *text = NULL;

    assert_int_equal(cgroup_new(f->spec->cgroups_path, f->id, &c, &f->err), 0);
    cgroup_find(c);
    for (size_t i = 0; i < c->n && !text; i++)
        if (c->h[i].dir_fd >= 0)
            (void)cgroup_read(c->h[i].dir_fd, c->h[i].ops->v2 ? v2_file : v1_file, &text);
    cgroup_free(c);
    return text;
}

static void assert_value(struct fixture *f, const char *v1_file, const char *v2_file,
                         const char *v1, const char *v2)
{
    _cleanup_free_ char *text = value(f, v1_file, v2_file);

    assert_non_null(text);
    if (strcmp(text, v1) != 0)
        assert_string_equal(text, v2);
}

static void start(struct fixture *f, const char *script)
{
    fixture_script(f, script);
    int r = fixture_create(f);
    if (r < 0)
        fail_msg("%s", f->err.message);
    assert_int_equal(runtime_start(f->c, &f->err), 0);
}

static bool has_controller(unsigned bit)
{
    struct cgroup *c = NULL;
    bool has = false;

    if (cgroup_new(NULL, "x", &c, NULL) < 0)
        return false;
    for (size_t i = 0; i < c->n; i++)
        has |= (c->h[i].controllers & bit) != 0;
    cgroup_free(c);
    return has;
}

static void test_limits(void **state)
{
    FIXTURE;
    struct oci_resources res;

    if (!has_controller(CGROUP_MEMORY) || !has_controller(CGROUP_CPU) ||
        !has_controller(CGROUP_PIDS)) {
        print_message("skipped: the memory, cpu and pids controllers are not all available\n");
        skip();
    }
    fixture_set(f, "linux.resources",
                json_pack("{s{si}s{sisisi}s{si}}", "memory", "limit", 67108864, "cpu", "quota",
                          50000, "period", 100000, "shares", 512, "pids", "limit", 33));
    start(f, "sleep 100");
    assert_value(f, "memory.limit_in_bytes", "memory.max", "67108864", "67108864");
    assert_value(f, "cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000");
    assert_value(f, "cpu.shares", "cpu.weight", "512", "20");
    assert_value(f, "pids.max", "pids.max", "33", "33");

    _cleanup_json_ json_t *update =
        json_pack("{s{si}s{sI}}", "pids", "limit", 44, "memory", "limit", (json_int_t)134217728);
    assert_int_equal(oci_resources_parse(update, &res, &f->err), 0);
    assert_int_equal(runtime_update(f->c, &res, &f->err), 0);
    oci_resources_done(&res);
    assert_value(f, "memory.limit_in_bytes", "memory.max", "134217728", "134217728");
    assert_value(f, "pids.max", "pids.max", "44", "44");
    assert_value(f, "cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000");
}

static void test_pids_limit_holds(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    if (!has_controller(CGROUP_PIDS))
        skip();
    fixture_set(f, "linux.resources", json_pack("{s{si}}", "pids", "limit", 5));
    fixture_script(f, "for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; echo all");
    (void)fixture_run(f, &out);
    assert_contains(out, "can't fork");
}

static void test_oom(void **state)
{
    FIXTURE;
    uint64_t kills = 0;

    if (!has_controller(CGROUP_MEMORY))
        skip();
    fixture_set(f, "linux.resources",
                json_pack("{s{sisi}}", "memory", "limit", 16777216, "swap", 16777216));
    start(f, "dd if=/dev/zero of=/dev/null bs=64M count=1");
    assert_int_not_equal(fixture_wait(f, NULL), 0);
    assert_int_equal(runtime_oom_kills(f->c, &kills), 0);
    assert_true(kills > 0);
}

static void test_devices(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    fixture_set(f, "linux.resources",
                json_pack("{s[{sbss}]}", "devices", "allow", 0, "access", "rwm"));
    fixture_set(
        f, "linux.devices",
        json_pack("[{sssssisi}]", "path", "/dev/rdonly", "type", "c", "major", 1, "minor", 11));
    fixture_script(f, "head -c 1 /dev/zero | wc -c; cat /dev/rdonly || echo denied");
    assert_int_equal(fixture_run(f, &out), 0);
    assert_contains(out, "1\n");
    assert_contains(out, "denied\n");
}

/* The eBPF program alone, on a v2 directory without the rest. */
static void test_bpf_program(void **state)
{
    static const struct oci_device_rule rules[] = {
        {.type = 'a',
         .allow = false,
         .major = -1,
         .minor = -1,
         .read = true,
         .write = true,
         .mknod = true},
        {.type = 'c', .allow = true, .major = 1, .minor = -1, .read = true, .write = true},
        {.type = 'c', .allow = false, .major = 1, .minor = 5, .write = true},
    };
    FIXTURE;
    struct cgroup *c = NULL;

    assert_int_equal(cgroup_new(NULL, f->id, &c, &f->err), 0);
    if (!c->v2) {
        cgroup_free(c);
        print_message("skipped: no cgroup v2 is mounted\n");
        skip();
    }
    assert_int_equal(cgroup_make_v2(c, &f->err), 0);
    int r = cgroup_bpf_attach(c->v2->dir_fd, rules, ARRAY_SIZE(rules), &f->err);
    /* Again: it replaces itself. */
    if (r == 0)
        r = cgroup_bpf_attach(c->v2->dir_fd, rules, ARRAY_SIZE(rules), &f->err);
    int status = -1;
    pid_t pid = r == 0 ? fork() : -1;
    if (pid == 0) {
        bool ok = write_kernel_file_at(c->v2->dir_fd, "cgroup.procs", "0") == 0 &&
                  open("/dev/null", O_RDWR) >= 0 && open("/dev/zero", O_RDONLY) >= 0 &&
                  open("/dev/zero", O_RDWR) < 0 && errno == EPERM && open("/dev/tty", O_RDWR) < 0 &&
                  errno == EPERM;
        _exit(ok ? 0 : 1);
    }
    if (pid > 0)
        assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(cgroup_remove(c, &f->err), 0);
    cgroup_free(c);
    if (r == -EPERM || r == -ENOSYS) {
        print_message("skipped: bpf(2) is not permitted here\n");
        skip();
    }
    if (r < 0)
        fail_msg("%s", f->err.message);
    assert_int_equal(status, 0);
}

static void test_pause(void **state)
{
    FIXTURE;
    _cleanup_free_ pid_t *pids = NULL;
    size_t n = 0;

    start(f, "sleep 100 & sleep 100 & sleep 100");
    for (int i = 0; i < 200 && n < 3; i++) { /* until the shell has started them */
        free(TAKE_PTR(pids));
        assert_int_equal(runtime_pids(f->c, &pids, &n, &f->err), 0);
        (void)usleep(5000);
    }
    assert_true(n >= 3);
    assert_false(runtime_paused(f->c));
    if (runtime_pause(f->c, &f->err) == -EOPNOTSUPP) {
        print_message("skipped: %s\n", f->err.message);
        skip();
    }
    assert_true(runtime_paused(f->c));
    assert_int_equal(runtime_resume(f->c, &f->err), 0);
    assert_false(runtime_paused(f->c));
    assert_int_equal(runtime_pause(f->c, &f->err), 0);
    /* The teardown destroys it while it is paused. */
}

/* Without a pid namespace of its own, the processes outlive init; the cgroup is what finds them. */
static void test_kill_all(void **state)
{
    FIXTURE;
    _cleanup_free_ pid_t *pids = NULL;
    size_t n = 0;

    fixture_set(f, "linux.namespaces", json_pack("[{ss}{ss}]", "type", "mount", "type", "uts"));
    (void)json_object_del(fixture_get(f, "linux"), "readonlyPaths");
    start(f, "for i in 1 2 3 4; do (sleep 1000 &) >/dev/null 2>&1 </dev/null; done; exit 0");
    assert_int_equal(fixture_wait(f, NULL), 0);
    assert_int_equal(runtime_pids(f->c, &pids, &n, &f->err), 0);
    assert_true(n >= 4);
    assert_int_equal(runtime_kill(f->c, SIGTERM, true), 0);
    assert_int_equal(runtime_destroy(f->c, &f->err), 0);
    assert_int_equal(runtime_destroy(f->c, &f->err), 0); /* safe to call again */
}

static void test_path(void **state)
{
    FIXTURE;
    char path[64];

    (void)snprintf(path, sizeof(path), "%s/deep/er", f->id);
    fixture_set(f, "linux.cgroupsPath", json_string(path));
    start(f, "sleep 100");
    assert_value(f, "cgroup.clone_children", "cgroup.type", "0", "domain");
    fixture_destroy(f);
    /* The parents stay, as they may be somebody's; they are this test's. */
    struct cgroup *c = NULL;
    assert_int_equal(cgroup_new(NULL, f->id, &c, &f->err), 0);
    assert_int_equal(cgroup_remove(c, &f->err), 0);
    cgroup_free(c);

    fixture_set(f, "linux.cgroupsPath", json_string("/../.."));
    assert_true(fixture_run(f, NULL) < 0);
    assert_contains(f->err.message, "is not usable");
    fixture_set(f, "linux.cgroupsPath", json_string("system.slice:lighter:x"));
    assert_true(fixture_run(f, NULL) < 0);
}

static void test_cgroup_mount(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL, *two = NULL;

    fixture_add_mount(f, "/sys/fs/cgroup", "cgroup", "cgroup", "ro,nosuid,nodev,noexec");
    fixture_script(f,
                   "find /sys/fs/cgroup -name cgroup.procs -maxdepth 2 | head -1 | grep -c procs; "
                   "mkdir /sys/fs/cgroup/*/x /sys/fs/cgroup/x && echo written");
    (void)fixture_run(f, &out);
    assert_contains(out, "1\n");
    assert_contains(out, "Read-only file system");
    assert_lacks(out, "written");

    /* Without a namespace of its own it sees its own directories all the same. */
    fixture_set(f, "linux.namespaces",
                json_pack("[{ss}{ss}{ss}]", "type", "mount", "type", "uts", "type", "pid"));
    fixture_script(f,
                   "find /sys/fs/cgroup -name cgroup.procs -maxdepth 2 | head -1 | while read f; "
                   "do grep -c . $f; done");
    (void)fixture_run(f, &two);
    assert_lacks(two, "No such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(test_limits),       T(test_pids_limit_holds),
        T(test_oom),          T(test_devices),
        T(test_bpf_program),  T(test_pause),
        T(test_kill_all),     T(test_path),
        T(test_cgroup_mount),
    };

    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
