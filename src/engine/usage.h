/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Who uses what, and how much room it takes. */

#include "engine/internal.h"

/* Name of a volume, or ID of an image, -> number of containers that use it. New object. */
json_t *usage_volumes(struct engine *e);
json_t *usage_images(struct engine *e);
/* Bytes of the layers of all images, each counted once. shared: object to be filled with image ID
 * -> bytes of its layers that other images have, too; or NULL. */
int usage_layers(struct engine *e, json_t *shared, int64_t *ret, struct err *err);
/* Bytes of the files below a directory; 0 when it is not there. */
int64_t usage_tree_size(const char *path);
