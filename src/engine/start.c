/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/timeutil.h"
#include "engine/health.h"
#include "engine/internal.h"

/* One start: what it has gathered so far. */
struct start {
    struct engine *e;
    struct container *c;
    json_t *config, *host, *mounts; /* owned */
    char *exec_dir;                 /* owned */
    const char *network;            /* "bridge", "host", "none", or NULL: another container's */
    bool sandboxed;
    int rootfs_fd, netns_fd, seccomp_fd; /* the last is borrowed */
    struct net_endpoint endpoint;
    int net_result;
    struct err net_err;
    pthread_t net_thread;
    bool net_running;
};

static void start_done(struct start *s)
{
    if (s->net_running)
        (void)pthread_join(s->net_thread, NULL);
    json_decref(s->config);
    json_decref(s->host);
    json_decref(s->mounts);
    free(s->exec_dir);
    if (s->rootfs_fd >= 0)
        (void)close_fd(s->rootfs_fd);
    if (s->netns_fd >= 0)
        (void)close_fd(s->netns_fd);
}

static void *net_main(void *arg)
{
    struct start *s = arg;

    s->net_result = net_sandbox_create(s->e->net, s->c->conf->id, s->network, &s->endpoint,
                                       &s->netns_fd, &s->net_err);
    return NULL;
}

int container_proc_open(const char *id, pid_t pid, const char *name, int flags)
{
    _cleanup_free_ char *path = xasprintf("/proc/%d/%s", pid, name), *text = NULL;
    _cleanup_free_ char *groups = xasprintf("/proc/%d/cgroup", pid);
    _cleanup_close_ int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (read_file_at(AT_FDCWD, groups, 64 * KIB, &text, NULL) < 0 || !strstr(text, id))
        return -ESRCH;
    return TAKE_FD(fd);
}

/* The view of a running container that a mode names ("container:<id>"). */
static int joined(struct engine *e, const char *mode, const char *what, struct container_view **ret,
                  struct err *err)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = NULL;
    const char *id = str_after(mode, "container:");
    int r = engine_lookup_view(e, id, &v, err);

    if (r < 0)
        return r;
    if (!v->state.running || v->state.pid <= 0) {
        (void)err_set(err, ERR_CONFLICT, "cannot join %s of a non running container: %s", what, id);
        return -EBUSY;
    }
    *ret = TAKE_PTR(v);
    return 0;
}

static int start_network(struct start *s, struct err *err)
{
    const char *mode = s->c->conf->network_mode;
    int r;

    if (str_after(mode, "container:")) {
        _cleanup_(container_view_unrefp)
        struct container_view *v = NULL;

        if ((r = joined(s->e, mode, "network", &v, err)) < 0)
            return r;
        r = container_proc_open(v->conf->id, v->state.pid, "ns/net", O_RDONLY);
        if (r < 0)
            return err_errno(err, r, "join the network of container %s", v->conf->id);
        s->netns_fd = r;
        return 0;
    }
    r = net_mode_resolve(mode, &s->network, err);
    if (r < 0)
        return r;
    engine_wait_net_ready(s->e);
    r = thread_spawn("sandbox", 0, net_main, s, &s->net_thread);
    if (r < 0)
        return err_errno(err, r, "start a thread");
    s->net_running = true;
    return 0;
}

static int finish_network(struct start *s, struct err *err)
{
    if (!s->net_running)
        return 0;
    (void)pthread_join(s->net_thread, NULL);
    s->net_running = false;
    if (s->net_result < 0) {
        if (err)
            *err = s->net_err;
        return s->net_result;
    }
    s->sandboxed = true;
    return 0;
}

/* Host directories of -v that do not exist yet. */
static int make_bind_sources(const json_t *mounts, struct err *err)
{
    json_t *m;
    size_t i;

    json_array_foreach(mounts, i, m) {
        const char *source = json_str_or(m, "Source", "");
        struct stat st;
        int r;

        if (!str_eq(json_str_or(m, "Type", ""), "bind") || stat(source, &st) == 0)
            continue;
        if (errno != ENOENT || !json_bool_or(m, "create", false))
            return err_errno(err, errno,
                             "invalid mount config for type \"bind\": bind source path "
                             "does not exist: %s",
                             source);
        r = mkdir_p(source, 0755);
        if (r < 0)
            return err_errno(err, r, "error while creating mount source path '%s'", source);
    }
    return 0;
}

/* /proc paths of namespaces of other containers; heap. */
static int join_namespaces(struct engine *e, const json_t *host, struct container_spec_params *p,
                           struct err *err)
{
    const char *pid = json_str_or(host, "PidMode", "");
    int r;

    if (str_after(pid, "container:")) {
        _cleanup_(container_view_unrefp)
        struct container_view *v = NULL;

        if ((r = joined(e, pid, "PID", &v, err)) < 0)
            return r;
        p->pid_ns = xasprintf("/proc/%d/ns/pid", v->state.pid);
    }
    return 0;
}

void container_spec_params_done(struct container_spec_params *p)
{
    free((char *)p->resolv_path);
    free((char *)p->hostname_path);
    free((char *)p->hosts_path);
    free((char *)p->pid_ns);
}

int container_spec_params(struct engine *e, struct container *c, const json_t *config,
                          const json_t *host, const json_t *mounts, struct container_spec_params *p,
                          struct err *err)
{
    const char *mode = json_str_or(host, "NetworkMode", ""), *other = str_after(mode, "container:");
    _cleanup_free_ char *dir = container_data_dir(e, other ? other : c->conf->id);

    *p = (struct container_spec_params){
        .id = c->conf->id,
        .config = config,
        .host = host,
        .mounts = mounts,
        .rootfs_fd = -1,
        .resolv_path = xasprintf("%s/resolv.conf", dir),
        .hostname_path = xasprintf("%s/hostname", dir),
        .hosts_path = xasprintf("%s/hosts", dir),
        .cgroup_v2 = e->cgroup_v2,
        .bounding_caps = e->bounding_caps,
        .cgroup_parent = e->cgroup_parent,
        .init_path = e->init_path,
        .no_new_privileges = e->no_new_privileges,
        .network_given = !str_eq(mode, "host"),
    };
    return join_namespaces(e, host, p, err);
}

static int make_spec(struct start *s, char **ret, struct err *err)
{
    _cleanup_(container_spec_params_done)
    struct container_spec_params p = {0};
    _cleanup_json_ json_t *spec = NULL;
    uint64_t caps = 0;
    int r;

    r = container_spec_params(s->e, s->c, s->config, s->host, s->mounts, &p, err);
    if (r < 0)
        return r;
    p.rootfs_fd = s->rootfs_fd;
    if ((r = container_spec_build(&p, &spec, err)) < 0 ||
        (r = container_spec_caps(&p, &caps, err)) < 0 ||
        (r = engine_seccomp_filter(s->e, s->host, caps, &s->seccomp_fd, err)) < 0)
        return r;
    *ret = json_print(spec);
    return 0;
}

static void log_settings(struct engine *e, const struct start *s, struct shim_log *log,
                         char **ret_path, char **ret_attrs)
{
    json_t *config = json_object_get(s->host, "LogConfig");
    json_t *options = json_object_get(config, "Config");
    const char *size = json_str_or(options, "max-size", "20m");
    const char *files = json_str_or(options, "max-file", NULL);
    _cleanup_json_ json_t *attrs = json_object();
    const char *labels = json_str_or(options, "labels", NULL),
               *env = json_str_or(options, "env", NULL);
    int64_t bytes = 0;
    uint32_t n = 5;

    if (str_eq(size, "-1") || container_size_parse(size, &bytes) < 0)
        bytes = 0;
    if (files)
        (void)parse_u32(files, &n);
    if (labels) {
        _cleanup_strv_ char **names = str_split(labels, ',');

        for (size_t i = 0; names[i]; i++) {
            json_t *v = json_object_get(s->c->conf->labels, names[i]);

            if (v)
                (void)json_object_set(attrs, names[i], v);
        }
    }
    if (env) {
        _cleanup_strv_ char **names = str_split(env, ',');
        json_t *v;
        size_t k;

        for (size_t i = 0; names[i]; i++)
            json_array_foreach(json_object_get(s->config, "Env"), k, v) {
                const char *value = str_after(json_string_value(v), names[i]);

                if (value && *value == '=')
                    json_set_str(attrs, names[i], value + 1);
            }
    }
    *ret_path = container_log_path(e, s->c->conf->id);
    *ret_attrs = json_object_size(attrs) > 0 ? json_print(attrs) : NULL;
    *log = (struct shim_log){
        .driver = json_str_or(config, "Type", "json-file"),
        .path = *ret_path,
        .max_size_bytes = (uint64_t)bytes,
        .max_files = n,
        .attrs_json = *ret_attrs,
    };
}

static int spawn(struct start *s, const char *spec, struct shim_handle **ret, pid_t *ret_pid,
                 pid_t *ret_shim_pid, struct err *err)
{
    _cleanup_free_ char *log_path = NULL, *attrs = NULL;
    const json_t *size = json_object_get(s->host, "ConsoleSize");
    struct container *c = s->c;
    struct shim_create create = {
        .id = c->conf->id,
        .dir = s->exec_dir,
        .program = s->e->shim_program,
        .spec_json = spec,
        .rootfs_fd = s->rootfs_fd,
        .netns_fd = s->netns_fd,
        .seccomp_fd = s->seccomp_fd,
        .tty = c->conf->tty,
        .open_stdin = c->conf->open_stdin,
        .stdin_once = c->conf->stdin_once,
        .rows = (uint16_t)json_integer_value(json_array_get(size, 0)),
        .cols = (uint16_t)json_integer_value(json_array_get(size, 1)),
    };
    struct shim_stream *pending;
    struct shim *shim = NULL;
    int r;

    log_settings(s->e, s, &create.log, &log_path, &attrs);
    {
        LOCK_SCOPE(&c->lock);
        pending = TAKE_PTR(c->pending);
        create.n_attach = c->n_pending;
        c->n_pending = 0;
    }
    create.attach = pending;
    r = shim_spawn(&create, &shim, ret_pid, ret_shim_pid, err);
    for (size_t i = 0; i < create.n_attach; i++) {
        free((char *)pending[i].detach_keys);
        free((void *)pending[i].preread);
    }
    free(pending);
    if (r < 0)
        return r;
    *ret = shim_handle_new(shim);
    return 0;
}

static void take_endpoint(struct container *c, const struct net_endpoint *from)
{
    struct container_endpoint *to = &c->endpoint;

    (void)snprintf(to->network, sizeof(to->network), "%s", from->network);
    (void)snprintf(to->network_id, sizeof(to->network_id), "%s", from->network_id);
    (void)snprintf(to->endpoint_id, sizeof(to->endpoint_id), "%s", from->endpoint_id);
    (void)snprintf(to->sandbox_id, sizeof(to->sandbox_id), "%s", from->sandbox_id);
    (void)snprintf(to->ip, sizeof(to->ip), "%s", from->ip);
    (void)snprintf(to->gateway, sizeof(to->gateway), "%s", from->gateway);
    (void)snprintf(to->mac, sizeof(to->mac), "%s", from->mac);
    to->prefix_len = from->prefix_len;
}

/* Lets the program run, and has the watcher look after it. */
static int run(struct start *s, const char *spec, struct err *err)
{
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    struct container *c = s->c;
    pid_t pid = 0, shim_pid = 0;
    int64_t started = 0;
    int events_fd = -1, r;

    r = spawn(s, spec, &shim, &pid, &shim_pid, err);
    if (r < 0)
        return r;
    r = shim_subscribe(shim->shim, &events_fd, err);
    if (r < 0)
        (void)shim_abort(shim->shim, NULL);
    else
        r = shim_start(shim->shim, &started, err);
    if (r < 0) {
        container_reap_shim(c, events_fd, shim_pid, 2000);
        return r;
    }
    container_note_started(s->e, c->conf->id, started);
    (void)pthread_mutex_lock(&c->lock);
    container_set_running(&c->state, pid, started);
    c->shim = TAKE_PTR(shim);
    c->shim_pid = shim_pid;
    c->events_fd = events_fd;
    c->sweep = false;
    container_publish(c);
    (void)pthread_mutex_unlock(&c->lock);
    return 0;
}

static int prepare(struct start *s, char **ret_spec, struct err *err)
{
    struct container *c = s->c;
    int r;

    (void)rm_rf_at(AT_FDCWD, s->exec_dir);
    if (mkdir(s->exec_dir, 0700) < 0)
        return err_errno(err, errno, "make %s", s->exec_dir);
    if ((r = start_network(s, err)) < 0 ||
        (r = layer_rw_mount(s->e->layers, c->conf->id, &s->rootfs_fd, err)) < 0 ||
        (r = make_bind_sources(s->mounts, err)) < 0 || (r = make_spec(s, ret_spec, err)) < 0)
        return r;
    if ((r = finish_network(s, err)) < 0)
        return r;
    if (s->sandboxed) {
        LOCK_SCOPE(&c->lock);
        take_endpoint(c, &s->endpoint);
        container_publish(c);
    }
    if (!str_after(c->conf->network_mode, "container:")) {
        r = container_write_files(s->e, c->conf, s->config, s->host, &c->endpoint, err);
        if (r < 0)
            return r;
    }
    if (s->sandboxed)
        engine_network_event(s->e, c, "connect");
    return 0;
}

static void mount_events(struct start *s)
{
    json_t *m;
    size_t i;

    json_array_foreach(s->mounts, i, m)
        if (str_eq(json_str_or(m, "Type", ""), "volume"))
            engine_volume_event(s->e, json_str_or(m, "Name", ""), "mount", "container",
                                s->c->conf->id, "destination", json_str_or(m, "Destination", ""),
                                "propagation", "", "read/write",
                                json_bool_or(m, "RW", true) ? "true" : "false", NULL);
}

static bool has(const struct err *err, const char *text)
{
    return strstr(err->message, text) != NULL;
}

/* Docker's exit code and words for what the runtime says. */
static int explain_failure(struct err *err)
{
    const char *hint = "";
    int code = 128;

    if (has(err, "ot a directory"))
        hint = ": Are you trying to mount a directory onto a file (or vice-versa)? Check if the "
               "specified host path exists and is the expected type";
    if (has(err, "executable file not found") || has(err, "no such file or directory") ||
        has(err, "No such file or directory"))
        code = 127;
    else if (has(err, "ermission denied") || has(err, "s a directory") ||
             has(err, "ot a directory") || has(err, "xec format error"))
        code = 126;
    {
        _cleanup_free_ char *inner = xstrdup(err->message);

        (void)err_set(err, code == 128 ? ERR_INTERNAL : ERR_INVALID,
                      "failed to create task for container: failed to create shim task: OCI "
                      "runtime create failed: unable to start container process: %s: unknown%s",
                      inner, hint);
    }
    return code;
}

static void start_failed(struct start *s, bool from_shim, struct err *err)
{
    struct container *c = s->c;
    int code = 128;

    if (from_shim)
        code = explain_failure(err);
    if (s->sandboxed) {
        engine_network_event(s->e, c, "disconnect");
        net_sandbox_release(s->e->net, c->conf->id);
    }
    (void)rm_rf_at(AT_FDCWD, s->exec_dir);
    container_cancel_pending(c);
    (void)pthread_mutex_lock(&c->lock);
    container_set_start_failed(&c->state, code, err->message);
    c->endpoint.ip[0] = c->endpoint.gateway[0] = c->endpoint.mac[0] = '\0';
    c->endpoint.endpoint_id[0] = '\0';
    c->endpoint.prefix_len = 0;
    container_publish(c);
    (void)pthread_mutex_unlock(&c->lock);
    engine_mark_dirty(c);
    if (c->conf->auto_remove)
        (void)container_remove_locked(s->e, c, true, NULL);
}

int container_start_locked(struct engine *e, struct container *c, struct err *err)
{
    _cleanup_(start_done)
    struct start s = {.e = e, .c = c, .rootfs_fd = -1, .netns_fd = -1, .seccomp_fd = -1};
    _cleanup_free_ char *spec = NULL;
    struct err own = {0};
    int64_t begun = monotonic_nsec();
    int r;

    if (!err)
        err = &own;
    s.config = container_conf_config(c->conf);
    s.host = container_conf_host(c->conf);
    s.mounts = container_conf_mounts(c->conf);
    s.exec_dir = container_exec_dir(e, c->conf->id);
    r = prepare(&s, &spec, err);
    if (r < 0) {
        (void)finish_network(&s, NULL);
        start_failed(&s, false, err);
        return r;
    }
    r = run(&s, spec, err);
    if (r < 0) {
        start_failed(&s, true, err);
        return r;
    }
    mount_events(&s);
    engine_container_event(e, c, "start", NULL);
    engine_mark_dirty(c);
    container_health_begin(c);
    r = engine_watch(e, c);
    log_debug("container %s started in %lld us", c->conf->id,
              (long long)((monotonic_nsec() - begun) / 1000));
    return r < 0 ? err_errno(err, r, "watch the container") : 0;
}

/* Whether it may be started now; c->lock is held. */
static int check_startable(const struct container *c, struct err *err)
{
    const struct container_state *s = &c->state;

    if (c->gone || s->removing)
        return err_set(err, ERR_CONFLICT, "container is marked for removal and cannot be started");
    if (s->dead)
        return err_set(err, ERR_CONFLICT, "container is marked for removal and cannot be started");
    if (s->paused)
        return err_set(err, ERR_CONFLICT, "cannot start a paused container, try unpause instead");
    if (s->running && !s->restarting)
        return err_set(err, ERR_NOT_MODIFIED, "the container is running already");
    return 0;
}

int engine_container_start(struct engine *e, const char *ref, const char *detach_keys,
                           struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    int r = engine_lookup(e, ref, &c, err);

    (void)detach_keys;
    if (r < 0)
        return r;
    LOCK_SCOPE(&c->op);
    {
        LOCK_SCOPE(&c->lock);
        r = check_startable(c, err);
        if (r < 0)
            return r;
        c->restart_generation++;
        c->restart_delay_nsec = 0;
        c->state.restart_count = 0;
        c->state.manually_stopped = false;
    }
    return container_start_locked(e, c, err);
}
