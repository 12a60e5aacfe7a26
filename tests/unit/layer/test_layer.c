/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Layers: registering, sharing, counting, rebuilding; needs root and a disk file system. */

#include "fixture.h"

#include <pthread.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layer/internal.h"

static int setup(void **state)
{
    struct fixture *f = XNEW(struct fixture);

    *state = f;
    fixture_new(f);
    sh(f,
       "mkdir -p a/bin a/etc a/var/old a/opq/deep a/dev; echo one >a/etc/file; "
       "echo gone >a/etc/gone; ln -s file a/etc/link; echo hard >a/bin/h1; ln a/bin/h1 a/bin/h2; "
       "chmod 4755 a/bin/h1; echo x >a/opq/deep/x; mknod a/dev/null c 1 3; mkfifo a/var/fifo; "
       "truncate -s 1M a/var/sparse; printf end >>a/var/sparse; chown 7:8 a/etc/file; "
       "touch -d '2001-02-03 04:05:06' a/etc/file; "
       "setcap cap_net_raw+ep a/bin/h2 2>/dev/null || true; "
       "tar --xattrs --xattrs-include='*' --sparse --format=pax -C a -cf a.tar .; "
       "mkdir -p b/etc b/opq/new; : >b/etc/.wh.gone; : >b/opq/.wh..wh..opq; "
       "echo two >b/etc/file; echo fresh >b/opq/new/f; tar -C b -cf b.tar etc opq; "
       "gzip -k b.tar");
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fixture_delete(f);
    free(f);
    return 0;
}

static struct layer_info add(struct fixture *f, const struct digest *parent, const char *tar,
                             const struct digest *expected)
{
    struct err err = {0};
    struct layer_info info;
    _cleanup_close_ int fd = open_file(f, tar);

    assert_ok(layer_register(f->layers, parent, fd, expected, &info, &err));
    return info;
}

static char *read_at(int dirfd, const char *path)
{
    char *text = NULL;

    if (read_file_at(dirfd, path, 4096, &text, NULL) < 0)
        return NULL;
    return text;
}

static void ids_are_the_specs(void **state)
{
    struct fixture *f = *state;
    struct digest da = sha256sum(f, "a.tar");
    struct digest db = sha256sum(f, "b.tar");
    struct layer_info a = add(f, NULL, "a.tar", NULL);
    struct layer_info b = add(f, &a.chain_id, "b.tar.gz", &db);

    assert_string_equal(a.diff_id.str, da.str);
    assert_string_equal(a.chain_id.str, da.str);
    assert_string_equal(b.diff_id.str, db.str);
    _cleanup_free_ char *script =
        xasprintf("printf '%%s' '%s %s' >chain", a.chain_id.str, b.diff_id.str);
    sh(f, script);
    struct digest chain = sha256sum(f, "chain");
    assert_string_equal(b.chain_id.str, chain.str);
    assert_string_equal(b.parent.str, a.chain_id.str);
}

static void merged_view(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct stat st;
    struct stat st2;
    struct layer_info a = add(f, NULL, "a.tar", NULL);
    struct layer_info b = add(f, &a.chain_id, "b.tar", NULL);
    _cleanup_close_ int root = -1;

    assert_ok(layer_rw_create(f->layers, "c1", &b.chain_id, &err));
    assert_ok(layer_rw_mount(f->layers, "c1", &root, &err));
    _cleanup_free_ char *text = read_at(root, "etc/file");
    assert_string_equal(text, "two\n");
    assert_int_equal(faccessat(root, "etc/gone", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(faccessat(root, "opq/deep", F_OK, 0), -1);
    assert_int_equal(faccessat(root, "opq/new/f", F_OK, 0), 0);
    assert_int_equal(fstatat(root, "bin/h1", &st, 0), 0);
    assert_int_equal(fstatat(root, "bin/h2", &st2, 0), 0);
    assert_int_equal(st.st_ino, st2.st_ino);
    assert_int_equal(st.st_mode & 07777, 04755);
    assert_int_equal(fstatat(root, "dev/null", &st, 0), 0);
    assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
    assert_int_equal(fstatat(root, "var/sparse", &st, 0), 0);
    assert_int_equal(st.st_size, (1 << 20) + 3);
    assert_true(st.st_blocks < 200);
    /* Mount points for the container are there without anybody having written them. */
    assert_int_equal(faccessat(root, ".dockerenv", F_OK, 0), 0);
    assert_int_equal(faccessat(root, "etc/resolv.conf", F_OK, 0), 0);
    assert_int_equal(faccessat(root, "proc", F_OK, 0), 0);
    /* Writes go to the upper directory alone. */
    assert_int_equal(write_file_at(root, "etc/file", "three\n", 6, 0644), 0);
    int64_t size = 0;
    assert_ok(layer_rw_size(f->layers, "c1", &size, &err));
    assert_int_equal(size, 6);
    sh(f, "test $(cat data/overlay2/c1/diff/etc/file) = three; "
          "test $(grep -rl three data/overlay2 | wc -l) = 1");
    sh(f, "! grep -q lighter-layer /proc/self/mountinfo");
    assert_ok(layer_rw_remove(f->layers, "c1", &err));
    assert_ok(layer_rw_remove(f->layers, "c1", &err));
    sh(f, "test ! -e data/overlay2/c1");
}

static void empty_image(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    _cleanup_close_ int root = -1;
    _cleanup_strv_ char **names = NULL;

    assert_ok(layer_rw_create(f->layers, "c0", NULL, &err));
    assert_true(layer_rw_create(f->layers, "c0", NULL, &err) < 0);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_ok(layer_rw_mount(f->layers, "c0", &root, &err));
    assert_int_equal(mkdirat(root, "x", 0755), 0);
    assert_ok(layer_rw_list(f->layers, &names, &err));
    assert_int_equal(strv_len(names), 1);
    struct digest none = {
        "sha256:0000000000000000000000000000000000000000000000000000000000000000"};
    assert_true(layer_rw_create(f->layers, "c2", &none, &err) < 0);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_true(layer_rw_create(f->layers, "../c2", NULL, &err) < 0);
    assert_int_equal(err.kind, ERR_INVALID);
    sh(f, "test ! -e data/overlay2/c2");
}

static void rebuilt_exactly(void **state)
{
    static const char *const tars[] = {"a.tar", "b.tar", "b.tar.gz"};
    struct fixture *f = *state;
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_SIZE(tars); i++) {
        struct layer_info l = add(f, NULL, tars[i], NULL);
        _cleanup_free_ char *out = xasprintf("%s/out.tar", f->dir);
        _cleanup_close_ int fd = open(out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_ok(layer_write_tar(f->layers, &l.chain_id, fd, &err));
        struct digest d = sha256sum(f, "out.tar");
        assert_string_equal(d.str, l.diff_id.str);
        sh(f, i == 0 ? "cmp out.tar a.tar" : "cmp out.tar b.tar");
    }
}

static void damage_is_seen(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct layer_info a = add(f, NULL, "a.tar", NULL);
    _cleanup_free_ char *script = xasprintf(
        "printf X | dd of=data/overlay2/%s/diff/bin/h1 conv=notrunc 2>/dev/null", a.cache_id);
    _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    sh(f, script);
    assert_true(layer_write_tar(f->layers, &a.chain_id, null, &err) < 0);
}

static void stored_once_and_freed_last(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    _cleanup_free_ char *empty = store_state(f);
    struct layer_info a = add(f, NULL, "a.tar", NULL);
    struct layer_info b = add(f, &a.chain_id, "b.tar", NULL);
    _cleanup_free_ char *du = sh_out(f, "du -s data/overlay2 | cut -f1");
    struct layer_info again = add(f, NULL, "a.tar", &a.diff_id);
    struct layer_info unknown = add(f, NULL, "a.tar", NULL);
    _cleanup_free_ char *du2 = sh_out(f, "du -s data/overlay2 | cut -f1");

    assert_string_equal(again.cache_id, a.cache_id);
    assert_string_equal(unknown.cache_id, a.cache_id);
    assert_string_equal(du, du2);
    assert_ok(layer_rw_create(f->layers, "c1", &b.chain_id, &err));
    for (int i = 0; i < 3; i++)
        assert_ok(layer_unref(f->layers, &a.chain_id, &err));
    assert_ok(layer_unref(f->layers, &b.chain_id, &err));
    assert_true(layer_unref(f->layers, &b.chain_id, &err) < 0);
    assert_ok(layer_get(f->layers, &a.chain_id, &again, &err));
    assert_ok(layer_rw_remove(f->layers, "c1", &err));
    assert_true(layer_get(f->layers, &b.chain_id, &again, &err) < 0);
    assert_true(layer_get(f->layers, &a.chain_id, &again, &err) < 0);
    _cleanup_free_ char *left = store_state(f);
    assert_string_equal(left, empty);
}

static void refused_leaves_nothing(void **state)
{
    static const char *const bad[] = {"cut.tar", "cut.gz", "junk", "esc.tar", "junk.gz"};
    struct fixture *f = *state;
    struct err err = {0};
    struct layer_info info;
    struct digest wrong = {"sha256:"
                           "0000000000000000000000000000000000000000000000000000000000000000"};

    sh(f,
       "head -c 100k /dev/urandom >big; tar cf big.tar big; head -c 50k big.tar >cut.tar; head -c 100 b.tar.gz >cut.gz; "
       "head -c 2048 /dev/urandom >junk; gzip -c junk >junk.gz; mkdir -p e/1/2; echo e >e/x; "
       "cd e/1/2; tar -P -cf ../../../esc.tar ../../x");
    _cleanup_free_ char *before = store_state(f);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_close_ int fd = open_file(f, bad[i]);
        if (layer_register(f->layers, NULL, fd, NULL, &info, &err) == 0)
            fail_msg("%s: was taken", bad[i]);
        if (err.kind != ERR_INVALID)
            fail_msg("%s: %s", bad[i], err.message);
    }
    _cleanup_close_ int fd = open_file(f, "a.tar");
    assert_true(layer_register(f->layers, NULL, fd, &wrong, &info, &err) < 0);
    assert_int_equal(err.kind, ERR_INVALID);
    assert_non_null(strstr(err.message, "invalid diffID"));
    _cleanup_close_ int fd2 = open_file(f, "a.tar");
    assert_true(layer_register(f->layers, &wrong, fd2, NULL, &info, &err) < 0);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    _cleanup_free_ char *after = store_state(f);
    assert_string_equal(before, after);
}

static void wrong_stream_for_known_layer(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct layer_info a = add(f, NULL, "a.tar", NULL);
    struct layer_info info;
    _cleanup_free_ char *before = store_state(f);
    _cleanup_close_ int fd = open_file(f, "b.tar");

    assert_true(layer_register(f->layers, NULL, fd, &a.diff_id, &info, &err) < 0);
    assert_int_equal(err.kind, ERR_INVALID);
    _cleanup_free_ char *after = store_state(f);
    assert_string_equal(before, after);
}

struct job {
    struct fixture *f;
    struct digest expected;
    struct layer_info info;
};

static void *register_job(void *arg)
{
    struct job *j = arg;
    _cleanup_close_ int fd = open_file(j->f, "a.tar");

    (void)layer_register(j->f->layers, NULL, fd, &j->expected, &j->info, NULL);
    return NULL;
}

static void at_once(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    pthread_t threads[8];
    struct job jobs[8];
    _cleanup_free_ char *empty = store_state(f);

    for (size_t i = 0; i < 8; i++) {
        jobs[i] = (struct job){.f = f, .expected = sha256sum(f, "a.tar")};
        assert_int_equal(pthread_create(&threads[i], NULL, register_job, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_string_equal(jobs[i].info.cache_id, jobs[0].info.cache_id);
    }
    sh(f, "test $(ls data/overlay2 | wc -l) = 2; test -z \"$(ls data/tmp)\"");
    for (size_t i = 0; i < 8; i++)
        assert_ok(layer_unref(f->layers, &jobs[0].info.chain_id, &err));
    _cleanup_free_ char *left = store_state(f);
    assert_string_equal(left, empty);
}

static void boot_sweeps(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct layer_info a = add(f, NULL, "a.tar", NULL);

    assert_ok(layer_rw_create(f->layers, "c1", &a.chain_id, &err));
    _cleanup_free_ char *before = store_state(f);
    fixture_close(f);
    sh(f, "mkdir -p data/overlay2/0123456789abcdef/diff/x data/overlay2/dead/diff "
          "data/tmp/layer-1/diff data/trash/old/deep/er; echo x >data/trash/old/f; "
          "echo x >data/overlay2/dead/diff/f; mkdir data/tmp/other");
    fixture_open(f);
    sh(f, "rmdir data/tmp/other");
    _cleanup_free_ char *after = store_state(f);
    assert_string_equal(before, after);
    for (int i = 0; i < 200; i++) {
        _cleanup_free_ char *left = sh_out(f, "ls data/trash | head -1");
        if (!*left)
            break;
        (void)usleep(10000);
    }
    sh(f, "test -z \"$(ls data/trash)\"");
    /* A load that was cut off holds no layer after the boot. */
    assert_ok(layer_rw_remove(f->layers, "c1", &err));
    assert_ok(layer_reconcile(f->layers, NULL, 0, &err));
    assert_true(layer_get(f->layers, &a.chain_id, &a, &err) < 0);
}

static void deep_trees_go_too(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    int64_t size = 0;

    assert_ok(layer_rw_create(f->layers, "deep", NULL, &err));
    sh(f, "/usr/bin/python3 -c \"\nimport os\nos.chdir('data/overlay2/deep/diff')\n"
          "for i in range(5000):\n os.mkdir('d'); os.chdir('d')\nopen('f','w').write('x')\"");
    assert_ok(layer_rw_size(f->layers, "deep", &size, &err));
    assert_ok(layer_rw_remove(f->layers, "deep", &err));
    for (int i = 0; i < 1000; i++) {
        _cleanup_free_ char *left = sh_out(f, "ls data/trash | head -1");
        if (!*left)
            break;
        (void)usleep(10000);
    }
    sh(f, "test -z \"$(ls data/trash)\"");
}

static void within_a_transaction(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    _cleanup_strv_ char **names = NULL;

    assert_ok(db_begin(f->db, &err));
    assert_ok(layer_rw_create(f->layers, "t1", NULL, &err));
    db_rollback(f->db);
    assert_ok(layer_rw_list(f->layers, &names, &err));
    assert_int_equal(strv_len(names), 0);
    assert_ok(layer_rw_create(f->layers, "t1", NULL, &err));
}

static void long_paths_and_many_layers(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct layer_info last = {0};

    for (int i = 0; i < 120; i++) {
        _cleanup_free_ char *script =
            xasprintf("rm -rf n; mkdir -p n; echo %d >n/f%d; tar -C n -cf n.tar f%d", i, i, i);
        sh(f, script);
        struct layer_info l = add(f, i ? &last.chain_id : NULL, "n.tar", NULL);
        last = l;
    }
    char name[129];
    memset(name, 'n', 128);
    name[128] = '\0';
    _cleanup_close_ int root = -1;
    assert_ok(layer_rw_create(f->layers, name, &last.chain_id, &err));
    assert_ok(layer_rw_mount(f->layers, name, &root, &err));
    _cleanup_free_ char *first = read_at(root, "f0");
    _cleanup_free_ char *newest = read_at(root, "f119");
    assert_string_equal(first, "0\n");
    assert_string_equal(newest, "119\n");
}

/* The way of kernels without "lowerdir+", taken on purpose. */
static void old_way_of_mounting(void **state)
{
    struct fixture *f = *state;

    f->layers->legacy_mount = true;
    merged_view(state);
    long_paths_and_many_layers(state);
    sh(f, "! grep -q lighter-layer /proc/self/mountinfo");
}

static void metadata_names_directories(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct layer_info a = add(f, NULL, "a.tar", NULL);
    struct layer_info b = add(f, &a.chain_id, "b.tar", NULL);

    assert_ok(layer_rw_create(f->layers, "c1", &b.chain_id, &err));
    _cleanup_json_ json_t *rw = layer_rw_metadata(f->layers, "c1");
    _cleanup_json_ json_t *image = layer_metadata(f->layers, &b.chain_id);
    _cleanup_json_ json_t *base = layer_metadata(f->layers, &a.chain_id);
    assert_true(str_ends(json_str_or(rw, "UpperDir", ""), "/overlay2/c1/diff"));
    assert_non_null(strstr(json_str_or(rw, "LowerDir", ""), b.cache_id));
    assert_non_null(strstr(json_str_or(image, "LowerDir", ""), a.cache_id));
    assert_null(json_object_get(base, "LowerDir"));
    _cleanup_json_ json_t *status = layer_store_status(f->layers);
    assert_int_equal(json_array_size(status), 5);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(ids_are_the_specs),
        T(merged_view),
        T(empty_image),
        T(rebuilt_exactly),
        T(damage_is_seen),
        T(stored_once_and_freed_last),
        T(refused_leaves_nothing),
        T(wrong_stream_for_known_layer),
        T(at_once),
        T(boot_sweeps),
        T(deep_trees_go_too),
        T(within_a_transaction),
        T(long_paths_and_many_layers),
        T(old_way_of_mounting),
        T(metadata_names_directories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
