/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The operations of engine/engine.h on the files of containers. */

#include "base/err.h"
#include "base/macros.h"
#include "base/sink.h"
#include "json/json.h"

struct engine;

/* What `path` is: {"name","size","mode","mtime","linkTarget"}, mode as Go's os.FileMode. A path
 * that ends in "/" or "/." stands for a directory, otherwise a symlink at its end is not followed.
 * ERR_NOT_FOUND with Docker's words. */
int engine_archive_stat(struct engine *e, const char *ref, const char *path, json_t **ret,
                        struct err *err);
/* Writes it as a tar. begin is called once it is known to be there. A stopped container cannot be
 * started meanwhile. */
int engine_archive_get(struct engine *e, const char *ref, const char *path,
                       int (*begin)(void *ctx, const json_t *stat, struct sink *ret,
                                    struct err *err),
                       void *ctx, struct err *err);
/* Unpacks the tar (also compressed) that fd gives into the directory `path`. no_overwrite: a
 * directory is not replaced by something else, nor the other way round. copy_owner: files belong to
 * the container's user. */
int engine_archive_put(struct engine *e, const char *ref, const char *path, bool no_overwrite,
                       bool copy_owner, int fd, struct err *err);

/* The bare root file system as a tar, without mounts. begin is called before the first byte. */
int engine_container_export(struct engine *e, const char *ref,
                            int (*begin)(void *ctx, struct sink *ret, struct err *err), void *ctx,
                            struct err *err);
/* [{"Path","Kind"}], Kind 0 modified, 1 added, 2 deleted; JSON null when there are none. */
int engine_container_changes(struct engine *e, const char *ref, json_t **ret, struct err *err);
