/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Loading of docker-archive and OCI layout archives. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "image/internal.h"
#include "image/progress.h"

#define INDEX_DEPTH_MAX 4

struct load {
    struct image_store *s;
    const struct archive *archive;
    const struct image_progress *progress; /* NULL: silent */
    bool quiet;
    char **loaded; /* owned string vector */
};

/* Where the parts of one image are. */
struct image_parts {
    const char *config; /* bytes; borrowed */
    size_t config_len;
    struct archive_member *layers; /* borrowed */
    const struct digest *blobs;    /* borrowed: digests of the layers' blobs; NULL: unknown */
    size_t n_layers;
};

/* A layer's blob on its way to the layer store. */
struct layer_stream {
    struct load *load;
    const struct archive_member *member;
    struct digest_ctx *hash; /* NULL: not to be verified */
    const struct digest *blob;
    uint64_t at;
    struct image_layer_progress progress;
};

static ssize_t layer_stream_read(void *ctx, void *buf, size_t len, struct err *err)
{
    struct layer_stream *l = ctx;
    struct digest got;
    ssize_t n = archive_pread(l->member, l->at, buf, len, err);

    if (n > 0) {
        (void)__atomic_add_fetch(&l->at, (uint64_t)n, __ATOMIC_RELAXED);
        if (l->hash)
            digest_ctx_update(l->hash, buf, (size_t)n);
    } else if (n == 0 && l->hash) {
        digest_ctx_final(l->hash, &got);
        digest_ctx_free(TAKE_PTR(l->hash));
        if (!digest_eq(&got, l->blob))
            return err_set(err, ERR_INVALID, "layer: unexpected digest %s, expected %s", got.str,
                           l->blob->str);
    }
    return n;
}

static int layer_stream_progress(void *ctx, uint64_t tar_bytes)
{
    struct layer_stream *l = ctx;

    return image_layer_progress_update(&l->progress, __atomic_load_n(&l->at, __ATOMIC_RELAXED));
}

static int register_layer(struct load *l, const struct digest *parent,
                          const struct archive_member *member, const struct digest *blob,
                          const struct digest *diff_id, struct layer_info *ret, struct err *err)
{
    struct layer_stream stream = {.load = l, .member = member, .blob = blob};
    const struct layer_register_options options = {
        .read = layer_stream_read,
        .read_ctx = &stream,
        .progress = layer_stream_progress,
        .progress_ctx = &stream,
    };

    image_layer_progress_init(&stream.progress, l->quiet ? NULL : l->progress, diff_id,
                              member->size);
    /* An uncompressed blob is verified by its DiffID. */
    if (blob && !digest_eq(blob, diff_id))
        stream.hash = digest_ctx_new();
    int r = layer_register_with(l->s->layers, parent, -1, diff_id, &options, ret, err);
    digest_ctx_free(stream.hash);
    if (r == 0 && image_layer_progress_end(&stream.progress) < 0) {
        (void)layer_unref(l->s->layers, &ret->chain_id, NULL);
        r = -ECANCELED;
    }
    if (r == -ECANCELED)
        return err_set(err, ERR_CANCELLED, "load cancelled");
    return r;
}

/* Registers the layers from the base up. On success the caller holds a reference on *chain. */
static int register_layers(struct load *l, const struct image_parts *parts,
                           const struct oci_image_config *config, struct digest *chain,
                           struct err *err)
{
    struct digest at = {0};

    for (size_t i = 0; i < parts->n_layers; i++) {
        struct digest next;
        struct layer_info info;
        layer_chain_id(&at, &config->diff_ids[i], &next);
        int r = layer_ref(l->s->layers, &next, NULL);
        if (r == -ENOENT)
            r = register_layer(l, &at, &parts->layers[i], parts->blobs ? &parts->blobs[i] : NULL,
                               &config->diff_ids[i], &info, err);
        else if (r < 0)
            (void)layer_ref(l->s->layers, &next, err);
        if (*at.str)
            (void)layer_unref(l->s->layers, &at, NULL);
        if (r < 0)
            return r;
        at = next;
    }
    *chain = at;
    return 0;
}

static int load_image(struct load *l, const struct image_parts *parts, struct digest *ret_id,
                      struct err *err)
{
    _cleanup_oci_image_config_ struct oci_image_config config = {0};
    struct image_new new = {.config = parts->config, .config_len = parts->config_len};
    int r = oci_image_config_parse(parts->config, parts->config_len, &config, err);

    if (r < 0)
        return r;
    if (*config.os && !str_eq(config.os, "linux"))
        return err_set(err, ERR_INVALID, "cannot load %.50s image on linux", config.os);
    if (parts->n_layers != config.n_diff_ids)
        return err_set(err, ERR_INVALID,
                       "invalid manifest, layers length mismatch: expected %zu, got %zu",
                       parts->n_layers, config.n_diff_ids);
    r = register_layers(l, parts, &config, &new.chain_id, err);
    if (r < 0)
        return r;
    r = image_add(l->s, &new, ret_id, err);
    if (r < 0 && *new.chain_id.str)
        (void)layer_unref(l->s->layers, &new.chain_id, NULL);
    return r;
}

/* Tells and records that `familiar` (or the untagged image) is there. */
static int report(struct load *l, const struct digest *id, const char *familiar, struct err *err)
{
    _cleanup_free_ char *text =
        xasprintf("Loaded image%s: %s\n", familiar ? "" : " ID", familiar ? familiar : id->str);

    strv_push(&l->loaded, familiar ? familiar : id->str);
    return image_progress_stream(l->progress, text, err);
}

static int set_tag(struct load *l, const struct digest *id, const struct reference *ref,
                   struct err *err)
{
    _cleanup_free_ char *canonical = reference_string(ref);
    _cleanup_free_ char *familiar = reference_familiar(ref);
    struct digest old;
    int r = image_ref_lookup(l->s, canonical, &old, err);

    if (r == 1 && !digest_eq(&old, id)) {
        _cleanup_free_ char *text = xasprintf(
            "The image %s already exists, renaming the old one with ID %s to empty string\n",
            familiar, old.str);
        r = image_progress_stream(l->progress, text, err);
    }
    if (r >= 0)
        r = image_ref_set(l->s, ref, id, err);
    return r < 0 ? r : report(l, id, familiar, err);
}

/* docker-archive */

static int parse_tags(char *const *tags, struct reference **ret, struct err *err)
{
    size_t n = strv_len(tags);
    struct reference *refs = XNEW_ARRAY(struct reference, n + 1);

    for (size_t i = 0; i < n; i++) {
        int r = reference_parse_tagged(tags[i], &refs[i], err);
        if (r < 0) {
            while (i > 0)
                reference_done(&refs[--i]);
            free(refs);
            return r;
        }
    }
    *ret = refs;
    return 0;
}

static int load_docker_parts(struct load *l, const struct docker_archive_image *im,
                             struct digest *ret_id, struct err *err)
{
    _cleanup_free_ char *config = NULL;
    _cleanup_free_ struct archive_member *layers = NULL;
    struct archive_member member;
    struct image_parts parts = {.n_layers = strv_len(im->layers)};
    int r = archive_find(l->archive, im->config, &member, err);

    if (r == 0)
        r = archive_read(&member, LIMIT_IMAGE_CONFIG_BYTES, "image config", NULL, &config,
                         &parts.config_len, err);
    layers = XNEW_ARRAY(struct archive_member, parts.n_layers + 1);
    for (size_t i = 0; r == 0 && i < parts.n_layers; i++)
        r = archive_find(l->archive, im->layers[i], &layers[i], err);
    if (r < 0)
        return r;
    parts.config = config;
    parts.layers = layers;
    return load_image(l, &parts, ret_id, err);
}

static int load_docker_image(struct load *l, const struct docker_archive_image *im, struct err *err)
{
    _cleanup_free_ struct reference *refs = NULL;
    struct digest id = {0};
    size_t n = strv_len(im->tags);
    int r = parse_tags(im->tags, &refs, err);

    if (r < 0)
        return r;
    r = load_docker_parts(l, im, &id, err);
    for (size_t i = 0; i < n; i++) {
        if (r == 0)
            r = set_tag(l, &id, &refs[i], err);
        reference_done(&refs[i]);
    }
    return r == 0 && n == 0 ? report(l, &id, NULL, err) : r;
}

static int load_docker_archive(struct load *l, const struct archive_member *manifest,
                               struct err *err)
{
    struct docker_archive_image *images = NULL;
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    size_t n = 0;
    int r =
        archive_read(manifest, LIMIT_IMAGE_MANIFEST_BYTES, "manifest.json", NULL, &text, &len, err);

    if (r == 0)
        r = docker_archive_manifest_parse(text, len, &images, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = load_docker_image(l, &images[i], err);
    docker_archive_images_free(images, n);
    return r;
}

/* OCI layout */

static int read_manifest(struct load *l, const struct digest *digest, struct oci_manifest *ret,
                         struct err *err)
{
    _cleanup_free_ char *text = NULL;
    struct archive_member member;
    size_t len = 0;
    int r = archive_find_blob(l->archive, digest, &member, err);

    if (r == 0)
        r = archive_read(&member, LIMIT_IMAGE_MANIFEST_BYTES, "manifest", digest, &text, &len, err);
    return r < 0 ? r : oci_manifest_parse(text, len, ret, err);
}

static int load_oci_manifest(struct load *l, const struct oci_manifest *m, struct digest *ret_id,
                             struct err *err)
{
    _cleanup_free_ char *config = NULL;
    _cleanup_free_ struct archive_member *layers =
        XNEW_ARRAY(struct archive_member, m->n_children + 1);
    _cleanup_free_ struct digest *blobs = XNEW_ARRAY(struct digest, m->n_children + 1);
    struct image_parts parts = {.n_layers = m->n_children, .layers = layers, .blobs = blobs};
    struct archive_member member;
    int r = archive_find_blob(l->archive, &m->config.digest, &member, err);

    if (r == 0)
        r = archive_read(&member, LIMIT_IMAGE_CONFIG_BYTES, "image config", &m->config.digest,
                         &config, &parts.config_len, err);
    for (size_t i = 0; r == 0 && i < m->n_children; i++) {
        blobs[i] = m->children[i].digest;
        r = archive_find_blob(l->archive, &blobs[i], &layers[i], err);
        if (r == 0 && m->children[i].size_bytes != (int64_t)layers[i].size)
            r = err_set(err, ERR_INVALID, "layer %s: has %llu bytes, its descriptor says %lld",
                        blobs[i].str, (unsigned long long)layers[i].size,
                        (long long)m->children[i].size_bytes);
    }
    if (r < 0)
        return r;
    parts.config = config;
    return load_image(l, &parts, ret_id, err);
}

/* Follows indexes to the manifest for this machine, and loads that. */
static int load_oci_descriptor(struct load *l, const struct digest *digest, struct digest *ret_id,
                               struct err *err)
{
    struct digest at = *digest;

    for (int depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
        _cleanup_oci_manifest_ struct oci_manifest m = {0};
        int r = read_manifest(l, &at, &m, err);
        if (r < 0)
            return r;
        if (m.kind == OCI_IMAGE_MANIFEST)
            return load_oci_manifest(l, &m, ret_id, err);
        const struct oci_descriptor *best = oci_index_choose(&m);
        if (!best)
            return err_set(err, ERR_NOT_FOUND, "no matching manifest for linux/%s in the image",
                           oci_host_arch());
        at = best->digest;
    }
    return err_set(err, ERR_INVALID, "image index: nested too deeply");
}

/* The reference that an entry of index.json is for: 1, 0 when it has none, or a negative errno. */
static int descriptor_reference(const struct oci_descriptor *d, struct reference *ret,
                                struct err *err)
{
    const char *full = json_str_or(d->annotations, "io.containerd.image.name", NULL);
    const char *name = json_str_or(d->annotations, "org.opencontainers.image.ref.name", NULL);

    if (!full && name && strpbrk(name, ":/")) /* otherwise it is only a tag, of an unknown name */
        full = name;
    if (str_empty(full))
        return 0;
    int r = reference_parse_tagged(full, ret, err);
    return r < 0 ? r : 1;
}

static int load_oci_entry(struct load *l, const struct oci_descriptor *d, struct err *err)
{
    _cleanup_reference_ struct reference ref = {0};
    struct digest id = {0};
    int tagged = descriptor_reference(d, &ref, err);
    int r = tagged < 0 ? tagged : load_oci_descriptor(l, &d->digest, &id, err);

    if (r < 0)
        return r;
    return tagged ? set_tag(l, &id, &ref, err) : report(l, &id, NULL, err);
}

static bool is_attestation(const struct oci_descriptor *d)
{
    return str_eq(d->platform.os, "unknown") ||
           json_object_get(d->annotations, "vnd.docker.reference.type");
}

/* An entry is for this machine if it says so or does not say. */
static bool fits(const struct oci_descriptor *d)
{
    const struct oci_manifest one = {.kind = OCI_IMAGE_INDEX,
                                     .children = (struct oci_descriptor *)(uintptr_t)d,
                                     .n_children = 1};

    return oci_index_choose(&one) != NULL;
}

static int load_oci_layout(struct load *l, const struct archive_member *index, struct err *err)
{
    _cleanup_oci_manifest_ struct oci_manifest m = {0};
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    size_t n_fit = 0;
    int r = archive_read(index, LIMIT_IMAGE_MANIFEST_BYTES, "index.json", NULL, &text, &len, err);

    if (r == 0)
        r = oci_manifest_parse(text, len, &m, err);
    if (r < 0)
        return r;
    if (m.kind != OCI_IMAGE_INDEX)
        return err_set(err, ERR_INVALID, "index.json: not an image index");
    for (size_t i = 0; i < m.n_children; i++)
        if (!is_attestation(&m.children[i]) && fits(&m.children[i]))
            n_fit++;
    /* Of images for several machines take this one's; an image for another machine alone is taken
     * as it is. */
    for (size_t i = 0; r == 0 && i < m.n_children; i++)
        if (!is_attestation(&m.children[i]) && (n_fit == 0 || fits(&m.children[i])))
            r = load_oci_entry(l, &m.children[i], err);
    return r;
}

int image_load(struct image_store *s, int fd, bool quiet, const struct image_progress *progress,
               char ***ret_loaded, struct err *err)
{
    _cleanup_(archive_freep)
    struct archive *archive = NULL;
    struct archive_member member;
    struct load l = {.s = s, .progress = progress, .quiet = quiet};
    int r = archive_spool(s->tmp_dir, fd, &archive, err);

    if (r < 0)
        return r;
    l.archive = archive;
    if (archive_find(archive, "manifest.json", &member, NULL) == 0)
        r = load_docker_archive(&l, &member, err);
    else if (archive_find(archive, "index.json", &member, NULL) == 0)
        r = load_oci_layout(&l, &member, err);
    else
        r = err_set(err, ERR_INVALID, "open manifest.json: no such file or directory");
    if (r < 0) {
        strv_free(l.loaded);
        return r;
    }
    *ret_loaded = l.loaded ? l.loaded : XNEW_ARRAY(char *, 1);
    return 0;
}
