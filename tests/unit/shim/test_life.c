/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A container's life in a shim: order of events, exit codes, errors, and nothing left. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/sock.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "harness.h"

static void test_hello(void **state)
{
    struct box b;
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
    _cleanup_buf_ struct buf out = BUF_INIT(1 << 20), errs = BUF_INIT(1 << 20);

    box_init(&b, "echo out; echo err >&2; exit 7", false);
    box_attach_first(&b, false, true);
    box_spawn(&b);
    assert_true(shim_alive(b.dir));
    box_start(&b);
    read_until(b.client, &got, NULL);
    assert_int_equal(box_wait(&b), 7);
    demultiplex(&got, &out, &errs);
    assert_string_equal(buf_str(&out), "out\n");
    assert_string_equal(buf_str(&errs), "err\n");
    _cleanup_free_ char *log = file_text(b.log);
    assert_non_null(strstr(log, "{\"log\":\"out\\n\",\"stream\":\"stdout\",\"time\":\"20"));
    assert_non_null(strstr(log, "{\"log\":\"err\\n\",\"stream\":\"stderr\",\"time\":\"20"));
    box_done(&b);
}

/* What the exit is reported after: the last byte is in the log. */
static void test_log_before_exit(void **state)
{
    struct box b;

    for (int i = 0; i < 5; i++) {
        box_init(&b, "seq 1 20000; printf end", false);
        box_spawn(&b);
        box_start(&b);
        struct shim_event ev;
        assert_true(next_event(b.events, SHIM_EVENT_EXITED, &ev));
        _cleanup_free_ char *log = file_text(b.log);
        assert_non_null(strstr(log, "{\"log\":\"end\",\"stream\":\"stdout\""));
        size_t lines = 0;
        for (const char *p = log; (p = strchr(p, '\n')); p++)
            lines++;
        assert_int_equal(lines, 20001);
        int status;
        assert_int_equal(waitpid(b.shim_pid, &status, 0), b.shim_pid);
        b.shim_pid = 0;
        box_done(&b);
    }
}

static void test_kill(void **state)
{
    struct box b;
    struct err err = {};

    box_init(&b, "sleep 100 & wait", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), 0);
    assert_int_equal(box_wait(&b), 137);
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), -EEXIST);
    assert_int_equal(err.kind, ERR_CONFLICT);
    box_done(&b);
}

static void test_pause(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_state st;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    assert_int_equal(shim_pause(b.shim, &err), -EEXIST);
    box_start(&b);
    assert_int_equal(shim_pause(b.shim, &err), 0);
    assert_int_equal(shim_get_state(b.shim, &st, &err), 0);
    assert_true(st.paused && st.started && !st.exited);
    assert_true(box_exec(&b, "e1", "true", false, false, NULL, &err) < 0);
    assert_non_null(strstr(err.message, "is paused, unpause the container before exec"));
    assert_int_equal(shim_resume(b.shim, &err), 0);
    assert_int_equal(shim_pause(b.shim, &err), 0);
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), 0);
    assert_int_equal(box_wait(&b), 137);
    box_done(&b);
}

static void test_abort(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_state st;

    box_init(&b, "true", false);
    box_spawn(&b);
    assert_int_equal(shim_abort(b.shim, &err), 0);
    assert_int_equal(waitpid(b.shim_pid, NULL, 0), b.shim_pid);
    b.shim_pid = 0;
    _cleanup_free_ char *left = xasprintf("%s/shim.json", b.dir);
    assert_int_not_equal(access(left, F_OK), 0);
    assert_int_equal(shim_read_exit(b.dir, &st, &err), -ENOENT);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    box_done(&b);
}

static void test_abandoned(void **state)
{
    struct box b;

    box_init(&b, "true", false);
    b.create.abandon_sec = 1;
    box_spawn(&b);
    int64_t begin = monotonic_nsec();
    assert_int_equal(waitpid(b.shim_pid, NULL, 0), b.shim_pid);
    assert_true(monotonic_nsec() - begin < 5 * NSEC_PER_SEC);
    b.shim_pid = 0;
    box_done(&b);
}

static void test_missing_command(void **state)
{
    const char *args[] = {"nope", NULL};
    struct box b;
    struct err err = {};

    box_init_args(&b, args, false);
    int r = shim_spawn(&b.create, &b.shim, &b.pid, &b.shim_pid, &err);
    if (r == 0) { /* found at execve only */
        r = shim_start(b.shim, NULL, &err);
        assert_int_equal(waitpid(b.shim_pid, NULL, 0), b.shim_pid);
        b.shim_pid = 0;
    }
    assert_true(r < 0);
    if (box_real)
        assert_non_null(strstr(err.message, "exec: \"nope\": executable file not found in $PATH"));
    box_done(&b);
}

static void test_bad_spec(void **state)
{
    struct box b;
    struct err err = {};
    int theirs, ours = stream_pair(&theirs);
    char c;

    box_init(&b, "true", false);
    b.create.spec_json = "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"/\"},"
                         "\"process\":{\"args\":3}}";
    box_attach_first(&b, false, false);
    assert_true(shim_spawn(&b.create, &b.shim, &b.pid, &b.shim_pid, &err) < 0);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.message, "process.args"));
    assert_int_equal(read(b.client, &c, 1), 0); /* the stream was closed */
    close_fd(ours);
    close_fd(theirs);
    box_done(&b);
}

static void test_bad_log(void **state)
{
    struct box b;
    struct err err = {};

    box_init(&b, "true", false);
    b.create.log.driver = "quill";
    assert_true(shim_spawn(&b.create, &b.shim, &b.pid, &b.shim_pid, &err) < 0);
    assert_string_equal(err.message, "logger: no log driver named 'quill' is registered");
    box_done(&b);
}

static void test_exec(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    struct shim_exec_state st;
    int fd;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    for (int i = 0; i < 20; i++) {
        char id[16];
        _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
        _cleanup_buf_ struct buf out = BUF_INIT(1 << 20), errs = BUF_INIT(1 << 20);
        (void)snprintf(id, sizeof(id), "e%d", i);
        assert_int_equal(box_exec(&b, id, "echo hi; echo no >&2; exit 42", false, false, &fd, &err),
                         0);
        read_until(fd, &got, NULL);
        /* The state is final once the stream has ended. */
        assert_int_equal(shim_exec_state(b.shim, id, &st, &err), 0);
        assert_false(st.running);
        assert_int_equal(st.exit_code, 42);
        demultiplex(&got, &out, &errs);
        assert_string_equal(buf_str(&out), "hi\n");
        assert_string_equal(buf_str(&errs), "no\n");
        assert_true(next_event(b.events, SHIM_EVENT_EXEC_STARTED, &ev));
        assert_string_equal(ev.exec_id, id);
        assert_true(next_event(b.events, SHIM_EVENT_EXEC_EXITED, &ev));
        assert_int_equal(ev.exit_code, 42);
        close_fd(fd);
    }
    assert_int_equal(box_exec(&b, "d1", "exit 3", false, false, NULL, &err), 0);
    assert_true(next_event(b.events, SHIM_EVENT_EXEC_EXITED, &ev));
    assert_string_equal(ev.exec_id, "d1");
    assert_int_equal(ev.exit_code, 3);
    assert_int_equal(shim_exec_state(b.shim, "none", &st, &err), -ENOENT);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    _cleanup_free_ char *log = file_text(b.log);
    assert_string_equal(log, ""); /* an exec's output is not the container's */
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), 0);
    assert_int_equal(box_wait(&b), 137);
    box_done(&b);
}

static void test_exec_errors(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_stream st = {.use_stdout = true};

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    assert_true(box_exec(&b, "e", "true", false, false, NULL, &err) < 0);
    assert_int_equal(err.kind, ERR_CONFLICT);
    box_start(&b);
    int fd = stream_pair(&st.fd);
    char c;
    assert_true(shim_exec(b.shim, "e",
                          "{\"args\":[\"nope\"],\"cwd\":\"/\",\"env\":[\"PATH=/bin\"]}", false,
                          false, &st, NULL, &err) < 0);
    assert_non_null(strstr(err.message, "exec: \"nope\": executable file not found in $PATH"));
    assert_int_equal(st.fd, -1);
    assert_int_equal(read(fd, &c, 1), 0);
    close_fd(fd);
    assert_true(shim_exec(b.shim, "e", "{\"args\":[", false, false, NULL, NULL, &err) < 0);
    assert_true(shim_exec(b.shim, "../e", "{}", false, false, NULL, NULL, &err) < 0);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), 0);
    assert_int_equal(box_wait(&b), 137);
    box_done(&b);
}

/* Execs end with their container, and are reported before it. */
static void test_exec_outlives_nothing(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    _cleanup_buf_ struct buf got = BUF_INIT(1 << 20);
    int fd;

    if (!box_real)
        skip();
    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(box_exec(&b, "long", "sleep 100", false, false, &fd, &err), 0);
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), 0);
    assert_true(next_event(b.events, SHIM_EVENT_EXEC_EXITED, &ev));
    assert_int_equal(ev.exit_code, 137);
    read_until(fd, &got, NULL);
    close_fd(fd);
    assert_int_equal(box_wait(&b), 137);
    box_done(&b);
}

static void test_replay(void **state)
{
    struct box b;
    struct err err = {};
    struct shim_event ev;
    int fd;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(box_exec(&b, "done", "exit 9", false, false, NULL, &err), 0);
    assert_true(next_event(b.events, SHIM_EVENT_EXEC_EXITED, &ev));
    assert_false(ev.replayed);
    assert_int_equal(box_exec(&b, "busy", "sleep 100", false, false, NULL, &err), 0);
    assert_int_equal(shim_subscribe(b.shim, &fd, &err), 0);
    assert_int_equal(shim_read_event(fd, &ev, &err), 1);
    assert_int_equal(ev.kind, SHIM_EVENT_STATE);
    assert_true(ev.state.started);
    assert_int_equal(ev.state.pid, b.pid);
    assert_int_equal(shim_read_event(fd, &ev, &err), 1);
    assert_int_equal(ev.kind, SHIM_EVENT_EXEC_STARTED);
    assert_string_equal(ev.exec_id, "busy");
    assert_true(ev.replayed);
    pid_t busy = ev.pid;
    assert_int_equal(shim_read_event(fd, &ev, &err), 1);
    assert_int_equal(ev.kind, SHIM_EVENT_EXEC_EXITED);
    assert_int_equal(ev.exit_code, 9);
    close_fd(fd);
    if (!box_real)
        (void)kill(busy, SIGKILL);
    box_done(&b);
}

/* The daemon may die at any time: another finds the container by its directory. */
static void test_survives_parent(void **state)
{
    struct box b;
    struct err err = {};
    int status;

    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    box_init(&b, "cat; exit 5", false);
    b.create.open_stdin = b.create.stdin_once = true;
    box_attach_first(&b, true, false);
    pid_t daemon = fork();
    if (daemon == 0) {
        box_spawn(&b);
        _exit(shim_start(b.shim, NULL, &err) < 0);
    }
    assert_int_equal(waitpid(daemon, &status, 0), daemon);
    assert_int_equal(status, 0);
    close_fd(b.attach[0].fd);
    assert_int_equal(shim_connect(b.id, b.dir, &b.shim, &err), 0);
    assert_int_equal(shim_subscribe(b.shim, &b.events, &err), 0);
    struct shim_event ev;
    assert_true(next_event(b.events, SHIM_EVENT_STATE, &ev));
    assert_true(ev.state.started);
    /* The client talks on. */
    _cleanup_buf_ struct buf got = BUF_INIT(4096);
    assert_int_equal(write_full(b.client, "still here\n", 11), 0);
    read_until(b.client, &got, "still here\n");
    assert_int_equal(shutdown(b.client, SHUT_WR), 0);
    assert_true(next_event(b.events, SHIM_EVENT_EXITED, &ev));
    assert_int_equal(ev.state.exit_code, 5);
    while (wait(NULL) > 0) {
    }
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
    assert_int_equal(shim_connect(b.id, b.dir, &(struct shim *){NULL}, &err), -ENOENT);
    box_done(&b);
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"v\":1}",
                                      "{\"v\":\"1\",\"type\":\"state\"}",
                                      "{\"v\":1,\"type\":\"frobnicate\"}",
                                      "{\"v\":1,\"type\":\"kill\",\"signal\":9999}",
                                      "{\"v\":1,\"type\":\"kill\",\"signal\":\"x\"}",
                                      "{\"v\":1,\"type\":\"attach\",\"streams\":[{}]}",
                                      "{\"v\":1,\"type\":\"attach\",\"fds\":[\"stream\"]}",
                                      "{\"v\":1,\"payload\":true}",
                                      "{\"v\":1,\"type\":\"exec\",\"execId\":\"x\",\"process\":[]}",
                                      "{\"v\":1,\"type\":\"create\"}",
                                      "{\"v\":1,\"type\":\"resize\",\"rows\":-1,\"cols\":70000}"};
    struct box b;
    struct err err = {};
    char answer[4096];

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    _cleanup_free_ char *path = xasprintf("%s/shim.sock", b.dir);
    for (size_t i = 1; i < ARRAY_SIZE(bad); i++) {
        _cleanup_close_ int fd = unix_connect(path, SOCK_SEQPACKET);
        assert_true(fd >= 0);
        assert_int_equal(send_fds(fd, bad[i], strlen(bad[i]), NULL, 0), 0);
        ssize_t n = read(fd, answer, sizeof(answer) - 1);
        assert_true(n > 0);
        answer[n] = '\0';
        if (!strstr(answer, "\"type\":\"error\""))
            fail_msg("%s: %s", bad[i], answer);
    }
    /* A descriptor that is no stream is refused, not used. */
    struct shim_stream st = {.fd = open("/dev/null", O_RDWR | O_CLOEXEC), .use_stdout = true};
    assert_true(shim_attach(b.shim, &st, &err) < 0);
    assert_int_equal(err.kind, ERR_INVALID);
    st = (struct shim_stream){.use_stdout = true, .use_stdin = true, .detach_keys = "ctrl-"};
    int fd = stream_pair(&st.fd);
    assert_true(shim_attach(b.shim, &st, &err) < 0);
    assert_string_equal(err.message, "invalid detach keys (ctrl-) provided");
    close_fd(fd);
    assert_int_equal(shim_kill(b.shim, SIGKILL, &err), 0);
    assert_int_equal(box_wait(&b), 137);
    box_done(&b);
}

/* A large message goes through a memfd. */
static void test_large_message(void **state)
{
    struct box b;
    struct err err = {};
    _cleanup_buf_ struct buf p = BUF_INIT(1 << 20);
    struct shim_event ev;

    box_init(&b, "sleep 100", false);
    box_spawn(&b);
    box_start(&b);
    assert_int_equal(buf_adds(&p,
                              "{\"args\":[\"true\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0},"
                              "\"env\":[\"PATH=/bin:/usr/bin\""),
                     0);
    for (int i = 0; i < 4000; i++)
        assert_int_equal(buf_addf(&p, ",\"VARIABLE_%d=something to fill it\"", i), 0);
    assert_int_equal(buf_adds(&p, "]}"), 0);
    assert_int_equal(shim_exec(b.shim, "big", buf_str(&p), false, false, NULL, NULL, &err), 0);
    assert_true(next_event(b.events, SHIM_EVENT_EXEC_EXITED, &ev));
    assert_int_equal(ev.exit_code, 0);
    box_done(&b);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_log_before_exit),
        cmocka_unit_test(test_kill),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_abort),
        cmocka_unit_test(test_abandoned),
        cmocka_unit_test(test_missing_command),
        cmocka_unit_test(test_bad_spec),
        cmocka_unit_test(test_bad_log),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_exec_errors),
        cmocka_unit_test(test_exec_outlives_nothing),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_survives_parent),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_large_message),
    };

    if (argc < 2 || (argc > 2 && geteuid() != 0)) /* real containers need root */
        return 77;
    box_program = argv[1];
    box_real = argc > 2;
    (void)signal(SIGPIPE, SIG_IGN);
    die_in(150);
    return cmocka_run_group_tests(tests, NULL, box_group_teardown);
}
