/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Hostile and unlucky circumstances: a shim that does not answer, subscribers that do not read,
 * floods of execs, memory limits, and what a container can see of its shim. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "harness.h"

#define FLOOD 400

static size_t count_fds(pid_t pid)
{
    _cleanup_free_ char *dir = xasprintf("/proc/%d/fd", pid);
    size_t n = 0;

    for (int fd = 0; fd < 1024; fd++) {
        _cleanup_free_ char *path = xasprintf("%s/%d", dir, fd);
        char target[64];
        n += readlink(path, target, sizeof(target)) >= 0;
    }
    return n;
}

/* Hundreds of execs: none is lost, the oldest are forgotten, and no descriptor stays. */
static void test_flood(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    struct shim_exec_state st;
    size_t replayed = 0;
    int fd;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    (void)usleep(200000); /* the OOM watch comes a little later */
    size_t fds = count_fds(b.shim_pid);
    for (int i = 0; i < FLOOD; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "e%d", i);
        assert_int_equal(box_exec(&b, id, "exit 5", false, false, NULL, &err), 0);
    }
    for (int i = 0; i < FLOOD; i++) { /* all of them, though nobody read meanwhile */
        assert_true(next_event(b.events, SHIM_EVENT_EXEC_EXITED, &ev));
        assert_int_equal(ev.exit_code, 5);
    }
    assert_int_equal(shim_exec_state(b.shim, "e399", &st, &err), 0);
    assert_int_equal(shim_exec_state(b.shim, "e0", &st, &err), -ENOENT);
    assert_int_equal(shim_subscribe(b.shim, &fd, &err), 0);
    assert_int_equal(shim_read_event(fd, &ev, &err), 1);
    struct timeval tv = {.tv_usec = 300000};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    while (shim_read_event(fd, &ev, NULL) == 1)
        replayed += ev.kind == SHIM_EVENT_EXEC_EXITED && ev.replayed;
    assert_int_equal(replayed, 256);
    close_fd(fd);
    for (int i = 0; i < 100 && count_fds(b.shim_pid) != fds; i++)
        (void)usleep(10000);
    assert_int_equal(count_fds(b.shim_pid), fds);
    box_done(&b);
}

/* A subscriber that never reads is dropped, and nobody else notices. */
static void test_stuck_subscriber(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    int stuck, n = 0;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(shim_subscribe(b.shim, &stuck, &err), 0);
    for (int i = 0; i < 1100; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "e%d", i);
        assert_int_equal(box_exec(&b, id, "true", false, false, NULL, &err), 0);
        assert_true(next_event(b.events, SHIM_EVENT_EXEC_EXITED, &ev));
    }
    while (shim_read_event(stuck, &ev, NULL) == 1)
        n++;
    assert_true(n > 100 && n < 2200);
    close_fd(stuck);
    assert_true(shim_alive(b.dir));
    box_done(&b);
}

static void test_stopped_shim(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_state st;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(kill(b.shim_pid, SIGSTOP), 0);
    int64_t begin = monotonic_nsec();
    assert_true(shim_get_state(b.shim, &st, &err) < 0);
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.message, "does not answer (waited 10 seconds)"));
    assert_true(monotonic_nsec() - begin < 12 * NSEC_PER_SEC);
    assert_int_equal(kill(b.shim_pid, SIGCONT), 0);
    assert_int_equal(shim_get_state(b.shim, &st, &err), 0);
    box_done(&b);
}

/* SIGTERM to the shim goes to the container; SIGHUP, SIGINT and SIGPIPE nowhere. */
static void test_signals(void **state)
{
    struct box b;

    box_init(&b, "trap 'exit 33' TERM; echo ready; while :; do sleep 0.05; done", false);
    box_attach_first(&b, false, false);
    box_spawn(&b);
    box_start(&b);
    _cleanup_buf_ struct buf got = BUF_INIT(4096);
    read_until(b.client, &got, "ready\n");
    assert_int_equal(kill(b.shim_pid, SIGHUP), 0);
    assert_int_equal(kill(b.shim_pid, SIGINT), 0);
    assert_int_equal(kill(b.shim_pid, SIGPIPE), 0);
    (void)usleep(50000);
    assert_true(shim_alive(b.dir));
    assert_int_equal(kill(b.shim_pid, SIGTERM), 0);
    assert_int_equal(box_wait(&b), 33);
    box_done(&b);
}

/* No signal is blocked, or ignored but for the C library's own two, which a parent of the test may
 * have left so. */
static void assert_signals_default(const char *status)
{
    const char *ignored = strstr(status, "SigIgn:\t");

    assert_non_null(strstr(status, "SigBlk:\t0000000000000000\n"));
    assert_non_null(ignored);
    assert_int_equal(strtoull(ignored + 8, NULL, 16) & ~(UINT64_C(3) << 31), 0);
}

/* The program starts with default signals and with its own three descriptors only; so do execs. */
static void test_clean_start(void **state)
{
    static const char script[] =
        "ls -l /proc/self/fd | head -n 20 >&2; cat /proc/self/status; cat /proc/self/oom_score_adj";
    struct box b;
    struct err err = {};
    int fd;

    if (!box_real)
        skip();
    const char *args[] = {"sleep", "100", NULL};
    box_init_args(&b, args, false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(box_exec(&b, "e", script, false, false, &fd, &err), 0);
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20), errs = BUF_INIT(1 << 20);
    read_until(fd, &got, NULL);
    close_fd(fd);
    demultiplex(&got, &out, &errs);
    assert_signals_default(buf_str(&out));
    assert_non_null(strstr(buf_str(&errs), " 2 -> "));
    assert_null(strstr(buf_str(&errs), " 4 -> ")); /* 3 is ls's own */
    _cleanup_free_ char *path = xasprintf("/proc/%d/status", b.pid);
    _cleanup_free_ char *status = file_text(path);
    assert_signals_default(status);
    assert_int_equal(count_fds(b.pid), 3);
    box_done(&b);
}

/* Writes that hide in the last moment of a terminal are delivered too. */
static void test_tty_tail(void **state)
{
    struct box b;

    for (int i = 0; i < 20; i++) {
        _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
        box_init(&b, "seq 1 3000; printf tail", true);
        box_attach_first(&b, false, false);
        box_spawn(&b);
        box_start(&b);
        read_until(b.client, &got, NULL);
        assert_true(got.len > 5 && memcmp(got.data + got.len - 4, "tail", 4) == 0);
        assert_non_null(strstr(got.data, "\r\n2999\r\n3000\r\n"));
        assert_int_equal(box_wait(&b), 0);
        box_done(&b);
    }
}

static void test_two_clients(void **state)
{
    struct box b;
    struct err err = {};
    _cleanup_buf_ struct buf one = BUF_INIT(1 << 24), two = BUF_INIT(1 << 24);
    struct shim_stream st = {.use_stdout = true};

    box_init(&b, "read x; head -c 300000 /dev/zero | tr '\\0' z; echo error >&2", false);
    b.create.open_stdin = b.create.stdin_once = true;
    box_attach_first(&b, true, false);
    b.attach[0].use_stderr = false;
    box_spawn(&b);
    box_start(&b);
    int fd = stream_pair(&st.fd);
    assert_int_equal(shim_attach(b.shim, &st, &err), 0);
    assert_int_equal(write_full(b.client, "\n", 1), 0);
    pid_t reader = fork();
    if (reader == 0) { /* reads nothing for a while: the other waits for it */
        char chunk[4096];
        ssize_t n;
        size_t total = 0;
        (void)usleep(300000);
        while ((n = read(fd, chunk, sizeof(chunk))) > 0)
            total += (size_t)n;
        _exit(total == 300000 ? 0 : 1);
    }
    close_fd(fd);
    read_until(b.client, &one, NULL);
    assert_int_equal(one.len, 300000);
    int status;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    assert_int_equal(status, 0);
    assert_int_equal(box_wait(&b), 0);
    box_done(&b);
}

/* The shim's directory goes away under it: the container still ends in order. */
static void test_directory_lost(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    int status;

    box_init(&b, "sleep 0.3; exit 2", false);
    box_spawn(&b);
    box_start(&b);
    _cleanup_free_ char *sock = xasprintf("%s/shim.sock", b.dir);
    assert_int_equal(unlink(sock), 0);
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), -EEXIST);
    if (!box_real)
        assert_int_equal(rm_rf_at(AT_FDCWD, b.dir), 0);
    assert_true(next_event(b.events, SHIM_EVENT_EXITED, &ev));
    assert_int_equal(ev.state.exit_code, 2);
    assert_int_equal(waitpid(b.shim_pid, &status, 0), b.shim_pid);
    assert_int_equal(status, 0);
    b.shim_pid = 0;
    box_done(&b);
}

/* Clock ticks that a process has used. */
static unsigned long cpu_ticks(pid_t pid)
{
    _cleanup_free_ char *path = xasprintf("/proc/%d/stat", pid);
    _cleanup_free_ char *stat = file_text(path);
    const char *p = strrchr(stat, ')');
    unsigned long user = 0, sys = 0;

    for (int i = 0; p && i < 12; i++)
        p = strchr(p + 1, ' ');
    assert_non_null(p);
    char *end;
    user = strtoul(p + 1, &end, 10);
    sys = strtoul(end, NULL, 10);
    return user + sys;
}

/* Nothing to do is nothing done: with a client that left input nobody reads, one that takes no
 * output, one that has half closed, and outputs that the program has closed. */
static void test_no_spin(void **state)
{
    struct box b;
    struct err err = {};
    char bulk[300000] = {};

    box_init(&b, "yes | head -c 3000000; exec >&- 2>&-; sleep 100", false);
    b.create.open_stdin = b.create.stdin_once = true;
    box_attach_first(&b, false, false);
    box_spawn(&b);
    box_start(&b);
    struct shim_stream left = {.use_stdin = true}, half = {.use_stdin = true, .use_stderr = true};
    int one = stream_pair(&left.fd), two = stream_pair(&half.fd);
    assert_int_equal(shim_attach(b.shim, &half, &err), 0);
    assert_int_equal(shutdown(two, SHUT_WR), 0);
    assert_int_equal(shim_attach(b.shim, &left, &err), 0);
    assert_int_equal(fd_set_nonblock(one, true), 0);
    (void)write_full(one, bulk, sizeof(bulk));
    close_fd(one);
    (void)usleep(300000);
    for (int i = 0; i < 2; i++) {
        unsigned long before = cpu_ticks(b.shim_pid);
        (void)usleep(600000);
        assert_true(cpu_ticks(b.shim_pid) - before <= 2);
        if (i == 0) { /* now the program can go on, and close its outputs */
            for (size_t total = 0; total < 3000000;) {
                ssize_t n = read(b.client, bulk, sizeof(bulk));
                assert_true(n > 0);
                total += (size_t)n;
            }
            (void)usleep(200000);
        }
    }
    close_fd(two);
    box_done(&b);
}

/* The OOM killer is told of while the container goes on, and remembered at its end. */
static void test_oom(void **state)
{
    struct box b;
    struct shim_event ev;
    struct shim_state st;
    struct err err = {};

    if (!box_real)
        skip();
    box_memory_limit = 24 << 20;
    box_init(&b, "sleep 0.3; dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 0.5; exit 3",
             false);
    box_memory_limit = 0;
    box_spawn(&b);
    box_start(&b);
    assert_true(next_event(b.events, SHIM_EVENT_OOM, &ev));
    assert_int_equal(shim_get_state(b.shim, &st, &err), 0);
    assert_false(st.exited);
    assert_int_equal(box_wait(&b), 3);
    assert_int_equal(shim_read_exit(b.dir, &st, &err), 0);
    assert_true(st.oom_killed);
    box_done(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood),        cmocka_unit_test(test_stuck_subscriber),
        cmocka_unit_test(test_stopped_shim), cmocka_unit_test(test_signals),
        cmocka_unit_test(test_clean_start),  cmocka_unit_test(test_tty_tail),
        cmocka_unit_test(test_two_clients),  cmocka_unit_test(test_directory_lost),
        cmocka_unit_test(test_oom),          cmocka_unit_test(test_no_spin),
    };

    if (argc < 2 || (argc > 2 && geteuid() != 0)) /* real containers need root */
        return 77;
    box_program = argv[1];
    box_real = argc > 2;
    (void)signal(SIGPIPE, SIG_IGN);
    die_in(170);
    return cmocka_run_group_tests(tests, NULL, box_group_teardown);
}
