/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Saving: one tar that is an OCI layout and a docker-archive at once, as docker save writes since
 * version 25. Layers are rebuilt from their files and header journals. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "image/internal.h"
#include "tar/writer.h"

#define BLOB_PREFIX "blobs/sha256/"

/* An image to be saved, and the names under which it was asked for. */
struct saved_image {
    struct image *im; /* ref */
    char **refs;      /* owned; canonical */
    char *config;     /* owned; the bytes */
    size_t config_len;
};

struct save {
    struct image_store *s;
    struct tar_writer *tar;
    struct saved_image *images;
    size_t n_images;
    struct hashmap *written; /* names of blobs */
    json_t *docker;          /* manifest.json */
    json_t *index;           /* index.json's manifests */
    json_t *repositories;
};

static void save_done(struct save *sv)
{
    for (size_t i = 0; i < sv->n_images; i++) {
        image_unref(sv->images[i].im);
        strv_free(sv->images[i].refs);
        free(sv->images[i].config);
    }
    free(sv->images);
    tar_writer_free(sv->tar);
    hashmap_free(sv->written);
    json_decref(sv->docker);
    json_decref(sv->index);
    json_decref(sv->repositories);
}

static int read_config(struct save *sv, struct saved_image *si, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(sv->s->db, &st, err, "SELECT config FROM image_images WHERE id=?", "s",
                       si->im->id.str);

    if (r == 0)
        r = db_step(st, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND, "No such image: %s", si->im->id.str);
    const void *bytes = db_col_blob(st, 0, &si->config_len);
    si->config = xmemdup(bytes, si->config_len);
    return 0;
}

static struct saved_image *find_saved(struct save *sv, struct image *im)
{
    for (size_t i = 0; i < sv->n_images; i++)
        if (digest_eq(&sv->images[i].im->id, &im->id))
            return &sv->images[i];
    sv->images = xrealloc_array(sv->images, sv->n_images + 1, sizeof(*sv->images));
    struct saved_image *si = &sv->images[sv->n_images++];
    *si = (struct saved_image){.im = image_ref(im)};
    return si;
}

/* A bare repository name stands for all its tags. */
static int add_repository(struct save *sv, const struct reference *ref, bool *ret_any,
                          struct err *err)
{
    _cleanup_free_ char *name = reference_name(ref);
    _cleanup_free_ char *low = xasprintf("%s:", name);
    _cleanup_free_ char *high = xasprintf("%s;", name); /* ';' follows ':' */
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(sv->s->db, &st, err,
                       "SELECT ref, id FROM image_refs WHERE ref>=? AND ref<? ORDER BY ref", "ss",
                       low, high);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0) {
        _cleanup_(image_unrefp)
        struct image *im = NULL;
        struct digest id;
        (void)snprintf(id.str, sizeof(id.str), "%s", db_col_str(st, 1));
        r = image_get_by_id(sv->s, &id, &im, err);
        if (r < 0)
            return r;
        strv_push(&find_saved(sv, im)->refs, db_col_str(st, 0));
        *ret_any = true;
    }
    return r;
}

static int add_name(struct save *sv, const char *name, struct err *err)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    bool any = false;
    struct digest id;
    bool parsed = reference_parse(name, &ref, NULL) == 0;

    if (parsed && !ref.tag && !ref.digest) {
        int r = add_repository(sv, &ref, &any, err);
        if (r < 0 || any)
            return r;
    }
    int r = image_get(sv->s, name, &im, err);
    if (r < 0 && err && err->kind == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "No such image: %s", name);
    if (r < 0)
        return r;
    struct saved_image *si = find_saved(sv, im);
    if (parsed && ref.tag && !ref.digest) {
        _cleanup_free_ char *canonical = reference_string(&ref);
        if (image_ref_lookup(sv->s, canonical, &id, NULL) == 1 &&
            !strv_contains(si->refs, canonical))
            strv_push(&si->refs, canonical);
    }
    return 0;
}

static json_t *descriptor(const char *type, const struct digest *digest, size_t size)
{
    json_t *o = json_object();

    json_set_str(o, "mediaType", type);
    json_set_str(o, "digest", digest->str);
    json_set_i64(o, "size", (int64_t)size);
    return o;
}

static char *blob_name(const struct digest *d)
{
    return xasprintf(BLOB_PREFIX "%s", digest_hex(d));
}

/* True the first time. */
static bool mark_written(struct save *sv, const char *name)
{
    static char yes[] = "";

    if (hashmap_get(sv->written, name))
        return false;
    hashmap_put(sv->written, name, yes);
    return true;
}

static int write_blob(struct save *sv, const struct digest *d, time_t mtime, const void *data,
                      size_t len, struct err *err)
{
    _cleanup_free_ char *name = blob_name(d);

    return mark_written(sv, name) ? tar_writer_file(sv->tar, name, 0644, mtime, data, len, err) : 0;
}

static int write_layer(struct save *sv, const struct digest *chain, const struct digest *diff_id,
                       time_t mtime, uint64_t *ret_size, struct err *err)
{
    _cleanup_free_ char *name = blob_name(diff_id);
    int r = layer_tar_size(sv->s->layers, chain, ret_size, err);

    if (r < 0 || !mark_written(sv, name))
        return r;
    const struct tar_entry e = {
        .type = TAR_FILE,
        .name = name,
        .linkname = "",
        .mode = 0644,
        .size = *ret_size,
        .stored = *ret_size,
        .mtime = {.tv_sec = mtime},
    };
    r = tar_writer_entry(sv->tar, &e, err);
    return r < 0 ? r : layer_write_tar_to(sv->s->layers, chain, tar_writer_sink(sv->tar), err);
}

/* The layers' blobs; fills the lists of manifest.json and of the OCI manifest. */
static int write_layers(struct save *sv, const struct image *im, time_t mtime, json_t *names,
                        json_t *descriptors, json_t *sources, struct err *err)
{
    struct digest chain = {0};

    for (size_t i = 0; i < im->n_diff_ids; i++) {
        const struct digest *diff_id = &im->diff_ids[i];
        _cleanup_free_ char *name = blob_name(diff_id);
        uint64_t size = 0;
        layer_chain_id(&chain, diff_id, &chain);
        int r = write_layer(sv, &chain, diff_id, mtime, &size, err);
        if (r < 0)
            return r;
        json_t *d = descriptor(OCI_LAYER_TYPE, diff_id, size);
        json_set_take(sources, diff_id->str, json_incref(d));
        if (json_array_append_new(descriptors, d) < 0 ||
            json_array_append_new(names, json_str_new(name)) < 0)
            abort();
    }
    return 0;
}

static void add_index_entry(struct save *sv, const struct digest *manifest, size_t size,
                            const char *canonical)
{
    json_t *entry = descriptor(OCI_MANIFEST_TYPE, manifest, size);

    if (canonical) {
        json_t *annotations = json_object();
        json_set_str(annotations, "io.containerd.image.name", canonical);
        json_set_str(annotations, "org.opencontainers.image.ref.name", strrchr(canonical, ':') + 1);
        json_set_take(entry, "annotations", annotations);
    }
    if (json_array_append_new(sv->index, entry) < 0)
        abort();
}

static void add_repositories_entry(struct save *sv, const char *familiar, const struct image *im)
{
    const char *colon = strrchr(familiar, ':');
    _cleanup_free_ char *name = xstrndup(familiar, (size_t)(colon - familiar));
    json_t *tags = json_object_get(sv->repositories, name);

    if (!im->n_diff_ids)
        return;
    if (!tags) {
        tags = json_object();
        json_set_take(sv->repositories, name, tags);
    }
    json_set_str(tags, colon + 1, digest_hex(&im->diff_ids[im->n_diff_ids - 1]));
}

static int write_image(struct save *sv, struct saved_image *si, struct err *err)
{
    json_t *names = json_array();
    json_t *tags = json_array();
    json_t *sources = json_object();
    json_t *layers = json_array();
    _cleanup_json_ json_t *manifest = json_object();
    _cleanup_free_ char *config_name = blob_name(&si->im->id);
    time_t mtime = (time_t)MAX(si->im->created_nsec / NSEC_PER_SEC, INT64_C(0));
    json_t *docker = json_object();
    struct digest d;

    if (json_array_append_new(sv->docker, docker) < 0)
        abort();
    json_set_str(docker, "Config", config_name);
    json_set_take(docker, "RepoTags", tags);
    json_set_take(docker, "Layers", names);
    json_set_take(docker, "LayerSources", sources);
    json_set_i64(manifest, "schemaVersion", 2);
    json_set_str(manifest, "mediaType", OCI_MANIFEST_TYPE);
    json_set_take(manifest, "config", descriptor(OCI_CONFIG_TYPE, &si->im->id, si->config_len));
    json_set_take(manifest, "layers", layers);
    int r = write_layers(sv, si->im, mtime, names, layers, sources, err);
    if (r == 0)
        r = write_blob(sv, &si->im->id, mtime, si->config, si->config_len, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *text = json_print(manifest);
    size_t len = strlen(text);
    digest_of(text, len, &d);
    r = write_blob(sv, &d, 0, text, len, err);
    for (size_t i = 0; r == 0 && si->refs && si->refs[i]; i++) {
        _cleanup_free_ char *familiar = reference_familiar_of(si->refs[i]);
        if (json_array_append_new(tags, json_str_new(familiar)) < 0)
            abort();
        add_repositories_entry(sv, familiar, si->im);
        add_index_entry(sv, &d, len, si->refs[i]);
    }
    if (r == 0 && !si->refs) {
        add_index_entry(sv, &d, len, NULL);
        json_set_take(docker, "RepoTags", json_null());
    }
    return r;
}

static int write_json(struct save *sv, const char *name, const json_t *o, struct err *err)
{
    _cleanup_free_ char *text = json_print(o);

    return tar_writer_file(sv->tar, name, 0644, 0, text, strlen(text), err);
}

static int write_archive(struct save *sv, struct err *err)
{
    _cleanup_json_ json_t *index = json_object();
    _cleanup_json_ json_t *layout = json_pack("{ss}", "imageLayoutVersion", "1.0.0");
    int r = tar_writer_dir(sv->tar, "blobs", 0755, 0, err);

    if (r == 0)
        r = tar_writer_dir(sv->tar, "blobs/sha256", 0755, 0, err);
    for (size_t i = 0; r == 0 && i < sv->n_images; i++)
        r = write_image(sv, &sv->images[i], err);
    json_set_i64(index, "schemaVersion", 2);
    json_set_str(index, "mediaType", OCI_INDEX_TYPE);
    json_set_take(index, "manifests", json_incref(sv->index));
    if (r == 0)
        r = write_json(sv, "index.json", index, err);
    if (r == 0)
        r = write_json(sv, "manifest.json", sv->docker, err);
    if (r == 0)
        r = write_json(sv, "oci-layout", layout, err);
    if (r == 0 && json_object_size(sv->repositories))
        r = write_json(sv, "repositories", sv->repositories, err);
    return r == 0 ? tar_writer_finish(sv->tar, err) : r;
}

int image_save(struct image_store *s, char *const *names, int out_fd, struct err *err)
{
    _cleanup_(save_done)
    struct save sv = {.s = s};
    int r = 0;

    sv.written = hashmap_new(NULL);
    sv.docker = json_array();
    sv.index = json_array();
    sv.repositories = json_object();
    for (size_t i = 0; r == 0 && names && names[i]; i++)
        r = add_name(&sv, names[i], err);
    for (size_t i = 0; r == 0 && i < sv.n_images; i++)
        r = read_config(&sv, &sv.images[i], err);
    if (r < 0)
        return r;
    sv.tar = tar_writer_new(tar_sink_fd(&out_fd));
    return write_archive(&sv, err);
}
