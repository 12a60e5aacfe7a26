/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/timeutil.h"
#include "db/db.h"
#include "net/bridge.h"
#include "net/ipam.h"
#include "net/lease.h"
#include "net/netlink.h"
#include "net/sandbox.h"

#define DEFAULT_BRIDGE "lighter0"
#define DEFAULT_MTU    1500

static const char *const predefined[] = {"bridge", "host", "none"};
static const char *const drivers[] = {"bridge", "host", "null"};
#define N_PREDEFINED ARRAY_SIZE(predefined)

struct record {
    char id[65];
    int64_t created_nsec;
};

struct net {
    pthread_mutex_t lock; /* guards all below */
    struct bridge bridge;
    struct ipam *ipam;          /* owned; NULL until the bridge is settled */
    struct lease_table *leases; /* owned */
    struct record records[N_PREDEFINED];
    bool bridge_disabled;
};

static const char *const migrations[] = {
    "CREATE TABLE net_network(name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL) STRICT",
};

/* Reads the network's ID, or gives it one for good. */
static int load_record(struct db *db, const char *name, struct record *ret, struct err *err)
{
    struct record rec = {.created_nsec = now_nsec()};
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;

    int r = db_prepare(db, &st, err, "SELECT id, created FROM net_network WHERE name=?", "s", name);
    if (r < 0)
        return r;
    r = db_step(st, err);
    if (r < 0)
        return r;
    if (r == 1) {
        (void)snprintf(rec.id, sizeof(rec.id), "%s", db_col_str(st, 0));
        rec.created_nsec = db_col_i64(st, 1);
    } else {
        random_id(rec.id);
        r = db_run(db, err, "INSERT INTO net_network(name, id, created) VALUES(?,?,?)", "ssi", name,
                   rec.id, rec.created_nsec);
        if (r < 0)
            return r;
    }
    *ret = rec;
    return 0;
}

static bool interface_name_valid(const char *name)
{
    return path_component_valid(name) && strlen(name) <= 15 && !strpbrk(name, " \t\n:");
}

int net_open(struct db *db, const struct net_config *config, struct net **ret, struct err *err)
{
    _cleanup_(net_closep)
    struct net *n = XNEW(struct net);

    (void)pthread_mutex_init(&n->lock, NULL);
    n->bridge.name = xstrdup(config->bridge ? config->bridge : DEFAULT_BRIDGE);
    n->bridge.bip = xstrdup(config->bip);
    n->bridge.mtu = config->mtu ? config->mtu : DEFAULT_MTU;
    n->bridge.firewall = config->iptables;
    n->bridge.forward = config->ip_forward;
    n->bridge.masquerade = config->ip_masq;
    n->bridge_disabled = config->disabled;
    if (!interface_name_valid(n->bridge.name))
        return err_set(err, ERR_INVALID,
                       "invalid bridge name \"%s\": an interface name has 1 to 15 characters, "
                       "without blanks, '/' or ':'",
                       n->bridge.name);
    if (n->bridge.bip) {
        int r = ipam_parse_cidr(n->bridge.bip, &n->bridge.gateway, &n->bridge.prefix_len, err);
        if (r < 0)
            return r;
    }
    int r = db_migrate(db, "net", migrations, ARRAY_SIZE(migrations), err);
    for (size_t i = 0; r == 0 && i < N_PREDEFINED; i++)
        r = load_record(db, predefined[i], &n->records[i], err);
    if (r == 0)
        r = lease_table_open(config->state_dir, &n->leases, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(n);
    return 0;
}

void net_close(struct net *n)
{
    if (!n)
        return;
    bridge_done(&n->bridge);
    ipam_free(n->ipam);
    lease_table_free(n->leases);
    (void)pthread_mutex_destroy(&n->lock);
    free(n);
}

int net_mode_resolve(const char *mode, const char **ret_network, struct err *err)
{
    if (str_empty(mode) || str_eq(mode, "default"))
        mode = "bridge";
    for (size_t i = 0; i < N_PREDEFINED; i++) {
        if (str_eq(mode, predefined[i])) {
            *ret_network = predefined[i];
            return 0;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "network %s not found", mode);
}

static const struct record *record_of(const struct net *n, const char *network)
{
    for (size_t i = 0; i < N_PREDEFINED; i++)
        if (str_eq(network, predefined[i]))
            return &n->records[i];
    return NULL;
}

/* Settles the subnet and takes the addresses of known leases. Call with the lock held. */
static int ready_addresses(struct net *n, struct err *err)
{
    if (n->ipam)
        return 0;
    int r = bridge_settle(&n->bridge, err);
    if (r < 0)
        return r;
    n->ipam = ipam_new(n->bridge.gateway, n->bridge.prefix_len);
    _cleanup_strv_ char **ids = lease_ids(n->leases);
    for (size_t i = 0; ids && ids[i]; i++) {
        struct in_addr addr;
        if (inet_pton(AF_INET, lease_get(n->leases, ids[i])->ip, &addr) == 1)
            (void)ipam_take(n->ipam, addr);
    }
    return 0;
}

static void print_addr(struct in_addr addr, char out[16])
{
    if (!inet_ntop(AF_INET, &addr, out, 16))
        out[0] = '\0';
}

/* Leases an address and fills in endpoint and interface. Call with the lock held. */
static int plan_bridge(struct net *n, struct net_endpoint *ep, struct sandbox_veth *veth,
                       struct err *err)
{
    char random[65];

    if (n->bridge_disabled)
        return err_set(err, ERR_NOT_FOUND, "network bridge not found");
    int r = ready_addresses(n, err);
    if (r == 0)
        r = bridge_assert(&n->bridge, err);
    if (r == 0)
        r = ipam_lease(n->ipam, "bridge", &veth->addr, err);
    if (r < 0)
        return r;
    random_id(random);
    (void)snprintf(ep->host_if, sizeof(ep->host_if), "veth%.7s", random);
    /* The address is in the MAC, so that neighbours' ARP entries stay true when it is reused. */
    const uint8_t *a = (const uint8_t *)&veth->addr.s_addr;
    const uint8_t mac[6] = {0x02, 0x42, a[0], a[1], a[2], a[3]};
    memcpy(veth->mac, mac, sizeof(mac));
    (void)snprintf(ep->mac, sizeof(ep->mac), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
                   mac[2], mac[3], mac[4], mac[5]);
    print_addr(veth->addr, ep->ip);
    print_addr(n->bridge.gateway, ep->gateway);
    ep->prefix_len = n->bridge.prefix_len;
    veth->host_name = ep->host_if;
    veth->bridge_index = n->bridge.index;
    veth->gateway = n->bridge.gateway;
    veth->prefix_len = n->bridge.prefix_len;
    veth->mtu = n->bridge.mtu;
    return 0;
}

int net_sandbox_create(struct net *n, const char *container_id, const char *network,
                       struct net_endpoint *ret, int *ret_netns_fd, struct err *err)
{
    struct net_endpoint ep = {};
    struct sandbox_veth veth = {};
    _cleanup_close_ int netns_fd = -1;
    bool bridged = str_eq(network, "bridge");
    int r = 0;

    (void)snprintf(ep.network, sizeof(ep.network), "%s", network);
    random_id(ep.endpoint_id);
    random_id(ep.sandbox_id);
    {
        LOCK_SCOPE(&n->lock);
        const struct record *rec = record_of(n, network);
        if (!rec)
            return err_set(err, ERR_NOT_FOUND, "network %s not found", network);
        memcpy(ep.network_id, rec->id, sizeof(ep.network_id));
        if (bridged)
            r = plan_bridge(n, &ep, &veth, err);
    }
    if (r == 0 && !str_eq(network, "host"))
        r = sandbox_create(bridged ? &veth : NULL, &netns_fd, err);
    {
        LOCK_SCOPE(&n->lock);
        if (r == 0)
            r = lease_put(n->leases, container_id, &ep, err);
        if (r < 0 && veth.addr.s_addr)
            ipam_release(n->ipam, veth.addr);
    }
    if (r < 0)
        return r;
    *ret = ep;
    *ret_netns_fd = TAKE_FD(netns_fd);
    return 0;
}

static void release_locked(struct net *n, const char *container_id)
{
    const struct net_endpoint *ep = lease_get(n->leases, container_id);
    struct in_addr addr;

    if (!ep)
        return;
    if (n->ipam && inet_pton(AF_INET, ep->ip, &addr) == 1)
        ipam_release(n->ipam, addr);
    lease_drop(n->leases, container_id);
}

void net_sandbox_release(struct net *n, const char *container_id)
{
    LOCK_SCOPE(&n->lock);
    release_locked(n, container_id);
}

int net_endpoint_get(struct net *n, const char *container_id, struct net_endpoint *ret,
                     struct err *err)
{
    LOCK_SCOPE(&n->lock);
    const struct net_endpoint *ep = lease_get(n->leases, container_id);

    if (!ep)
        return err_set(err, ERR_NOT_FOUND, "container %s has no network endpoint", container_id);
    *ret = *ep;
    return 0;
}

int net_restore(struct net *n, char *const *running_container_ids, struct err *err)
{
    LOCK_SCOPE(&n->lock);
    _cleanup_(nl_closep)
    struct nl *nl = NULL;
    _cleanup_strv_ char **ids = lease_ids(n->leases);
    bool bridged = false;

    int r = nl_open(&nl);
    if (r < 0)
        return err_errno(err, r, "open a netlink socket");
    for (size_t i = 0; ids && ids[i]; i++) {
        const struct net_endpoint *ep = lease_get(n->leases, ids[i]);
        if (strv_contains(running_container_ids, ids[i])) {
            bridged = bridged || ep->host_if[0];
            continue;
        }
        int index = ep->host_if[0] ? nl_link_index(nl, ep->host_if) : -ENODEV;
        if (index > 0)
            (void)nl_link_del(nl, index);
        release_locked(n, ids[i]);
    }
    if (!bridged)
        return 0;
    r = ready_addresses(n, err);
    return r < 0 ? r : bridge_assert(&n->bridge, err);
}

static json_t *endpoints_json(const struct net *n, const char *network)
{
    _cleanup_strv_ char **ids = lease_ids(n->leases);
    json_t *o = json_object();

    for (size_t i = 0; ids && ids[i]; i++) {
        const struct net_endpoint *ep = lease_get(n->leases, ids[i]);
        if (!str_eq(ep->network, network))
            continue;
        json_t *e = json_object();
        _cleanup_free_ char *cidr =
            ep->ip[0] ? xasprintf("%s/%d", ep->ip, ep->prefix_len) : xstrdup("");
        json_set_str(e, "Name", "");
        json_set_str(e, "EndpointID", ep->endpoint_id);
        json_set_str(e, "MacAddress", ep->mac);
        json_set_str(e, "IPv4Address", cidr);
        json_set_str(e, "IPv6Address", "");
        json_set_take(o, ids[i], e);
    }
    return o;
}

static json_t *ipam_json(const struct net *n, bool bridged)
{
    json_t *ipam = json_object();
    json_t *config = bridged ? json_array() : json_null();

    if (bridged && n->bridge.settled) {
        uint32_t mask = htonl(~UINT32_C(0) << (32 - n->bridge.prefix_len));
        struct in_addr subnet = {.s_addr = n->bridge.gateway.s_addr & mask};
        char text[16];
        print_addr(subnet, text);
        _cleanup_free_ char *cidr = xasprintf("%s/%d", text, n->bridge.prefix_len);
        json_t *c = json_object();
        json_set_str(c, "Subnet", cidr);
        print_addr(n->bridge.gateway, text);
        json_set_str(c, "Gateway", text);
        (void)json_array_append_new(config, c);
    }
    json_set_str(ipam, "Driver", "default");
    json_set_take(ipam, "Options", json_null());
    json_set_take(ipam, "Config", config);
    return ipam;
}

static json_t *options_json(const struct net *n, bool bridged)
{
    json_t *o = json_object();

    if (!bridged)
        return o;
    _cleanup_free_ char *mtu = xasprintf("%d", n->bridge.mtu);
    json_set_str(o, "com.docker.network.bridge.default_bridge", "true");
    json_set_str(o, "com.docker.network.bridge.enable_icc", "true");
    json_set_str(o, "com.docker.network.bridge.enable_ip_masquerade",
                 n->bridge.masquerade ? "true" : "false");
    json_set_str(o, "com.docker.network.bridge.host_binding_ipv4", "0.0.0.0");
    json_set_str(o, "com.docker.network.bridge.name", n->bridge.name);
    json_set_str(o, "com.docker.network.driver.mtu", mtu);
    return o;
}

static json_t *network_json(const struct net *n, size_t i)
{
    bool bridged = i == 0;
    json_t *o = json_object();
    json_t *from = json_object();

    json_set_str(from, "Network", "");
    json_set_str(o, "Name", predefined[i]);
    json_set_str(o, "Id", n->records[i].id);
    json_set_time(o, "Created", n->records[i].created_nsec);
    json_set_str(o, "Scope", "local");
    json_set_str(o, "Driver", drivers[i]);
    json_set_bool(o, "EnableIPv4", true);
    json_set_bool(o, "EnableIPv6", false);
    json_set_take(o, "IPAM", ipam_json(n, bridged));
    json_set_bool(o, "Internal", false);
    json_set_bool(o, "Attachable", false);
    json_set_bool(o, "Ingress", false);
    json_set_take(o, "ConfigFrom", from);
    json_set_bool(o, "ConfigOnly", false);
    json_set_take(o, "Containers", endpoints_json(n, predefined[i]));
    json_set_take(o, "Options", options_json(n, bridged));
    json_set_take(o, "Labels", json_object());
    return o;
}

json_t *net_list(struct net *n)
{
    LOCK_SCOPE(&n->lock);
    json_t *a = json_array();

    if (!n->bridge_disabled)
        (void)ready_addresses(n, NULL);
    for (size_t i = n->bridge_disabled ? 1 : 0; i < N_PREDEFINED; i++)
        (void)json_array_append_new(a, network_json(n, i));
    return a;
}

int net_inspect(struct net *n, const char *name_or_id, json_t **ret, struct err *err)
{
    LOCK_SCOPE(&n->lock);
    size_t matches = 0;
    size_t match = 0;

    if (!n->bridge_disabled)
        (void)ready_addresses(n, NULL);
    for (size_t i = n->bridge_disabled ? 1 : 0; i < N_PREDEFINED; i++) {
        if (str_eq(name_or_id, predefined[i]) || str_eq(name_or_id, n->records[i].id)) {
            *ret = network_json(n, i);
            return 0;
        }
        if (*name_or_id && str_starts(n->records[i].id, name_or_id)) {
            match = i;
            matches++;
        }
    }
    if (matches != 1)
        return err_set(err, ERR_NOT_FOUND, "network %s not found", name_or_id);
    *ret = network_json(n, match);
    return 0;
}
