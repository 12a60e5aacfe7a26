/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "net/net.h"

/* Puts `text` in the place of /etc/resolv.conf in a mount namespace of this process. */
static void host_resolv_conf(const char *text)
{
    char path[] = "/tmp/test-resolv-XXXXXX";
    _cleanup_close_ int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write_full(fd, text, strlen(text)), 0);
    (void)umount2("/etc/resolv.conf", MNT_DETACH);
    assert_int_equal(mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);
    assert_int_equal(unlink(path), 0);
}

static int enter_namespace(void **state)
{
    if (geteuid() != 0) {
        print_message("needs root for a mount namespace\n");
        return -1;
    }
    return unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -1
                                                                                             : 0;
}

static void check(bool host_mode, char **dns, char **search, char **options, const char *want)
{
    _cleanup_free_ char *got = net_resolv_conf(host_mode, dns, search, options);

    assert_string_equal(got, want);
}

static void test_servers_are_copied(void **state)
{
    host_resolv_conf("# made by hand\nnameserver 10.0.0.53\nsearch example.org sub.example.org\n"
                     "options ndots:2 # not this\n");
    check(false, NULL, NULL, NULL,
          "nameserver 10.0.0.53\nsearch example.org sub.example.org\noptions ndots:2\n");
}

static void test_loopback_is_replaced(void **state)
{
    host_resolv_conf("nameserver 127.0.0.1\n");
    check(false, NULL, NULL, NULL, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    check(true, NULL, NULL, NULL, "nameserver 127.0.0.1\n");
}

static void test_one_loopback_of_two_is_dropped(void **state)
{
    host_resolv_conf("nameserver 127.0.0.1\nnameserver\t10.0.0.53\n");
    check(false, NULL, NULL, NULL, "nameserver 10.0.0.53\n");
}

static void test_overrides(void **state)
{
    _cleanup_strv_ char **dns = str_split("1.2.3.4 127.0.0.9", ' ');
    _cleanup_strv_ char **search = str_split("corp", ' ');
    _cleanup_strv_ char **none = str_split(".", ' ');
    _cleanup_strv_ char **options = str_split("ndots:5", ' ');

    host_resolv_conf("nameserver 10.0.0.53\nsearch example.org\noptions rotate\n");
    check(false, dns, search, options,
          "nameserver 1.2.3.4\nnameserver 127.0.0.9\nsearch corp\noptions ndots:5\n");
    check(false, NULL, none, NULL, "nameserver 10.0.0.53\noptions rotate\n");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers_are_copied),
        cmocka_unit_test(test_loopback_is_replaced),
        cmocka_unit_test(test_one_loopback_of_two_is_dropped),
        cmocka_unit_test(test_overrides),
    };

    if (geteuid() != 0)
        return 77;
    return cmocka_run_group_tests_name("net/resolv", tests, enter_namespace, NULL);
}
