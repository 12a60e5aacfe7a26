/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/config.h"

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
#include "daemon/settings.h"

struct parse {
    struct daemon_config *c;
    uint64_t given; /* bit i: settings[i] was set by a flag */
};

static int set_flag(struct parse *p, const struct setting *s, const char *text, struct err *err)
{
    p->given |= UINT64_C(1) << (s - settings);
    return setting_set_text(s, p->c, text, err);
}

/* "--name", "--name=value", "--name value". Advances *i past a separate value. */
static int parse_long(struct parse *p, int argc, char **argv, int *i, struct err *err)
{
    const char *name = argv[*i] + 2;
    const char *eq = strchrnul(name, '=');
    const struct setting *s = setting_by_flag(name, (size_t)(eq - name));

    if (!s)
        return err_set(err, ERR_INVALID, "unknown flag: --%.*s", (int)(eq - name), name);
    if (*eq)
        return set_flag(p, s, eq + 1, err);
    if (s->type == SETTING_BOOL)
        return set_flag(p, s, "true", err);
    if (*i + 1 >= argc)
        return err_set(err, ERR_INVALID, "flag needs an argument: --%s", s->flag);
    return set_flag(p, s, argv[++*i], err);
}

/* "-D", "-H value", "-Hvalue", "-DH value". */
static int parse_short(struct parse *p, int argc, char **argv, int *i, struct err *err)
{
    for (const char *at = argv[*i] + 1; *at; at++) {
        const struct setting *s = setting_by_letter(*at);
        int r;

        if (!s)
            return err_set(err, ERR_INVALID, "unknown shorthand flag: '%c' in %s", *at, argv[*i]);
        if (s->type != SETTING_BOOL) {
            if (at[1])
                return set_flag(p, s, at[1] == '=' ? at + 2 : at + 1, err);
            if (*i + 1 >= argc)
                return err_set(err, ERR_INVALID, "flag needs an argument: '%c' in %s", *at,
                               argv[*i]);
            return set_flag(p, s, argv[++*i], err);
        }
        r = set_flag(p, s, "true", err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int parse_flags(struct parse *p, int argc, char **argv, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        int r;
        if (str_starts(argv[i], "--") && argv[i][2])
            r = parse_long(p, argc, argv, &i, err);
        else if (argv[i][0] == '-' && argv[i][1] && argv[i][1] != '-')
            r = parse_short(p, argc, argv, &i, err);
        else
            r = err_set(err, ERR_INVALID, "unexpected argument \"%s\": lighterd takes flags only",
                        argv[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_unknown(const json_t *file, struct err *err)
{
    _cleanup_buf_ struct buf names = BUF_INIT(ERR_MESSAGE_MAX);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)file, key, value)
        if (!setting_by_key(key))
            (void)buf_addf(&names, "%s%s", names.len ? ", " : "", key);
    if (names.len == 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "the following directives don't match any configuration option: %s",
                   buf_str(&names));
}

static int check_conflicts(const struct parse *p, const json_t *file, struct err *err)
{
    _cleanup_buf_ struct buf names = BUF_INIT(ERR_MESSAGE_MAX);

    for (size_t i = 0; i < n_settings; i++) {
        const struct setting *s = &settings[i];
        const json_t *value = s->key ? json_object_get(file, s->key) : NULL;
        if (!value || !(p->given >> i & 1))
            continue;
        _cleanup_free_ char *from_flag = setting_print(s, p->c);
        _cleanup_free_ char *from_file =
            json_is_string(value) ? xstrdup(json_string_value(value)) : json_print(value);
        (void)buf_addf(&names, "%s%s: (from flag: %s, from file: %s)", names.len ? ", " : "",
                       s->key, from_flag, from_file);
    }
    if (names.len == 0)
        return 0;
    return err_set(err, ERR_INVALID,
                   "the following directives are specified both as a flag and in the "
                   "configuration file: %s",
                   buf_str(&names));
}

static int apply_file(struct parse *p, const json_t *file, struct err *err)
{
    const char *key;
    json_t *value;
    int r = check_unknown(file, err);

    if (r == 0)
        r = check_conflicts(p, file, err);
    json_object_foreach((json_t *)file, key, value) {
        if (r < 0)
            break;
        r = setting_set_json(setting_by_key(key), p->c, value, err);
    }
    return r;
}

static int load_file(struct parse *p, struct err *err)
{
    bool named = p->c->config_file != NULL;
    const char *path = named ? p->c->config_file : DAEMON_CONFIG_FILE;
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_t *file = NULL;
    size_t len = 0;

    int r = read_file_at(AT_FDCWD, path, 1 * MIB, &text, &len);
    if (r == -ENOENT && !named)
        return 0;
    if (r < 0) {
        r = err_errno(err, r, "open %s", path);
    } else if (len > 0) {
        file = json_parse(text, len, path, err);
        if (!file)
            r = -EINVAL;
        else if (!json_is_object(file))
            r = err_set(err, ERR_INVALID, "expected a JSON object");
        else
            r = apply_file(p, file, err);
    }
    if (r < 0)
        err_wrap(err, "unable to configure the Lighter daemon with file %s", path);
    return r;
}

static int validate(const struct daemon_config *c, struct err *err)
{
    enum log_level level;

    if (log_level_parse(c->log_level, &level) < 0)
        return err_set(err, ERR_INVALID, "invalid logging level: %s", c->log_level);
    if (c->mtu != 0 && (c->mtu < 68 || c->mtu > 65535))
        return err_set(err, ERR_INVALID, "invalid default MTU: %lld: expected 68 to 65535",
                       (long long)c->mtu);
    if (c->shutdown_timeout < -1 || c->shutdown_timeout > INT32_MAX)
        return err_set(err, ERR_INVALID, "invalid shutdown-timeout: %lld",
                       (long long)c->shutdown_timeout);
    if (!c->live_restore)
        return err_set(err, ERR_INVALID,
                       "live-restore cannot be false: containers never depend on lighterd");
    if (c->data_root[0] != '/' || c->exec_root[0] != '/')
        return err_set(err, ERR_INVALID, "data-root and exec-root must be absolute paths");
    for (size_t i = 0; c->labels && c->labels[i]; i++)
        if (!strchr(c->labels[i], '=') || c->labels[i][0] == '=')
            return err_set(err, ERR_INVALID, "bad attribute format: %s: expected key=value",
                           c->labels[i]);
    return 0;
}

static void set_default(char **to, const char *value)
{
    if (!*to)
        *to = xstrdup(value);
}

int daemon_config_load(struct daemon_config *c, int argc, char **argv, struct err *err)
{
    struct parse p = {.c = c};

    *c = (struct daemon_config){.iptables = true,
                                .ip_forward = true,
                                .ip_masq = true,
                                .live_restore = true,
                                .shutdown_timeout = 15};
    int r = parse_flags(&p, argc, argv, err);
    if (r < 0 || c->help || c->version)
        return r;
    r = load_file(&p, err);
    if (r < 0)
        return r;
    if (!c->hosts)
        strv_push(&c->hosts, DAEMON_DEFAULT_HOST);
    set_default(&c->data_root, "/var/lib/lighter");
    set_default(&c->exec_root, "/run/lighter");
    set_default(&c->pidfile, "/run/lighter.pid");
    set_default(&c->log_level, "info");
    return validate(c, err);
}

void daemon_config_done(struct daemon_config *c)
{
    for (size_t i = 0; i < n_settings; i++) {
        void *member = (char *)c + settings[i].offset;
        switch (settings[i].type) {
        case SETTING_STRING:
            free(*(char **)member);
            break;
        case SETTING_LIST:
            strv_free(*(char ***)member);
            break;
        case SETTING_OPTIONS:
        case SETTING_ULIMITS:
            json_decref(*(json_t **)member);
            break;
        case SETTING_BOOL:
        case SETTING_INT:
            break;
        }
    }
    *c = (struct daemon_config){};
}

void daemon_engine_config(const struct daemon_config *c, const char *shim_program,
                          struct engine_config *ret)
{
    bool no_bridge = str_eq(c->bridge, "none");

    *ret = (struct engine_config){
        .data_root = c->data_root,
        .exec_root = c->exec_root,
        .storage_driver = c->storage_driver,
        .bridge = no_bridge || str_empty(c->bridge) ? NULL : c->bridge,
        .bip = c->bip,
        .bridge_disabled = no_bridge,
        .iptables = c->iptables,
        .ip_forward = c->ip_forward,
        .ip_masq = c->ip_masq,
        .mtu = (int)c->mtu,
        .shim_program = shim_program,
        .log_driver = c->log_driver,
        .log_opts = c->log_opts,
        .default_ulimits = c->default_ulimits,
        .dns = c->dns,
        .dns_search = c->dns_search,
        .dns_options = c->dns_opts,
        .labels = c->labels,
        .debug = c->debug,
        .experimental = c->experimental,
        .init = c->init,
        .init_path = c->init_path,
        .cgroup_parent = c->cgroup_parent,
        .default_shm_size = c->default_shm_size,
        .no_new_privileges = c->no_new_privileges,
        .seccomp_profile = c->seccomp_profile,
        .shutdown_timeout_sec = (int)c->shutdown_timeout,
    };
}

void daemon_print_help(void)
{
    puts("Usage:  lighterd [OPTIONS]\n\nThe container engine's daemon.\n\nOptions:");
    for (size_t i = 0; i < n_settings; i++) {
        const struct setting *s = &settings[i];
        _cleanup_free_ char *flag =
            xasprintf("%s%s%s", s->flag, s->arg ? " " : "", s->arg ? s->arg : "");
        if (s->letter)
            printf("  -%c, --%-24s %s\n", s->letter, flag, s->help);
        else
            printf("      --%-24s %s\n", flag, s->help);
    }
}
