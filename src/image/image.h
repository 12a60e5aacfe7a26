/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Image records: configs addressed by their digest (the image ID), references to them, and the
 * operations import, load, remove. Thread-safe; functions block on disk.
 *
 * An image is immutable, so `struct image` is a counted read-only view. */

#include "base/digest.h"
#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct db;
struct image_store;
struct layer_store;

struct image {
    struct digest id;
    json_t *config;         /* ref; the image-spec config object; do not change */
    struct digest chain_id; /* "" for an image without layers */
    struct digest *diff_ids;
    size_t n_diff_ids;
    int64_t created_nsec;
    int64_t size_bytes; /* all layers */
    char **tags;        /* familiar references at the time of the look-up, e.g. "busybox:latest" */
    char **digests;     /* familiar "name@sha256:…" */
    char *parent;       /* image ID it was built or committed from, or NULL */
    int64_t last_tagged_nsec;
};

struct image *image_ref(struct image *im);
void image_unref(struct image *im);
DEFINE_CLEANUP(struct image *, image_unref);

int image_store_open(struct db *db, struct layer_store *layers, const char *tmp_dir,
                     struct image_store **ret, struct err *err);
void image_store_close(struct image_store *s);
DEFINE_CLEANUP(struct image_store *, image_store_close);

/* Finds by reference ("busybox", "busybox:1", "name@sha256:…"), ID, or unique ID prefix (with or
 * without "sha256:"). ERR_NOT_FOUND: `No such image: busybox:latest`; ERR_INVALID:
 * `invalid reference format`. */
int image_get(struct image_store *s, const char *name, struct image **ret, struct err *err);
/* All images; *ret is a heap array of references. */
int image_list(struct image_store *s, struct image ***ret, size_t *ret_n, struct err *err);
size_t image_count(struct image_store *s);
/* The image as an element of GET /images/json; new object. */
json_t *image_summary(const struct image *im);

/* Progress lines of load and import, in the words of Docker's JSON stream. */
struct image_progress {
    /* One JSON object of the stream, e.g. {"stream":"Loaded image: busybox:latest\n"};
     * borrowed. A negative return cancels the operation with ERR_CANCELLED. */
    int (*message)(void *ctx, const json_t *object);
    void *ctx;
};

/* Loads every image of a docker-archive or OCI layout tar read from fd (itself plain or
 * compressed). All or nothing for each image: a bad one leaves nothing behind. *ret_ids: IDs and
 * references that were loaded (string vector of references, or IDs of untagged ones). */
int image_load(struct image_store *s, int fd, bool quiet, const struct image_progress *progress,
               char ***ret_loaded, struct err *err);

/* Makes a one-layer image from a root file system tar.
 *   reference  may be NULL or ""
 *   message    commit message; may be NULL
 *   changes    Dockerfile instructions (CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME,
 *              WORKDIR, ONBUILD, HEALTHCHECK, STOPSIGNAL), string vector or NULL
 *   platform   "os[/arch[/variant]]" or NULL for the host's */
int image_import(struct image_store *s, int fd, const char *source, const char *reference,
                 const char *message, char *const *changes, const char *platform,
                 struct digest *ret_id, struct err *err);

/* Makes an image of a container's changes. */
struct image_commit {
    int fd;                                   /* borrowed: the changes as a layer's tar */
    const char *parent;                       /* ID of the container's image, or "" */
    const char *reference, *author, *message; /* NULL or "": none */
    const char *created_by;                   /* the container's command */
    const json_t *config;                     /* the container's Config, which changes go over */
    char *const *changes;                     /* as image_import() */
};
int image_commit(struct image_store *s, const struct image_commit *c, struct digest *ret_id,
                 struct err *err);

int image_tag(struct image_store *s, const char *name, const char *target, struct err *err);

/* Who uses an image: asked before it is deleted. */
struct image_users {
    /* Calls back for each container whose image is `id`: container ID, whether it runs. */
    void (*each)(void *ctx, const struct digest *id,
                 void (*cb)(void *cb_ctx, const char *container_id, bool running), void *cb_ctx);
    void *ctx;
};
/* Docker's rules: a reference is untagged, the last one deletes the image; in use by a container
 * is ERR_CONFLICT with Docker's words. *ret: [{"Untagged":…},{"Deleted":…},…], new array. */
int image_remove(struct image_store *s, const char *name, bool force, bool prune_children,
                 const struct image_users *users, json_t **ret, struct err *err);

/* Writes a docker-archive + OCI layout tar of the named images (as `docker save` of 25+ does).*/
int image_save(struct image_store *s, char *const *names, int out_fd, struct err *err);
/* Image history, newest first, as GET /images/{name}/history; new array. */
int image_history(struct image_store *s, const char *name, json_t **ret, struct err *err);
/* GET /images/{name}/json; new object (engine adds nothing). */
int image_inspect(struct image_store *s, const char *name, json_t **ret, struct err *err);
