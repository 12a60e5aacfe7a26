/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Standard streams: input, terminals, detaching, clients that are slow or leave, and memory. */

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
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "harness.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool memory_is_telling = false; /* sanitizers need much of their own */
#else
static const bool memory_is_telling = true;
#endif

static void test_stdin(void **state)
{
    struct box b;
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);

    box_init(&b, "cat; echo done", false);
    b.create.open_stdin = b.create.stdin_once = true;
    box_attach_first(&b, true, false);
    b.attach[0].preread = "first ";
    b.attach[0].preread_len = 6;
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(write_full(b.client, "line\n", 5), 0);
    read_until(b.client, &got, "first line\n");
    assert_int_equal(write_full(b.client, "last\n", 5), 0);
    assert_int_equal(shutdown(b.client, SHUT_WR), 0);
    read_until(b.client, &got, NULL);
    assert_string_equal(buf_str(&got), "first line\nlast\ndone\n");
    assert_int_equal(box_wait(&b), 0);
    box_done(&b);
}

/* Much input into a program that takes its time, and the client leaves at once after it. */
static void test_stdin_bulk(void **state)
{
    struct box b;
    char *bulk = xmalloc(4 << 20);
    _cleanup_free_ char *owned = bulk;

    memset(bulk, 'x', 4 << 20);
    box_init(&b, "sleep 0.2; wc -c", false);
    b.create.open_stdin = b.create.stdin_once = true;
    box_attach_first(&b, true, false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(write_full(b.client, bulk, 4 << 20), 0);
    b.client = close_fd(b.client);
    assert_int_equal(box_wait(&b), 0);
    _cleanup_free_ char *log = file_text(b.log);
    assert_non_null(strstr(log, "4194304\\n"));
    box_done(&b);
}

/* Without StdinOnce the end of one client's input leaves the program's open for the next. */
static void test_stdin_stays_open(void **state)
{
    struct box b;
    struct err err = {};
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20), more = BUF_INIT(1 << 20);

    box_init(&b, "cat", false);
    b.create.open_stdin = true;
    box_attach_first(&b, true, false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(write_full(b.client, "one\n", 4), 0);
    read_until(b.client, &got, "one\n");
    assert_int_equal(shutdown(b.client, SHUT_WR), 0);
    read_until(b.client, &got, NULL); /* as with dockerd, that ends the attachment */
    struct shim_stream st = {.use_stdin = true, .use_stdout = true};
    int fd = stream_pair(&st.fd);
    assert_int_equal(shim_attach(b.shim, &st, &err), 0);
    assert_int_equal(write_full(fd, "two\n", 4), 0);
    read_until(fd, &more, "two\n");
    close_fd(fd);
    box_done(&b);
}

static void test_no_stdin(void **state)
{
    struct box b;
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);

    box_init(&b, "cat; echo end", false);
    box_attach_first(&b, true, false);
    box_spawn(&b);
    box_start(&b);
    read_until(b.client, &got, NULL);
    assert_string_equal(buf_str(&got), "end\n");
    assert_int_equal(box_wait(&b), 0);
    box_done(&b);
}

static void test_tty(void **state)
{
    struct box b;
    struct err err = {};
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);

    box_init(&b, "stty size; read x; stty size; echo got $x; test -t 2 && echo tty; exit 3", true);
    b.create.open_stdin = true;
    b.create.rows = 33;
    b.create.cols = 101;
    box_attach_first(&b, true, false);
    box_spawn(&b);
    box_start(&b);
    read_until(b.client, &got, "33 101\r\n");
    assert_int_equal(shim_resize(b.shim, NULL, 44, 88, &err), 0);
    assert_int_equal(write_full(b.client, "word\r", 5), 0);
    read_until(b.client, &got, NULL);
    assert_non_null(strstr(buf_str(&got), "44 88\r\ngot word\r\ntty\r\n"));
    assert_int_equal(box_wait(&b), 3);
    _cleanup_free_ char *log = file_text(b.log);
    assert_non_null(strstr(log, "got word\\r\\n"));
    box_done(&b);
}

static void test_detach(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20), more = BUF_INIT(1 << 20);

    box_init(&b, "stty raw -echo; echo ready; cat", true);
    b.create.open_stdin = true;
    box_attach_first(&b, true, false);
    box_spawn(&b);
    box_start(&b);
    read_until(b.client, &got, "ready");
    assert_int_equal(write_full(b.client, "a\x10z\x10", 4), 0); /* broken, then begun */
    read_until(b.client, &got, "a\x10z");
    assert_int_equal(write_full(b.client, "\x11", 1), 0);
    read_until(b.client, &got, NULL);
    assert_true(next_event(b.events, SHIM_EVENT_DETACHED, &ev));
    assert_string_equal(ev.exec_id, "");
    struct shim_stream st = {.use_stdin = true, .use_stdout = true, .detach_keys = "ctrl-a,x"};
    int fd = stream_pair(&st.fd);
    assert_int_equal(shim_attach(b.shim, &st, &err), 0);
    assert_int_equal(write_full(fd, "\x10\x11mark", 6), 0);
    read_until(fd, &more, "\x10\x11mark");
    assert_int_equal(write_full(fd, "\x01x", 2), 0);
    read_until(fd, &more, NULL);
    close_fd(fd);
    box_done(&b);
}

static void test_exec_tty(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    struct shim_exec_state st;
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
    int fd;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(box_exec(&b, "t", "echo hi; read x; stty size; exit 4", true, true, &fd, &err),
                     0);
    read_until(fd, &got, "hi\r\n");
    assert_int_equal(shim_resize(b.shim, "t", 11, 22, &err), 0);
    assert_int_equal(write_full(fd, "\r", 1), 0);
    read_until(fd, &got, NULL);
    assert_int_equal(shim_exec_state(b.shim, "t", &st, &err), 0);
    assert_true(!st.running && st.exit_code == 4);
    assert_non_null(strstr(buf_str(&got), "11 22\r\n"));
    close_fd(fd);
    assert_int_equal(box_exec(&b, "in", "cat >&2; exit 6", false, true, &fd, &err), 0);
    got.len = 0;
    assert_int_equal(write_full(fd, "text", 4), 0);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    read_until(fd, &got, NULL);
    assert_int_equal(got.len, 12);
    assert_memory_equal(got.data, "\2\0\0\0\0\0\0\4text", 12);
    close_fd(fd);
    assert_int_equal(box_exec(&b, "d", "stty raw -echo; echo ready; cat", true, true, &fd, &err),
                     0);
    got.len = 0;
    read_until(fd, &got, "ready");
    assert_int_equal(write_full(fd, "\x10\x11", 2), 0);
    assert_true(next_event(b.events, SHIM_EVENT_DETACHED, &ev));
    assert_string_equal(ev.exec_id, "d");
    close_fd(fd);
    assert_int_equal(shim_exec_state(b.shim, "d", &st, &err), 0);
    assert_true(st.running);
    if (!box_real)
        (void)kill(st.pid, SIGKILL);
    box_done(&b);
}

/* An exec's background process does not hold its client for ever. */
static void test_exec_background(void **state)
{
    struct box b;
    struct err err = {};
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
    int fd;

    if (!box_real)
        skip();
    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(box_exec(&b, "bg", "sleep 50 & echo hi", false, false, &fd, &err), 0);
    int64_t begin = monotonic_nsec();
    read_until(fd, &got, NULL);
    assert_true(monotonic_nsec() - begin < 3 * NSEC_PER_SEC);
    close_fd(fd);
    box_done(&b);
}

/* A sum over smaps_rollup: of "Private_" memory, or of "Anonymous" without the program's text. */
static uint64_t memory_kib(pid_t pid, const char *what)
{
    char path[64];
    uint64_t total = 0;

    (void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    _cleanup_free_ char *text = file_text(path);
    for (const char *p = text; (p = strstr(p, what)); p++) {
        const char *colon = strchr(p, ':');
        assert_non_null(colon);
        total += strtoul(colon + 1, NULL, 10);
    }
    return total;
}

/* 100 MB through a client that reads slowly: the shim holds next to nothing. */
static void test_back_pressure(void **state)
{
    struct box b;
    char chunk[65536];
    uint64_t total = 0, peak = 0;

    box_init(&b, "head -c 100000000 /dev/zero", false);
    b.create.log.driver = "none";
    box_attach_first(&b, false, false);
    box_spawn(&b);
    box_start(&b);
    (void)usleep(200000);
    for (int i = 0;; i++) {
        ssize_t n = read(b.client, chunk, sizeof(chunk));
        assert_true(n >= 0);
        if (n == 0)
            break;
        total += (uint64_t)n;
        if (i % 100 == 0) {
            uint64_t now = memory_kib(b.shim_pid, "Anonymous:");
            peak = MAX(peak, now);
            (void)usleep(5000);
        }
    }
    assert_int_equal(total, 100000000);
    print_message("anonymous memory at most %lu KiB\n", (unsigned long)peak);
    assert_true(!memory_is_telling || !box_real || peak < 300);
    assert_int_equal(box_wait(&b), 0);
    box_done(&b);
}

/* A client that stopped reading is given up some time after the end; one that left, at once. */
static void test_client_leaves(void **state)
{
    struct box b;

    box_init(&b, "yes | head -c 3000000; exit 8", false);
    b.create.log.max_size_bytes = 0;
    box_attach_first(&b, false, false);
    box_spawn(&b);
    box_start(&b);
    (void)usleep(300000);
    b.client = close_fd(b.client);
    assert_int_equal(box_wait(&b), 8);
    _cleanup_free_ char *log = file_text(b.log);
    assert_true(strlen(log) > 3000000);
    box_done(&b);
}

static void test_memory(void **state)
{
    struct box b;

    if (!box_real || !memory_is_telling)
        skip();
    box_init(&b, "echo hello; sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    (void)usleep(1200000);
    uint64_t kib = memory_kib(b.shim_pid, "Private_");
    print_message("idle shim: %lu KiB private\n", (unsigned long)kib);
    assert_true(kib <= 400);
    box_done(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stdin),
        cmocka_unit_test(test_stdin_bulk),
        cmocka_unit_test(test_stdin_stays_open),
        cmocka_unit_test(test_no_stdin),
        cmocka_unit_test(test_tty),
        cmocka_unit_test(test_detach),
        cmocka_unit_test(test_exec_tty),
        cmocka_unit_test(test_exec_background),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_memory),
    };

    if (argc < 2 || (argc > 2 && geteuid() != 0)) /* real containers need root */
        return 77;
    box_program = argv[1];
    box_real = argc > 2;
    (void)signal(SIGPIPE, SIG_IGN);
    die_in(170);
    return cmocka_run_group_tests(tests, NULL, box_group_teardown);
}
