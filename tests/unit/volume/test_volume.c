/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "../layer/fixture.h"

#include <pthread.h>
#include <sched.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "volume/volume.h"

struct volume_fixture {
    char dir[64];
    struct db *db;
    struct volume_store *volumes;
    bool done;
};

static void open_store(struct volume_fixture *t)
{
    _cleanup_free_ char *db = xasprintf("%s/state.db", t->dir);
    _cleanup_free_ char *root = xasprintf("%s/volumes", t->dir);
    struct err err = {0};

    assert_ok(db_open(db, &t->db, &err));
    assert_ok(volume_store_open(root, t->db, &t->volumes, &err));
}

static int setup(void **state)
{
    struct volume_fixture *t = XNEW(struct volume_fixture);

    *state = t;
    (void)snprintf(t->dir, sizeof(t->dir), "/var/tmp/lighter-volume-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    open_store(t);
    return 0;
}

static int teardown(void **state)
{
    struct volume_fixture *t = *state;

    volume_store_close(t->volumes);
    db_close(t->db);
    assert_int_equal(rm_rf_at(AT_FDCWD, t->dir), 0);
    free(t);
    return 0;
}

static void vsh(const struct volume_fixture *t, const char *script)
{
    struct fixture f = {0};

    (void)snprintf(f.dir, sizeof(f.dir), "%s", t->dir);
    sh(&f, script);
}

static void created_and_found(void **state)
{
    struct volume_fixture *t = *state;
    struct err err = {0};
    _cleanup_json_ json_t *labels = json_pack("{ss}", "a", "b");
    _cleanup_json_ json_t *v = NULL;
    _cleanup_json_ json_t *again = NULL;
    _cleanup_json_ json_t *anonymous = NULL;

    assert_ok(volume_create(t->volumes, "vol", NULL, NULL, labels, &v, &err));
    assert_string_equal(json_str_or(v, "Name", ""), "vol");
    assert_string_equal(json_str_or(v, "Driver", ""), "local");
    assert_string_equal(json_str_or(v, "Scope", ""), "local");
    assert_true(str_ends(json_str_or(v, "Mountpoint", ""), "/volumes/vol/_data"));
    assert_string_equal(json_str_or(json_object_get(v, "Labels"), "a", ""), "b");
    assert_true(json_is_null(json_object_get(v, "Options")));
    assert_ok(volume_create(t->volumes, "vol", "local", NULL, NULL, &again, &err));
    assert_true(json_equal(v, again));
    assert_ok(volume_create(t->volumes, NULL, NULL, NULL, NULL, &anonymous, &err));
    assert_int_equal(strlen(json_str_or(anonymous, "Name", "")), 64);
    assert_non_null(
        json_object_get(json_object_get(anonymous, "Labels"), "com.docker.volume.anonymous"));
    _cleanup_json_ json_t *list = volume_list(t->volumes);
    assert_int_equal(json_array_size(list), 2);
    volume_store_close(t->volumes);
    db_close(t->db);
    open_store(t);
    _cleanup_json_ json_t *list2 = volume_list(t->volumes);
    assert_true(json_equal(list, list2));
}

static void refused(void **state)
{
    struct volume_fixture *t = *state;
    struct err err = {0};
    _cleanup_json_ json_t *options = json_pack("{ss}", "a", "b");
    json_t *v = NULL;

    assert_true(volume_create(t->volumes, "a", NULL, NULL, NULL, &v, &err) < 0);
    assert_string_equal(err.message, "create a: volume name is too short, names should be at least "
                                     "two alphanumeric characters");
    static const char *const bad[] = {"a/b", "../x", ".hidden", "-x", "a b", "a\nb"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_true(volume_create(t->volumes, bad[i], NULL, NULL, NULL, &v, &err) < 0);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_non_null(strstr(err.message, "includes invalid characters for a local volume name"));
    }
    assert_true(volume_create(t->volumes, "ab", "nope", NULL, NULL, &v, &err) < 0);
    assert_string_equal(
        err.message, "create ab: error looking up volume plugin nope: plugin \"nope\" not found");
    assert_true(volume_create(t->volumes, "ab", NULL, options, NULL, &v, &err) < 0);
    assert_string_equal(err.message, "create ab: invalid option: \"a\"");
    assert_true(volume_inspect(t->volumes, "ab", &v, &err) < 0);
    assert_string_equal(err.message, "get ab: no such volume");
    vsh(t, "test -z \"$(ls volumes)\"");
}

static void counted(void **state)
{
    struct volume_fixture *t = *state;
    struct err err = {0};
    _cleanup_json_ json_t *anonymous = NULL;
    json_t *gone = NULL;

    assert_ok(volume_create(t->volumes, "vol", NULL, NULL, NULL, NULL, &err));
    assert_ok(volume_create(t->volumes, NULL, NULL, NULL, NULL, &anonymous, &err));
    const char *name = json_str_or(anonymous, "Name", "");
    assert_ok(volume_use(t->volumes, "vol", "c1", &err));
    assert_ok(volume_use(t->volumes, "vol", "c1", &err));
    assert_ok(volume_use(t->volumes, "vol", "c2", &err));
    assert_ok(volume_use(t->volumes, name, "c1", &err));
    assert_true(volume_use(t->volumes, "nope", "c1", &err) < 0);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_true(volume_remove(t->volumes, "vol", true, &err) < 0);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_string_equal(err.message, "remove vol: volume is in use - [c1, c2]");
    assert_ok(volume_release(t->volumes, "c1", true, &err));
    assert_true(volume_inspect(t->volumes, name, &gone, &err) < 0);
    assert_ok(volume_release(t->volumes, "c2", true, &err));
    assert_ok(volume_remove(t->volumes, "vol", false, &err));
    assert_true(volume_remove(t->volumes, "vol", false, &err) < 0);
    assert_string_equal(err.message, "get vol: no such volume");
    assert_ok(volume_remove(t->volumes, "vol", true, &err));
    vsh(t, "test -z \"$(ls -A volumes)\"");
}

static void populated(void **state)
{
    struct volume_fixture *t = *state;
    struct err err = {0};
    _cleanup_free_ char *root = xasprintf("%s/root", t->dir);

    vsh(t,
        "mkdir -p root/data/sub root/etc; cd root; echo secret >../outside; echo x >data/f; "
        "ln data/f data/hard; ln -s /etc/passwd data/link; ln -s ../../.. data/sub/up; "
        "ln -s data dl; ln -s /../../../.. esc; chmod 1770 data; chown 5:6 data data/f; "
        "chmod 4711 data/f; mknod data/dev c 1 3; truncate -s 1M data/sparse; "
        "touch -d '2001-01-01' data/sub data; setfattr -n user.k -v v data/f 2>/dev/null || true");
    _cleanup_close_ int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(volume_create(t->volumes, "vol", NULL, NULL, NULL, NULL, &err));
    assert_ok(volume_populate(t->volumes, "vol", fd, "/nothing", &err));
    assert_ok(volume_populate(t->volumes, "vol", fd, "/dl", &err));
    vsh(t, "cd volumes/vol/_data; test \"$(stat -c '%a %u %g %Y' .)\" = \"$(stat -c '%a %u %g %Y' "
           "../../../root/data)\"; test \"$(stat -c '%a %u %g %h' f)\" = '4711 5 6 2'; "
           "test $(stat -c %i f) = $(stat -c %i hard); test $(readlink link) = /etc/passwd; "
           "test $(readlink sub/up) = ../../..; test -c dev; test $(stat -c %b sparse) -lt 100; "
           "test \"$(stat -c %Y sub)\" = \"$(stat -c %Y ../../../root/data/sub)\"; "
           "diff -r --no-dereference . ../../../root/data");
    /* Only an empty volume is filled. */
    vsh(t, "echo y >root/data/new");
    assert_ok(volume_populate(t->volumes, "vol", fd, "data", &err));
    vsh(t, "test ! -e volumes/vol/_data/new");
    /* A link cannot lead out of the root. */
    assert_ok(volume_create(t->volumes, "v2", NULL, NULL, NULL, NULL, &err));
    assert_ok(volume_populate(t->volumes, "v2", fd, "/esc", &err));
    vsh(t, "test -e volumes/v2/_data/data -a ! -e volumes/v2/_data/outside");
}

/* What a running container that has the volume can do: a directory becomes a link to the host. */
static void *swap_dirs(void *arg)
{
    struct volume_fixture *t = arg;
    _cleanup_free_ char *data = xasprintf("%s/volumes/racy/_data", t->dir);
    _cleanup_close_ int fd = open(data, O_PATH | O_DIRECTORY | O_CLOEXEC);

    while (!__atomic_load_n(&t->done, __ATOMIC_RELAXED)) {
        if (renameat(fd, "a", fd, "a-away") < 0)
            continue;
        (void)symlinkat(t->dir, fd, "a");
        (void)usleep(200);
        (void)unlinkat(fd, "a", 0);
        (void)renameat(fd, "a-away", fd, "a");
        (void)usleep(500);
    }
    return NULL;
}

/* Hard links are made while the volume changes: none may come from elsewhere, or go there. A file
 * that was linked to has a new change time, even when the copy has failed and been taken back. */
static void populated_in_a_race(void **state)
{
    struct volume_fixture *t = *state;
    struct err err = {0};
    pthread_t thread;
    _cleanup_free_ char *root = xasprintf("%s/root", t->dir);

    vsh(t, "mkdir -p root/data/a root/data/b; cd root/data; for i in $(seq 100); do "
           "echo x >a/f$i; ln a/f$i b/g$i; done; cd ../..; for i in $(seq 2 2 100); do "
           "echo secret >f$i; done; sleep 0.02; touch marker");
    _cleanup_close_ int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(volume_create(t->volumes, "racy", NULL, NULL, NULL, NULL, &err));
    assert_int_equal(pthread_create(&thread, NULL, swap_dirs, t), 0);
    for (int i = 0; i < 100; i++) {
        (void)volume_populate(t->volumes, "racy", fd, "/data", NULL);
        vsh(t, "rm -rf volumes/racy/_data/* 2>/dev/null || true");
    }
    __atomic_store_n(&t->done, true, __ATOMIC_RELAXED);
    (void)pthread_join(thread, NULL);
    vsh(t, "test -z \"$(find . -maxdepth 1 -name 'f*' -cnewer marker)\"");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(created_and_found), T(refused), T(counted), T(populated), T(populated_in_a_race),
    };

    return geteuid() == 0 ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
