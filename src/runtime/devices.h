/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Nodes and links in the container's /dev. */

#include "runtime/internal.h"

/* Before the pivot: in a user namespace nodes cannot be made, and the host's are bound. */
int devices_setup(struct init_ctx *ctx, struct err *err);
