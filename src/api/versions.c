/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/versions.h"

#include <string.h>

#include "base/alloc.h"
#include "base/macros.h"
#include "base/str.h"

#define SHORT_ID_LEN 12

enum change_op {
    DROP,    /* the member did not exist yet */
    DEFAULT, /* the member existed; set unless the engine gave one */
};

struct change {
    enum api_resource resource;
    unsigned below; /* for clients of API versions below this one */
    enum change_op op;
    const char *path;  /* members, separated by '.'; the parents must be there */
    const char *value; /* JSON */
};

/* From the API's version history (docs/api/version-history in Docker's documentation). */
static const struct change changes[] = {
    {API_CONTAINER, 48, DROP, "ImageManifestDescriptor", NULL},
    {API_CONTAINER, 52, DROP, "Storage", NULL},
    {API_CONTAINER, 52, DEFAULT, "NetworkSettings.Bridge", "\"\""},
    {API_CONTAINER, 52, DEFAULT, "NetworkSettings.HairpinMode", "false"},
    {API_CONTAINER, 52, DEFAULT, "NetworkSettings.LinkLocalIPv6Address", "\"\""},
    {API_CONTAINER, 52, DEFAULT, "NetworkSettings.LinkLocalIPv6PrefixLen", "0"},
    {API_CONTAINER, 52, DEFAULT, "NetworkSettings.SecondaryIPAddresses", "null"},
    {API_CONTAINER, 52, DEFAULT, "NetworkSettings.SecondaryIPv6Addresses", "null"},

    {API_CONTAINER_SUMMARY, 46, DROP, "HostConfig.Annotations", NULL},
    {API_CONTAINER_SUMMARY, 48, DROP, "ImageManifestDescriptor", NULL},
    {API_CONTAINER_SUMMARY, 52, DROP, "Health", NULL},

    {API_IMAGE, 44, DEFAULT, "Created", "\"0001-01-01T00:00:00Z\""},
    {API_IMAGE, 45, DEFAULT, "ContainerConfig",
     "{\"Hostname\":\"\",\"Domainname\":\"\",\"User\":\"\",\"AttachStdin\":false,"
     "\"AttachStdout\":false,\"AttachStderr\":false,\"Tty\":false,\"OpenStdin\":false,"
     "\"StdinOnce\":false,\"Env\":null,\"Cmd\":null,\"Image\":\"\",\"Volumes\":null,"
     "\"WorkingDir\":\"\",\"Entrypoint\":null,\"OnBuild\":null,\"Labels\":null}"},
    {API_IMAGE, 48, DROP, "Descriptor", NULL},
    {API_IMAGE, 48, DROP, "Manifests", NULL},
    {API_IMAGE, 50, DEFAULT, "Config.Hostname", "\"\""},
    {API_IMAGE, 50, DEFAULT, "Config.Domainname", "\"\""},
    {API_IMAGE, 50, DEFAULT, "Config.User", "\"\""},
    {API_IMAGE, 50, DEFAULT, "Config.AttachStdin", "false"},
    {API_IMAGE, 50, DEFAULT, "Config.AttachStdout", "false"},
    {API_IMAGE, 50, DEFAULT, "Config.AttachStderr", "false"},
    {API_IMAGE, 50, DEFAULT, "Config.Tty", "false"},
    {API_IMAGE, 50, DEFAULT, "Config.OpenStdin", "false"},
    {API_IMAGE, 50, DEFAULT, "Config.StdinOnce", "false"},
    {API_IMAGE, 50, DEFAULT, "Config.Env", "null"},
    {API_IMAGE, 50, DEFAULT, "Config.Cmd", "null"},
    {API_IMAGE, 50, DEFAULT, "Config.Image", "\"\""},
    {API_IMAGE, 50, DEFAULT, "Config.Volumes", "null"},
    {API_IMAGE, 50, DEFAULT, "Config.WorkingDir", "\"\""},
    {API_IMAGE, 50, DEFAULT, "Config.Entrypoint", "null"},
    {API_IMAGE, 50, DEFAULT, "Config.OnBuild", "null"},
    {API_IMAGE, 50, DEFAULT, "Config.Labels", "null"},
    {API_IMAGE, 52, DEFAULT, "Parent", "\"\""},
    {API_IMAGE, 52, DEFAULT, "DockerVersion", "\"\""},
    {API_IMAGE, 52, DEFAULT, "Comment", "\"\""},
    {API_IMAGE, 52, DEFAULT, "Author", "\"\""},
    {API_IMAGE, 53, DROP, "Identity", NULL},

    {API_IMAGE_SUMMARY, 48, DROP, "Descriptor", NULL},
    {API_IMAGE_SUMMARY, 48, DROP, "Manifests", NULL},

    {API_NETWORK, 52, DROP, "Status", NULL},

    {API_INFO, 25, DEFAULT, "ExecutionDriver", "\"<not supported>\""},
    {API_INFO, 42, DEFAULT, "KernelMemory", "true"},
    {API_INFO, 46, DROP, "Containerd", NULL},
    {API_INFO, 49, DROP, "FirewallBackend", NULL},
    {API_INFO, 50, DROP, "DiscoveredDevices", NULL},
};

static void apply(const struct change *c, json_t *o)
{
    const char *path = c->path;

    for (size_t n = strcspn(path, "."); path[n]; n = strcspn(path, ".")) {
        _cleanup_free_ char *key = xstrndup(path, n);
        o = json_object_get(o, key);
        path += n + 1;
    }
    if (!json_is_object(o))
        return;
    if (c->op == DROP)
        (void)json_object_del(o, path);
    else if (!json_object_get(o, path))
        json_set_take(o, path, json_parse(c->value, strlen(c->value), c->path, NULL));
}

/* Below 1.52 the members of the default bridge's endpoint stand in NetworkSettings itself too. */
static void add_default_network(json_t *settings)
{
    static const struct {
        const char *name;
        bool number;
    } members[] = {
        {"EndpointID", false},        {"Gateway", false},
        {"GlobalIPv6Address", false}, {"IPAddress", false},
        {"IPv6Gateway", false},       {"MacAddress", false},
        {"IPPrefixLen", true},        {"GlobalIPv6PrefixLen", true},
    };
    const json_t *bridge = json_object_get(json_object_get(settings, "Networks"), "bridge");

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (json_object_get(settings, members[i].name))
            continue;
        json_t *v = json_object_get(bridge, members[i].name);
        json_set_take(settings, members[i].name,
                      v                   ? json_incref(v)
                      : members[i].number ? json_integer(0)
                                          : json_str_new(""));
    }
}

/* Below 1.44 the container's address is in its Config. */
static void add_config_mac(json_t *o)
{
    json_t *config = json_object_get(o, "Config");
    json_t *networks = json_object_get(json_object_get(o, "NetworkSettings"), "Networks");
    const char *name;
    json_t *endpoint;

    if (!json_is_object(config) || json_object_get(config, "MacAddress"))
        return;
    json_object_foreach(networks, name, endpoint) {
        const char *mac = json_str_or(endpoint, "MacAddress", "");
        if (*mac) {
            json_set_str(config, "MacAddress", mac);
            return;
        }
    }
}

/* Below 1.45 the short ID is among the aliases on networks that users made. */
static void add_short_id_alias(json_t *o)
{
    const char *id = json_str_or(o, "Id", "");
    json_t *networks = json_object_get(json_object_get(o, "NetworkSettings"), "Networks");
    const char *name;
    json_t *endpoint;

    json_object_foreach(networks, name, endpoint) {
        if (str_eq(name, "bridge") || str_eq(name, "host") || str_eq(name, "none"))
            continue;
        json_t *aliases = json_object_get(endpoint, "Aliases");
        if (!json_is_array(aliases)) {
            aliases = json_array();
            json_set_take(endpoint, "Aliases", aliases);
        }
        (void)json_array_append_new(aliases,
                                    json_str_newn(id, MIN(strlen(id), (size_t)SHORT_ID_LEN)));
    }
}

static void change_container(json_t *o, unsigned version)
{
    json_t *settings = json_object_get(o, "NetworkSettings");

    if (version < 52 && json_is_object(settings))
        add_default_network(settings);
    if (version < 45)
        add_short_id_alias(o);
    if (version < 44)
        add_config_mac(o);
}

static void set_virtual_size(json_t *o, unsigned version)
{
    if (version < 44)
        json_set_i64(o, "VirtualSize", json_i64_or(o, "Size", 0));
}

static void change_image_summary(json_t *o, unsigned version)
{
    set_virtual_size(o, version);
    if (version < 51)
        json_set_i64(o, "Containers", -1);
    if (version >= 43 || json_array_size(json_object_get(o, "RepoTags")) > 0 ||
        json_array_size(json_object_get(o, "RepoDigests")) > 0)
        return;
    json_set_take(o, "RepoTags", json_pack("[s]", "<none>:<none>"));
    json_set_take(o, "RepoDigests", json_pack("[s]", "<none>@<none>"));
}

/* "name=seccomp,profile=builtin" was "seccomp". */
static void shorten_security_options(json_t *o)
{
    json_t *options = json_object_get(o, "SecurityOptions");
    json_t *option;
    size_t i;

    json_array_foreach(options, i, option) {
        const char *name = json_is_string(option) ? json_string_value(option) : "";
        name = str_after(name, "name=");
        if (name)
            (void)json_array_set_new(options, i, json_str_newn(name, strcspn(name, ",")));
    }
}

static void change_info(json_t *o, unsigned version)
{
    json_t *runtimes = json_object_get(o, "Runtimes");
    const char *name;
    json_t *runtime;

    if (version < 44) {
        json_object_foreach(runtimes, name, runtime) {
            (void)json_object_del(runtime, "status");
        }
    }
    if (version < 25)
        shorten_security_options(o);
}

void api_answer_for_version(enum api_resource resource, json_t *o, unsigned version)
{
    for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
        if (changes[i].resource == resource && version < changes[i].below)
            apply(&changes[i], o);
    switch (resource) {
    case API_CONTAINER:
        change_container(o, version);
        break;
    case API_IMAGE:
        set_virtual_size(o, version);
        break;
    case API_IMAGE_SUMMARY:
        change_image_summary(o, version);
        break;
    case API_INFO:
        change_info(o, version);
        break;
    case API_CONTAINER_SUMMARY:
    case API_NETWORK:
        break;
    }
}

void api_answers_for_version(enum api_resource resource, json_t *array, unsigned version)
{
    json_t *o;
    size_t i;

    json_array_foreach(array, i, o) {
        api_answer_for_version(resource, o, version);
    }
}

/* Members of mounts that did not exist, or meant something else. */
static void change_mounts(json_t *mounts, unsigned version)
{
    json_t *mount;
    size_t i;

    json_array_foreach(mounts, i, mount) {
        json_t *bind = json_object_get(mount, "BindOptions");
        if (version < 40)
            (void)json_object_del(bind, "NonRecursive");
        if (version < 42)
            (void)json_object_del(bind, "CreateMountpoint");
        if (version < 44) {
            (void)json_object_del(bind, "ReadOnlyNonRecursive");
            (void)json_object_del(bind, "ReadOnlyForceRecursive");
        }
        if (version < 44 && json_bool_or(mount, "ReadOnly", false) &&
            str_eq(json_str_or(mount, "Type", ""), "bind")) {
            if (!json_is_object(bind)) {
                bind = json_object();
                json_set_take(mount, "BindOptions", bind);
            }
            json_set_bool(bind, "ReadOnlyNonRecursive", true);
        }
        if (version < 45)
            (void)json_object_del(json_object_get(mount, "VolumeOptions"), "Subpath");
    }
}

void api_create_for_version(json_t *body, unsigned version)
{
    json_t *host = json_object_get(body, "HostConfig");

    if (version < 44)
        (void)json_object_del(json_object_get(body, "Healthcheck"), "StartInterval");
    if (!json_is_object(host))
        return;
    if (version < 25)
        (void)json_object_del(host, "AutoRemove"); /* such a client removes it itself */
    if (version < 40 && !*json_str_or(host, "IpcMode", ""))
        json_set_str(host, "IpcMode", "shareable");
    if (version < 42)
        (void)json_object_del(host, "ConsoleSize");
    if (version < 43)
        (void)json_object_del(host, "Annotations");
    if (version >= 42) {
        (void)json_object_del(host, "KernelMemory");
        (void)json_object_del(host, "KernelMemoryTCP");
    }
    change_mounts(json_object_get(host, "Mounts"), version);
}
