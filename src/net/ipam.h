/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Addresses of one IPv4 subnet, handed out lowest first as Docker does. The network and broadcast
 * addresses and the gateway are never handed out. In memory only; not thread-safe. */

#include <netinet/in.h>

#include "base/err.h"
#include "base/macros.h"

struct ipam;

/* "172.17.0.1/16": gateway and prefix length (8 to 30). ERR_INVALID otherwise. */
int ipam_parse_cidr(const char *cidr, struct in_addr *ret_addr, int *ret_prefix_len,
                    struct err *err);
struct ipam *ipam_new(struct in_addr gateway, int prefix_len);
void ipam_free(struct ipam *p);
DEFINE_CLEANUP(struct ipam *, ipam_free);
/* ERR_UNAVAILABLE: `no available IPv4 addresses on this network's address pools: <name>`. */
int ipam_lease(struct ipam *p, const char *network, struct in_addr *ret, struct err *err);
/* Marks an address as taken; -EEXIST if it was, -ERANGE if it is not of the subnet. */
int ipam_take(struct ipam *p, struct in_addr addr);
void ipam_release(struct ipam *p, struct in_addr addr);
size_t ipam_leased(const struct ipam *p);

bool ipam_overlaps(struct in_addr a, int a_prefix_len, struct in_addr b, int b_prefix_len);
/* Docker's default local pools in order: 172.17.0.0/16 … 172.31.0.0/16, then 192.168.0.0/20 ….
 * i counts from 0; false when there are no more. *ret is the pool's first host address, the
 * gateway. */
bool ipam_default_pool(size_t i, struct in_addr *ret, int *ret_prefix_len);
