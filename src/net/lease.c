/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/hashmap.h"
#include "base/path.h"
#include "base/str.h"

#define LEASE_FILE_MAX 4096

struct lease_table {
    int dirfd;
    struct hashmap *endpoints; /* owned: container ID -> struct net_endpoint, owned */
};

struct field {
    const char *key;
    size_t offset, size;
};
#define FIELD(key, member)                                                                     \
    {                                                                                          \
        key, offsetof(struct net_endpoint, member), sizeof(((struct net_endpoint *)0)->member) \
    }
static const struct field fields[] = {
    FIELD("network", network),
    FIELD("networkId", network_id),
    FIELD("endpointId", endpoint_id),
    FIELD("sandboxId", sandbox_id),
    FIELD("ip", ip),
    FIELD("gateway", gateway),
    FIELD("mac", mac),
    FIELD("hostInterface", host_if),
};

static char *endpoint_print(const struct net_endpoint *ep)
{
    _cleanup_json_ json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        json_set_str(o, fields[i].key, (const char *)ep + fields[i].offset);
    json_set_i64(o, "prefixLength", ep->prefix_len);
    return json_print(o);
}

static int endpoint_parse(const char *text, struct net_endpoint *ret)
{
    _cleanup_json_ json_t *o = json_parse(text, strlen(text), "lease", NULL);
    struct net_endpoint ep = {};

    if (!json_is_object(o))
        return -EBADMSG;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        const char *s = json_str_or(o, fields[i].key, "");
        if (strlen(s) >= fields[i].size)
            return -EBADMSG;
        memcpy((char *)&ep + fields[i].offset, s, strlen(s) + 1);
    }
    ep.prefix_len = (int)json_i64_or(o, "prefixLength", 0);
    *ret = ep;
    return 0;
}

static void load_one(struct lease_table *t, const char *name)
{
    _cleanup_free_ char *text = NULL;
    struct net_endpoint ep;

    if (read_file_at(t->dirfd, name, LEASE_FILE_MAX, &text, NULL) < 0 ||
        endpoint_parse(text, &ep) < 0) {
        (void)unlinkat(t->dirfd, name, 0);
        return;
    }
    hashmap_put(t->endpoints, name, xmemdup(&ep, sizeof(ep)));
}

int lease_table_open(const char *dir, struct lease_table **ret, struct err *err)
{
    _cleanup_(lease_table_freep)
    struct lease_table *t = XNEW(struct lease_table);

    t->dirfd = -1;
    t->endpoints = hashmap_new(free);
    int r = mkdir_p(dir, 0700);
    if (r < 0)
        return err_errno(err, r, "make %s", dir);
    t->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->dirfd < 0)
        return err_errno(err, errno, "open %s", dir);
    int fd = fcntl(t->dirfd, F_DUPFD_CLOEXEC, 0);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        r = err_errno(err, errno, "read %s", dir);
        close_fd(fd);
        return r;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            load_one(t, e->d_name);
    (void)closedir(d);
    *ret = TAKE_PTR(t);
    return 0;
}

void lease_table_free(struct lease_table *t)
{
    if (!t)
        return;
    close_fd(t->dirfd);
    hashmap_free(t->endpoints);
    free(t);
}

const struct net_endpoint *lease_get(const struct lease_table *t, const char *container_id)
{
    return hashmap_get(t->endpoints, container_id);
}

int lease_put(struct lease_table *t, const char *container_id, const struct net_endpoint *ep,
              struct err *err)
{
    _cleanup_free_ char *text = endpoint_print(ep);
    int r = replace_file_at(t->dirfd, container_id, text, strlen(text), 0600, false);

    if (r < 0)
        return err_errno(err, r, "keep the network endpoint of %s", container_id);
    hashmap_put(t->endpoints, container_id, xmemdup(ep, sizeof(*ep)));
    return 0;
}

void lease_drop(struct lease_table *t, const char *container_id)
{
    (void)unlinkat(t->dirfd, container_id, 0);
    hashmap_remove(t->endpoints, container_id);
}

char **lease_ids(const struct lease_table *t)
{
    char **ids = NULL;
    const char *key;

    for (size_t cursor = 0; hashmap_next(t->endpoints, &cursor, &key, NULL);)
        strv_push(&ids, key);
    return ids;
}
