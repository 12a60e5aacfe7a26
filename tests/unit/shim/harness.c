/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "json/json.h"

#define WAIT_NSEC (20 * NSEC_PER_SEC)

const char *box_program;
bool box_real;
int64_t box_memory_limit;

static const char *const applets[] = {"sh",   "cat",  "echo", "sleep", "true", "head", "yes",
                                      "stty", "kill", "ls",   "dd",    "seq",  "tr",   "wc"};

void die_in(unsigned seconds)
{
    (void)alarm(seconds);
}

static void make_root(struct box *b)
{
    static const char *const dirs[] = {"root",     "root/bin", "root/proc", "root/dev",
                                       "root/sys", "root/tmp", "root/etc"};
    char path[256];

    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", b->dir, dirs[i]);
        assert_int_equal(mkdir(path, 0755), 0);
    }
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(read_file_at(AT_FDCWD, "/bin/busybox", (size_t)8 << 20, &text, &len), 0);
    (void)snprintf(path, sizeof(path), "%s/root/bin/busybox", b->dir);
    assert_int_equal(write_file_at(AT_FDCWD, path, text, len, 0755), 0);
    free(text);
    for (size_t i = 0; i < ARRAY_SIZE(applets); i++) {
        (void)snprintf(path, sizeof(path), "%s/root/bin/%s", b->dir, applets[i]);
        assert_int_equal(symlink("busybox", path), 0);
    }
    (void)snprintf(path, sizeof(path), "%s/root", b->dir);
    b->create.rootfs_fd =
        (int)syscall(SYS_open_tree, AT_FDCWD, path, 1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
    assert_true(b->create.rootfs_fd >= 0);
}

static json_t *process_json(const char *const *args, bool tty)
{
    static const char *const caps[] = {"CAP_KILL", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"};
    static const char *const sets[] = {"bounding", "effective", "permitted"};
    json_t *p = json_object(), *list = json_array(), *user = json_object(), *all = json_object();

    for (; *args; args++)
        (void)json_array_append_new(list, json_string(*args));
    json_set_take(p, "args", list);
    json_set_bool(p, "terminal", tty);
    json_set_take(p, "env", json_pack("[s,s]", "PATH=/usr/local/bin:/usr/bin:/bin", "TERM=xterm"));
    json_set_str(p, "cwd", "/");
    json_set_i64(user, "uid", 0);
    json_set_i64(user, "gid", 0);
    json_set_take(p, "user", user);
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
        json_set_take(all, sets[i], json_array());
        for (size_t c = 0; c < ARRAY_SIZE(caps); c++)
            (void)json_array_append_new(json_object_get(all, sets[i]), json_string(caps[c]));
    }
    json_set_take(p, "capabilities", all);
    return p;
}

static json_t *spec_json(const struct box *b, const char *const *args, bool tty)
{
    static const char *const ns[] = {"pid", "mount", "ipc", "uts", "network"};
    json_t *linux_part = json_object(), *spec = json_object();
    char cgroup[64];

    json_set_str(spec, "ociVersion", "1.0.2");
    json_set_take(spec, "process", process_json(args, tty));
    json_set_take(spec, "root", json_pack("{s:s}", "path", "root"));
    json_set_take(spec, "linux", linux_part);
    if (!box_real)
        return spec;
    json_set_str(spec, "hostname", "box");
    (void)snprintf(cgroup, sizeof(cgroup), "/lighter-test/%s", b->id);
    json_set_str(linux_part, "cgroupsPath", cgroup);
    if (box_memory_limit > 0)
        json_set_take(linux_part, "resources",
                      json_pack("{s:{s:I,s:I}}", "memory", "limit", (json_int_t)box_memory_limit,
                                "swap", (json_int_t)box_memory_limit));
    json_set_take(linux_part, "namespaces", json_array());
    for (size_t i = 0; i < ARRAY_SIZE(ns); i++)
        (void)json_array_append_new(json_object_get(linux_part, "namespaces"),
                                    json_pack("{s:s}", "type", ns[i]));
    json_set_take(spec, "mounts",
                  json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s,s:[s,s]},{s:s,s:s,s:s,s:[s,s,s]}]",
                            "destination", "/proc", "type", "proc", "source", "proc", "destination",
                            "/dev", "type", "tmpfs", "source", "tmpfs", "options", "nosuid",
                            "mode=755", "destination", "/dev/pts", "type", "devpts", "source",
                            "devpts", "options", "newinstance", "ptmxmode=0666", "mode=0620"));
    return spec;
}

void box_init_args(struct box *b, const char *const *args, bool tty)
{
    static int serial;

    *b = (struct box){.client = -1, .events = -1};
    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/test-shim-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    (void)snprintf(b->id, sizeof(b->id), "box-%d-%d", getpid(), serial++);
    (void)snprintf(b->log, sizeof(b->log), "%s/box.log", b->dir);
    b->create = (struct shim_create){
        .id = b->id,
        .dir = b->dir,
        .program = box_program,
        .rootfs_fd = -1,
        .netns_fd = -1,
        .seccomp_fd = -1,
        .tty = tty,
        .log = {.driver = "json-file", .path = b->log, .max_size_bytes = 20 << 20, .max_files = 5}};
    if (box_real)
        make_root(b);
    json_t *spec = spec_json(b, args, tty);
    b->spec = json_print(spec);
    json_decref(spec);
    b->create.spec_json = b->spec;
}

void box_init(struct box *b, const char *script, bool tty)
{
    const char *args[] = {"sh", "-c", script, NULL};

    box_init_args(b, args, tty);
}

int stream_pair(int *ret_theirs)
{
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    *ret_theirs = sv[1];
    return sv[0];
}

void box_attach_first(struct box *b, bool in, bool multiplex)
{
    b->attach[0] = (struct shim_stream){
        .use_stdin = in, .use_stdout = true, .use_stderr = true, .multiplex = multiplex};
    b->client = stream_pair(&b->attach[0].fd);
    b->create.attach = b->attach;
    b->create.n_attach = 1;
}

void box_spawn(struct box *b)
{
    struct err err = {};
    int r = shim_spawn(&b->create, &b->shim, &b->pid, &b->shim_pid, &err);

    if (r < 0)
        print_error("shim_spawn: %s\n", err.message);
    assert_int_equal(r, 0);
    assert_true(b->pid > 0 && b->shim_pid > 0);
}

void box_start(struct box *b)
{
    struct err err = {};
    struct shim_event ev;

    assert_int_equal(shim_subscribe(b->shim, &b->events, &err), 0);
    assert_int_equal(shim_read_event(b->events, &ev, &err), 1);
    assert_int_equal(ev.kind, SHIM_EVENT_STATE);
    assert_false(ev.state.started);
    int r = shim_start(b->shim, NULL, &err);
    if (r < 0)
        print_error("shim_start: %s\n", err.message);
    assert_int_equal(r, 0);
    assert_int_equal(shim_read_event(b->events, &ev, &err), 1);
    assert_int_equal(ev.kind, SHIM_EVENT_STARTED);
}

bool next_event(int fd, enum shim_event_kind kind, struct shim_event *ret)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct err err = {};

    for (;;) {
        assert_int_equal(poll(&p, 1, (int)(WAIT_NSEC / NSEC_PER_MSEC)), 1);
        int r = shim_read_event(fd, ret, &err);
        assert_true(r >= 0);
        if (r == 0)
            return false;
        if (ret->kind == kind)
            return true;
    }
}

static void wait_shim(struct box *b)
{
    int64_t until = monotonic_nsec() + WAIT_NSEC;
    int status;

    while (waitpid(b->shim_pid, &status, WNOHANG) == 0) {
        assert_true(monotonic_nsec() < until);
        (void)usleep(1000);
    }
    b->shim_pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int box_wait(struct box *b)
{
    struct shim_event ev;
    struct shim_state st;
    struct err err = {};
    _cleanup_free_ char *sock = xasprintf("%s/shim.sock", b->dir);

    assert_true(next_event(b->events, SHIM_EVENT_EXITED, &ev));
    assert_int_equal(shim_read_exit(b->dir, &st, &err), 0);
    assert_int_equal(st.exit_code, ev.state.exit_code);
    assert_int_equal(st.exited_nsec, ev.state.exited_nsec);
    assert_int_equal(st.started_nsec, ev.state.started_nsec);
    assert_false(shim_alive(b->dir));
    assert_int_not_equal(access(sock, F_OK), 0);
    b->client = close_fd(b->client);
    wait_shim(b);
    return ev.state.exit_code;
}

void box_done(struct box *b)
{
    b->client = close_fd(b->client);
    if (b->shim_pid > 0) {
        (void)shim_kill(b->shim, SIGKILL, NULL);
        (void)shim_abort(b->shim, NULL);
        wait_shim(b);
    }
    close_fd(b->events);
    close_fd(b->create.rootfs_fd);
    _cleanup_free_ char *shim_log = xasprintf("%s/shim.log", b->dir);
    _cleanup_free_ char *said = file_text(shim_log);
    assert_string_equal(said, "");
    if (b->pid > 0)
        assert_int_equal(kill(b->pid, 0) == 0 ? 0 : errno, ESRCH);
    shim_free(b->shim);
    free(b->spec);
    assert_int_equal(rm_rf_at(AT_FDCWD, b->dir), 0);
}

int box_group_teardown(void **state)
{
    glob_t g = {};
    int left = 0;

    if (!box_real)
        return 0;
    (void)glob("/sys/fs/cgroup/lighter-test", 0, NULL, &g);
    (void)glob("/sys/fs/cgroup/*/lighter-test", GLOB_APPEND, NULL, &g);
    for (size_t i = 0; i < g.gl_pathc; i++)
        if (rmdir(g.gl_pathv[i]) < 0 && errno == EBUSY)
            left = -1;
    globfree(&g);
    return left;
}

int box_exec(struct box *b, const char *id, const char *script, bool tty, bool in, int *ret_fd,
             struct err *err)
{
    const char *args[] = {"sh", "-c", script, NULL};
    json_t *p = process_json(args, tty);
    _cleanup_free_ char *text = json_print(p);
    struct shim_stream st = {
        .fd = -1, .use_stdin = in, .use_stdout = true, .use_stderr = true, .multiplex = !tty};

    json_decref(p);
    if (ret_fd)
        *ret_fd = stream_pair(&st.fd);
    return shim_exec(b->shim, id, text, tty, in, ret_fd ? &st : NULL, NULL, err);
}

void read_until(int fd, struct buf *b, const char *want)
{
    int64_t until = monotonic_nsec() + WAIT_NSEC;
    char chunk[65536];

    for (;;) {
        if (want && b->len > 0 && memmem(b->data, b->len, want, strlen(want)))
            return;
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int left = (int)((until - monotonic_nsec()) / NSEC_PER_MSEC);
        if (poll(&p, 1, MAX(left, 0)) != 1)
            fail_msg("no \"%s\" in \"%.200s\"", want ? want : "<end of file>", buf_str(b));
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0)
            fail_msg("read: %s", errno_text(errno));
        if (n == 0) {
            if (want)
                fail_msg("end of file before \"%s\"", want);
            return;
        }
        assert_int_equal(buf_add(b, chunk, (size_t)n), 0);
    }
}

char *file_text(const char *path)
{
    char *text = NULL;

    if (read_file_at(AT_FDCWD, path, (size_t)256 << 20, &text, NULL) < 0)
        return xstrdup("");
    return text;
}

void demultiplex(const struct buf *in, struct buf *out, struct buf *errs)
{
    const unsigned char *p = (const unsigned char *)in->data;
    size_t left = in->len;

    while (left > 0) {
        assert_true(left >= 8);
        size_t len = (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7];
        assert_true(p[0] == 1 || p[0] == 2);
        assert_int_equal(p[1] | p[2] | p[3], 0);
        assert_true(left >= 8 + len);
        assert_int_equal(buf_add(p[0] == 1 ? out : errs, p + 8, len), 0);
        p += 8 + len;
        left -= 8 + len;
    }
}
