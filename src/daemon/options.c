/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"

#define DEFAULT_CONFIG "/etc/lighter/daemon.json"

enum kind { STR, BOOL, INT, LIST, MAP, ULIMITS };

struct option {
    const char *flag; /* without "--" */
    char short_flag;
    const char *key; /* in the file, NULL: a flag only */
    enum kind kind;
    size_t offset;
    const char *help;
};

#define AT(member) offsetof(struct daemon_options, member)

static const struct option options[] = {
    {"bip", 0, "bip", STR, AT(bip), "IPv4 address and prefix of the default bridge"},
    {"bridge", 'b', "bridge", STR, AT(bridge), "Name of the default bridge; \"none\": no bridge"},
    {"cgroup-parent", 0, "cgroup-parent", STR, AT(cgroup_parent), "Parent cgroup of containers"},
    {"config-file", 0, NULL, STR, AT(config_file),
     "Configuration file (default \"" DEFAULT_CONFIG "\")"},
    {"data-root", 0, "data-root", STR, AT(data_root),
     "Root directory of persistent state (default \"/var/lib/lighter\")"},
    {"debug", 'D', "debug", BOOL, AT(debug), "Enable debug mode"},
    {"default-shm-size", 0, "default-shm-size", STR, AT(default_shm_size),
     "Default shm size of containers (default 64MiB)"},
    {"default-ulimit", 0, "default-ulimits", ULIMITS, AT(ulimits), "Default ulimits of containers"},
    {"dns", 0, "dns", LIST, AT(dns), "DNS server to use"},
    {"dns-opt", 0, "dns-opts", LIST, AT(dns_options), "DNS options to use"},
    {"dns-search", 0, "dns-search", LIST, AT(dns_search), "DNS search domains to use"},
    {"exec-root", 0, "exec-root", STR, AT(exec_root),
     "Root directory of run-time state (default \"/run/lighter\")"},
    {"experimental", 0, "experimental", BOOL, AT(experimental), "Enable experimental features"},
    {"group", 'G', "group", STR, AT(group), "Group of the Unix socket (default \"lighter\")"},
    {"help", 'h', NULL, BOOL, AT(help), "Print usage"},
    {"host", 'H', "hosts", LIST, AT(hosts),
     "Socket to listen on (default \"unix:///run/lighter/lighter.sock\")"},
    {"init", 0, "init", BOOL, AT(init), "Run an init inside containers"},
    {"init-path", 0, "init-path", STR, AT(init_path), "Path of the init program"},
    {"ip-forward", 0, "ip-forward", BOOL, AT(ip_forward),
     "Enable net.ipv4.ip_forward (default true)"},
    {"ip-masq", 0, "ip-masq", BOOL, AT(ip_masq), "Enable IP masquerading (default true)"},
    {"iptables", 0, "iptables", BOOL, AT(iptables), "Make firewall rules (default true)"},
    {"label", 0, "labels", LIST, AT(labels), "Set key=value labels of the daemon"},
    {"live-restore", 0, "live-restore", BOOL, AT(live_restore),
     "Containers run on without the daemon: always so"},
    {"log-driver", 0, "log-driver", STR, AT(log_driver),
     "Default driver for container logs (default \"json-file\")"},
    {"log-level", 'l', "log-level", STR, AT(log_level),
     "Logging level: debug, info, warn, error (default \"info\")"},
    {"log-opt", 0, "log-opts", MAP, AT(log_opts), "Default log driver options of containers"},
    {"mtu", 0, "mtu", INT, AT(mtu), "MTU of containers' networks"},
    {"no-new-privileges", 0, "no-new-privileges", BOOL, AT(no_new_privileges),
     "Set no-new-privileges by default for new containers"},
    {"pidfile", 'p', "pidfile", STR, AT(pidfile),
     "File for the process id (default \"/run/lighter.pid\")"},
    {"seccomp-profile", 0, "seccomp-profile", STR, AT(seccomp_profile),
     "Path of a seccomp profile, or \"unconfined\" (default \"builtin\")"},
    {"shutdown-timeout", 0, "shutdown-timeout", INT, AT(shutdown_timeout),
     "Seconds that requests get to end at shutdown (default 15)"},
    {"storage-driver", 's', "storage-driver", STR, AT(storage_driver), "Storage driver to use"},
    {"validate", 0, NULL, BOOL, AT(validate), "Validate the configuration and exit"},
    {"version", 'v', NULL, BOOL, AT(version), "Print version information and quit"},
};

#define N_OPTIONS    ARRAY_SIZE(options)
#define INVALID(...) err_set(err, ERR_INVALID, __VA_ARGS__)

static void *member(struct daemon_options *o, const struct option *opt)
{
    return (char *)o + opt->offset;
}

void daemon_options_init(struct daemon_options *o)
{
    *o = (struct daemon_options){
        .iptables = true,
        .ip_forward = true,
        .ip_masq = true,
        .live_restore = true,
        .shutdown_timeout = 15,
        .set = XNEW_ARRAY(bool, N_OPTIONS),
    };
}

void daemon_options_done(struct daemon_options *o)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        void *m = member(o, &options[i]);

        switch (options[i].kind) {
        case STR:
            free(*(char **)m);
            break;
        case LIST:
            strv_free(*(char ***)m);
            break;
        case MAP:
        case ULIMITS:
            json_decref(*(json_t **)m);
            break;
        case BOOL:
        case INT:
        default:
            break;
        }
    }
    free(o->set);
    *o = (struct daemon_options){0};
}

int daemon_ulimit_parse(const char *text, json_t *ulimits, struct err *err)
{
    const char *equals = strchr(text, '=');
    _cleanup_strv_ char **limits = equals ? str_split(equals + 1, ':') : NULL;
    _cleanup_free_ char *name = equals ? xstrndup(text, (size_t)(equals - text)) : NULL;
    int64_t soft = 0, hard = 0;
    json_t *o;

    if (!limits || parse_i64(limits[0], &soft) < 0 ||
        (limits[1] && (limits[2] || parse_i64(limits[1], &hard) < 0)))
        return INVALID("invalid ulimit argument: %s", text);
    if (!limits[1])
        hard = soft;
    o = json_object();
    json_set_str(o, "Name", name);
    json_set_i64(o, "Hard", hard);
    json_set_i64(o, "Soft", soft);
    json_set_take(ulimits, name, o);
    return 0;
}

static int set_flag(struct daemon_options *o, size_t index, const char *value, struct err *err)
{
    const struct option *opt = &options[index];
    void *m = member(o, opt);
    const char *equals;

    o->set[index] = true;
    switch (opt->kind) {
    case STR:
        free(*(char **)m);
        *(char **)m = xstrdup(value);
        return 0;
    case BOOL:
        if (parse_bool(value, m) < 0)
            return INVALID("invalid argument \"%s\" for \"--%s\" flag: strconv.ParseBool: parsing "
                           "\"%s\": invalid syntax",
                           value, opt->flag, value);
        return 0;
    case INT:
        if (parse_int(value, m) < 0)
            return INVALID("invalid argument \"%s\" for \"--%s\" flag: invalid syntax", value,
                           opt->flag);
        return 0;
    case LIST:
        strv_push(m, value);
        return 0;
    case MAP:
        equals = strchr(value, '=');
        if (!equals)
            return INVALID("invalid argument \"%s\" for \"--%s\" flag: must be key=value", value,
                           opt->flag);
        if (!*(json_t **)m)
            *(json_t **)m = json_object();
        {
            _cleanup_free_ char *key = xstrndup(value, (size_t)(equals - value));

            json_set_str(*(json_t **)m, key, equals + 1);
        }
        return 0;
    case ULIMITS:
        if (!*(json_t **)m)
            *(json_t **)m = json_object();
        return daemon_ulimit_parse(value, *(json_t **)m, err);
    default:
        return -EINVAL;
    }
}

static int find_flag(const char *name, size_t len, char short_flag)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (short_flag ? options[i].short_flag == short_flag
                       : strlen(options[i].flag) == len && !strncmp(options[i].flag, name, len))
            return (int)i;
    return -1;
}

/* "-H x", "-Hx", "-D": a value may stand in the same word; boolean ones may be bundled. */
static int short_flags(struct daemon_options *o, const char *word, char *const *argv, int argc,
                       int *at, struct err *err)
{
    for (const char *p = word + 1; *p; p++) {
        int index = find_flag(NULL, 0, *p), r;
        const char *value;

        if (index < 0)
            return INVALID("unknown shorthand flag: '%c' in %s", *p, word);
        if (options[index].kind == BOOL && p[1] != '=') {
            r = set_flag(o, (size_t)index, "true", err);
            if (r < 0)
                return r;
            continue;
        }
        value = p[1] == '=' ? p + 2 : p + 1;
        if (!*value && p[1] != '=') {
            if (*at + 1 >= argc)
                return INVALID("flag needs an argument: '%c' in %s", *p, word);
            value = argv[++*at];
        }
        return set_flag(o, (size_t)index, value, err);
    }
    return 0;
}

int daemon_options_flags(struct daemon_options *o, int argc, char *const *argv, struct err *err)
{
    int r = 0;

    for (int i = 1; i < argc && r == 0; i++) {
        const char *word = argv[i], *name = str_after(word, "--"), *equals;
        int index;

        if (!name) {
            if (word[0] != '-' || !word[1])
                return INVALID("\"lighterd\" accepts no arguments: %s", word);
            r = short_flags(o, word, argv, argc, &i, err);
            continue;
        }
        equals = strchr(name, '=');
        index = find_flag(name, equals ? (size_t)(equals - name) : strlen(name), '\0');
        if (index < 0)
            return INVALID("unknown flag: --%.*s",
                           (int)(equals ? equals - name : (ptrdiff_t)strlen(name)), name);
        if (equals)
            r = set_flag(o, (size_t)index, equals + 1, err);
        else if (options[index].kind == BOOL)
            r = set_flag(o, (size_t)index, "true", err);
        else if (i + 1 < argc)
            r = set_flag(o, (size_t)index, argv[++i], err);
        else
            return INVALID("flag needs an argument: --%s", name);
    }
    o->config_file_given = o->config_file != NULL;
    if (!o->config_file)
        o->config_file = xstrdup(DEFAULT_CONFIG);
    return r;
}

static int set_list(const json_t *v, const struct option *opt, char ***ret, struct err *err)
{
    json_t *item;
    size_t i;

    if (!json_is_array(v))
        return INVALID("\"%s\" must be an array of strings", opt->key);
    json_array_foreach(v, i, item) {
        if (!json_is_string(item))
            return INVALID("\"%s\" must be an array of strings", opt->key);
        strv_push(ret, json_string_value(item));
    }
    return 0;
}

/* {"nofile": {"Name": "nofile", "Hard": 64000, "Soft": 64000}} */
static int set_ulimits(const json_t *v, const struct option *opt, json_t **ret, struct err *err)
{
    const char *name;
    json_t *item;

    if (!json_is_object(v))
        return INVALID("\"%s\" must be an object", opt->key);
    *ret = json_object();
    json_object_foreach((json_t *)v, name, item) {
        json_t *o = json_object();

        json_set_str(o, "Name", name);
        json_set_i64(o, "Hard", json_i64_or(item, "Hard", -1));
        json_set_i64(o, "Soft", json_i64_or(item, "Soft", -1));
        json_set_take(*ret, name, o);
    }
    return 0;
}

static int set_key(struct daemon_options *o, const struct option *opt, const json_t *v,
                   struct err *err)
{
    void *m = member(o, opt);
    const char *key;
    json_t *item;

    switch (opt->kind) {
    case STR:
        if (!json_is_string(v))
            return INVALID("\"%s\" must be a string", opt->key);
        *(char **)m = xstrdup(json_string_value(v));
        return 0;
    case BOOL:
        if (!json_is_boolean(v))
            return INVALID("\"%s\" must be true or false", opt->key);
        *(bool *)m = json_is_true(v);
        return 0;
    case INT:
        if (!json_is_integer(v))
            return INVALID("\"%s\" must be a number", opt->key);
        *(int *)m = (int)json_integer_value(v);
        return 0;
    case LIST:
        return set_list(v, opt, m, err);
    case MAP:
        if (!json_is_object(v))
            return INVALID("\"%s\" must be an object", opt->key);
        json_object_foreach((json_t *)v, key, item)
            if (!json_is_string(item))
                return INVALID("\"%s.%s\" must be a string", opt->key, key);
        *(json_t **)m = json_deep_copy(v);
        return 0;
    case ULIMITS:
        return set_ulimits(v, opt, m, err);
    default:
        return -EINVAL;
    }
}

static int find_key(const char *key)
{
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (options[i].key && str_eq(options[i].key, key))
            return (int)i;
    return -1;
}

/* Unknown keys, then keys that are flags too: all of a kind in one message, as dockerd does. */
static int check_keys(const struct daemon_options *o, const json_t *file, struct err *err)
{
    _cleanup_buf_ struct buf unknown = BUF_INIT(512), both = BUF_INIT(512);
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)file, key, v) {
        int index = find_key(key);

        if (index < 0)
            (void)buf_addf(&unknown, "%s%s", unknown.len ? ", " : "", key);
        else if (o->set[index])
            (void)buf_addf(&both, "%s%s", both.len ? ", " : "", key);
    }
    if (unknown.len)
        return INVALID("the following directives don't match any configuration option: %s",
                       buf_str(&unknown));
    if (both.len)
        return INVALID("the following directives are specified both as a flag and in the "
                       "configuration file: %s",
                       buf_str(&both));
    return 0;
}

static int read_file(struct daemon_options *o, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *file = NULL;
    size_t len = 0;
    const char *key;
    json_t *v;
    int r = read_file_at(AT_FDCWD, o->config_file, 1 * MIB, &text, &len);

    if (r == -ENOENT && !o->config_file_given)
        return 0;
    if (r < 0) {
        char reason[128];

        return INVALID("open %s: %s", o->config_file, errno_text_lower(r, reason));
    }
    if (strspn(text, " \t\r\n") == len)
        return 0;
    file = json_parse(text, len, "configuration", err);
    if (!file)
        return -EINVAL;
    if (!json_is_object(file))
        return INVALID("the configuration must be an object");
    r = check_keys(o, file, err);
    if (r < 0)
        return r;
    json_object_foreach(file, key, v)
        if ((r = set_key(o, &options[find_key(key)], v, err)) < 0)
            return r;
    return 0;
}

int daemon_options_file(struct daemon_options *o, struct err *err)
{
    int r = read_file(o, err);

    if (r < 0)
        err_wrap(err, "unable to configure the Docker daemon with file %s", o->config_file);
    return r;
}

int daemon_options_check(const struct daemon_options *o, struct err *err)
{
    enum log_level level;

    if (o->log_level && log_level_parse(o->log_level, &level) < 0)
        return INVALID("invalid logging level: %s", o->log_level);
    if (!o->live_restore)
        return err_set(err, ERR_UNSUPPORTED,
                       "live-restore cannot be switched off: containers always run on without the "
                       "daemon");
    if (o->mtu < 0 || o->mtu > 65535)
        return INVALID("invalid default MTU: %d", o->mtu);
    for (char *const *l = o->labels; l && *l; l++)
        if (!strchr(*l, '=') || **l == '=')
            return INVALID("bad attribute format: %s", *l);
    if (o->bip && o->bridge)
        return INVALID("You specified -b & --bip, mutually exclusive options. Please specify only "
                       "one");
    return 0;
}

void daemon_options_help(void)
{
    static const char *const kinds[] = {"string", "", "int", "list", "map", "ulimit"};

    (void)printf("\nUsage:  lighterd [OPTIONS]\n\nA Docker-compatible container engine.\n\n"
                 "Options:\n");
    for (size_t i = 0; i < N_OPTIONS; i++) {
        char name[48];

        (void)snprintf(name, sizeof(name), "%s %s", options[i].flag, kinds[options[i].kind]);
        if (options[i].short_flag)
            (void)printf("  -%c, --%-26s %s\n", options[i].short_flag, name, options[i].help);
        else
            (void)printf("      --%-26s %s\n", name, options[i].help);
    }
}
