/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "container/user.h"

static int root = -1;

static int setup(void **state)
{
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                                 "1000:x:0:0:trap:/trap:/bin/sh\n"
                                 "app:x:1000:1001:app:/home/app:/bin/sh\n"
                                 "broken:x:abc:0::/:\n"
                                 "big:x:4294967296:0::/:\n";
    static const char group[] = "root:x:0:root\nwheel:x:10:root\napp:x:1001:\nextra:x:2000:app,x\n"
                                "more:x:2001:x,app\n";
    char dir[] = "/tmp/test-user-XXXXXX";

    assert_non_null(mkdtemp(dir));
    root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(root, "etc", 0755), 0);
    assert_int_equal(write_file_at(root, "etc/passwd", passwd, strlen(passwd), 0644), 0);
    assert_int_equal(write_file_at(root, "etc/group", group, strlen(group), 0644), 0);
    *state = xstrdup(dir);
    return 0;
}

static int teardown(void **state)
{
    (void)close_fd(root);
    (void)rm_rf_at(AT_FDCWD, *state);
    free(*state);
    return 0;
}

/* groups: "0,10" */
static void is(const char *text, uint32_t uid, uint32_t gid, const char *groups, const char *home)
{
    _cleanup_free_ struct container_user *u = XNEW(struct container_user);
    char got[256] = "";
    struct err err = {0};

    if (container_user_resolve(root, text, NULL, u, &err) < 0)
        fail_msg("\"%s\": %s", text, err.message);
    assert_int_equal(u->uid, uid);
    assert_int_equal(u->gid, gid);
    for (size_t i = 0; i < u->n_groups; i++)
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", i ? "," : "",
                       u->groups[i]);
    if (!str_eq(got, groups))
        fail_msg("\"%s\": groups %s, not %s", text, got, groups);
    assert_string_equal(u->home, home);
}

static void fails(const char *text, const char *message)
{
    _cleanup_free_ struct container_user *u = XNEW(struct container_user);
    struct err err = {0};

    if (container_user_resolve(root, text, NULL, u, &err) == 0)
        fail_msg("\"%s\" is accepted as %u", text, u->uid);
    assert_string_equal(err.message, message);
}

static void test_forms(void **state)
{
    (void)state;
    is("", 0, 0, "0,10", "/root");
    is("root", 0, 0, "0,10", "/root");
    is("app", 1000, 1001, "1001,2000,2001", "/home/app");
    /* a number is a number, whatever the image calls its users */
    is("1000", 1000, 1001, "1001,2000,2001", "/home/app");
    is("1000:5", 1000, 5, "5", "/home/app");
    is("app:wheel", 1000, 10, "10", "/home/app");
    is("77", 77, 0, "0", "/");
    is("77:88", 77, 88, "88", "/");
    is("2147483647", 2147483647, 0, "0", "/");
}

static void test_refusals(void **state)
{
    static const char range[] = "uids and gids must be in range 0-2147483647";

    (void)state;
    fails("1x", "unable to find user 1x: no matching entries in passwd file");
    fails("nobody", "unable to find user nobody: no matching entries in passwd file");
    fails("broken", "unable to find user broken: no matching entries in passwd file");
    fails("big", "unable to find user big: no matching entries in passwd file");
    fails("root:nogrp", "unable to find group nogrp: no matching entries in group file");
    fails("-1", range);
    fails("+1", range);
    fails("2147483648", range);
    fails("4294967296", range);
    fails("99999999999999999999", range);
    fails("0:4294967296", range);
    fails(" 0", "unable to find user  0: no matching entries in passwd file");
}

static void test_hostile_files(void **state)
{
    _cleanup_free_ struct container_user *u = XNEW(struct container_user);

    (void)state;
    /* a FIFO must not hang us, nor a link lead outside */
    assert_int_equal(unlinkat(root, "etc/group", 0), 0);
    assert_int_equal(mkfifoat(root, "etc/group", 0644), 0);
    assert_int_equal(container_user_resolve(root, "app", NULL, u, NULL), 0);
    assert_int_equal(u->n_groups, 1);
    assert_int_equal(unlinkat(root, "etc/passwd", 0), 0);
    assert_int_equal(symlinkat("../../../../etc/passwd", root, "etc/passwd"), 0);
    assert_true(container_user_resolve(root, "root", NULL, u, NULL) < 0);
    assert_int_equal(container_user_resolve(root, "5", NULL, u, NULL), 0);
}

static void test_group_add(void **state)
{
    _cleanup_free_ struct container_user *u = XNEW(struct container_user);
    _cleanup_json_ json_t *add = json_pack("[s,s]", "1234", "0");
    _cleanup_json_ json_t *bad = json_pack("[s]", "nope");
    struct err err = {0};

    (void)state;
    assert_int_equal(container_user_resolve(root, "9:9", add, u, NULL), 0);
    assert_int_equal(u->n_groups, 3);
    assert_true(container_user_resolve(root, "9:9", bad, u, &err) < 0);
    assert_string_equal(err.message,
                        "Unable to find group nope: no matching entries in group file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forms, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_group_add, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
