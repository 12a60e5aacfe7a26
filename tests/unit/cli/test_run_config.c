/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From `run` options to the request body, and help texts against golden files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/run.h"

/* The value at a path such as "HostConfig.Devices", printed; "" when it is absent. */
static char *value_at(const json_t *j, const char *path)
{
    _cleanup_strv_ char **keys = str_split(path, '.');
    for (char **k = keys; j && *k; k++)
        j = json_object_get(j, *k);
    return j ? json_print(j) : xstrdup("");
}

static int config_of(const char *line, json_t **ret, struct err *err)
{
    char **argv = str_split(line, ' ');
    struct args *a = NULL;
    int r = args_parse(run_table + CREATE_ONLY_OPTS, N_RUN_TABLE - CREATE_ONLY_OPTS,
                       (int)strv_len(argv), argv, true, &a, err);
    if (r == 0)
        r = run_config(a, ret, err);
    args_free(a);
    strv_free(argv);
    return r;
}

static void requests(void **state)
{
    static const struct {
        const char *line, *path, *value;
    } cases[] = {
        {"busybox a b", "Cmd", "[\"a\",\"b\"]"},
        {"busybox", "Cmd", "null"},
        {"-it busybox", "AttachStdin", "true"},
        {"-d -i busybox", "AttachStdin", "false"},
        {"-i busybox", "StdinOnce", "true"},
        {"-a stdout busybox", "AttachStderr", "false"},
        {"-e A=b -e C= busybox", "Env", "[\"A=b\",\"C=\"]"},
        {"--entrypoint sh busybox", "Entrypoint", "[\"sh\"]"},
        {"-l a=b -l k busybox", "Labels", "{\"a\":\"b\",\"k\":\"\"}"},
        {"-p 80:8080 busybox", "HostConfig.PortBindings",
         "{\"8080/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"80\"}]}"},
        {"-p 127.0.0.1:81-82:90-91/udp busybox", "HostConfig.PortBindings",
         "{\"90/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"81\"}],"
         "\"91/udp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"82\"}]}"},
        {"-p [::1]:9:9 busybox", "HostConfig.PortBindings",
         "{\"9/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"9\"}]}"},
        {"-p 1000-1002:7 busybox", "HostConfig.PortBindings",
         "{\"7/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"1000-1002\"}]}"},
        {"--expose 20-21 busybox", "ExposedPorts", "{\"20/tcp\":{},\"21/tcp\":{}}"},
        {"-v /x -v /a:/b:ro busybox", "Volumes", "{\"/x\":{}}"},
        {"-v /x -v /a:/b:ro busybox", "HostConfig.Binds", "[\"/a:/b:ro\"]"},
        {"--tmpfs /t:size=1m --tmpfs /u busybox", "HostConfig.Tmpfs",
         "{\"/t\":\"size=1m\",\"/u\":\"\"}"},
        {"--mount type=bind,src=/q,dst=/w,readonly busybox", "HostConfig.Mounts",
         "[{\"Type\":\"bind\",\"Source\":\"/q\",\"Target\":\"/w\",\"ReadOnly\":true}]"},
        {"--mount type=tmpfs,dst=/t,tmpfs-size=1k,tmpfs-mode=700 busybox", "HostConfig.Mounts",
         "[{\"Type\":\"tmpfs\",\"Target\":\"/t\",\"TmpfsOptions\":{\"SizeBytes\":1024,\"Mode\":448}}]"},
        {"--cpus 1.5 busybox", "HostConfig.NanoCpus", "1500000000"},
        {"-m 1g --memory-swap -1 busybox", "HostConfig.MemorySwap", "-1"},
        {"--ulimit nofile=10:20 --ulimit core=0 busybox", "HostConfig.Ulimits",
         "[{\"Name\":\"core\",\"Hard\":0,\"Soft\":0},{\"Name\":\"nofile\",\"Hard\":20,\"Soft\":10}]"},
        {"--device /dev/a --device /dev/b:/dev/c:r --device /dev/d:rw busybox",
         "HostConfig.Devices",
         "[{\"PathOnHost\":\"/dev/a\",\"PathInContainer\":\"/dev/a\",\"CgroupPermissions\":\"rwm\"},"
         "{\"PathOnHost\":\"/dev/b\",\"PathInContainer\":\"/dev/c\",\"CgroupPermissions\":\"r\"},"
         "{\"PathOnHost\":\"/dev/d\",\"PathInContainer\":\"/dev/d\",\"CgroupPermissions\":\"rw\"}]"},
        {"--cap-add net_admin --cap-drop all --cap-drop CAP_X busybox", "HostConfig.CapAdd",
         "[\"CAP_NET_ADMIN\"]"},
        {"--cap-add net_admin --cap-drop all busybox", "HostConfig.CapDrop", "[\"ALL\"]"},
        {"--restart on-failure:3 busybox", "HostConfig.RestartPolicy",
         "{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}"},
        {"--add-host x=::1 busybox", "HostConfig.ExtraHosts", "[\"x:::1\"]"},
        {"--net none busybox", "HostConfig.NetworkMode", "\"none\""},
        {"--network foo --ip 1.2.3.4 --network-alias x busybox",
         "NetworkingConfig.EndpointsConfig.foo",
         "{\"Aliases\":[\"x\"],\"IPAMConfig\":{\"IPv4Address\":\"1.2.3.4\"}}"},
        {"--health-cmd true --health-interval 5s busybox", "Healthcheck",
         "{\"Interval\":5000000000,\"Test\":[\"CMD-SHELL\",\"true\"]}"},
        {"--no-healthcheck busybox", "Healthcheck", "{\"Test\":[\"NONE\"]}"},
        {"--init=false busybox", "HostConfig.Init", "false"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_json_ json_t *j = NULL;
        struct err err = {0};
        if (config_of(cases[i].line, &j, &err) < 0)
            print_error("%s: %s\n", cases[i].line, err.message);
        assert_non_null(j);
        _cleanup_free_ char *value = value_at(j, cases[i].path);
        assert_string_equal(value, cases[i].value);
    }
}

static void refusals(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"--rm --restart always x", "conflicting options: cannot specify both --restart and --rm"},
        {"-p x busybox", "invalid containerPort: x"},
        {"-p 1-3:1-2 busybox",
         "invalid ranges specified for container and host Ports: 1-2 and 1-3"},
        {"-p 80/foo busybox", "invalid proto: foo"},
        {"-p 70000 busybox", "invalid containerPort: 70000"},
        {"--device a:b:c:d busybox", "bad format for path: a:b:c:d"},
        {"--security-opt x busybox", "Invalid --security-opt: \"x\""},
        {"--memory-swappiness 200 busybox",
         "invalid value: 200. Valid memory swappiness range is 0-100"},
        {"--net= busybox", "no name set for network"},
        {"--env-file /proc/absent busybox", "open /proc/absent: no such file or directory"},
        {"--health-cmd x --no-healthcheck busybox",
         "--no-healthcheck conflicts with --health-* options"},
        {"--mount type=bind,src=/a busybox",
         "invalid argument \"type=bind,src=/a\" for \"--mount\" flag: target is required"},
        {"--mount type=bind,dst=/a,tmpfs-size=1 busybox",
         "invalid argument \"type=bind,dst=/a,tmpfs-size=1\" for \"--mount\" flag: cannot mix "
         "'tmpfs-*' options with mount type 'bind'"},
        {"--ulimit foo=1 busybox",
         "invalid argument \"foo=1\" for \"--ulimit\" flag: invalid ulimit type: foo"},
        {"--ulimit nofile=2:1 busybox",
         "invalid argument \"nofile=2:1\" for \"--ulimit\" flag: ulimit soft limit must be less "
         "than or equal to hard limit: 2 > 1"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_json_ json_t *j = NULL;
        struct err err = {0};
        int r = config_of(cases[i].line, &j, &err);
        if (r >= 0)
            print_error("accepted: %s\n", cases[i].line);
        assert_true(r < 0);
        assert_string_equal(err.message, cases[i].text);
    }
}

static void references(void **state)
{
    static const char *const good[] = {
        "busybox", "busybox:latest", "a/b/c:1.0-x", "h:5000/x", "Host.example/x@sha256:0123",
        "a__b",    "localhost/x"};
    static const struct {
        const char *ref, *text;
    } bad[] = {{"X", "invalid reference format: repository name (library/X) must be lowercase"},
               {"a b", "invalid reference format"},
               {"", "invalid reference format"},
               {"a:", NULL},
               {":x", "invalid reference format"},
               {"a/", "invalid reference format"}};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(image_reference_check(good[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err err = {0};
        int r = image_reference_check(bad[i].ref, &err);
        if (bad[i].text) {
            assert_true(r < 0);
            assert_string_equal(err.message, bad[i].text);
        }
    }
}

/* Each file in tests/golden/cli holds the help of the command it is named after ("container-ls").
 * UPDATE_GOLDEN=1 writes them. */
static void golden_help(void **state)
{
    const char *dir = getenv("GOLDEN_DIR");
    bool update = getenv("UPDATE_GOLDEN") != NULL;
    if (!dir)
        skip();
    for (const struct route *r = cli_routes; r->path; r++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        assert_non_null(out);
        help_command(out, r->command, r->path);
        (void)fclose(out);
        _cleanup_free_ char *made = text;
        _cleanup_free_ char *name = xasprintf("%s/%s.txt", dir, r->path);
        for (char *p = name + strlen(dir); *p; p++)
            if (*p == ' ')
                *p = '-';
        _cleanup_free_ char *kept = NULL;
        if (update)
            assert_int_equal(write_file_at(AT_FDCWD, name, made, len, 0644), 0);
        assert_int_equal(read_file_at(AT_FDCWD, name, 1 * MIB, &kept, NULL), 0);
        assert_string_equal(made, kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(refusals),
        cmocka_unit_test(references),
        cmocka_unit_test(golden_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
