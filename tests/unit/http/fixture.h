/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A server on a Unix socket in a temporary directory, and raw requests to it. */

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/sock.h"
#include "base/thread.h"
#include "http/server.h"

#define FIXTURE_WAIT_MSEC 10000

struct fixture {
    char dir[64];
    char path[96];
    struct http_server *server;
    pthread_t thread;
};

static inline void *fixture_main(void *arg)
{
    (void)http_server_run(((struct fixture *)arg)->server, NULL);
    return NULL;
}

static inline void fixture_start(struct fixture *f, http_handler_fn handler, void *ctx, size_t max)
{
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/lighter-http-XXXXXX");
    assert(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/s", f->dir);
    int fd = unix_listen(f->path, SOCK_STREAM, 0600);
    assert(fd >= 0);
    f->server = http_server_new(handler, ctx, max);
    http_server_add_listener(f->server, fd);
    int r = thread_spawn("http-test", 0, fixture_main, f, &f->thread);
    assert(r == 0);
    (void)r;
}

static inline void fixture_stop(struct fixture *f)
{
    http_server_stop(f->server, 5000);
    (void)pthread_join(f->thread, NULL);
    http_server_free(f->server);
    (void)unlink(f->path);
    (void)rmdir(f->dir);
}

static inline int fixture_connect(const struct fixture *f)
{
    int fd = unix_connect(f->path, SOCK_STREAM);

    assert(fd >= 0);
    return fd;
}

static inline void fixture_send(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n < 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* Receives until `until` is there (NULL: until the server closes), and returns all of it. */
static inline char *fixture_receive(int fd, const char *until)
{
    struct buf b = BUF_INIT(64 * MIB);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (!until || !strstr(buf_str(&b), until)) {
        if (poll(&p, 1, FIXTURE_WAIT_MSEC) <= 0)
            break;
        char *room = buf_reserve(&b, 65536);
        ssize_t n = room ? recv(fd, room, 65536, 0) : -1;
        if (n <= 0)
            break;
        b.len += (size_t)n;
        b.data[b.len] = '\0';
    }
    return buf_take(&b);
}

/* One request on a connection of its own; all that comes back until the server closes. */
static inline char *fixture_ask(const struct fixture *f, const char *request)
{
    int fd = fixture_connect(f);

    fixture_send(fd, request);
    (void)shutdown(fd, SHUT_WR);
    char *answer = fixture_receive(fd, NULL);
    close_fd(fd);
    return answer;
}
