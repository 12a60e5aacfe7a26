/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <string.h>

#include "base/alloc.h"

#define NFT_BATCH_BYTES (64 * 1024)

struct batch {
    struct mnl_nlmsg_batch *b; /* owned */
    uint32_t seq;
};

static struct nlmsghdr *batch_message(struct batch *b, uint16_t type, uint16_t flags)
{
    return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(b->b), type, NFPROTO_IPV4, flags,
                                 b->seq++);
}

static void batch_next(struct batch *b)
{
    /* The batch is far larger than the fixed rules below can become. */
    if (!mnl_nlmsg_batch_next(b->b))
        abort();
}

static void put_table(struct batch *b, uint16_t type, uint16_t flags)
{
    struct nftnl_table *t = nftnl_table_alloc();

    if (!t)
        abort();
    nftnl_table_set_str(t, NFTNL_TABLE_NAME, NFT_TABLE);
    nftnl_table_nlmsg_build_payload(batch_message(b, type, flags), t);
    batch_next(b);
    nftnl_table_free(t);
}

static void put_base_chain(struct batch *b, const char *name, const char *type, uint32_t hook,
                           int32_t priority)
{
    struct nftnl_chain *c = nftnl_chain_alloc();

    if (!c)
        abort();
    nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, NFT_TABLE);
    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
    nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, type);
    nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, hook);
    nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, priority);
    nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
    nftnl_chain_nlmsg_build_payload(batch_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE), c);
    batch_next(b);
    nftnl_chain_free(c);
}

static struct nftnl_rule *rule_new(const char *chain)
{
    struct nftnl_rule *r = nftnl_rule_alloc();

    if (!r)
        abort();
    nftnl_rule_set_str(r, NFTNL_RULE_TABLE, NFT_TABLE);
    nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
    nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_IPV4);
    return r;
}

static struct nftnl_expr *add_expr(struct nftnl_rule *r, const char *name)
{
    struct nftnl_expr *e = nftnl_expr_alloc(name);

    if (!e)
        abort();
    nftnl_rule_add_expr(r, e);
    return e;
}

static void add_cmp(struct nftnl_rule *r, uint32_t op, const void *data, uint32_t len)
{
    struct nftnl_expr *e = add_expr(r, "cmp");

    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
}

static void add_mask(struct nftnl_rule *r, const uint32_t *mask)
{
    static const uint32_t zero;
    struct nftnl_expr *e = add_expr(r, "bitwise");

    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(*mask));
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, sizeof(*mask));
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &zero, sizeof(zero));
}

/* key: NFT_META_IIFNAME or NFT_META_OIFNAME; op: NFT_CMP_EQ or NFT_CMP_NEQ. */
static void match_interface(struct nftnl_rule *r, uint32_t key, uint32_t op, const char *name)
{
    char padded[IFNAMSIZ] = {};
    struct nftnl_expr *e = add_expr(r, "meta");

    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
    memcpy(padded, name, strnlen(name, sizeof(padded) - 1));
    add_cmp(r, op, padded, sizeof(padded));
}

static void match_source(struct nftnl_rule *r, struct in_addr subnet, int prefix_len)
{
    uint32_t mask = htonl(~UINT32_C(0) << (32 - prefix_len));
    uint32_t net = subnet.s_addr & mask;
    struct nftnl_expr *e = add_expr(r, "payload");

    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offsetof(struct iphdr, saddr));
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, 4);
    add_mask(r, &mask);
    add_cmp(r, NFT_CMP_EQ, &net, sizeof(net));
}

static void match_replies(struct nftnl_rule *r)
{
    static const uint32_t zero;
    uint32_t states = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
    struct nftnl_expr *e = add_expr(r, "ct");

    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_STATE);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
    add_mask(r, &states);
    add_cmp(r, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void add_verdict(struct nftnl_rule *r, uint32_t verdict)
{
    struct nftnl_expr *e = add_expr(r, "immediate");

    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, verdict);
}

static void put_rule(struct batch *b, struct nftnl_rule *r)
{
    nftnl_rule_nlmsg_build_payload(batch_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND),
                                   r);
    batch_next(b);
    nftnl_rule_free(r);
}

static void put_forward_rules(struct batch *b, const struct nft_bridge_rules *rules)
{
    struct nftnl_rule *r = rule_new("forward");
    match_interface(r, NFT_META_OIFNAME, NFT_CMP_EQ, rules->bridge);
    match_replies(r);
    add_verdict(r, NF_ACCEPT);
    put_rule(b, r);

    r = rule_new("forward");
    match_interface(r, NFT_META_IIFNAME, NFT_CMP_EQ, rules->bridge);
    add_verdict(r, NF_ACCEPT);
    put_rule(b, r);

    r = rule_new("forward");
    match_interface(r, NFT_META_OIFNAME, NFT_CMP_EQ, rules->bridge);
    add_verdict(r, NF_DROP);
    put_rule(b, r);
}

static void put_masquerade(struct batch *b, const struct nft_bridge_rules *rules)
{
    struct nftnl_rule *r = rule_new("postrouting");

    match_source(r, rules->subnet, rules->prefix_len);
    match_interface(r, NFT_META_OIFNAME, NFT_CMP_NEQ, rules->bridge);
    (void)add_expr(r, "masq");
    put_rule(b, r);
}

static void put_ruleset(struct batch *b, const struct nft_bridge_rules *rules)
{
    /* Adding before deleting makes the deletion succeed whether or not the table was there. */
    put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    put_table(b, NFT_MSG_DELTABLE, 0);
    put_table(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
    put_base_chain(b, "forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER);
    put_forward_rules(b, rules);
    put_base_chain(b, "postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC);
    if (rules->masquerade)
        put_masquerade(b, rules);
}

static int send_batch(struct batch *b)
{
    char buf[8192];
    struct mnl_socket *sock = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
    int r = 0;

    if (!sock)
        return -errno;
    if (mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_sendto(sock, mnl_nlmsg_batch_head(b->b), mnl_nlmsg_batch_size(b->b)) < 0) {
        r = -errno;
        (void)mnl_socket_close(sock);
        return r;
    }
    /* Only the last rule asked for an acknowledgement; errors of any message come before it. */
    unsigned port = mnl_socket_get_portid(sock);
    for (int cb = MNL_CB_OK; r == 0 && cb > MNL_CB_STOP;) {
        ssize_t n = mnl_socket_recvfrom(sock, buf, sizeof(buf));
        if (n < 0) {
            if (errno != EINTR)
                r = -errno;
            continue;
        }
        cb = mnl_cb_run(buf, (size_t)n, 0, port, NULL, NULL);
        if (cb < 0)
            r = -errno;
    }
    (void)mnl_socket_close(sock);
    return r;
}

int nft_assert_bridge(const struct nft_bridge_rules *rules, struct err *err)
{
    _cleanup_free_ char *space = xmalloc(2 * (size_t)NFT_BATCH_BYTES);
    struct batch b = {.b = mnl_nlmsg_batch_start(space, NFT_BATCH_BYTES), .seq = 1};

    if (!b.b)
        abort();
    nftnl_batch_begin(mnl_nlmsg_batch_current(b.b), b.seq++);
    batch_next(&b);
    put_ruleset(&b, rules);
    /* The acknowledgement that ends the wait: an empty update of the table. */
    put_table(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK);
    nftnl_batch_end(mnl_nlmsg_batch_current(b.b), b.seq++);
    batch_next(&b);
    int r = send_batch(&b);
    mnl_nlmsg_batch_stop(b.b);
    if (r < 0)
        return err_errno(err, r, "make the nftables table \"ip %s\"", NFT_TABLE);
    return 0;
}
