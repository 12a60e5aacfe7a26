/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The engine's nftables table, `ip lighter`: made in one transaction that replaces whatever was
 * there, so asserting it again is safe and other tables are never touched.
 *
 *   chain forward:     replies into the bridge, traffic from it and inside it pass; anything new
 *                      from outside to the bridge is dropped
 *   chain postrouting: traffic leaving the subnet by another interface is masqueraded */

#include <netinet/in.h>

#include "base/err.h"
#include "base/macros.h"

#define NFT_TABLE "lighter"

struct nft_bridge_rules {
    const char *bridge;
    struct in_addr subnet;
    int prefix_len;
    bool masquerade;
};

/* In the calling thread's network namespace. Blocks on the kernel only. */
int nft_assert_bridge(const struct nft_bridge_rules *rules, struct err *err);
