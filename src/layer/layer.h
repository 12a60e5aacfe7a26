/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Layers: read-only file trees, content-addressed by ChainID, each stored once whatever number of
 * images share it; and the writable layers of containers on top of them.
 *
 * A layer is unpacked from its tar into a temporary directory, verified against its DiffID, synced,
 * renamed into place and only then recorded, so that it is never half there; what no row names is
 * trash that layer_store_open() sweeps. Its tar headers are kept, so that the exact tar can be
 * rebuilt. Layers are counted by their users (images, child layers, writable layers) in the
 * database; the last release removes it. Thread-safe. All functions block on disk. */

#include "base/digest.h"
#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"
#include "tar/io.h"

struct db;
struct layer_store;

/* root: directory of the store, e.g. <data-root>; the driver keeps its tree in <root>/<driver>.
 * driver: "overlay2". db is borrowed. */
int layer_store_open(const char *root, const char *driver, struct db *db, struct layer_store **ret,
                     struct err *err);
void layer_store_close(struct layer_store *s);
DEFINE_CLEANUP(struct layer_store *, layer_store_close);
const char *layer_store_driver(const struct layer_store *s);
/* [["Backing Filesystem","extfs"],…] as `info`'s DriverStatus; new JSON array. */
json_t *layer_store_status(const struct layer_store *s);

struct layer_info {
    struct digest chain_id, diff_id, parent; /* parent.str "" for a base layer */
    int64_t size_bytes;                      /* of this layer's files, as Docker counts */
    char cache_id[65];                       /* directory name in the driver */
};

/* Registers the layer whose tar (plain, gzip, zstd, xz or bzip2; found out by its first bytes) is
 * read from fd up to its end, on top of `parent` (NULL: base layer). expected: the DiffID it must
 * have, or NULL. The caller gets one reference to ret->chain_id, whether the layer is new or was
 * there (then the stream is only verified). Errors: ERR_INVALID malformed or mismatching,
 * ERR_NO_SPACE; nothing is left behind. */
int layer_register(struct layer_store *s, const struct digest *parent, int fd,
                   const struct digest *expected, struct layer_info *ret, struct err *err);
struct layer_register_options {
    /* Where the tar comes from instead of fd (-1 then): up to len bytes, 0 at the end, or a
     * negative errno with err set. Called by another thread while the registration lasts. NULL: fd.
     */
    ssize_t (*read)(void *ctx, void *buf, size_t len, struct err *err);
    void *read_ctx;
    /* Called now and then with the bytes of uncompressed tar consumed; a negative errno ends the
     * registration with it. May be NULL. */
    int (*progress)(void *ctx, uint64_t tar_bytes);
    void *progress_ctx;
};
/* layer_register() with options (NULL: none). */
int layer_register_with(struct layer_store *s, const struct digest *parent, int fd,
                        const struct digest *expected, const struct layer_register_options *options,
                        struct layer_info *ret, struct err *err);
/* Takes one more reference; ERR_NOT_FOUND. */
int layer_ref(struct layer_store *s, const struct digest *chain_id, struct err *err);
/* Drops one; the last one removes the layer (and drops its parent's). Not to be called inside a
 * database transaction: the files are gone even if that is rolled back. */
int layer_unref(struct layer_store *s, const struct digest *chain_id, struct err *err);
/* The same, and appends the ChainIDs of the layers that went to the string vector *removed. */
int layer_release(struct layer_store *s, const struct digest *chain_id, char ***removed,
                  struct err *err);
/* For the boot: the only users are now these chain IDs (an image each; a chain may come several
 * times), beside child and writable layers. Layers without any user are removed. */
int layer_reconcile(struct layer_store *s, const struct digest *users, size_t n, struct err *err);
int layer_get(struct layer_store *s, const struct digest *chain_id, struct layer_info *ret,
              struct err *err);
/* Writes the layer's exact uncompressed tar to out_fd and verifies it against the DiffID. */
int layer_write_tar(struct layer_store *s, const struct digest *chain_id, int out_fd,
                    struct err *err);
/* The same to a sink of the tar codec (tar/io.h). */
int layer_write_tar_to(struct layer_store *s, const struct digest *chain_id, struct tar_sink sink,
                       struct err *err);
/* Length of the layer's uncompressed tar. */
int layer_tar_size(struct layer_store *s, const struct digest *chain_id, uint64_t *ret,
                   struct err *err);
/* ChainID of a DiffID on a parent (image-spec config.md#layer-chainid). */
void layer_chain_id(const struct digest *parent, const struct digest *diff_id, struct digest *ret);

/* Writable layers: one per container, named by its ID. */
/* Creates it on top of chain_id (NULL or "": empty root) and takes a reference. The row is one SQL
 * statement: inside a transaction that the caller has begun it costs no sync of its own, and goes
 * if that is rolled back (the directory is then swept by the next boot or the next create). */
int layer_rw_create(struct layer_store *s, const char *name, const struct digest *chain_id,
                    struct err *err);
/* A detached mount of the assembled root file system (never visible in the host's mount table);
 * owned by the caller. The mount lives as long as someone uses it. */
int layer_rw_mount(struct layer_store *s, const char *name, int *ret_mount_fd, struct err *err);
/* Removes it; the directory goes to the trash and is deleted in the background. OK if absent. */
int layer_rw_remove(struct layer_store *s, const char *name, struct err *err);
/* Bytes the container has written. */
int layer_rw_size(struct layer_store *s, const char *name, int64_t *ret, struct err *err);
/* The same of any directory, by a descriptor; mounts beneath are counted, links not followed. */
int64_t layer_tree_size(int fd);
/* Its own files, in overlay form; an O_PATH descriptor that the caller owns. */
int layer_rw_open(struct layer_store *s, const char *name, int *ret_fd, struct err *err);
/* ChainID of the layer below it. */
int layer_rw_chain(struct layer_store *s, const char *name, struct digest *ret, struct err *err);
/* How it differs from what is below, by absolute path in the order of a walk; a directory in which
 * something came or went is modified, too. The numbers are the API's. */
enum layer_change { LAYER_MODIFIED, LAYER_ADDED, LAYER_DELETED };
typedef void (*layer_change_fn)(void *ctx, const char *path, enum layer_change kind);
int layer_rw_changes(struct layer_store *s, const char *name, layer_change_fn fn, void *ctx,
                     struct err *err);
/* {"LowerDir":…,"MergedDir":…,"UpperDir":…,"WorkDir":…} as `inspect`'s GraphDriver.Data. */
json_t *layer_rw_metadata(struct layer_store *s, const char *name);
json_t *layer_metadata(struct layer_store *s, const struct digest *chain_id);
/* Names of all writable layers, for the boot sweep: new string vector. */
int layer_rw_list(struct layer_store *s, char ***ret, struct err *err);
