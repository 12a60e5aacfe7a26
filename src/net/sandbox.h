/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Network namespaces of containers: made and furnished on a thread of their own, because the
 * namespace belongs to the thread. */

#include <netinet/in.h>

#include "base/err.h"
#include "base/macros.h"

struct sandbox_veth {
    const char *host_name; /* of the host end */
    int bridge_index;
    struct in_addr addr, gateway;
    int prefix_len;
    uint8_t mac[6];
    int mtu;
};

/* A new namespace with loopback up and, unless veth is NULL, eth0 joined to the bridge of the
 * calling thread's namespace, with address and default route. IPv6 is off on new interfaces there.
 * *ret_fd is owned by the caller; closing it (with no process inside) removes everything. */
int sandbox_create(const struct sandbox_veth *veth, int *ret_fd, struct err *err);
