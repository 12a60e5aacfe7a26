/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --publish, --expose, --network and what belongs to it. */
#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/run.h"

struct port_range {
    uint32_t first, last;
};

static int parse_range(const char *s, struct port_range *ret)
{
    size_t n = strcspn(s, "-");
    _cleanup_free_ char *first = xstrndup(s, n);
    struct port_range r;
    if (parse_u32(first, &r.first) < 0 || r.first > 65535)
        return -EINVAL;
    r.last = r.first;
    if (s[n] && (parse_u32(s + n + 1, &r.last) < 0 || r.last > 65535 || r.last < r.first))
        return -EINVAL;
    *ret = r;
    return 0;
}

/* Takes "/proto" off; *proto becomes lower case, "tcp" without one. */
static int cut_proto(char *spec, const char **proto, struct err *err)
{
    char *slash = strrchr(spec, '/');
    *proto = "tcp";
    if (!slash)
        return 0;
    *slash++ = '\0';
    static const char *const known[] = {"tcp", "udp", "sctp"};
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (strcasecmp(slash, known[i]) == 0) {
            *proto = known[i];
            return 0;
        }
    return err_set(err, ERR_INVALID, "invalid proto: %s", slash);
}

static void add_binding(json_t *config, json_t *host, uint32_t port, const char *proto,
                        const char *ip, const char *host_port)
{
    _cleanup_free_ char *key = xasprintf("%u/%s", port, proto);
    json_set_take(json_object_get(config, "ExposedPorts"), key, json_object());
    json_t *bindings = json_object_get(host, "PortBindings");
    json_t *list = json_object_get(bindings, key);
    if (!list) {
        list = json_array();
        json_set_take(bindings, key, list);
    }
    json_t *b = json_object();
    json_set_str(b, "HostIp", ip);
    json_set_str(b, "HostPort", host_port);
    (void)json_array_append_new(list, b);
}

/* "[ip:][hostPort:]containerPort", cut in place from the right, as an IPv6 address has colons. */
static void split_publish(char *spec, const char **ip, const char **host_port,
                          const char **container)
{
    char *colon = strrchr(spec, ':');
    *ip = *host_port = "";
    *container = spec;
    if (!colon)
        return;
    *colon = '\0';
    *container = colon + 1;
    *host_port = spec;
    colon = strrchr(spec, ':');
    if (!colon)
        return;
    *colon = '\0';
    *host_port = colon + 1;
    *ip = spec;
    size_t n = strlen(spec);
    if (spec[0] == '[' && spec[n - 1] == ']') {
        spec[n - 1] = '\0';
        *ip = spec + 1;
    }
}

static int publish(const char *text, json_t *config, json_t *host, struct err *err)
{
    _cleanup_free_ char *spec = xstrdup(text);
    const char *proto, *ip, *host_port, *container;
    int r = cut_proto(spec, &proto, err);
    if (r < 0)
        return r;
    split_publish(spec, &ip, &host_port, &container);
    struct port_range c, h = {0, 0};
    if (!*container)
        return err_set(err, ERR_INVALID, "no port specified: %s<empty>", text);
    if (parse_range(container, &c) < 0)
        return err_set(err, ERR_INVALID, "invalid containerPort: %s", container);
    if (*host_port && parse_range(host_port, &h) < 0)
        return err_set(err, ERR_INVALID, "invalid hostPort: %s", host_port);
    bool pool = *host_port && c.first == c.last && h.first != h.last;
    if (*host_port && !pool && h.last - h.first != c.last - c.first)
        return err_set(err, ERR_INVALID,
                       "invalid ranges specified for container and host Ports: %s and %s",
                       container, host_port);
    for (uint32_t i = 0; i <= c.last - c.first; i++) {
        _cleanup_free_ char *hp = pool         ? xstrdup(host_port)
                                  : *host_port ? xasprintf("%u", h.first + i)
                                               : xstrdup("");
        add_binding(config, host, c.first + i, proto, ip, hp);
    }
    return 0;
}

static int expose(const char *text, json_t *config, struct err *err)
{
    _cleanup_free_ char *spec = xstrdup(text);
    const char *proto = NULL;
    struct port_range p;
    if (strchr(text, ':'))
        return err_set(err, ERR_INVALID, "invalid port format for --expose: %s", text);
    int r = cut_proto(spec, &proto, err);
    if (r < 0)
        return r;
    if (parse_range(spec, &p) < 0)
        return err_set(err, ERR_INVALID,
                       "invalid range format for --expose: %s, error: invalid port", text);
    for (uint32_t i = p.first; i <= p.last; i++) {
        _cleanup_free_ char *key = xasprintf("%u/%s", i, proto);
        json_set_take(json_object_get(config, "ExposedPorts"), key, json_object());
    }
    return 0;
}

int run_ports(const struct args *a, json_t *config, json_t *host, struct err *err)
{
    json_set_take(host, "PortBindings", json_object());
    char *const *published = args_list(a, "publish"), *const *exposed = args_list(a, "expose");
    json_set_bool(host, "PublishAllPorts", args_bool(a, "publish-all"));
    if (!published && !exposed)
        return 0;
    json_set_take(config, "ExposedPorts", json_object());
    int r = 0;
    for (char *const *p = published; r == 0 && p && *p; p++)
        r = publish(*p, config, host, err);
    for (char *const *p = exposed; r == 0 && p && *p; p++)
        r = expose(*p, config, err);
    return r;
}

static void push(json_t *o, const char *key, const char *value)
{
    json_t *list = json_object_get(o, key);
    if (!json_is_array(list)) {
        list = json_array();
        json_set_take(o, key, list);
    }
    (void)json_array_append_new(list, json_str_new(value));
}

static json_t *ipam(json_t *endpoint)
{
    json_t *c = json_object_get(endpoint, "IPAMConfig");
    if (!json_is_object(c)) {
        c = json_object();
        json_set_take(endpoint, "IPAMConfig", c);
    }
    return c;
}

static int network_field(json_t *e, const char **name, const char *field, struct err *err)
{
    const char *eq = strchr(field, '=');
    if (!eq)
        return err_set(err, ERR_INVALID, "invalid network option: %s", field);
    size_t n = (size_t)(eq - field);
    const char *value = eq + 1;
#define IS(text) (n == strlen(text) && strncasecmp(field, text, n) == 0)
    if (IS("name")) {
        *name = value;
    } else if (IS("alias")) {
        push(e, "Aliases", value);
    } else if (IS("ip")) {
        json_set_str(ipam(e), "IPv4Address", value);
    } else if (IS("ip6")) {
        json_set_str(ipam(e), "IPv6Address", value);
    } else if (IS("link-local-ip")) {
        push(ipam(e), "LinkLocalIPs", value);
    } else if (IS("mac-address")) {
        json_set_str(e, "MacAddress", value);
    } else if (IS("driver-opt")) {
        json_t *o = json_object_get(e, "DriverOpts");
        if (!json_is_object(o)) {
            o = json_object();
            json_set_take(e, "DriverOpts", o);
        }
        size_t k = strcspn(value, "=");
        _cleanup_free_ char *key = xstrndup(value, k);
        json_set_str(o, key, value[k] ? value + k + 1 : "");
    } else if (IS("gw-priority")) {
        int64_t p = 0;
        if (parse_i64(value, &p) < 0)
            return err_set(err, ERR_INVALID, "invalid gw-priority (%s)", value);
        json_set_i64(e, "GwPriority", p);
    } else {
        return err_set(err, ERR_INVALID, "invalid field key %.*s", (int)n, field);
    }
#undef IS
    return 0;
}

static int parse_network(const char *text, json_t *e, char **ret_name, struct err *err)
{
    const char *name = "";
    if (!strchr(text, '=')) {
        *ret_name = xstrdup(text);
        return *text ? 0 : err_set(err, ERR_INVALID, "no name set for network");
    }
    _cleanup_strv_ char **fields = str_split(text, ',');
    for (char **f = fields; *f; f++) {
        int r = network_field(e, &name, *f, err);
        if (r < 0)
            return r;
    }
    if (!*name)
        return err_set(err, ERR_INVALID, "no name set for network");
    *ret_name = xstrdup(name);
    return 0;
}

/* The options that concern the first network. */
static void first_network(const struct args *a, json_t *e, bool links)
{
    for (char *const *v = args_list(a, "network-alias"); v && *v; v++)
        push(e, "Aliases", *v);
    for (char *const *v = links ? args_list(a, "link") : NULL; v && *v; v++)
        push(e, "Links", *v);
    if (*args_str(a, "ip"))
        json_set_str(ipam(e), "IPv4Address", args_str(a, "ip"));
    if (*args_str(a, "ip6"))
        json_set_str(ipam(e), "IPv6Address", args_str(a, "ip6"));
    for (char *const *v = args_list(a, "link-local-ip"); v && *v; v++)
        push(ipam(e), "LinkLocalIPs", *v);
    if (*args_str(a, "mac-address"))
        json_set_str(e, "MacAddress", args_str(a, "mac-address"));
}

static bool user_defined(const char *name)
{
    static const char *const builtin[] = {"default", "bridge", "host", "none"};
    for (size_t i = 0; i < ARRAY_SIZE(builtin); i++)
        if (str_eq(name, builtin[i]))
            return false;
    return !str_starts(name, "container:");
}

int run_networks(const struct args *a, json_t *config, json_t *host, json_t **ret_networking,
                 struct err *err)
{
    _cleanup_json_ json_t *endpoints = json_object();
    char *const *given = args_list(a, "network");
    static char *const none[] = {NULL};
    json_set_str(host, "NetworkMode", "default");
    json_set_take(host, "Links", json_strv(NULL, true));
    for (char *const *v = given ? given : none; *v; v++) {
        _cleanup_json_ json_t *e = json_object();
        _cleanup_free_ char *name = NULL;
        int r = parse_network(*v, e, &name, err);
        if (r < 0)
            return r;
        if (v == given)
            json_set_str(host, "NetworkMode", name);
        if (json_object_get(endpoints, name))
            return err_set(err, ERR_INVALID, "network \"%s\" is specified multiple times", name);
        if (strv_len((char **)given) > 1 && !user_defined(name) && str_starts(name, "container:"))
            return err_set(err, ERR_INVALID,
                           "conflicting options: cannot attach both user-defined and "
                           "non-user-defined network-modes");
        if (v == given)
            first_network(a, e, user_defined(name));
        if (user_defined(name) || json_object_size(e) > 0)
            json_set_take(endpoints, name, TAKE_PTR(e));
    }
    if (!given) {
        _cleanup_json_ json_t *e = json_object();
        first_network(a, e, false);
        if (json_object_size(e) > 0)
            json_set_take(endpoints, "default", TAKE_PTR(e));
    }
    /* The default bridge has its links in the host configuration. */
    if (args_list(a, "link") && !user_defined(json_str_or(host, "NetworkMode", "")))
        json_set_take(host, "Links", json_strv(args_list(a, "link"), true));
    json_t *networking = json_object();
    json_set_take(networking, "EndpointsConfig", TAKE_PTR(endpoints));
    *ret_networking = networking;
    return 0;
}
