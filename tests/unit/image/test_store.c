/* SPDX-License-Identifier: GPL-2.0-or-later */

/* References, removal, import and what the API shows. */

#include "fixture.h"

#include "image/internal.h"

static int setup(void **state)
{
    int r = image_setup(state);
    struct image_fixture *t = *state;

    make_archives(&t->f);
    load_ok(t, "d.tar");
    return r;
}

static void expect(const json_t *got, const char *want)
{
    _cleanup_json_ json_t *w = json_loads(want, JSON_DECODE_ANY, NULL);
    _cleanup_free_ char *text = json_print(got);

    if (!json_equal(got, w))
        fail_msg("%s\n  instead of %s", text, want);
}

static void expect_err(const struct err *err, enum err_kind kind, const char *message)
{
    if (err->kind != kind || !str_eq(err->message, message))
        fail_msg("%d %s\n  instead of %s", (int)err->kind, err->message, message);
}

static void looked_up(void **state)
{
    struct image_fixture *t = *state;
    struct digest id = sha256sum(&t->f, "config.json");
    _cleanup_free_ char *hex12 = xasprintf("%.12s", digest_hex(&id));
    _cleanup_free_ char *full12 = xasprintf("sha256:%.12s", digest_hex(&id));
    const char *good[] = {"app:1", "docker.io/library/app:1", id.str, digest_hex(&id), hex12,
                          full12};
    static const struct {
        const char *name, *message;
        enum err_kind kind;
    } bad[] = {
        {"app", "No such image: app:latest", ERR_NOT_FOUND},
        {"host:5000/a/b:x", "No such image: host:5000/a/b:x", ERR_NOT_FOUND},
        {"APP", "invalid reference format: repository name (library/APP) must be lowercase",
         ERR_INVALID},
        {"", "invalid reference format", ERR_INVALID},
        {"1111111111111111111111111111111111111111111111111111111111111111",
         "No such image: sha256:1111111111111111111111111111111111111111111111111111111111111111",
         ERR_NOT_FOUND},
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        _cleanup_(image_unrefp)
        struct image *im = NULL;
        struct err err = {0};
        assert_ok(image_get(t->images, good[i], &im, &err));
        assert_string_equal(im->id.str, id.str);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct image *im = NULL;
        struct err err = {0};
        assert_true(image_get(t->images, bad[i].name, &im, &err) < 0);
        expect_err(&err, bad[i].kind, bad[i].message);
    }
}

static void ambiguous_prefix(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    struct image *im = NULL;
    char prefix[2] = "";
    int n[256] = {0};

    for (int i = 0; !*prefix && i < 40; i++) {
        _cleanup_free_ char *text =
            xasprintf("{\"os\":\"linux\",\"author\":\"%d\",\"rootfs\":{\"diff_ids\":[]}}", i);
        const struct image_new new = {.config = text, .config_len = strlen(text)};
        struct digest id;
        assert_ok(image_add(t->images, &new, &id, &err));
        if (++n[(unsigned char)*digest_hex(&id)] > 1)
            prefix[0] = *digest_hex(&id);
    }
    assert_true(image_get(t->images, prefix, &im, &err) < 0);
    assert_int_equal(err.kind, ERR_NOT_FOUND);
}

static void tagged(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    _cleanup_(image_unrefp)
    struct image *im = NULL;

    assert_ok(image_tag(t->images, "app:1", "reg.io/me/app", &err));
    assert_ok(image_tag(t->images, "app:1", "app", &err));
    assert_ok(image_get(t->images, "app", &im, &err));
    assert_int_equal(strv_len(im->tags), 3);
    assert_string_equal(im->tags[0], "app:1");
    assert_string_equal(im->tags[2], "reg.io/me/app:latest");
    assert_true(im->last_tagged_nsec > 0);
    assert_true(image_tag(t->images, "nope", "app", &err) < 0);
    expect_err(&err, ERR_NOT_FOUND, "No such image: nope:latest");
    assert_true(image_tag(t->images, "app:1", "A B", &err) < 0);
    assert_true(image_tag(t->images, "app:1", "sha256:x", &err) < 0);
    expect_err(&err, ERR_INVALID,
               "refusing to create an ambiguous tag using digest algorithm as name");
}

struct user {
    const char *id;
    bool running;
};

static void one_user(void *ctx, const struct digest *id,
                     void (*cb)(void *cb_ctx, const char *container_id, bool running), void *cb_ctx)
{
    struct user *u = ctx;

    if (u->id)
        cb(cb_ctx, u->id, u->running);
}

static void expect_conflict(struct image_fixture *t, const char *name, bool force, struct user *u,
                            const char *fmt)
{
    struct digest id = sha256sum(&t->f, "config.json");
    const struct image_users users = {.each = one_user, .ctx = u};
    char short_id[13];
    json_t *removed = NULL;
    struct err err = {0};
    _cleanup_free_ char *before = store_state(&t->f);

    (void)snprintf(short_id, sizeof(short_id), "%.12s", digest_hex(&id));
    const char *at = strstr(fmt, "ID");
    _cleanup_free_ char *want = xasprintf("%.*s%s%s", (int)(at - fmt), fmt, short_id, at + 2);
    if (image_remove(t->images, str_eq(name, "ID") ? short_id : name, force, true, &users, &removed,
                     &err) == 0)
        fail_msg("removed, instead of: %s", want);
    expect_err(&err, ERR_CONFLICT, want);
    _cleanup_free_ char *after = store_state(&t->f);
    assert_string_equal(before, after);
}

static void removal_conflicts(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    struct user running = {"1234abcd5678ffff", true};
    struct user stopped = {"1234abcd5678ffff", false};
    struct user none = {NULL, false};
    json_t *removed = NULL;

    expect_conflict(t, "app:1", false, &stopped,
                    "conflict: unable to remove repository reference \"app:1\" (must force) - "
                    "container 1234abcd5678 is using its referenced image ID");
    expect_conflict(t, "ID", false, &stopped,
                    "conflict: unable to delete ID (must be forced) - image is being used by "
                    "stopped container 1234abcd5678");
    expect_conflict(t, "ID", true, &running,
                    "conflict: unable to delete ID (cannot be forced) - image is being used by "
                    "running container 1234abcd5678");
    assert_ok(image_tag(t->images, "app:1", "other", &err));
    expect_conflict(t, "ID", false, &none,
                    "conflict: unable to delete ID (must be forced) - image is referenced in "
                    "multiple repositories");
    /* With another name left, one goes whoever uses the image. */
    const struct image_users users = {.each = one_user, .ctx = &running};
    assert_ok(image_remove(t->images, "other", false, true, &users, &removed, &err));
    expect(removed, "[{\"Untagged\":\"other:latest\"}]");
    json_decref(removed);
    /* Forced, the last name goes and the image of the running container stays. */
    assert_ok(image_remove(t->images, "app:1", true, true, &users, &removed, &err));
    expect(removed, "[{\"Untagged\":\"app:1\"}]");
    json_decref(removed);
    assert_int_equal(image_count(t->images), 1);
    assert_true(image_remove(t->images, "app:1", true, true, &users, &removed, &err) < 0);
    expect_err(&err, ERR_NOT_FOUND, "No such image: app:1");
}

static void removal_of_all(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    struct digest id = sha256sum(&t->f, "config.json");
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    json_t *removed = NULL;

    assert_ok(image_get(t->images, "app:1", &im, &err));
    assert_ok(image_tag(t->images, "app:1", "other:x", &err));
    assert_ok(image_remove(t->images, id.str, true, true, NULL, &removed, &err));
    _cleanup_free_ char *want =
        xasprintf("[{\"Untagged\":\"app:1\"},{\"Untagged\":\"other:x\"},{\"Deleted\":\"%s\"},"
                  "{\"Deleted\":\"%s\"},{\"Deleted\":\"%s\"}]",
                  id.str, im->chain_id.str, im->diff_ids[0].str);
    expect(removed, want);
    json_decref(removed);
    assert_int_equal(image_count(t->images), 0);
    sh(&t->f, "test \"$(ls data/overlay2)\" = init");
}

static void parents_are_pruned(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    struct digest base = sha256sum(&t->f, "config.json");
    static const char text[] = "{\"os\":\"linux\",\"rootfs\":{\"diff_ids\":[]}}";
    const struct image_new new = {.config = text, .config_len = strlen(text), .parent = base.str};
    struct digest child;
    json_t *removed = NULL;

    assert_ok(image_add(t->images, &new, &child, &err));
    assert_true(image_remove(t->images, base.str, true, true, NULL, &removed, &err) < 0);
    assert_non_null(strstr(err.message, "(cannot be forced) - image has dependent child images"));
    /* A parent with a name stays. */
    assert_ok(image_remove(t->images, child.str, false, true, NULL, &removed, &err));
    assert_int_equal(json_array_size(removed), 1);
    json_decref(removed);
    assert_ok(image_add(t->images, &new, &child, &err));
    assert_int_equal(db_run(t->f.db, &err, "DELETE FROM image_refs", NULL), 0);
    assert_ok(image_remove(t->images, child.str, false, true, NULL, &removed, &err));
    assert_int_equal(json_array_size(removed), 4);
    json_decref(removed);
    assert_int_equal(image_count(t->images), 0);
}

static void shown(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    _cleanup_json_ json_t *o = NULL;
    _cleanup_json_ json_t *history = NULL;
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    struct digest id = sha256sum(&t->f, "config.json");

    assert_ok(image_inspect(t->images, "app:1", &o, &err));
    assert_string_equal(json_str_or(o, "Id", ""), id.str);
    assert_string_equal(json_str_or(o, "Created", ""), "2020-01-02T03:04:05.6Z");
    assert_string_equal(json_str_or(o, "Author", ""), "me");
    assert_string_equal(json_str_or(o, "Comment", ""), "c");
    expect(json_object_get(o, "RepoTags"), "[\"app:1\"]");
    expect(json_object_get(o, "RepoDigests"), "[]");
    expect(json_object_get(o, "Config"),
           "{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,"
           "\"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,"
           "\"StdinOnce\":false,\"Env\":[\"A=b\"],\"Cmd\":[\"sh\"],\"Image\":\"\","
           "\"Volumes\":null,\"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,"
           "\"Labels\":{\"k\":\"v\"}}");
    assert_int_equal(json_array_size(json_object_get(json_object_get(o, "RootFS"), "Layers")), 2);
    assert_string_equal(json_str_or(json_object_get(o, "GraphDriver"), "Name", ""), "overlay2");
    assert_ok(image_history(t->images, "app:1", &history, &err));
    assert_int_equal(json_array_size(history), 3);
    _cleanup_free_ char *first = xasprintf(
        "{\"Comment\":\"c\",\"Created\":1577934246,\"CreatedBy\":\"RUN l2\",\"Id\":\"%s\","
        "\"Size\":3,\"Tags\":[\"app:1\"]}",
        id.str);
    expect(json_array_get(history, 0), first);
    expect(
        json_array_get(history, 1),
        "{\"Comment\":\"\",\"Created\":1577934245,\"CreatedBy\":\"ENV A=b\",\"Id\":\"<missing>\","
        "\"Size\":0,\"Tags\":null}");
    assert_int_equal(json_i64_or(json_array_get(history, 2), "Size", -1), 3004);
    assert_ok(image_get(t->images, "app:1", &im, &err));
    _cleanup_json_ json_t *summary = image_summary(im);
    _cleanup_free_ char *want =
        xasprintf("{\"Containers\":-1,\"Created\":1577934245,\"Id\":\"%s\",\"Labels\":{\"k\":"
                  "\"v\"},\"ParentId\":\"\",\"RepoDigests\":[],\"RepoTags\":[\"app:1\"],"
                  "\"SharedSize\":-1,\"Size\":3007}",
                  id.str);
    expect(summary, want);
}

static void survives_a_restart(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    struct image **images = NULL;
    struct layer_info info;
    size_t n = 0;

    /* A load that ended half way leaves a layer that only it referred to. */
    _cleanup_close_ int fd = open_file(&t->f, "l2.tar");
    assert_ok(layer_register(t->f.layers, NULL, fd, NULL, &info, &err));
    image_store_close(TAKE_PTR(t->images));
    fixture_close(&t->f);
    fixture_open(&t->f);
    image_fixture_open(t);
    assert_true(layer_get(t->f.layers, &info.chain_id, &info, &err) < 0);
    assert_ok(image_list(t->images, &images, &n, &err));
    assert_int_equal(n, 1);
    assert_ok(layer_get(t->f.layers, &images[0]->chain_id, &info, &err));
    image_unref(images[0]);
    free(images);
}

static void imported(void **state)
{
    struct image_fixture *t = *state;
    struct err err = {0};
    struct digest id = {0};
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    static char cmd[] = "CMD [\"/etc/a\"]";
    static char bad[] = "RUN x";
    char *changes[] = {cmd, NULL};
    char *wrong[] = {bad, NULL};

    sh(&t->f, "gzip -k l1.tar");
    _cleanup_close_ int fd = open_file(&t->f, "l1.tar.gz");
    assert_ok(image_import(t->images, fd, "-", "imp", NULL, changes, NULL, &id, &err));
    assert_ok(image_get(t->images, "imp:latest", &im, &err));
    assert_string_equal(im->id.str, id.str);
    struct digest diff = sha256sum(&t->f, "l1.tar");
    assert_string_equal(im->diff_ids[0].str, diff.str);
    expect(json_object_get(json_object_get(im->config, "config"), "Cmd"), "[\"/etc/a\"]");
    assert_string_equal(json_str_or(im->config, "comment", ""), "Imported from -");
    _cleanup_free_ char *before = store_state(&t->f);
    static const struct {
        const char *archive, *reference, *message, *platform;
        bool wrong;
    } cases[] = {
        {"l1.tar", "Imp", "must be lowercase", NULL, false},
        {"l1.tar", "x", "RUN is not a valid change command", NULL, true},
        {"l1.tar", "x", "operating system is not supported", "windows/amd64", false},
        {"make.py", "x", "", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_close_ int f = open_file(&t->f, cases[i].archive);
        assert_true(image_import(t->images, f, "-", cases[i].reference, NULL,
                                 cases[i].wrong ? wrong : NULL, cases[i].platform, &id, &err) < 0);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].message));
    }
    _cleanup_free_ char *after = store_state(&t->f);
    assert_string_equal(before, after);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, image_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(looked_up),      T(ambiguous_prefix),   T(tagged), T(removal_conflicts),
        T(removal_of_all), T(parents_are_pruned), T(shown),  T(survives_a_restart),
        T(imported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
