/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parts that need no container. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/str.h"
#include "oci/spec.h"
#include "runtime/caps.h"
#include "runtime/mount_opts.h"
#include "runtime/process.h"
#include "runtime/seccomp.h"
#include "runtime/sysctl.h"
#include "runtime/user.h"

static struct mount_opts parse(const char *text)
{
    _cleanup_strv_ char **v = str_split(text, ',');
    struct mount_opts o;

    assert_int_equal(mount_opts_parse(v, &o, NULL), 0);
    return o;
}

static void test_mount_options(void **state)
{
    struct mount_opts o = parse("ro,nosuid,suid,rbind,noatime,rprivate,rro,size=64k,newinstance");

    (void)state;
    assert_int_equal(o.attr_set, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
    assert_int_equal(o.attr_clr, MOUNT_ATTR_NOSUID | MOUNT_ATTR__ATIME);
    assert_int_equal(o.rec_attr_set, MOUNT_ATTR_RDONLY);
    assert_true(o.bind && o.recursive);
    assert_int_equal(o.n_propagation, 1);
    assert_int_equal(o.propagation[0], MS_PRIVATE | MS_REC);
    assert_int_equal(strv_len(o.data), 2);
    assert_string_equal(o.data[0], "size=64k");
    mount_opts_done(&o);
    /* The last one counts. */
    o = parse("rw,ro");
    assert_int_equal(o.attr_set, MOUNT_ATTR_RDONLY);
    assert_int_equal(o.attr_clr, 0);
    mount_opts_done(&o);
    o = parse("ro,rw");
    assert_int_equal(o.attr_set, 0);
    mount_opts_done(&o);
}

static void test_sysctl_rules(void **state)
{
    static const struct {
        const char *key;
        bool ipc, net, ok;
    } cases[] = {
        {"kernel.shmmax", true, false, true},
        {"kernel.shmmax", false, true, false},
        {"fs.mqueue.msg_max", true, false, true},
        {"net.ipv4.ip_forward", false, true, true},
        {"net.ipv4.ip_forward", true, false, false},
        {"net/ipv4/conf/eth0.1/forwarding", false, true, true},
        {"kernel.core_pattern", true, true, false},
        {"kernel.hostname", true, true, false},
        {"vm.swappiness", true, true, false},
        {"net..x", true, true, false},
        {"net/../kernel/core_pattern", true, true, false},
        {"net.//.kernel.core_pattern", true, true, false},
        {"net.ipv4.//.//.kernel.core_pattern", true, true, false},
        {"fs/mqueue/../file-max", true, true, false},
        {"net.ipv4.conf.eth0/1.forwarding", true, true, true},
        {"net/./x", true, true, false},
        {"net//x", true, true, false},
        {".net.x", true, true, false},
        {"net.x.", true, true, false},
        {"net.ipv4.x\n1", true, true, false},
        {"fs.file-max", true, true, false},
        {"", true, true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *keys[] = {(char *)cases[i].key, NULL}, *values[] = {(char *)"1", NULL};
        struct oci_spec spec = {.sysctl_keys = keys, .sysctl_values = values};
        spec.ns[OCI_NS_IPC].set = cases[i].ipc;
        int r = sysctl_check(&spec, cases[i].net, NULL);
        if ((r == 0) != cases[i].ok)
            fail_msg("%s: %d", cases[i].key, r);
    }
}

static void assert_home(const char *passwd, uint32_t uid, const char *expected)
{
    _cleanup_free_ char *home = user_home_in(passwd, uid);

    if (!expected)
        assert_null(home);
    else
        assert_string_equal(home, expected);
}

static void test_home(void **state)
{
    (void)state;
    assert_home("root:x:0:0:root:/root:/bin/sh\n", 0, "/root");
    assert_home("a:x:1:1::/a:/bin/sh\nb:x:2:2::/b", 2, "/b");
    assert_home("root:x:0:0:root:/root:/bin/sh\n", 1, NULL);
    assert_home("1000:x:0:0::/evil:/bin/sh\n", 1000, NULL); /* a number as name (CVE-2016-3697) */
    assert_home("a:x:1x:1::/a:/bin/sh\n", 1, NULL);
    assert_home("a:x:+1:1::/a:/bin/sh\n", 1, NULL);
    assert_home("a:x:4294967297:1::/a:/bin/sh\n", 1, NULL);
    assert_home("a:x:1:1::/a\tb:/bin/sh\n", 1, NULL);
    assert_home("a:x:1:1:::/bin/sh\n", 1, NULL);
    assert_home(":::::::::\n\n::\na:x:1", 1, NULL);
    assert_home("", 0, NULL);
}

static void test_caps_limit(void **state)
{
    const struct oci_capabilities want = {.set = true,
                                          .bounding = 0xff,
                                          .permitted = 0x0f,
                                          .effective = 0xff,
                                          .inheritable = 0x33,
                                          .ambient = 0xff};
    struct oci_capabilities got = caps_limit(&want, 0xfe);

    (void)state;
    assert_int_equal(got.bounding, 0xfe);
    assert_int_equal(got.permitted, 0x0e);
    assert_int_equal(got.effective, 0x0e);
    assert_int_equal(got.inheritable, 0x32);
    assert_int_equal(got.ambient, 0x02);
}

static void test_quote(void **state)
{
    _cleanup_free_ char *a = quote("a\"b\\c\nd\x01");

    (void)state;
    assert_string_equal(a, "\"a\\\"b\\\\c\\nd\\x01\"");
}

static int compile(const char *text)
{
    _cleanup_json_ json_t *j = json_loads(text, 0, NULL);
    int fd = -1;

    assert_non_null(j);
    int r = seccomp_compile(j, &fd, NULL);
    if (r == 0)
        close_fd(fd);
    return r;
}

static void test_seccomp_compile(void **state)
{
    (void)state;
    assert_int_equal(compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}"), 0);
    assert_int_equal(
        compile(
            "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38,\"architectures\":["
            "\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\",\"SCMP_ARCH_AARCH64\"],"
            "\"syscalls\":[{\"names\":[\"read\",\"no_such_call\"],\"action\":\"SCMP_ACT_ALLOW\"}"
            ",{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,"
            "\"value\":2114060288,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},{\"names\":[\"personality\"],"
            "\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":0,\"op\":"
            "\"SCMP_CMP_EQ\"},{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]}]}"),
        0);
    assert_int_equal(compile("{}"), -EINVAL);
    assert_int_equal(compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"X\"]}"),
                     -EINVAL);
    assert_int_equal(compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
                             "\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,"
                             "\"op\":\"SCMP_CMP_EQ\"}]}]}"),
                     -EINVAL);
    assert_int_equal(compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
                             "\"read\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":99999}]}"),
                     -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mount_options), cmocka_unit_test(test_sysctl_rules),
        cmocka_unit_test(test_home),          cmocka_unit_test(test_caps_limit),
        cmocka_unit_test(test_quote),         cmocka_unit_test(test_seccomp_compile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
