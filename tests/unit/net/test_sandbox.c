/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The real kernel, in a network namespace of this process. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "db/db.h"
#include "net/net.h"

static char root[] = "/tmp/test-net-XXXXXX";

/* A directory for state and a network namespace with its /sys. */
static int enter_namespace(void **state)
{
    if (!mkdtemp(root) || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("sysfs", "/sys", "sysfs", 0, NULL) < 0)
        return -1;
    return 0;
}

static int leave(void **state)
{
    return rm_rf_at(AT_FDCWD, root);
}

static bool interface_exists(const char *name)
{
    _cleanup_free_ char *path = xasprintf("/sys/class/net/%s", name);

    return access(path, F_OK) == 0;
}

/* The output of a shell command run inside the namespace. */
static char *run_in(int netns_fd, const char *command)
{
    int pipefd[2];
    char *out = NULL;

    assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (dup2(pipefd[1], 1) < 0 || (netns_fd >= 0 && setns(netns_fd, CLONE_NEWNET) < 0))
            _exit(125);
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(126);
    }
    close_fd(pipefd[1]);
    assert_int_equal(read_fd(pipefd[0], 65536, &out, NULL), 0);
    close_fd(pipefd[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return out;
}

static void assert_in(int netns_fd, const char *command, const char *needle)
{
    _cleanup_free_ char *out = run_in(netns_fd, command);

    if (!strstr(out, needle))
        fail_msg("`%s` printed:\n%s\nwithout: %s", command, out, needle);
}

static struct net *open_net(struct db **ret_db, const char *bridge, const char *bip)
{
    _cleanup_free_ char *path = xasprintf("%s/test.db", root);
    _cleanup_free_ char *leases = xasprintf("%s/net", root);
    struct err err = {};
    struct net *n = NULL;
    struct net_config config = {.state_dir = leases,
                                .bridge = bridge,
                                .bip = bip,
                                .iptables = true,
                                .ip_forward = true,
                                .ip_masq = true};

    assert_int_equal(db_open(path, ret_db, &err), 0);
    if (net_open(*ret_db, &config, &n, &err) < 0)
        fail_msg("%s", err.message);
    return n;
}

static void test_bridge_life_cycle(void **state)
{
    _cleanup_(db_closep)
    struct db *db = NULL;
    _cleanup_(net_closep)
    struct net *n = open_net(&db, "tbr0", "10.201.0.1/24");
    struct err err = {};
    struct net_endpoint a;
    struct net_endpoint b;
    int fd_a = -1;
    int fd_b = -1;

    if (net_sandbox_create(n, "aaa", "bridge", &a, &fd_a, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(net_sandbox_create(n, "bbb", "bridge", &b, &fd_b, &err), 0);
    assert_string_equal(a.ip, "10.201.0.2");
    assert_string_equal(a.gateway, "10.201.0.1");
    assert_string_equal(a.mac, "02:42:0a:c9:00:02");
    assert_int_equal(a.prefix_len, 24);
    assert_string_equal(b.ip, "10.201.0.3");
    assert_string_equal(a.network_id, b.network_id);
    assert_true(interface_exists(a.host_if));
    assert_in(fd_a, "ip -4 addr show eth0", "10.201.0.2/24 brd 10.201.0.255");
    assert_in(fd_a, "ip link show eth0", "LOWER_UP");
    assert_in(fd_a, "ip route", "default via 10.201.0.1");
    assert_in(fd_a, "cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
    assert_in(fd_a, "busybox ping -c1 -w2 10.201.0.3 >/dev/null && echo reached", "reached");
    assert_in(fd_b, "busybox ping -c1 -w2 10.201.0.1 >/dev/null && echo reached", "reached");
    assert_in(-1, "cat /proc/sys/net/ipv4/ip_forward", "1");
    assert_in(-1, "nft list table ip lighter",
              "ip saddr 10.201.0.0/24 oifname != \"tbr0\" masquerade");
    assert_in(-1, "nft list table ip lighter", "oifname \"tbr0\" drop");

    close_fd(fd_a);
    net_sandbox_release(n, "aaa");
    for (int i = 0; interface_exists(a.host_if) && i < 500; i++)
        (void)usleep(10000);
    assert_false(interface_exists(a.host_if));
    assert_int_equal(net_sandbox_create(n, "ccc", "bridge", &a, &fd_a, &err), 0);
    assert_string_equal(a.ip, "10.201.0.2");
    net_sandbox_release(n, "ccc");
    net_sandbox_release(n, "bbb");
    net_sandbox_release(n, "never");
    close_fd(fd_a);
    close_fd(fd_b);
}

static void test_restore_keeps_the_running(void **state)
{
    struct err err = {};
    struct net_endpoint a;
    struct net_endpoint b;
    struct net_endpoint got;
    int fd_a = -1;
    int fd_b = -1;
    _cleanup_strv_ char **running = str_split("aaa", ' ');
    char id[65];

    {
        _cleanup_(db_closep)
        struct db *db = NULL;
        _cleanup_(net_closep)
        struct net *n = open_net(&db, "tbr1", "10.202.0.1/24");
        assert_int_equal(net_sandbox_create(n, "gone", "bridge", &b, &fd_b, &err), 0);
        assert_int_equal(net_sandbox_create(n, "aaa", "bridge", &a, &fd_a, &err), 0);
        memcpy(id, a.network_id, sizeof(id));
    }
    _cleanup_(db_closep)
    struct db *db = NULL;
    _cleanup_(net_closep)
    struct net *n = open_net(&db, "tbr1", "10.202.0.1/24");
    assert_int_equal(net_restore(n, running, &err), 0);
    assert_int_equal(net_endpoint_get(n, "aaa", &got, &err), 0);
    assert_string_equal(got.ip, "10.202.0.3");
    assert_string_equal(got.mac, a.mac);
    assert_string_equal(got.network_id, id);
    assert_int_equal(net_endpoint_get(n, "gone", &got, &err), -ENOENT);
    assert_false(interface_exists(b.host_if));
    close_fd(fd_b);
    assert_int_equal(net_sandbox_create(n, "new", "bridge", &b, &fd_b, &err), 0);
    assert_string_equal(b.ip, "10.202.0.2");
    assert_int_equal(net_sandbox_create(n, "newer", "bridge", &b, &fd_b, &err), 0);
    assert_string_equal(b.ip, "10.202.0.4");
    close_fd(fd_a);
    close_fd(fd_b);
}

static void test_host_and_none(void **state)
{
    _cleanup_(db_closep)
    struct db *db = NULL;
    _cleanup_(net_closep)
    struct net *n = open_net(&db, "tbr2", NULL);
    struct err err = {};
    struct net_endpoint ep;
    int fd = -1;

    assert_int_equal(net_sandbox_create(n, "h", "host", &ep, &fd, &err), 0);
    assert_int_equal(fd, -1);
    assert_int_equal(net_sandbox_create(n, "n", "none", &ep, &fd, &err), 0);
    assert_string_equal(ep.ip, "");
    assert_in(fd, "ip -o link | wc -l", "1");
    assert_in(fd, "busybox ping -c1 -w2 127.0.0.1 >/dev/null && echo reached", "reached");
    assert_false(interface_exists("tbr2"));
    close_fd(fd);
    assert_int_equal(net_sandbox_create(n, "x", "nope", &ep, &fd, &err), -ENOENT);
    assert_string_equal(err.message, "network nope not found");
    net_sandbox_release(n, "h");
    net_sandbox_release(n, "n");
}

static void test_pool_avoids_routes(void **state)
{
    _cleanup_free_ char *setup = run_in(
        -1,
        "ip link add dum type bridge && ip addr add 172.17.5.1/24 dev dum && ip link set dum up");
    _cleanup_(db_closep)
    struct db *db = NULL;
    _cleanup_(net_closep)
    struct net *n = open_net(&db, "tbr3", NULL);
    _cleanup_json_ json_t *bridge = NULL;
    struct err err = {};

    assert_int_equal(net_inspect(n, "bridge", &bridge, &err), 0);
    json_t *config = json_object_get(json_object_get(bridge, "IPAM"), "Config");
    assert_string_equal(json_str_or(json_array_get(config, 0), "Subnet", ""), "172.18.0.0/16");
    assert_string_equal(json_str_or(json_array_get(config, 0), "Gateway", ""), "172.18.0.1");
}

static void test_bad_names(void **state)
{
    static const char *const bad[] = {"", "..", "a/b", "a b", "a:b", "sixteen-letters-"};
    _cleanup_free_ char *path = xasprintf("%s/test.db", root);
    _cleanup_(db_closep)
    struct db *db = NULL;

    assert_int_equal(db_open(path, &db, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct net_config config = {.state_dir = root, .bridge = bad[i]};
        struct net *n = NULL;
        assert_int_equal(net_open(db, &config, &n, NULL), -EINVAL);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bridge_life_cycle), cmocka_unit_test(test_restore_keeps_the_running),
        cmocka_unit_test(test_host_and_none),     cmocka_unit_test(test_pool_avoids_routes),
        cmocka_unit_test(test_bad_names),
    };

    if (geteuid() != 0)
        return 77;
    return cmocka_run_group_tests_name("net/sandbox", tests, enter_namespace, leave);
}
