/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: files in its directory that are
 * bound over those of its root. */
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "engine/internal.h"

static const char base_hosts[] = "127.0.0.1\tlocalhost\n"
                                 "::1\tlocalhost ip6-localhost ip6-loopback\n"
                                 "fe00::\tip6-localnet\n"
                                 "ff00::\tip6-mcastprefix\n"
                                 "ff02::1\tip6-allnodes\n"
                                 "ff02::2\tip6-allrouters\n";

static void add_extra_hosts(struct buf *b, const json_t *host,
                            const struct container_endpoint *endpoint)
{
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(host, "ExtraHosts"), i, v) {
        const char *s = json_string_value(v), *colon = strpbrk(s, ":=");
        const char *address = colon ? colon + 1 : "";

        if (!colon)
            continue;
        if (str_eq(address, "host-gateway"))
            address = endpoint->gateway[0] ? endpoint->gateway : "127.0.0.1";
        (void)buf_addf(b, "%s\t%.*s\n", address, (int)(colon - s), s);
    }
}

static char *make_hosts(const json_t *config, const json_t *host,
                        const struct container_endpoint *endpoint)
{
    const char *hostname = json_str_or(config, "Hostname", "");
    const char *domain = json_str_or(config, "Domainname", "");
    _cleanup_buf_ struct buf b = BUF_INIT(1 * MIB);
    _cleanup_free_ char *own = NULL;

    if (str_eq(json_str_or(host, "NetworkMode", ""), "host") &&
        read_file_at(AT_FDCWD, "/etc/hosts", 256 * KIB, &own, NULL) == 0)
        (void)buf_adds(&b, own);
    else
        (void)buf_adds(&b, base_hosts);
    add_extra_hosts(&b, host, endpoint);
    if (endpoint->ip[0] && !str_empty(hostname)) {
        if (str_empty(domain))
            (void)buf_addf(&b, "%s\t%s\n", endpoint->ip, hostname);
        else
            (void)buf_addf(&b, "%s\t%s.%s %s\n", endpoint->ip, hostname, domain, hostname);
    }
    return buf_take(&b);
}

/* The request's list, else the daemon's; new vector. */
static char **strings(const json_t *host, const char *key, char *const *fallback)
{
    char **list = NULL;

    if (json_array_size(json_object_get(host, key)) > 0)
        (void)json_get_strv(host, NULL, key, &list, NULL);
    else
        list = strv_copy(fallback);
    return list;
}

static char *make_resolv(struct engine *e, const json_t *host)
{
    _cleanup_strv_ char **dns = strings(host, "Dns", e->dns);
    _cleanup_strv_ char **search = strings(host, "DnsSearch", e->dns_search);
    _cleanup_strv_ char **options = strings(host, "DnsOptions", e->dns_options);

    return net_resolv_conf(str_eq(json_str_or(host, "NetworkMode", ""), "host"), dns, search,
                           options);
}

static int write_one(int dirfd, const char *name, const char *text, struct err *err)
{
    int r = write_file_at(dirfd, name, text, strlen(text), 0644);

    return r < 0 ? err_errno(err, r, "write the container's %s", name) : 0;
}

#define STARTED_FILE "started"

void container_note_started(struct engine *e, const char *id, int64_t started_nsec)
{
    _cleanup_free_ char *dir = container_data_dir(e, id);
    _cleanup_free_ char *path = xasprintf("%s/" STARTED_FILE, dir);
    _cleanup_free_ char *text = xasprintf("%lld", (long long)started_nsec);

    (void)write_file_at(AT_FDCWD, path, text, strlen(text), 0600);
}

int64_t container_noted_start(struct engine *e, const char *id)
{
    _cleanup_free_ char *dir = container_data_dir(e, id);
    _cleanup_free_ char *path = xasprintf("%s/" STARTED_FILE, dir);
    _cleanup_free_ char *text = NULL;
    int64_t started = 0;

    if (read_file_at(AT_FDCWD, path, 64, &text, NULL) < 0 || parse_i64(text, &started) < 0)
        return 0;
    return started;
}

int container_write_files(struct engine *e, const struct container_conf *conf, const json_t *config,
                          const json_t *host, const struct container_endpoint *endpoint,
                          struct err *err)
{
    _cleanup_free_ char *dir = container_data_dir(e, conf->id);
    _cleanup_free_ char *hosts = make_hosts(config, host, endpoint);
    _cleanup_free_ char *resolv = make_resolv(e, host);
    _cleanup_free_ char *hostname = xasprintf("%s\n", json_str_or(config, "Hostname", ""));
    _cleanup_close_ int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (dirfd < 0)
        return err_errno(err, errno, "open %s", dir);
    if ((r = write_one(dirfd, "hosts", hosts, err)) < 0 ||
        (r = write_one(dirfd, "hostname", hostname, err)) < 0)
        return r;
    return write_one(dirfd, "resolv.conf", resolv, err);
}
