/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* rtnetlink requests: links, addresses and routes of one network namespace (rtnetlink(7)).
 *
 * A socket stays with the namespace of the thread that opened it, wherever it is used later. Each
 * call is one request and its acknowledgement; they return 0 or the kernel's negative errno. Not
 * thread-safe. */

#include <netinet/in.h>

#include "base/err.h"
#include "base/macros.h"

struct nl;

int nl_open(struct nl **ret);
void nl_close(struct nl *nl);
DEFINE_CLEANUP(struct nl *, nl_close);

/* Index of the interface, or -ENODEV. */
int nl_link_index(struct nl *nl, const char *name);
int nl_bridge_add(struct nl *nl, const char *name, int mtu);
int nl_link_up(struct nl *nl, int index);
int nl_link_del(struct nl *nl, int index);

struct nl_veth {
    const char *host_name;
    int host_master; /* index of the bridge */
    const char *peer_name;
    int peer_netns_fd;  /* borrowed; where the peer appears */
    const uint8_t *mac; /* 6 bytes, of the peer */
    int mtu;
};
/* Makes the pair in one request: the host end enslaved and up, the peer in its namespace and down
 * (the kernel refuses to bring it up before the pair is whole). */
int nl_veth_add(struct nl *nl, const struct nl_veth *veth);

int nl_addr_add(struct nl *nl, int index, struct in_addr addr, int prefix_len);
/* The first IPv4 address of the interface; -ENOENT when it has none. */
int nl_addr_get(struct nl *nl, int index, struct in_addr *ret, int *ret_prefix_len);
int nl_route_add_default(struct nl *nl, struct in_addr gateway);
/* Calls cb for every IPv4 route with a destination in the main table (0.0.0.0/0 is left out). */
int nl_route_each(struct nl *nl, void (*cb)(void *ctx, struct in_addr dst, int prefix_len),
                  void *ctx);
