/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/options_format.h"
#include "cli/version.h"

static json_t *client_info(const struct cli *cli)
{
    json_t *o = json_object();
    json_set_bool(o, "Debug", cli->debug);
    json_set_str(o, "Version", LIGHTER_VERSION);
    json_set_str(o, "DefaultAPIVersion", CLIENT_API_VERSION);
    json_set_str(o, "GitCommit", "");
    json_set_str(o, "GoVersion", "");
    json_set_str(o, "Os", "linux");
    json_set_str(o, "Arch", client_arch());
    json_set_str(o, "BuildTime", "");
    json_set_str(o, "Context", "default");
    json_set_take(o, "Plugins", json_array());
    json_set_take(o, "Warnings", json_null());
    return o;
}

static void str_line(const json_t *i, const char *label, const char *key)
{
    const char *v = json_str_or(i, key, "");
    if (*v)
        (void)printf(" %s: %s\n", label, v);
}

static const char *truth(const json_t *i, const char *key)
{
    return json_bool_or(i, key, false) ? "true" : "false";
}

static void print_plugins(const json_t *plugins)
{
    static const struct {
        const char *key, *label;
    } kinds[] = {{"Volume", "Volume"},
                 {"Network", "Network"},
                 {"Authorization", "Authorization"},
                 {"Log", "Log"}};
    (void)printf(" Plugins:\n");
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        json_t *list = json_object_get(plugins, kinds[k].key), *m;
        size_t i;
        if (json_array_size(list) == 0)
            continue;
        (void)printf("  %s:", kinds[k].label);
        json_array_foreach(list, i, m)
            (void)printf(" %s", json_string_value(m));
        (void)printf("\n");
    }
}

static void print_counts(const json_t *i)
{
    static const struct {
        const char *key, *label;
    } counts[] = {{"Containers", " Containers"},
                  {"ContainersRunning", "  Running"},
                  {"ContainersPaused", "  Paused"},
                  {"ContainersStopped", "  Stopped"},
                  {"Images", " Images"}};
    for (size_t k = 0; k < ARRAY_SIZE(counts); k++)
        (void)printf("%s: %" PRId64 "\n", counts[k].label, json_i64_or(i, counts[k].key, 0));
}

static int by_name(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* Runtimes and the versions of what containers need. */
static void print_runtimes(const json_t *i)
{
    const char *name;
    json_t *v;
    char **names = NULL;
    json_object_foreach(json_object_get(i, "Runtimes"), name, v)
        strv_push(&names, name);
    if (names) {
        (void)printf(" Runtimes:");
        qsort(names, strv_len(names), sizeof(*names), by_name);
        for (char **n = names; *n; n++)
            (void)printf(" %s", *n);
        (void)printf("\n");
        strv_free(names);
    }
    str_line(i, "Default Runtime", "DefaultRuntime");
    str_line(i, "Init Binary", "InitBinary");
    static const struct {
        const char *key, *label;
    } commits[] = {
        {"ContainerdCommit", "containerd"}, {"RuncCommit", "runc"}, {"InitCommit", "init"}};
    for (size_t k = 0; k < ARRAY_SIZE(commits); k++) {
        const json_t *c = json_object_get(i, commits[k].key);
        if (c)
            (void)printf(" %s version: %s\n", commits[k].label, json_str_or(c, "ID", ""));
    }
}

/* "name=seccomp,profile=builtin" */
static void print_security(const json_t *options)
{
    size_t i;
    json_t *o;
    if (json_array_size(options) == 0)
        return;
    (void)printf(" Security Options:\n");
    json_array_foreach(options, i, o) {
        _cleanup_strv_ char **parts = str_split(json_is_string(o) ? json_string_value(o) : "", ',');
        for (char **p = parts; *p; p++) {
            const char *name = str_after(*p, "name=");
            size_t n = strcspn(*p, "=");
            if (name)
                (void)printf("  %s\n", name);
            else if ((*p)[n])
                (void)printf("   %c%.*s: %s\n", (*p)[0] & ~0x20, (int)n - 1, *p + 1, *p + n + 1);
        }
    }
}

static void print_list(const char *label, const json_t *list)
{
    size_t i;
    json_t *m;
    if (json_array_size(list) == 0)
        return;
    (void)printf(" %s:\n", label);
    json_array_foreach(list, i, m)
        (void)printf("  %s%s\n", json_is_string(m) ? json_string_value(m) : "",
                     str_eq(label, "Registry Mirrors") ? "/" : "");
}

static void print_host(const json_t *i)
{
    char memory[HUMAN_MAX];
    human_bytes((double)json_i64_or(i, "MemTotal", 0), memory);
    str_line(i, "Kernel Version", "KernelVersion");
    str_line(i, "Operating System", "OperatingSystem");
    str_line(i, "OSType", "OSType");
    str_line(i, "Architecture", "Architecture");
    (void)printf(" CPUs: %" PRId64 "\n Total Memory: %s\n", json_i64_or(i, "NCPU", 0), memory);
    str_line(i, "Name", "Name");
    str_line(i, "ID", "ID");
    (void)printf(" Docker Root Dir: %s\n Debug Mode: %s\n", json_str_or(i, "DockerRootDir", ""),
                 truth(i, "Debug"));
    if (json_bool_or(i, "Debug", false))
        (void)printf("  File Descriptors: %" PRId64 "\n  Goroutines: %" PRId64
                     "\n  System Time: %s\n  EventsListeners: %" PRId64 "\n",
                     json_i64_or(i, "NFd", 0), json_i64_or(i, "NGoroutines", 0),
                     json_str_or(i, "SystemTime", ""), json_i64_or(i, "NEventsListener", 0));
    str_line(i, "HTTP Proxy", "HttpProxy");
    str_line(i, "HTTPS Proxy", "HttpsProxy");
    str_line(i, "No Proxy", "NoProxy");
}

static void print_server(const json_t *i)
{
    size_t k;
    json_t *m;
    print_counts(i);
    str_line(i, "Server Version", "ServerVersion");
    str_line(i, "Storage Driver", "Driver");
    json_array_foreach(json_object_get(i, "DriverStatus"), k, m) {
        const json_t *name = json_array_get(m, 0), *value = json_array_get(m, 1);
        if (json_is_string(name) && json_is_string(value))
            (void)printf("  %s: %s\n", json_string_value(name), json_string_value(value));
    }
    str_line(i, "Logging Driver", "LoggingDriver");
    str_line(i, "Cgroup Driver", "CgroupDriver");
    str_line(i, "Cgroup Version", "CgroupVersion");
    print_plugins(json_object_get(i, "Plugins"));
    const json_t *swarm = json_object_get(i, "Swarm");
    if (swarm)
        (void)printf(" Swarm: %s\n", json_str_or(swarm, "LocalNodeState", "inactive"));
    print_runtimes(i);
    print_security(json_object_get(i, "SecurityOptions"));
    print_host(i);
    print_list("Labels", json_object_get(i, "Labels"));
    (void)printf(" Experimental: %s\n", truth(i, "ExperimentalBuild"));
    const json_t *registry = json_object_get(i, "RegistryConfig");
    if (registry) {
        (void)printf(" Insecure Registries:\n");
        const char *name;
        json_object_foreach(json_object_get(registry, "IndexConfigs"), name, m)
            if (!json_bool_or(m, "Secure", true))
                (void)printf("  %s\n", name);
        json_array_foreach(json_object_get(registry, "InsecureRegistryCIDRs"), k, m)
            (void)printf("  %s\n", json_is_string(m) ? json_string_value(m) : "");
        print_list("Registry Mirrors", json_object_get(registry, "Mirrors"));
    }
    (void)printf(" Live Restore Enabled: %s\n", truth(i, "LiveRestoreEnabled"));
    str_line(i, "Product License", "ProductLicense");
    (void)printf("\n");
    (void)fflush(stdout);
    json_array_foreach(json_object_get(i, "Warnings"), k, m)
        (void)fprintf(stderr, "%s\n", json_is_string(m) ? json_string_value(m) : "");
}

static int run_info(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    const char *format = args_str(a, "format");
    _cleanup_json_ json_t *info = NULL;
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    int failed = client_call(c, "GET", "/info", NULL, &info, &err);
    if (*format) {
        struct err bad = {0};
        if (!info)
            info = json_object();
        json_set_take(info, "ClientInfo", client_info(cli));
        if (format_one(format, "", info, "system.dockerInfo", &bad) < 0) {
            (void)printf("\n");
            return cli_fail(&bad);
        }
        return failed < 0 ? cli_fail(&err) : 0;
    }
    (void)printf("Client:\n Version:    " LIGHTER_VERSION
                 "\n Context:    default\n Debug Mode: %s\n"
                 "\nServer:\n",
                 cli->debug ? "true" : "false");
    if (failed < 0)
        return cli_fail(&err);
    print_server(info);
    return 0;
}

static const struct opt info_opts[] = {
    {"format", 'f', OPT_STRING, HELP_FORMAT, NULL},
};

const struct command cmd_info = {"[OPTIONS]",
                                 "Display system-wide information",
                                 "system info, info",
                                 info_opts,
                                 ARRAY_SIZE(info_opts),
                                 0,
                                 0,
                                 false,
                                 run_info};
