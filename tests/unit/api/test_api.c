/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "../http/fixture.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/str.h"
#include "fake_engine.h"

#include <cmocka.h>

static struct fixture fixture;
static struct api api;
/* Held while the engine is called, and taken once before the fake is looked at: sockets order the
 * two, but ThreadSanitizer does not know. */
static pthread_mutex_t fake_mutex = PTHREAD_MUTEX_INITIALIZER;

static void handle(struct http_request *rq, void *ctx)
{
    LOCK_SCOPE(&fake_mutex);
    api_handle(rq, ctx);
}

static int set_up(void **state)
{
    (void)state;
    fixture_start(&fixture, handle, &api, 64);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fixture_stop(&fixture);
    fake_reset();
    return 0;
}

static int reset(void **state)
{
    (void)state;
    LOCK_SCOPE(&fake_mutex);
    fake_reset();
    return 0;
}

/* Sends a request, with a JSON body when there is one, and returns the answer. */
static char *ask(const char *method, const char *target, const char *body)
{
    _cleanup_free_ char *request =
        body ? xasprintf("%s %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         method, target, strlen(body), body)
             : xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, target);

    char *answer = fixture_ask(&fixture, request);
    LOCK_SCOPE(&fake_mutex);
    return answer;
}

/* The status, the body's start and (unless NULL) the call that the engine saw. */
static void expect(const char *method, const char *target, const char *body, int status,
                   const char *answer_start, const char *call)
{
    _cleanup_free_ char *answer = ask(method, target, body);
    const char *got = strstr(answer, "\r\n\r\n");
    char start[32];

    (void)snprintf(start, sizeof(start), "HTTP/1.1 %d ", status);
    if (!str_starts(answer, start) || !got || !str_starts(got + 4, answer_start))
        fail_msg("%s %s: wanted %d <%s>, got <%s>", method, target, status, answer_start, answer);
    if (call && !str_eq(fake.call, call))
        fail_msg("%s %s: wanted call <%s>, got <%s>", method, target, call, fake.call);
}

static void test_versions(void **state)
{
    (void)state;
    expect("GET", "/v1.12/info", NULL, 400,
           "{\"message\":\"client version 1.12 is too old. Minimum supported API version is 1.24, "
           "please upgrade your client to a newer version\"}\n",
           NULL);
    expect(
        "GET", "/v1.99/info", NULL, 400,
        "{\"message\":\"client version 1.99 is too new. Maximum supported API version is 1.55\"}\n",
        NULL);
    expect("GET", "/v2.0/info", NULL, 400, "{\"message\":\"client version 2.0 is too new.", NULL);
    expect("GET", "/v1.99999999999999999999/info", NULL, 400, "{\"message\":\"client version",
           NULL);
    expect("GET", "/v1/info", NULL, 400, "{\"message\":\"client version 1 is too old.", NULL);
    expect("GET", "/v1.x/info", NULL, 404, "{\"message\":\"page not found\"}\n", NULL);
    expect("GET", "/v1.24/v1.24/info", NULL, 404, "{\"message\":\"page not found\"}\n", NULL);
    expect("GET", "/v1.24/info", NULL, 200, "{\"fake\":true", "info");
    expect("GET", "/v1.55/info", NULL, 200, "{\"fake\":true}\n", "info");
    expect("GET", "/info", NULL, 200, "{\"fake\":true}\n", "info");
}

static void test_headers(void **state)
{
    (void)state;
    _cleanup_free_ char *answer = ask("GET", "/nope", NULL);
    assert_non_null(strstr(answer, "\r\nApi-Version: 1.55\r\n"));
    assert_non_null(strstr(answer, "\r\nDocker-Experimental: false\r\n"));
    assert_non_null(strstr(answer, "\r\nOstype: linux\r\n"));
    assert_non_null(strstr(answer, "\r\nServer: Lighter/" LIGHTER_VERSION " (linux)\r\n"));
    assert_non_null(strstr(answer, "\r\nContent-Type: application/json\r\n"));
    _cleanup_free_ char *ping = ask("HEAD", "/_ping", NULL);
    assert_non_null(strstr(ping, "\r\nBuilder-Version: 1\r\n"));
    assert_non_null(strstr(ping, "\r\nSwarm: inactive\r\n"));
    assert_non_null(strstr(ping, "\r\nContent-Length: 0\r\n"));
    expect("GET", "/_ping", NULL, 200, "OK", NULL);
    expect("GET", "/v1.24/_ping", NULL, 200, "OK", NULL);
}

static void test_routes(void **state)
{
    (void)state;
    expect("PUT", "/_ping", NULL, 405, "{\"message\":\"method not allowed\"}\n", NULL);
    expect("OPTIONS", "/anything", NULL, 200, "", NULL);
    expect("GET", "/containers/a/b/json", NULL, 404, "{\"message\":\"page not found\"}\n", NULL);
    expect("GET", "/containers//json", NULL, 404, "{\"message\":\"page not found\"}\n", NULL);
    expect("GET", "/images/docker.io/library/x/json", NULL, 200, "{",
           "image-inspect docker.io/library/x");
    expect("GET", "/images/docker.io%2Flibrary%2Fx/json", NULL, 200, "{",
           "image-inspect docker.io/library/x");
    expect("GET", "/images/json/json", NULL, 200, "{", "image-inspect json");
    expect("GET", "/images/a/b/history", NULL, 200, "{", "image-history a/b");
    expect("DELETE", "/images/a/b:c?force=1", NULL, 200, "{", "image-remove a/b:c 1 0");
    expect("POST", "/images/a/b/tag?repo=r/s&tag=t", NULL, 201, "", "image-tag a/b r/s:t");
    expect("POST", "/build", NULL, 501,
           "{\"message\":\"POST /build is not supported by this version of Lighter\"}\n", NULL);
    expect("POST", "/commit", NULL, 400, "{\"message\":\"bad parameter: container cannot", NULL);
    expect("POST", "/commit?container=x&repo=r&tag=t&pause=0", NULL, 201,
           "{\"Id\":\"sha256:", "commit x r:t");
    expect("POST", "/auth", NULL, 501, "{\"message\":\"logging in to a registry", NULL);
    expect("POST", "/containers/prune", NULL, 200, "{", "container_prune -");
    expect("GET", "/system/df?type=volume&type=image", NULL, 200, "{", "df 5");
    expect("GET", "/containers/x/archive", NULL, 400, "{\"message\":\"bad parameter: path", NULL);
    expect("GET", "/containers/x/changes", NULL, 200, "{", "changes x");
    expect("GET", "/containers/x/stats?stream=0&one-shot=1", NULL, 200, "", "stats x one-shot");
    expect("GET", "/containers/x/stats?one-shot=1", NULL, 400,
           "{\"message\":\"cannot have stream=true and one-shot=true\"}\n", NULL);
    expect("POST", "/containers/x/update", "{\"Memory\":9}", 200, "{\"Warnings\":null}\n",
           "update x");
    expect("GET", "/swarm", NULL, 503, "{\"message\":\"This node is not a swarm manager", NULL);
    expect("GET", "/v1.24/system/df", NULL, 404, "{\"message\":\"page not found\"}\n", NULL);
    expect("GET", "/networks/", NULL, 200, "{", "network-list");
    expect("GET", "/networks/bridge", NULL, 200, "{", "network-inspect bridge");
    expect("GET", "/volumes/v", NULL, 200, "{", "volume-inspect v");
    expect("DELETE", "/volumes/v?force=1", NULL, 204, "", "volume-remove v 1");
    expect("POST", "/volumes/create", NULL, 201, "{", "volume-create");
    fake.answer = "[]";
    expect("GET", "/volumes", NULL, 200, "{\"Volumes\":[],\"Warnings\":null}\n", "volume-list");
}

static void test_errors(void **state)
{
    static const struct {
        enum err_kind kind;
        int status;
    } table[] = {
        {ERR_INVALID, 400},     {ERR_UNAUTHORIZED, 401}, {ERR_FORBIDDEN, 403},
        {ERR_NOT_FOUND, 404},   {ERR_CONFLICT, 409},     {ERR_UNAVAILABLE, 503},
        {ERR_UNSUPPORTED, 501}, {ERR_NO_SPACE, 500},     {ERR_INTERNAL, 500},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        fake.fail = table[i].kind;
        fake.message = "No such container: \"x\"\n";
        expect("POST", "/containers/x/start", NULL, table[i].status,
               "{\"message\":\"No such container: \\\"x\\\"\\n\"}\n", "start x -");
    }
    fake.fail = ERR_NOT_MODIFIED;
    expect("POST", "/containers/x/start", NULL, 304, "", NULL);
}

static void test_containers(void **state)
{
    (void)state;
    expect("POST", "/containers/x/start?detachKeys=ctrl-a", NULL, 204, "", "start x ctrl-a");
    expect("POST", "/containers/x/start", "{}", 204, "", "start x -");
    expect("POST", "/containers/x/start", "{\"Binds\":[]}", 400,
           "{\"message\":\"starting container", NULL);
    expect("POST", "/containers/x/stop", NULL, 204, "", "stop x - 9999");
    expect("POST", "/containers/x/stop?t=5&signal=INT", NULL, 204, "", "stop x INT 5");
    expect("POST", "/containers/x/stop?t=-1", NULL, 204, "", "stop x - -1");
    expect("POST", "/v1.41/containers/x/stop?signal=INT", NULL, 204, "", "stop x - 9999");
    expect("POST", "/containers/x/stop?t=a", NULL, 400,
           "{\"message\":\"strconv.Atoi: parsing \\\"a\\\": invalid syntax\"}\n", NULL);
    expect("POST", "/containers/x/restart?t=99999999999", NULL, 400,
           "{\"message\":\"strconv.Atoi: parsing \\\"99999999999\\\": value out of range\"}\n",
           NULL);
    expect("POST", "/containers/x/kill?signal=9", NULL, 204, "", "kill x 9");
    expect("POST", "/containers/x/pause", NULL, 204, "", "pause x");
    expect("POST", "/containers/x/unpause", NULL, 204, "", "unpause x");
    expect("POST", "/containers/x/rename?name=y", NULL, 204, "", "rename x y");
    expect("POST", "/containers/x/rename", NULL, 400,
           "{\"message\":\"Neither old nor new names may be empty\"}\n", NULL);
    expect("POST", "/containers/x/resize?h=24&w=80", NULL, 200, "", "resize x 24 80");
    expect("POST", "/containers/x/resize?h=24", NULL, 400,
           "{\"message\":\"strconv.Atoi: parsing \\\"\\\": invalid syntax\"}\n", NULL);
    expect("DELETE", "/containers/x?v=1&force=true&link=no", NULL, 204, "", "remove x 1 1 0");
    expect("GET", "/containers/x/top?ps_args=-o%20pid", NULL, 200, "{", "top x -o pid");
    expect("GET", "/containers/x/json?size=1", NULL, 200, "{", "inspect x 1");
}

static void test_list(void **state)
{
    (void)state;
    fake.answer = "[]";
    expect("GET", "/containers/json", NULL, 200, "[]\n", "list - 0 -1 0");
    expect("GET", "/containers/json?all=1&size=1", NULL, 200, "[]\n", "list - 1 -1 1");
    expect("GET", "/containers/json?limit=3", NULL, 200, "[]\n", "list - 1 3 0");
    expect("GET", "/containers/json?filters=%7B%22status%22%3A%7B%22running%22%3Atrue%7D%7D", NULL,
           200, "[]\n", "list {\"status\":[\"running\"]} 0 -1 0");
    expect("GET", "/containers/json?filters=%7B%22name%22%3A%5B%22a%22%2C%22b%22%5D%7D", NULL, 200,
           "[]\n", "list {\"name\":[\"a\",\"b\"]} 0 -1 0");
    expect("GET", "/containers/json?filters=%7B%22foo%22%3A%5B%22x%22%5D%7D", NULL, 400,
           "{\"message\":\"invalid filter 'foo'\"}\n", NULL);
    expect("GET", "/containers/json?filters=xx", NULL, 400, "{\"message\":\"invalid filter\"}\n",
           NULL);
    expect("GET", "/containers/json?filters=%7B%22name%22%3A3%7D", NULL, 400,
           "{\"message\":\"invalid filter\"}\n", NULL);
    expect("GET", "/v1.24/images/json?filter=bus*", NULL, 200, "[]\n",
           "image-list {\"reference\":[\"bus*\"]} 0 0 0");
    expect("GET", "/images/json?filter=bus*&shared-size=1&digests=1", NULL, 200, "[]\n",
           "image-list - 0 1 1");
}

static void test_create(void **state)
{
    static const char id[] =
        "{\"Id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aa\",\"Warnings\":[]}\n";

    (void)state;
    expect("POST", "/containers/create?name=n&platform=linux/amd64", "{\"Image\":\"i\"}", 201, id,
           "create n linux/amd64");
    expect("POST", "/containers/create", NULL, 400,
           "{\"message\":\"invalid JSON: got EOF while reading request body\"}\n", NULL);
    expect("POST", "/containers/create", "{", 400,
           "{\"message\":\"invalid JSON: unexpected EOF\"}\n", NULL);
    expect("POST", "/containers/create", "{} x", 400,
           "{\"message\":\"unexpected content after JSON\"}\n", NULL);
    expect("POST", "/containers/create", "[]", 400, "{\"message\":\"invalid JSON: ", NULL);
    expect("POST", "/containers/create", "{}", 400,
           "{\"message\":\"config cannot be empty in order to create a container\"}\n", NULL);
    expect("POST", "/containers/create", "{\"HostConfig\":{}}", 400,
           "{\"message\":\"config cannot be empty in order to create a container\"}\n", NULL);
    _cleanup_free_ char *plain = fixture_ask(
        &fixture, "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                  "Content-Length: 2\r\n\r\n{}");
    assert_non_null(strstr(plain,
                           "{\"message\":\"unsupported Content-Type header (text/plain): must be "
                           "'application/json'\"}"));

    _cleanup_buf_ struct buf deep = BUF_INIT(1 * MIB);
    for (int i = 0; i < 10000; i++)
        (void)buf_adds(&deep, "{\"a\":");
    expect("POST", "/containers/create", buf_str(&deep), 400,
           "{\"message\":\"invalid JSON: ", NULL);

    expect("POST", "/v1.24/containers/create",
           "{\"Image\":\"i\",\"HostConfig\":{\"AutoRemove\":true,\"Annotations\":{}}}", 201, "{",
           NULL);
    const json_t *host = json_object_get(fake.body, "HostConfig");
    assert_null(json_object_get(host, "AutoRemove"));
    assert_null(json_object_get(host, "Annotations"));
    assert_string_equal(json_str_or(host, "IpcMode", ""), "shareable");
}

static void test_exec(void **state)
{
    (void)state;
    expect("POST", "/containers/x/exec", "{\"Cmd\":[\"true\"],\"Env\":[\"A=b\"]}", 201,
           "{\"Id\":\"aaa", "exec-create x");
    assert_non_null(json_object_get(fake.body, "Env"));
    expect("POST", "/v1.24/containers/x/exec", "{\"Cmd\":[\"true\"],\"Env\":[\"A=b\"]}", 201, "{",
           NULL);
    assert_null(json_object_get(fake.body, "Env"));
    expect("POST", "/containers/x/exec", "{}", 400, "{\"message\":\"No exec command specified\"}\n",
           NULL);
    expect("POST", "/exec/e/start", "{\"Detach\":true}", 200, "", "exec-start e 1 0 0 0 0");
    expect("POST", "/exec/e/start", "{\"Tty\":true,\"ConsoleSize\":[24,80]}", 200,
           "stream:", "exec-start e 0 1 24 80 1");
    expect("POST", "/v1.41/exec/e/start", "{\"Tty\":true,\"ConsoleSize\":[24,80]}", 200,
           "stream:", "exec-start e 0 1 0 0 1");
    expect("POST", "/exec/e/start", "{\"Tty\":true,\"ConsoleSize\":[24]}", 400,
           "{\"message\":\"invalid ConsoleSize\"}\n", NULL);
    expect("POST", "/exec/e/start", NULL, 200, "stream:", "exec-start e 0 0 0 0 1");
    expect("POST", "/exec/e/resize?h=1&w=2", NULL, 200, "", "exec-resize e 1 2");
    expect("GET", "/exec/e/json", NULL, 200, "{", "exec-inspect e");
}

static void assert_content_type(const char *method, const char *target, const char *type)
{
    _cleanup_free_ char *answer = ask(method, target, NULL);
    _cleanup_free_ char *line = xasprintf("\r\nContent-Type: %s\r\n", type);

    if (!strstr(answer, line))
        fail_msg("%s %s: no %s in <%s>", method, target, type, answer);
}

static void test_streams(void **state)
{
    static const char raw[] = "application/vnd.docker.raw-stream";
    static const char mux[] = "application/vnd.docker.multiplexed-stream";
    _cleanup_free_ char *upgraded = NULL;

    (void)state;
    expect("POST", "/containers/x/attach?stream=1&stdin=1&stdout=1", NULL, 200,
           "stream:", "attach x 10110 -");
    expect("GET", "/containers/x/logs?stdout=1&tail=5&timestamps=1&since=1.5", NULL, 200,
           "5\r\nline\n\r\n0\r\n\r\n", "logs x 10010 1500000000 0 5");
    expect("GET", "/containers/x/logs?stderr=1&tail=all&follow=1&until=2", NULL, 200, "5\r\nline\n",
           "logs x 01100 0 2000000000 -1");
    expect("GET", "/containers/x/logs", NULL, 400,
           "{\"message\":\"Bad parameters: you must choose at least one stream\"}\n", NULL);
    expect("GET", "/containers/x/logs?stdout=1&since=x", NULL, 400,
           "{\"message\":\"strconv.ParseInt", NULL);
    fake.multiplexed = true;
    /* the frames are told of to those only that ask for an upgrade */
    assert_content_type("POST", "/containers/x/attach", raw);
    upgraded = fixture_ask(&fixture, "POST /containers/x/attach HTTP/1.1\r\nHost: x\r\n"
                                     "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    assert_non_null(strstr(upgraded, mux));
    assert_content_type("GET", "/containers/x/logs?stdout=1", mux);
    assert_content_type("GET", "/v1.41/containers/x/logs?stdout=1", raw);
    assert_content_type("POST", "/v1.41/containers/x/attach", raw);
    fake.multiplexed = false;
    assert_content_type("GET", "/containers/x/logs?stdout=1", raw);
    fake.fail = ERR_NOT_FOUND;
    fake.message = "No such container: x";
    expect("POST", "/containers/x/attach", NULL, 404, "{\"message\":\"No such container: x\"}\n",
           NULL);
    expect("GET", "/containers/x/logs?stdout=1", NULL, 404, "{\"message\":\"No such", NULL);
}

static void test_wait(void **state)
{
    (void)state;
    expect("POST", "/containers/x/wait?condition=next-exit", NULL, 200,
           "10\r\n{\"StatusCode\":7}\r\n1\r\n\n\r\n0\r\n\r\n", "wait x next-exit 1");
    expect("POST", "/v1.24/containers/x/wait?condition=foo", NULL, 200, "{\"StatusCode\":7}\n",
           "wait x - 0");
    expect("POST", "/containers/x/wait?condition=foo", NULL, 400,
           "{\"message\":\"invalid condition: \\\"foo\\\"\"}\n", NULL);
    fake.message = "gone wrong";
    expect("POST", "/v1.29/containers/x/wait", NULL, 200,
           "{\"StatusCode\":7,\"Error\":{\"Message\":\"gone wrong\"}}\n", NULL);
    fake.fail = ERR_INTERNAL;
    fake.fail_late = true;
    _cleanup_free_ char *late = ask("POST", "/containers/x/wait", NULL);
    assert_non_null(strstr(late, "\"Error\":{\"Message\":\"gone wrong\"}"));
    fake.fail = ERR_NOT_FOUND;
    fake.fail_late = false;
    expect("POST", "/containers/x/wait", NULL, 404, "{\"message\":\"gone wrong\"}\n", NULL);
}

/* The headers are there before the wait ends, and a client that goes ends it. */
static void test_wait_headers(void **state)
{
    (void)state;
    int fd = fixture_connect(&fixture);
    fixture_send(fd, "POST /containers/forever/wait HTTP/1.1\r\nHost: x\r\n\r\n");
    _cleanup_free_ char *head = fixture_receive(fd, "\r\n\r\n");
    assert_true(str_starts(head, "HTTP/1.1 200"));
    assert_true(str_ends(head, "\r\n\r\n"));
    (void)shutdown(fd, SHUT_WR);
    _cleanup_free_ char *rest = fixture_receive(fd, NULL);
    assert_string_equal(rest, "0\r\n\r\n");
    close_fd(fd);
}

static void test_archives(void **state)
{
    (void)state;
    expect("POST", "/images/load?quiet=1", "archive", 200, "13\r\n{\"stream\":\"done\"}\r\n",
           "load 1");
    assert_int_equal(fake.received, 7);
    expect("POST", "/images/create?fromSrc=-&repo=r&tag=t&message=m&changes=A&changes=B&platform=p",
           "tar", 200, "13\r\n", "import - r t m [A;B] p");
    expect("POST", "/images/create?fromImage=busybox&tag=latest", NULL, 501,
           "{\"message\":\"pull busybox: registries are not supported", NULL);
    expect("POST", "/images/create?fromSrc=http://x/y", NULL, 501,
           "{\"message\":\"importing from a URL", NULL);
    expect("GET", "/images/get?names=a&names=b", NULL, 200, "3\r\ntar\r\n0\r\n\r\n", "save a,b");
    expect("GET", "/images/a/b/get", NULL, 200, "3\r\ntar\r\n", "save a/b");
    fake.fail = ERR_INVALID;
    fake.message = "broken";
    expect("POST", "/images/load", "archive", 400, "{\"message\":\"broken\"}\n", NULL);
    expect("GET", "/images/a/get", NULL, 400, "{\"message\":\"broken\"}\n", NULL);
    fake.fail_late = true;
    _cleanup_free_ char *load = ask("POST", "/images/load", "archive");
    assert_non_null(
        strstr(load, "{\"errorDetail\":{\"message\":\"broken\"},\"error\":\"broken\"}\r\n"));
    _cleanup_free_ char *save = ask("GET", "/images/a/get", NULL);
    assert_false(str_ends(save, "0\r\n\r\n"));
}

static void test_system(void **state)
{
    (void)state;
    fake.answer = "{\"Components\":[{\"Name\":\"Engine\",\"Details\":{}},{\"Name\":\"x\"}]}";
    expect("GET", "/version", NULL, 200,
           "{\"Components\":[{\"Name\":\"Engine\",\"Details\":{\"ApiVersion\":\"1.55\","
           "\"MinAPIVersion\":\"1.24\"}},{\"Name\":\"x\"}],\"ApiVersion\":\"1.55\","
           "\"MinAPIVersion\":\"1.24\"}\n",
           "version");
    expect("GET", "/events?since=1&until=2&filters=%7B%22type%22%3A%5B%22image%22%5D%7D", NULL, 200,
           "d\r\n{\"Type\":\"x\"}\n\r\n0\r\n\r\n",
           "events {\"type\":[\"image\"]} 1000000000 2000000000");
    expect("GET", "/events?since=3&until=2", NULL, 400, "{\"message\":\"`since` time (3)", NULL);
    assert_content_type("GET", "/events", "application/json");
}

static json_t *ask_json(const char *target, const char *engine_answer)
{
    fake.answer = engine_answer;
    _cleanup_free_ char *answer = ask("GET", target, NULL);
    const char *body = strstr(answer, "\r\n\r\n");
    assert_non_null(body);
    json_t *j = json_parse(body + 4, strlen(body + 4), "answer", NULL);
    assert_non_null(j);
    return j;
}

static void test_answer_versions(void **state)
{
    static const char container[] =
        "{\"Id\":\"0123456789abcdef\",\"Config\":{},\"Storage\":{},\"NetworkSettings\":{\"Networks\":{"
        "\"bridge\":{\"IPAddress\":\"172.17.0.2\",\"IPPrefixLen\":16,\"MacAddress\":\"aa\"},"
        "\"mine\":{}}}}";
    static const char image[] =
        "{\"Id\":\"x\",\"Size\":5,\"Config\":{\"Env\":[]},\"Descriptor\":{}}";
    static const char images[] = "[{\"Id\":\"x\",\"Size\":5,\"RepoTags\":[],\"RepoDigests\":[]}]";
    static const char info[] =
        "{\"SecurityOptions\":[\"name=seccomp,profile=builtin\"],\"Runtimes\":{"
        "\"r\":{\"path\":\"p\",\"status\":{}}}}";

    (void)state;
    _cleanup_json_ json_t *c50 = ask_json("/v1.50/containers/x/json", container);
    const json_t *settings = json_object_get(c50, "NetworkSettings");
    assert_string_equal(json_str_or(settings, "IPAddress", ""), "172.17.0.2");
    assert_int_equal(json_i64_or(settings, "IPPrefixLen", 0), 16);
    assert_non_null(json_object_get(settings, "SecondaryIPAddresses"));
    assert_null(json_object_get(c50, "Storage"));
    assert_null(json_object_get(json_object_get(c50, "Config"), "MacAddress"));
    _cleanup_json_ json_t *c55 = ask_json("/containers/x/json", container);
    assert_null(json_object_get(json_object_get(c55, "NetworkSettings"), "IPAddress"));
    assert_non_null(json_object_get(c55, "Storage"));
    _cleanup_json_ json_t *c24 = ask_json("/v1.24/containers/x/json", container);
    assert_string_equal(json_str_or(json_object_get(c24, "Config"), "MacAddress", ""), "aa");
    const json_t *mine = json_object_get(
        json_object_get(json_object_get(c24, "NetworkSettings"), "Networks"), "mine");
    assert_string_equal(json_string_value(json_array_get(json_object_get(mine, "Aliases"), 0)),
                        "0123456789ab");

    _cleanup_json_ json_t *i43 = ask_json("/v1.43/images/x/json", image);
    assert_int_equal(json_i64_or(i43, "VirtualSize", 0), 5);
    assert_non_null(json_object_get(i43, "ContainerConfig"));
    assert_null(json_object_get(i43, "Descriptor"));
    assert_non_null(json_object_get(json_object_get(i43, "Config"), "Hostname"));
    _cleanup_json_ json_t *i55 = ask_json("/images/x/json", image);
    assert_null(json_object_get(i55, "VirtualSize"));
    assert_null(json_object_get(i55, "Parent"));
    assert_null(json_object_get(json_object_get(i55, "Config"), "Hostname"));
    _cleanup_json_ json_t *l42 = ask_json("/v1.42/images/json", images);
    const json_t *tags = json_object_get(json_array_get(l42, 0), "RepoTags");
    assert_string_equal(json_string_value(json_array_get(tags, 0)), "<none>:<none>");
    _cleanup_json_ json_t *l44 = ask_json("/v1.44/images/json", images);
    assert_int_equal(json_array_size(json_object_get(json_array_get(l44, 0), "RepoTags")), 0);

    _cleanup_json_ json_t *n24 = ask_json("/v1.24/info", info);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(n24, "SecurityOptions"), 0)), "seccomp");
    assert_null(json_object_get(json_object_get(json_object_get(n24, "Runtimes"), "r"), "status"));
    assert_true(json_bool_or(n24, "KernelMemory", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_versions, reset),
        cmocka_unit_test_setup(test_headers, reset),
        cmocka_unit_test_setup(test_routes, reset),
        cmocka_unit_test_setup(test_errors, reset),
        cmocka_unit_test_setup(test_containers, reset),
        cmocka_unit_test_setup(test_list, reset),
        cmocka_unit_test_setup(test_create, reset),
        cmocka_unit_test_setup(test_exec, reset),
        cmocka_unit_test_setup(test_streams, reset),
        cmocka_unit_test_setup(test_wait, reset),
        cmocka_unit_test_setup(test_wait_headers, reset),
        cmocka_unit_test_setup(test_archives, reset),
        cmocka_unit_test_setup(test_system, reset),
        cmocka_unit_test_setup(test_answer_versions, reset),
    };

    return cmocka_run_group_tests_name("api/api", tests, set_up, tear_down);
}
