/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/alloc.h"
#include "container/mounts.h"
#include "engine/internal.h"
#include "engine/views.h"

void view_sizes(struct engine *e, const struct container_view *v, json_t *o)
{
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    int64_t rw = 0, image = 0;

    if (v->conf->image_id[0] && image_get(e->images, v->conf->image_id, &im, NULL) == 0)
        image = im->size_bytes;
    if (layer_rw_size(e->layers, v->conf->id, &rw, NULL) < 0)
        rw = 0;
    json_set_i64(o, "SizeRw", rw);
    json_set_i64(o, "SizeRootFs", image + rw);
}

void view_networks(const struct container_view *v, json_t *networks)
{
    const struct container_endpoint *ep = &v->endpoint;
    json_t *o;

    if (!ep->network[0])
        return;
    o = json_pack("{s:n,s:n,s:n}", "IPAMConfig", "Links", "Aliases");
    json_set_str(o, "MacAddress", ep->mac);
    json_set_take(o, "DriverOpts", json_null());
    json_set_i64(o, "GwPriority", 0);
    json_set_str(o, "NetworkID", ep->network_id);
    json_set_str(o, "EndpointID", ep->endpoint_id);
    json_set_str(o, "Gateway", ep->gateway);
    json_set_str(o, "IPAddress", ep->ip);
    json_set_i64(o, "IPPrefixLen", ep->prefix_len);
    json_set_str(o, "IPv6Gateway", "");
    json_set_str(o, "GlobalIPv6Address", "");
    json_set_i64(o, "GlobalIPv6PrefixLen", 0);
    json_set_take(o, "DNSNames", json_null());
    json_set_take(networks, ep->network, o);
}

static json_t *make_state(const struct container_state *s)
{
    json_t *o = json_object();

    json_set_str(o, "Status", container_status(s));
    json_set_bool(o, "Running", s->running);
    json_set_bool(o, "Paused", s->paused);
    json_set_bool(o, "Restarting", s->restarting);
    json_set_bool(o, "OOMKilled", s->oom_killed);
    json_set_bool(o, "Dead", s->dead);
    json_set_i64(o, "Pid", s->pid);
    json_set_i64(o, "ExitCode", s->exit_code);
    json_set_str(o, "Error", s->error);
    json_set_time(o, "StartedAt", s->started_nsec);
    json_set_time(o, "FinishedAt", s->finished_nsec);
    return o;
}

/* The log is not part of views: they are made often, and this is asked for seldom. */
static void add_health(struct engine *e, const struct container_view *v, json_t *state)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    json_t *o, *log = NULL;

    if (v->state.health == HEALTH_NONE)
        return;
    if (engine_lookup(e, v->conf->id, &c, NULL) == 0) {
        LOCK_SCOPE(&c->lock);
        log = c->health_log ? json_copy(c->health_log) : NULL;
    }
    o = json_object();
    json_set_str(o, "Status", container_health_name(v->state.health));
    json_set_i64(o, "FailingStreak", v->state.health_streak);
    json_set_take(o, "Log", log ? log : json_array());
    json_set_take(state, "Health", o);
}

static json_t *make_ports(const struct container_view *v, const json_t *config)
{
    json_t *ports = json_object(), *value;
    const char *port;

    if (v->state.running)
        json_object_foreach(json_object_get(config, "ExposedPorts"), port, value)
            json_set_take(ports, port, json_null());
    return ports;
}

static json_t *make_network_settings(const struct container_view *v, const json_t *config)
{
    const struct container_endpoint *ep = &v->endpoint;
    bool bridge = str_eq(ep->network, "bridge");
    json_t *o = json_object(), *networks = json_object();
    _cleanup_free_ char *key = NULL;

    if (v->state.pid > 0 && !str_eq(ep->network, "host"))
        key = xasprintf("/proc/%d/ns/net", v->state.pid);
    json_set_str(o, "Bridge", "");
    json_set_str(o, "SandboxID", ep->sandbox_id);
    json_set_str(o, "SandboxKey", key ? key : "");
    json_set_take(o, "Ports", make_ports(v, config));
    json_set_bool(o, "HairpinMode", false);
    json_set_str(o, "LinkLocalIPv6Address", "");
    json_set_i64(o, "LinkLocalIPv6PrefixLen", 0);
    json_set_take(o, "SecondaryIPAddresses", json_null());
    json_set_take(o, "SecondaryIPv6Addresses", json_null());
    json_set_str(o, "EndpointID", bridge ? ep->endpoint_id : "");
    json_set_str(o, "Gateway", bridge ? ep->gateway : "");
    json_set_str(o, "GlobalIPv6Address", "");
    json_set_i64(o, "GlobalIPv6PrefixLen", 0);
    json_set_str(o, "IPAddress", bridge ? ep->ip : "");
    json_set_i64(o, "IPPrefixLen", bridge ? ep->prefix_len : 0);
    json_set_str(o, "IPv6Gateway", "");
    json_set_str(o, "MacAddress", bridge ? ep->mac : "");
    view_networks(v, networks);
    json_set_take(o, "Networks", networks);
    return o;
}

static void set_path_and_args(json_t *o, const json_t *config)
{
    json_t *all = json_array();

    (void)json_array_extend(all, json_object_get(config, "Entrypoint"));
    (void)json_array_extend(all, json_object_get(config, "Cmd"));
    json_set_str(o, "Path", json_string_value(json_array_get(all, 0)));
    (void)json_array_remove(all, 0);
    json_set_take(o, "Args", all);
}

static void set_file(struct engine *e, const struct container_view *v, json_t *o, const char *key,
                     const char *name)
{
    _cleanup_free_ char *dir = container_data_dir(e, v->conf->id);
    _cleanup_free_ char *path = xasprintf("%s/%s", dir, name);

    json_set_str(o, key, v->state.started_nsec != 0 || v->state.running ? path : "");
}

static void set_paths(struct engine *e, const struct container_view *v, const json_t *host,
                      json_t *o)
{
    _cleanup_free_ char *log = container_log_path(e, v->conf->id);
    bool json_file =
        str_eq(json_str_or(json_object_get(host, "LogConfig"), "Type", "json-file"), "json-file");

    set_file(e, v, o, "ResolvConfPath", "resolv.conf");
    set_file(e, v, o, "HostnamePath", "hostname");
    set_file(e, v, o, "HostsPath", "hosts");
    json_set_str(o, "LogPath",
                 json_file && (v->state.started_nsec != 0 || v->state.running) ? log : "");
}

static bool asks_unconfined(const json_t *host)
{
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(host, "SecurityOpt"), i, v)
        if (str_eq(json_string_value(v), "apparmor=unconfined"))
            return true;
    return false;
}

int engine_container_inspect(struct engine *e, const char *ref, bool size, json_t **ret,
                             struct err *err)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = NULL;
    _cleanup_json_ json_t *config = NULL, *host = NULL, *mounts = NULL;
    _cleanup_free_ char *name = NULL;
    json_t *o, *driver;
    int r = engine_lookup_view(e, ref, &v, err);

    if (r < 0)
        return r;
    config = container_conf_config(v->conf);
    host = container_conf_host(v->conf);
    mounts = container_conf_mounts(v->conf);
    name = xasprintf("/%s", v->name);
    o = json_object();
    json_set_str(o, "Id", v->conf->id);
    json_set_time(o, "Created", v->conf->created_nsec);
    set_path_and_args(o, config);
    json_set_take(o, "State", make_state(&v->state));
    add_health(e, v, json_object_get(o, "State"));
    json_set_str(o, "Image", v->conf->image_id);
    set_paths(e, v, host, o);
    json_set_str(o, "Name", name);
    json_set_i64(o, "RestartCount", v->state.restart_count);
    json_set_str(o, "Driver", layer_store_driver(e->layers));
    json_set_str(o, "Platform", "linux");
    json_set_str(o, "MountLabel", "");
    json_set_str(o, "ProcessLabel", "");
    json_set_str(o, "AppArmorProfile", asks_unconfined(host) ? "unconfined" : "");
    json_set_take(o, "ExecIDs", json_strv(v->exec_ids, true));
    (void)json_object_set(o, "HostConfig", host);
    driver = layer_rw_metadata(e->layers, v->conf->id);
    json_set_take(o, "GraphDriver",
                  json_pack("{s:o,s:s}", "Data", driver ? driver : json_null(), "Name",
                            layer_store_driver(e->layers)));
    if (size)
        view_sizes(e, v, o);
    json_set_take(o, "Mounts", container_mounts_public(mounts));
    (void)json_object_set(o, "Config", config);
    json_set_take(o, "NetworkSettings", make_network_settings(v, config));
    *ret = o;
    return 0;
}
