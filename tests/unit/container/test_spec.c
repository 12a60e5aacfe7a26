/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "container/caps.h"
#include "container/mounts.h"
#include "container/request.h"
#include "container/spec.h"
#include "oci/spec.h"

static char dir[] = "/tmp/test-spec-XXXXXX";
static int root = -1;

static json_t *build(const char *body, struct err *err)
{
    const struct container_defaults defaults = {.n_cpus = 4, .cpus_known = true};
    _cleanup_json_ json_t *j = json_loads(body, 0, NULL), *mounts = NULL;
    struct container_request rq = {0};
    struct container_spec_params p;
    json_t *spec = NULL;

    assert_non_null(j);
    if (container_request_parse(j, &defaults, &rq, NULL, err) < 0 ||
        container_request_merge(&rq, NULL, "0123456789abcdef", NULL, err) < 0 ||
        container_mounts_parse(rq.config, rq.host, NULL, &mounts, err) < 0) {
        container_request_done(&rq);
        return NULL;
    }
    p = (struct container_spec_params){
        .id = "0123456789abcdef",
        .config = rq.config,
        .host = rq.host,
        .mounts = mounts,
        .rootfs_fd = root,
        .resolv_path = "/r",
        .hostname_path = "/n",
        .hosts_path = "/h",
        .bounding_caps = UINT64_MAX,
        .network_given = true,
        .init_path = "/init",
    };
    (void)container_spec_build(&p, &spec, err);
    container_request_done(&rq);
    return spec;
}

static json_t *good(const char *body)
{
    struct err err = {0};
    json_t *spec = build(body, &err);

    if (!spec)
        fail_msg("%s: %s", body, err.message);
    return spec;
}

static void bad(const char *body, const char *message)
{
    struct err err = {0};

    assert_null(build(body, &err));
    assert_string_equal(err.message, message);
}

static json_t *mount_at(const json_t *spec, const char *destination)
{
    json_t *m;
    size_t i;

    json_array_foreach(json_object_get(spec, "mounts"), i, m)
        if (str_eq(json_str_or(m, "destination", ""), destination))
            return m;
    return NULL;
}

static bool has_option(const json_t *mount, const char *option)
{
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(mount, "options"), i, v)
        if (str_eq(json_string_value(v), option))
            return true;
    return false;
}

static void test_defaults(void **state)
{
    _cleanup_json_ json_t *spec = good("{\"Cmd\":[\"true\"]}");
    json_t *process = json_object_get(spec, "process"), *linux_obj = json_object_get(spec, "linux");
    json_t *caps = json_object_get(process, "capabilities");

    (void)state;
    assert_string_equal(json_str_or(process, "cwd", ""), "/");
    assert_int_equal(json_array_size(json_object_get(caps, "bounding")), 14);
    assert_null(json_object_get(caps, "inheritable"));
    assert_null(json_object_get(caps, "ambient"));
    assert_true(has_option(mount_at(spec, "/sys"), "ro"));
    assert_true(has_option(mount_at(spec, "/sys/fs/cgroup"), "ro"));
    assert_true(has_option(mount_at(spec, "/dev/shm"), "size=67108864"));
    assert_string_equal(json_str_or(mount_at(spec, "/etc/hosts"), "source", ""), "/h");
    assert_string_equal(json_str_or(linux_obj, "cgroupsPath", ""), "/lighter/0123456789abcdef");
    assert_int_equal(json_array_size(json_object_get(linux_obj, "namespaces")), 5);
    assert_true(json_array_size(json_object_get(linux_obj, "maskedPaths")) >= 11);
    assert_string_equal(json_str_or(spec, "hostname", ""), "0123456789ab");
}

static void test_privileged(void **state)
{
    _cleanup_json_ json_t *spec = good("{\"Cmd\":[\"true\"],\"HostConfig\":{\"Privileged\":true}}");
    json_t *caps = json_object_get(json_object_get(spec, "process"), "capabilities");

    (void)state;
    assert_int_equal(json_array_size(json_object_get(caps, "bounding")), 41);
    assert_false(has_option(mount_at(spec, "/sys"), "ro"));
    assert_null(json_object_get(json_object_get(spec, "linux"), "maskedPaths"));
}

static void test_resources(void **state)
{
    _cleanup_json_ json_t *spec =
        good("{\"Cmd\":[\"true\"],\"HostConfig\":{\"Memory\":67108864,\"NanoCpus\":1500000000,"
             "\"PidsLimit\":100,\"CpusetCpus\":\"0-1\"}}");
    json_t *res = json_object_get(json_object_get(spec, "linux"), "resources");

    (void)state;
    assert_int_equal(json_i64_or(json_object_get(res, "memory"), "limit", 0), 67108864);
    assert_int_equal(json_i64_or(json_object_get(res, "memory"), "swap", 0), 134217728);
    assert_int_equal(json_i64_or(json_object_get(res, "cpu"), "quota", 0), 150000);
    assert_int_equal(json_i64_or(json_object_get(res, "pids"), "limit", 0), 100);
}

static void test_process(void **state)
{
    _cleanup_json_ json_t *spec = good(
        "{\"Cmd\":[\"a\"],\"Entrypoint\":[\"e\"],\"User\":\"5:6\",\"WorkingDir\":\"/new/dir\","
        "\"Tty\":true,\"Env\":[\"PATH=/x\",\"HOSTNAME\"],\"HostConfig\":{\"Init\":true,"
        "\"ConsoleSize\":[24,80],\"Ulimits\":[{\"Name\":\"nofile\",\"Soft\":1,\"Hard\":-1}]}}");
    json_t *process = json_object_get(spec, "process");
    _cleanup_free_ char *args = json_dumps(json_object_get(process, "args"), JSON_COMPACT);
    _cleanup_free_ char *env = json_dumps(json_object_get(process, "env"), JSON_COMPACT);
    _cleanup_close_ int made = open_in_root(root, "/new/dir", O_PATH | O_DIRECTORY, 0);

    (void)state;
    assert_string_equal(args, "[\"/sbin/docker-init\",\"--\",\"e\",\"a\"]");
    assert_string_equal(env, "[\"PATH=/x\",\"TERM=xterm\",\"HOME=/\"]");
    assert_true(made >= 0);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(process, "capabilities"), "effective")), 0);
    assert_int_equal(json_i64_or(json_object_get(process, "consoleSize"), "height", 0), 24);
    assert_non_null(mount_at(spec, "/sbin/docker-init"));
}

static void test_mounts(void **state)
{
    _cleanup_json_ json_t *spec =
        good("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Binds\":[\"/tmp:/a/b:ro\",\"/tmp/:/a\"],"
             "\"Tmpfs\":{\"/t\":\"size=1m,exec\",\"/dev/shm\":\"\"}}}");
    size_t outer = 0, inner = 0, i;
    json_t *m;

    (void)state;
    assert_true(has_option(mount_at(spec, "/a/b"), "rro"));
    assert_true(has_option(mount_at(spec, "/t"), "size=1m"));
    assert_false(has_option(mount_at(spec, "/dev/shm"), "mode=1777"));
    json_array_foreach(json_object_get(spec, "mounts"), i, m) {
        if (str_eq(json_str_or(m, "destination", ""), "/a"))
            outer = i;
        if (str_eq(json_str_or(m, "destination", ""), "/a/b"))
            inner = i;
    }
    assert_true(outer < inner);
    bad("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Binds\":[\"/:/\"]}}",
        "invalid volume specification: '/:/': invalid mount config for type \"bind\": invalid "
        "specification: destination can't be '/'");
    bad("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Binds\":[\"/tmp:/a:foo\"]}}", "invalid mode: foo");
    bad("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Binds\":[\"/tmp:/a\",\"/x:/a/\"]}}",
        "Duplicate mount point: /a");
    bad("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Binds\":[\"x\"]}}",
        "invalid volume specification: 'x'");
    bad("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Tmpfs\":{\"/x\":\"foo\"}}}",
        "invalid tmpfs option \"foo\"");
    bad("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Tmpfs\":{\"rel\":\"\"}}}",
        "invalid mount path: 'rel' mount path must be absolute");
    bad("{\"Cmd\":[\"a\"],\"HostConfig\":{\"Mounts\":[{\"Type\":\"bind\",\"Source\":\"/no/such\","
        "\"Target\":\"/x\"}]}}",
        "invalid mount config for type \"bind\": bind source path does not exist: /no/such");
}

static void test_image_volume_stays_inside(void **state)
{
    _cleanup_json_ json_t *config = json_loads("{\"Volumes\":{\"../../etc\":{}}}", 0, NULL);
    _cleanup_json_ json_t *host = json_object(), *mounts = NULL;

    (void)state;
    assert_int_equal(container_mounts_parse(config, host, NULL, &mounts, NULL), 0);
    assert_string_equal(json_str_or(json_array_get(mounts, 0), "Destination", ""), "/etc");
}

static void test_seccomp(void **state)
{
    _cleanup_json_ json_t *plain = NULL, *admin = NULL, *none = NULL;
    _cleanup_json_ json_t *host = json_pack("{s:[s]}", "SecurityOpt", "seccomp=unconfined");
    uint64_t sys_admin = UINT64_C(1) << oci_capability_parse("CAP_SYS_ADMIN");

    (void)state;
    assert_int_equal(container_seccomp(NULL, NULL, 0, &plain, NULL), 0);
    assert_int_equal(container_seccomp(NULL, NULL, sys_admin, &admin, NULL), 0);
    assert_int_equal(container_seccomp(host, NULL, 0, &none, NULL), 0);
    assert_null(none);
    assert_string_equal(json_str_or(plain, "defaultAction", ""), "SCMP_ACT_ERRNO");
    _cleanup_free_ char *a = json_dumps(plain, JSON_COMPACT), *b = json_dumps(admin, JSON_COMPACT);
    assert_null(strstr(a, "\"setns\""));
    assert_non_null(strstr(b, "\"setns\""));
}

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return root < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)close_fd(root);
    return rm_rf_at(AT_FDCWD, dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_privileged),
        cmocka_unit_test(test_resources), cmocka_unit_test(test_process),
        cmocka_unit_test(test_mounts),    cmocka_unit_test(test_image_volume_stays_inside),
        cmocka_unit_test(test_seccomp),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
