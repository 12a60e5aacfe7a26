/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/timeutil.h"
#include "container/mounts.h"
#include "engine/filters.h"
#include "engine/internal.h"
#include "engine/views.h"

static const char *const accepted[] = {
    "ancestor", "before", "exited",  "expose",  "health", "id",     "isolation", "is-task",
    "label",    "name",   "network", "publish", "since",  "status", "volume",    NULL};
static const char *const statuses[] = {"created",  "running", "paused", "restarting",
                                       "removing", "exited",  "dead",   NULL};

/* What the filters need besides the views. */
struct list {
    struct engine *e;
    const json_t *filters;
    bool all;
    int64_t before_nsec, since_nsec; /* creation times; 0: unset */
    char **ancestors;                /* image IDs; owned */
};

/* "80", "80-90", "80/udp". */
static int parse_ports(const char *text, uint32_t *ret_first, uint32_t *ret_last,
                       const char **ret_proto)
{
    const char *slash = strchr(text, '/');
    _cleanup_free_ char *range = slash ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);
    char *dash = strchr(range, '-');
    uint32_t first = 0, last = 0;

    if (dash)
        *dash++ = '\0';
    if (parse_u32(range, &first) < 0 || (dash && parse_u32(dash, &last) < 0))
        return -EINVAL;
    *ret_first = first;
    *ret_last = dash ? last : first;
    *ret_proto = slash ? slash + 1 : "tcp";
    return 0;
}

static int check_ports(const json_t *filters, const char *name, struct err *err)
{
    uint32_t first = 0, last = 0;
    const char *want, *proto = NULL;
    size_t cursor = 0;

    while ((want = filters_next(filters, name, &cursor)))
        if (parse_ports(want, &first, &last, &proto) < 0)
            return err_set(err, ERR_INVALID,
                           "error while looking up for %s %s: strconv.ParseUint: parsing \"%s\": "
                           "invalid syntax",
                           name, want, want);
    return 0;
}

static int check_values(const json_t *filters, struct err *err)
{
    const char *want;
    size_t cursor = 0;
    int r;

    while ((want = filters_next(filters, "status", &cursor))) {
        bool known = false;

        for (size_t i = 0; statuses[i] && !known; i++)
            known = str_eq(statuses[i], want);
        if (!known)
            return err_set(err, ERR_INVALID, "invalid filter 'status=%s'", want);
    }
    cursor = 0;
    while ((want = filters_next(filters, "health", &cursor)))
        if (!str_eq(want, "none") && !str_eq(want, "starting") && !str_eq(want, "healthy") &&
            !str_eq(want, "unhealthy"))
            return err_set(err, ERR_INVALID, "unrecognized filter value for health: %s", want);
    cursor = 0;
    while ((want = filters_next(filters, "exited", &cursor))) {
        int code = 0;

        if (parse_int(want, &code) < 0)
            return err_set(err, ERR_INVALID,
                           "invalid filter 'exited=%s': strconv.Atoi: parsing \"%s\": invalid "
                           "syntax",
                           want, want);
    }
    if ((r = check_ports(filters, "publish", err)) < 0)
        return r;
    return check_ports(filters, "expose", err);
}

static int created_of(struct list *l, const char *filter, int64_t *ret, struct err *err)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = NULL;
    size_t cursor = 0;
    const char *ref = filters_next(l->filters, filter, &cursor);
    int r;

    if (!ref)
        return 0;
    r = engine_lookup_view(l->e, ref, &v, err);
    if (r == 0)
        *ret = v->conf->created_nsec;
    return r;
}

static int list_init(struct list *l, struct err *err)
{
    size_t cursor = 0;
    const char *name;
    bool set = false, task = false;
    int r;

    if ((r = filters_check(l->filters, accepted, err)) < 0 ||
        (r = check_values(l->filters, err)) < 0 ||
        (r = filters_bool(l->filters, "is-task", &set, &task, err)) < 0 ||
        (r = created_of(l, "before", &l->before_nsec, err)) < 0 ||
        (r = created_of(l, "since", &l->since_nsec, err)) < 0)
        return r;
    while ((name = filters_next(l->filters, "ancestor", &cursor))) {
        _cleanup_(image_unrefp)
        struct image *im = NULL;

        if (image_get(l->e->images, name, &im, NULL) == 0)
            strv_push(&l->ancestors, im->id.str);
    }
    return 0;
}

static bool match_exited(const struct list *l, const struct container_state *s)
{
    char code[16];

    if (!filters_has(l->filters, "exited"))
        return true;
    (void)snprintf(code, sizeof(code), "%d", s->exit_code);
    return !s->running && s->started_nsec != 0 && filters_exact(l->filters, "exited", code);
}

static bool match_name(const struct list *l, const char *name)
{
    _cleanup_free_ char *slashed = xasprintf("/%s", name);

    return filters_match(l->filters, "name", slashed) || filters_match(l->filters, "name", name);
}

static bool match_volume(const struct list *l, const struct container_view *v)
{
    _cleanup_json_ json_t *mounts = NULL;
    json_t *m;
    size_t i;

    if (!filters_has(l->filters, "volume"))
        return true;
    mounts = container_conf_mounts(v->conf);
    json_array_foreach(mounts, i, m)
        if (filters_exact(l->filters, "volume", json_str_or(m, "Name", "")) ||
            filters_exact(l->filters, "volume", json_str_or(m, "Source", "")) ||
            filters_exact(l->filters, "volume", json_str_or(m, "Destination", "")))
            return true;
    return false;
}

static bool match_expose(const struct list *l, const struct container_view *v)
{
    _cleanup_json_ json_t *config = NULL;
    const char *want, *port;
    size_t cursor = 0;
    json_t *ports, *value;

    if (filters_has(l->filters, "publish"))
        return false;
    if (!filters_has(l->filters, "expose"))
        return true;
    config = container_conf_config(v->conf);
    ports = json_object_get(config, "ExposedPorts");
    while ((want = filters_next(l->filters, "expose", &cursor))) {
        uint32_t first = 0, last = 0, low = 0, high = 0;
        const char *proto = NULL, *own = NULL;

        if (parse_ports(want, &first, &last, &proto) < 0)
            continue;
        json_object_foreach(ports, port, value)
            if (parse_ports(port, &low, &high, &own) == 0 && str_eq(own, proto) && low <= last &&
                high >= first)
                return true;
    }
    return false;
}

static bool matches(const struct list *l, const struct container_view *v)
{
    const struct container_state *s = &v->state;

    /* status and exited say themselves which states are wanted */
    if (!l->all && !s->running && !filters_has(l->filters, "status") &&
        !filters_has(l->filters, "exited"))
        return false;
    if (!filters_exact(l->filters, "status", container_status(s)) || !match_exited(l, s) ||
        !filters_prefix(l->filters, "id", v->conf->id) || !match_name(l, v->name) ||
        !filters_labels(l->filters, "label", v->conf->labels) ||
        !filters_exact(l->filters, "health", container_health_name(s->health)) ||
        !filters_exact(l->filters, "is-task", "false"))
        return false;
    if (filters_has(l->filters, "network") &&
        !filters_exact(l->filters, "network", v->endpoint.network) &&
        !(v->endpoint.network_id[0] &&
          filters_prefix(l->filters, "network", v->endpoint.network_id)))
        return false;
    if (filters_has(l->filters, "ancestor") && !strv_contains(l->ancestors, v->conf->image_id))
        return false;
    if ((l->before_nsec && v->conf->created_nsec >= l->before_nsec) ||
        (l->since_nsec && v->conf->created_nsec <= l->since_nsec))
        return false;
    return match_volume(l, v) && match_expose(l, v);
}

static int newest_first(const void *a, const void *b)
{
    const struct container_view *x = *(struct container_view *const *)a;
    const struct container_view *y = *(struct container_view *const *)b;

    return x->conf->created_nsec < y->conf->created_nsec   ? 1
           : x->conf->created_nsec > y->conf->created_nsec ? -1
                                                           : strcmp(x->conf->id, y->conf->id);
}

static json_t *port_list(const struct container_view *v)
{
    _cleanup_json_ json_t *config = NULL;
    json_t *list = json_array(), *value;
    const char *port;

    if (!strstr(v->conf->config_text, "\"ExposedPorts\"") || !v->state.running)
        return list;
    config = container_conf_config(v->conf);
    json_object_foreach(json_object_get(config, "ExposedPorts"), port, value) {
        const char *slash = strchr(port, '/');
        _cleanup_free_ char *number =
            slash ? xstrndup(port, (size_t)(slash - port)) : xstrdup(port);
        uint32_t n = 0;

        if (parse_u32(number, &n) == 0)
            (void)json_array_append_new(list, json_pack("{s:I,s:s}", "PrivatePort", (json_int_t)n,
                                                        "Type", slash ? slash + 1 : "tcp"));
    }
    return list;
}

static json_t *summary(struct engine *e, const struct container_view *v, int64_t now, bool size)
{
    json_t *o = json_object(), *names = json_array(), *networks = json_object();
    _cleanup_json_ json_t *mounts = NULL;
    _cleanup_free_ char *status = container_status_text(&v->state, now);
    _cleanup_free_ char *name = xasprintf("/%s", v->name);
    const char *image = v->conf->image;

    (void)json_array_append_new(names, json_str_new(name));
    json_set_str(o, "Id", v->conf->id);
    json_set_take(o, "Names", names);
    json_set_str(o, "Image", image);
    json_set_str(o, "ImageID", v->conf->image_id);
    json_set_str(o, "Command", v->conf->command);
    json_set_i64(o, "Created", v->conf->created_nsec / NSEC_PER_SEC);
    json_set_take(o, "Ports", port_list(v));
    if (size)
        view_sizes(e, v, o);
    (void)json_object_set(o, "Labels", v->conf->labels);
    json_set_str(o, "State", container_status(&v->state));
    json_set_str(o, "Status", status);
    json_set_take(o, "HostConfig", json_pack("{s:s}", "NetworkMode", v->conf->network_mode));
    view_networks(v, networks);
    json_set_take(o, "NetworkSettings", json_pack("{s:o}", "Networks", networks));
    mounts = str_eq(v->conf->mounts_text, "[]") ? json_array() : container_conf_mounts(v->conf);
    json_set_take(o, "Mounts", container_mounts_public(mounts));
    return o;
}

int engine_container_list(struct engine *e, const json_t *filters, bool all, int limit, bool size,
                          json_t **ret, struct err *err)
{
    struct list l = {.e = e, .filters = filters, .all = all || limit > 0};
    struct container_view **views;
    int64_t now = now_nsec();
    json_t *out;
    size_t n = 0;
    int r = list_init(&l, err);

    if (r < 0) {
        strv_free(l.ancestors);
        return r;
    }
    views = engine_views(e, &n);
    qsort(views, n, sizeof(*views), newest_first);
    out = json_array();
    for (size_t i = 0; i < n && (limit <= 0 || json_array_size(out) < (size_t)limit); i++)
        if (matches(&l, views[i]))
            (void)json_array_append_new(out, summary(e, views[i], now, size));
    engine_views_free(views, n);
    strv_free(l.ancestors);
    *ret = out;
    return 0;
}
