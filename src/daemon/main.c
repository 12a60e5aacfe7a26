/* SPDX-License-Identifier: GPL-2.0-or-later */

/* lighterd: reads its settings, takes lock and sockets, opens the engine, serves the API on threads
 * and waits for signals on this one. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/timeutil.h"
#include "daemon/config.h"
#include "daemon/notify.h"
#include "http/listen.h"

#define TRIM_AFTER_SEC 5

struct service {
    struct daemon_config config;
    char *shim_program; /* owned */
    int lock_fd;
    struct engine *engine; /* owned */
    struct api api;
    struct http_server *server; /* owned */
    pthread_t server_thread;
    bool serving, pidfile_written;
};

static void set_process_up(void)
{
    struct rlimit files;

    /* One thread a connection: two arenas instead of one a core and thread keep memory small. */
    (void)mallopt(M_ARENA_MAX, 2);
    (void)mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    (void)umask(022);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* lighter-shim stands beside this program. The path is taken now: after an upgrade, /proc/self/exe
 * names a deleted file. */
static char *find_shim(void)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return xstrdup("/usr/bin/lighter-shim");
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    return xasprintf("%s/lighter-shim", self);
}

static int socket_group(const struct daemon_config *c, gid_t *ret, struct err *err)
{
    static const char *const usual[] = {"lighter", "docker"};
    struct group *g;

    if (!str_empty(c->group)) {
        uint32_t gid;
        g = getgrnam(c->group);
        if (!g && parse_u32(c->group, &gid) < 0)
            return err_set(err, ERR_INVALID, "group %s not found", c->group);
        *ret = g ? g->gr_gid : (gid_t)gid;
        return 0;
    }
    *ret = (gid_t)-1;
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
        g = getgrnam(usual[i]);
        if (g) {
            *ret = g->gr_gid;
            break;
        }
    }
    return 0;
}

static int listen_all(struct service *s, struct err *err)
{
    gid_t gid = (gid_t)-1;
    int r = socket_group(&s->config, &gid, err);

    for (size_t i = 0; r == 0 && s->config.hosts[i]; i++) {
        int fds[HTTP_LISTEN_MAX];
        size_t n = 0;
        r = http_listen(s->config.hosts[i], gid, fds, &n, err);
        for (size_t k = 0; r == 0 && k < n; k++)
            http_server_add_listener(s->server, fds[k]);
        if (r == 0 && str_starts(s->config.hosts[i], "tcp://"))
            log_warn(
                "%s is open to everybody who reaches it, and whoever does is root on this host",
                s->config.hosts[i]);
        if (r == 0)
            log_info("API listen on %s", s->config.hosts[i]);
    }
    return r;
}

static void *serve(void *arg)
{
    struct service *s = arg;
    struct err err = {};

    if (http_server_run(s->server, &err) < 0) {
        log_error("%s", err.message);
        (void)kill(getpid(), SIGTERM);
    }
    return NULL;
}

static int make_roots(const struct daemon_config *c, struct err *err)
{
    const char *roots[] = {c->data_root, c->exec_root};

    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        int r = mkdir_p(roots[i], 0711);
        if (r == 0 && chmod(roots[i], 0711) < 0)
            r = -errno;
        if (r < 0)
            return err_errno(err, r, "make %s", roots[i]);
    }
    return 0;
}

static int start(struct service *s, struct err *err)
{
    struct engine_config config;

    int r = make_roots(&s->config, err);
    if (r < 0)
        return r;
    r = pidfile_write(s->config.pidfile, err);
    if (r < 0)
        return r;
    s->pidfile_written = true;
    s->lock_fd = data_root_lock(s->config.data_root, err);
    if (s->lock_fd < 0)
        return s->lock_fd;
    s->shim_program = find_shim();
    daemon_engine_config(&s->config, s->shim_program, &config);
    r = engine_open(&config, &s->engine, err);
    if (r < 0)
        return r;
    s->api = (struct api){.engine = s->engine, .experimental = s->config.experimental};
    s->server = http_server_new(api_handle, &s->api, LIMIT_API_CONNECTIONS);
    r = listen_all(s, err);
    if (r == 0) {
        r = thread_spawn("api-accept", 0, serve, s, &s->server_thread);
        s->serving = r == 0;
    }
    return r;
}

static void stop(struct service *s)
{
    bool unused = true;

    if (s->serving) {
        unused =
            http_server_stop(s->server, (int)MIN(s->config.shutdown_timeout, INT64_C(3600)) * 1000);
        (void)pthread_join(s->server_thread, NULL);
    }
    http_server_free(s->server);
    /* A request that still runs keeps its engine, to the end of the process. */
    if (unused)
        engine_close(s->engine);
    for (size_t i = 0; s->serving && s->config.hosts[i]; i++) {
        const char *path = str_after(s->config.hosts[i], "unix://");
        if (path)
            (void)unlink(path);
    }
    if (s->pidfile_written)
        (void)unlink(s->config.pidfile);
    close_fd(s->lock_fd);
    free(s->shim_program);
    daemon_config_done(&s->config);
}

static void apply_log_level(const struct daemon_config *c)
{
    enum log_level level = LOG_INFO;

    (void)log_level_parse(c->log_level, &level);
    log_set_level(c->debug ? LOG_DEBUG : level);
}

static void reload(struct service *s, int argc, char **argv)
{
    struct daemon_config fresh = {};
    struct engine_config config;
    struct err err = {};
    _cleanup_free_ char *announce =
        xasprintf("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(monotonic_nsec() / 1000));

    notify_service_manager(announce);
    int r = daemon_config_load(&fresh, argc, argv, &err);
    if (r == 0) {
        daemon_engine_config(&fresh, s->shim_program, &config);
        r = engine_reload(s->engine, &config, &err);
    }
    if (r == 0) {
        apply_log_level(&fresh);
        log_info("reloaded the configuration");
    } else {
        log_error("the configuration stays as it was: %s", err.message);
    }
    daemon_config_done(&fresh);
    notify_service_manager("READY=1");
}

/* Returns when the daemon is to end. */
static void wait_for_signals(struct service *s, const sigset_t *signals, int argc, char **argv)
{
    bool busy = true;

    for (;;) {
        const struct timespec quiet = {.tv_sec = TRIM_AFTER_SEC};
        int signo = busy ? sigtimedwait(signals, NULL, &quiet) : sigwaitinfo(signals, NULL);
        if (signo < 0) {
            /* What the start needed goes back to the system. */
            if (errno == EAGAIN)
                (void)malloc_trim(0);
            busy = busy && errno != EAGAIN;
            continue;
        }
        if (signo == SIGHUP)
            reload(s, argc, argv);
        if (signo == SIGTERM || signo == SIGINT) {
            log_info("ending on %s; containers run on", signo == SIGINT ? "SIGINT" : "SIGTERM");
            return;
        }
    }
}

static int run(int argc, char **argv)
{
    struct service s = {.lock_fd = -1};
    struct err err = {};
    sigset_t signals;

    int r = daemon_config_load(&s.config, argc, argv, &err);
    if (r < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        daemon_config_done(&s.config);
        return 1;
    }
    if (s.config.help || s.config.version || s.config.validate) {
        if (s.config.help)
            daemon_print_help();
        else
            puts(s.config.version ? "Lighter version " LIGHTER_VERSION : "configuration OK");
        daemon_config_done(&s.config);
        return 0;
    }
    apply_log_level(&s.config);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    r = start(&s, &err);
    if (r == 0) {
        notify_service_manager("READY=1");
        log_info("lighterd " LIGHTER_VERSION " is ready");
        (void)malloc_trim(0);
        wait_for_signals(&s, &signals, argc, argv);
        notify_service_manager("STOPPING=1");
    } else {
        log_error("failed to start the daemon: %s", err.message);
    }
    stop(&s);
    return r == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    set_process_up();
    return run(argc, argv);
}
