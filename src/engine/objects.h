/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The engine's objects and who may touch their members. Lock order: docs/internals/locking.md. */

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#include "base/hashmap.h"
#include "base/thread.h"
#include "container/container.h"
#include "engine/engine.h"
#include "engine/events.h"
#include "image/image.h"
#include "layer/layer.h"
#include "net/net.h"
#include "shim/shim_client.h"
#include "volume/volume.h"

struct db;

/* A shim that several threads may talk to. */
struct shim_handle {
    unsigned refs;
    struct shim *shim; /* owned */
};
struct shim_handle *shim_handle_new(struct shim *shim);
struct shim_handle *shim_handle_ref(struct shim_handle *h);
void shim_handle_unref(struct shim_handle *h);
DEFINE_CLEANUP(struct shim_handle *, shim_handle_unref);

enum wait_condition { WAIT_NOT_RUNNING, WAIT_NEXT_EXIT, WAIT_REMOVED };

struct waiter {
    struct waiter *next;
    enum wait_condition condition;
    int fd; /* eventfd, owned */
    bool fired;
    int exit_code;
    char error[512];
};

struct container {
    unsigned refs;
    struct engine *engine;       /* borrowed */
    struct container_conf *conf; /* ref; immutable */
    pthread_mutex_t op;          /* one start, pause, removal or exit at a time; held over I/O */
    pthread_mutex_t lock;        /* all below; never held over I/O */
    pthread_cond_t changed;      /* state changed; monotonic clock */
    char *name;                  /* owned */
    struct container_state state;
    struct container_endpoint endpoint;
    struct shim_handle *shim;    /* ref, or NULL when not running */
    pid_t shim_pid;              /* our child, to be reaped; or 0 */
    int events_fd;               /* owned; in the watcher's epoll set while running; or -1 */
    bool watched;                /* the set holds a reference */
    struct shim_stream *pending; /* owned; attached before the start */
    size_t n_pending;
    struct waiter *waiters; /* borrowed: they live on their threads' stacks */
    char **exec_ids;        /* owned */
    json_t *health_log;     /* owned; results of the last probes; or NULL */
    bool restored;          /* false until the boot has found out what it does */
    bool keep;              /* a restart is under way: --rm waits */
    bool gone;              /* removed: only references are left */
    bool dirty;             /* run-time state is not in the database yet */
    bool sweep;             /* the exec directory can go once the state is stored */
    int64_t restart_delay_nsec;
    unsigned restart_generation; /* a pending restart of an older one is void */
    pthread_mutex_t view_lock;   /* guards the pointer below only */
    struct container_view *view; /* ref; what lists and inspect read */
};

struct engine {
    char *data_root, *exec_root; /* owned, as all strings here; absolute */
    char *shim_program, *init_path, *cgroup_parent, *seccomp_profile; /* text of the profile */
    char **dns, **dns_search, **dns_options;
    char *id; /* of this engine, kept in the database */
    int64_t shm_size_bytes;
    bool init, no_new_privileges, experimental, cgroup_v2;
    unsigned n_cpus, n_mems;
    bool blkio_weight; /* the kernel can weigh block I/O */
    uint64_t bounding_caps;
    int shutdown_timeout_sec;
    pthread_mutex_t settings_lock; /* what a reload changes */
    char *log_driver;
    json_t *log_opts, *ulimits;
    char **labels;
    bool debug;

    struct db *db;
    struct layer_store *layers;
    struct image_store *images;
    struct volume_store *volumes;
    struct net *net;
    struct event_bus *bus;
    struct health_scheduler *health; /* owned */

    pthread_mutex_t registry; /* the maps */
    struct hashmap *by_id;    /* id -> container (a reference each) */
    struct hashmap *by_name;  /* name -> heap copy of the id */
    pthread_mutex_t execs_lock;
    struct hashmap *execs; /* exec id -> exec record (a reference each) */

    int epoll_fd, wake_fd; /* the watcher's */
    pthread_t watcher, writer;
    atomic_bool closing;
    pthread_mutex_t jobs_lock;
    pthread_cond_t jobs_changed; /* monotonic clock */
    unsigned jobs;               /* detached threads that use the engine */
    pthread_mutex_t timers_lock;
    struct restart_timer *timers;
    pthread_mutex_t dirty_lock;
    pthread_cond_t dirty_changed;
    char **dirty_ids;

    pthread_mutex_t boot_lock;
    pthread_cond_t boot_changed;
    bool net_ready; /* net_restore() is done: sandboxes can be made */
    struct restore *boot;
    pthread_mutex_t seccomp_lock;
    struct hashmap *seccomp; /* profile and capabilities -> boxed descriptor */
};

/* watch.c: after the watcher and all jobs have ended, lets go of what runs on. */
void engine_unwatch_all(struct engine *e);
/* engine.c: a detached thread that uses e; the engine's end waits for it. 0 or -errno. */
int engine_spawn(struct engine *e, const char *name, thread_fn fn, void *arg);
