/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Container networking: the predefined networks bridge, host and none.
 *
 * A container on the bridge gets a network namespace of its own, made here and handed to the shim
 * as a descriptor; it disappears with its last user, and the veth pair with it. Addresses are
 * leased per container. The bridge and the nftables table are made at the first use and asserted
 * at start. Thread-safe. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct db;
struct net;

struct net_config {
    const char *state_dir; /* run-time state, e.g. <exec-root>/net; made if missing. What it holds
                              is lost with a reboot, as the containers are */
    const char *bridge;    /* interface name, default "lighter0" */
    const char *bip;       /* "172.17.0.1/16" or NULL: the first free default pool */
    bool disabled;         /* --bridge=none */
    int mtu;               /* 0: 1500 */
    bool iptables;         /* whether to make nft rules (default true) */
    bool ip_forward;       /* whether to switch net.ipv4.ip_forward on (default true) */
    bool ip_masq;          /* default true */
};

/* db is borrowed. Does not touch the kernel yet. */
int net_open(struct db *db, const struct net_config *config, struct net **ret, struct err *err);
void net_close(struct net *n);
DEFINE_CLEANUP(struct net *, net_close);

struct net_endpoint {
    char network[32]; /* "bridge", "host", "none" */
    char network_id[65];
    char endpoint_id[65]; /* "" for host and none before start */
    char sandbox_id[65];
    char ip[16], gateway[16], mac[18]; /* text; "" when none */
    int prefix_len;
    char host_if[16]; /* host end of the veth pair */
};

/* Whether the mode is known: "default", "bridge", "host", "none"; ERR_NOT_FOUND with
 * `network <mode> not found`. *ret_network: "bridge", "host" or "none" (static text). */
int net_mode_resolve(const char *mode, const char **ret_network, struct err *err);

/* Makes the sandbox of a starting container. *ret_netns_fd: the namespace, owned by the caller, or
 * -1 for host. On failure nothing is left. Blocks a few ms; runs on any thread. */
int net_sandbox_create(struct net *n, const char *container_id, const char *network,
                       struct net_endpoint *ret, int *ret_netns_fd, struct err *err);
/* Releases the address and makes sure that the interface is gone. OK if absent. */
void net_sandbox_release(struct net *n, const char *container_id);
/* The endpoint of a container that has a sandbox (also after a restart of the daemon, once
 * net_restore() ran); ERR_NOT_FOUND otherwise. */
int net_endpoint_get(struct net *n, const char *container_id, struct net_endpoint *ret,
                     struct err *err);
/* After a restart of the daemon: takes over the leases of containers that still run, and removes
 * interfaces and leases of all others. */
int net_restore(struct net *n, char *const *running_container_ids, struct err *err);

/* GET /networks and /networks/{id} for the predefined ones; new references. "Containers" is keyed
 * by container ID with an empty "Name", which the engine fills in. ERR_NOT_FOUND: `network <name>
 * not found`. */
json_t *net_list(struct net *n);
int net_inspect(struct net *n, const char *name_or_id, json_t **ret, struct err *err);
/* Name servers of the host for containers' resolv.conf, loopback ones left out (8.8.8.8, 8.8.4.4
 * when none is left, as Docker does); the text of the file, caller frees. host_mode: as is. */
char *net_resolv_conf(bool host_mode, char *const *dns, char *const *search, char *const *options);
