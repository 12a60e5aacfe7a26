/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "cli/run.h"
#include "cli/terminal.h"

static void set_list(json_t *o, const char *key, const struct args *a, const char *opt, bool null)
{
    json_set_take(o, key, json_strv(args_list(a, opt), null));
}

static bool attached(const struct args *a, const char *stream)
{
    for (char *const *v = args_list(a, "attach"); v && *v; v++)
        if (strcasecmp(*v, stream) == 0)
            return true;
    return false;
}

static void set_streams(const struct args *a, json_t *config)
{
    bool interactive = args_bool(a, "interactive");
    bool detach = args_has(a, "detach") && args_bool(a, "detach");
    bool chosen = args_list(a, "attach") != NULL;
    bool in = chosen ? attached(a, "stdin") : interactive;
    json_set_bool(config, "AttachStdin", !detach && in);
    json_set_bool(config, "AttachStdout", !detach && (!chosen || attached(a, "stdout")));
    json_set_bool(config, "AttachStderr", !detach && (!chosen || attached(a, "stderr")));
    json_set_bool(config, "Tty", args_bool(a, "tty"));
    json_set_bool(config, "OpenStdin", interactive);
    json_set_bool(config, "StdinOnce", interactive && !detach && in);
}

static int set_health(const struct args *a, json_t *config, struct err *err)
{
    static const struct {
        const char *opt, *key;
    } times[] = {{"health-interval", "Interval"},
                 {"health-timeout", "Timeout"},
                 {"health-start-period", "StartPeriod"},
                 {"health-start-interval", "StartInterval"}};
    _cleanup_json_ json_t *h = json_object();
    const char *cmd = args_str(a, "health-cmd");
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        int64_t v = args_set(a, times[i].opt) ? args_num(a, times[i].opt) : 0;
        if (v < 0)
            return err_set(err, ERR_INVALID, "--%s cannot be negative", times[i].opt);
        if (v > 0)
            json_set_i64(h, times[i].key, v);
    }
    if (args_num(a, "health-retries") < 0)
        return err_set(err, ERR_INVALID, "--health-retries cannot be negative");
    if (args_num(a, "health-retries") > 0)
        json_set_i64(h, "Retries", args_num(a, "health-retries"));
    if (*cmd) {
        char *const test[] = {(char *)(uintptr_t) "CMD-SHELL", (char *)(uintptr_t)cmd, NULL};
        json_set_take(h, "Test", json_strv(test, false));
    }
    bool any = json_object_size(h) > 0;
    if (args_bool(a, "no-healthcheck")) {
        if (any)
            return err_set(err, ERR_INVALID, "--no-healthcheck conflicts with --health-* options");
        char *const test[] = {(char *)(uintptr_t) "NONE", NULL};
        json_set_take(h, "Test", json_strv(test, false));
    }
    if (any || args_bool(a, "no-healthcheck"))
        json_set_take(config, "Healthcheck", TAKE_PTR(h));
    return 0;
}

static int set_container(const struct args *a, json_t *config, struct err *err)
{
    json_set_str(config, "Hostname", args_str(a, "hostname"));
    json_set_str(config, "Domainname", args_str(a, "domainname"));
    json_set_str(config, "User", args_str(a, "user"));
    set_streams(a, config);
    json_t *env = NULL, *labels = NULL;
    int r = read_env(args_list(a, "env-file"), args_list(a, "env"), &env, err);
    if (r < 0)
        return r;
    json_set_take(config, "Env", env ? env : json_null());
    char *const *cmd = args_from(a, 1);
    json_set_take(config, "Cmd", json_strv(cmd, true));
    json_set_str(config, "Image", args_at(a, 0));
    json_set_str(config, "WorkingDir", args_str(a, "workdir"));
    if (args_set(a, "entrypoint")) {
        char *const entry[] = {(char *)(uintptr_t)args_str(a, "entrypoint"), NULL};
        json_set_take(config, "Entrypoint", json_strv(entry, false));
    } else {
        json_set_take(config, "Entrypoint", json_null());
    }
    json_set_take(config, "OnBuild", json_null());
    r = read_labels(args_list(a, "label-file"), args_list(a, "label"), &labels, err);
    if (r < 0)
        return r;
    json_set_take(config, "Labels", labels);
    if (*args_str(a, "stop-signal"))
        json_set_str(config, "StopSignal", args_str(a, "stop-signal"));
    if (args_set(a, "stop-timeout"))
        json_set_i64(config, "StopTimeout", args_num(a, "stop-timeout"));
    return set_health(a, config, err);
}

/* "on-failure:3" */
static int set_restart(const struct args *a, json_t *host, struct err *err)
{
    const char *policy = args_str(a, "restart");
    size_t n = strcspn(policy, ":");
    _cleanup_free_ char *name = xstrndup(policy, n);
    int count = 0;
    if (policy[n] && parse_int(policy + n + 1, &count) < 0)
        return err_set(err, ERR_INVALID,
                       "invalid restart policy format: maximum retry count must be an integer");
    bool restarts = *name && !str_eq(name, "no");
    if (args_bool(a, "rm") && restarts)
        return err_set(err, ERR_INVALID,
                       "conflicting options: cannot specify both --restart and --rm");
    json_t *o = json_object();
    json_set_str(o, "Name", name);
    json_set_i64(o, "MaximumRetryCount", count);
    json_set_take(host, "RestartPolicy", o);
    json_set_bool(host, "AutoRemove", args_bool(a, "rm"));
    return 0;
}

static int set_pairs(json_t *o, const char *key, char *const *pairs, const char *bad,
                     struct err *err)
{
    json_t *m = json_object();
    json_set_take(o, key, m);
    for (char *const *p = pairs; p && *p; p++) {
        size_t n = strcspn(*p, "=");
        if (bad && !(*p)[n])
            return err_set(err, ERR_INVALID, "%s: %s", bad, *p);
        _cleanup_free_ char *name = xstrndup(*p, n);
        json_set_str(m, name, (*p)[n] ? *p + n + 1 : "");
    }
    return 0;
}

/* seccomp profiles are files here and texts there. */
static int set_security(const struct args *a, json_t *host, struct err *err)
{
    char *const *given = args_list(a, "security-opt");
    json_t *list = given ? json_array() : json_null();
    json_set_take(host, "SecurityOpt", list);
    for (char *const *o = given; o && *o; o++) {
        size_t n = strcspn(*o, "=:");
        const char *value = (*o)[n] ? *o + n + 1 : NULL;
        if (!value && !str_eq(*o, "no-new-privileges"))
            return err_set(err, ERR_INVALID, "Invalid --security-opt: \"%s\"", *o);
        if (str_eq(*o, "systempaths=unconfined")) {
            json_set_take(host, "MaskedPaths", json_array());
            json_set_take(host, "ReadonlyPaths", json_array());
            continue;
        }
        bool profile = n == 7 && str_starts(*o, "seccomp") && !str_eq(value, "unconfined") &&
                       !str_eq(value, "builtin");
        if (!profile) {
            (void)json_array_append_new(list, json_str_new(*o));
            continue;
        }
        _cleanup_free_ char *text = NULL;
        char why[128];
        size_t len = 0;
        int r = read_file_at(AT_FDCWD, value, LIMIT_HTTP_JSON_BODY / 2, &text, &len);
        if (r < 0)
            return err_set(err, ERR_INVALID, "opening seccomp profile (%s) failed: open %s: %s",
                           value, value, errno_text_lower(r, why));
        _cleanup_json_ json_t *j = json_parse(text, len, value, NULL);
        if (!j)
            return err_set(err, ERR_INVALID,
                           "compacting json for seccomp profile (%s) failed: invalid JSON", value);
        _cleanup_free_ char *compact = json_print(j);
        _cleanup_free_ char *option = xasprintf("seccomp=%s", compact);
        (void)json_array_append_new(list, json_str_new(option));
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Capabilities in their full names, sorted, once each; ALL stands for everything. */
static char **capabilities(char *const *given)
{
    char **caps = NULL;
    for (char *const *g = given; g && *g; g++) {
        bool full = strncasecmp(*g, "CAP_", 4) == 0 || strcasecmp(*g, "ALL") == 0 ||
                    strcasecmp(*g, "RESET") == 0;
        _cleanup_free_ char *cap = xasprintf("%s%s", full ? "" : "CAP_", *g);
        for (char *p = cap; *p; p++)
            *p = (char)toupper((unsigned char)*p);
        if (str_eq(cap, "ALL")) {
            strv_free(caps);
            caps = NULL;
            strv_push(&caps, cap);
            return caps;
        }
        if (!strv_contains(caps, cap))
            strv_push(&caps, cap);
    }
    if (caps)
        qsort(caps, strv_len(caps), sizeof(*caps), by_name);
    return caps;
}

/* What is added is not dropped. */
static void set_capabilities(const struct args *a, json_t *host)
{
    _cleanup_strv_ char **add = capabilities(args_list(a, "cap-add"));
    _cleanup_strv_ char **drop = capabilities(args_list(a, "cap-drop"));
    _cleanup_strv_ char **rest = NULL;
    for (char **d = drop; d && *d; d++)
        if (!strv_contains(add, *d))
            strv_push(&rest, *d);
    json_set_take(host, "CapAdd", json_strv(add, true));
    json_set_take(host, "CapDrop", json_strv(rest, true));
}

static void set_resources(const struct args *a, json_t *host)
{
    json_set_i64(host, "CpuShares", args_num(a, "cpu-shares"));
    json_set_i64(host, "Memory", args_num(a, "memory"));
    json_set_i64(host, "NanoCpus", args_num(a, "cpus"));
    json_set_str(host, "CgroupParent", args_str(a, "cgroup-parent"));
    json_set_i64(host, "BlkioWeight", args_num(a, "blkio-weight"));
    json_set_i64(host, "CpuPeriod", args_num(a, "cpu-period"));
    json_set_i64(host, "CpuQuota", args_num(a, "cpu-quota"));
    json_set_i64(host, "CpuRealtimePeriod", args_num(a, "cpu-rt-period"));
    json_set_i64(host, "CpuRealtimeRuntime", args_num(a, "cpu-rt-runtime"));
    json_set_str(host, "CpusetCpus", args_str(a, "cpuset-cpus"));
    json_set_str(host, "CpusetMems", args_str(a, "cpuset-mems"));
    json_set_i64(host, "MemoryReservation", args_num(a, "memory-reservation"));
    json_set_i64(host, "MemorySwap", args_num(a, "memory-swap"));
    json_set_i64(host, "MemorySwappiness", args_num(a, "memory-swappiness"));
    json_set_bool(host, "OomKillDisable", args_bool(a, "oom-kill-disable"));
    json_set_i64(host, "PidsLimit", args_num(a, "pids-limit"));
}

static int set_host(const struct args *a, json_t *host, struct err *err)
{
    json_set_str(host, "ContainerIDFile", args_str(a, "cidfile"));
    json_t *log = json_object();
    json_set_str(log, "Type", args_str(a, "log-driver"));
    json_set_take(host, "LogConfig", log);
    if (str_eq(args_str(a, "log-driver"), "none") && args_list(a, "log-opt"))
        return err_set(err, ERR_INVALID, "invalid logging opts for driver none");
    int r = set_pairs(log, "Config", args_list(a, "log-opt"), NULL, err);
    if (r == 0)
        r = set_restart(a, host, err);
    if (r < 0)
        return r;
    unsigned rows = 0, cols = 0;
    if (args_bool(a, "tty"))
        (void)terminal_size(&rows, &cols);
    json_set_take(host, "ConsoleSize", json_pack("[i,i]", (int)rows, (int)cols));
    set_capabilities(a, host);
    json_set_str(host, "CgroupnsMode", args_str(a, "cgroupns"));
    set_list(host, "Dns", a, "dns", false);
    set_list(host, "DnsOptions", a, "dns-option", false);
    set_list(host, "DnsSearch", a, "dns-search", false);
    json_t *hosts = args_list(a, "add-host") ? json_array() : json_null();
    for (char *const *h = args_list(a, "add-host"); h && *h; h++) {
        size_t n = strcspn(*h, "=:");
        _cleanup_free_ char *entry = xasprintf("%.*s:%s", (int)n, *h, *h + n + 1);
        (void)json_array_append_new(hosts, json_str_new(entry));
    }
    json_set_take(host, "ExtraHosts", hosts);
    set_list(host, "GroupAdd", a, "group-add", true);
    json_set_str(host, "IpcMode", args_str(a, "ipc"));
    json_set_i64(host, "OomScoreAdj", args_num(a, "oom-score-adj"));
    json_set_str(host, "PidMode", args_str(a, "pid"));
    json_set_bool(host, "Privileged", args_bool(a, "privileged"));
    json_set_bool(host, "ReadonlyRootfs", args_bool(a, "read-only"));
    json_set_str(host, "UTSMode", args_str(a, "uts"));
    json_set_str(host, "UsernsMode", args_str(a, "userns"));
    json_set_i64(host, "ShmSize", args_num(a, "shm-size"));
    if (*args_str(a, "runtime"))
        json_set_str(host, "Runtime", args_str(a, "runtime"));
    if (args_set(a, "init"))
        json_set_bool(host, "Init", args_bool(a, "init"));
    if (args_list(a, "sysctl"))
        (void)set_pairs(host, "Sysctls", args_list(a, "sysctl"), NULL, err);
    if (args_list(a, "annotation"))
        (void)set_pairs(host, "Annotations", args_list(a, "annotation"), NULL, err);
    if (args_list(a, "storage-opt"))
        r = set_pairs(host, "StorageOpt", args_list(a, "storage-opt"), "invalid storage option",
                      err);
    if (r < 0)
        return r;
    set_resources(a, host);
    return set_security(a, host, err);
}

static int check_conflicts(const struct args *a, struct err *err)
{
    int64_t swappiness = args_num(a, "memory-swappiness");
    if (swappiness != -1 && (swappiness < 0 || swappiness > 100))
        return err_set(err, ERR_INVALID,
                       "invalid value: %lld. Valid memory swappiness range is 0-100",
                       (long long)swappiness);
    static const char *const pulls[] = {"always", "missing", "never", ""};
    for (size_t i = 0; i < ARRAY_SIZE(pulls); i++)
        if (str_eq(args_str(a, "pull"), pulls[i]))
            return 0;
    return err_set(err, ERR_INVALID,
                   "invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"",
                   args_str(a, "pull"));
}

int run_config(const struct args *a, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *config = json_object();
    json_t *host = json_object(), *networking = NULL;
    int r = check_conflicts(a, err);
    if (r == 0)
        r = set_container(a, config, err);
    json_set_take(config, "HostConfig", host);
    if (r == 0)
        r = set_host(a, host, err);
    if (r == 0)
        r = run_mounts(a, config, host, err);
    if (r == 0)
        r = run_ports(a, config, host, err);
    if (r == 0)
        r = run_devices(a, host, err);
    if (r == 0)
        r = run_networks(a, config, host, &networking, err);
    if (r < 0)
        return r;
    json_set_take(config, "NetworkingConfig", networking);
    *ret = TAKE_PTR(config);
    return 0;
}
