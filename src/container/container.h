/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A container's record and its state machine.
 *
 * Three parts, by who may change them:
 *   struct container_conf   what the user asked for; counted, and immutable but for the limits and
 *                           the restart policy, which container_conf_update() may replace
 *   struct container_state  what is going on; changed under the container's lock by the
 *                           container_set_*() transitions below
 *   struct container_view   conf + name + state at one instant; immutable, counted; published at
 *                           every change and read without the container's lock
 *
 *   created -> running <-> paused -> exited -> (start) running …
 *                 |                    ^
 *                 +-> restarting ------+          any -> removing -> gone, or dead
 *
 * As in Docker, `running` stays set while paused or restarting, and a container whose start failed
 * is still "created", with its exit code and error set. */

#include <pthread.h>

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct db;

/* HEALTH_NONE: it has no health check. */
enum container_health { HEALTH_NONE, HEALTH_STARTING, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

enum container_restart { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };

struct container_conf {
    unsigned refs;
    pthread_mutex_t host_lock; /* of host_text */
    char id[65];
    int64_t created_nsec;
    char image_id[80];
    char *config_text, *host_text; /* owned; compact JSON, complete */
    char *mounts_text;             /* owned; private form of container/mounts.h */
    /* what is needed often, out of the above; owned */
    char *image, *command, *network_mode, *stop_signal;
    json_t *labels; /* ref; object; read only */
    bool tty, open_stdin, stdin_once, auto_remove;
    int stop_timeout_sec;           /* INT_MIN: unset */
    enum container_restart restart; /* these two: read by the functions below */
    int restart_max;
};

struct container_state {
    bool running, paused, restarting, removing, dead, oom_killed;
    bool manually_stopped;
    enum container_health health;
    int health_streak; /* probes that have failed since the last good one */
    pid_t pid;
    int exit_code;
    int restart_count;
    int64_t started_nsec, finished_nsec;
    char error[512];
};

/* What the network gave the container; "" when none. */
struct container_endpoint {
    char network[32], network_id[65], endpoint_id[65], sandbox_id[65];
    char ip[16], gateway[16], mac[18];
    int prefix_len;
};

struct container_view {
    unsigned refs;
    struct container_conf *conf; /* ref */
    char *name;                  /* owned; without '/' */
    struct container_state state;
    struct container_endpoint endpoint;
    char **exec_ids; /* owned */
};

/* Makes it from the request's parts; strings are copied, JSON is read. mounts: private form. */
struct container_conf *container_conf_new(const char *id, int64_t created_nsec,
                                          const char *image_id, const json_t *config,
                                          const json_t *host, const json_t *mounts);
struct container_conf *container_conf_ref(struct container_conf *c);
void container_conf_unref(struct container_conf *c);
DEFINE_CLEANUP(struct container_conf *, container_conf_unref);
/* Replaces HostConfig: limits and restart policy may differ, nothing else. */
void container_conf_update(struct container_conf *c, const json_t *host);
enum container_restart container_conf_restart(const struct container_conf *c);
int container_conf_restart_max(const struct container_conf *c);
/* The parts as JSON again; new references, never NULL. */
json_t *container_conf_config(const struct container_conf *c);
json_t *container_conf_host(const struct container_conf *c);
json_t *container_conf_mounts(const struct container_conf *c);

struct container_view *container_view_new(struct container_conf *conf, const char *name,
                                          const struct container_state *state,
                                          const struct container_endpoint *endpoint,
                                          char *const *exec_ids);
struct container_view *container_view_ref(struct container_view *v);
void container_view_unref(struct container_view *v);
DEFINE_CLEANUP(struct container_view *, container_view_unref);

/* Transitions; the caller holds the container's lock and publishes a view afterwards. */
void container_set_running(struct container_state *s, pid_t pid, int64_t started_nsec);
void container_set_exited(struct container_state *s, int exit_code, bool oom, int64_t nsec);
void container_set_restarting(struct container_state *s, int exit_code, bool oom, int64_t nsec);
/* A start that failed: as Docker, the state stays what it was, with code and text. */
void container_set_start_failed(struct container_state *s, int exit_code, const char *text);

/* "none", "starting", "healthy", "unhealthy". */
const char *container_health_name(enum container_health health);
/* "created", "running", "paused", "restarting", "removing", "exited", "dead". */
const char *container_status(const struct container_state *s);
/* `ps`'s Status: "Up 3 seconds (Paused)". Caller frees. */
char *container_status_text(const struct container_state *s, int64_t now);
/* "About a minute", "3 weeks" … as Docker's units.HumanDuration; caller frees. */
char *container_human_duration(int64_t nsec);

/* Whether the policy wants another start after an exit. */
bool container_should_restart(const struct container_conf *c, const struct container_state *s,
                              int exit_code);
/* The pause before it: 100 ms doubling up to a minute, back to 100 ms after 10 s of running.
 * *delay_nsec holds the last pause, 0 at first. */
int64_t container_restart_delay(int64_t *delay_nsec, int64_t ran_nsec);

/* --- the database --- */
int container_store_migrate(struct db *db, struct err *err);
/* Inserts; the row is on disk when it returns. ERR_CONFLICT when the name is taken. */
int container_store_insert(struct db *db, const struct container_conf *conf, const char *name,
                           struct err *err);
int container_store_host(struct db *db, const char *id, const json_t *host, struct err *err);
int container_store_rename(struct db *db, const char *id, const char *name, struct err *err);
int container_store_delete(struct db *db, const char *id, struct err *err);
/* Run-time state. */
int container_store_state(struct db *db, const char *id, const struct container_state *state,
                          struct err *err);
/* Every row; stops when fn fails. conf is the callee's to keep by reference. */
int container_store_each(struct db *db,
                         int (*fn)(void *ctx, struct container_conf *conf, const char *name,
                                   const struct container_state *state),
                         void *ctx, struct err *err);
