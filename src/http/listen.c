/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/sock.h"
#include "base/str.h"

#define SOCKET_MODE      0660
#define DEFAULT_TCP_PORT "2375"
#define ACTIVATION_FIRST 3 /* SD_LISTEN_FDS_START */

static int listen_unix(const char *path, gid_t gid, int *ret_fd, struct err *err)
{
    if (path[0] != '/')
        return err_set(err, ERR_INVALID, "unix://%s: the path must be absolute", path);
    int probe = unix_connect(path, SOCK_STREAM);
    if (probe >= 0) {
        close_fd(probe);
        return err_errno(err, EADDRINUSE, "listen on unix://%s", path);
    }
    _cleanup_close_ int fd = unix_listen(path, SOCK_STREAM, SOCKET_MODE);
    if (fd < 0)
        return err_errno(err, fd, "listen on unix://%s", path);
    if (gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0) {
        int r = err_errno(err, errno, "give unix://%s to group %u", path, (unsigned)gid);
        (void)unlink(path);
        return r;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Splits "host:port", "[v6]:port", "host" or ":port". */
static int split_address(const char *address, char **ret_host, char **ret_port, struct err *err)
{
    const char *rest = address;
    _cleanup_free_ char *host = NULL;
    uint32_t port = 0;

    if (*rest == '[') {
        const char *end = strchr(rest, ']');
        if (!end)
            return err_set(err, ERR_INVALID, "tcp://%s: missing ']' in address", address);
        host = xstrndup(rest + 1, (size_t)(end - rest - 1));
        rest = end + 1;
    } else {
        size_t n = strcspn(rest, ":/");
        host = xstrndup(rest, n);
        rest += n;
    }
    size_t n = strlen(rest);
    if (n > 0 && rest[n - 1] == '/')
        n--;
    _cleanup_free_ char *tail = xstrndup(rest, n);
    const char *text = tail[0] == ':' ? tail + 1 : DEFAULT_TCP_PORT;
    if ((tail[0] != '\0' && tail[0] != ':') || parse_u32(text, &port) < 0 || port > 65535)
        return err_set(err, ERR_INVALID, "tcp://%s: bad port", address);
    *ret_port = xstrdup(text);
    if (host[0] == '\0') {
        free(host);
        host = xstrdup("127.0.0.1");
    }
    *ret_host = TAKE_PTR(host);
    return 0;
}

static int listen_address(const struct addrinfo *ai)
{
    int on = 1;
    _cleanup_close_ int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int listen_tcp(const char *address, int *ret_fd, struct err *err)
{
    _cleanup_free_ char *host = NULL;
    _cleanup_free_ char *port = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    int r = split_address(address, &host, &port, err);

    if (r < 0)
        return r;
    int gai = getaddrinfo(host, port, &hints, &found);
    if (gai != 0)
        return err_set(err, ERR_INVALID, "tcp://%s: %s", address, gai_strerror(gai));
    r = listen_address(found);
    freeaddrinfo(found);
    if (r < 0)
        return err_errno(err, r, "listen on tcp://%s", address);
    *ret_fd = r;
    return 0;
}

static int take_activated(int fd, struct err *err)
{
    int listening = 0;
    socklen_t len = sizeof(listening);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
        return err_set(err, ERR_INVALID, "fd://%d: not a listening socket", fd);
    (void)fd_set_cloexec(fd, true);
    return 0;
}

/* sd_listen_fds(3) without libsystemd. */
static int listen_activated(const char *which, int *ret_fds, size_t *ret_n, struct err *err)
{
    const char *pid_text = getenv("LISTEN_PID");
    const char *n_text = getenv("LISTEN_FDS");
    uint32_t pid = 0;
    uint32_t n = 0;
    uint32_t only = 0;

    if (!pid_text || parse_u32(pid_text, &pid) < 0 || (pid_t)pid != getpid() || !n_text ||
        parse_u32(n_text, &n) < 0 || n == 0)
        return err_set(err, ERR_INVALID, "fd://: no sockets were passed by socket activation");
    if (n > HTTP_LISTEN_MAX)
        return err_set(err, ERR_INVALID, "fd://: more than %d sockets were passed",
                       HTTP_LISTEN_MAX);
    bool all = str_empty(which) || str_eq(which, "*");
    if (!all &&
        (parse_u32(which, &only) < 0 || only < ACTIVATION_FIRST || only >= ACTIVATION_FIRST + n))
        return err_set(err, ERR_INVALID, "fd://%s: no such socket was passed", which);
    size_t count = 0;
    for (int fd = ACTIVATION_FIRST; fd < ACTIVATION_FIRST + (int)n; fd++) {
        if (!all && fd != (int)only)
            continue;
        int r = take_activated(fd, err);
        if (r < 0)
            return r;
        ret_fds[count++] = fd;
    }
    *ret_n = count;
    return 0;
}

int http_listen(const char *spec, gid_t gid, int ret_fds[static HTTP_LISTEN_MAX], size_t *ret_n,
                struct err *err)
{
    const char *rest = str_after(spec, "unix://");
    int r;

    if (rest) {
        r = listen_unix(rest, gid, ret_fds, err);
    } else if ((rest = str_after(spec, "tcp://"))) {
        r = listen_tcp(rest, ret_fds, err);
    } else if ((rest = str_after(spec, "fd://"))) {
        return listen_activated(rest, ret_fds, ret_n, err);
    } else {
        return err_set(err, ERR_INVALID, "invalid bind address (%s): use unix://, tcp:// or fd://",
                       spec);
    }
    if (r == 0)
        *ret_n = 1;
    return r;
}
