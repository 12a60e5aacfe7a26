/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Shared by the files of the image store.
 *
 * Tables: image_images, one row an image with its config's bytes exactly as they were given; and
 * image_refs, one row a reference in canonical form ("docker.io/library/busybox:latest") with the
 * image's ID. An image holds one reference on its uppermost layer. */

#include "base/buf.h"
#include "db/db.h"
#include "image/image.h"
#include "layer/layer.h"
#include "oci/image_spec.h"
#include "oci/reference.h"
#include "tar/io.h"

struct image_store {
    struct db *db;              /* borrowed */
    struct layer_store *layers; /* borrowed */
    char *tmp_dir;              /* owned */
};

/* store.c */

/* "Is there an image of exactly this ID": 1, 0, or a negative errno. */
int image_exists(struct image_store *s, const struct digest *id, struct err *err);
int image_get_by_id(struct image_store *s, const struct digest *id, struct image **ret,
                    struct err *err);

struct image_new {
    const char *config; /* bytes of the config JSON */
    size_t config_len;
    struct digest chain_id; /* the caller's reference on it goes to the image; "" without layers */
    const char *parent;     /* image ID or NULL */
};
/* Records the image. If it is there already, the layer's reference is dropped. On failure the
 * caller still has it. */
int image_add(struct image_store *s, const struct image_new *n, struct digest *ret_id,
              struct err *err);
/* Canonical references of the image, sorted: new string vector. */
int image_refs_of(struct image_store *s, const struct digest *id, char ***ret, struct err *err);
/* The ID that a canonical reference has: 1, 0 or a negative errno. */
int image_ref_lookup(struct image_store *s, const char *canonical, struct digest *ret,
                     struct err *err);
/* Points the reference (with tag or digest) to the image. */
int image_ref_set(struct image_store *s, const struct reference *ref, const struct digest *id,
                  struct err *err);

/* archive.c: an archive of images, spooled from a stream. The names in it never become names on
 * disk: contents lie one after the other in a file without a name. */
struct archive;
int archive_spool(const char *tmp_dir, int fd, struct archive **ret, struct err *err);
void archive_free(struct archive *a);
DEFINE_CLEANUP(struct archive *, archive_free);

struct archive_member {
    const struct archive *archive; /* borrowed */
    uint64_t offset, size;
};
/* The regular file called `name`, links inside the archive followed. -ENOENT with `open NAME: no
 * such file or directory`. */
int archive_find(const struct archive *a, const char *name, struct archive_member *ret,
                 struct err *err);
/* "blobs/sha256/<hex>" */
int archive_find_blob(const struct archive *a, const struct digest *digest,
                      struct archive_member *ret, struct err *err);
/* The whole content, at most max bytes; with `digest`, verified. Caller frees *ret. */
int archive_read(const struct archive_member *m, size_t max, const char *what,
                 const struct digest *digest, char **ret, size_t *ret_len, struct err *err);
/* pread() within the member: up to len bytes at `at`. */
ssize_t archive_pread(const struct archive_member *m, uint64_t at, void *buf, size_t len,
                      struct err *err);

/* changes.c: applies Dockerfile instructions to the object of an image's "config" member. */
int image_changes_apply(json_t *config, char *const *changes, struct err *err);
/* The "config" member of a new image, with the members that Docker always writes. */
json_t *image_config_new(void);
