/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Loading of good and bad archives. */

#include "fixture.h"

#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

static int setup(void **state)
{
    int r = image_setup(state);

    make_archives(&((struct image_fixture *)*state)->f);
    return r;
}

static void check_app(struct image_fixture *t, const char *name)
{
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    struct err err = {0};
    struct digest id = sha256sum(&t->f, "config.json");
    struct digest d1 = sha256sum(&t->f, "l1.tar");
    _cleanup_close_ int root = -1;
    _cleanup_free_ char *text = NULL;

    assert_ok(image_get(t->images, name, &im, &err));
    assert_string_equal(im->id.str, id.str);
    assert_int_equal(im->n_diff_ids, 2);
    assert_string_equal(im->diff_ids[0].str, d1.str);
    assert_int_equal(im->size_bytes, 3000 + 4 + 3);
    assert_int_equal(im->created_nsec, INT64_C(1577934245600000000));
    assert_ok(layer_rw_create(t->f.layers, "c", &im->chain_id, &err));
    assert_ok(layer_rw_mount(t->f.layers, "c", &root, &err));
    assert_ok(read_file_at(root, "etc/a", 100, &text, NULL));
    assert_string_equal(text, "two");
    assert_true(faccessat(root, "etc/b", F_OK, 0) < 0);
    assert_ok(layer_rw_remove(t->f.layers, "c", &err));
}

static void docker_archive(void **state)
{
    struct image_fixture *t = *state;

    load_ok(t, "d.tar");
    assert_non_null(strstr(buf_str(&t->messages), "{\"stream\":\"Loaded image: app:1\\n\"}"));
    assert_non_null(strstr(buf_str(&t->messages), "\"status\":\"Loading layer\""));
    check_app(t, "app:1");
    load_ok(t, "d.tar");
    assert_string_equal(buf_str(&t->messages), "{\"stream\":\"Loaded image: app:1\\n\"}\n");
    assert_int_equal(image_count(t->images), 1);
}

static void compressed_archives(void **state)
{
    static const char *const tools[] = {"gzip", "zstd", "xz", "bzip2"};
    struct image_fixture *t = *state;

    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        _cleanup_free_ char *probe = xasprintf("command -v %s", tools[i]);
        _cleanup_free_ char *found = sh_out(&t->f, probe);
        _cleanup_free_ char *script = xasprintf("%s -c d.tar >d.z", tools[i]);
        if (!*found)
            continue;
        sh(&t->f, script);
        load_ok(t, "d.z");
        check_app(t, "app:1");
    }
}

static void oci_layout(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};

    load_ok(t, "o.tar");
    assert_non_null(strstr(buf_str(&t->messages), "Loaded image: app:2"));
    check_app(t, "app:2");
    assert_int_equal(image_count(t->images), 1);
    /* The same image by the other format is the same image. */
    load_ok(t, "d.tar");
    assert_int_equal(image_count(t->images), 1);
    _cleanup_free_ char *dirs = sh_out(&t->f, "ls data/overlay2 | wc -l");
    assert_string_equal(dirs, "3");
    json_t *removed = NULL;
    assert_ok(image_remove(t->images, "app:1", false, true, NULL, &removed, &err));
    json_decref(removed);
    assert_ok(image_remove(t->images, "app:2", false, true, NULL, &removed, &err));
    assert_int_equal(json_array_size(removed), 4);
    json_decref(removed);
    _cleanup_free_ char *left = sh_out(&t->f, "ls data/overlay2 | wc -l");
    assert_string_equal(left, "1");
}

static void tag_moves(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};

    load_ok(t, "d.tar");
    struct digest old = sha256sum(&t->f, "config.json");
    sh(&t->f, "python3 make.py \"config['author'] = 'you'\"");
    load_ok(t, "d.tar");
    _cleanup_free_ char *note = xasprintf(
        "{\"stream\":\"The image app:1 already exists, renaming the old one with ID %s to "
        "empty string\\n\"}\n{\"stream\":\"Loaded image: app:1\\n\"}\n",
        old.str);
    assert_string_equal(buf_str(&t->messages), note);
    assert_int_equal(image_count(t->images), 2);
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    assert_ok(image_get(t->images, old.str, &im, &err));
    assert_int_equal(strv_len(im->tags), 0);
}

static void untagged(void **state)
{
    struct image_fixture *t = *state;
    struct digest id = sha256sum(&t->f, "config.json");
    _cleanup_free_ char *note = xasprintf("{\"stream\":\"Loaded image ID: %s\\n\"}", id.str);

    sh(&t->f, "python3 make.py \"docker['RepoTags'] = None\"");
    load_ok(t, "d.tar");
    assert_non_null(strstr(buf_str(&t->messages), note));
}

/* Each is refused, and the store is what it was. */
static void refused(void **state)
{
    static const struct {
        const char *change, *archive, *message;
    } cases[] = {
        {"docker['Config'] = 'nope.json'", "d.tar", "open nope.json: no such file or directory"},
        {"docker['Config'] = '../../etc/passwd'", "d.tar", "no such file or directory"},
        {"docker['Config'] = 'x'", "d.tar", "no such file or directory"},
        {"docker['Layers'] = ['x/layer.tar']", "d.tar",
         "invalid manifest, layers length mismatch: expected 1, got 2"},
        {"docker['Layers'].reverse()", "d.tar", "invalid diffID for layer"},
        {"docker['Layers'][1] = 'nope'", "d.tar", "open nope: no such file or directory"},
        {"docker['Layers'] = 'x'", "d.tar", "must be an array"},
        {"docker['RepoTags'] = ['Q:1']", "d.tar", "must be lowercase"},
        {"docker['RepoTags'] = ['ok:1', 'a b']", "d.tar", "invalid reference format"},
        {"members['y/real.tar'] = b'garbage' * 1000", "d.tar", "tar"},
        {"members['y/real.tar'] = gzip.compress(l2)[:-20]", "d.tar", ""},
        {"members['y/layer.tar'] = '../../../../etc/passwd'", "d.tar", "leads out of the archive"},
        {"members['y/layer.tar'] = 'layer.tar'", "d.tar", "no such file or directory"},
        {"last = \"members['../evil'] = b'x'\"", "d.tar", "leads out of the archive"},
        {"last = \"del members['manifest.json']\"", "d.tar",
         "open manifest.json: no such file or directory"},
        {"last = \"members['manifest.json'] = b'{'\"", "d.tar", "invalid JSON"},
        {"last = \"members['manifest.json'] = b'[' * 5000\"", "d.tar", "nested deeper"},
        {"last = \"members['manifest.json'] = b' ' * (5 << 20)\"", "d.tar", "larger than"},
        {"last = \"members['config.json'] = b' ' * (9 << 20)\"", "d.tar", "larger than"},
        {"config['os'] = 'windows'", "d.tar", "cannot load windows image on linux"},
        {"del config['rootfs']", "d.tar", "invalid image JSON, no RootFS key"},
        {"config['config']['Env'] = 1", "d.tar", "must be an array"},
        {"config['rootfs']['diff_ids'][1] = 'sha256:' + '0' * 64", "d.tar", "invalid diffID"},
        {"config['rootfs']['diff_ids'][1] = '../../x'", "d.tar", "digest"},
        {"oci['manifests'] = []", "o.tar", "more than one kind of document"},
        {"oci['layers'][0]['digest'] = 'sha256:' + '1' * 64", "o.tar", "no such file"},
        {"oci['layers'][0]['digest'] = oci['layers'][1]['digest']", "o.tar", ""},
        {"oci['layers'][0]['size'] = 7", "o.tar", "its descriptor says 7"},
        {"oci['layers'].pop()", "o.tar", "layers length mismatch"},
        {"oci['config']['digest'] = 'sha256:' + '1' * 64", "o.tar", "no such file"},
        {"late = \"blobs['blobs/sha256/' + own['digest'][7:]] = b'{}'\"", "o.tar",
         "unexpected digest"},
        {"late = \"blobs['blobs/sha256/' + oci['config']['digest'][7:]] += b' '\"", "o.tar",
         "unexpected digest"},
        {"late = \"n = 'blobs/sha256/' + oci['layers'][0]['digest'][7:]; "
         "blobs[n] = blobs[n][:4] + bytes([9,9,9,9]) + blobs[n][8:]\"",
         "o.tar", "unexpected digest"},
        {"index['layers'] = []", "o.tar", "more than one kind of document"},
        {"late = \"nested['annotations']['io.containerd.image.name'] = 'A B'\"", "o.tar",
         "must be lowercase"},
        {"late = \"index['manifests'] = [{'digest': 'sha256:../../x', 'size': 1}]\"", "o.tar",
         "digest"},
    };
    struct image_fixture *t = *state;
    _cleanup_free_ char *before = store_state(&t->f);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strv_ char **loaded = NULL;
        _cleanup_free_ char *path = xasprintf("%s/change.py", t->f.dir);
        struct err err = {0};
        assert_int_equal(
            write_file_at(AT_FDCWD, path, cases[i].change, strlen(cases[i].change), 0600), 0);
        sh(&t->f, "python3 make.py \"$(cat change.py)\"");
        if (load(t, cases[i].archive, &loaded, &err) == 0)
            fail_msg("taken: %s", cases[i].change);
        if (!strstr(err.message, cases[i].message))
            fail_msg("%s: %s", cases[i].change, err.message);
        _cleanup_free_ char *after = store_state(&t->f);
        if (!str_eq(before, after))
            fail_msg("%s: something was left behind", cases[i].change);
    }
}

static void broken_streams(void **state)
{
    static const char *const scripts[] = {
        "head -c 3000 d.tar >bad",          "head -c 2048 /dev/urandom >bad", ": >bad",
        "gzip -c d.tar | head -c 300 >bad", "echo garbagegarbage >bad",       "cp l1.tar bad",
    };
    struct image_fixture *t = *state;
    _cleanup_free_ char *before = store_state(&t->f);

    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        _cleanup_strv_ char **loaded = NULL;
        struct err err = {0};
        sh(&t->f, scripts[i]);
        if (load(t, "bad", &loaded, &err) == 0)
            fail_msg("taken: %s", scripts[i]);
        assert_int_equal(err.kind, ERR_INVALID);
    }
    _cleanup_free_ char *after = store_state(&t->f);
    assert_string_equal(before, after);
}

static void cancelled(void **state)
{
    struct image_fixture *t = *state;
    _cleanup_strv_ char **loaded = NULL;
    struct err err = {0};
    _cleanup_free_ char *before = store_state(&t->f);

    for (int n = 1; n <= 2; n++) {
        t->cancel_after = n;
        assert_true(load(t, "d.tar", &loaded, &err) < 0);
        assert_int_equal(err.kind, ERR_CANCELLED);
    }
    _cleanup_free_ char *after = store_state(&t->f);
    assert_string_equal(before, after);
}

/* In a process with a mount namespace of its own: its exit status says what failed. */
static int full_disk_child(struct image_fixture *t)
{
    _cleanup_free_ char *data = xasprintf("%s/small", t->f.dir);
    _cleanup_free_ char *db_path = xasprintf("%s/full.db", t->f.dir);
    _cleanup_free_ char *tmp = xasprintf("%s/tmp", data);
    _cleanup_strv_ char **loaded = NULL;
    struct layer_store *layers = NULL;
    struct image_store *images = NULL;
    struct db *db = NULL;
    struct err err = {0};

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mkdir(data, 0700) < 0 || mount("tmpfs", data, "tmpfs", 0, "size=256k") < 0)
        return 2;
    if (db_open(db_path, &db, &err) < 0 ||
        layer_store_open(data, "overlay2", db, &layers, &err) < 0 ||
        image_store_open(db, layers, tmp, &images, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 3;
    }
    /* The second does not fit when unpacked, the third not even when spooled. */
    static const char *const archives[] = {"fits.tar", "unpack.tar", "spool.tar"};
    int bad = 0;
    for (size_t i = 0; i < ARRAY_SIZE(archives); i++) {
        _cleanup_close_ int fd = open_file(&t->f, archives[i]);
        strv_free(loaded);
        loaded = NULL;
        int r = image_load(images, fd, true, NULL, &loaded, &err);
        if (i == 0 ? r < 0
                   : r == 0 || err.kind != ERR_NO_SPACE ||
                         !strstr(err.message, "no space left on device")) {
            (void)fprintf(stderr, "%s: %d %s\n", archives[i], r, err.message);
            bad = 4;
        }
    }
    if (image_count(images) != 1)
        bad = 5;
    _cleanup_free_ char *left = sh_out(&t->f, "ls small/tmp; ls small/overlay2 | wc -l");
    if (!str_eq(left, "3"))
        bad = 6;
    image_store_close(images);
    layer_store_close(layers);
    db_close(db);
    return bad;
}

static void full_disk(void **state)
{
    struct image_fixture *t = *state;

    sh(&t->f, "cp d.tar fits.tar; "
              "python3 make.py \"last = \\\"l2 = tar([('etc/a', bytes(230 << 10))]); "
              "members['y/real.tar'] = gzip.compress(l2); config['rootfs']['diff_ids'][1] = "
              "'sha256:' + sha(l2); members['config.json'] = js(config)\\\"\"; "
              "cp d.tar unpack.tar; "
              "python3 make.py \"last = \\\"members['big'] = os.urandom(300 << 10)\\\"\"; "
              "cp d.tar spool.tar");
    /* Started anew rather than forked, because this process has threads. */
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    assert_true(n > 0);
    self[n] = '\0';
    _cleanup_free_ char *command = xasprintf("'%s' --full-disk '%s'", self, t->f.dir);
    sh(&t->f, command);
}

static void other_tools_images(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    _cleanup_free_ char *skopeo = sh_out(&t->f, "command -v skopeo");

    if (!*skopeo)
        skip();
    sh(&t->f, "skopeo --insecure-policy copy -q oci-archive:o.tar oci-archive:s.tar:from/oci:x; "
              "skopeo --insecure-policy copy -q oci-archive:o.tar docker-archive:t.tar:from/d:y");
    load_ok(t, "s.tar");
    load_ok(t, "t.tar");
    for (int i = 0; i < 2; i++) {
        _cleanup_(image_unrefp)
        struct image *im = NULL;
        assert_ok(image_get(t->images, i ? "from/d:y" : "from/oci:x", &im, &err));
        assert_int_equal(im->n_diff_ids, 2);
    }
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, image_teardown)

int main(int argc, char **argv)
{
    struct image_fixture child = {0};
    const struct CMUnitTest tests[] = {
        T(docker_archive), T(compressed_archives),
        T(oci_layout),     T(tag_moves),
        T(untagged),       T(refused),
        T(broken_streams), T(cancelled),
        T(full_disk),      T(other_tools_images),
    };

    if (argc == 3 && str_eq(argv[1], "--full-disk")) {
        (void)snprintf(child.f.dir, sizeof(child.f.dir), "%s", argv[2]);
        return full_disk_child(&child);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
