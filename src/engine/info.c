/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /info and /version. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/timeutil.h"
#include "engine/internal.h"
#include "engine/kernel.h"

/* A value of /etc/os-release, quotes removed; heap, NULL when absent. */
static char *os_release(const char *key)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;

    if (read_file_at(AT_FDCWD, "/etc/os-release", 64 * KIB, &text, NULL) < 0)
        return NULL;
    lines = str_split(text, '\n');
    for (size_t i = 0; lines[i]; i++) {
        const char *v = str_after(lines[i], key);
        size_t len;

        if (!v || *v != '=')
            continue;
        v++;
        len = strlen(v);
        if (len >= 2 && (v[0] == '"' || v[0] == '\'') && v[len - 1] == v[0])
            return xstrndup(v + 1, len - 2);
        return xstrdup(v);
    }
    return NULL;
}

static void set_counts(struct engine *e, json_t *o)
{
    struct container_view **views;
    size_t n = 0;
    int64_t running = 0, paused = 0;

    views = engine_views(e, &n);
    for (size_t i = 0; i < n; i++) {
        paused += views[i]->state.paused;
        running += views[i]->state.running && !views[i]->state.paused;
    }
    json_set_i64(o, "Containers", (int64_t)n);
    json_set_i64(o, "ContainersRunning", running);
    json_set_i64(o, "ContainersPaused", paused);
    json_set_i64(o, "ContainersStopped", (int64_t)n - running - paused);
    json_set_i64(o, "Images", (int64_t)image_count(e->images));
    engine_views_free(views, n);
}

static void set_kernel(const struct engine *e, json_t *o)
{
    struct kernel_features f;

    kernel_probe(e->cgroup_v2, &f);
    json_set_bool(o, "MemoryLimit", f.memory);
    json_set_bool(o, "SwapLimit", f.swap);
    json_set_bool(o, "CpuCfsPeriod", f.cpu_cfs);
    json_set_bool(o, "CpuCfsQuota", f.cpu_cfs);
    json_set_bool(o, "CPUShares", f.cpu);
    json_set_bool(o, "CPUSet", f.cpuset);
    json_set_bool(o, "PidsLimit", f.pids);
    json_set_bool(o, "IPv4Forwarding", f.ip_forward);
    json_set_bool(o, "OomKillDisable", f.memory && !e->cgroup_v2);
    json_set_take(o, "Warnings", kernel_warnings(&f));
}

static int64_t count_fds(void)
{
    int64_t n = 0;

    for (int fd = 0; fd < 4096; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void set_host(struct engine *e, json_t *o)
{
    _cleanup_free_ char *pretty = os_release("PRETTY_NAME"), *version = os_release("VERSION_ID");
    struct utsname u = {0};
    struct sysinfo si = {0};
    char now[TIME_RFC3339_MAX];

    (void)uname(&u);
    (void)sysinfo(&si);
    time_format_rfc3339nano(now_nsec(), now);
    json_set_str(o, "SystemTime", now);
    json_set_i64(o, "NFd", count_fds());
    json_set_i64(o, "NGoroutines", (int64_t)kernel_own_threads());
    json_set_i64(o, "NEventsListener", event_bus_listeners(e->bus));
    json_set_str(o, "KernelVersion", u.release);
    json_set_str(o, "OperatingSystem", pretty ? pretty : "Linux");
    json_set_str(o, "OSVersion", version ? version : "");
    json_set_str(o, "OSType", "linux");
    json_set_str(o, "Architecture", u.machine);
    json_set_i64(o, "NCPU", e->n_cpus);
    json_set_i64(o, "MemTotal", (int64_t)si.totalram * si.mem_unit);
    json_set_str(o, "Name", u.nodename);
}

static const char *no_proxy_env(const char *upper, const char *lower)
{
    const char *v = getenv(upper);

    v = v ? v : getenv(lower);
    return v ? v : "";
}

static void set_registry(json_t *o)
{
    json_set_str(o, "IndexServerAddress", "https://index.docker.io/v1/");
    json_set_take(o, "RegistryConfig",
                  json_pack("{s:[s],s:{s:{s:s,s:[],s:b,s:b}},s:n}", "InsecureRegistryCIDRs",
                            "127.0.0.0/8", "IndexConfigs", "docker.io", "Name", "docker.io",
                            "Mirrors", "Secure", 1, "Official", 1, "Mirrors"));
    json_set_str(o, "HttpProxy", no_proxy_env("HTTP_PROXY", "http_proxy"));
    json_set_str(o, "HttpsProxy", no_proxy_env("HTTPS_PROXY", "https_proxy"));
    json_set_str(o, "NoProxy", no_proxy_env("NO_PROXY", "no_proxy"));
}

static void set_runtimes(struct engine *e, json_t *o)
{
    json_t *security = json_array();

    json_set_take(o, "Plugins",
                  json_pack("{s:[s],s:[s,s,s],s:n,s:[s,s]}", "Volume", "local", "Network", "bridge",
                            "host", "null", "Authorization", "Log", "json-file", "none"));
    json_set_take(o, "Runtimes",
                  json_pack("{s:{s:s},s:{s:s}}", "lighter", "path", "lighter-runtime", "runc",
                            "path", "lighter-runtime"));
    json_set_str(o, "DefaultRuntime", "lighter");
    json_set_take(o, "Swarm",
                  json_pack("{s:s,s:s,s:s,s:b,s:s,s:n}", "NodeID", "", "NodeAddr", "",
                            "LocalNodeState", "inactive", "ControlAvailable", 0, "Error", "",
                            "RemoteManagers"));
    json_set_bool(o, "LiveRestoreEnabled", true);
    json_set_str(o, "Isolation", "");
    json_set_str(o, "InitBinary", "docker-init");
    json_set_take(o, "ContainerdCommit", json_pack("{s:s}", "ID", ""));
    json_set_take(o, "RuncCommit", json_pack("{s:s}", "ID", ""));
    json_set_take(o, "InitCommit", json_pack("{s:s}", "ID", ""));
    if (kernel_has_seccomp())
        (void)json_array_append_new(
            security, json_sprintf("name=seccomp,profile=%s",
                                   !e->seccomp_profile                        ? "builtin"
                                   : str_eq(e->seccomp_profile, "unconfined") ? "unconfined"
                                                                              : "custom"));
    if (e->cgroup_v2)
        (void)json_array_append_new(security, json_string("name=cgroupns"));
    json_set_take(o, "SecurityOptions", security);
    json_set_take(o, "CDISpecDirs", json_array());
}

int engine_info(struct engine *e, json_t **ret, struct err *err)
{
    json_t *o = json_object();

    (void)err;
    json_set_str(o, "ID", e->id);
    set_counts(e, o);
    json_set_str(o, "Driver", layer_store_driver(e->layers));
    json_set_take(o, "DriverStatus", layer_store_status(e->layers));
    set_kernel(e, o);
    set_host(e, o);
    set_registry(o);
    set_runtimes(e, o);
    json_set_str(o, "CgroupDriver", "cgroupfs");
    json_set_str(o, "CgroupVersion", e->cgroup_v2 ? "2" : "1");
    json_set_take(o, "GenericResources", json_null());
    json_set_str(o, "DockerRootDir", e->data_root);
    json_set_str(o, "ServerVersion", LIGHTER_VERSION);
    json_set_bool(o, "ExperimentalBuild", e->experimental);
    LOCK_SCOPE(&e->settings_lock);
    json_set_bool(o, "Debug", e->debug);
    json_set_str(o, "LoggingDriver", e->log_driver ? e->log_driver : "json-file");
    json_set_take(o, "Labels", json_strv(e->labels, false));
    *ret = o;
    return 0;
}

int engine_version(struct engine *e, json_t **ret, struct err *err)
{
    json_t *o = json_object(), *components = json_array(), *details = json_object();
    struct utsname u = {0};
    const char *arch;

    (void)err;
    (void)uname(&u);
    arch = str_eq(u.machine, "x86_64")    ? "amd64"
           : str_eq(u.machine, "aarch64") ? "arm64"
                                          : u.machine;
    json_set_str(details, "Arch", arch);
    json_set_str(details, "BuildTime", "");
    json_set_str(details, "Experimental", e->experimental ? "true" : "false");
    json_set_str(details, "GitCommit", "");
    json_set_str(details, "GoVersion", "");
    json_set_str(details, "KernelVersion", u.release);
    json_set_str(details, "Os", "linux");
    (void)json_array_append_new(components, json_pack("{s:s,s:s,s:o}", "Name", "Engine", "Version",
                                                      LIGHTER_VERSION, "Details", details));
    (void)json_array_append_new(components, json_pack("{s:s,s:s,s:{}}", "Name", "lighter-runtime",
                                                      "Version", LIGHTER_VERSION, "Details"));
    json_set_take(o, "Platform", json_pack("{s:s}", "Name", "Lighter"));
    json_set_take(o, "Components", components);
    json_set_str(o, "Version", LIGHTER_VERSION);
    json_set_str(o, "GitCommit", "");
    json_set_str(o, "GoVersion", "");
    json_set_str(o, "Os", "linux");
    json_set_str(o, "Arch", arch);
    json_set_str(o, "KernelVersion", u.release);
    if (e->experimental)
        json_set_bool(o, "Experimental", true);
    json_set_str(o, "BuildTime", "");
    *ret = o;
    return 0;
}
