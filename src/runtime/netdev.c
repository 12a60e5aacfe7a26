/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/netdev.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "runtime/namespaces.h"

#define ADDRESSES_MAX 256

struct request {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
    } body;
    char attributes[512];
};

/* An address as it is added again: its message, without what belongs to the old place. */
struct addresses {
    struct request *list; /* owned */
    size_t n;
};

static void add_attribute(struct request *q, unsigned short type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)(void *)((char *)q + NLMSG_ALIGN(q->header.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    memcpy(RTA_DATA(a), data, len);
    q->header.nlmsg_len = (unsigned)(NLMSG_ALIGN(q->header.nlmsg_len) + RTA_ALIGN(a->rta_len));
}

/* Sends a request and waits for the kernel's acknowledgement. */
static int transact(int sock, struct request *q)
{
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer;

    q->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    if (send(sock, q, q->header.nlmsg_len, 0) < 0)
        return -errno;
    ssize_t n = recv(sock, &answer, sizeof(answer), 0);
    if (n < 0)
        return -errno;
    if ((size_t)n < NLMSG_LENGTH(sizeof(answer.error)) || answer.header.nlmsg_type != NLMSG_ERROR)
        return -EPROTO;
    return answer.error.error;
}

/* Keeps the address of one message if it is permanent, global and of that interface. */
static void keep_address(struct addresses *keep, const struct nlmsghdr *header, unsigned index)
{
    const struct ifaddrmsg *m = NLMSG_DATA(header);
    size_t len = header->nlmsg_len - NLMSG_LENGTH(sizeof(*m));
    struct request q = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(*m)),
                   .nlmsg_type = RTM_NEWADDR,
                   .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE},
        .body.address = {.ifa_family = m->ifa_family,
                         .ifa_prefixlen = m->ifa_prefixlen,
                         .ifa_scope = m->ifa_scope},
    };

    if (m->ifa_index != index || m->ifa_scope != RT_SCOPE_UNIVERSE ||
        !(m->ifa_flags & IFA_F_PERMANENT) || keep->n == ADDRESSES_MAX)
        return;
    for (const struct rtattr *a = IFA_RTA(m); RTA_OK(a, len); a = RTA_NEXT(a, len))
        if ((a->rta_type == IFA_LOCAL || a->rta_type == IFA_ADDRESS ||
             a->rta_type == IFA_BROADCAST) &&
            RTA_PAYLOAD(a) <= 16)
            add_attribute(&q, a->rta_type, RTA_DATA(a), RTA_PAYLOAD(a));
    if (m->ifa_family == AF_INET6) {
        /* It was unique already. */
        uint32_t flags = IFA_F_NODAD;
        add_attribute(&q, IFA_FLAGS, &flags, sizeof(flags));
    }
    keep->list = xrealloc_array(keep->list, keep->n + 1, sizeof(*keep->list));
    keep->list[keep->n++] = q;
}

static int list_addresses(int sock, unsigned index, struct addresses *ret)
{
    struct request q = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifaddrmsg)),
                   .nlmsg_type = RTM_GETADDR,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body.address.ifa_family = AF_UNSPEC,
    };
    _cleanup_free_ char *buf = xmalloc(64 * KIB);

    if (send(sock, &q, q.header.nlmsg_len, 0) < 0)
        return -errno;
    for (;;) {
        ssize_t n = recv(sock, buf, 64 * KIB, 0);
        if (n < 0)
            return -errno;
        unsigned left = (unsigned)n;
        for (const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)buf;
             NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_type == NLMSG_DONE)
                return 0;
            if (h->nlmsg_type == NLMSG_ERROR)
                return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
            if (h->nlmsg_type == RTM_NEWADDR)
                keep_address(ret, h, index);
        }
    }
}

static int index_of(int sock, const char *name)
{
    struct ifreq request = {0};

    (void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    return ioctl(sock, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

static struct request link_request(int index)
{
    return (struct request){
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)), .nlmsg_type = RTM_NEWLINK},
        .body.link = {.ifi_family = AF_UNSPEC, .ifi_index = index},
    };
}

static int netlink_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    return fd < 0 ? -errno : fd;
}

static int move_one(int here, int there, int netns_fd, const char *device, const char *name,
                    struct addresses *keep)
{
    int r, index = index_of(here, device);

    if (index < 0)
        return index;
    if ((r = list_addresses(here, (unsigned)index, keep)) < 0)
        return r;
    struct request q = link_request(index);
    add_attribute(&q, IFLA_NET_NS_FD, &netns_fd, sizeof(netns_fd));
    add_attribute(&q, IFLA_IFNAME, name, strlen(name) + 1);
    /* An interface cannot be renamed while it is up. */
    q.body.link.ifi_change = IFF_UP;
    if ((r = transact(here, &q)) < 0)
        return r;
    if ((index = index_of(there, name)) < 0)
        return index;
    for (size_t i = 0; i < keep->n; i++) {
        keep->list[i].body.address.ifa_index = (unsigned)index;
        if ((r = transact(there, &keep->list[i])) < 0)
            return r;
    }
    q = link_request(index);
    q.body.link.ifi_flags = q.body.link.ifi_change = IFF_UP;
    return transact(there, &q);
}

int netdev_move(const struct oci_spec *spec, int netns_fd, struct err *err)
{
    const char *device;
    json_t *o;

    if (json_object_size(spec->net_devices) == 0)
        return 0;
    _cleanup_close_ int here = netlink_socket();
    int own = ns_enter(OCI_NS_NETWORK, netns_fd, err);
    if (own < 0)
        return own;
    _cleanup_close_ int there = netlink_socket();
    ns_leave(OCI_NS_NETWORK, own);
    if (here < 0 || there < 0)
        return err_errno(err, here < 0 ? here : there, "netlink socket");
    json_object_foreach(spec->net_devices, device, o) {
        const char *name = json_str_or(o, "name", "");
        struct addresses keep = {0};
        int r = move_one(here, there, netns_fd, device, *name ? name : device, &keep);
        free(keep.list);
        if (r < 0)
            return err_errno(err, r, "move network device %s into the container", device);
    }
    return 0;
}
