/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/ports.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

struct port {
    int64_t private, public;
    const char *type, *ip; /* borrowed from the JSON */
};

static int by_private(const void *a, const void *b)
{
    const struct port *x = a, *y = b;
    if (x->private != y->private)
        return x->private < y->private ? -1 : 1;
    int c = strcmp(x->ip, y->ip);
    if (c)
        return c;
    if (x->public != y->public)
        return x->public < y->public ? -1 : 1;
    return strcmp(x->type, y->type);
}

struct group {
    struct port first;
    int64_t last; /* private */
};

static void add_group(struct buf *b, const struct group *g)
{
    const struct port *p = &g->first;
    bool range = g->last != p->private;
    if (b->len)
        (void)buf_adds(b, ", ");
    if (*p->ip) {
        bool v6 = strchr(p->ip, ':') != NULL;
        (void)buf_addf(b, "%s%s%s:%" PRId64, v6 ? "[" : "", p->ip, v6 ? "]" : "", p->public);
        if (range)
            (void)buf_addf(b, "-%" PRId64, p->public + (g->last - p->private));
        (void)buf_adds(b, "->");
    }
    (void)buf_addf(b, "%" PRId64, p->private);
    if (range)
        (void)buf_addf(b, "-%" PRId64, g->last);
    (void)buf_addf(b, "/%s", p->type);
}

/* Does p continue the group? */
static bool extends(const struct group *g, const struct port *p)
{
    return str_eq(g->first.ip, p->ip) && str_eq(g->first.type, p->type) &&
           p->private == g->last + 1 &&
           (!*p->ip || p->public == g->first.public + (p->private - g->first.private));
}

char *ports_text(const json_t *ports)
{
    size_t n = json_array_size(ports), i, n_groups = 0;
    _cleanup_free_ struct port *list = XNEW_ARRAY(struct port, n + 1);
    _cleanup_free_ struct group *groups = XNEW_ARRAY(struct group, n + 1);
    json_t *m;
    json_array_foreach(ports, i, m)
        list[i] = (struct port){.private = json_i64_or(m, "PrivatePort", 0),
                                .public = json_i64_or(m, "PublicPort", 0),
                                .type = json_str_or(m, "Type", "tcp"),
                                .ip = json_str_or(m, "IP", "")};
    qsort(list, n, sizeof(*list), by_private);
    struct buf b = BUF_INIT(1 * MIB), mapped = BUF_INIT(1 * MIB);
    for (i = 0; i < n; i++) {
        const struct port *p = &list[i];
        /* What is published under another number stands alone, at the end. */
        if (*p->ip && p->public != p->private) {
            struct group alone = {.first = *p, .last = p->private};
            add_group(&mapped, &alone);
            continue;
        }
        size_t g = 0;
        while (g < n_groups && !extends(&groups[g], p))
            g++;
        if (g == n_groups)
            groups[n_groups++] = (struct group){.first = *p, .last = p->private};
        groups[g].last = p->private;
    }
    for (i = 0; i < n_groups; i++)
        add_group(&b, &groups[i]);
    if (mapped.len)
        (void)buf_addf(&b, "%s%s", b.len ? ", " : "", buf_str(&mapped));
    buf_done(&mapped);
    return buf_take(&b);
}
