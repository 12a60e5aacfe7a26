/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/timeutil.h"
#include "http/conn.h"

#define MAX_LISTENERS         32
#define ACCEPT_PAUSE_MSEC     100  /* when descriptors or threads have run out */
#define STOP_FORCED_WAIT_MSEC 1000 /* for handlers whose client was cut off */

#ifdef __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if SANITIZED
#define CONN_STACK_BYTES (1 * MIB) /* frames are several times as large */
#else
#define CONN_STACK_BYTES (256 * KIB)
#endif

struct http_server {
    atomic_int refs;
    http_handler_fn handler;
    void *ctx; /* borrowed */
    size_t max_connections;
    int head_timeout_msec;
    int wake_fd; /* eventfd that ends http_server_run() */
    atomic_bool stopping;
    int listeners[MAX_LISTENERS]; /* owned */
    size_t n_listeners;
    pthread_mutex_t mutex; /* over what follows, and the shared part of connections */
    pthread_cond_t ended;  /* a connection went */
    struct http_conn *conns;
    size_t n_conns;
};

struct http_server *http_server_new(http_handler_fn handler, void *ctx, size_t max_connections)
{
    struct http_server *s = XNEW(struct http_server);
    pthread_condattr_t attr;

    s->refs = 1;
    s->handler = handler;
    s->ctx = ctx;
    s->max_connections = max_connections;
    s->head_timeout_msec = HTTP_HEAD_TIMEOUT_MSEC;
    s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->ended, &attr);
    (void)pthread_condattr_destroy(&attr);
    return s;
}

static void server_unref(struct http_server *s)
{
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    for (size_t i = 0; i < s->n_listeners; i++)
        close_fd(s->listeners[i]);
    if (s->wake_fd >= 0)
        close_fd(s->wake_fd);
    (void)pthread_cond_destroy(&s->ended);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
}

void http_server_free(struct http_server *s)
{
    if (s)
        server_unref(s);
}

void http_server_set_head_timeout(struct http_server *s, int msec)
{
    s->head_timeout_msec = msec;
}

void http_server_add_listener(struct http_server *s, int listen_fd)
{
    if (s->n_listeners == MAX_LISTENERS) {
        log_error("more than %d listening sockets: one is ignored", MAX_LISTENERS);
        close_fd(listen_fd);
        return;
    }
    (void)fd_set_nonblock(listen_fd, true);
    s->listeners[s->n_listeners++] = listen_fd;
}

/* --- what connections need --- */

void http_conn_set_idle(struct http_conn *c, bool idle)
{
    LOCK_SCOPE(&c->server->mutex);
    c->idle_since = idle ? monotonic_nsec() : 0;
}

bool http_conn_stopping(struct http_conn *c)
{
    return atomic_load(&c->server->stopping);
}

int http_conn_head_timeout(const struct http_conn *c)
{
    return c->server->head_timeout_msec;
}

int http_conn_take_fd(struct http_conn *c)
{
    LOCK_SCOPE(&c->server->mutex);
    return TAKE_FD(c->fd);
}

void http_conn_handle(struct http_conn *c, struct http_request *rq)
{
    c->server->handler(rq, c->server->ctx);
}

void http_conn_end(struct http_conn *c)
{
    struct http_server *s = c->server;
    int fd;

    (void)pthread_mutex_lock(&s->mutex);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->n_conns--;
    fd = TAKE_FD(c->fd);
    (void)pthread_cond_broadcast(&s->ended);
    (void)pthread_mutex_unlock(&s->mutex);
    if (fd >= 0)
        close_fd(fd);
    buf_done(&c->in);
    free(c);
    server_unref(s);
}

/* --- accepting --- */

static void set_up_peer(struct http_conn *c)
{
    struct timeval tv = {.tv_sec = HTTP_SEND_TIMEOUT_SEC};
    struct ucred cred;
    int family = AF_UNSPEC;
    int on = 1;
    socklen_t len = sizeof(family);

    (void)getsockopt(c->fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
    c->local = family == AF_UNIX;
    c->peer_uid = (uid_t)-1;
    len = sizeof(cred);
    if (c->local && getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
        c->peer_uid = cred.uid;
        c->peer_pid = cred.pid;
    }
    if (!c->local) {
        (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

/* At the ceiling, the connection that has been idle longest makes room. False when none is idle. */
static bool evict_idle(struct http_server *s)
{
    struct http_conn *oldest = NULL;

    for (struct http_conn *c = s->conns; c; c = c->next)
        if (c->idle_since != 0 && (!oldest || c->idle_since < oldest->idle_since))
            oldest = c;
    if (!oldest)
        return false;
    oldest->idle_since = 0;
    (void)shutdown(oldest->fd, SHUT_RDWR);
    return true;
}

static void refuse(int fd)
{
    static const char text[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
        "Content-Length: 36\r\nConnection: close\r\n\r\n"
        "{\"message\":\"too many connections\"}\r\n";

    (void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_RDWR);
    close_fd(fd);
}

static bool link_conn(struct http_server *s, struct http_conn *c)
{
    LOCK_SCOPE(&s->mutex);
    if (s->n_conns >= s->max_connections && !evict_idle(s))
        return false;
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->n_conns++;
    return true;
}

/* A linked connection, which holds the server; NULL when it was refused. */
static struct http_conn *conn_new(struct http_server *s, int fd)
{
    struct http_conn *c = XNEW(struct http_conn);

    c->server = s;
    c->fd = fd;
    c->in = BUF_INIT(LIMIT_HTTP_HEADER_BYTES + 2 * HTTP_READ_BYTES);
    set_up_peer(c);
    if (!link_conn(s, c)) {
        free(c);
        refuse(fd);
        return NULL;
    }
    atomic_fetch_add(&s->refs, 1);
    return c;
}

void http_server_serve_fd(struct http_server *s, int fd)
{
    struct http_conn *c = conn_new(s, fd);

    if (c)
        (void)http_conn_main(c);
}

static int start_conn(struct http_server *s, int fd)
{
    struct http_conn *c = conn_new(s, fd);

    if (!c)
        return 0;
    int r = thread_spawn_detached("http-conn", CONN_STACK_BYTES, http_conn_main, c);
    if (r < 0)
        http_conn_end(c);
    return r;
}

/* False when accepting should pause. */
static bool accept_one(struct http_server *s, int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS;
    int r = start_conn(s, fd);
    if (r < 0)
        log_error("cannot serve a connection: %s", errno_text(r));
    return r == 0;
}

static void close_listeners(struct http_server *s)
{
    for (size_t i = 0; i < s->n_listeners; i++)
        close_fd(s->listeners[i]);
    s->n_listeners = 0;
}

int http_server_run(struct http_server *s, struct err *err)
{
    struct pollfd p[MAX_LISTENERS + 1];

    if (s->wake_fd < 0)
        return err_set(err, ERR_INTERNAL, "cannot create an event descriptor");
    p[0] = (struct pollfd){.fd = s->wake_fd, .events = POLLIN};
    for (size_t i = 0; i < s->n_listeners; i++)
        p[i + 1] = (struct pollfd){.fd = s->listeners[i], .events = POLLIN};
    while (!atomic_load(&s->stopping)) {
        int r = poll(p, s->n_listeners + 1, -1);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_errno(err, errno, "wait for connections");
        bool pause = false;
        for (size_t i = 0; i < s->n_listeners; i++)
            if (p[i + 1].revents && !accept_one(s, p[i + 1].fd))
                pause = true;
        if (pause)
            (void)poll(p, 1, ACCEPT_PAUSE_MSEC);
    }
    close_listeners(s);
    return 0;
}

/* --- stopping --- */

/* Waits until no connection is left, at most msec. The mutex is held. */
static bool wait_for_conns(struct http_server *s, int msec)
{
    struct timespec ts;
    int64_t at = monotonic_nsec() + msec * NSEC_PER_MSEC;

    ts.tv_sec = (time_t)(at / NSEC_PER_SEC);
    ts.tv_nsec = (long)(at % NSEC_PER_SEC);
    while (s->n_conns > 0)
        if (pthread_cond_timedwait(&s->ended, &s->mutex, &ts) == ETIMEDOUT)
            return s->n_conns == 0;
    return true;
}

static void shut_down_conns(struct http_server *s, int how)
{
    for (struct http_conn *c = s->conns; c; c = c->next)
        if (c->fd >= 0)
            (void)shutdown(c->fd, how);
}

bool http_server_stop(struct http_server *s, int timeout_msec)
{
    uint64_t one = 1;

    atomic_store(&s->stopping, true);
    (void)!write(s->wake_fd, &one, sizeof(one));
    LOCK_SCOPE(&s->mutex);
    shut_down_conns(s, SHUT_RD);
    if (wait_for_conns(s, timeout_msec))
        return true;
    shut_down_conns(s, SHUT_RDWR);
    return wait_for_conns(s, STOP_FORCED_WAIT_MSEC);
}
