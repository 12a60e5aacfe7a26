/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes lines of a container's /etc/hosts and /etc/resolv.conf. */
#include <arpa/inet.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "container/request.h"

#define INVALID(...) err_set(err, ERR_INVALID, __VA_ARGS__)

static bool is_word(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return false;
    return true;
}

static bool is_address(const char *s)
{
    struct in6_addr address;

    return inet_pton(AF_INET, s, &address) == 1 || inet_pton(AF_INET6, s, &address) == 1;
}

static int verify_extra_host(const char *text, struct err *err)
{
    const char *separator = strpbrk(text, ":="), *address = separator ? separator + 1 : "";
    _cleanup_free_ char *bare = NULL;

    if (!separator || separator == text || !is_word(text))
        return INVALID("bad format for add-host: \"%s\"", text);
    if (str_eq(address, "host-gateway"))
        return 0;
    bare = address[0] == '[' ? xstrndup(address + 1, strcspn(address + 1, "]")) : xstrdup(address);
    return is_address(bare) ? 0 : INVALID("invalid IP address in add-host: \"%s\"", address);
}

int container_verify_names(const json_t *host, struct err *err)
{
    static const char *const words[] = {"Dns", "DnsSearch", "DnsOptions"};
    json_t *v;
    size_t i;
    int r;

    json_array_foreach(json_object_get(host, "ExtraHosts"), i, v)
        if ((r = verify_extra_host(json_string_value(v), err)) < 0)
            return r;
    for (size_t k = 0; k < ARRAY_SIZE(words); k++)
        json_array_foreach(json_object_get(host, words[k]), i, v)
            if (!is_word(json_string_value(v)))
                return INVALID("invalid value in %s: \"%s\"", words[k], json_string_value(v));
    json_array_foreach(json_object_get(host, "Dns"), i, v)
        if (!is_address(json_string_value(v)))
            return INVALID("bad nameserver address: %s", json_string_value(v));
    return 0;
}
