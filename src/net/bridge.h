/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The bridge device of the default network: found or made with its gateway address, IP forwarding
 * switched on, and the firewall table asserted. Not thread-safe; acts in the calling thread's
 * network namespace. */

#include <netinet/in.h>

#include "base/err.h"
#include "base/macros.h"

struct bridge {
    char *name;             /* owned */
    char *bip;              /* owned; wanted "address/prefix", or NULL: the first free pool */
    struct in_addr gateway; /* known once `settled` */
    int prefix_len;
    int index; /* interface index at the last assertion */
    int mtu;
    bool settled, firewall, forward, masquerade;
};

/* Makes everything that is missing; cheap when nothing is. */
int bridge_assert(struct bridge *b, struct err *err);
/* Settles on a subnet without making anything: that of the existing device, the wanted one, or the
 * first default pool that no route of the host overlaps. */
int bridge_settle(struct bridge *b, struct err *err);
void bridge_done(struct bridge *b);
