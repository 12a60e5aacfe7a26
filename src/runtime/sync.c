/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sock.h"

int sync_pair(int ret[2], struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0)
        return err_errno(err, errno, "socketpair");
    return 0;
}

int sync_send(int sock, enum sync_kind kind, uint32_t value, int fd)
{
    struct sync_msg m = {.kind = kind, .value = value};

    return send_fds(sock, &m, offsetof(struct sync_msg, text), &fd, fd >= 0 ? 1 : 0);
}

int sync_send_err(int sock, const struct err *e)
{
    struct sync_msg m = {.kind = SYNC_ERROR, .code = e->code, .err_kind = e->kind};
    size_t n = strlen(e->message);

    memcpy(m.text, e->message, n + 1);
    return send_fds(sock, &m, offsetof(struct sync_msg, text) + n + 1, NULL, 0);
}

int sync_recv(int sock, struct sync_msg *ret, int *ret_fd)
{
    struct sync_msg m = {0};
    int fds[1] = {-1};
    size_t n_fds = 0;
    ssize_t n = recv_fds(sock, &m, sizeof(m), fds, 1, &n_fds);

    /* The other side ended with a message of ours unread: the kernel says so once, before what it
     * had sent, which is the error we want. */
    if (n == -ECONNRESET)
        n = recv_fds(sock, &m, sizeof(m), fds, 1, &n_fds);
    if (n <= 0)
        return n == -ECONNRESET ? 0 : (int)n;
    if ((size_t)n < offsetof(struct sync_msg, text)) {
        if (n_fds)
            close_fd(fds[0]);
        return -EPROTO;
    }
    m.text[sizeof(m.text) - 1] = '\0';
    *ret = m;
    if (ret_fd)
        *ret_fd = n_fds ? fds[0] : -1;
    else if (n_fds)
        close_fd(fds[0]);
    return 1;
}

static int take_error(const struct sync_msg *m, struct err *err)
{
    int code = m->code < 0 ? m->code : -EIO;

    if (err) {
        err_set(err, (enum err_kind)m->err_kind, "%s", m->text);
        err->code = code;
    }
    return code;
}

int sync_expect(int sock, enum sync_kind kind, uint32_t *ret_value, int *ret_fd, struct err *err)
{
    struct sync_msg m;
    int fd = -1;
    int r = sync_recv(sock, &m, &fd);

    if (r < 0)
        return err_errno(err, r, "waiting for the other side of a container's start");
    if (r == 0)
        return err_set(err, ERR_INTERNAL,
                       "the container's process ended while it was being set up");
    if (m.kind == kind) {
        if (ret_value)
            *ret_value = m.value;
        if (ret_fd)
            *ret_fd = fd;
        else if (fd >= 0)
            close_fd(fd);
        return 0;
    }
    if (fd >= 0)
        close_fd(fd);
    if (m.kind == SYNC_ERROR)
        return take_error(&m, err);
    return err_set(err, ERR_INTERNAL, "unexpected message %u instead of %u", m.kind,
                   (unsigned)kind);
}

int sync_expect_exec(int sock, struct err *err)
{
    struct sync_msg m;
    int r = sync_recv(sock, &m, NULL);

    if (r == 0)
        return 0;
    if (r < 0)
        return err_errno(err, r, "waiting for the program to start");
    if (m.kind == SYNC_ERROR)
        return take_error(&m, err);
    return err_set(err, ERR_INTERNAL, "unexpected message %u", m.kind);
}
