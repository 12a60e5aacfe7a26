/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/thread.h"
#include "daemon/options.h"
#include "daemon/service.h"
#include "engine/engine.h"
#include "http/listen.h"
#include "http/server.h"

#define DEFAULT_HOST      "unix:///run/lighter/lighter.sock"
#define DEFAULT_DATA_ROOT "/var/lib/lighter"
#define DEFAULT_EXEC_ROOT "/run/lighter"
#define DEFAULT_PIDFILE   "/run/lighter.pid"
#define TRIM_SEC          5 /* memory goes back to the system after so much quiet */

struct daemon {
    struct daemon_options options;
    int argc;
    char *const *argv;
    char *shim_program; /* owned */
    struct engine *engine;
    struct http_server *server;
    struct api api;
    int signal_fd, lock_fd;
    pthread_t signals;
};

/* lighter-shim stands beside the daemon. */
static char *program_beside(const char *name)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (n <= 0)
        return xstrdup(name);
    self[n] = '\0';
    slash = strrchr(self, '/');
    return xasprintf("%.*s/%s", (int)(slash - self), self, name);
}

static void fill_config(const struct daemon *d, struct engine_config *c)
{
    const struct daemon_options *o = &d->options;

    *c = (struct engine_config){
        .data_root = o->data_root,
        .exec_root = o->exec_root,
        .storage_driver = o->storage_driver,
        .bridge = o->bridge,
        .bip = o->bip,
        .bridge_disabled = str_eq(o->bridge, "none"),
        .iptables = o->iptables,
        .ip_forward = o->ip_forward,
        .ip_masq = o->ip_masq,
        .mtu = o->mtu,
        .shim_program = d->shim_program,
        .log_driver = o->log_driver,
        .log_opts = o->log_opts,
        .default_ulimits = o->ulimits,
        .dns = o->dns,
        .dns_search = o->dns_search,
        .dns_options = o->dns_options,
        .labels = o->labels,
        .debug = o->debug,
        .experimental = o->experimental,
        .init = o->init,
        .init_path = o->init_path,
        .cgroup_parent = o->cgroup_parent,
        .default_shm_size = o->default_shm_size,
        .no_new_privileges = o->no_new_privileges,
        .seccomp_profile = o->seccomp_profile,
        .shutdown_timeout_sec = o->shutdown_timeout,
    };
}

static void apply_log_level(const struct daemon_options *o)
{
    enum log_level level = LOG_INFO;

    if (o->log_level)
        (void)log_level_parse(o->log_level, &level);
    log_set_level(o->debug ? LOG_DEBUG : level);
}

static void set_default(char **s, const char *value)
{
    if (!*s)
        *s = xstrdup(value);
}

/* Absolute, since the paths outlive the working directory. */
static void make_absolute(char **path)
{
    _cleanup_free_ char *cwd = NULL, *joined = NULL;

    if ((*path)[0] == '/')
        return;
    cwd = getcwd(NULL, 0);
    joined = xasprintf("%s/%s", cwd ? cwd : "", *path);
    free(*path);
    *path = path_clean(joined);
}

static int read_options(struct daemon_options *o, int argc, char *const *argv, struct err *err)
{
    int r;

    daemon_options_init(o);
    if ((r = daemon_options_flags(o, argc, argv, err)) < 0)
        return r;
    if (o->help || o->version)
        return 0;
    if ((r = daemon_options_file(o, err)) < 0 || (r = daemon_options_check(o, err)) < 0)
        return r;
    set_default(&o->data_root, DEFAULT_DATA_ROOT);
    set_default(&o->exec_root, DEFAULT_EXEC_ROOT);
    set_default(&o->pidfile, DEFAULT_PIDFILE);
    if (!o->hosts)
        strv_push(&o->hosts, DEFAULT_HOST);
    make_absolute(&o->data_root);
    make_absolute(&o->exec_root);
    make_absolute(&o->pidfile);
    return 0;
}

/* SIGHUP: the file again; what cannot change while running stays as it is. */
static void reload(struct daemon *d)
{
    struct daemon_options fresh;
    struct engine_config config;
    struct err err = {0};
    int r;

    service_notify_reloading();
    log_info("Got signal to reload configuration, reloading from: %s", d->options.config_file);
    r = read_options(&fresh, d->argc, d->argv, &err);
    if (r == 0) {
        struct daemon_options old = d->options;

        d->options = fresh;
        fill_config(d, &config);
        r = engine_reload(d->engine, &config, &err);
        if (r == 0) {
            apply_log_level(&fresh);
            fresh = old;
        } else {
            d->options = old;
        }
    }
    daemon_options_done(&fresh);
    if (r < 0)
        log_error("%s", err.message);
    service_notify("READY=1");
}

/* Waits for signals; the only thread that gets them. */
static void *signals_main(void *arg)
{
    struct daemon *d = arg;
    bool busy = true;

    for (;;) {
        struct pollfd p = {.fd = d->signal_fd, .events = POLLIN};
        struct signalfd_siginfo info;
        int n = poll(&p, 1, busy ? TRIM_SEC * 1000 : -1);

        if (n == 0) {
            (void)malloc_trim(0);
            busy = false;
            continue;
        }
        if (n < 0 || read(d->signal_fd, &info, sizeof(info)) != sizeof(info))
            continue;
        if (info.ssi_signo == SIGHUP) {
            reload(d);
            busy = true;
            continue;
        }
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
            log_info("Processing signal '%s'",
                     info.ssi_signo == SIGTERM ? "terminated" : "interrupt");
            service_notify("STOPPING=1");
            http_server_stop(d->server, d->options.shutdown_timeout * 1000);
            return NULL;
        }
    }
}

static int block_signals(struct daemon *d, struct err *err)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return d->signal_fd < 0 ? err_errno(err, errno, "signalfd") : 0;
}

/* As many descriptors as we may have: each connection, shim and log reader takes some. */
static void raise_limits(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
}

/* Standard descriptors stay open, so that nothing else lands on them. */
static void open_stdio(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= 2);
    if (fd > 2)
        (void)close_fd(fd);
}

static int listen_all(struct daemon *d, struct err *err)
{
    gid_t gid = service_group(d->options.group, err);

    if (gid == (gid_t)-1 && d->options.group)
        return -EINVAL;
    for (char **h = d->options.hosts; *h; h++) {
        const char *path = str_after(*h, "unix://");
        int fds[HTTP_LISTEN_MAX];
        size_t n = 0;
        int r;

        if (path && strrchr(path, '/') && strrchr(path, '/') != path) {
            _cleanup_free_ char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

            (void)mkdir_p(dir, 0755);
        }
        r = http_listen(*h, gid, fds, &n, err);
        if (r < 0) {
            err_wrap(err, "failed to load listeners");
            return r;
        }
        for (size_t i = 0; i < n; i++)
            http_server_add_listener(d->server, fds[i]);
        log_info("API listen on %s", path ? path : *h);
    }
    return 0;
}

/* Leaves nothing behind but what runs. */
static void remove_sockets(const struct daemon_options *o)
{
    for (char **h = o->hosts; h && *h; h++) {
        const char *path = str_after(*h, "unix://");

        if (path)
            (void)unlink(path);
    }
}

static int serve(struct daemon *d, struct err *err)
{
    struct engine_config config;
    int r;

    d->server = http_server_new(api_handle, &d->api, LIMIT_API_CONNECTIONS);
    fill_config(d, &config);
    if ((r = block_signals(d, err)) < 0 ||
        (r = service_lock(d->options.data_root, &d->lock_fd, err)) < 0 ||
        (r = service_pidfile_write(d->options.pidfile, err)) < 0)
        return r;
    if ((r = engine_open(&config, &d->engine, err)) < 0 || (r = listen_all(d, err)) < 0) {
        service_pidfile_remove(d->options.pidfile);
        return r;
    }
    d->api = (struct api){.engine = d->engine, .experimental = d->options.experimental};
    r = thread_spawn("signals", 0, signals_main, d, &d->signals);
    if (r < 0)
        return err_errno(err, r, "start the signal thread");
    log_info("Daemon has completed initialization");
    service_notify("READY=1");
    r = http_server_run(d->server, err);
    if (r == 0)
        (void)pthread_join(d->signals, NULL);
    remove_sockets(&d->options);
    service_pidfile_remove(d->options.pidfile);
    log_info("Daemon shutdown complete");
    return r;
}

int main(int argc, char **argv)
{
    struct daemon d = {.argc = argc, .argv = argv, .signal_fd = -1, .lock_fd = -1};
    struct err err = {0};
    int r;

    (void)mallopt(M_ARENA_MAX, 2);
    open_stdio();
    (void)umask(022);
    r = read_options(&d.options, argc, argv, &err);
    if (r == 0 && d.options.help) {
        daemon_options_help();
        return 0;
    }
    if (r == 0 && d.options.version) {
        (void)printf("Lighter version %s\n", LIGHTER_VERSION);
        return 0;
    }
    if (r == 0 && d.options.validate) {
        (void)printf("configuration OK\n");
        return 0;
    }
    if (r == 0) {
        apply_log_level(&d.options);
        raise_limits();
        d.shim_program = program_beside("lighter-shim");
        r = serve(&d, &err);
        if (d.engine)
            engine_close(d.engine);
    }
    if (r < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    return 0;
}
