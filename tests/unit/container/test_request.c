/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "container/fields.h"
#include "container/request.h"

static const struct container_defaults defaults = {.n_cpus = 2, .n_mems = 1, .cpus_known = true};

static int parse(const char *text, struct container_request *rq, json_t *warnings, struct err *err)
{
    _cleanup_json_ json_t *body = json_parse(text, strlen(text), "body", NULL);

    assert_non_null(body);
    return container_request_parse(body, &defaults, rq, warnings, err);
}

/* host: members of HostConfig */
static void refused(const char *body, const char *message)
{
    struct container_request rq = {0};
    struct err err = {0};

    if (parse(body, &rq, NULL, &err) == 0)
        fail_msg("accepted: %s", body);
    if (!str_eq(err.message, message))
        fail_msg("%s:\n  \"%s\"\nwanted\n  \"%s\"", body, err.message, message);
}

static void test_docker_client_request(void **state)
{
    static const char body[] =
        "{\"Hostname\":\"\",\"User\":\"\",\"AttachStdout\":true,\"Tty\":false,\"Env\":null,"
        "\"Cmd\":[\"echo\",\"hi\"],\"Image\":\"busybox\",\"Volumes\":{},\"Entrypoint\":null,"
        "\"OnBuild\":null,\"Labels\":{},\"HostConfig\":{\"Binds\":null,\"LogConfig\":{\"Type\":\"\","
        "\"Config\":{}},\"NetworkMode\":\"default\",\"PortBindings\":{},\"RestartPolicy\":{\"Name\":"
        "\"no\",\"MaximumRetryCount\":0},\"MemorySwappiness\":-1,\"PidsLimit\":0,"
        "\"OomKillDisable\":false,\"Devices\":[],\"ConsoleSize\":[0,0],\"MaskedPaths\":null},"
        "\"NetworkingConfig\":{\"EndpointsConfig\":{\"default\":{\"IPAMConfig\":null,\"Links\":null,"
        "\"Aliases\":null,\"MacAddress\":\"\",\"GwPriority\":0,\"DNSNames\":null}}}}";
    _cleanup_json_ json_t *warnings = json_array();
    struct container_request rq = {0};
    struct err err = {0};

    (void)state;
    if (parse(body, &rq, warnings, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(json_array_size(warnings), 0);
    assert_string_equal(json_str_or(rq.host, "NetworkMode", ""), "bridge");
    assert_string_equal(json_str_or(rq.host, "IpcMode", ""), "private");
    assert_int_equal(json_i64_or(rq.host, "ShmSize", 0), 67108864);
    assert_true(json_is_null(json_object_get(rq.host, "MemorySwappiness")));
    assert_true(json_is_null(json_object_get(rq.host, "PidsLimit")));
    assert_true(json_is_array(json_object_get(rq.host, "Devices")));
    assert_true(json_is_null(json_object_get(rq.host, "CapAdd")));
    assert_null(json_object_get(rq.host, "Tmpfs"));
    assert_string_equal(json_str_or(json_object_get(rq.host, "LogConfig"), "Type", ""),
                        "json-file");
    container_request_done(&rq);
}

static void test_refusals(void **state)
{
#define HOST(text) "{\"Cmd\":[\"x\"],\"HostConfig\":{" text "}}"
    (void)state;
    refused(HOST("\"Memory\":1048576"), "Minimum memory limit allowed is 6MB");
    refused(HOST("\"Memory\":67108864,\"MemorySwap\":33554432"),
            "Minimum memoryswap limit should be larger than memory limit, see usage");
    refused(HOST("\"MemorySwap\":67108864"),
            "You should always set the Memory limit when using Memoryswap limit, see usage");
    refused(HOST("\"NanoCpus\":100000000000"),
            "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available");
    refused(HOST("\"NanoCpus\":1000000000,\"CpuQuota\":5000"),
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    refused(HOST("\"CpusetCpus\":\"9\""),
            "Requested CPUs are not available - requested 9, available: 0-1");
    refused(HOST("\"CpusetCpus\":\"x\""), "Invalid value x for cpuset cpus: invalid format: x");
    refused(HOST("\"IpcMode\":\"foo\""), "invalid IPC mode: foo");
    refused(HOST("\"PidMode\":\"foo\""), "invalid PID mode: foo");
    refused(HOST("\"CapAdd\":[\"FOO\"]"), "invalid CapAdd: unknown capability: \"CAP_FOO\"");
    refused(HOST("\"OomScoreAdj\":5000"),
            "Invalid value 5000, range for oom score adj is [-1000, 1000]");
    refused(HOST("\"Runtime\":\"foo\""), "unknown or invalid runtime name: foo");
    refused(HOST("\"LogConfig\":{\"Type\":\"json-file\",\"Config\":{\"foo\":\"bar\"}}"),
            "unknown log opt 'foo' for json-file log driver");
    refused(HOST("\"LogConfig\":{\"Type\":\"foo\"}"),
            "error looking up logging plugin foo: plugin \"foo\" not found");
    refused(HOST("\"AutoRemove\":true,\"RestartPolicy\":{\"Name\":\"always\"}"),
            "can't create 'AutoRemove' container with restart policy");
    refused(HOST("\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"80\"}]}"),
            "HostConfig.PortBindings: publishing ports is not supported by this version");
    refused(HOST("\"Memory\":\"1g\""), "field \"HostConfig.Memory\" must be an integer");
    refused(HOST("\"CpuCount\":2"), "HostConfig.CpuCount: is for Windows only");
    refused("{\"Cmd\":[\"x\"],\"WorkingDir\":\"rel\"}",
            "the working directory 'rel' is invalid, it needs to be an absolute path");
    refused("{\"Cmd\":[\"x\"],\"StopSignal\":\"FOO\"}", "invalid signal: FOO");
    refused("{\"Cmd\":[1]}", "field \"Config.Cmd\" must be a string or an array of strings");
    refused("{\"Cmd\":[\"x\"],\"Hostname\":\"h\",\"HostConfig\":{\"UTSMode\":\"host\"}}",
            "conflicting options: hostname and the UTS mode");
}

/* What Docker stores is not always what it was asked for. */
static void test_adapted(void **state)
{
    struct container_defaults weak = defaults;
    _cleanup_json_ json_t *warnings = json_array();
    _cleanup_json_ json_t *body =
        json_pack("{s:[s],s:{s:i,s:i,s:b,s:[s]}}", "Cmd", "sh", "HostConfig", "PidsLimit", -1,
                  "BlkioWeight", 5, "Privileged", 1, "SecurityOpt", "seccomp=unconfined");
    struct container_request rq = {0};
    struct err err = {0};
    json_t *opts;

    (void)state;
    weak.no_blkio_weight = true;
    assert_int_equal(container_request_parse(body, &weak, &rq, warnings, &err), 0);
    assert_true(json_is_null(json_object_get(rq.host, "PidsLimit")));
    assert_int_equal(json_i64_or(rq.host, "BlkioWeight", -1), 0);
    assert_int_equal(json_array_size(warnings), 1);
    opts = json_object_get(rq.host, "SecurityOpt");
    assert_int_equal(json_array_size(opts), 2);
    assert_string_equal(json_string_value(json_array_get(opts, 1)), "label=disable");
    container_request_done(&rq);
    refused("{\"Cmd\":\"sh\",\"HostConfig\":{\"BlkioWeight\":5}}",
            "Range of blkio weight is from 10 to 1000");
    refused("{\"Cmd\":\"sh\",\"HostConfig\":{\"CpusetMems\":\"9\"}}",
            "Requested memory nodes are not available - requested 9, available: 0");
    refused("{\"Cmd\":\"sh\",\"HostConfig\":{\"LogConfig\":{\"Type\":\"local\"}}}",
            "the logging driver \"local\" is not supported by this version");
}

static void test_unknown_field_warns(void **state)
{
    _cleanup_json_ json_t *warnings = json_array();
    struct container_request rq = {0};

    (void)state;
    assert_int_equal(parse("{\"Cmd\":\"sh\",\"Frobnicate\":1,\"Zero\":0,\"hostconfig\":{}}", &rq,
                           warnings, NULL),
                     0);
    assert_int_equal(json_array_size(warnings), 1);
    assert_string_equal(json_string_value(json_array_get(warnings, 0)),
                        "Ignored: the unknown field Config.Frobnicate");
    /* one string is a command of one word, as Docker reads it */
    assert_int_equal(json_array_size(json_object_get(rq.config, "Cmd")), 1);
    container_request_done(&rq);
}

static void merged(const char *body, const char *image, const char *entrypoint, const char *cmd)
{
    _cleanup_json_ json_t *im = json_loads(image, 0, NULL);
    _cleanup_free_ char *got_entry = NULL, *got_cmd = NULL;
    struct container_request rq = {0};

    assert_int_equal(parse(body, &rq, NULL, NULL), 0);
    assert_int_equal(container_request_merge(&rq, im, "0123456789abcdef", NULL, NULL), 0);
    got_entry =
        json_dumps(json_object_get(rq.config, "Entrypoint"), JSON_COMPACT | JSON_ENCODE_ANY);
    got_cmd = json_dumps(json_object_get(rq.config, "Cmd"), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(got_entry, entrypoint);
    assert_string_equal(got_cmd, cmd);
    assert_string_equal(json_str_or(rq.config, "Hostname", ""), "0123456789ab");
    container_request_done(&rq);
}

static void test_merge(void **state)
{
    static const char image[] =
        "{\"Entrypoint\":[\"/e\"],\"Cmd\":[\"c\"],\"Env\":[\"A=1\",\"B=2\"],"
        "\"Labels\":{\"l\":\"image\"},\"Volumes\":{\"/v\":{}}}";
    _cleanup_json_ json_t *im = json_loads(image, 0, NULL);
    struct container_request rq = {0};
    struct err err = {0};

    (void)state;
    merged("{}", image, "[\"/e\"]", "[\"c\"]");
    merged("{\"Cmd\":[\"x\"]}", image, "[\"/e\"]", "[\"x\"]");
    merged("{\"Entrypoint\":[\"/y\"]}", image, "[\"/y\"]", "null");
    merged("{\"Entrypoint\":[\"\"],\"Cmd\":[\"x\"]}", image, "null", "[\"x\"]");
    assert_int_equal(parse("{\"Env\":[\"A=9\"],\"Labels\":{\"l\":\"mine\"}}", &rq, NULL, NULL), 0);
    assert_int_equal(container_request_merge(&rq, im, "0123456789abcdef", NULL, NULL), 0);
    assert_int_equal(json_array_size(json_object_get(rq.config, "Env")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(rq.config, "Env"), 0)),
                        "A=9");
    assert_string_equal(json_str_or(json_object_get(rq.config, "Labels"), "l", ""), "mine");
    assert_non_null(json_object_get(json_object_get(rq.config, "Volumes"), "/v"));
    container_request_done(&rq);
    assert_int_equal(parse("{}", &rq, NULL, NULL), 0);
    assert_true(container_request_merge(&rq, NULL, "0123456789abcdef", NULL, &err) < 0);
    assert_string_equal(err.message, "no command specified");
    container_request_done(&rq);
}

static void test_names_and_signals(void **state)
{
    static const struct {
        const char *text;
        int signo;
    } good[] = {{"9", 9},        {"KILL", SIGKILL}, {"sigterm", SIGTERM},
                {"RTMIN+3", 37}, {"RTMAX-1", 63},   {"64", 64}};
    static const char *const bad[] = {"", "0", "65", "-1", "FOO", "SIG", "9x", "RTMIN+99"};
    int signo = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(container_signal_parse(good[i].text, &signo, NULL), 0);
        assert_int_equal(signo, good[i].signo);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(container_signal_parse(bad[i], &signo, NULL) < 0);
    assert_true(container_name_valid("a1_.-"));
    assert_false(container_name_valid("a"));
    assert_false(container_name_valid("-ab"));
    assert_false(container_name_valid("a/b"));
    assert_false(container_name_valid("a\nb"));
    for (unsigned i = 0; i < 50; i++) {
        _cleanup_free_ char *name = container_name_random(i % 5);

        assert_true(container_name_valid(name));
        assert_non_null(strchr(name, '_'));
    }
}

static void test_sizes(void **state)
{
    int64_t n = 0;

    (void)state;
    assert_int_equal(container_size_parse("10m", &n), 0);
    assert_int_equal(n, 10 << 20);
    assert_int_equal(container_size_parse("1GiB", &n), 0);
    assert_int_equal(n, 1 << 30);
    assert_int_equal(container_size_parse("512", &n), 0);
    assert_int_equal(n, 512);
    assert_true(container_size_parse("", &n) < 0);
    assert_true(container_size_parse("m", &n) < 0);
    assert_true(container_size_parse("-1", &n) < 0);
    assert_true(container_size_parse("10x", &n) < 0);
    assert_true(container_size_parse("99999999999999999999", &n) < 0);
    assert_true(container_size_parse("9999999999p", &n) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_docker_client_request),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_adapted),
        cmocka_unit_test(test_unknown_field_warns),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_names_and_signals),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
