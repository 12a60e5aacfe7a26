/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whole connections: the input is what a client sends. Every body is read, by both ways there are.
 */

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "http/conn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_request(struct http_request *rq, void *ctx)
{
    char *body = NULL;
    char block[64];
    int fd = -1;

    (void)ctx;
    (void)http_query(rq, "a");
    if (str_starts(http_info(rq)->path, "/fd")) {
        if (http_body_fd(rq, &fd, NULL) == 0) {
            while (read(fd, block, sizeof(block)) > 0) {
            }
            close_fd(fd);
        }
    } else {
        (void)http_body_read_all(rq, 4 * KIB, &body, NULL, NULL);
        free(body);
    }
    http_reply(rq, 200, "text/plain", "x", 1);
}

static void *discard(void *arg)
{
    char block[4096];

    while (read(*(int *)arg, block, sizeof(block)) > 0) {
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    pthread_t reader;

    if (size > 16 * KIB || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 0;
    struct http_server *s = http_server_new(on_request, NULL, 1);
    (void)!send(fds[0], data, size, MSG_NOSIGNAL);
    (void)shutdown(fds[0], SHUT_WR);
    if (thread_spawn("discard", 0, discard, &fds[0], &reader) < 0)
        abort();
    http_server_serve_fd(s, fds[1]);
    (void)pthread_join(reader, NULL);
    close_fd(fds[0]);
    http_server_free(s);
    return 0;
}
