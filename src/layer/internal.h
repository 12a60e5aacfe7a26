/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Shared by the files of the layer store.
 *
 * On disk:  <root>/overlay2/<cache-id>/diff       a layer's files, in overlay form
 *           <root>/overlay2/<cache-id>/journal    its tar headers
 *           <root>/overlay2/<name>/{diff,work}    a writable layer
 *           <root>/overlay2/init/diff             mount points below every image
 *           <root>/tmp/layer-…                    layers being unpacked
 *           <root>/trash/…                        to be deleted by the trash thread
 *
 * Rows change by single SQL statements, so that they join a transaction the caller has open, and no
 * lock of the store is held across the database's lock. */

#include <pthread.h>

#include "db/db.h"
#include "layer/layer.h"

#define LAYER_INIT_ID    "init"
#define LAYER_CACHE_ID   16  /* hex digits; short, because old kernels take one page of names */
#define LAYER_DEPTH_MAX  480 /* overlayfs takes 500 lower directories */
#define LAYER_JOURNAL    "journal"
#define LAYER_TMP_PREFIX "layer-"

struct layer_flight; /* a layer being registered; others wanting the same one wait */

struct layer_store {
    struct db *db; /* borrowed */
    char *root;    /* owned; absolute */
    int root_fd, dir_fd, tmp_fd, trash_fd;
    bool legacy_mount; /* the kernel cannot take lower directories one by one */

    pthread_mutex_t lock; /* of what follows; never held across disk or database */
    pthread_cond_t changed;
    struct layer_flight *flights;
    bool trash_pending, stopping;
    pthread_t trash_thread;
    bool trash_running;
};

/* trash.c: moves dirfd/name to the trash and wakes the thread that deletes. 0 when absent. */
int layer_trash(struct layer_store *s, int dirfd, const char *name);
int layer_trash_start(struct layer_store *s);
void layer_trash_stop(struct layer_store *s);
/* Deletes what the directory trash_fd holds, without recursion: sub-directories are moved up first,
 * so neither depth nor size of a tree matters. Returns 0, or the first error of what stayed. */
int layer_trash_empty(struct layer_store *s);

/* Cache IDs from chain_id down to the base layer; chain_id NULL or "" gives none. */
int layer_lowers(struct layer_store *s, const struct digest *chain_id, char ***ret,
                 struct err *err);

/* rw.c: the names of all directories below a writable layer, uppermost first. */
int layer_rw_lowers(struct layer_store *s, const char *name, char ***ret, struct err *err);

/* Removes the layer if nothing uses it any more, and then its parent likewise. The ChainIDs that
 * went are appended to *removed, unless it is NULL. */
int layer_collect(struct layer_store *s, const struct digest *chain_id, char ***removed,
                  struct err *err);

/* overlay.c */
struct layer_overlay {
    char *const *lowers; /* names in overlay2, uppermost first; their "diff" is used */
    const char *upper;   /* name in overlay2, its "diff" and "work" are used */
};
/* Makes a detached overlay mount; its descriptor or a negative errno. */
int layer_overlay_mount(struct layer_store *s, const struct layer_overlay *o, struct err *err);
/* Tries an overlay in the store's directory, and learns how this kernel wants to be asked. */
int layer_overlay_probe(struct layer_store *s, struct err *err);
