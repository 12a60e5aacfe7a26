/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The HTTP connection against canned responses, in one piece and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "base/thread.h"
#include "client/http.h"

struct feed {
    int fd;
    const char *data;
    size_t len, piece;
};

static void *feeder(void *arg)
{
    struct feed *f = arg;
    for (size_t i = 0; i < f->len; i += f->piece)
        (void)send(f->fd, f->data + i, MIN(f->piece, f->len - i), MSG_NOSIGNAL);
    (void)shutdown(f->fd, SHUT_WR);
    return NULL;
}

/* Reads one response fed in pieces; the body goes to a new string. */
static int exchange(const char *response, size_t piece, struct http_head *head, char **body,
                    bool *reusable)
{
    int sv[2];
    pthread_t t;
    char data[7];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    struct feed f = {sv[1], response, strlen(response), piece};
    assert_int_equal(thread_spawn("feeder", 0, feeder, &f, &t), 0);
    _cleanup_(http_conn_freep)
    struct http_conn *c = http_conn_new(sv[0]);
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    int r = http_read_head(c, "GET", head);
    ssize_t n = 0;
    while (r == 0 && head->status != 101 && (n = http_read_body(c, data, sizeof(data))) > 0)
        (void)buf_add(&b, data, (size_t)n);
    if (r == 0 && n < 0)
        r = (int)n;
    *reusable = r == 0 && http_conn_reusable(c);
    (void)pthread_join(t, NULL);
    (void)close_fd(sv[1]);
    *body = buf_take(&b);
    return r;
}

static void check(const char *response, int status, const char *body, bool reusable)
{
    static const size_t pieces[] = {1, 3, 4096};
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        struct http_head h;
        _cleanup_free_ char *got = NULL;
        bool again = false;
        assert_int_equal(exchange(response, pieces[i], &h, &got, &again), 0);
        assert_int_equal(h.status, status);
        assert_string_equal(got, body);
        assert_int_equal(again, reusable);
    }
}

static void bodies(void **state)
{
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n"
        "T: v\r\n\r\n",
        200, "hello world", true);
    check("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, "until the end", false);
    check("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
    check("HTTP/1.1 304 Not Modified\r\n\r\n", 304, "", true);
    check("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false);
    check("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false);
    check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404,
          "", true);
}

static void headers(void **state)
{
    struct http_head h;
    _cleanup_free_ char *body = NULL;
    bool again;
    assert_int_equal(exchange("HTTP/1.1 101 UPGRADED\r\ncontent-type: application/x\r\n"
                              "API-Version:  1.45\r\nOstype: linux\r\n\r\nraw",
                              1, &h, &body, &again),
                     0);
    assert_int_equal(h.status, 101);
    assert_string_equal(h.content_type, "application/x");
    assert_string_equal(h.api_version, "1.45");
    assert_string_equal(h.os_type, "linux");
}

static void malformed(void **state)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"", -ECONNRESET},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", -ECONNRESET},
        {"SSH-2.0-OpenSSH\r\n\r\n", -EBADMSG},
        {"HTTP/1.1 abc\r\n\r\n", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", -ECONNRESET},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n", -EBADMSG},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", -ECONNRESET},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct http_head h;
        _cleanup_free_ char *body = NULL;
        bool again;
        assert_int_equal(exchange(cases[i].text, 4096, &h, &body, &again), cases[i].code);
    }
}

static void too_many_headers(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    (void)buf_adds(&b, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 200; i++)
        (void)buf_addf(&b, "X-%d: y\r\n", i);
    (void)buf_adds(&b, "\r\n");
    struct http_head h;
    _cleanup_free_ char *body = NULL;
    bool again;
    assert_int_equal(exchange(buf_str(&b), 4096, &h, &body, &again), -EBADMSG);
    buf_reset(&b);
    (void)buf_adds(&b, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 100000; i++)
        (void)buf_addc(&b, 'y');
    free(TAKE_PTR(body));
    assert_int_equal(exchange(buf_str(&b), 4096, &h, &body, &again), -ENOBUFS);
}

static void requests(void **state)
{
    int sv[2];
    char text[1024] = "";
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    _cleanup_(http_conn_freep)
    struct http_conn *c = http_conn_new(sv[0]);
    _cleanup_close_ int peer = sv[1];
    assert_int_equal(http_send_request(c, "POST", "/v1.50/x", HTTP_BODY_JSON, "{}", true), 0);
    ssize_t n = recv(peer, text, sizeof(text) - 1, 0);
    assert_true(n > 0);
    assert_true(str_starts(text, "POST /v1.50/x HTTP/1.1\r\nHost: "));
    assert_non_null(strstr(text, "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
    assert_true(str_ends(text, "Content-Length: 2\r\n\r\n{}"));
    assert_int_equal(http_send_request(c, "POST", "/y", HTTP_BODY_TAR_CHUNKED, NULL, false), 0);
    assert_int_equal(http_send_chunk(c, "abc", 3), 0);
    assert_int_equal(http_send_end(c), 0);
    memset(text, 0, sizeof(text));
    for (size_t have = 0; !str_ends(text, "0\r\n\r\n"); have += (size_t)n) {
        n = recv(peer, text + have, sizeof(text) - 1 - have, 0);
        assert_true(n > 0);
    }
    assert_true(str_ends(text, "\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),           cmocka_unit_test(headers),  cmocka_unit_test(malformed),
        cmocka_unit_test(too_many_headers), cmocka_unit_test(requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
