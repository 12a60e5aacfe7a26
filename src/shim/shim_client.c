/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/shim_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "shim/client_internal.h"
#include "shim/detach.h"

struct shim *shim_new(const char *id, const char *dir)
{
    struct shim *s = XNEW(struct shim);

    s->id = xstrdup(id);
    s->dir = xstrdup(dir);
    return s;
}

void shim_free(struct shim *s)
{
    if (!s)
        return;
    free(s->id);
    free(s->dir);
    free(s);
}

static int wait_readable(int sock, int timeout_msec)
{
    struct pollfd p = {.fd = sock, .events = POLLIN};
    int64_t until = monotonic_nsec() + timeout_msec * NSEC_PER_MSEC;

    for (;;) {
        int64_t left = (until - monotonic_nsec()) / NSEC_PER_MSEC;
        int n = poll(&p, 1, (int)MAX(left, INT64_C(0)));
        if (n > 0)
            return 0;
        if (n == 0)
            return -ETIMEDOUT;
        if (errno != EINTR)
            return -errno;
    }
}

int shim_await(int sock, const char *id, int timeout_msec, struct shim_msg *ret, struct err *err)
{
    struct shim_msg m = {};
    int r = wait_readable(sock, timeout_msec);

    if (r == -ETIMEDOUT)
        return err_set(err, ERR_UNAVAILABLE,
                       "the shim of container %s does not answer (waited %d seconds)", id,
                       timeout_msec / 1000);
    if (r == 0)
        r = shim_msg_recv(sock, &m, err);
    if (r == 0 || r == -ECONNRESET)
        return err_set(err, ERR_UNAVAILABLE, "the shim of container %s ended without an answer",
                       id);
    if (r < 0) {
        err_wrap(err, "shim of container %s", id);
        return r;
    }
    if (str_eq(m.type, "error")) {
        r = shim_msg_error(&m, err);
        shim_msg_done(&m);
        return r;
    }
    *ret = m;
    return 0;
}

static int connect_dir(const char *id, const char *dir, int *ret, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/" SHIM_SOCKET, dir);
    int fd = unix_connect(path, SOCK_SEQPACKET);

    if (fd == -ENOENT || fd == -ECONNREFUSED || fd == -ENOTDIR)
        return err_set(err, ERR_NOT_FOUND, "container %s has no running shim", id);
    if (fd < 0)
        return err_errno(err, fd, "connect to the shim of container %s", id);
    struct timeval tv = {.tv_sec = SHIM_REQUEST_TIMEOUT_MSEC / 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
    *ret = fd;
    return 0;
}

/* One request and its answer on a connection of its own. */
static int transact(struct shim *s, const struct shim_out *o, int timeout_msec,
                    struct shim_msg *ret, struct err *err)
{
    _cleanup_close_ int fd = -1;
    int r = connect_dir(s->id, s->dir, &fd, err);

    if (r < 0)
        return r;
    r = shim_out_send(o, fd);
    if (r == -EAGAIN)
        return err_set(err, ERR_UNAVAILABLE, "the shim of container %s does not take requests",
                       s->id);
    /* An answer may be there although the request was not taken whole: refusals come early. */
    if (r < 0 && r != -EPIPE)
        return err_errno(err, r, "send to the shim of container %s", s->id);
    return shim_await(fd, s->id, timeout_msec, ret, err);
}

static int simple_request(struct shim *s, struct shim_out *o, struct err *err)
{
    struct shim_msg m = {};
    int r = transact(s, o, SHIM_REQUEST_TIMEOUT_MSEC, &m, err);

    shim_msg_done(&m);
    shim_out_done(o);
    return r;
}

int shim_connect(const char *id, const char *dir, struct shim **ret, struct err *err)
{
    _cleanup_close_ int fd = -1;
    int r = connect_dir(id, dir, &fd, err);

    if (r < 0)
        return r;
    *ret = shim_new(id, dir);
    return 0;
}

bool shim_alive(const char *dir)
{
    int fd = -1;

    if (connect_dir("", dir, &fd, NULL) < 0)
        return false;
    close_fd(fd);
    return true;
}

int shim_abort(struct shim *s, struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "abort");
    return simple_request(s, &o, err);
}

int shim_start(struct shim *s, int64_t *ret_started_nsec, struct err *err)
{
    struct shim_out o;
    struct shim_msg m = {};

    shim_out_init(&o, "start");
    int r = transact(s, &o, SHIM_CREATE_TIMEOUT_MSEC, &m, err);
    shim_out_done(&o);
    if (r < 0)
        return r;
    if (ret_started_nsec)
        *ret_started_nsec = json_i64_or(m.body, "time", 0);
    shim_msg_done(&m);
    return 0;
}

void shim_stream_close(struct shim_stream *stream)
{
    if (stream)
        stream->fd = close_fd(stream->fd);
}

int shim_add_stream(struct shim_out *o, json_t *streams, const struct shim_stream *stream,
                    int *ret_memfd, struct err *err)
{
    json_t *j = json_object();

    json_set_bool(j, "stdin", stream->use_stdin);
    json_set_bool(j, "stdout", stream->use_stdout);
    json_set_bool(j, "stderr", stream->use_stderr);
    json_set_bool(j, "multiplex", stream->multiplex);
    if (!str_empty(stream->detach_keys))
        json_set_str(j, "detachKeys", stream->detach_keys);
    (void)json_array_append_new(streams, j);
    shim_out_fd(o, "stream", stream->fd);
    if (stream->preread_len == 0)
        return 0;
    int fd = memfd_sealed("lighter-preread", stream->preread, stream->preread_len);
    if (fd < 0)
        return err_errno(err, fd, "hand over a client's first bytes");
    json_set_bool(j, "preread", true);
    shim_out_fd(o, "preread", fd);
    *ret_memfd = fd;
    return 0;
}

int shim_attach(struct shim *s, struct shim_stream *stream, struct err *err)
{
    struct shim_out o;
    _cleanup_close_ int preread = -1;

    shim_out_init(&o, "attach");
    json_set_take(o.body, "streams", json_array());
    int r = shim_add_stream(&o, json_object_get(o.body, "streams"), stream, &preread, err);
    if (r == 0)
        r = simple_request(s, &o, err);
    else
        shim_out_done(&o);
    shim_stream_close(stream);
    return r;
}

static int exec_request(struct shim *s, struct shim_out *o, const char *process_json,
                        const struct shim_stream *stream, pid_t *ret_pid, struct err *err)
{
    _cleanup_close_ int preread = -1;
    struct shim_msg m = {};
    json_t *process = json_parse(process_json, strlen(process_json), "process", err);

    if (!process)
        return -EINVAL;
    json_set_take(o->body, "process", process);
    if (stream) {
        json_set_take(o->body, "streams", json_array());
        int r = shim_add_stream(o, json_object_get(o->body, "streams"), stream, &preread, err);
        if (r < 0)
            return r;
    }
    int r = transact(s, o, SHIM_CREATE_TIMEOUT_MSEC, &m, err);
    if (r < 0)
        return r;
    if (ret_pid)
        *ret_pid = (pid_t)json_i64_or(m.body, "pid", 0);
    shim_msg_done(&m);
    return 0;
}

int shim_exec(struct shim *s, const char *exec_id, const char *process_json, bool tty,
              bool open_stdin, struct shim_stream *stream, pid_t *ret_pid, struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "exec");
    json_set_str(o.body, "execId", exec_id);
    json_set_bool(o.body, "tty", tty);
    json_set_bool(o.body, "openStdin", open_stdin);
    int r = exec_request(s, &o, process_json, stream, ret_pid, err);
    shim_out_done(&o);
    shim_stream_close(stream);
    return r;
}

int shim_exec_state(struct shim *s, const char *exec_id, struct shim_exec_state *ret,
                    struct err *err)
{
    struct shim_out o;
    struct shim_msg m = {};

    shim_out_init(&o, "exec-state");
    json_set_str(o.body, "execId", exec_id);
    int r = transact(s, &o, SHIM_REQUEST_TIMEOUT_MSEC, &m, err);
    shim_out_done(&o);
    if (r < 0)
        return r;
    *ret = (struct shim_exec_state){.running = json_bool_or(m.body, "running", false),
                                    .exit_code = (int)json_i64_or(m.body, "exitCode", 0),
                                    .pid = (pid_t)json_i64_or(m.body, "pid", 0)};
    shim_msg_done(&m);
    return 0;
}

int shim_resize(struct shim *s, const char *exec_id, uint16_t rows, uint16_t cols, struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "resize");
    if (exec_id)
        json_set_str(o.body, "execId", exec_id);
    json_set_i64(o.body, "rows", rows);
    json_set_i64(o.body, "cols", cols);
    return simple_request(s, &o, err);
}

int shim_kill(struct shim *s, int signo, struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "kill");
    json_set_i64(o.body, "signal", signo);
    int r = simple_request(s, &o, err);
    /* A shim that is gone is a container that has ended. */
    if (r < 0 && err && err->kind == ERR_NOT_FOUND)
        return err_set(err, ERR_CONFLICT, "container %s is not running", s->id);
    return r;
}

int shim_pause(struct shim *s, struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "pause");
    return simple_request(s, &o, err);
}

int shim_update(struct shim *s, json_t *resources, struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "update");
    json_set_take(o.body, "resources", json_incref(resources));
    return simple_request(s, &o, err);
}

int shim_resume(struct shim *s, struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "resume");
    return simple_request(s, &o, err);
}

int shim_get_state(struct shim *s, struct shim_state *ret, struct err *err)
{
    struct shim_out o;
    struct shim_msg m = {};

    shim_out_init(&o, "state");
    int r = transact(s, &o, SHIM_REQUEST_TIMEOUT_MSEC, &m, err);
    shim_out_done(&o);
    if (r < 0)
        return r;
    shim_state_read(m.body, ret);
    shim_msg_done(&m);
    return 0;
}

int shim_subscribe(struct shim *s, int *ret_fd, struct err *err)
{
    struct shim_out o;
    _cleanup_close_ int fd = -1;
    int r = connect_dir(s->id, s->dir, &fd, err);

    if (r < 0)
        return r;
    shim_out_init(&o, "subscribe");
    r = shim_out_send(&o, fd);
    shim_out_done(&o);
    if (r < 0)
        return err_errno(err, r, "send to the shim of container %s", s->id);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int shim_check_detach_keys(const char *keys, struct err *err)
{
    struct detach parsed;

    if (detach_parse(keys, &parsed, NULL) < 0)
        return err_set(err, ERR_INVALID, "Invalid escape keys (%s) provided", keys);
    return 0;
}
