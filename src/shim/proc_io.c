/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/proc_io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/timeutil.h"

/* How long the output of a process that has ended may stay silent when somebody else still holds
 * it open, and how long somebody else may go on writing to it. */
#define DRAIN_SILENCE_NSEC NSEC_PER_SEC
#define DRAIN_MAX_NSEC     (10 * NSEC_PER_SEC)

char proc_io_chunk[PROC_IO_CHUNK] __attribute__((aligned(4096)));

static void proc_io_tick(struct loop_timer *t);
static void out_ready(struct loop_source *src, uint32_t events);
static void in_ready(struct loop_source *src, uint32_t events);

struct proc_io *proc_io_new(struct loop *loop, const struct proc_io_ops *ops, void *owner)
{
    struct proc_io *io = XNEW(struct proc_io);

    io->loop = loop;
    io->ops = ops;
    io->owner = owner;
    io->in_fd = io->peer_fd = -1;
    io->timer = (struct loop_timer){.fn = proc_io_tick, .owner = io};
    for (int i = 0; i < 2; i++)
        io->out[i] = (struct proc_io_out){.io = io, .fd = -1, .index = i};
    return io;
}

static void close_out(struct proc_io_out *out)
{
    loop_unwatch(out->io->loop, &out->src);
    out->fd = close_fd(out->fd);
    if (out->io->ending)
        proc_io_kick(out->io);
}

static void close_in(struct proc_io *io)
{
    loop_unwatch(io->loop, &io->in_src);
    io->in_fd = close_fd(io->in_fd);
    free(io->in_pending);
    io->in_pending = NULL;
    io->in_len = io->in_off = 0;
}

void proc_io_free(struct proc_io *io)
{
    if (!io)
        return;
    proc_io_clients_free(io);
    loop_timer_cancel(io->loop, &io->timer);
    for (int i = 0; i < 2; i++)
        close_out(&io->out[i]);
    loop_timer_cancel(io->loop, &io->timer);
    close_in(io);
    close_fd(io->peer_fd);
    free(io);
}

static void set_out(struct proc_io *io, int index, int fd)
{
    struct proc_io_out *out = &io->out[index];

    (void)fd_set_nonblock(fd, true);
    out->fd = fd;
    out->src = (struct loop_source){.fd = fd, .fn = out_ready, .owner = out};
}

static void set_in(struct proc_io *io, int fd)
{
    (void)fd_set_nonblock(fd, true);
    io->in_fd = fd;
    io->in_src = (struct loop_source){.fd = fd, .fn = in_ready, .owner = io};
}

void proc_io_open_pipes(struct proc_io *io, int in_fd, int out_fd, int err_fd)
{
    if (in_fd >= 0)
        set_in(io, in_fd);
    if (out_fd >= 0)
        set_out(io, 0, out_fd);
    if (err_fd >= 0)
        set_out(io, 1, err_fd);
    proc_io_update(io);
}

int proc_io_open_console(struct proc_io *io, int master_fd, struct err *err)
{
    _cleanup_close_ int master = master_fd;
    /* epoll takes each descriptor once; input and output are watched apart. */
    _cleanup_close_ int in = fcntl(master, F_DUPFD_CLOEXEC, 3);

    if (in < 0)
        return err_errno(err, errno, "open the terminal");
    io->tty = true;
    io->peer_fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    set_in(io, TAKE_FD(in));
    set_out(io, 0, TAKE_FD(master));
    proc_io_update(io);
    return 0;
}

int proc_io_resize(struct proc_io *io, uint16_t rows, uint16_t cols)
{
    struct winsize ws = {.ws_row = rows, .ws_col = cols};

    if (!io->tty || io->out[0].fd < 0)
        return 0;
    return ioctl(io->out[0].fd, TIOCSWINSZ, &ws) < 0 ? -errno : 0;
}

void proc_io_update(struct proc_io *io)
{
    for (int i = 0; i < 2; i++) {
        struct proc_io_out *out = &io->out[i];
        if (out->fd < 0)
            continue;
        /* Out of the loop, not with an empty event set: a hang-up is always reported. */
        if (proc_io_clients_blocked(io, i))
            loop_unwatch(io->loop, &out->src);
        else if (loop_watch(io->loop, &out->src, EPOLLIN) < 0)
            close_out(out);
    }
    if (io->in_fd >= 0 && io->in_len > 0) {
        if (loop_watch(io->loop, &io->in_src, EPOLLOUT) < 0)
            close_in(io);
    } else if (io->in_fd >= 0)
        loop_unwatch(io->loop, &io->in_src);
    proc_io_clients_update(io);
}

static void out_ready(struct loop_source *src, uint32_t events)
{
    struct proc_io_out *out = src->owner;
    struct proc_io *io = out->io;
    ssize_t n = read(out->fd, proc_io_chunk, sizeof(proc_io_chunk));

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* end of file, or EIO: no one has the terminal any more */
        close_out(out);
        return;
    }
    io->last_read_nsec = io->ending ? monotonic_nsec() : 0;
    out->owed -= MIN(out->owed, (size_t)n);
    if (io->log)
        logger_write(io->log, out->index == 1 ? LOG_STDERR : LOG_STDOUT, proc_io_chunk, (size_t)n);
    proc_io_clients_deliver(io, out->index, proc_io_chunk, (size_t)n);
    proc_io_update(io);
}

/* Writes as much of the pending input as the program takes. */
static void in_ready(struct loop_source *src, uint32_t events)
{
    struct proc_io *io = src->owner;
    ssize_t n = write(io->in_fd, io->in_pending + io->in_off, io->in_len - io->in_off);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        close_in(io); /* the program has closed its input */
        proc_io_update(io);
        return;
    }
    io->in_off += (size_t)n;
    if (io->in_off < io->in_len)
        return;
    free(io->in_pending);
    io->in_pending = NULL;
    io->in_len = io->in_off = 0;
    if (io->in_close)
        close_in(io);
    proc_io_update(io);
}

void proc_io_feed(struct proc_io *io, const char *data, size_t len)
{
    ssize_t n = 0;

    if (io->in_fd < 0 || io->in_close || len == 0)
        return;
    if (io->in_len == 0) {
        n = write(io->in_fd, data, len);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            close_in(io);
            return;
        }
        n = MAX(n, (ssize_t)0);
    }
    if ((size_t)n == len)
        return;
    size_t rest = len - (size_t)n;
    io->in_pending = xrealloc_array(io->in_pending, io->in_len + rest, 1);
    memcpy(io->in_pending + io->in_len, data + n, rest);
    io->in_len += rest;
}

void proc_io_feed_eof(struct proc_io *io)
{
    if (!io->close_stdin_on_eof || io->tty || io->in_fd < 0)
        return;
    if (io->in_len > 0)
        io->in_close = true;
    else
        close_in(io);
}

void proc_io_end(struct proc_io *io)
{
    io->ending = true;
    io->end_nsec = io->last_read_nsec = monotonic_nsec();
    io->peer_fd = close_fd(io->peer_fd);
    for (int i = 0; i < 2; i++) {
        int left = 0;
        if (io->out[i].fd >= 0 && ioctl(io->out[i].fd, FIONREAD, &left) == 0)
            io->out[i].owed = (size_t)MAX(left, 0);
    }
    close_in(io);
    proc_io_update(io);
    proc_io_kick(io);
}

void proc_io_close(struct proc_io *io)
{
    io->closing = true;
    proc_io_kick(io);
}

void proc_io_kick(struct proc_io *io)
{
    loop_timer_arm(io->loop, &io->timer, 0);
}

/* Closes the outputs of an ended process that others keep open; returns when to look again, or
 * INT64_MAX when none is open. A stream that waits for a client is left to the client's timeout. */
static int64_t drain_tick(struct proc_io *io, int64_t now)
{
    int64_t next = INT64_MAX;

    for (int i = 0; i < 2; i++) {
        struct proc_io_out *out = &io->out[i];
        if (out->fd < 0)
            continue;
        if (proc_io_clients_blocked(io, i)) {
            next = MIN(next, now + DRAIN_SILENCE_NSEC);
            continue;
        }
        int64_t until = io->last_read_nsec + DRAIN_SILENCE_NSEC;
        if (out->owed == 0)
            until = MIN(until, io->end_nsec + DRAIN_MAX_NSEC);
        if (until <= now) {
            loop_unwatch(io->loop, &out->src);
            out->fd = close_fd(out->fd);
        } else
            next = MIN(next, until);
    }
    return next;
}

static void proc_io_tick(struct loop_timer *t)
{
    struct proc_io *io = t->owner;
    int64_t now = monotonic_nsec();
    int64_t next = proc_io_clients_tick(io, now);

    if (io->ending && !io->drained) {
        next = MIN(next, drain_tick(io, now));
        if (io->out[0].fd < 0 && io->out[1].fd < 0) {
            io->drained = true;
            io->ops->drained(io);
            proc_io_kick(io);
            return;
        }
    }
    if (io->closing && !io->clients) {
        io->closing = false;
        io->ops->closed(io); /* io may be gone */
        return;
    }
    if (next != INT64_MAX && !io->timer.armed)
        loop_timer_arm(io->loop, &io->timer, MAX(next - now, INT64_C(1)));
}

void proc_io_trim(void)
{
    (void)madvise(proc_io_chunk, sizeof(proc_io_chunk), MADV_DONTNEED);
}
