/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Saved archives: every byte of every layer comes back, and other tools read them. */

#include "fixture.h"

static int setup(void **state)
{
    int r = image_setup(state);
    struct image_fixture *t = *state;

    make_archives(&t->f);
    load_ok(t, "d.tar");
    return r;
}

static int save(struct image_fixture *t, char *const *names, const char *file, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", t->f.dir, file);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    return image_save(t->images, names, fd, err);
}

static void round_trip(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    static char app[] = "app";
    static char other[] = "other:x";
    char *names[] = {app, other, NULL};
    json_t *removed = NULL;
    struct digest id = sha256sum(&t->f, "config.json");

    assert_ok(image_tag(t->images, "app:1", "app:2", &err));
    assert_ok(image_tag(t->images, "app:1", "other:x", &err));
    assert_ok(save(t, names, "s.tar", &err));
    sh(&t->f, "rm -rf s; mkdir s; tar -C s -xf s.tar; cd s/blobs/sha256; "
              "for f in *; do test $(sha256sum <$f | cut -d' ' -f1) = $f; done; "
              "cmp ../../../l1.tar $(sha256sum <../../../l1.tar | cut -d' ' -f1); "
              "cmp ../../../l2.tar $(sha256sum <../../../l2.tar | cut -d' ' -f1); "
              "cmp ../../../config.json $(sha256sum <../../../config.json | cut -d' ' -f1)");
    assert_ok(image_remove(t->images, id.str, true, true, NULL, &removed, &err));
    json_decref(removed);
    load_ok(t, "s.tar");
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    assert_ok(image_get(t->images, "other:x", &im, &err));
    assert_string_equal(im->id.str, id.str);
    assert_int_equal(strv_len(im->tags), 3);
    /* The same as an OCI layout only. */
    assert_ok(image_remove(t->images, id.str, true, true, NULL, &removed, &err));
    json_decref(removed);
    sh(&t->f, "rm s/manifest.json s/repositories; tar -C s -cf o2.tar .");
    load_ok(t, "o2.tar");
    _cleanup_(image_unrefp)
    struct image *im2 = NULL;
    assert_ok(image_get(t->images, "app:2", &im2, &err));
    assert_string_equal(im2->id.str, id.str);
}

static void twice_the_same(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    static char app[] = "app:1";
    char *names[] = {app, app, NULL};

    assert_ok(save(t, names, "s1.tar", &err));
    assert_ok(save(t, names, "s2.tar", &err));
    sh(&t->f, "cmp s1.tar s2.tar");
}

static void unknown_names(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    static char nope[] = "nope";
    char *names[] = {nope, NULL};

    assert_true(save(t, names, "s.tar", &err) < 0);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
    assert_string_equal(err.message, "No such image: nope");
    sh(&t->f, "test ! -s s.tar");
}

static void read_by_others(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    static char app[] = "app:1";
    char *names[] = {app, NULL};
    _cleanup_free_ char *skopeo = sh_out(&t->f, "command -v skopeo");

    if (!*skopeo)
        skip();
    assert_ok(save(t, names, "s.tar", &err));
    sh(&t->f, "skopeo --insecure-policy inspect docker-archive:s.tar >/dev/null; "
              "skopeo --insecure-policy copy -q oci-archive:s.tar dir:out; "
              "skopeo --insecure-policy copy -q docker-archive:s.tar dir:out2");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, image_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(round_trip),
        T(twice_the_same),
        T(unknown_names),
        T(read_by_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
