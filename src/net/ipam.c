/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/ipam.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

struct ipam {
    uint32_t base; /* network address, host order */
    uint32_t size; /* addresses in the subnet */
    uint32_t hint; /* no address below this offset is free */
    size_t leased;
    uint64_t *taken; /* owned; one bit an address */
};

static uint32_t prefix_mask(int prefix_len)
{
    return prefix_len ? ~UINT32_C(0) << (32 - prefix_len) : 0;
}

int ipam_parse_cidr(const char *cidr, struct in_addr *ret_addr, int *ret_prefix_len,
                    struct err *err)
{
    const char *slash = strchr(cidr, '/');
    struct in_addr addr;
    uint32_t prefix_len;

    if (!slash)
        return err_set(err, ERR_INVALID, "invalid CIDR address: %s", cidr);
    _cleanup_free_ char *host = xstrndup(cidr, (size_t)(slash - cidr));
    if (inet_pton(AF_INET, host, &addr) != 1 || parse_u32(slash + 1, &prefix_len) < 0)
        return err_set(err, ERR_INVALID, "invalid CIDR address: %s", cidr);
    if (prefix_len < 8 || prefix_len > 30)
        return err_set(err, ERR_INVALID,
                       "invalid subnet %s: the prefix length must be from 8 to 30", cidr);
    *ret_addr = addr;
    *ret_prefix_len = (int)prefix_len;
    return 0;
}

static bool bit_get(const struct ipam *p, uint32_t i)
{
    return p->taken[i / 64] >> (i % 64) & 1;
}

static void bit_set(struct ipam *p, uint32_t i)
{
    p->taken[i / 64] |= UINT64_C(1) << (i % 64);
}

struct ipam *ipam_new(struct in_addr gateway, int prefix_len)
{
    struct ipam *p = XNEW(struct ipam);
    uint32_t gw = ntohl(gateway.s_addr);

    p->base = gw & prefix_mask(prefix_len);
    p->size = ~prefix_mask(prefix_len) + 1;
    p->taken = XNEW_ARRAY(uint64_t, (p->size + 63) / 64);
    bit_set(p, 0);
    bit_set(p, p->size - 1);
    bit_set(p, gw - p->base);
    p->hint = 1;
    return p;
}

void ipam_free(struct ipam *p)
{
    if (!p)
        return;
    free(p->taken);
    free(p);
}

int ipam_lease(struct ipam *p, const char *network, struct in_addr *ret, struct err *err)
{
    for (uint32_t i = p->hint; i < p->size; i++) {
        if (p->taken[i / 64] == UINT64_MAX) {
            i |= 63;
            continue;
        }
        if (bit_get(p, i))
            continue;
        bit_set(p, i);
        p->leased++;
        p->hint = i + 1;
        ret->s_addr = htonl(p->base + i);
        return 0;
    }
    return err_set(err, ERR_UNAVAILABLE,
                   "no available IPv4 addresses on this network's address pools: %s", network);
}

int ipam_take(struct ipam *p, struct in_addr addr)
{
    uint32_t i = ntohl(addr.s_addr) - p->base;

    if (i >= p->size)
        return -ERANGE;
    if (bit_get(p, i))
        return -EEXIST;
    bit_set(p, i);
    p->leased++;
    return 0;
}

void ipam_release(struct ipam *p, struct in_addr addr)
{
    uint32_t i = ntohl(addr.s_addr) - p->base;

    if (i >= p->size || !bit_get(p, i))
        return;
    p->taken[i / 64] &= ~(UINT64_C(1) << (i % 64));
    p->leased--;
    p->hint = MIN(p->hint, i);
}

size_t ipam_leased(const struct ipam *p)
{
    return p->leased;
}

bool ipam_overlaps(struct in_addr a, int a_prefix_len, struct in_addr b, int b_prefix_len)
{
    uint32_t mask = prefix_mask(MIN(a_prefix_len, b_prefix_len));

    return (ntohl(a.s_addr) & mask) == (ntohl(b.s_addr) & mask);
}

bool ipam_default_pool(size_t i, struct in_addr *ret, int *ret_prefix_len)
{
    if (i < 15) {
        ret->s_addr = htonl(0xac110001U + ((uint32_t)i << 16));
        *ret_prefix_len = 16;
        return true;
    }
    if (i < 15 + 16) {
        ret->s_addr = htonl(0xc0a80001U + ((uint32_t)(i - 15) << 12));
        *ret_prefix_len = 20;
        return true;
    }
    return false;
}
