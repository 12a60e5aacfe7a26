/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/bridge.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fdutil.h"
#include "net/ipam.h"
#include "net/netlink.h"
#include "net/nft.h"

struct overlap {
    struct in_addr pool;
    int prefix_len;
    bool found;
};

static void check_route(void *ctx, struct in_addr dst, int prefix_len)
{
    struct overlap *o = ctx;

    if (ipam_overlaps(o->pool, o->prefix_len, dst, prefix_len))
        o->found = true;
}

static int pick_pool(struct bridge *b, struct nl *nl, struct err *err)
{
    struct overlap o = {};

    for (size_t i = 0; ipam_default_pool(i, &o.pool, &o.prefix_len); i++) {
        o.found = false;
        int r = nl_route_each(nl, check_route, &o);
        if (r < 0)
            return err_errno(err, r, "read the routes");
        if (!o.found) {
            b->gateway = o.pool;
            b->prefix_len = o.prefix_len;
            return 0;
        }
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "all predefined address pools have been fully subnetted: every default pool "
                   "overlaps a route of this host; set \"bip\"");
}

static int settle(struct bridge *b, struct nl *nl, struct err *err)
{
    int r = 0;

    if (b->settled)
        return 0;
    int index = nl_link_index(nl, b->name);
    if (b->bip)
        r = ipam_parse_cidr(b->bip, &b->gateway, &b->prefix_len, err);
    else if (index < 0 || nl_addr_get(nl, index, &b->gateway, &b->prefix_len) < 0)
        r = pick_pool(b, nl, err);
    if (r == 0)
        b->settled = true;
    return r;
}

int bridge_settle(struct bridge *b, struct err *err)
{
    _cleanup_(nl_closep)
    struct nl *nl = NULL;
    int r = nl_open(&nl);

    return r < 0 ? err_errno(err, r, "open a netlink socket") : settle(b, nl, err);
}

static int make_device(struct bridge *b, struct nl *nl, struct err *err)
{
    struct in_addr addr;
    int prefix_len;
    int r = nl_bridge_add(nl, b->name, b->mtu);

    if (r < 0 && r != -EEXIST)
        return err_errno(err, r, "make the bridge %s", b->name);
    b->index = nl_link_index(nl, b->name);
    if (b->index < 0)
        return err_errno(err, b->index, "find the bridge %s", b->name);
    r = nl_addr_get(nl, b->index, &addr, &prefix_len);
    if (r == -ENOENT)
        r = nl_addr_add(nl, b->index, b->gateway, b->prefix_len);
    else if (r == 0 && (addr.s_addr != b->gateway.s_addr || prefix_len != b->prefix_len))
        return err_set(err, ERR_CONFLICT,
                       "the bridge %s has another address than the network: remove the interface "
                       "or set \"bip\" to its address",
                       b->name);
    if (r == 0)
        r = nl_link_up(nl, b->index);
    return r < 0 ? err_errno(err, r, "configure the bridge %s", b->name) : 0;
}

static int assert_forwarding(const struct bridge *b, struct err *err)
{
    _cleanup_free_ char *now = NULL;
    int r = 0;

    if (b->forward &&
        read_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", 16, &now, NULL) == 0 &&
        now[0] == '0') {
        r = write_kernel_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", "1");
        if (r < 0)
            return err_errno(err, r, "switch IP forwarding on");
    }
    if (!b->firewall)
        return 0;
    struct nft_bridge_rules rules = {.bridge = b->name,
                                     .subnet = b->gateway,
                                     .prefix_len = b->prefix_len,
                                     .masquerade = b->masquerade};
    return nft_assert_bridge(&rules, err);
}

int bridge_assert(struct bridge *b, struct err *err)
{
    _cleanup_(nl_closep)
    struct nl *nl = NULL;
    int r = nl_open(&nl);

    if (r < 0)
        return err_errno(err, r, "open a netlink socket");
    if (b->index > 0 && nl_link_index(nl, b->name) == b->index)
        return 0;
    r = settle(b, nl, err);
    if (r == 0)
        r = make_device(b, nl, err);
    if (r == 0)
        r = assert_forwarding(b, err);
    if (r < 0)
        b->index = 0;
    return r;
}

void bridge_done(struct bridge *b)
{
    free(b->name);
    free(b->bip);
    *b = (struct bridge){};
}
