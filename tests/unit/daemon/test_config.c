/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "daemon/config.h"
#include "daemon/notify.h"

static char dir[] = "/tmp/test-config-XXXXXX";
static char *file;

/* Loads with the words of `line` as flags and `json` as the file. */
static int load(const char *line, const char *json, struct daemon_config *c, struct err *err)
{
    _cleanup_free_ char *all =
        xasprintf("lighterd --config-file %s%s%s", file, *line ? " " : "", line);
    _cleanup_strv_ char **argv = str_split(all, ' ');

    assert_int_equal(write_file_at(AT_FDCWD, file, json, strlen(json), 0600), 0);
    return daemon_config_load(c, (int)strv_len(argv), argv, err);
}

static void good(const char *line, const char *json, struct daemon_config *c)
{
    struct err err = {};

    if (load(line, json, c, &err) < 0)
        fail_msg("%s", err.message);
}

static void bad(const char *line, const char *json, const char *text)
{
    struct daemon_config c;
    struct err err = {};

    assert_true(load(line, json, &c, &err) < 0);
    if (!strstr(err.message, text))
        fail_msg("\"%s\" does not say \"%s\"", err.message, text);
    daemon_config_done(&c);
}

static void test_defaults(void **state)
{
    struct daemon_config c;

    good("", "{}", &c);
    assert_string_equal(c.hosts[0], "unix:///run/lighter.sock");
    assert_string_equal(c.data_root, "/var/lib/lighter");
    assert_true(c.iptables && c.ip_forward && c.ip_masq && c.live_restore);
    assert_false(c.debug);
    daemon_config_done(&c);
    good("", "", &c);
    daemon_config_done(&c);
}

static void test_flag_forms(void **state)
{
    struct daemon_config c;

    good("-H unix:///a -Hunix:///b --host=unix:///c --host unix:///d -D --ip-masq=false --mtu 1400 "
         "-l warn --log-opt max-size=1m --log-opt max-file=3 --default-ulimit nofile=10:20",
         "{}", &c);
    _cleanup_free_ char *hosts = strv_join(c.hosts, " ");
    assert_string_equal(hosts, "unix:///a unix:///b unix:///c unix:///d");
    assert_true(c.debug);
    assert_false(c.ip_masq);
    assert_int_equal(c.mtu, 1400);
    assert_string_equal(json_str_or(c.log_opts, "max-file", ""), "3");
    assert_int_equal(json_i64_or(json_object_get(c.default_ulimits, "nofile"), "Hard", 0), 20);
    daemon_config_done(&c);
}

static void test_file(void **state)
{
    struct daemon_config c;
    struct engine_config e;

    good("--debug",
         "{\"hosts\":[\"unix:///x\"],\"labels\":[\"a=b\"],\"mtu\":1300,\"bridge\":\"none\","
         "\"log-opts\":{\"max-size\":\"5m\"},"
         "\"default-ulimits\":{\"nofile\":{\"Name\":\"nofile\",\"Hard\":5,\"Soft\":4}}}",
         &c);
    assert_string_equal(c.hosts[0], "unix:///x");
    assert_int_equal(strv_len(c.hosts), 1);
    daemon_engine_config(&c, "/bin/lighter-shim", &e);
    assert_true(e.bridge_disabled);
    assert_null(e.bridge);
    assert_int_equal(e.mtu, 1300);
    assert_string_equal(e.labels[0], "a=b");
    daemon_config_done(&c);
}

static void test_bad_flags(void **state)
{
    bad("--bogus", "{}", "unknown flag: --bogus");
    bad("--hostx=1", "{}", "unknown flag: --hostx");
    bad("-Dz", "{}", "unknown shorthand flag: 'z' in -Dz");
    bad("--data-root", "{}", "flag needs an argument: --data-root");
    bad("-H", "{}", "flag needs an argument: 'H' in -H");
    bad("--debug=maybe", "{}", "invalid argument \"maybe\" for \"--debug\" flag");
    bad("--mtu=big", "{}", "invalid argument \"big\" for \"--mtu\" flag");
    bad("--mtu=5", "{}", "invalid default MTU: 5");
    bad("--log-opt nothing", "{}", "expected key=value");
    bad("--default-ulimit nofile=1:2:3", "{}", "expected name=soft[:hard]");
    bad("stray", "{}", "unexpected argument \"stray\"");
    bad("--live-restore=false", "{}", "live-restore cannot be false");
    bad("--log-level=loud", "{}", "invalid logging level: loud");
    bad("--data-root=relative", "{}", "absolute paths");
    bad("--label=novalue", "{}", "bad attribute format: novalue");
}

static void test_bad_files(void **state)
{
    bad("", "{ nonsense", file);
    bad("", "[]", "expected a JSON object");
    bad("", "{\"foo\":1,\"bar\":2}",
        "the following directives don't match any configuration option: foo, bar");
    bad("", "{\"debug\":\"yes\"}", "the directive \"debug\" must be true or false");
    bad("", "{\"hosts\":\"unix:///x\"}", "the directive \"hosts\" must be an array of strings");
    bad("", "{\"dns\":[1]}", "the directive \"dns\" must be an array of strings");
    bad("", "{\"mtu\":\"1500\"}", "the directive \"mtu\" must be an integer");
    bad("", "{\"log-opts\":{\"a\":1}}", "the directive \"log-opts\" must be an object of strings");
    bad("", "{\"help\":true}", "don't match any configuration option: help");
    bad("--data-root=/flag", "{\"data-root\":\"/file\"}",
        "the following directives are specified both as a flag and in the configuration file: "
        "data-root: (from flag: /flag, from file: /file)");
}

static void test_named_file_must_exist(void **state)
{
    struct daemon_config c;
    struct err err = {};

    good("", "{}", &c);
    daemon_config_done(&c);
    _cleanup_free_ char *line = xasprintf("lighterd --config-file %s/absent", dir);
    _cleanup_strv_ char **argv = str_split(line, ' ');
    assert_true(daemon_config_load(&c, 3, argv, &err) < 0);
    assert_non_null(strstr(err.message, "no such file or directory"));
    daemon_config_done(&c);
}

static void test_pidfile(void **state)
{
    _cleanup_free_ char *path = xasprintf("%s/pid", dir);
    _cleanup_free_ char *text = NULL;
    struct err err = {};

    assert_int_equal(write_file_at(AT_FDCWD, path, "4194000\n", 8, 0644), 0);
    assert_int_equal(pidfile_write(path, &err), 0);
    assert_int_equal(read_file_at(AT_FDCWD, path, 64, &text, NULL), 0);
    _cleanup_free_ char *mine = xasprintf("%d\n", (int)getpid());
    assert_string_equal(text, mine);
    assert_int_equal(pidfile_write(path, &err), 0);
    assert_int_equal(write_file_at(AT_FDCWD, path, "1\n", 2, 0644), 0);
    assert_true(pidfile_write(path, &err) < 0);
    assert_non_null(strstr(err.message, "process with PID 1 is still running"));
}

static void test_lock(void **state)
{
    struct err err = {};
    _cleanup_close_ int first = data_root_lock(dir, &err);

    assert_true(first >= 0);
    assert_true(data_root_lock(dir, &err) < 0);
    assert_int_equal(err.kind, ERR_CONFLICT);
    first = close_fd(first);
    first = data_root_lock(dir, &err);
    assert_true(first >= 0);
}

static int setup(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    file = xasprintf("%s/daemon.json", dir);
    return 0;
}

static int teardown(void **state)
{
    free(file);
    return rm_rf_at(AT_FDCWD, dir);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),  cmocka_unit_test(test_flag_forms),
        cmocka_unit_test(test_file),      cmocka_unit_test(test_bad_flags),
        cmocka_unit_test(test_bad_files), cmocka_unit_test(test_named_file_must_exist),
        cmocka_unit_test(test_pidfile),   cmocka_unit_test(test_lock),
    };

    return cmocka_run_group_tests_name("daemon/config", tests, setup, teardown);
}
