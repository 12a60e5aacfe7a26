/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "container/caps.h"
#include "container/fields.h"
#include "container/request.h"

#define MIN_MEMORY   ((int64_t)6 * 1024 * 1024)
#define INVALID(...) err_set(err, ERR_INVALID, __VA_ARGS__)

static int64_t num(const json_t *o, const char *key)
{
    return json_i64_or(o, key, 0);
}

static void warn(json_t *warnings, const char *text)
{
    if (warnings)
        (void)json_array_append_new(warnings, json_string(text));
}

int container_size_parse(const char *text, int64_t *ret_bytes)
{
    static const char units[] = "kmgtp";
    _cleanup_free_ char *digits = NULL;
    size_t n = strspn(text, "0123456789");
    const char *unit = text + n, *at;
    uint64_t value = 0, factor = 1;

    digits = xstrndup(text, n);
    if (n == 0 || parse_u64(digits, &value) < 0)
        return -EINVAL;
    if (*unit == ' ')
        unit++;
    if (*unit && (at = strchr(units, tolower((unsigned char)*unit)))) {
        factor = (uint64_t)1 << (10 * (at - units + 1));
        unit++;
        if (tolower((unsigned char)*unit) == 'i')
            unit++;
    }
    if (tolower((unsigned char)*unit) == 'b')
        unit++;
    if (*unit || value > (uint64_t)INT64_MAX / factor)
        return -EINVAL;
    *ret_bytes = (int64_t)(value * factor);
    return 0;
}

static int verify_memory(json_t *host, json_t *warnings, const struct container_defaults *d,
                         struct err *err)
{
    int64_t memory = num(host, "Memory"), swap = num(host, "MemorySwap");
    int64_t reservation = num(host, "MemoryReservation");
    int64_t swappiness = json_i64_or(host, "MemorySwappiness", -1);
    bool oom_disable = json_bool_or(host, "OomKillDisable", false);

    if (memory < 0 || reservation < 0)
        return INVALID("Minimum memory limit allowed is 6MB");
    if (memory != 0 && memory < MIN_MEMORY)
        return INVALID("Minimum memory limit allowed is 6MB");
    if (memory > 0 && swap > 0 && swap < memory)
        return INVALID("Minimum memoryswap limit should be larger than memory limit, see usage");
    if (memory == 0 && swap > 0)
        return INVALID(
            "You should always set the Memory limit when using Memoryswap limit, see usage");
    if (swap < -1)
        return INVALID("invalid memory swap: %lld", (long long)swap);
    if (swappiness < -1 || swappiness > 100)
        return INVALID("Invalid value: %lld, valid memory swappiness range is 0-100",
                       (long long)swappiness);
    if (swappiness == -1)
        json_set_take(host, "MemorySwappiness", json_null());
    if (reservation > 0 && reservation < MIN_MEMORY)
        return INVALID("Minimum memory reservation allowed is 6MB");
    if (memory > 0 && memory < reservation)
        return INVALID("Minimum memory limit can not be less than memory reservation limit, see "
                       "usage");
    if (memory > 0 && swap == 0)
        json_set_i64(host, "MemorySwap", memory > INT64_MAX / 2 ? -1 : memory * 2);
    if (d->cgroup_v2) {
        if (oom_disable)
            warn(warnings,
                 "Your kernel does not support OomKillDisable. OomKillDisable discarded.");
        json_set_take(host, "OomKillDisable", json_null());
        if (swappiness >= 0)
            warn(warnings, "Your kernel does not support memory swappiness capabilities or the "
                           "cgroup is not mounted. Memory swappiness discarded.");
        json_set_take(host, "MemorySwappiness", json_null());
    } else {
        json_set_bool(host, "OomKillDisable", oom_disable);
        if (oom_disable && memory == 0)
            warn(warnings, "OOM killer is disabled for the container, but no memory limit is set, "
                           "this can result in the system running out of resources.");
    }
    return 0;
}

/* Weights that the kernel cannot honour are dropped with a warning, as all limits of that kind. */
static int verify_blkio(json_t *host, json_t *warnings, const struct container_defaults *d,
                        struct err *err)
{
    int64_t weight = num(host, "BlkioWeight");
    const json_t *devices = json_object_get(host, "BlkioWeightDevice");

    if (d->no_blkio_weight) {
        if (weight > 0)
            warn(warnings, "Your kernel does not support Block I/O weight or the cgroup is not "
                           "mounted. Weight discarded.");
        json_set_i64(host, "BlkioWeight", 0);
        if (json_array_size(devices) > 0) {
            warn(warnings, "Your kernel does not support Block I/O weight_device or the cgroup is "
                           "not mounted. Weight-device discarded.");
            json_set_take(host, "BlkioWeightDevice", json_array());
        }
        return 0;
    }
    if (weight != 0 && (weight < 10 || weight > 1000))
        return INVALID("Range of blkio weight is from 10 to 1000");
    return 0;
}

/* A cpuset list: "0-2,5". Whether each number is below n (0: not known). */
static int verify_cpuset(const char *list, unsigned n, const char *what, const char *What,
                         struct err *err)
{
    _cleanup_strv_ char **parts = NULL;

    if (str_empty(list))
        return 0;
    parts = str_split(list, ',');
    for (size_t i = 0; parts[i]; i++) {
        char *dash = strchr(parts[i], '-');
        uint32_t first = 0, last = 0;

        if (dash)
            *dash++ = '\0';
        if (parse_u32(parts[i], &first) < 0 || (dash && parse_u32(dash, &last) < 0) ||
            (dash && last < first))
            return INVALID("Invalid value %s for cpuset %s: invalid format: %s", list, what, list);
        if (!dash)
            last = first;
        if (n > 0 && last >= n) {
            char highest[16] = "";

            if (n > 1)
                (void)snprintf(highest, sizeof(highest), "-%u", n - 1);
            return INVALID("Requested %s are not available - requested %s, available: 0%s", What,
                           list, highest);
        }
    }
    return 0;
}

static int verify_cpu(const json_t *host, const struct container_defaults *d, struct err *err)
{
    int64_t nano = num(host, "NanoCpus"), quota = num(host, "CpuQuota");
    int64_t period = num(host, "CpuPeriod"), shares = num(host, "CpuShares");
    int r;

    if (nano > 0 && period > 0)
        return INVALID("Conflicting options: Nano CPUs and CPU Period cannot both be set");
    if (nano > 0 && quota > 0)
        return INVALID("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
    if (nano < 0 || (d->cpus_known && nano > (int64_t)d->n_cpus * 1000000000))
        return INVALID("Range of CPUs is from 0.01 to %u.00, as there are only %u CPUs available",
                       d->n_cpus, d->n_cpus);
    if (nano > 0 && nano < 10000000)
        return INVALID("Range of CPUs is from 0.01 to %u.00, as there are only %u CPUs available",
                       d->n_cpus, d->n_cpus);
    if (period != 0 && (period < 1000 || period > 1000000))
        return INVALID("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s "
                       "(i.e. 1000000)");
    if (quota > 0 && quota < 1000)
        return INVALID("CPU cfs quota can not be less than 1ms (i.e. 1000)");
    if (shares < 0)
        return INVALID("invalid CPU shares (%lld): value must be a positive integer",
                       (long long)shares);
    r = verify_cpuset(json_str_or(host, "CpusetCpus", ""), d->cpus_known ? d->n_cpus : 0, "cpus",
                      "CPUs", err);
    if (r < 0)
        return r;
    return verify_cpuset(json_str_or(host, "CpusetMems", ""), d->n_mems, "mems", "memory nodes",
                         err);
}

static int verify_restart(json_t *host, struct err *err)
{
    json_t *policy = json_object_get(host, "RestartPolicy");
    _cleanup_json_ json_t *clean = json_object();
    const char *name = "";
    int64_t max = 0;

    if (json_is_object(policy)) {
        json_t *n = fields_member(policy, "Name"), *m = fields_member(policy, "MaximumRetryCount");

        if (json_is_string(n))
            name = json_string_value(n);
        max = json_integer_value(m);
    }
    if (str_empty(name))
        name = "no";
    if (!str_eq(name, "no") && !str_eq(name, "always") && !str_eq(name, "on-failure") &&
        !str_eq(name, "unless-stopped"))
        return INVALID("invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
                       "'on-failure', or 'unless-stopped'",
                       name);
    if (max < 0)
        return INVALID("invalid restart policy: maximum retry count cannot be negative");
    if (max > 0 && !str_eq(name, "on-failure"))
        return INVALID("invalid restart policy: maximum retry count can only be used with "
                       "'on-failure'");
    if (json_bool_or(host, "AutoRemove", false) && !str_eq(name, "no"))
        return INVALID("can't create 'AutoRemove' container with restart policy");
    json_set_str(clean, "Name", name);
    json_set_i64(clean, "MaximumRetryCount", max);
    json_set_take(host, "RestartPolicy", TAKE_PTR(clean));
    return 0;
}

/* A namespace mode: one of the NULL-terminated words, or (with `other`) "container:<x>". */
static int verify_mode(const char *mode, const char *what, const char *const *words, bool other,
                       struct err *err)
{
    for (; *words; words++)
        if (str_eq(mode, *words))
            return 0;
    if (other && str_after(mode, "container:") && mode[strlen("container:")])
        return 0;
    return INVALID("invalid %s mode: %s", what, mode);
}

static int verify_modes(const json_t *config, json_t *host, const struct container_defaults *d,
                        struct err *err)
{
    static const char *const ipc[] = {"", "private", "host", "shareable", "none", NULL};
    static const char *const pid[] = {"", "host", "private", NULL};
    static const char *const host_only[] = {"", "host", NULL};
    static const char *const cgroup[] = {"", "host", "private", NULL};
    const char *net = json_str_or(host, "NetworkMode", "");
    const char *hostname = json_str_or(config, "Hostname", "");
    bool privileged = json_bool_or(host, "Privileged", false);
    int r;

    if (str_after(json_str_or(host, "IpcMode", ""), "container:"))
        return err_set(err, ERR_UNSUPPORTED,
                       "HostConfig.IpcMode: sharing the IPC namespace of another container is not "
                       "supported by this version");
    if ((r = verify_mode(json_str_or(host, "IpcMode", ""), "IPC", ipc, false, err)) < 0 ||
        (r = verify_mode(json_str_or(host, "PidMode", ""), "PID", pid, true, err)) < 0 ||
        (r = verify_mode(json_str_or(host, "UTSMode", ""), "UTS", host_only, false, err)) < 0 ||
        (r = verify_mode(json_str_or(host, "UsernsMode", ""), "userns", host_only, false, err)) <
            0 ||
        (r = verify_mode(json_str_or(host, "CgroupnsMode", ""), "cgroup namespace", cgroup, false,
                         err)) < 0)
        return r;
    if (str_eq(json_str_or(host, "UTSMode", ""), "host") && !str_empty(hostname))
        return INVALID("conflicting options: hostname and the UTS mode");
    if (str_after(net, "container:") && !str_empty(hostname))
        return INVALID("conflicting options: hostname and the network mode");
    if (str_empty(json_str_or(host, "IpcMode", "")))
        json_set_str(host, "IpcMode", "private");
    if (str_empty(json_str_or(host, "CgroupnsMode", "")))
        json_set_str(host, "CgroupnsMode", d->cgroup_v2 && !privileged ? "private" : "host");
    return 0;
}

int container_verify_log(const char *driver, const json_t *options, struct err *err)
{
    static const char *const known[] = {"max-size", "max-file", "labels", "env", "compress"};
    static const char *const others[] = {"local",   "syslog",  "journald", "gelf",
                                         "fluentd", "awslogs", "splunk",   "gcplogs"};
    const char *key;
    json_t *v;

    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (str_eq(driver, others[i]))
            return err_set(err, ERR_UNSUPPORTED,
                           "the logging driver \"%s\" is not supported by this version", driver);
    if (!str_eq(driver, "json-file") && !str_eq(driver, "none"))
        return INVALID("error looking up logging plugin %s: plugin \"%s\" not found", driver,
                       driver);
    json_object_foreach((json_t *)options, key, v) {
        const char *text = json_is_string(v) ? json_string_value(v) : NULL;
        bool found = false, on = false;
        int64_t bytes = 0;
        int files = 0;

        for (size_t i = 0; i < ARRAY_SIZE(known) && !found; i++)
            found = str_eq(key, known[i]);
        if (!found || !text || str_eq(driver, "none"))
            return INVALID("unknown log opt '%s' for %s log driver", key, driver);
        if (str_eq(key, "max-size") && !str_eq(text, "-1") &&
            (container_size_parse(text, &bytes) < 0 || bytes == 0))
            return INVALID("invalid size: '%s'", text);
        if (str_eq(key, "max-file") && (parse_int(text, &files) < 0 || files < 1))
            return INVALID("max-file cannot be less than 1");
        if (str_eq(key, "compress") && (parse_bool(text, &on) < 0 || on))
            return err_set(err, ERR_UNSUPPORTED,
                           "log opt 'compress': compressing log files is not supported");
    }
    return 0;
}

static int verify_logging(json_t *host, const struct container_defaults *d, struct err *err)
{
    json_t *given = json_object_get(host, "LogConfig"), *options = NULL, *v;
    _cleanup_json_ json_t *merged = json_object(), *log = json_object();
    const char *type = "", *key;
    int r;

    if (json_is_object(given)) {
        json_t *t = fields_member(given, "Type");

        type = json_is_string(t) ? json_string_value(t) : "";
        options = fields_member(given, "Config");
    }
    if (str_empty(type)) {
        type = d->log_driver ? d->log_driver : "json-file";
        if (d->log_opts)
            (void)json_object_update(merged, (json_t *)d->log_opts);
    }
    if (json_is_object(options))
        json_object_foreach(options, key, v)
            (void)json_object_set(merged, key, v);
    r = container_verify_log(type, merged, err);
    if (r < 0)
        return r;
    json_set_str(log, "Type", type);
    json_set_take(log, "Config", TAKE_PTR(merged));
    json_set_take(host, "LogConfig", TAKE_PTR(log));
    return 0;
}

static int verify_ulimits(json_t *host, const struct container_defaults *d, struct err *err)
{
    json_t *list = json_object_get(host, "Ulimits"), *item, *dflt;
    const char *key;
    size_t i;

    json_array_foreach(list, i, item) {
        const char *name = json_str_or(item, "Name", "");
        int64_t soft = json_i64_or(item, "Soft", 0), hard = json_i64_or(item, "Hard", 0);

        if (!container_rlimit_known(name))
            return INVALID("invalid ulimit type: %s", name);
        if (hard != -1 && (soft > hard || soft == -1))
            return INVALID(
                "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
                (long long)soft, (long long)hard);
    }
    if (!json_is_object(d->ulimits))
        return 0;
    if (!json_is_array(list)) {
        list = json_array();
        json_set_take(host, "Ulimits", list);
    }
    json_object_foreach((json_t *)d->ulimits, key, dflt) {
        bool given = false;

        json_array_foreach(list, i, item)
            given |= str_eq(json_str_or(item, "Name", ""), key);
        if (!given)
            (void)json_array_append(list, dflt);
    }
    return 0;
}

static int verify_caps(const json_t *host, struct err *err)
{
    uint64_t mask = 0;

    return container_caps(host, &mask, err);
}

/* As Docker stores it: what may look at the host is not confined by SELinux labels. */
static void add_label_disable(json_t *host)
{
    json_t *list = json_object_get(host, "SecurityOpt"), *item;
    size_t i;

    if (!json_bool_or(host, "Privileged", false) &&
        !str_eq(json_str_or(host, "IpcMode", ""), "host") &&
        !str_eq(json_str_or(host, "PidMode", ""), "host"))
        return;
    json_array_foreach(list, i, item)
        if (str_starts(json_string_value(item), "label"))
            return;
    list = json_is_array(list) ? json_copy(list) : json_array();
    (void)json_array_append_new(list, json_string("label=disable"));
    json_set_take(host, "SecurityOpt", list);
}

static int verify_security(json_t *host, struct err *err)
{
    json_t *list = json_object_get(host, "SecurityOpt"), *item;
    size_t i;

    json_array_foreach(list, i, item) {
        const char *opt = json_string_value(item);
        const char *v = strchr(opt, '='), *colon = strchr(opt, ':');
        _cleanup_free_ char *key = NULL;

        if (str_eq(opt, "no-new-privileges"))
            continue;
        if (!v || (colon && colon < v))
            v = colon;
        if (!v)
            return INVALID("invalid --security-opt 1: \"%s\"", opt);
        key = xstrndup(opt, (size_t)(v - opt));
        v++;
        if (str_eq(key, "no-new-privileges")) {
            bool on = false;

            if (parse_bool(v, &on) < 0)
                return INVALID("invalid --security-opt 2: \"%s\"", opt);
        } else if (str_eq(key, "seccomp")) {
            _cleanup_json_ json_t *profile = NULL;

            if (str_eq(v, "unconfined") || str_eq(v, "builtin"))
                continue;
            profile = json_parse(v, strlen(v), "seccomp profile", err);
            if (!profile) {
                err_wrap(err, "Decoding seccomp profile failed");
                return -EINVAL;
            }
        } else if (str_eq(key, "apparmor") || str_eq(key, "label")) {
            if (!str_eq(v, "unconfined") && !str_eq(v, "disable"))
                return err_set(err, ERR_UNSUPPORTED, "--security-opt %s is not supported", opt);
        } else if (str_eq(key, "systempaths")) {
            if (!str_eq(v, "unconfined"))
                return INVALID("invalid --security-opt 2: \"%s\"", opt);
        } else {
            return INVALID("invalid --security-opt 2: \"%s\"", opt);
        }
    }
    add_label_disable(host);
    return 0;
}

static int verify_host_misc(json_t *host, const struct container_defaults *d, struct err *err)
{
    json_t *console = json_object_get(host, "ConsoleSize"), *v;
    int64_t oom = num(host, "OomScoreAdj"), shm = num(host, "ShmSize");
    int64_t pids = json_i64_or(host, "PidsLimit", 0);
    const char *runtime = json_str_or(host, "Runtime", ""), *key;

    if (oom < -1000 || oom > 1000)
        return INVALID("Invalid value %lld, range for oom score adj is [-1000, 1000]",
                       (long long)oom);
    if (shm < 0)
        return INVALID("SHM size can not be less than 0");
    if (shm == 0)
        json_set_i64(host, "ShmSize",
                     d->shm_size_bytes > 0 ? d->shm_size_bytes : (int64_t)(64 * MIB));
    if (pids <= 0)
        json_set_take(host, "PidsLimit", json_null());
    if (!str_empty(runtime) && !str_eq(runtime, "lighter") && !str_eq(runtime, "runc") &&
        !str_eq(runtime, "io.containerd.runc.v2"))
        return INVALID("unknown or invalid runtime name: %s", runtime);
    if (str_empty(runtime))
        json_set_str(host, "Runtime", "lighter");
    if (json_is_null(console))
        json_set_take(host, "ConsoleSize", json_pack("[i,i]", 0, 0));
    else if (json_array_size(console) != 2 || !json_is_integer(json_array_get(console, 0)) ||
             !json_is_integer(json_array_get(console, 1)))
        return INVALID("field \"HostConfig.ConsoleSize\" must be an array of two integers");
    if (d->init && !json_object_get(host, "Init"))
        json_set_bool(host, "Init", true);
    json_object_foreach(json_object_get(host, "Sysctls"), key, v) {
        if (strpbrk(key, "/ \n\t=") || strstr(key, "..") || strpbrk(json_string_value(v), "\n"))
            return INVALID("sysctl '%s' is not allowed", key);
        if (str_starts(key, "net.") && str_eq(json_str_or(host, "NetworkMode", ""), "host"))
            return INVALID("sysctl '%s' not allowed in host network namespace", key);
    }
    return 0;
}

/* Host and domain name go into /etc/hosts and the kernel: one word, at most what the kernel takes.
 */
static int verify_hostname(const char *name, const char *what, struct err *err)
{
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f || *p == '/')
            return INVALID("invalid %s format: %s", what, name);
    return strlen(name) > 64 ? INVALID("invalid %s format: %s", what, name) : 0;
}

static int verify_health(const json_t *health, struct err *err)
{
    static const char *const times[] = {"Interval", "Timeout", "StartPeriod", "StartInterval"};

    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        int64_t nsec = 0;
        int r = json_get_i64(health, "Healthcheck", times[i], &nsec, err);

        if (r < 0)
            return r;
        if (nsec != 0 && nsec < 1000000)
            return err_set(err, ERR_INVALID, "%s in Healthcheck cannot be less than 1ms", times[i]);
    }
    if (json_i64_or(health, "Retries", 0) < 0)
        return err_set(err, ERR_INVALID, "Retries in Healthcheck cannot be negative");
    return 0;
}

static int verify_config(const json_t *config, struct err *err)
{
    json_t *env = json_object_get(config, "Env"), *labels, *v;
    const char *wd = json_str_or(config, "WorkingDir", ""), *key;
    const char *signal = json_str_or(config, "StopSignal", "");
    int signo = 0, r;
    size_t i;

    if (!str_empty(wd) && wd[0] != '/')
        return INVALID("the working directory '%s' is invalid, it needs to be an absolute path",
                       wd);
    if (!str_empty(signal) && (r = container_signal_parse(signal, &signo, err)) < 0)
        return r;
    if ((r = verify_hostname(json_str_or(config, "Hostname", ""), "hostname", err)) < 0 ||
        (r = verify_hostname(json_str_or(config, "Domainname", ""), "domainname", err)) < 0)
        return r;
    json_array_foreach(env, i, v)
        if (json_string_value(v)[0] == '=' || json_string_length(v) == 0)
            return INVALID("invalid environment variable: %s", json_string_value(v));
    json_object_foreach(json_object_get(config, "ExposedPorts"), key, v) {
        _cleanup_strv_ char **parts = str_split(key, '/');
        uint32_t first = 0, last = 0;
        char *dash = strchr(parts[0], '-');

        if (dash)
            *dash++ = '\0';
        if (parse_u32(parts[0], &first) < 0 || (dash && parse_u32(dash, &last) < 0) ||
            first > 65535 || last > 65535)
            return INVALID("invalid port specification: \"%s\"", key);
        if (parts[1] && (parts[2] || (!str_eq(parts[1], "tcp") && !str_eq(parts[1], "udp") &&
                                      !str_eq(parts[1], "sctp"))))
            return INVALID("invalid port specification: \"%s\"", key);
    }
    labels = json_object_get(config, "Labels");
    json_object_foreach(labels, key, v)
        if (!*key)
            return INVALID("invalid label: the name is empty");
    return verify_health(json_object_get(config, "Healthcheck"), err);
}

int container_verify(json_t *config, json_t *host, const struct container_defaults *defaults,
                     json_t *warnings, struct err *err)
{
    int r;

    if ((r = verify_config(config, err)) < 0 || (r = verify_restart(host, err)) < 0 ||
        (r = verify_modes(config, host, defaults, err)) < 0 ||
        (r = verify_memory(host, warnings, defaults, err)) < 0 ||
        (r = verify_cpu(host, defaults, err)) < 0 ||
        (r = verify_blkio(host, warnings, defaults, err)) < 0 ||
        (r = verify_logging(host, defaults, err)) < 0 ||
        (r = verify_ulimits(host, defaults, err)) < 0 || (r = verify_caps(host, err)) < 0 ||
        (r = verify_security(host, err)) < 0)
        return r;
    if ((r = container_verify_names(host, err)) < 0)
        return r;
    return verify_host_misc(host, defaults, err);
}
