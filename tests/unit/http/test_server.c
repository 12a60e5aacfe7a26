/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "fixture.h"

#include <cmocka.h>

#define GET(path)  "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST(path) "POST " path " HTTP/1.1\r\nHost: x\r\n"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* freed memory is kept for a while */
#elif defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define SANITIZED 0
#endif

static atomic_int streams_running;

static void on_echo(struct http_request *rq)
{
    _cleanup_free_ char *body = NULL;
    size_t len = 0;
    struct err err = {};

    if (http_body_read_all(rq, 64 * KIB, &body, &len, &err) < 0)
        http_reply(rq, 400, "text/plain", err.message, strlen(err.message));
    else
        http_reply(rq, 200, "text/plain", body, len);
}

static void on_stream(struct http_request *rq)
{
    struct sink sink;

    http_stream_begin(rq, 200, "text/plain", &sink);
    (void)sink_write(&sink, "one", 3);
    (void)sink_write(&sink, "", 0);
    (void)sink_write(&sink, "four", 4);
}

/* As an event stream: lasts until its reader goes. */
static void on_wait(struct http_request *rq)
{
    struct sink sink;

    http_stream_begin(rq, 200, "text/plain", &sink);
    atomic_fetch_add(&streams_running, 1);
    struct pollfd p = {.fd = sink.gone_fd, .events = POLLIN};
    (void)poll(&p, 1, FIXTURE_WAIT_MSEC);
    atomic_fetch_sub(&streams_running, 1);
}

static void on_hijack(struct http_request *rq)
{
    _cleanup_free_ char *preread = NULL;
    size_t len = 0;
    int fd = -1;
    char block[256];

    if (http_hijack(rq, "application/vnd.docker.raw-stream", &fd, &preread, &len, NULL) < 0)
        return;
    (void)write_full(fd, "<", 1);
    (void)write_full(fd, preread, len);
    (void)write_full(fd, ">", 1);
    ssize_t n = read(fd, block, sizeof(block));
    if (n > 0)
        (void)write_full(fd, block, (size_t)n);
    close_fd(fd);
}

static void on_fd(struct http_request *rq)
{
    _cleanup_close_ int fd = -1;
    char block[8192];
    size_t total = 0;
    char text[64];
    ssize_t n;

    if (http_body_fd(rq, &fd, NULL) < 0)
        return;
    while ((n = read(fd, block, sizeof(block))) > 0)
        total += (size_t)n;
    fd = close_fd(fd);
    int len = snprintf(text, sizeof(text), "total=%zu error=%d", total, http_body_error(rq) < 0);
    http_reply(rq, 200, "text/plain", text, (size_t)len);
}

static void on_fd_early(struct http_request *rq)
{
    int fd = -1;

    if (http_body_fd(rq, &fd, NULL) < 0)
        return;
    close_fd(fd);
    http_reply(rq, 200, "text/plain", "early", 5);
}

static void on_request(struct http_request *rq, void *ctx)
{
    const char *path = http_info(rq)->path;

    (void)ctx;
    http_set_header(rq, "Api-Version", "1.55");
    if (str_eq(path, "/echo")) {
        on_echo(rq);
    } else if (str_eq(path, "/stream")) {
        on_stream(rq);
    } else if (str_eq(path, "/wait")) {
        on_wait(rq);
    } else if (str_eq(path, "/hijack")) {
        on_hijack(rq);
    } else if (str_eq(path, "/fd")) {
        on_fd(rq);
    } else if (str_eq(path, "/fd-early")) {
        on_fd_early(rq);
    } else if (str_eq(path, "/silent")) {
        return;
    } else {
        const char *q = http_query(rq, "q");
        http_set_header(rq, "X-Query", q ? q : "");
        http_reply(rq, 200, "text/plain", path, strlen(path));
    }
}

static struct fixture fixture;

static int set_up(void **state)
{
    fixture_start(&fixture, on_request, NULL, 64);
    http_server_set_head_timeout(fixture.server, 300);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    return 0;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void assert_answer(const char *request, const char *start, const char *end)
{
    _cleanup_free_ char *answer = fixture_ask(&fixture, request);

    if (!str_starts(answer, start) || !str_ends(answer, end))
        fail_msg("request <%s>\nanswer <%s>\nwanted <%s> … <%s>", request, answer, start, end);
}

static void test_plain(void **state)
{
    (void)state;
    assert_answer(GET("/a%20b/c"), "HTTP/1.1 200 OK\r\nApi-Version: 1.55\r\n", "\r\n\r\n/a b/c");
    assert_answer("GET http://host/abs HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "/abs");
    assert_answer("HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "\r\n\r\n");
    assert_answer(GET("/silent"), "HTTP/1.1 500", "not answered\"}\n");
    /* Some clients have no name for the host at the other end of a Unix socket. */
    assert_answer("GET /empty HTTP/1.1\r\nHost: \r\nA:\r\nB: c\r\nD:   \r\n\r\n", "HTTP/1.1 200",
                  "/empty");
    assert_answer("POST /echo HTTP/1.1\r\nHost:\r\nContent-Length: 2\r\nA: \r\n\r\nok",
                  "HTTP/1.1 200", "\r\n\r\nok");
    assert_answer("GET /old HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Connection: close\r\n\r\n/old");
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "\x16\x03\x01\x02\x01\x01\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", /* no Host */
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /%0a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /?a=%4 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA\rB: b\r\n\r\n",
        POST("/echo") "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST("/echo") "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        POST("/echo") "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        POST("/echo") "Content-Length: +3\r\n\r\nabc",
        POST("/echo") "Content-Length: -3\r\n\r\nabc",
        POST("/echo") "Content-Length: 3x\r\n\r\nabc",
        POST("/echo") "Content-Length: 99999999999999999999\r\n\r\nabc",
        "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n",
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n",
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc",
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\n3\r\nab",
        POST("/echo") "Content-Length: 10\r\n\r\nab",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_answer(bad[i], "HTTP/1.1 400 Bad Request\r\n", "");
    assert_answer(POST("/echo") "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 501",
                  "");
    assert_answer("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "HTTP/1.1 505", "");
    assert_answer(POST("/echo") "Expect: magic\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 417", "");
    assert_answer(GET("/still-alive"), "HTTP/1.1 200", "/still-alive");
}

static void test_limits(void **state)
{
    (void)state;
    _cleanup_buf_ struct buf many = BUF_INIT(1 * MIB);
    (void)buf_adds(&many, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < LIMIT_HTTP_HEADERS; i++)
        (void)buf_addf(&many, "A%d: b\r\n", i);
    (void)buf_adds(&many, "\r\n");
    assert_answer(buf_str(&many), "HTTP/1.1 431", "");

    _cleanup_free_ char *pad = xmalloc(LIMIT_HTTP_HEADER_BYTES + 1);
    memset(pad, 'a', LIMIT_HTTP_HEADER_BYTES);
    pad[LIMIT_HTTP_HEADER_BYTES] = '\0';
    _cleanup_free_ char *large = xasprintf("GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n", pad);
    assert_answer(large, "HTTP/1.1 431", "");
    _cleanup_free_ char *url = xasprintf("GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", pad);
    assert_answer(url, "HTTP/1.1 414", "");
    _cleanup_free_ char *body =
        xasprintf(POST("/echo") "Content-Length: %zu\r\n\r\n%s%s", 2 * strlen(pad), pad, pad);
    assert_answer(body, "HTTP/1.1 400", "larger than 65536 bytes");
}

static void test_pipelined(void **state)
{
    (void)state;
    _cleanup_free_ char *answer = fixture_ask(
        &fixture,
        POST("/echo") "Content-Length: 5\r\n\r\nfirst" POST(
            "/echo") "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nsec\r\n3\r\nond\r\n0\r\nTrailer: "
                     "t\r\n\r\n" GET("/third") POST("/ignore") "Content-Length: "
                                                               "3\r\n\r\nxxx" GET("/fifth"));
    assert_int_equal(count(answer, "HTTP/1.1 200 OK"), 5);
    assert_non_null(strstr(answer, "\r\n\r\nfirst"));
    assert_non_null(strstr(answer, "\r\n\r\nsecond"));
    assert_non_null(strstr(answer, "\r\n\r\n/third"));
    assert_non_null(strstr(answer, "\r\n\r\n/ignore"));
    assert_true(str_ends(answer, "\r\n\r\n/fifth"));
}

/* Every way of cutting a request into packets gives the same. */
static void test_split(void **state)
{
    static const char request[] =
        POST("/echo") "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";

    (void)state;
    for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
        int fd = fixture_connect(&fixture);
        assert_int_equal(send(fd, request, cut, MSG_NOSIGNAL), cut);
        (void)sched_yield();
        fixture_send(fd, request + cut);
        _cleanup_free_ char *answer = fixture_receive(fd, "\r\n\r\nbody");
        assert_true(str_ends(answer, "\r\n\r\nbody"));
        close_fd(fd);
    }
}

static void test_slow_head(void **state)
{
    (void)state;
    int fd = fixture_connect(&fixture);
    fixture_send(fd, "GET / HTTP/1.1\r\nHos");
    int64_t before = monotonic_nsec();
    _cleanup_free_ char *answer = fixture_receive(fd, NULL);
    assert_true(str_starts(answer, "HTTP/1.1 408"));
    assert_true(monotonic_nsec() - before < 5 * NSEC_PER_SEC);
    close_fd(fd);
}

static void test_continue(void **state)
{
    (void)state;
    int fd = fixture_connect(&fixture);
    fixture_send(fd, POST("/echo") "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    _cleanup_free_ char *go = fixture_receive(fd, "\r\n\r\n");
    assert_string_equal(go, "HTTP/1.1 100 Continue\r\n\r\n");
    fixture_send(fd, "ok");
    _cleanup_free_ char *answer = fixture_receive(fd, "\r\n\r\nok");
    assert_true(str_starts(answer, "HTTP/1.1 200"));
    /* A handler that does not want the body never asks for it. */
    fixture_send(fd, POST("/ignore") "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    _cleanup_free_ char *refused = fixture_receive(fd, NULL);
    assert_true(str_starts(refused, "HTTP/1.1 200"));
    assert_non_null(strstr(refused, "Connection: close"));
    close_fd(fd);
}

static void test_stream(void **state)
{
    (void)state;
    assert_answer(GET("/stream"), "HTTP/1.1 200",
                  "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n4\r\nfour\r\n0\r\n\r\n");
    assert_answer("GET /stream HTTP/1.0\r\n\r\n", "HTTP/1.1 200",
                  "Connection: close\r\n\r\nonefour");
}

static void test_response_splitting(void **state)
{
    (void)state;
    _cleanup_free_ char *answer =
        fixture_ask(&fixture, GET("/x?q=a%0d%0aEvil:%20yes%0d%0a%0d%0abody"));
    assert_non_null(strstr(answer, "X-Query: a  Evil: yes    body\r\n"));
    assert_null(strstr(answer, "\nEvil"));
}

static void test_hijack(void **state)
{
    (void)state;
    int fd = fixture_connect(&fixture);
    fixture_send(fd, POST("/hijack") "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: "
                                     "0\r\n\r\nearly");
    _cleanup_free_ char *answer = fixture_receive(fd, "<early>");
    assert_true(str_starts(answer, "HTTP/1.1 101 UPGRADED\r\n"
                                   "Content-Type: application/vnd.docker.raw-stream\r\n"
                                   "Connection: Upgrade\r\nUpgrade: tcp\r\n"));
    fixture_send(fd, "later");
    _cleanup_free_ char *rest = fixture_receive(fd, NULL);
    assert_string_equal(rest, "later");
    close_fd(fd);

    fd = fixture_connect(&fixture);
    fixture_send(fd, POST("/hijack") "Content-Type: x\r\nContent-Length: 2\r\n\r\n{}");
    _cleanup_free_ char *plain = fixture_receive(fd, "<>");
    assert_true(
        str_starts(plain, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream"));
    assert_null(strstr(plain, "Upgrade"));
    close_fd(fd);
}

static void test_body_fd(void **state)
{
    (void)state;
    enum { BIG = 3 * 1024 * 1024 };
    _cleanup_buf_ struct buf b = BUF_INIT(8 * MIB);
    (void)buf_addf(&b, POST("/fd") "Content-Length: %d\r\n\r\n", BIG);
    memset(buf_reserve(&b, BIG), 'x', BIG);
    b.len += BIG;
    (void)buf_addc(&b, '\0');
    assert_answer(b.data, "HTTP/1.1 200", "total=3145728 error=0");
    assert_answer(POST("/fd") "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                  "HTTP/1.1 200", "total=3 error=0");
    assert_answer(POST("/fd") "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd", "HTTP/1.1 200",
                  "total=3 error=1");
    assert_answer(POST("/fd") "Content-Length: 4\r\n\r\nabc", "HTTP/1.1 200", "total=3 error=1");
    assert_answer(GET("/fd"), "HTTP/1.1 200", "total=0 error=0");
    /* The same when the client keeps its side open, twice on one connection. */
    int kept = fixture_connect(&fixture);
    fixture_send(kept, POST("/fd") "Content-Length: 3\r\n\r\nabc");
    free(fixture_receive(kept, "total=3 error=0"));
    fixture_send(kept, POST("/fd") "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    _cleanup_free_ char *second = fixture_receive(kept, "total=2 error=0");
    assert_true(str_ends(second, "total=2 error=0"));
    close_fd(kept);
    /* The reader closes while the client still has to send. */
    int fd = fixture_connect(&fixture);
    fixture_send(fd, POST("/fd-early") "Content-Length: 1000\r\n\r\nx");
    _cleanup_free_ char *answer = fixture_receive(fd, "early");
    assert_true(str_starts(answer, "HTTP/1.1 200"));
    close_fd(fd);
}

static void wait_for_streams(int n)
{
    for (int i = 0; i < 1000 && atomic_load(&streams_running) != n; i++)
        (void)usleep(5000);
    assert_int_equal(atomic_load(&streams_running), n);
}

static size_t open_fds(void)
{
    size_t n = 0;
    DIR *d = opendir("/proc/self/fd");

    assert_non_null(d);
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n;
}

static size_t resident_bytes(void)
{
    _cleanup_free_ char *text = NULL;
    size_t pages = 0;

    assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/statm", 256, &text, NULL), 0);
    assert_int_equal(sscanf(text, "%*u %zu", &pages), 1);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Ten thousand readers of a stream come and vanish: no thread, descriptor or memory stays. */
static void test_client_gone(void **state)
{
    (void)state;
    wait_for_streams(0);
    size_t before = open_fds();
    size_t memory = 0;
    for (int round = 0; round < 250; round++) {
        if (round == 25)
            memory = resident_bytes();
        int fds[40];
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
            fds[i] = fixture_connect(&fixture);
            fixture_send(fds[i], GET("/wait"));
        }
        wait_for_streams(ARRAY_SIZE(fds));
        /* Bytes behind the request are not a client that went. */
        fixture_send(fds[0], "GET");
        if (round == 0)
            (void)usleep(20000);
        assert_int_equal(atomic_load(&streams_running), ARRAY_SIZE(fds));
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
            close_fd(fds[i]);
        wait_for_streams(0);
    }
    for (int i = 0; i < 1000 && open_fds() > before; i++)
        (void)usleep(5000);
    assert_true(open_fds() <= before);
    if (!SANITIZED)
        assert_true(resident_bytes() < memory + 2 * MIB);
}

/* At the ceiling an idle connection makes room; without one the newcomer is refused. */
static void test_ceiling(void **state)
{
    struct fixture f;
    int fds[4];

    (void)state;
    fixture_start(&f, on_request, NULL, ARRAY_SIZE(fds));
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        fds[i] = fixture_connect(&f);
        fixture_send(fds[i], i == 0 ? GET("/idle") : GET("/wait"));
        free(fixture_receive(fds[i], i == 0 ? "\r\n\r\n/idle" : "\r\n\r\n"));
    }
    wait_for_streams(ARRAY_SIZE(fds) - 1);
    (void)usleep(50000);
    int fd = fixture_connect(&f);
    fixture_send(fd, GET("/wait"));
    free(fixture_receive(fd, "\r\n\r\n"));
    _cleanup_free_ char *evicted = fixture_receive(fds[0], NULL);
    assert_string_equal(evicted, "");
    int more = fixture_connect(&f);
    _cleanup_free_ char *refused = fixture_receive(more, NULL);
    assert_true(str_starts(refused, "HTTP/1.1 503"));
    close_fd(more);
    close_fd(fd);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close_fd(fds[i]);
    fixture_stop(&f);
}

/* Stopping ends idle connections and streams at once. */
static void test_stop(void **state)
{
    struct fixture f;

    (void)state;
    fixture_start(&f, on_request, NULL, 8);
    int idle = fixture_connect(&f);
    fixture_send(idle, GET("/x"));
    free(fixture_receive(idle, "/x"));
    int stream = fixture_connect(&f);
    fixture_send(stream, GET("/wait"));
    free(fixture_receive(stream, "\r\n\r\n"));
    int64_t before = monotonic_nsec();
    fixture_stop(&f);
    assert_true(monotonic_nsec() - before < 2 * NSEC_PER_SEC);
    _cleanup_free_ char *end = fixture_receive(stream, NULL);
    assert_string_equal(end, "0\r\n\r\n");
    close_fd(idle);
    close_fd(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),    cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_pipelined),
        cmocka_unit_test(test_split),    cmocka_unit_test(test_slow_head),
        cmocka_unit_test(test_continue), cmocka_unit_test(test_stream),
        cmocka_unit_test(test_hijack),   cmocka_unit_test(test_response_splitting),
        cmocka_unit_test(test_body_fd),  cmocka_unit_test(test_client_gone),
        cmocka_unit_test(test_ceiling),  cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests_name("http/server", tests, set_up, tear_down);
}
