/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The operations that a user knows, joining the domains (containers, images, networks, volumes,
 * shims). Knows no HTTP; api/ translates. JSON answers have the shape of the newest API version.
 *
 * Thread-safe; every call may block on disk, kernel or shim, but none holds a lock across an I/O
 * that somebody else controls. Listing and inspecting read snapshots and never wait for a
 * container. `ref` is a container's full ID, unique ID prefix, or name (with or without '/');
 * errors carry Docker's words ("No such container: x"). */

#include "base/err.h"
#include "base/macros.h"
#include "base/sink.h"
#include "engine/files.h"
#include "engine/images.h"
#include "json/json.h"

struct engine;

struct engine_config {
    const char *data_root, *exec_root;
    const char *storage_driver; /* NULL: overlay2 */
    const char *bridge, *bip;   /* see net.h; NULL for defaults */
    bool bridge_disabled, iptables, ip_forward, ip_masq;
    int mtu;
    const char *shim_program; /* path of lighter-shim */
    const char *log_driver;   /* default log driver, NULL: json-file */
    json_t *log_opts;         /* default log options, or NULL */
    json_t *default_ulimits;  /* or NULL */
    char **dns, **dns_search, **dns_options;
    char **labels;
    bool debug, experimental;
    bool init;                    /* run --init by default */
    const char *init_path;        /* NULL: built in */
    const char *cgroup_parent;    /* NULL: /docker-like default "/lighter" */
    const char *default_shm_size; /* text, NULL: 64m */
    bool no_new_privileges;
    const char *seccomp_profile; /* path, "unconfined", or NULL for the default profile */
    int shutdown_timeout_sec;
};

/* Opens database and stores and starts taking over what runs; the API may answer at once while
 * the restore goes on in the background (calls on a container wait only for its own restore). */
int engine_open(const struct engine_config *config, struct engine **ret, struct err *err);
/* Detaches: containers run on. */
void engine_close(struct engine *e);
/* Settings that a SIGHUP may change: debug, labels, default log options … */
int engine_reload(struct engine *e, const struct engine_config *config, struct err *err);

/* --- containers --- */
/* body: ContainerCreate request (Config + HostConfig + NetworkingConfig), borrowed. name NULL or
 * "": a random one. *ret_warnings: array of strings. */
int engine_container_create(struct engine *e, const char *name, const json_t *body,
                            const char *platform, char ret_id[static 65], json_t **ret_warnings,
                            struct err *err);
/* ERR_NOT_MODIFIED when it runs already. detach_keys as the daemon default for later attaches. */
int engine_container_start(struct engine *e, const char *ref, const char *detach_keys,
                           struct err *err);
/* signal NULL: the image's or SIGTERM. timeout_sec: INT_MIN: the container's own or 10; negative:
 * wait for ever. ERR_NOT_MODIFIED when not running. */
int engine_container_stop(struct engine *e, const char *ref, const char *signal, int timeout_sec,
                          struct err *err);
int engine_container_restart(struct engine *e, const char *ref, const char *signal, int timeout_sec,
                             struct err *err);
int engine_container_kill(struct engine *e, const char *ref, const char *signal, struct err *err);
int engine_container_pause(struct engine *e, const char *ref, struct err *err);
int engine_container_unpause(struct engine *e, const char *ref, struct err *err);
int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err *err);
int engine_container_remove(struct engine *e, const char *ref, bool force, bool volumes, bool link,
                            struct err *err);
/* condition: "not-running" (default, NULL), "next-exit", "removed". The answer's headers go out
 * before the wait ends, so `registered` (may be NULL) is called once the wait is certain to see
 * the next exit. gone_fd: see struct sink. *ret_error: NULL or a heap message. */
int engine_container_wait(struct engine *e, const char *ref, const char *condition,
                          void (*registered)(void *ctx), void *ctx, int gone_fd,
                          int64_t *ret_exit_code, char **ret_error, struct err *err);
/* filters: parsed `filters` object {"name":{"x":true}} or {"name":["x"]}, or NULL; limit -1: all.
 */
int engine_container_list(struct engine *e, const json_t *filters, bool all, int limit, bool size,
                          json_t **ret, struct err *err);
int engine_container_inspect(struct engine *e, const char *ref, bool size, json_t **ret,
                             struct err *err);
int engine_container_resize(struct engine *e, const char *ref, uint16_t rows, uint16_t cols,
                            struct err *err);
/* GET /containers/{id}/top; new object {"Titles":…,"Processes":…}. */
int engine_container_top(struct engine *e, const char *ref, const char *ps_args, json_t **ret,
                         struct err *err);

struct engine_attach {
    bool stream, logs, use_stdin, use_stdout, use_stderr;
    const char *detach_keys; /* NULL: default */
    /* Called once the request is known to be good: makes the client's connection a stream (HTTP
     * hijack). multiplexed says which content type fits. On success *ret_fd is owned by the
     * callee, *ret_preread heap bytes. */
    int (*hijack)(void *ctx, bool multiplexed, int *ret_fd, char **ret_preread,
                  size_t *ret_preread_len, struct err *err);
    void *ctx;
};
/* Returns as soon as the stream belongs to the shim (or, for a created container, is kept until it
 * starts). */
int engine_container_attach(struct engine *e, const char *ref, const struct engine_attach *params,
                            struct err *err);

struct engine_logs {
    bool use_stdout, use_stderr, follow, timestamps, details;
    int64_t since_nsec, until_nsec; /* 0: unset */
    int64_t tail;                   /* -1: all */
    /* Called before the first byte; multiplexed: frames are written. Fills the sink. */
    int (*begin)(void *ctx, bool multiplexed, struct sink *ret, struct err *err);
    void *ctx;
};
int engine_container_logs(struct engine *e, const char *ref, const struct engine_logs *params,
                          struct err *err);

/* Samples as JSON lines, one a second with `stream`. Without it a single one, which has waited for
 * a second to compare with, unless one_shot. gone_fd: see struct sink. */
int engine_container_stats(struct engine *e, const char *ref, bool stream, bool one_shot,
                           int gone_fd, int (*begin)(void *ctx, struct sink *ret, struct err *err),
                           void *ctx, struct err *err);

/* body: limits and RestartPolicy; what it does not name stays. *ret_warnings: array, or JSON null.
 */
int engine_container_update(struct engine *e, const char *ref, const json_t *body,
                            json_t **ret_warnings, struct err *err);

struct engine_commit {
    const char *repo, *tag, *author, *message; /* NULL: none */
    const json_t *config;                      /* members that replace the container's, or NULL */
    char *const *changes;                      /* Dockerfile instructions, or NULL */
    bool pause;                                /* hold it still meanwhile, if it runs */
};
int engine_container_commit(struct engine *e, const char *ref, const struct engine_commit *params,
                            char ret_id[static 80], struct err *err);

/* --- exec --- */
/* body: ExecConfig. */
int engine_exec_create(struct engine *e, const char *ref, const json_t *body,
                       char ret_id[static 65], struct err *err);
/* attach NULL: detached. tty must match the create's. rows/cols 0: unset */
int engine_exec_start(struct engine *e, const char *exec_id, bool detach, bool tty, uint16_t rows,
                      uint16_t cols, const struct engine_attach *attach, struct err *err);
int engine_exec_resize(struct engine *e, const char *exec_id, uint16_t rows, uint16_t cols,
                       struct err *err);
int engine_exec_inspect(struct engine *e, const char *exec_id, json_t **ret, struct err *err);

/* --- networks and volumes (read-only networks until the networks issue) --- */
int engine_network_list(struct engine *e, const json_t *filters, json_t **ret, struct err *err);
int engine_network_inspect(struct engine *e, const char *name, json_t **ret, struct err *err);
int engine_volume_create(struct engine *e, const json_t *body, json_t **ret, struct err *err);
int engine_volume_list(struct engine *e, const json_t *filters, json_t **ret, struct err *err);
int engine_volume_inspect(struct engine *e, const char *name, json_t **ret, struct err *err);
int engine_volume_remove(struct engine *e, const char *name, bool force, struct err *err);

/* --- what nobody uses --- */
/* Filters until, label, label!, and for images dangling (true when missing), for volumes all.
 * {"ContainersDeleted":[…],"SpaceReclaimed":n} and the like. */
int engine_container_prune(struct engine *e, const json_t *filters, json_t **ret, struct err *err);
int engine_image_prune(struct engine *e, const json_t *filters, json_t **ret, struct err *err);
/* always_all: named volumes, too, without a filter that says so. */
int engine_volume_prune(struct engine *e, const json_t *filters, bool always_all, json_t **ret,
                        struct err *err);
enum {
    ENGINE_DF_IMAGES = 1 << 0,
    ENGINE_DF_CONTAINERS = 1 << 1,
    ENGINE_DF_VOLUMES = 1 << 2,
    ENGINE_DF_BUILD_CACHE = 1 << 3,
    ENGINE_DF_ALL = (1 << 4) - 1,
};
/* GET /system/df; what: ENGINE_DF_*. Reads all files of containers and volumes. */
int engine_system_df(struct engine *e, unsigned what, json_t **ret, struct err *err);

/* --- system --- */
int engine_info(struct engine *e, json_t **ret, struct err *err);
/* GET /version without the API version fields, which api/ adds. */
int engine_version(struct engine *e, json_t **ret, struct err *err);
/* Streams events as JSON lines until until_nsec (0: for ever) or the reader goes. since_nsec 0:
 * only new ones. */
int engine_events(struct engine *e, const json_t *filters, int64_t since_nsec, int64_t until_nsec,
                  int (*begin)(void *ctx, struct sink *ret, struct err *err), void *ctx,
                  struct err *err);
