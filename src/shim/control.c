/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The control socket: connections, requests, subscribers. A request that cannot be understood gets
 * an error and costs nobody else anything. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "shim/server.h"

#define QUEUE_MAX 1024 /* messages that a subscriber may leave unread, besides the socket's own */

struct queued {
    struct queued *next;
    struct shim_out out;
};

struct connection {
    struct connection *next;
    struct server *server;
    int fd; /* owned */
    struct loop_source src;
    bool subscribed;
    bool broken; /* to be freed by whoever walks the list */
    struct queued *queue, **queue_tail;
    size_t n_queued;
};

static void connection_free(struct connection *c)
{
    struct server *s = c->server;

    for (struct connection **p = &s->connections; *p; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            break;
        }
    }
    s->n_connections--;
    s->last_contact_nsec = monotonic_nsec();
    loop_unwatch(&s->loop, &c->src);
    close_fd(c->fd);
    while (c->queue) {
        struct queued *q = c->queue;
        c->queue = q->next;
        shim_out_done(&q->out);
        free(q);
    }
    free(c);
}

/* Sends what is queued; false when the connection is broken. */
static bool flush_queue(struct connection *c)
{
    while (c->queue) {
        struct queued *q = c->queue;
        int r = shim_out_send(&q->out, c->fd);
        if (r == -EAGAIN)
            return true;
        if (r < 0)
            return false;
        c->queue = q->next;
        if (!c->queue)
            c->queue_tail = &c->queue;
        c->n_queued--;
        shim_out_done(&q->out);
        free(q);
    }
    return loop_watch(&c->server->loop, &c->src, EPOLLIN) == 0;
}

bool control_send(struct connection *c, struct shim_out *o)
{
    int r = c->queue ? -EAGAIN : shim_out_send(o, c->fd);

    if (r == -EAGAIN && c->n_queued < QUEUE_MAX &&
        loop_watch(&c->server->loop, &c->src, EPOLLIN | EPOLLOUT) == 0) {
        struct queued *q = XNEW(struct queued);
        q->out = *o;
        *c->queue_tail = q;
        c->queue_tail = &q->next;
        c->n_queued++;
        return true;
    }
    shim_out_done(o);
    if (r < 0)
        c->broken = true;
    return r == 0;
}

void control_broadcast(struct server *s, struct shim_out *o)
{
    for (struct connection *c = s->connections, *next; c; c = next) {
        next = c->next;
        if (!c->subscribed || c->broken)
            continue;
        struct shim_out copy = {.body = json_incref(o->body)};
        /* A broken one is not freed here: this may run inside its own request. */
        if (!control_send(c, &copy))
            (void)shutdown(c->fd, SHUT_RDWR);
    }
    shim_out_done(o);
}

int control_attach(struct proc_io *io, struct request_stream *stream, struct err *err)
{
    struct stat st;
    _cleanup_free_ char *preread = NULL;
    size_t len = 0;

    if (stream->preread_fd >= 0) {
        if (fstat(stream->preread_fd, &st) < 0 || !S_ISREG(st.st_mode))
            return err_set(err, ERR_INVALID, "a stream's first bytes are not a file");
        int r = read_fd(stream->preread_fd, LIMIT_HTTP_HEADER_BYTES + 1, &preread, &len);
        if (r < 0)
            return err_errno(err, r, "read a stream's first bytes");
    }
    struct proc_io_attach_params params = {.use_stdin = stream->use_stdin,
                                           .use_stdout = stream->use_stdout,
                                           .use_stderr = stream->use_stderr,
                                           .multiplex = stream->multiplex,
                                           .detach_keys = stream->detach_keys,
                                           .preread = preread,
                                           .preread_len = len};
    params.fd = TAKE_FD(stream->fd);
    return proc_io_attach(io, &params, err);
}

static int do_resize(struct server *s, const struct request *r, struct err *err)
{
    struct proc_io *io = s->io;

    if (r->exec_id) {
        const struct exec *e = exec_find(s, r->exec_id);
        if (!e)
            return err_set(err, ERR_NOT_FOUND, "No such exec instance: %s", r->exec_id);
        io = e->io;
    }
    if (!io)
        return 0;
    int ret = proc_io_resize(io, r->rows, r->cols);
    return ret < 0 ? err_errno(err, ret, "resize the terminal") : 0;
}

static int do_kill(struct server *s, const struct request *r, struct err *err)
{
    if (s->init_reaped || s->phase >= PHASE_ENDING)
        return err_set(err, ERR_CONFLICT, "container %s is not running", s->id);
    int ret = runtime_kill(s->container, r->signo, false);
    if (ret == -ESRCH)
        return err_set(err, ERR_CONFLICT, "container %s is not running", s->id);
    if (ret < 0)
        return err_errno(err, ret, "signal container %s", s->id);
    /* A frozen process does not die before it thaws. */
    if (r->signo == SIGKILL && s->state.paused && runtime_resume(s->container, NULL) == 0)
        s->state.paused = false;
    return 0;
}

static int do_pause(struct server *s, bool pause, struct err *err)
{
    if (s->phase != PHASE_RUNNING)
        return err_set(err, ERR_CONFLICT, "container %s is not running", s->id);
    int r = pause ? runtime_pause(s->container, err) : runtime_resume(s->container, err);
    if (r == 0)
        s->state.paused = pause;
    return r;
}

static int do_update(struct server *s, const struct request *r, struct err *err)
{
    struct oci_resources res;

    if (s->phase != PHASE_RUNNING)
        return err_set(err, ERR_CONFLICT, "container %s is not running", s->id);
    int ret = oci_resources_parse(r->resources, &res, err);
    if (ret < 0)
        return ret;
    ret = runtime_update(s->container, &res, err);
    oci_resources_done(&res);
    return ret;
}

static int do_exec(struct server *s, struct request *r, struct shim_out *answer, struct err *err)
{
    struct exec *e;
    int ret = exec_start(s, r, &e, err);

    if (ret == 0)
        json_set_i64(answer->body, "pid", e->pid);
    return ret;
}

static int do_exec_state(struct server *s, const struct request *r, struct shim_out *answer,
                         struct err *err)
{
    const struct exec *e = exec_find(s, r->exec_id);

    if (!e)
        return err_set(err, ERR_NOT_FOUND, "No such exec instance: %s", r->exec_id);
    json_set_bool(answer->body, "running", e->running);
    json_set_i64(answer->body, "exitCode", e->exit_code);
    json_set_i64(answer->body, "pid", e->pid);
    return 0;
}

static int do_request(struct server *s, struct request *r, struct shim_out *answer, struct err *err)
{
    int ret;

    switch (r->type) {
    case REQUEST_CREATE:
        return err_set(err, ERR_CONFLICT, "container %s is created already", s->id);
    case REQUEST_START:
        ret = server_start(s, err);
        json_set_i64(answer->body, "time", s->state.started_nsec);
        return ret;
    case REQUEST_ATTACH:
        if (s->phase > PHASE_RUNNING)
            return err_set(err, ERR_CONFLICT, "container %s is not running", s->id);
        return control_attach(s->io, &r->streams[0], err);
    case REQUEST_EXEC:
        return do_exec(s, r, answer, err);
    case REQUEST_EXEC_STATE:
        return do_exec_state(s, r, answer, err);
    case REQUEST_RESIZE:
        return do_resize(s, r, err);
    case REQUEST_KILL:
        return do_kill(s, r, err);
    case REQUEST_PAUSE:
    case REQUEST_RESUME:
        return do_pause(s, r->type == REQUEST_PAUSE, err);
    case REQUEST_UPDATE:
        return do_update(s, r, err);
    case REQUEST_STATE:
        event_fill_state(s, answer->body);
        return 0;
    case REQUEST_ABORT:
        return server_abort(s, err);
    case REQUEST_SUBSCRIBE:
        break;
    }
    return 0;
}

static void fill_error(struct shim_out *o, const struct err *err)
{
    json_set_str(o->body, "type", "error");
    json_set_str(o->body, "kind", shim_kind_name(err->kind));
    json_set_i64(o->body, "errno", err->code);
    json_set_str(o->body, "message", err->message);
}

/* Handles one message; false when the connection is to be closed. */
static bool handle(struct connection *c, struct shim_msg *m, int r, struct err *err)
{
    struct server *s = c->server;
    struct request req = {};
    struct shim_out answer;

    shim_out_init(&answer, "ok");
    if (r > 0) {
        r = request_parse(m, &req, err);
        if (r == 0 && req.type == REQUEST_SUBSCRIBE) {
            shim_out_done(&answer);
            request_done(&req);
            c->subscribed = true;
            event_replay(s, c);
            return !c->broken;
        }
        if (r == 0)
            r = do_request(s, &req, &answer, err);
        request_done(&req);
    }
    if (r < 0)
        fill_error(&answer, err);
    return control_send(c, &answer) && !c->broken;
}

static void connection_ready(struct loop_source *src, uint32_t events)
{
    struct connection *c = src->owner;
    struct shim_msg m = {};
    struct err err = {};

    if ((events & EPOLLOUT) && !flush_queue(c)) {
        connection_free(c);
        return;
    }
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    int r = shim_msg_recv(c->fd, &m, &err);
    if (r == -EAGAIN || r == -EINTR)
        return;
    if (r == 0 || (r < 0 && r != -EINVAL)) {
        connection_free(c);
        return;
    }
    bool stays = handle(c, &m, r, &err);
    shim_msg_done(&m);
    if (!stays)
        connection_free(c);
}

static bool peer_allowed(int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return false;
    return cred.uid == 0 || cred.uid == geteuid();
}

static void listener_ready(struct loop_source *src, uint32_t events)
{
    struct server *s = src->owner;
    _cleanup_close_ int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0 || s->n_connections >= SERVER_MAX_CONNECTIONS || !peer_allowed(fd))
        return;
    struct connection *c = XNEW(struct connection);
    c->server = s;
    c->fd = TAKE_FD(fd);
    c->queue_tail = &c->queue;
    c->src = (struct loop_source){.fd = c->fd, .fn = connection_ready, .owner = c};
    c->next = s->connections;
    s->connections = c;
    s->n_connections++;
    s->last_contact_nsec = monotonic_nsec();
    if (loop_watch(&s->loop, &c->src, EPOLLIN) < 0)
        connection_free(c);
    else
        connection_ready(&c->src, EPOLLIN); /* the request is usually there by now */
}

int control_listen(struct server *s, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/" SHIM_SOCKET, s->dir);

    s->listen_fd = unix_listen(path, SOCK_SEQPACKET, 0600);
    if (s->listen_fd < 0)
        return err_errno(err, s->listen_fd, "listen on %s", path);
    (void)fd_set_nonblock(s->listen_fd, true);
    s->listen_src = (struct loop_source){.fd = s->listen_fd, .fn = listener_ready, .owner = s};
    int r = loop_watch(&s->loop, &s->listen_src, EPOLLIN);
    return r < 0 ? err_errno(err, r, "listen on %s", path) : 0;
}

void control_close(struct server *s)
{
    if (s->listen_fd < 0)
        return;
    (void)unlinkat(s->dir_fd, SHIM_SOCKET, 0);
    loop_unwatch(&s->loop, &s->listen_src);
    s->listen_fd = close_fd(s->listen_fd);
}

void control_done(struct server *s)
{
    control_close(s);
    while (s->connections)
        connection_free(s->connections);
}
