/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "oci/image_spec.h"

#define D1      "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2      "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define DESC(d) "{\"mediaType\":\"x\",\"digest\":\"" d "\",\"size\":3}"

static int parse_manifest(const char *text, struct oci_manifest *m, struct err *err)
{
    *m = (struct oci_manifest){0};
    return oci_manifest_parse(text, strlen(text), m, err);
}

static void reads_a_manifest(void **state)
{
    struct oci_manifest m;
    struct err err = {0};

    assert_int_equal(parse_manifest("{\"schemaVersion\":2,\"config\":" DESC(
                                        D1) ",\"layers\":[" DESC(D2) "," DESC(D1) "]}",
                                    &m, &err),
                     0);
    assert_int_equal(m.kind, OCI_IMAGE_MANIFEST);
    assert_int_equal(m.n_children, 2);
    assert_string_equal(m.config.digest.str, D1);
    assert_string_equal(m.children[0].digest.str, D2);
    assert_int_equal(m.children[0].size_bytes, 3);
    oci_manifest_done(&m);
}

static void chooses_this_machine(void **state)
{
    struct oci_manifest m;
    struct err err = {0};
    _cleanup_free_ char *text =
        xasprintf("{\"schemaVersion\":2,\"manifests\":["
                  "{\"digest\":\"" D1 "\",\"size\":1,\"platform\":{\"os\":\"unknown\","
                  "\"architecture\":\"unknown\"}},"
                  "{\"digest\":\"" D1 "\",\"size\":1,\"platform\":{\"os\":\"linux\","
                  "\"architecture\":\"sparc\"}},"
                  "{\"digest\":\"" D2 "\",\"size\":1,\"platform\":{\"os\":\"linux\","
                  "\"architecture\":\"%s\",\"variant\":\"%s\"}}]}",
                  oci_host_arch(), oci_host_variant());

    assert_int_equal(parse_manifest(text, &m, &err), 0);
    assert_int_equal(m.kind, OCI_IMAGE_INDEX);
    const struct oci_descriptor *d = oci_index_choose(&m);
    assert_non_null(d);
    assert_string_equal(d->digest.str, D2);
    oci_manifest_done(&m);
}

static void refuses_bad_manifests(void **state)
{
    static const char *const cases[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"schemaVersion\":1,\"config\":" DESC(D1) ",\"layers\":[]}",
        "{\"schemaVersion\":2,\"layers\":[]}",
        "{\"schemaVersion\":2,\"config\":" DESC(D1) ",\"layers\":{}}",
        "{\"schemaVersion\":2,\"config\":[],\"layers\":[]}",
        "{\"schemaVersion\":2,\"config\":" DESC(D1) ",\"layers\":[1]}",
        "{\"schemaVersion\":2,\"config\":" DESC(D1) ",\"layers\":[{}]}",
        "{\"schemaVersion\":2,\"config\":" DESC(D1) ",\"layers\":[],\"manifests\":[]}",
        "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[" DESC(D1) "]}",
        "{\"schemaVersion\":2,\"manifests\":[],\"fsLayers\":[]}",
        "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"manifests\":[]}",
        "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX_TYPE "\",\"config\":" DESC(D1) "}",
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"sha256:..\",\"size\":1}]}",
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":-1}]}",
        "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" D1 "\",\"size\":1,"
        "\"platform\":[]}]}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct oci_manifest m;
        struct err err = {0};
        if (parse_manifest(cases[i], &m, &err) == 0)
            fail_msg("taken: %s", cases[i]);
        assert_int_equal(err.kind, ERR_INVALID);
        assert_int_equal(m.n_children, 0);
    }
}

static void refuses_too_many_layers(void **state)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 << 20);
    struct oci_manifest m;
    struct err err = {0};

    (void)buf_adds(&b, "{\"schemaVersion\":2,\"config\":" DESC(D1) ",\"layers\":[" DESC(D1));
    for (int i = 0; i < 600; i++)
        (void)buf_adds(&b, "," DESC(D1));
    (void)buf_adds(&b, "]}");
    assert_true(parse_manifest(buf_str(&b), &m, &err) < 0);
    assert_int_equal(err.kind, ERR_INVALID);
}

static int parse_config(const char *text, struct oci_image_config *c, struct err *err)
{
    *c = (struct oci_image_config){0};
    return oci_image_config_parse(text, strlen(text), c, err);
}

static void reads_a_config(void **state)
{
    struct oci_image_config c;
    struct err err = {0};

    assert_int_equal(parse_config("{\"os\":\"linux\",\"architecture\":\"amd64\","
                                  "\"created\":\"1970-01-01T00:00:02Z\",\"rootfs\":{\"type\":"
                                  "\"layers\",\"diff_ids\":[\"" D1 "\",\"" D2 "\"]}}",
                                  &c, &err),
                     0);
    assert_int_equal(c.n_diff_ids, 2);
    assert_string_equal(c.diff_ids[1].str, D2);
    assert_int_equal(c.created_nsec, INT64_C(2000000000));
    oci_image_config_done(&c);
}

static void refuses_bad_configs(void **state)
{
#define FS "\"rootfs\":{\"diff_ids\":[]}"
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"os\":\"linux\"}", "invalid image JSON, no RootFS key"},
        {"{\"rootfs\":[]}", "field \"rootfs\" must be an object"},
        {"{\"rootfs\":{\"diff_ids\":[1]}}", "field \"rootfs.diff_ids\" must hold strings"},
        {"{" FS ",\"os\":1}", "field \"os\" must be a string"},
        {"{" FS ",\"history\":[1]}", "field \"history\" must hold objects"},
        {"{" FS ",\"created\":\"never\"}", "field \"created\" must be an RFC 3339 time"},
        {"{" FS ",\"config\":{\"Env\":\"x\"}}", "field \"config.Env\" must be an array"},
        {"{" FS ",\"config\":{\"Cmd\":[1]}}", "field \"config.Cmd\" must be an array of strings"},
        {"{" FS ",\"config\":{\"Volumes\":[]}}", "field \"config.Volumes\" must be an object"},
        {"{" FS ",\"config\":{\"Labels\":{\"a\":1}}}",
         "field \"config.Labels.a\" must be a string"},
        {"[]", "image config: not a JSON object"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct oci_image_config c;
        struct err err = {0};
        if (parse_config(cases[i].text, &c, &err) == 0)
            fail_msg("taken: %s", cases[i].text);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void reads_docker_archive(void **state)
{
    static const char good[] =
        "[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"a\",\"b\"]}]";
    static const char *const bad[] = {"{}",
                                      "[1]",
                                      "[{}]",
                                      "[{\"Config\":1}]",
                                      "[{\"Config\":\"c\",\"Layers\":\"x\"}]",
                                      "[{\"Config\":\"c\",\"RepoTags\":[1]}]"};
    struct docker_archive_image *images = NULL;
    struct err err = {0};
    size_t n = 0;

    assert_int_equal(docker_archive_manifest_parse(good, strlen(good), &images, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_string_equal(images[0].config, "c.json");
    assert_string_equal(images[0].layers[1], "b");
    assert_null(images[0].tags);
    docker_archive_images_free(images, n);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(docker_archive_manifest_parse(bad[i], strlen(bad[i]), &images, &n, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_manifest),      cmocka_unit_test(chooses_this_machine),
        cmocka_unit_test(refuses_bad_manifests), cmocka_unit_test(refuses_too_many_layers),
        cmocka_unit_test(reads_a_config),        cmocka_unit_test(refuses_bad_configs),
        cmocka_unit_test(reads_docker_archive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
