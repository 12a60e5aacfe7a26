/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/host.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/sock.h"
#include "base/str.h"

#define DEFAULT_PORT "2375"

void client_host_done(struct client_host *h)
{
    free(h->url);
    free(h->path);
    free(h->name);
    free(h->port);
    *h = (struct client_host){0};
}

static int parse_tcp(const char *text, const char *addr, struct client_host *ret, struct err *err)
{
    size_t len = strcspn(addr, "/");
    _cleanup_free_ char *hp = xstrndup(addr, len);
    _cleanup_free_ char *name = NULL;
    _cleanup_free_ char *port = NULL;
    char *rest = NULL;
    if (hp[0] == '[') {
        char *end = strchr(hp, ']');
        if (!end)
            return err_set(err, ERR_INVALID, "parse \"%s\": missing ']' in host", text);
        name = xstrndup(hp + 1, (size_t)(end - hp - 1));
        rest = end + 1;
    } else {
        rest = hp + strcspn(hp, ":");
        name = xstrndup(hp, (size_t)(rest - hp));
    }
    uint32_t n = 0;
    if (*rest && (*rest != ':' || parse_u32(rest + 1, &n) < 0 || n > 65535))
        return err_set(err, ERR_INVALID, "parse \"%s\": invalid port \"%s\" after host", text,
                       rest);
    port = xstrdup(*rest ? rest + 1 : DEFAULT_PORT);
    if (!*name) {
        free(name);
        name = xstrdup("localhost");
    }
    ret->url = strchr(name, ':') ? xasprintf("tcp://[%s]:%s", name, port)
                                 : xasprintf("tcp://%s:%s", name, port);
    ret->name = TAKE_PTR(name);
    ret->port = TAKE_PTR(port);
    return 0;
}

int client_host_parse(const char *text, struct client_host *ret, struct err *err)
{
    const char *rest = str_after(text, "unix://");
    if (rest) {
        if (!*rest)
            rest = str_after(CLIENT_DEFAULT_HOST, "unix://");
        *ret = (struct client_host){.url = xasprintf("unix://%s", rest), .path = xstrdup(rest)};
        return 0;
    }
    *ret = (struct client_host){0};
    rest = str_after(text, "tcp://");
    if (!rest)
        rest = str_after(text, "http://");
    if (!rest && !strstr(text, "://"))
        rest = text;
    if (!rest) {
        _cleanup_free_ char *scheme = xstrndup(text, (size_t)(strstr(text, "://") - text));
        return err_set(err, ERR_UNSUPPORTED, "unsupported protocol in host \"%s\": %s", text,
                       scheme);
    }
    return parse_tcp(text, rest, ret, err);
}

static int connect_failed(const struct client_host *h, int code, struct err *err)
{
    char text[128];
    if (code == -EACCES || code == -EPERM) {
        (void)err_set(err, ERR_FORBIDDEN,
                      "permission denied while trying to connect to the Lighter daemon socket at "
                      "%s: connect: %s",
                      h->url, errno_text_lower(code, text));
        return code;
    }
    (void)err_set(err, ERR_UNAVAILABLE,
                  "Cannot connect to the Lighter daemon at %s. Is the lighter daemon running?",
                  h->url);
    return code;
}

static int connect_tcp(const struct client_host *h, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *list = NULL;
    int r = getaddrinfo(h->name, h->port, &hints, &list);
    if (r == EAI_NONAME || r == EAI_ADDRFAMILY) {
        hints.ai_flags = 0;
        r = getaddrinfo(h->name, h->port, &hints, &list);
    }
    if (r)
        return err_set(err, ERR_UNAVAILABLE, "error during connect: lookup %s: %s", h->name,
                       r == EAI_NONAME ? "no such host" : gai_strerror(r));
    int code = -EHOSTUNREACH;
    for (struct addrinfo *a = list; a; a = a->ai_next) {
        int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0) {
            int one = 1;
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
            freeaddrinfo(list);
            return fd;
        }
        code = -errno;
        if (fd >= 0)
            (void)close_fd(fd);
    }
    freeaddrinfo(list);
    return connect_failed(h, code, err);
}

int client_host_connect(const struct client_host *h, struct err *err)
{
    if (!h->path)
        return connect_tcp(h, err);
    int fd = unix_connect(h->path, SOCK_STREAM);
    return fd >= 0 ? fd : connect_failed(h, fd, err);
}
