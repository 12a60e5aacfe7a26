/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Named and anonymous local volumes: directories <root>/<name>/_data with a row each.
 * Thread-safe; functions block on disk. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct db;
struct volume_store;

int volume_store_open(const char *root, struct db *db, struct volume_store **ret, struct err *err);
void volume_store_close(struct volume_store *s);
DEFINE_CLEANUP(struct volume_store *, volume_store_close);

/* Creates the volume, or finds it if it exists. name NULL: an anonymous one with a random name.
 * Names are checked by Docker's rule ([a-zA-Z0-9][a-zA-Z0-9_.-]+; ERR_INVALID with its words). */
int volume_create(struct volume_store *s, const char *name, const char *driver, json_t *options,
                  json_t *labels, json_t **ret, struct err *err);
/* {"Name","Driver","Mountpoint","CreatedAt","Labels","Options","Scope"}; ERR_NOT_FOUND. */
int volume_inspect(struct volume_store *s, const char *name, json_t **ret, struct err *err);
json_t *volume_list(struct volume_store *s);
int volume_remove(struct volume_store *s, const char *name, bool force, struct err *err);
/* Users (containers) of volumes are counted in the database. */
int volume_use(struct volume_store *s, const char *name, const char *container_id, struct err *err);
/* Drops the container's uses; with remove_anonymous, anonymous volumes left unused are removed. */
int volume_release(struct volume_store *s, const char *container_id, bool remove_anonymous,
                   struct err *err);
/* Fills an empty volume with what the image holds at `path` below rootfs_fd (owner, mode, links and
 * contents), as the first mount of a volume does. rootfs_fd is borrowed. */
int volume_populate(struct volume_store *s, const char *name, int rootfs_fd, const char *path,
                    struct err *err);
