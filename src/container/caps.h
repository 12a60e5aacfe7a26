/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Capabilities and resource limits by name. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

/* The capabilities that a HostConfig asks for (Privileged, CapAdd, CapDrop over the default 14),
 * bit n for capability n. ERR_INVALID `invalid CapAdd: unknown capability: "CAP_X"`. */
int container_caps(const json_t *host, uint64_t *ret_mask, struct err *err);
/* This process's bounding set: what can be given at all. */
uint64_t container_caps_bounding(void);
/* ["CAP_CHOWN", …], new array. */
json_t *container_caps_names(uint64_t mask);

/* "nofile", … as Docker's --ulimit has them. */
bool container_rlimit_known(const char *name);
