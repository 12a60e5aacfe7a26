/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The Dockerfile instructions that import and commit take ("changes"). */

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "image/internal.h"
#include "image/words.h"

#define PORT_RANGE_MAX 65535

struct changes {
    json_t *config; /* borrowed */
    bool cmd_set;
};

static int need_one(const char *name, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s requires exactly one argument", name);
}

static int need_some(const char *name, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s requires at least one argument", name);
}

/* The member `key`, made if it is missing. Borrowed. */
static json_t *get_object(struct changes *c, const char *key)
{
    json_t *o = json_object_get(c->config, key);

    if (!json_is_object(o)) {
        o = json_object();
        json_set_take(c->config, key, o);
    }
    return o;
}

static json_t *get_array(struct changes *c, const char *key)
{
    json_t *a = json_object_get(c->config, key);

    if (!json_is_array(a)) {
        a = json_array();
        json_set_take(c->config, key, a);
    }
    return a;
}

static int expand(struct changes *c, const char *word, char **ret, struct err *err)
{
    return words_expand(word, json_object_get(c->config, "Env"), ret, err);
}

/* Command lines: a JSON array is taken as it is, other text goes to the shell. */
static int parse_command(const char *rest, char ***ret, struct err *err)
{
    int r = words_json(rest, ret, err);

    if (r != 0)
        return r < 0 ? r : 0;
    if (*rest) {
        strv_push(ret, "/bin/sh");
        strv_push(ret, "-c");
        strv_push(ret, rest);
    }
    return 0;
}

static int do_cmd(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_strv_ char **args = NULL;
    int r = parse_command(rest, &args, err);

    if (r < 0)
        return r;
    json_set_take(c->config, "Cmd", json_strv(args, !*rest));
    c->cmd_set = true;
    return 0;
}

static int do_entrypoint(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_strv_ char **args = NULL;
    int r = parse_command(rest, &args, err);

    if (r < 0)
        return r;
    json_set_take(c->config, "Entrypoint", json_strv(args, true));
    if (!c->cmd_set)
        json_set_take(c->config, "Cmd", json_null());
    return 0;
}

static int set_env(struct changes *c, const char *key, const char *value, struct err *err)
{
    json_t *env = get_array(c, "Env");
    _cleanup_free_ char *entry = xasprintf("%s=%s", key, value);
    size_t n = strlen(key);
    size_t i;
    json_t *v;

    if (n == 0)
        return err_set(err, ERR_INVALID, "ENV names can not be blank");
    json_array_foreach(env, i, v) {
        const char *s = json_string_value(v);
        if (s && strncmp(s, key, n) == 0 && s[n] == '=')
            return json_array_set_new(env, i, json_str_new(entry));
    }
    return json_array_append_new(env, json_str_new(entry));
}

static int set_label(struct changes *c, const char *key, const char *value, struct err *err)
{
    if (!*key)
        return err_set(err, ERR_INVALID, "LABEL names can not be blank");
    json_set_str(get_object(c, "Labels"), key, value);
    return 0;
}

typedef int (*pair_fn)(struct changes *c, const char *key, const char *value, struct err *err);

static int expand_pair(struct changes *c, const char *key, const char *value, pair_fn set,
                       struct err *err)
{
    _cleanup_free_ char *k = NULL;
    _cleanup_free_ char *v = NULL;
    int r = expand(c, key, &k, err);

    if (r == 0)
        r = expand(c, value, &v, err);
    return r < 0 ? r : set(c, k, v, err);
}

/* "NAME=value NAME=value …", or the old "NAME the rest". */
static int do_pairs(struct changes *c, const char *name, const char *rest, pair_fn set,
                    struct err *err)
{
    _cleanup_strv_ char **words = words_split(rest);

    if (!words)
        return need_some(name, err);
    if (!strchr(words[0], '=')) {
        size_t n = strcspn(rest, " \t");
        const char *value = rest + n + strspn(rest + n, " \t");
        if (!*value)
            return err_set(err, ERR_INVALID, "%s must have two arguments", name);
        _cleanup_free_ char *key = xstrndup(rest, n);
        return expand_pair(c, key, value, set, err);
    }
    for (size_t i = 0; words[i]; i++) {
        char *eq = strchr(words[i], '=');
        if (!eq)
            return err_set(err, ERR_INVALID,
                           "Syntax error - can't find = in \"%.200s\". Must be of the form: "
                           "name=value",
                           words[i]);
        *eq = '\0';
        int r = expand_pair(c, words[i], eq + 1, set, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int do_env(struct changes *c, const char *name, const char *rest, struct err *err)
{
    return do_pairs(c, name, rest, set_env, err);
}

static int do_label(struct changes *c, const char *name, const char *rest, struct err *err)
{
    return do_pairs(c, name, rest, set_label, err);
}

static int parse_port(const char *s, uint32_t *ret)
{
    return parse_u32(s, ret) < 0 || *ret > PORT_RANGE_MAX ? -EINVAL : 0;
}

static int expose_one(struct changes *c, const char *spec, struct err *err)
{
    json_t *ports = get_object(c, "ExposedPorts");
    _cleanup_free_ char *text = xstrdup(spec);
    char *proto = strchr(text, '/');
    uint32_t first = 0;
    uint32_t last = 0;

    if (proto)
        *proto++ = '\0';
    const char *p = proto ? proto : "tcp";
    if (strcasecmp(p, "tcp") != 0 && strcasecmp(p, "udp") != 0 && strcasecmp(p, "sctp") != 0)
        return err_set(err, ERR_INVALID, "Invalid proto: %.100s", p);
    _cleanup_free_ char *whole = xstrdup(text);
    char *dash = strchr(text, '-');
    if (dash)
        *dash++ = '\0';
    if (parse_port(text, &first) < 0 || parse_port(dash ? dash : text, &last) < 0 || last < first)
        return err_set(err, ERR_INVALID, "Invalid containerPort: %.100s", whole);
    for (uint32_t n = first; n <= last; n++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%u/%s", n, p);
        for (char *k = key; *k; k++)
            *k = (char)tolower((unsigned char)*k);
        json_set_take(ports, key, json_object());
    }
    return 0;
}

static int do_expose(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_strv_ char **words = words_split(rest);

    if (!words)
        return need_some(name, err);
    for (size_t i = 0; words[i]; i++) {
        _cleanup_free_ char *spec = NULL;
        int r = expand(c, words[i], &spec, err);
        if (r == 0)
            r = expose_one(c, spec, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int do_user(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_free_ char *user = NULL;
    int r;

    if (!*rest)
        return need_one(name, err);
    r = expand(c, rest, &user, err);
    if (r == 0)
        json_set_str(c->config, "User", user);
    return r;
}

static int do_volume(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_strv_ char **paths = NULL;
    int r = words_json(rest, &paths, err);

    if (r < 0)
        return r;
    if (r == 0)
        paths = words_split(rest);
    if (strv_len(paths) == 0)
        return need_some(name, err);
    for (size_t i = 0; paths[i]; i++) {
        _cleanup_free_ char *path = NULL;
        r = expand(c, paths[i], &path, err);
        if (r < 0)
            return r;
        if (path[strspn(path, " \t")] == '\0')
            return err_set(err, ERR_INVALID, "VOLUME specified can not be an empty string");
        json_set_take(get_object(c, "Volumes"), path, json_object());
    }
    return 0;
}

static int do_workdir(struct changes *c, const char *name, const char *rest, struct err *err)
{
    const char *old = json_str_or(c->config, "WorkingDir", "");
    _cleanup_free_ char *dir = NULL;
    int r;

    if (!*rest)
        return need_one(name, err);
    r = expand(c, rest, &dir, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *joined =
        *dir == '/' ? xstrdup(dir) : xasprintf("%s/%s", str_eq(old, "/") ? "" : old, dir);
    _cleanup_free_ char *clean = path_clean(joined);
    json_set_str(c->config, "WorkingDir", clean);
    return 0;
}

static char *upper_word(const char *s)
{
    char *word = xstrndup(s, strcspn(s, " \t"));

    for (char *p = word; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    return word;
}

static int do_onbuild(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_free_ char *trigger = upper_word(rest);

    if (!*rest)
        return need_some(name, err);
    if (str_eq(trigger, "ONBUILD"))
        return err_set(err, ERR_INVALID, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (str_eq(trigger, "MAINTAINER") || str_eq(trigger, "FROM"))
        return err_set(err, ERR_INVALID, "%s isn't allowed as an ONBUILD trigger", trigger);
    return json_array_append_new(get_array(c, "OnBuild"), json_str_new(rest));
}

/* One "--name=value" of HEALTHCHECK. */
static int health_flag(json_t *health, const char *flag, struct err *err)
{
    static const struct {
        const char *name, *key;
    } times[] = {{"interval", "Interval"},
                 {"timeout", "Timeout"},
                 {"start-period", "StartPeriod"},
                 {"start-interval", "StartInterval"}};
    const char *eq = strchr(flag, '=');
    size_t n = eq ? (size_t)(eq - flag) : strlen(flag);
    int64_t value = 0;

    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        if (strlen(times[i].name) != n || strncmp(times[i].name, flag, n) != 0)
            continue;
        if (!eq || duration_parse(eq + 1, &value) < 0)
            return err_set(err, ERR_INVALID, "invalid duration for --%.*s", (int)n, flag);
        if (value < 0 || (value > 0 && value < NSEC_PER_MSEC))
            return err_set(err, ERR_INVALID, "--%.*s cannot be less than 1ms", (int)n, flag);
        if (value)
            json_set_i64(health, times[i].key, value);
        return 0;
    }
    if (n != strlen("retries") || strncmp(flag, "retries", n) != 0)
        return err_set(err, ERR_INVALID, "unknown flag: --%.*s", (int)n, flag);
    if (!eq || parse_i64(eq + 1, &value) < 0 || value < 0 || value > INT32_MAX)
        return err_set(err, ERR_INVALID, "--retries must be at least 0");
    if (value)
        json_set_i64(health, "Retries", value);
    return 0;
}

static int health_test(json_t *health, const char *rest, struct err *err)
{
    _cleanup_free_ char *type = upper_word(rest);
    const char *command = rest + strcspn(rest, " \t");
    _cleanup_strv_ char **args = NULL;
    _cleanup_strv_ char **test = NULL;

    command += strspn(command, " \t");
    if (str_eq(type, "NONE")) {
        if (*command)
            return err_set(err, ERR_INVALID, "HEALTHCHECK NONE takes no arguments");
        strv_push(&test, "NONE");
    } else if (str_eq(type, "CMD")) {
        int r = words_json(command, &args, err);
        if (r < 0)
            return r;
        if (r == 0 ? !*command : strv_len(args) == 0)
            return err_set(err, ERR_INVALID, "Missing command after HEALTHCHECK CMD");
        strv_push(&test, r == 1 ? "CMD" : "CMD-SHELL");
        if (r == 0)
            strv_push(&test, command);
        for (size_t i = 0; args && args[i]; i++)
            strv_push(&test, args[i]);
    } else {
        return err_set(err, ERR_INVALID, "Unknown type \"%.100s\" in HEALTHCHECK (try CMD)", type);
    }
    json_set_take(health, "Test", json_strv(test, false));
    return 0;
}

static int do_healthcheck(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_json_ json_t *health = json_object();
    _cleanup_json_ json_t *flags = json_object();

    while (str_starts(rest, "--")) {
        size_t n = strcspn(rest, " \t");
        _cleanup_free_ char *flag = xstrndup(rest + 2, n - 2);
        int r = health_flag(flags, flag, err);
        if (r < 0)
            return r;
        rest += n;
        rest += strspn(rest, " \t");
    }
    if (!*rest)
        return need_some(name, err);
    int r = health_test(health, rest, err);
    if (r < 0)
        return r;
    (void)json_object_update(health, flags);
    json_set_take(c->config, "Healthcheck", json_incref(health));
    return 0;
}

static bool signal_valid(const char *s)
{
    const char *name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s;
    uint32_t number = 0;

    if (parse_u32(s, &number) == 0)
        return number > 0 && number <= (uint32_t)SIGRTMAX;
    for (int i = 1; i < NSIG; i++) {
        const char *abbrev = sigabbrev_np(i);
        if (abbrev && strcasecmp(abbrev, name) == 0)
            return true;
    }
    if (strncasecmp(name, "RTMIN", 5) != 0 && strncasecmp(name, "RTMAX", 5) != 0)
        return false;
    char sign = name[5];
    return !sign ||
           ((sign == '+' || sign == '-') && parse_u32(name + 6, &number) == 0 && number <= 15);
}

static int do_stopsignal(struct changes *c, const char *name, const char *rest, struct err *err)
{
    _cleanup_free_ char *sig = NULL;
    int r;

    if (!*rest)
        return need_one(name, err);
    r = expand(c, rest, &sig, err);
    if (r < 0)
        return r;
    if (!signal_valid(sig))
        return err_set(err, ERR_INVALID, "invalid signal: %.100s", sig);
    json_set_str(c->config, "StopSignal", sig);
    return 0;
}

static const struct {
    const char *name;
    int (*apply)(struct changes *c, const char *name, const char *rest, struct err *err);
} instructions[] = {
    {"CMD", do_cmd},         {"ENTRYPOINT", do_entrypoint},   {"ENV", do_env},
    {"EXPOSE", do_expose},   {"HEALTHCHECK", do_healthcheck}, {"LABEL", do_label},
    {"ONBUILD", do_onbuild}, {"STOPSIGNAL", do_stopsignal},   {"USER", do_user},
    {"VOLUME", do_volume},   {"WORKDIR", do_workdir},
};

static int apply_line(struct changes *c, const char *line, struct err *err)
{
    line += strspn(line, " \t\r");
    if (!*line || *line == '#')
        return 0;
    _cleanup_free_ char *name = upper_word(line);
    _cleanup_free_ char *rest = xstrdup(line + strlen(name));
    char *start = rest + strspn(rest, " \t");
    for (size_t n = strlen(start); n > 0 && isspace((unsigned char)start[n - 1]); n--)
        start[n - 1] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(instructions); i++)
        if (str_eq(name, instructions[i].name))
            return instructions[i].apply(c, name, start, err);
    return err_set(err, ERR_INVALID, "%.100s is not a valid change command", name);
}

int image_changes_apply(json_t *config, char *const *changes, struct err *err)
{
    struct changes c = {.config = config};

    for (size_t i = 0; changes && changes[i]; i++) {
        /* What is not UTF-8 could not be kept in JSON. */
        _cleanup_json_ json_t *text = json_str_new(changes[i]);
        _cleanup_strv_ char **lines = str_split(json_string_value(text), '\n');
        for (size_t k = 0; lines[k]; k++) {
            int r = apply_line(&c, lines[k], err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}
