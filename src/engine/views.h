/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Parts of list and inspect made from a container's view. */

#include "container/container.h"
#include "json/json.h"

struct engine;

/* Adds "SizeRw" and "SizeRootFs". Blocks on disk. */
void view_sizes(struct engine *e, const struct container_view *v, json_t *o);
/* Adds the endpoint under its network's name. */
void view_networks(const struct container_view *v, json_t *networks);
