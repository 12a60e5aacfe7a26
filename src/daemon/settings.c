/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/settings.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

#define AT(member) offsetof(struct daemon_config, member)

const struct setting settings[] = {
    {"bip", 0, "bip", SETTING_STRING, AT(bip), "string", "IPv4 address of the default bridge"},
    {"bridge", 'b', "bridge", SETTING_STRING, AT(bridge), "string",
     "Attach containers to this network bridge; \"none\" disables it"},
    {"cgroup-parent", 0, "cgroup-parent", SETTING_STRING, AT(cgroup_parent), "string",
     "Parent cgroup of all containers"},
    {"config-file", 0, NULL, SETTING_STRING, AT(config_file), "string",
     "Daemon configuration file (default \"" DAEMON_CONFIG_FILE "\")"},
    {"data-root", 0, "data-root", SETTING_STRING, AT(data_root), "string",
     "Root directory of persistent state (default \"/var/lib/lighter\")"},
    {"debug", 'D', "debug", SETTING_BOOL, AT(debug), NULL, "Debug mode"},
    {"default-shm-size", 0, "default-shm-size", SETTING_STRING, AT(default_shm_size), "bytes",
     "Default shm size for containers (default 64MiB)"},
    {"default-ulimit", 0, "default-ulimits", SETTING_ULIMITS, AT(default_ulimits), "ulimit",
     "Default ulimits for containers"},
    {"dns", 0, "dns", SETTING_LIST, AT(dns), "list", "DNS server to use"},
    {"dns-opt", 0, "dns-opts", SETTING_LIST, AT(dns_opts), "list", "DNS options to use"},
    {"dns-search", 0, "dns-search", SETTING_LIST, AT(dns_search), "list",
     "DNS search domains to use"},
    {"exec-root", 0, "exec-root", SETTING_STRING, AT(exec_root), "string",
     "Root directory for execution state files (default \"/run/lighter\")"},
    {"experimental", 0, "experimental", SETTING_BOOL, AT(experimental), NULL,
     "Enable experimental features"},
    {"group", 'G', "group", SETTING_STRING, AT(group), "string",
     "Group for the unix socket (default \"lighter\" or \"docker\", if there is one)"},
    {"help", 0, NULL, SETTING_BOOL, AT(help), NULL, "Print usage"},
    {"host", 'H', "hosts", SETTING_LIST, AT(hosts), "list",
     "Daemon socket(s) to connect to (default \"" DAEMON_DEFAULT_HOST "\")"},
    {"init", 0, "init", SETTING_BOOL, AT(init), NULL,
     "Run an init in the container to forward signals and reap processes"},
    {"init-path", 0, "init-path", SETTING_STRING, AT(init_path), "string",
     "Path to the init binary"},
    {"ip-forward", 0, "ip-forward", SETTING_BOOL, AT(ip_forward), NULL,
     "Enable IP forwarding in the kernel (default true)"},
    {"ip-masq", 0, "ip-masq", SETTING_BOOL, AT(ip_masq), NULL,
     "Enable IP masquerading for the default bridge network (default true)"},
    {"iptables", 0, "iptables", SETTING_BOOL, AT(iptables), NULL,
     "Enable addition of firewall rules (default true)"},
    {"label", 0, "labels", SETTING_LIST, AT(labels), "list", "Set key=value labels to the daemon"},
    {"live-restore", 0, "live-restore", SETTING_BOOL, AT(live_restore), NULL,
     "Containers run on without the daemon: always true"},
    {"log-driver", 0, "log-driver", SETTING_STRING, AT(log_driver), "string",
     "Default driver for container logs (default \"json-file\")"},
    {"log-level", 'l', "log-level", SETTING_STRING, AT(log_level), "string",
     "Set the logging level (\"debug\"|\"info\"|\"warn\"|\"error\"|\"fatal\") (default \"info\")"},
    {"log-opt", 0, "log-opts", SETTING_OPTIONS, AT(log_opts), "map",
     "Default log driver options for containers"},
    {"mtu", 0, "mtu", SETTING_INT, AT(mtu), "int", "Set the containers network MTU (default 1500)"},
    {"no-new-privileges", 0, "no-new-privileges", SETTING_BOOL, AT(no_new_privileges), NULL,
     "Set no-new-privileges by default for new containers"},
    {"pidfile", 'p', "pidfile", SETTING_STRING, AT(pidfile), "string",
     "Path to use for daemon PID file (default \"/run/lighter.pid\")"},
    {"seccomp-profile", 0, "seccomp-profile", SETTING_STRING, AT(seccomp_profile), "string",
     "Path to seccomp profile; \"unconfined\" disables the default profile"},
    {"shutdown-timeout", 0, "shutdown-timeout", SETTING_INT, AT(shutdown_timeout), "int",
     "Seconds that open connections get at the end (default 15)"},
    {"storage-driver", 's', "storage-driver", SETTING_STRING, AT(storage_driver), "string",
     "Storage driver to use"},
    {"validate", 0, NULL, SETTING_BOOL, AT(validate), NULL,
     "Validate daemon configuration and exit"},
    {"version", 'v', NULL, SETTING_BOOL, AT(version), NULL, "Print version information and quit"},
};
const size_t n_settings = ARRAY_SIZE(settings);

static void *member(const struct setting *s, struct daemon_config *c)
{
    return (char *)c + s->offset;
}

const struct setting *setting_by_flag(const char *name, size_t len)
{
    for (size_t i = 0; i < n_settings; i++)
        if (strlen(settings[i].flag) == len && strncmp(settings[i].flag, name, len) == 0)
            return &settings[i];
    return NULL;
}

const struct setting *setting_by_letter(char letter)
{
    for (size_t i = 0; i < n_settings; i++)
        if (settings[i].letter && settings[i].letter == letter)
            return &settings[i];
    return NULL;
}

const struct setting *setting_by_key(const char *key)
{
    for (size_t i = 0; i < n_settings; i++)
        if (str_eq(settings[i].key, key))
            return &settings[i];
    return NULL;
}

static json_t *object_of(const struct setting *s, struct daemon_config *c)
{
    json_t **o = member(s, c);

    if (!*o)
        *o = json_object();
    return *o;
}

static int set_option(const struct setting *s, struct daemon_config *c, const char *text,
                      struct err *err)
{
    const char *eq = strchr(text, '=');

    if (!eq || eq == text)
        return err_set(err, ERR_INVALID, "invalid value \"%s\" for --%s: expected key=value", text,
                       s->flag);
    _cleanup_free_ char *key = xstrndup(text, (size_t)(eq - text));
    json_set_str(object_of(s, c), key, eq + 1);
    return 0;
}

static int set_ulimit(const struct setting *s, struct daemon_config *c, const char *text,
                      struct err *err)
{
    const char *eq = strchr(text, '=');
    int64_t soft;
    int64_t hard;

    if (!eq || eq == text)
        return err_set(err, ERR_INVALID, "invalid value \"%s\" for --%s: expected name=soft[:hard]",
                       text, s->flag);
    _cleanup_free_ char *name = xstrndup(text, (size_t)(eq - text));
    _cleanup_strv_ char **parts = str_split(eq + 1, ':');
    size_t n = strv_len(parts);
    if (n > 2 || parse_i64(parts[0], &soft) < 0 || parse_i64(parts[n - 1], &hard) < 0)
        return err_set(err, ERR_INVALID, "invalid value \"%s\" for --%s: expected name=soft[:hard]",
                       text, s->flag);
    json_t *limit = json_object();
    json_set_str(limit, "Name", name);
    json_set_i64(limit, "Soft", soft);
    json_set_i64(limit, "Hard", hard);
    json_set_take(object_of(s, c), name, limit);
    return 0;
}

int setting_set_text(const struct setting *s, struct daemon_config *c, const char *text,
                     struct err *err)
{
    switch (s->type) {
    case SETTING_STRING: {
        char **to = member(s, c);
        free(*to);
        *to = xstrdup(text);
        return 0;
    }
    case SETTING_BOOL:
        if (parse_bool(text, member(s, c)) < 0)
            return err_set(err, ERR_INVALID,
                           "invalid argument \"%s\" for \"--%s\" flag: expected true or false",
                           text, s->flag);
        return 0;
    case SETTING_INT:
        if (parse_i64(text, member(s, c)) < 0)
            return err_set(err, ERR_INVALID,
                           "invalid argument \"%s\" for \"--%s\" flag: expected an integer", text,
                           s->flag);
        return 0;
    case SETTING_LIST:
        strv_push(member(s, c), text);
        return 0;
    case SETTING_OPTIONS:
        return set_option(s, c, text, err);
    case SETTING_ULIMITS:
        return set_ulimit(s, c, text, err);
    }
    return -EINVAL;
}

static int wrong_type(const struct setting *s, const char *want, struct err *err)
{
    return err_set(err, ERR_INVALID, "the directive \"%s\" must be %s", s->key, want);
}

static bool all_strings(const json_t *container)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_array(container)) {
        json_array_foreach(container, i, value)
            if (!json_is_string(value))
                return false;
        return true;
    }
    json_object_foreach((json_t *)container, key, value)
        if (!json_is_string(value))
            return false;
    return true;
}

static bool all_ulimits(const json_t *o)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)o, key, value)
        if (!json_is_integer(json_object_get(value, "Soft")) ||
            !json_is_integer(json_object_get(value, "Hard")))
            return false;
    return true;
}

static void set_list(char ***to, const json_t *array)
{
    json_t *value;
    size_t i;

    json_array_foreach(array, i, value)
        strv_push(to, json_string_value(value));
}

int setting_set_json(const struct setting *s, struct daemon_config *c, const json_t *value,
                     struct err *err)
{
    switch (s->type) {
    case SETTING_STRING:
        if (!json_is_string(value))
            return wrong_type(s, "a string", err);
        return setting_set_text(s, c, json_string_value(value), err);
    case SETTING_BOOL:
        if (!json_is_boolean(value))
            return wrong_type(s, "true or false", err);
        *(bool *)member(s, c) = json_is_true(value);
        return 0;
    case SETTING_INT:
        if (!json_is_integer(value))
            return wrong_type(s, "an integer", err);
        *(int64_t *)member(s, c) = json_integer_value(value);
        return 0;
    case SETTING_LIST:
        if (!json_is_array(value) || !all_strings(value))
            return wrong_type(s, "an array of strings", err);
        set_list(member(s, c), value);
        return 0;
    case SETTING_OPTIONS:
        if (!json_is_object(value) || !all_strings(value))
            return wrong_type(s, "an object of strings", err);
        break;
    case SETTING_ULIMITS:
        if (!json_is_object(value) || !all_ulimits(value))
            return wrong_type(s, "an object of {\"Name\", \"Soft\", \"Hard\"}", err);
        break;
    }
    if (json_object_update(object_of(s, c), (json_t *)value) < 0)
        abort();
    return 0;
}

char *setting_print(const struct setting *s, const struct daemon_config *c)
{
    void *m = member(s, (struct daemon_config *)c);

    switch (s->type) {
    case SETTING_STRING:
        return xstrdup(*(char **)m ? *(char **)m : "");
    case SETTING_BOOL:
        return xstrdup(*(bool *)m ? "true" : "false");
    case SETTING_INT:
        return xasprintf("%lld", (long long)*(int64_t *)m);
    case SETTING_LIST: {
        _cleanup_free_ char *joined = strv_join(*(char ***)m, " ");
        return xasprintf("[%s]", joined);
    }
    case SETTING_OPTIONS:
    case SETTING_ULIMITS:
        break;
    }
    json_t **o = m;
    return *o ? json_print(*o) : xstrdup("{}");
}
