/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Clients attached to a process's streams. What happens at the end of a client's input follows
 * Docker: with a terminal, or when its end does not close the program's stdin, the client is done.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/timeutil.h"
#include "shim/proc_io.h"

/* After the end of the process: a client that takes nothing for so long is given up. */
#define STALL_NSEC   (10 * NSEC_PER_SEC)
#define INPUT_CHUNK  8192
#define LINGER_BYTES (256 * 1024) /* unread input that is thrown away before closing */

struct proc_io_client {
    struct proc_io *io;
    struct proc_io_client *next;
    int fd; /* owned */
    struct loop_source src;
    bool takes[2];
    bool has_stdin; /* its input is still read */
    bool multiplex;
    bool hung_up; /* gone, but input it sent before is still to be read */
    bool closing; /* to be closed once `pending` is through */
    struct detach detach;
    char *pending; /* owned; output it has not taken yet */
    size_t len, off;
    int64_t progress_nsec;
};

static void client_ready(struct loop_source *src, uint32_t events);

/* Ends the connection so that the peer reads all we sent and then end of file: input left unread
 * would make the kernel reset the connection instead. */
static void close_connection(int fd)
{
    char junk[4096];

    (void)shutdown(fd, SHUT_RDWR);
    for (size_t n = 0; n < LINGER_BYTES; n += sizeof(junk))
        if (recv(fd, junk, sizeof(junk), MSG_DONTWAIT) <= 0)
            break;
    close_fd(fd);
}

static void client_free(struct proc_io_client *c)
{
    struct proc_io *io = c->io;

    for (struct proc_io_client **p = &io->clients; *p; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            break;
        }
    }
    io->n_clients--;
    loop_unwatch(io->loop, &c->src);
    close_connection(c->fd);
    free(c->pending);
    free(c);
}

/* Takes a client out because it left, or because we are done with it. */
static void client_drop(struct proc_io_client *c)
{
    struct proc_io *io = c->io;
    bool had_stdin = c->has_stdin;

    client_free(c);
    if (had_stdin)
        proc_io_feed_eof(io);
    proc_io_update(io);
    if (io->ending)
        proc_io_kick(io);
}

void proc_io_clients_free(struct proc_io *io)
{
    while (io->clients)
        client_free(io->clients);
}

bool proc_io_clients_blocked(const struct proc_io *io, int index)
{
    for (const struct proc_io_client *c = io->clients; c; c = c->next)
        if (c->takes[index] && c->len > 0 && !c->hung_up)
            return true;
    return false;
}

/* Watches a client for what can happen next. Returns false when that fails. */
static bool client_watch(struct proc_io_client *c)
{
    uint32_t events = 0;
    bool reading = c->has_stdin && c->io->in_len == 0;

    if (c->hung_up && !reading) {
        loop_unwatch(c->io->loop, &c->src); /* it would be reported again and again */
        return true;
    }
    if (reading)
        events |= EPOLLIN;
    if (c->len > 0)
        events |= EPOLLOUT;
    return loop_watch(c->io->loop, &c->src, events) == 0;
}

void proc_io_clients_update(struct proc_io *io)
{
    for (struct proc_io_client *c = io->clients, *next; c; c = next) {
        next = c->next;
        if (!client_watch(c))
            client_free(c);
    }
}

static void keep_pending(struct proc_io_client *c, const struct iovec *iov, int n_iov, size_t sent)
{
    size_t total = 0;

    for (int i = 0; i < n_iov; i++)
        total += iov[i].iov_len;
    if (c->len == 0)
        c->progress_nsec = monotonic_nsec();
    c->pending = xrealloc_array(c->pending, c->len + total - sent, 1);
    for (int i = 0; i < n_iov; i++) {
        size_t skip = MIN(sent, iov[i].iov_len);
        sent -= skip;
        memcpy(c->pending + c->len, (char *)iov[i].iov_base + skip, iov[i].iov_len - skip);
        c->len += iov[i].iov_len - skip;
    }
}

/* Sends one chunk; false when the client is gone. */
static bool client_send(struct proc_io_client *c, int index, const char *data, size_t len)
{
    unsigned char header[8] = {(unsigned char)(index + 1),
                               0,
                               0,
                               0,
                               (unsigned char)(len >> 24),
                               (unsigned char)(len >> 16),
                               (unsigned char)(len >> 8),
                               (unsigned char)len};
    struct iovec iov[2] = {{.iov_base = header, .iov_len = c->multiplex ? sizeof(header) : 0},
                           {.iov_base = (void *)data, .iov_len = len}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n = 0;

    if (c->len == 0) {
        do
            n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        if (n < 0 && errno != EAGAIN && errno != ENOBUFS)
            return false;
        n = MAX(n, (ssize_t)0);
    }
    if ((size_t)n < iov[0].iov_len + len)
        keep_pending(c, iov, 2, (size_t)n);
    return true;
}

void proc_io_clients_deliver(struct proc_io *io, int index, const char *data, size_t len)
{
    for (struct proc_io_client *c = io->clients, *next; c; c = next) {
        next = c->next;
        if (!c->takes[index] || c->closing || c->hung_up)
            continue;
        if (!client_send(c, index, data, len)) {
            bool had_stdin = c->has_stdin;
            client_free(c);
            if (had_stdin)
                proc_io_feed_eof(io);
        }
    }
}

/* Sends what is pending; false when the client is gone. */
static bool client_flush(struct proc_io_client *c)
{
    ssize_t n = send(c->fd, c->pending + c->off, c->len - c->off, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR || errno == ENOBUFS;
    c->progress_nsec = monotonic_nsec();
    c->off += (size_t)n;
    if (c->off == c->len) {
        free(c->pending);
        c->pending = NULL;
        c->len = c->off = 0;
    }
    return true;
}

/* Passes a client's bytes on. Returns false when they completed the detach keys. */
static bool client_input(struct proc_io_client *c, const char *data, size_t len)
{
    char filtered[INPUT_CHUNK + DETACH_KEYS_MAX];
    bool detached = false;

    if (c->detach.n == 0) {
        proc_io_feed(c->io, data, len);
        return true;
    }
    while (len > 0 && !detached) {
        size_t n = MIN(len, (size_t)INPUT_CHUNK);
        size_t out;
        detached = detach_filter(&c->detach, data, n, filtered, &out);
        proc_io_feed(c->io, filtered, out);
        data += n;
        len -= n;
    }
    return !detached;
}

/* The client will send no more. */
static void client_eof(struct proc_io_client *c)
{
    struct proc_io *io = c->io;
    bool stays = io->close_stdin_on_eof && !io->tty && (c->takes[0] || c->takes[1]) && !c->hung_up;

    c->has_stdin = false;
    proc_io_feed_eof(io);
    if (stays || (c->len > 0 && !c->hung_up)) {
        c->closing = !stays;
        proc_io_update(io);
        if (c->closing)
            proc_io_kick(io);
    } else
        client_drop(c);
}

static void client_read(struct proc_io_client *c)
{
    struct proc_io *io = c->io;
    char data[INPUT_CHUNK];
    ssize_t n = recv(c->fd, data, sizeof(data), MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        if (c->hung_up)
            client_eof(c);
        return;
    }
    if (n <= 0) {
        c->hung_up = c->hung_up || n < 0;
        client_eof(c);
        return;
    }
    if (!client_input(c, data, (size_t)n)) {
        c->has_stdin = false; /* leaving a terminal does not end its input */
        client_free(c);
        io->ops->detached(io);
    }
    proc_io_update(io);
}

static void client_ready(struct loop_source *src, uint32_t events)
{
    struct proc_io_client *c = src->owner;
    struct proc_io *io = c->io;

    if (events & (EPOLLHUP | EPOLLERR)) {
        c->hung_up = true;
        if (!c->has_stdin) {
            client_drop(c);
            return;
        }
    }
    if ((events & EPOLLOUT) && c->len > 0 && !c->hung_up) {
        if (!client_flush(c)) {
            client_drop(c);
            return;
        }
        if (c->len == 0) {
            proc_io_update(io);
            if (c->closing || io->ending)
                proc_io_kick(io);
        }
    }
    if (c->has_stdin && io->in_len == 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        client_read(c);
    else if (c->hung_up)
        (void)client_watch(c);
}

int64_t proc_io_clients_tick(struct proc_io *io, int64_t now)
{
    int64_t next = INT64_MAX;

    for (struct proc_io_client *c = io->clients, *following; c; c = following) {
        following = c->next;
        if (c->closing || io->closing) {
            if (c->len == 0 || c->hung_up) {
                client_free(c);
                continue;
            }
        }
        if (c->len == 0 || !(c->closing || io->ending))
            continue;
        int64_t until = MAX(c->progress_nsec, io->end_nsec) + STALL_NSEC;
        if (until <= now)
            client_free(c);
        else
            next = MIN(next, until);
    }
    proc_io_update(io);
    return next;
}

static int check_socket(int fd)
{
    int type;
    socklen_t len = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return -errno;
    return type == SOCK_STREAM ? 0 : -EINVAL;
}

int proc_io_attach(struct proc_io *io, const struct proc_io_attach_params *params, struct err *err)
{
    _cleanup_close_ int fd = params->fd;
    struct detach detach = {};

    if (check_socket(fd) < 0)
        return err_set(err, ERR_INVALID, "attached stream is not a stream socket");
    if (io->n_clients >= PROC_IO_MAX_CLIENTS)
        return err_set(err, ERR_UNAVAILABLE, "more than %d clients are attached",
                       PROC_IO_MAX_CLIENTS);
    if (io->closing || io->drained)
        return err_set(err, ERR_CONFLICT, "the process has ended");
    int r = detach_parse(params->detach_keys, &detach, err);
    if (r < 0)
        return r;
    if (!io->tty || !params->use_stdin)
        detach.n = 0;
    r = fd_set_nonblock(fd, true);
    if (r < 0)
        return err_errno(err, r, "attach");
    struct proc_io_client *c = XNEW(struct proc_io_client);
    *c = (struct proc_io_client){.io = io,
                                 .next = io->clients,
                                 .fd = TAKE_FD(fd),
                                 .takes = {params->use_stdout, params->use_stderr},
                                 .has_stdin =
                                     params->use_stdin && io->in_fd >= 0 && !io->ignore_input,
                                 .multiplex = params->multiplex,
                                 .detach = detach};
    c->src = (struct loop_source){.fd = c->fd, .fn = client_ready, .owner = c};
    if (io->tty)
        c->takes[0] = params->use_stdout || params->use_stderr;
    io->clients = c;
    io->n_clients++;
    if (c->has_stdin && params->preread_len > 0 &&
        !client_input(c, params->preread, params->preread_len)) {
        client_free(c);
        io->ops->detached(io);
    }
    proc_io_update(io);
    return 0;
}
