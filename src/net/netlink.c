/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/alloc.h"

#define NL_BUFFER 8192

struct nl {
    struct mnl_socket *sock; /* owned */
    uint32_t seq;
};

int nl_open(struct nl **ret)
{
    _cleanup_(nl_closep)
    struct nl *nl = XNEW(struct nl);

    nl->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl->sock || mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    *ret = TAKE_PTR(nl);
    return 0;
}

void nl_close(struct nl *nl)
{
    if (!nl)
        return;
    if (nl->sock)
        (void)mnl_socket_close(nl->sock);
    free(nl);
}

/* Sends the request and feeds each answer to cb (may be NULL) up to the end or acknowledgement. */
static int talk(struct nl *nl, struct nlmsghdr *h, mnl_cb_t cb, void *ctx)
{
    char buf[NL_BUFFER];
    unsigned port = mnl_socket_get_portid(nl->sock);

    h->nlmsg_seq = ++nl->seq;
    if (mnl_socket_sendto(nl->sock, h, h->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl->sock, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        int r = mnl_cb_run(buf, (size_t)n, nl->seq, port, cb, ctx);
        if (r < 0)
            return -errno;
        if (r == MNL_CB_STOP)
            return 0;
    }
}

static struct nlmsghdr *link_request(char *buf, uint16_t type, uint16_t flags, int index, bool up)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

    h->nlmsg_type = type;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));
    ifi->ifi_family = AF_UNSPEC;
    ifi->ifi_index = index;
    if (up) {
        ifi->ifi_flags = IFF_UP;
        ifi->ifi_change = IFF_UP;
    }
    return h;
}

static int take_index(const struct nlmsghdr *h, void *ctx)
{
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(h);

    *(int *)ctx = ifi->ifi_index;
    return MNL_CB_OK;
}

int nl_link_index(struct nl *nl, const char *name)
{
    char buf[NL_BUFFER];
    int index = -ENODEV;
    struct nlmsghdr *h = link_request(buf, RTM_GETLINK, 0, 0, false);

    mnl_attr_put_strz(h, IFLA_IFNAME, name);
    int r = talk(nl, h, take_index, &index);
    return r < 0 ? r : index;
}

int nl_bridge_add(struct nl *nl, const char *name, int mtu)
{
    char buf[NL_BUFFER];
    struct nlmsghdr *h = link_request(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, true);

    mnl_attr_put_strz(h, IFLA_IFNAME, name);
    mnl_attr_put_u32(h, IFLA_MTU, (uint32_t)mtu);
    struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
    mnl_attr_put_strz(h, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(h, info);
    return talk(nl, h, NULL, NULL);
}

int nl_link_up(struct nl *nl, int index)
{
    char buf[NL_BUFFER];

    return talk(nl, link_request(buf, RTM_NEWLINK, 0, index, true), NULL, NULL);
}

int nl_link_del(struct nl *nl, int index)
{
    char buf[NL_BUFFER];

    return talk(nl, link_request(buf, RTM_DELLINK, 0, index, false), NULL, NULL);
}

int nl_veth_add(struct nl *nl, const struct nl_veth *veth)
{
    char buf[NL_BUFFER];
    struct nlmsghdr *h = link_request(buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, true);

    mnl_attr_put_strz(h, IFLA_IFNAME, veth->host_name);
    mnl_attr_put_u32(h, IFLA_MTU, (uint32_t)veth->mtu);
    mnl_attr_put_u32(h, IFLA_MASTER, (uint32_t)veth->host_master);
    struct nlattr *info = mnl_attr_nest_start(h, IFLA_LINKINFO);
    mnl_attr_put_strz(h, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(h, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(h, VETH_INFO_PEER);
    /* The peer's attributes follow a link header of its own inside the nest. */
    (void)mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(h, IFLA_IFNAME, veth->peer_name);
    mnl_attr_put_u32(h, IFLA_MTU, (uint32_t)veth->mtu);
    mnl_attr_put(h, IFLA_ADDRESS, 6, veth->mac);
    mnl_attr_put_u32(h, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns_fd);
    mnl_attr_nest_end(h, peer);
    mnl_attr_nest_end(h, data);
    mnl_attr_nest_end(h, info);
    return talk(nl, h, NULL, NULL);
}

int nl_addr_add(struct nl *nl, int index, struct in_addr addr, int prefix_len)
{
    char buf[NL_BUFFER];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

    h->nlmsg_type = RTM_NEWADDR;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
    ifa->ifa_family = AF_INET;
    ifa->ifa_prefixlen = (uint8_t)prefix_len;
    ifa->ifa_scope = RT_SCOPE_UNIVERSE;
    ifa->ifa_index = (uint32_t)index;
    uint32_t mask = prefix_len ? htonl(~UINT32_C(0) << (32 - prefix_len)) : 0;
    mnl_attr_put_u32(h, IFA_LOCAL, addr.s_addr);
    mnl_attr_put_u32(h, IFA_ADDRESS, addr.s_addr);
    mnl_attr_put_u32(h, IFA_BROADCAST, addr.s_addr | ~mask);
    return talk(nl, h, NULL, NULL);
}

struct addr_search {
    int index;
    bool found;
    struct in_addr addr;
    int prefix_len;
};

static int match_addr(const struct nlmsghdr *h, void *ctx)
{
    struct addr_search *s = ctx;
    const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(h);
    const struct nlattr *a;

    if (s->found || (int)ifa->ifa_index != s->index)
        return MNL_CB_OK;
    mnl_attr_for_each(a, h, sizeof(*ifa))
    {
        if (mnl_attr_get_type(a) == IFA_LOCAL && mnl_attr_get_payload_len(a) == 4) {
            s->addr.s_addr = mnl_attr_get_u32(a);
            s->prefix_len = ifa->ifa_prefixlen;
            s->found = true;
        }
    }
    return MNL_CB_OK;
}

int nl_addr_get(struct nl *nl, int index, struct in_addr *ret, int *ret_prefix_len)
{
    char buf[NL_BUFFER];
    struct addr_search s = {.index = index};
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

    h->nlmsg_type = RTM_GETADDR;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
    ifa->ifa_family = AF_INET;
    int r = talk(nl, h, match_addr, &s);
    if (r < 0)
        return r;
    if (!s.found)
        return -ENOENT;
    *ret = s.addr;
    *ret_prefix_len = s.prefix_len;
    return 0;
}

int nl_route_add_default(struct nl *nl, struct in_addr gateway)
{
    char buf[NL_BUFFER];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

    h->nlmsg_type = RTM_NEWROUTE;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
    struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));
    rt->rtm_family = AF_INET;
    rt->rtm_table = RT_TABLE_MAIN;
    rt->rtm_protocol = RTPROT_BOOT;
    rt->rtm_scope = RT_SCOPE_UNIVERSE;
    rt->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(h, RTA_GATEWAY, gateway.s_addr);
    return talk(nl, h, NULL, NULL);
}

struct route_walk {
    void (*cb)(void *ctx, struct in_addr dst, int prefix_len);
    void *ctx;
};

static int visit_route(const struct nlmsghdr *h, void *ctx)
{
    struct route_walk *w = ctx;
    const struct rtmsg *rt = mnl_nlmsg_get_payload(h);
    const struct nlattr *a;

    if (rt->rtm_table != RT_TABLE_MAIN || rt->rtm_dst_len == 0)
        return MNL_CB_OK;
    mnl_attr_for_each(a, h, sizeof(*rt))
    {
        if (mnl_attr_get_type(a) == RTA_DST && mnl_attr_get_payload_len(a) == 4) {
            struct in_addr dst = {.s_addr = mnl_attr_get_u32(a)};
            w->cb(w->ctx, dst, rt->rtm_dst_len);
        }
    }
    return MNL_CB_OK;
}

int nl_route_each(struct nl *nl, void (*cb)(void *ctx, struct in_addr dst, int prefix_len),
                  void *ctx)
{
    char buf[NL_BUFFER];
    struct route_walk w = {.cb = cb, .ctx = ctx};
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);

    h->nlmsg_type = RTM_GETROUTE;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct rtmsg *rt = mnl_nlmsg_put_extra_header(h, sizeof(*rt));
    rt->rtm_family = AF_INET;
    return talk(nl, h, visit_route, &w);
}
