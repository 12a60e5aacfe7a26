/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and closing the engine. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/path.h"
#include "base/timeutil.h"
#include "container/caps.h"
#include "db/db.h"
#include "engine/health.h"
#include "engine/internal.h"
#include "engine/kernel.h"

/* How long the threads that started or ended a container may take at the engine's end. */
#define JOBS_END_NSEC (15 * NSEC_PER_SEC)

static const char *const migrations[] = {
    "CREATE TABLE engine_setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
};

static void unref_container(void *value)
{
    container_unref(value);
}

static void free_boxed_fd(void *value)
{
    int *fd = value;

    if (*fd >= 0)
        (void)close_fd(*fd);
    free(fd);
}

/* A random (version 4) UUID, as Docker's engine ID. */
static char *make_uuid(void)
{
    char hex[65];

    random_id(hex);
    hex[12] = '4';
    hex[16] = "89ab"[hex[16] % 4];
    return xasprintf("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static int load_id(struct engine *e, struct err *err)
{
    struct db_stmt *st = NULL;
    int r = db_prepare(e->db, &st, err, "SELECT value FROM engine_setting WHERE key = 'id'", "");

    if (r < 0)
        return r;
    r = db_step(st, err);
    if (r > 0)
        e->id = xstrdup(db_col_str(st, 0));
    db_stmt_done(st);
    if (r != 0)
        return MIN(r, 0);
    e->id = make_uuid();
    return db_run(e->db, err, "INSERT INTO engine_setting VALUES ('id', ?)", "s", e->id);
}

static int read_profile(struct engine *e, const char *profile, struct err *err)
{
    _cleanup_json_ json_t *test = NULL;
    uint64_t caps = 0;
    int r;

    if (!profile || str_eq(profile, "builtin") || str_eq(profile, ""))
        return 0;
    if (str_eq(profile, "unconfined")) {
        e->seccomp_profile = xstrdup(profile);
        return 0;
    }
    r = read_file_at(AT_FDCWD, profile, 1 * MIB, &e->seccomp_profile, NULL);
    if (r < 0)
        return err_errno(err, r, "opening seccomp profile (%s) failed", profile);
    return container_seccomp(NULL, e->seccomp_profile, caps, &test, err);
}

static unsigned count_cpus(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    return (unsigned)CPU_COUNT(&set);
}

static void set_reloadable(struct engine *e, const struct engine_config *c)
{
    LOCK_SCOPE(&e->settings_lock);
    free(e->log_driver);
    json_decref(e->log_opts);
    json_decref(e->ulimits);
    strv_free(e->labels);
    e->log_driver = xstrdup(c->log_driver);
    e->log_opts = c->log_opts ? json_deep_copy(c->log_opts) : NULL;
    e->ulimits = c->default_ulimits ? json_deep_copy(c->default_ulimits) : NULL;
    e->labels = strv_copy(c->labels);
    e->debug = c->debug;
}

static int check_config(const struct engine_config *c, struct engine *e, struct err *err)
{
    int r;

    if (c->default_shm_size && (container_size_parse(c->default_shm_size, &e->shm_size_bytes) < 0 ||
                                e->shm_size_bytes <= 0))
        return err_set(err, ERR_INVALID, "invalid default shm size: %s", c->default_shm_size);
    r = container_verify_log(c->log_driver ? c->log_driver : "json-file", c->log_opts, err);
    if (r < 0)
        return r;
    return read_profile(e, c->seccomp_profile, err);
}

/* The program for --init beside the shim, or the one configured. */
static char *find_init(const struct engine_config *c)
{
    const char *slash = strrchr(c->shim_program, '/');
    char *path;

    if (c->init_path)
        return xstrdup(c->init_path);
    path = slash ? xasprintf("%.*s/lighter-init", (int)(slash - c->shim_program), c->shim_program)
                 : xstrdup("lighter-init");
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static struct engine *engine_new(const struct engine_config *c)
{
    struct engine *e = XNEW(struct engine);
    pthread_condattr_t monotonic;

    e->data_root = xstrdup(c->data_root);
    e->exec_root = xstrdup(c->exec_root);
    e->shim_program = xstrdup(c->shim_program);
    e->init_path = find_init(c);
    e->cgroup_parent = xstrdup(c->cgroup_parent);
    e->dns = strv_copy(c->dns);
    e->dns_search = strv_copy(c->dns_search);
    e->dns_options = strv_copy(c->dns_options);
    e->init = c->init;
    e->no_new_privileges = c->no_new_privileges;
    e->experimental = c->experimental;
    e->shutdown_timeout_sec = c->shutdown_timeout_sec;
    e->cgroup_v2 = kernel_cgroup_v2();
    e->n_cpus = count_cpus();
    e->n_mems = kernel_memory_nodes();
    e->blkio_weight = kernel_blkio_weight(e->cgroup_v2);
    e->bounding_caps = container_caps_bounding();
    e->epoll_fd = e->wake_fd = -1;
    e->bus = event_bus_new();
    e->by_id = hashmap_new(unref_container);
    e->by_name = hashmap_new(free);
    e->execs = hashmap_new(engine_exec_free);
    e->seccomp = hashmap_new(free_boxed_fd);
    (void)pthread_mutex_init(&e->settings_lock, NULL);
    (void)pthread_mutex_init(&e->registry, NULL);
    (void)pthread_mutex_init(&e->execs_lock, NULL);
    (void)pthread_mutex_init(&e->timers_lock, NULL);
    (void)pthread_mutex_init(&e->dirty_lock, NULL);
    (void)pthread_cond_init(&e->dirty_changed, NULL);
    (void)pthread_mutex_init(&e->boot_lock, NULL);
    (void)pthread_cond_init(&e->boot_changed, NULL);
    (void)pthread_mutex_init(&e->seccomp_lock, NULL);
    (void)pthread_mutex_init(&e->jobs_lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&e->jobs_changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    set_reloadable(e, c);
    return e;
}

static int make_dir(const char *root, const char *name, mode_t mode, struct err *err)
{
    _cleanup_free_ char *path = name ? xasprintf("%s/%s", root, name) : xstrdup(root);
    int r = mkdir_p(path, mode);

    if (r < 0)
        return err_errno(err, r, "make %s", path);
    if (chmod(path, mode) < 0)
        return err_errno(err, errno, "set the mode of %s", path);
    return 0;
}

static int make_dirs(struct engine *e, struct err *err)
{
    struct statfs st;
    int r;

    if ((r = make_dir(e->data_root, NULL, 0710, err)) < 0 ||
        (r = make_dir(e->data_root, "containers", 0710, err)) < 0 ||
        (r = make_dir(e->data_root, "tmp", 0700, err)) < 0 ||
        (r = make_dir(e->exec_root, NULL, 0711, err)) < 0 ||
        (r = make_dir(e->exec_root, "containers", 0700, err)) < 0)
        return r;
    if (statfs(e->data_root, &st) == 0 && st.f_type == OVERLAYFS_SUPER_MAGIC)
        log_warn("%s is on overlayfs, which cannot hold overlay layers", e->data_root);
    return 0;
}

static int open_stores(struct engine *e, const struct engine_config *c, struct err *err)
{
    _cleanup_free_ char *db = xasprintf("%s/lighter.db", e->data_root);
    _cleanup_free_ char *tmp = xasprintf("%s/tmp", e->data_root);
    _cleanup_free_ char *volumes = xasprintf("%s/volumes", e->data_root);
    _cleanup_free_ char *net_dir = xasprintf("%s/net", e->exec_root);
    const struct net_config net = {
        .state_dir = net_dir,
        .bridge = c->bridge,
        .bip = c->bip,
        .disabled = c->bridge_disabled,
        .mtu = c->mtu,
        .iptables = c->iptables,
        .ip_forward = c->ip_forward,
        .ip_masq = c->ip_masq,
    };
    int r;

    if ((r = db_open(db, &e->db, err)) < 0 ||
        (r = db_migrate(e->db, "engine", migrations, ARRAY_SIZE(migrations), err)) < 0 ||
        (r = container_store_migrate(e->db, err)) < 0 || (r = load_id(e, err)) < 0 ||
        (r = layer_store_open(e->data_root, c->storage_driver ? c->storage_driver : "overlay2",
                              e->db, &e->layers, err)) < 0 ||
        (r = image_store_open(e->db, e->layers, tmp, &e->images, err)) < 0 ||
        (r = volume_store_open(volumes, e->db, &e->volumes, err)) < 0)
        return r;
    return net_open(e->db, &net, &e->net, err);
}

static int load_one(void *ctx, struct container_conf *conf, const char *name,
                    const struct container_state *state)
{
    struct engine *e = ctx;
    _cleanup_(container_unrefp)
    struct container *c = container_new(e, conf, name);

    c->state = *state;
    if (!str_after(conf->network_mode, "container:"))
        (void)snprintf(c->endpoint.network, sizeof(c->endpoint.network), "%s", conf->network_mode);
    (void)pthread_mutex_lock(&c->lock);
    if (c->state.running)
        container_endpoint_load(c);
    container_publish(c);
    (void)pthread_mutex_unlock(&c->lock);
    (void)engine_reserve_name(e, name, conf->id, NULL);
    engine_register(e, c);
    return 0;
}

int engine_open(const struct engine_config *config, struct engine **ret, struct err *err)
{
    struct engine *e = engine_new(config);
    int r;

    if ((r = check_config(config, e, err)) < 0 || (r = make_dirs(e, err)) < 0 ||
        (r = open_stores(e, config, err)) < 0 ||
        (r = container_store_each(e->db, load_one, e, err)) < 0 ||
        (r = engine_watcher_start(e, err)) < 0 || (r = engine_writer_start(e, err)) < 0 ||
        (r = engine_health_start(e, err)) < 0 || (r = engine_restore_start(e, err)) < 0) {
        engine_close(e);
        return r;
    }
    *ret = e;
    return 0;
}

static void close_stores(struct engine *e)
{
    if (e->net)
        net_close(e->net);
    if (e->volumes)
        volume_store_close(e->volumes);
    if (e->images)
        image_store_close(e->images);
    if (e->layers)
        layer_store_close(e->layers);
    if (e->db)
        db_close(e->db);
}

struct job {
    struct engine *e;
    thread_fn fn;
    void *arg;
};

static void job_ended(struct engine *e)
{
    LOCK_SCOPE(&e->jobs_lock);
    e->jobs--;
    (void)pthread_cond_broadcast(&e->jobs_changed);
}

static void *job_main(void *arg)
{
    struct job j = *(struct job *)arg;

    free(arg);
    (void)j.fn(j.arg);
    job_ended(j.e);
    return NULL;
}

int engine_spawn(struct engine *e, const char *name, thread_fn fn, void *arg)
{
    struct job *j = XNEW(struct job);
    int r;

    *j = (struct job){e, fn, arg};
    {
        LOCK_SCOPE(&e->jobs_lock);
        e->jobs++;
    }
    r = thread_spawn_detached(name, 0, job_main, j);
    if (r < 0) {
        job_ended(e);
        free(j);
    }
    return r;
}

static bool wait_for_jobs(struct engine *e)
{
    int64_t until = monotonic_nsec() + JOBS_END_NSEC;
    struct timespec at = {.tv_sec = (time_t)(until / NSEC_PER_SEC),
                          .tv_nsec = (long)(until % NSEC_PER_SEC)};

    LOCK_SCOPE(&e->jobs_lock);
    while (e->jobs > 0)
        if (pthread_cond_timedwait(&e->jobs_changed, &e->jobs_lock, &at) == ETIMEDOUT)
            return e->jobs == 0;
    return true;
}

void engine_close(struct engine *e)
{
    if (!e)
        return;
    e->closing = true;
    engine_restore_stop(e);
    engine_watcher_stop(e);
    if (!wait_for_jobs(e)) {
        log_warn("a container's end or start still hangs; the next daemon will look after it");
        return;
    }
    engine_health_stop(e);
    engine_unwatch_all(e);
    engine_writer_stop(e);
    hashmap_free(e->by_id);
    hashmap_free(e->by_name);
    hashmap_free(e->execs);
    hashmap_free(e->seccomp);
    close_stores(e);
    event_bus_free(e->bus);
    if (e->epoll_fd >= 0)
        (void)close_fd(e->epoll_fd);
    if (e->wake_fd >= 0)
        (void)close_fd(e->wake_fd);
    free(e->data_root);
    free(e->exec_root);
    free(e->shim_program);
    free(e->init_path);
    free(e->cgroup_parent);
    free(e->seccomp_profile);
    free(e->id);
    free(e->log_driver);
    strv_free(e->dns);
    strv_free(e->dns_search);
    strv_free(e->dns_options);
    strv_free(e->labels);
    json_decref(e->log_opts);
    json_decref(e->ulimits);
    free(e);
}

int engine_reload(struct engine *e, const struct engine_config *config, struct err *err)
{
    int r = container_verify_log(config->log_driver ? config->log_driver : "json-file",
                                 config->log_opts, err);

    if (r < 0)
        return r;
    set_reloadable(e, config);
    event_publish(e->bus, "daemon", "reload", e->id, NULL);
    return 0;
}
