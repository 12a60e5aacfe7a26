/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The five capability sets of a process (capabilities(7)).
 *
 * What the machine withholds from this process' own bounding set is dropped silently from all sets:
 * a container then has what can be had. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

/* What this process can have: its bounding set within its permitted set. *ret_bounding is the
 * former alone. */
uint64_t caps_available(uint64_t *ret_bounding);
/* Each set cut to what is available, and to what the rules between the sets allow. */
struct oci_capabilities caps_limit(const struct oci_capabilities *want, uint64_t available);
/* Drops these from the bounding set. Needs CAP_SETPCAP. */
int caps_drop_bounding(uint64_t drop, struct err *err);
int caps_set(uint64_t permitted, uint64_t effective, uint64_t inheritable, struct err *err);
/* Replaces the ambient set; call after caps_set(). */
int caps_set_ambient(uint64_t ambient, struct err *err);
