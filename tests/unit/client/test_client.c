/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts, paths, the multiplexed stream, and calls against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/sock.h"
#include "base/str.h"
#include "base/thread.h"
#include "client/client.h"
#include "client/host.h"
#include "client/stdcopy.h"

static void hosts(void **state)
{
    static const struct {
        const char *in, *url;
    } good[] = {{"unix:///run/x.sock", "unix:///run/x.sock"},
                {"unix://", CLIENT_DEFAULT_HOST},
                {"tcp://1.2.3.4:5", "tcp://1.2.3.4:5"},
                {"tcp://[::1]:5", "tcp://[::1]:5"},
                {"tcp://host", "tcp://host:2375"},
                {"host:80", "tcp://host:80"},
                {"http://h:1/", "tcp://h:1"},
                {":7", "tcp://localhost:7"}};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(client_host_done)
        struct client_host h = {0};
        assert_int_equal(client_host_parse(good[i].in, &h, NULL), 0);
        assert_string_equal(h.url, good[i].url);
    }
    static const char *const bad[] = {"tcp://h:x", "tcp://h:70000", "npipe:////./p", "ssh://a",
                                      "tcp://[::1"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct client_host h = {0};
        struct err err = {0};
        assert_true(client_host_parse(bad[i], &h, &err) < 0);
        assert_true(err.message[0] != '\0');
    }
}

static void unreachable(void **state)
{
    _cleanup_(client_freep)
    struct client *c = NULL;
    struct err err = {0};
    assert_int_equal(client_new("unix:///proc/absent/x.sock", NULL, &c, &err), 0);
    assert_true(client_call(c, "GET", "/info", NULL, NULL, &err) < 0);
    assert_string_equal(err.message, "Cannot connect to the Lighter daemon at "
                                     "unix:///proc/absent/x.sock. Is the lighter daemon running?");
}

static void paths(void **state)
{
    _cleanup_free_ char *e = client_escape("a b/c:1?&%");
    assert_string_equal(e, "a%20b/c:1%3F%26%25");
    _cleanup_buf_ struct buf b = BUF_INIT(1024);
    (void)buf_adds(&b, "/x");
    client_query(&b, "a", "1 2");
    client_query(&b, "b", "{\"k\"}");
    assert_string_equal(buf_str(&b), "/x?a=1%202&b=%7B%22k%22%7D");
}

static int collect(void *arg, enum stdcopy_stream stream, const char *data, size_t len)
{
    struct buf *b = arg;
    return buf_addf(b, "%d", (int)stream) || buf_add(b, data, len);
}

static void demultiplex(void **state)
{
    static const char frames[] =
        "\1\0\0\0\0\0\0\3abc\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\1x\1\0\0\0\0\0\0\1y";
    _cleanup_buf_ struct buf b = BUF_INIT(1024);
    struct stdcopy s = {0};
    assert_int_equal(stdcopy_feed(&s, frames, sizeof(frames) - 1, collect, &b, NULL), 0);
    assert_string_equal(buf_str(&b), "1abc2x1y");
    buf_reset(&b);
    s = (struct stdcopy){0};
    for (size_t i = 0; i < sizeof(frames) - 1; i++)
        assert_int_equal(stdcopy_feed(&s, frames + i, 1, collect, &b, NULL), 0);
    assert_string_equal(buf_str(&b), "1a1b1c2x1y");
    struct err err = {0};
    s = (struct stdcopy){0};
    assert_int_equal(stdcopy_feed(&s, "\7\0\0\0\0\0\0\1z", 9, collect, &b, &err), -EBADMSG);
    assert_string_equal(err.message, "unrecognized stream: 7");
}

/* A server that answers what it is told, one answer per request, over as many connections as come.
 */
struct script {
    int listener;
    const char *const *answers; /* NULL-terminated; "" closes the connection without an answer */
    char *requests;             /* owned: the first line of each */
};

static int serve_one(int fd, struct script *s, const char *const **answer)
{
    char req[4096];
    while (**answer) {
        ssize_t n = recv(fd, req, sizeof(req) - 1, 0);
        if (n <= 0)
            return 0;
        req[n] = '\0';
        req[strcspn(req, "\r")] = '\0';
        char *all = xasprintf("%s%s;", s->requests ? s->requests : "", req);
        free(s->requests);
        s->requests = all;
        const char *a = *(*answer)++;
        if (!*a)
            return 0;
        (void)send(fd, a, strlen(a), MSG_NOSIGNAL);
    }
    return 0;
}

static void *server(void *arg)
{
    struct script *s = arg;
    const char *const *answer = s->answers;
    while (*answer) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            break;
        (void)serve_one(fd, s, &answer);
        (void)close_fd(fd);
    }
    return NULL;
}

#define OK(body, len) "HTTP/1.1 200 OK\r\nApi-Version: 1.50\r\nContent-Length: " len "\r\n\r\n" body

static void with_server(const char *const *answers, void (*fn)(struct client *c),
                        const char *requests)
{
    char dir[] = "/tmp/lighter-client-XXXXXX";
    assert_non_null(mkdtemp(dir));
    _cleanup_free_ char *path = xasprintf("%s/s", dir);
    _cleanup_free_ char *url = xasprintf("unix://%s", path);
    struct script s = {.listener = unix_listen(path, SOCK_STREAM, 0600), .answers = answers};
    assert_true(s.listener >= 0);
    pthread_t t;
    assert_int_equal(thread_spawn("server", 0, server, &s, &t), 0);
    struct client *c = NULL;
    assert_int_equal(client_new(url, NULL, &c, NULL), 0);
    fn(c);
    client_free(c);
    (void)pthread_join(t, NULL);
    (void)close_fd(s.listener);
    assert_string_equal(s.requests, requests);
    free(s.requests);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void call_twice(struct client *c)
{
    struct err err = {0};
    for (int i = 0; i < 2; i++) {
        _cleanup_json_ json_t *j = NULL;
        assert_int_equal(client_call(c, "GET", "/info", NULL, &j, &err), 0);
        assert_int_equal(json_i64_or(j, "a", 0), 1);
    }
    assert_string_equal(client_api_version(c), "1.50");
}

static void call_lowered(struct client *c)
{
    struct err err = {0};
    _cleanup_json_ json_t *j = NULL;
    assert_int_equal(client_call(c, "GET", "/info", NULL, &j, &err), 0);
    assert_string_equal(client_api_version(c), "1.41");
}

static void call_fails(struct client *c)
{
    struct err err = {0};
    assert_true(client_call(c, "GET", "/x", NULL, NULL, &err) < 0);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_string_equal(err.message, "Error response from daemon: No such container: x");
    assert_true(client_call(c, "GET", "/y", NULL, NULL, &err) < 0);
    assert_int_equal(err.kind, ERR_INTERNAL);
    assert_string_equal(err.message, "Error response from daemon: plain");
    assert_true(client_call(c, "GET", "/z", NULL, NULL, &err) < 0);
    assert_string_equal(err.message, "error during connect: EOF");
}

static void calls(void **state)
{
    static const char *const two[] = {OK("{\"a\":1}", "7"), OK("{\"a\":1}", "7"), NULL};
    with_server(two, call_twice, "GET /v1.50/info HTTP/1.1;GET /v1.50/info HTTP/1.1;");
    static const char *const lower[] = {
        "HTTP/1.1 400 Bad Request\r\nApi-Version: 1.41\r\nContent-Length: 15\r\n\r\n"
        "{\"message\":\"x\"}",
        OK("{\"a\":1}", "7"), NULL};
    with_server(lower, call_lowered, "GET /v1.50/info HTTP/1.1;GET /v1.41/info HTTP/1.1;");
    static const char *const errors[] = {
        "HTTP/1.1 404 Not Found\r\nContent-Length: 34\r\n\r\n{\"message\":\"No such container: x\"}\n",
        "HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\nplain\n", "", NULL};
    with_server(errors, call_fails,
                "GET /v1.50/x HTTP/1.1;GET /v1.50/y HTTP/1.1;GET /v1.50/z HTTP/1.1;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),       cmocka_unit_test(unreachable), cmocka_unit_test(paths),
        cmocka_unit_test(demultiplex), cmocka_unit_test(calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
