/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of option values and files of values, with the reasons Docker gives. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/run.h"

int check_attach(const char *v, struct err *err)
{
    if (strcasecmp(v, "stdin") == 0 || strcasecmp(v, "stdout") == 0 || strcasecmp(v, "stderr") == 0)
        return 0;
    return err_set(err, ERR_INVALID, "valid streams are STDIN, STDOUT and STDERR");
}

int check_env(const char *v, struct err *err)
{
    if (!*v || *v == '=')
        return err_set(err, ERR_INVALID, "invalid environment variable: %s", v);
    return 0;
}

int check_label(const char *v, struct err *err)
{
    size_t n = strcspn(v, "=");
    if (strspn(v, " \t") >= n)
        return err_set(err, ERR_INVALID, "invalid label '%s': empty name", v);
    return 0;
}

int check_ip(const char *v, struct err *err)
{
    struct in6_addr a;
    if (inet_pton(AF_INET, v, &a) == 1 || inet_pton(AF_INET6, v, &a) == 1)
        return 0;
    return err_set(err, ERR_INVALID, "IP address is not correctly formatted: %s", v);
}

int check_add_host(const char *v, struct err *err)
{
    size_t n = strcspn(v, "=:");
    const char *ip = v[n] ? v + n + 1 : "";
    if (n == 0 || !*ip)
        return err_set(err, ERR_INVALID, "bad format for add-host: \"%s\"", v);
    if (str_eq(ip, "host-gateway"))
        return 0;
    _cleanup_free_ char *bare = xstrdup(ip);
    size_t len = strlen(bare);
    if (bare[0] == '[' && bare[len - 1] == ']') {
        memmove(bare, bare + 1, len);
        bare[len - 2] = '\0';
    }
    struct in6_addr a;
    if (inet_pton(AF_INET, bare, &a) == 1 || inet_pton(AF_INET6, bare, &a) == 1)
        return 0;
    return err_set(err, ERR_INVALID, "invalid IP address in add-host: \"%s\"", ip);
}

int check_mount(const char *v, struct err *err)
{
    _cleanup_json_ json_t *m = parse_mount(v, err);
    return m ? 0 : -EINVAL;
}

int check_ulimit(const char *v, struct err *err)
{
    static const char *const names[] = {"core",    "cpu",      "data",   "fsize",      "locks",
                                        "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                        "rss",     "rtprio",   "rttime", "sigpending", "stack"};
    size_t n = strcspn(v, "=");
    if (!v[n] || n == 0)
        return err_set(err, ERR_INVALID, "invalid ulimit argument: %s", v);
    _cleanup_free_ char *name = xstrndup(v, n);
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        known = known || str_eq(names[i], name);
    if (!known)
        return err_set(err, ERR_INVALID, "invalid ulimit type: %s", name);
    _cleanup_strv_ char **limits = str_split(v + n + 1, ':');
    int64_t value[2] = {0, 0};
    size_t n_limits = strv_len(limits);
    if (n_limits > 2)
        return err_set(err, ERR_INVALID,
                       "too many limit value arguments - %s, can only have up to "
                       "two, `soft[:hard]`",
                       v + n + 1);
    for (size_t i = 0; i < n_limits; i++)
        if (parse_i64(limits[i], &value[i]) < 0)
            return err_set(err, ERR_INVALID, "strconv.ParseInt: parsing \"%s\": invalid syntax",
                           limits[i]);
    if (n_limits == 2 && value[1] != -1 && (value[0] > value[1] || value[0] == -1))
        return err_set(err, ERR_INVALID,
                       "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
                       (long long)value[0], (long long)value[1]);
    return 0;
}

int check_sysctl(const char *v, struct err *err)
{
    static const char *const known[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                        "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                        "kernel.shmmni", "kernel.shm_rmid_forced"};
    static const char *const prefixes[] = {"net.", "fs.mqueue."};
    const char *eq = strchr(v, '=');
    for (size_t i = 0; eq && i < ARRAY_SIZE(known); i++)
        if (strlen(known[i]) == (size_t)(eq - v) && str_starts(v, known[i]))
            return 0;
    for (size_t i = 0; eq && i < ARRAY_SIZE(prefixes); i++)
        if (str_starts(v, prefixes[i]))
            return 0;
    return err_set(err, ERR_INVALID, "sysctl '%s' is not allowed", v);
}

int check_link(const char *v, struct err *err)
{
    _cleanup_strv_ char **p = str_split(v, ':');
    if (!*v)
        return err_set(err, ERR_INVALID, "empty string specified for links");
    return strv_len(p) > 2 ? err_set(err, ERR_INVALID, "bad format for links: %s", v) : 0;
}

static int check_device_value(const char *v, const char **ret_value, struct err *err)
{
    const char *colon = strchr(v, ':');
    if (!colon || strchr(colon + 1, ':'))
        return err_set(err, ERR_INVALID, "bad format: %s", v);
    if (!str_starts(v, "/dev/"))
        return err_set(err, ERR_INVALID, "bad format for device path: %s", v);
    *ret_value = colon + 1;
    return 0;
}

int check_weight_device(const char *v, struct err *err)
{
    const char *value = NULL;
    uint32_t n = 0;
    int r = check_device_value(v, &value, err);
    if (r < 0)
        return r;
    if (parse_u32(value, &n) < 0 || (n > 0 && (n < 10 || n > 1000)))
        return err_set(err, ERR_INVALID, "invalid weight for device: %s", v);
    return 0;
}

int check_rate_bytes(const char *v, struct err *err)
{
    const char *value = NULL;
    int64_t n = 0;
    int r = check_device_value(v, &value, err);
    if (r < 0)
        return r;
    if (parse_ram_bytes(value, &n, NULL) < 0)
        return err_set(err, ERR_INVALID,
                       "invalid rate for device: %s. The correct format is "
                       "<device-path>:<number>[<unit>]. Number must be a positive integer. Unit is "
                       "optional and can be kb, mb, or gb",
                       v);
    return 0;
}

int check_rate_io(const char *v, struct err *err)
{
    const char *value = NULL;
    uint64_t n = 0;
    int r = check_device_value(v, &value, err);
    if (r < 0)
        return r;
    if (parse_u64(value, &n) < 0)
        return err_set(err, ERR_INVALID,
                       "invalid rate for device: %s. The correct format is "
                       "<device-path>:<number>. Number must be a positive integer",
                       v);
    return 0;
}

/* Calls fn for every line that says something. */
static int each_line(const char *file, int (*fn)(const char *line, void *arg, struct err *err),
                     void *arg, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    char why[128];
    int r = read_file_at(AT_FDCWD, file, LIMIT_HTTP_JSON_BODY, &text, NULL);
    if (r < 0)
        return err_set(err, ERR_INVALID, "open %s: %s", file, errno_text_lower(r, why));
    _cleanup_strv_ char **lines = str_split(text, '\n');
    for (char **l = lines; *l; l++) {
        char *line = *l;
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '\r')
            line[len - 1] = '\0';
        if (l == lines && str_starts(line, "\xEF\xBB\xBF"))
            line += 3;
        line += strspn(line, " \t");
        if (!*line || *line == '#')
            continue;
        r = fn(line, arg, err);
        if (r < 0) {
            err_wrap(err, "invalid env file (%s)", file);
            return r;
        }
    }
    return 0;
}

static int add_env(const char *line, void *arg, struct err *err)
{
    json_t **env = arg;
    size_t n = strcspn(line, "=");
    if (n == 0)
        return err_set(err, ERR_INVALID, "no variable name on line '%s'", line);
    for (size_t i = 0; i < n; i++)
        if (isspace((unsigned char)line[i]))
            return err_set(err, ERR_INVALID, "variable '%.*s' contains whitespaces", (int)n, line);
    _cleanup_free_ char *full = NULL;
    if (!line[n]) {
        const char *value = getenv(line);
        if (!value)
            return 0;
        full = xasprintf("%s=%s", line, value);
    }
    if (!*env)
        *env = json_array();
    (void)json_array_append_new(*env, json_str_new(full ? full : line));
    return 0;
}

int read_env(char *const *files, char *const *values, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *env = NULL;
    for (char *const *f = files; f && *f; f++) {
        int r = each_line(*f, add_env, (void *)&env, err);
        if (r < 0)
            return r;
    }
    for (char *const *v = values; v && *v; v++) {
        const char *bare = strchr(*v, '=') ? NULL : getenv(*v);
        _cleanup_free_ char *full = bare ? xasprintf("%s=%s", *v, bare) : xstrdup(*v);
        if (!env)
            env = json_array();
        (void)json_array_append_new(env, json_str_new(full));
    }
    *ret = TAKE_PTR(env);
    return 0;
}

static int add_label(const char *line, void *arg, struct err *err)
{
    json_t *labels = arg;
    size_t n = strcspn(line, "=");
    _cleanup_free_ char *key = xstrndup(line, n);
    json_set_str(labels, key, line[n] ? line + n + 1 : "");
    return 0;
}

int read_labels(char *const *files, char *const *values, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *labels = json_object();
    for (char *const *f = files; f && *f; f++) {
        int r = each_line(*f, add_label, labels, err);
        if (r < 0)
            return r;
    }
    for (char *const *v = values; v && *v; v++)
        (void)add_label(*v, labels, err);
    *ret = TAKE_PTR(labels);
    return 0;
}

/* Whether what stands before the first slash names a registry rather than a part of the path. */
static bool has_domain(const char *ref, const char *first_slash)
{
    for (const char *p = ref; p < first_slash; p++)
        if (*p == '.' || *p == ':' || isupper((unsigned char)*p))
            return true;
    return false;
}

int image_reference_check(const char *ref, struct err *err)
{
    const char *name = strrchr(ref, '/');
    const char *last = name ? name + 1 : ref;
    size_t n = strcspn(last, ":@");
    size_t repo = (size_t)(last - ref) + n;
    bool bad = !*last || n == 0 || strlen(ref) > 2 * LIMIT_REFERENCE_LENGTH;
    bool upper = false;
    const char *first_slash = strchr(ref, '/');
    for (size_t i = 0; i < repo; i++) {
        unsigned char ch = (unsigned char)ref[i];
        bool in_domain = first_slash && ref + i < first_slash;
        if (isupper(ch) && !in_domain)
            upper = true;
        else if (!isalnum(ch) && !strchr("-_./:[]", ch))
            bad = true;
    }
    for (const char *p = last + n; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_.:@", *p))
            bad = true;
    if (bad)
        return err_set(err, ERR_INVALID, "invalid reference format");
    if (upper) {
        size_t skip =
            first_slash && has_domain(ref, first_slash) ? (size_t)(first_slash + 1 - ref) : 0;
        return err_set(err, ERR_INVALID,
                       "invalid reference format: repository name (%s%.*s) must be lowercase",
                       first_slash ? "" : "library/", (int)(repo - skip), ref + skip);
    }
    return 0;
}
