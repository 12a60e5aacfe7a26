/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci/image_spec.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"

#define INDEX_CHILDREN_MAX  1024
#define ARCHIVE_IMAGES_MAX  4096
#define DESCRIPTOR_SIZE_MAX (INT64_C(1) << 50)

static void descriptor_done(struct oci_descriptor *d)
{
    free(d->media_type);
    free(d->platform.os);
    free(d->platform.arch);
    free(d->platform.variant);
    json_decref(d->annotations);
}

void oci_manifest_done(struct oci_manifest *m)
{
    descriptor_done(&m->config);
    for (size_t i = 0; i < m->n_children; i++)
        descriptor_done(&m->children[i]);
    free(m->children);
    *m = (struct oci_manifest){0};
}

static json_t *parse_bounded(const char *data, size_t len, size_t max, const char *what,
                             struct err *err)
{
    if (len > max) {
        err_set(err, ERR_INVALID, "%s: larger than %zu bytes", what, max);
        return NULL;
    }
    return json_parse(data, len, what, err);
}

static int platform_parse(const json_t *o, struct oci_platform *p, struct err *err)
{
    static const char *const keys[] = {"os", "architecture", "variant"};
    char **members[] = {&p->os, &p->arch, &p->variant};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *s = NULL;
        int r = json_get_str(o, "platform", keys[i], &s, err);
        if (r < 0)
            return r;
        *members[i] = xstrdup(s);
    }
    return 0;
}

/* Fills d, which the caller releases on failure too. */
static int descriptor_parse(const json_t *o, const char *path, struct oci_descriptor *d,
                            struct err *err)
{
    const char *type = "";
    const char *digest = NULL;
    json_t *platform = NULL;
    json_t *annotations = NULL;

    if (!json_is_object(o))
        return err_set(err, ERR_INVALID, "field \"%s\" must hold descriptors", path);
    int r = json_get_str(o, path, "mediaType", &type, err);
    if (r == 0)
        r = json_get_str(o, path, "digest", &digest, err);
    if (r == 0)
        r = json_get_i64(o, path, "size", &d->size_bytes, err);
    if (r == 0)
        r = json_get_object(o, path, "platform", &platform, err);
    if (r == 0)
        r = json_get_object(o, path, "annotations", &annotations, err);
    if (r < 0)
        return r;
    if (!digest)
        return err_set(err, ERR_INVALID, "field \"%s.digest\" is missing", path);
    if (d->size_bytes < 0 || d->size_bytes > DESCRIPTOR_SIZE_MAX)
        return err_set(err, ERR_INVALID, "field \"%s.size\" is out of range", path);
    r = digest_parse(digest, &d->digest, err);
    if (r < 0)
        return r;
    d->media_type = xstrdup(type);
    d->annotations = json_incref(annotations);
    return platform ? platform_parse(platform, &d->platform, err) : 0;
}

static int children_parse(const json_t *a, const char *path, size_t max, struct oci_manifest *m,
                          struct err *err)
{
    size_t n = json_array_size(a);

    if (n > max)
        return err_set(err, ERR_INVALID, "\"%s\" has more than %zu entries", path, max);
    m->children = XNEW_ARRAY(struct oci_descriptor, n + 1);
    for (size_t i = 0; i < n; i++) {
        m->n_children = i + 1;
        int r = descriptor_parse(json_array_get(a, i), path, &m->children[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_index_type(const char *type)
{
    return str_eq(type, OCI_INDEX_TYPE) || str_eq(type, DOCKER_LIST_TYPE);
}

static bool is_manifest_type(const char *type)
{
    return str_eq(type, OCI_MANIFEST_TYPE) || str_eq(type, DOCKER_MANIFEST_TYPE);
}

static int manifest_kind(const json_t *root, struct oci_manifest *m, struct err *err)
{
    const char *type = "";
    int64_t version = 2;
    bool image = json_object_get(root, "layers") || json_object_get(root, "config");
    bool index = json_object_get(root, "manifests") != NULL;
    int r = json_get_str(root, NULL, "mediaType", &type, err);

    if (r == 0)
        r = json_get_i64(root, NULL, "schemaVersion", &version, err);
    if (r < 0)
        return r;
    if (version != 2)
        return err_set(err, ERR_INVALID, "manifest: unsupported schema version %lld",
                       (long long)version);
    if (json_object_get(root, "fsLayers") || (image && index))
        return err_set(err, ERR_INVALID,
                       "manifest: has the fields of more than one kind of document");
    if (!image && !index)
        return err_set(err, ERR_INVALID, "manifest: neither an image manifest nor an index");
    if (*type && !(index ? is_index_type(type) : is_manifest_type(type)))
        return err_set(err, ERR_INVALID, "manifest: media type %.200s does not fit its content",
                       type);
    m->kind = index ? OCI_IMAGE_INDEX : OCI_IMAGE_MANIFEST;
    return 0;
}

int oci_manifest_parse(const char *data, size_t len, struct oci_manifest *ret, struct err *err)
{
    _cleanup_oci_manifest_ struct oci_manifest m = {0};
    _cleanup_json_ json_t *root =
        parse_bounded(data, len, LIMIT_IMAGE_MANIFEST_BYTES, "manifest", err);
    json_t *children = NULL;

    if (!root)
        return -EINVAL;
    if (!json_is_object(root))
        return err_set(err, ERR_INVALID, "manifest: not a JSON object");
    int r = manifest_kind(root, &m, err);
    if (r < 0)
        return r;
    bool index = m.kind == OCI_IMAGE_INDEX;
    const char *key = index ? "manifests" : "layers";
    r = json_get_array(root, NULL, key, &children, err);
    if (r == 0)
        r = children_parse(children, key, index ? INDEX_CHILDREN_MAX : LIMIT_IMAGE_LAYERS, &m, err);
    if (r == 0 && !index)
        r = descriptor_parse(json_object_get(root, "config"), "config", &m.config, err);
    if (r < 0)
        return r;
    *ret = m;
    m = (struct oci_manifest){0};
    return 0;
}

static const struct {
    const char *machine, *arch, *variant;
} host_archs[] = {
    {"x86_64", "amd64", ""},    {"aarch64", "arm64", "v8"},     {"armv7l", "arm", "v7"},
    {"armv6l", "arm", "v6"},    {"armv8l", "arm", "v7"},        {"i686", "386", ""},
    {"i386", "386", ""},        {"ppc64le", "ppc64le", ""},     {"s390x", "s390x", ""},
    {"riscv64", "riscv64", ""}, {"loongarch64", "loong64", ""},
};

static int host_index(void)
{
    struct utsname u;

    if (uname(&u) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(host_archs); i++)
        if (str_eq(u.machine, host_archs[i].machine))
            return (int)i;
    return -1;
}

const char *oci_host_arch(void)
{
    int i = host_index();

    return i < 0 ? "unknown" : host_archs[i].arch;
}

const char *oci_host_variant(void)
{
    int i = host_index();

    return i < 0 ? "" : host_archs[i].variant;
}

/* 0: unfit; more is better. */
static int platform_fit(const struct oci_platform *p)
{
    if (str_empty(p->os) && str_empty(p->arch))
        return 1;
    if (!str_eq(p->os, "linux") || !str_eq(p->arch, oci_host_arch()))
        return 0;
    const char *variant = oci_host_variant();
    if (str_eq(p->variant ? p->variant : "", variant))
        return 4;
    return str_empty(p->variant) ? 3 : 2;
}

const struct oci_descriptor *oci_index_choose(const struct oci_manifest *index)
{
    const struct oci_descriptor *best = NULL;
    int best_fit = 0;

    for (size_t i = 0; i < index->n_children; i++) {
        int fit = platform_fit(&index->children[i].platform);
        if (fit > best_fit) {
            best = &index->children[i];
            best_fit = fit;
        }
    }
    return best;
}

void oci_image_config_done(struct oci_image_config *c)
{
    json_decref(c->root);
    free(c->os);
    free(c->arch);
    free(c->diff_ids);
    *c = (struct oci_image_config){0};
}

/* The members of "config" that containers are made from. */
static int run_config_check(const json_t *root, struct err *err)
{
    static const struct {
        const char *key;
        char type; /* s string, v string vector, o object, b boolean */
    } fields[] = {
        {"User", 's'},       {"WorkingDir", 's'},  {"Hostname", 's'},    {"Domainname", 's'},
        {"StopSignal", 's'}, {"Env", 'v'},         {"Cmd", 'v'},         {"Entrypoint", 'v'},
        {"OnBuild", 'v'},    {"Shell", 'v'},       {"Volumes", 'o'},     {"ExposedPorts", 'o'},
        {"Labels", 'o'},     {"Healthcheck", 'o'}, {"ArgsEscaped", 'b'},
    };
    json_t *config = NULL;
    int r = json_get_object(root, NULL, "config", &config, err);

    if (r < 0 || !config)
        return r;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
        _cleanup_strv_ char **v = NULL;
        const char *s = NULL;
        json_t *o = NULL;
        bool b = false;
        if (fields[i].type == 's')
            r = json_get_str(config, "config", fields[i].key, &s, err);
        else if (fields[i].type == 'v')
            r = json_get_strv(config, "config", fields[i].key, &v, err);
        else if (fields[i].type == 'o')
            r = json_get_object(config, "config", fields[i].key, &o, err);
        else
            r = json_get_bool(config, "config", fields[i].key, &b, err);
    }
    if (r < 0)
        return r;
    const char *key;
    json_t *value;
    json_object_foreach(json_object_get(config, "Labels"), key, value)
        if (!json_is_string(value))
            return err_set(err, ERR_INVALID, "field \"config.Labels.%.100s\" must be a string",
                           key);
    return 0;
}

static int diff_ids_parse(const json_t *root, struct oci_image_config *c, struct err *err)
{
    json_t *rootfs = NULL;
    json_t *ids = NULL;
    int r = json_get_object(root, NULL, "rootfs", &rootfs, err);

    if (r == 0 && !rootfs)
        return err_set(err, ERR_INVALID, "invalid image JSON, no RootFS key");
    if (r == 0)
        r = json_get_array(rootfs, "rootfs", "diff_ids", &ids, err);
    if (r < 0)
        return r;
    size_t n = json_array_size(ids);
    if (n > LIMIT_IMAGE_LAYERS)
        return err_set(err, ERR_INVALID, "image has more than %d layers", LIMIT_IMAGE_LAYERS);
    c->diff_ids = XNEW_ARRAY(struct digest, n + 1);
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(ids, i));
        if (!s)
            return err_set(err, ERR_INVALID, "field \"rootfs.diff_ids\" must hold strings");
        r = digest_parse(s, &c->diff_ids[i], err);
        if (r < 0)
            return r;
    }
    c->n_diff_ids = n;
    return 0;
}

static int history_check(const json_t *root, struct err *err)
{
    json_t *history = NULL;
    int r = json_get_array(root, NULL, "history", &history, err);
    size_t i;
    json_t *h;

    if (r < 0)
        return r;
    json_array_foreach(history, i, h)
        if (!json_is_object(h))
            return err_set(err, ERR_INVALID, "field \"history\" must hold objects");
    return 0;
}

int oci_image_config_parse(const char *data, size_t len, struct oci_image_config *ret,
                           struct err *err)
{
    _cleanup_oci_image_config_ struct oci_image_config c = {0};
    const char *os = "";
    const char *arch = "";
    const char *created = "";

    c.root = parse_bounded(data, len, LIMIT_IMAGE_CONFIG_BYTES, "image config", err);
    if (!c.root)
        return -EINVAL;
    if (!json_is_object(c.root))
        return err_set(err, ERR_INVALID, "image config: not a JSON object");
    int r = json_get_str(c.root, NULL, "os", &os, err);
    if (r == 0)
        r = json_get_str(c.root, NULL, "architecture", &arch, err);
    if (r == 0)
        r = json_get_str(c.root, NULL, "created", &created, err);
    if (r == 0)
        r = diff_ids_parse(c.root, &c, err);
    if (r == 0)
        r = history_check(c.root, err);
    if (r == 0)
        r = run_config_check(c.root, err);
    if (r < 0)
        return r;
    if (*created && time_parse_rfc3339(created, &c.created_nsec) < 0)
        return err_set(err, ERR_INVALID, "field \"created\" must be an RFC 3339 time");
    c.os = xstrdup(os);
    c.arch = xstrdup(arch);
    *ret = c;
    c = (struct oci_image_config){0};
    return 0;
}

void docker_archive_images_free(struct docker_archive_image *images, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(images[i].config);
        strv_free(images[i].tags);
        strv_free(images[i].layers);
    }
    free(images);
}

static int archive_image_parse(const json_t *o, struct docker_archive_image *im, struct err *err)
{
    const char *config = NULL;

    if (!json_is_object(o))
        return err_set(err, ERR_INVALID, "manifest.json: must hold objects");
    int r = json_get_str(o, "manifest.json", "Config", &config, err);
    if (r == 0)
        r = json_get_strv(o, "manifest.json", "RepoTags", &im->tags, err);
    if (r == 0)
        r = json_get_strv(o, "manifest.json", "Layers", &im->layers, err);
    if (r < 0)
        return r;
    if (str_empty(config))
        return err_set(err, ERR_INVALID, "manifest.json: an image without \"Config\"");
    if (strv_len(im->layers) > LIMIT_IMAGE_LAYERS)
        return err_set(err, ERR_INVALID, "image has more than %d layers", LIMIT_IMAGE_LAYERS);
    im->config = xstrdup(config);
    return 0;
}

int docker_archive_manifest_parse(const char *data, size_t len, struct docker_archive_image **ret,
                                  size_t *ret_n, struct err *err)
{
    _cleanup_json_ json_t *root =
        parse_bounded(data, len, LIMIT_IMAGE_MANIFEST_BYTES, "manifest.json", err);

    if (!root)
        return -EINVAL;
    if (!json_is_array(root))
        return err_set(err, ERR_INVALID, "manifest.json: not a JSON array");
    size_t n = json_array_size(root);
    if (n > ARCHIVE_IMAGES_MAX)
        return err_set(err, ERR_INVALID, "manifest.json: more than %d images", ARCHIVE_IMAGES_MAX);
    struct docker_archive_image *images = XNEW_ARRAY(struct docker_archive_image, n + 1);
    for (size_t i = 0; i < n; i++) {
        int r = archive_image_parse(json_array_get(root, i), &images[i], err);
        if (r < 0) {
            docker_archive_images_free(images, n);
            return r;
        }
    }
    *ret = images;
    *ret_n = n;
    return 0;
}
