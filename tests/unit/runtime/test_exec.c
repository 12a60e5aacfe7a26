/* SPDX-License-Identifier: GPL-2.0-or-later */
/* More processes in a running container. */
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

#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "fixture.h"
#include "oci/spec.h"

#define FIXTURE                 \
    struct fixture *f = *state; \
    if (!f)                     \
    skip()

static json_t *script(const char *text)
{
    return json_pack("{s[sss]sss[s]}", "args", "sh", "-c", text, "cwd", "/", "env", "PATH=/bin");
}

static void start(struct fixture *f)
{
    fixture_args(f, "sleep", "1000", NULL);
    assert_int_equal(fixture_create(f), 0);
    assert_int_equal(runtime_start(f->c, &f->err), 0);
}

static void test_inside(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    start(f);
    assert_int_equal(fixture_exec(f,
                                  script("hostname; ps; cat /proc/self/cgroup; "
                                         "grep Cap /proc/self/status; pwd; echo $HOME; exit 9"),
                                  &out),
                     9);
    assert_contains(out, "boat\n");
    assert_contains(out, "sleep 1000");
    assert_contains(out, ":/\n"); /* the same cgroup as init */
    assert_lacks(out, ":/..");
    assert_contains(out, "CapEff:\t0000000000000021\n"); /* init's, as none are given */
    assert_contains(out, "CapInh:\t0000000000000000\n");
    assert_contains(out, "\n/\n/root\n");
}

static void test_user_env_cwd(void **state)
{
    FIXTURE;
    _cleanup_free_ char *out = NULL;

    start(f);
    json_t *p = script("id; pwd; env; umask");
    json_set_take(p, "user", json_pack("{sisis[i]}", "uid", 7, "gid", 8, "additionalGids", 9));
    json_set_str(p, "cwd", "/tmp");
    json_set_take(p, "env", json_pack("[ss]", "PATH=/bin", "CARGO=salt"));
    assert_int_equal(fixture_exec(f, p, &out), 0);
    assert_contains(out, "uid=7");
    assert_contains(out, "gid=8");
    assert_contains(out, "groups=9");
    assert_contains(out, "\n/tmp\n");
    assert_contains(out, "CARGO=salt\n");
    assert_contains(out, "HOME=/home/sailor\n");
}

static void test_errors(void **state)
{
    FIXTURE;

    start(f);
    json_t *p = json_pack("{s[s]sss[s]}", "args", "nope", "cwd", "/", "env", "PATH=/bin");
    assert_int_equal(fixture_exec(f, p, NULL), -ENOENT);
    assert_string_equal(f->err.message, "exec: \"nope\": executable file not found in $PATH");
    p = json_pack("{s[s]sss[s]}", "args", "/nope", "cwd", "/", "env", "PATH=/bin");
    assert_int_equal(fixture_exec(f, p, NULL), -ENOENT);
    assert_string_equal(f->err.message, "exec: \"/nope\": stat /nope: no such file or directory");
    p = json_pack("{s[s]sss[s]}", "args", "true", "cwd", "/gone", "env", "PATH=/bin");
    assert_int_equal(fixture_exec(f, p, NULL), -ENOENT);
    assert_string_equal(
        f->err.message,
        "chdir to cwd (\"/gone\") set in config.json failed: no such file or directory");
    for (int i = 3; i < 20; i++) {
        char cwd[32];
        (void)snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", i);
        p = json_pack("{s[s]sss[s]}", "args", "true", "cwd", cwd, "env", "PATH=/bin");
        assert_true(fixture_exec(f, p, NULL) < 0);
    }
}

static void test_after_the_end(void **state)
{
    FIXTURE;

    start(f);
    assert_int_equal(runtime_kill(f->c, SIGKILL, false), 0);
    assert_int_equal(fixture_wait(f, NULL), 128 + SIGKILL);
    assert_true(fixture_exec(f, script("true"), NULL) < 0);
}

static void test_terminal(void **state)
{
    FIXTURE;
    struct oci_process p;
    const int none[3] = {-1, -1, -1};
    pid_t pid = 0;
    int master = -1, status = 0;
    char text[512];
    size_t n = 0;

    start(f);
    json_t *j = script("tty; stty size; test -t 0 && echo yes");
    json_set_take(j, "terminal", json_true());
    json_set_take(j, "consoleSize", json_pack("{sisi}", "height", 11, "width", 22));
    assert_int_equal(oci_process_parse(j, &p, &f->err), 0);
    json_decref(j);
    assert_int_equal(runtime_exec(f->c, &p, none, &pid, &master, &f->err), 0);
    oci_process_done(&p);
    for (ssize_t k; n < sizeof(text) - 1 && (k = read(master, text + n, sizeof(text) - 1 - n)) > 0;)
        n += (size_t)k;
    text[n] = '\0';
    close_fd(master);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_contains(text, "11 22\r\nyes\r\n");
}

/* The caller's own namespaces are as before. */
static void test_caller_unchanged(void **state)
{
    FIXTURE;
    struct stat before, after;

    assert_int_equal(stat("/proc/self/ns/pid_for_children", &before), 0);
    start(f);
    for (int i = 0; i < 20; i++)
        assert_int_equal(fixture_exec(f, script("true"), NULL), 0);
    assert_int_equal(stat("/proc/self/ns/pid_for_children", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* A container found again by what was noted of it. */
static void test_open_again(void **state)
{
    FIXTURE;
    uint64_t start_time = 0;
    _cleanup_free_ char *out = NULL;
    struct runtime_container *first;

    start(f);
    assert_int_equal(runtime_start_time(runtime_pid(f->c), &start_time), 0);
    first = f->c;
    assert_int_equal(
        runtime_open(f->id, f->spec, NULL, runtime_pid(first), start_time + 1, &f->c, &f->err), 0);
    assert_int_equal(runtime_pid(f->c), 0); /* another process with that number */
    runtime_container_free(f->c);
    assert_int_equal(
        runtime_open(f->id, f->spec, NULL, runtime_pid(first), start_time, &f->c, &f->err), 0);
    assert_int_equal(runtime_pid(f->c), runtime_pid(first));
    assert_int_equal(fixture_exec(f, script("hostname"), &out), 0);
    assert_string_equal(out, "boat\n");
    runtime_container_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(test_inside),   T(test_user_env_cwd),     T(test_errors),     T(test_after_the_end),
        T(test_terminal), T(test_caller_unchanged), T(test_open_again),
    };

    return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
