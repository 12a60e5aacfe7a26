/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Mount points of a container: what -v, --mount, --volumes-from and the image's VOLUMEs ask for.
 *
 * A list is a JSON array of objects as `inspect` prints them under Mounts ("Type", "Name",
 * "Source", "Destination", "Driver", "Mode", "RW", "Propagation"), plus private members in lower
 * case, which container_mounts_public() leaves out:
 *   "copy"      an empty volume is filled from the image
 *   "create"    a missing host directory is made
 *   "nonrec"    bind without submounts
 *   "options"   array of tmpfs options
 *   "explicit"  the user gave Name or Source (not an anonymous volume)
 *   "labels", "driver_opts"  for a volume that has to be made
 * Volume sources are unknown at first: the engine fills Name and Source in. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

/* From Config.Volumes, HostConfig.Binds, Mounts and Tmpfs. A destination may come once only
 * (ERR_INVALID `Duplicate mount point: /x`), except that binds win over volumes of the image.
 * inherited: mount lists of --volumes-from in private form (array), or NULL. New array. */
int container_mounts_parse(const json_t *config, const json_t *host, const json_t *inherited,
                           json_t **ret, struct err *err);
json_t *container_mounts_public(const json_t *mounts);
/* "name[:ro|rw|…]" of --volumes-from: *ret_name heap. */
int container_volumes_from_parse(const char *spec, char **ret_name, bool *ret_read_only,
                                 struct err *err);
/* OCI options of a Tmpfs entry's text ("rw,size=64m"), defaults included; NULL with ERR_INVALID
 * `invalid tmpfs option "foo"`. */
json_t *container_tmpfs_options(const char *text, struct err *err);
