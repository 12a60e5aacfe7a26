/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the engine's files call of each other. */

#include "base/str.h"
#include "container/request.h"
#include "container/spec.h"
#include "engine/objects.h"

/* registry.c */
struct container *container_ref(struct container *c);
void container_unref(struct container *c);
DEFINE_CLEANUP(struct container *, container_unref);
struct container *container_new(struct engine *e, struct container_conf *conf, const char *name);
/* By ID, name or unique ID prefix; a reference. ERR_NOT_FOUND `No such container: x`. Waits until
 * the boot has restored it. */
int engine_lookup(struct engine *e, const char *ref, struct container **ret, struct err *err);
/* The same as a view; waits 2 s for the boot at most. */
int engine_lookup_view(struct engine *e, const char *ref, struct container_view **ret,
                       struct err *err);
int engine_reserve_name(struct engine *e, const char *name, const char *id, struct err *err);
void engine_release_name(struct engine *e, const char *name, const char *id);
void engine_register(struct engine *e, struct container *c);
void engine_unregister(struct engine *e, struct container *c);
/* References to all containers or their views; heap array. */
struct container **engine_containers(struct engine *e, size_t *ret_n);
struct container_view **engine_views(struct engine *e, size_t *ret_n);
void engine_views_free(struct container_view **views, size_t n);
struct container_view *container_get_view(struct container *c);
/* Makes a new view of what is under c->lock (held by the caller) and tells waiters on `changed`. */
void container_publish(struct container *c);
void container_mark_restored(struct container *c);
/* <exec-root>/containers/<id> and <data-root>/containers/<id>; caller frees. */
char *container_exec_dir(const struct engine *e, const char *id);
char *container_data_dir(const struct engine *e, const char *id);
char *container_log_path(const struct engine *e, const char *id);

/* flush.c: run-time state goes to the database soon, in the background. */
void engine_mark_dirty(struct container *c);
/* Now. */
void engine_store_state(struct container *c);
int engine_writer_start(struct engine *e, struct err *err);
void engine_writer_stop(struct engine *e);

/* create.c: what the daemon fills in where a request is silent; settings_lock is held. */
void engine_container_defaults(struct engine *e, struct container_defaults *d);

/* start.c. container_start_locked(): op is held. */
int container_start_locked(struct engine *e, struct container *c, struct err *err);
int container_spec_params(struct engine *e, struct container *c, const json_t *config,
                          const json_t *host, const json_t *mounts, struct container_spec_params *p,
                          struct err *err);
void container_spec_params_done(struct container_spec_params *p);
/* files.c: hosts, hostname, resolv.conf in the container's directory. */
int container_write_files(struct engine *e, const struct container_conf *conf, const json_t *config,
                          const json_t *host, const struct container_endpoint *endpoint,
                          struct err *err);
/* Takes the address over that a container was given before this daemon started, so that no answer
 * lacks it while the networks are still being put right. Its lock is held. */
void container_endpoint_load(struct container *c);
/* It has no address any more; the network's name stays. */
void container_endpoint_clear(struct container_endpoint *endpoint);
/* A start under way is waited for, since what the container prints may have been seen already. */
bool container_is_running(struct container *c);
/* That it was started, and when: unsynced, and so cheaper than its row, which follows later. */
void container_note_started(struct engine *e, const char *id, int64_t started_nsec);
int64_t container_noted_start(struct engine *e, const char *id);
/* seccomp.c: *ret_fd -1: unconfined; borrowed from the cache, lives as long as the engine. */
int engine_seccomp_filter(struct engine *e, const json_t *host, uint64_t caps, int *ret_fd,
                          struct err *err);

/* start.c: opens /proc/<pid>/<name>, or fails with -ESRCH when the process is not this container's:
 * its pid may be another's by now, if the shim has just reaped it. */
int container_proc_open(const char *id, pid_t pid, const char *name, int flags);

/* exits.c */
/* What follows a container's end; takes the reference. Runs on a thread of its own. */
void container_exit_spawn(struct container *c, const struct shim_state *state, bool shim_gone);
void container_cancel_pending(struct container *c);
/* Waits until the shim of events_fd has ended and reaps it. */
void container_reap_shim(struct container *c, int events_fd, pid_t shim_pid, int timeout_msec);

/* orphan.c: ends the processes and control groups that a dead shim has left. Blocks until they are
 * gone. */
void container_end_orphan(struct engine *e, const struct container_conf *conf);
/* SIGKILL by way of the shim, or past it when it does not answer in time. */
int container_kill(struct container *c, struct shim_handle *shim, struct err *err);

/* watch.c */
int engine_watcher_start(struct engine *e, struct err *err);
void engine_watcher_stop(struct engine *e);
/* Adds c->events_fd. */
int engine_watch(struct engine *e, struct container *c);
/* Starts c after delay; takes a reference of its own. */
void engine_schedule_restart(struct container *c, int64_t delay_nsec);

/* wait.c */
/* Wakes waiters; c->lock is held. */
void container_wake(struct container *c, bool exited, bool removed);
/* Waits until the container does not run; timeout_nsec negative: for ever. False on timeout. */
bool container_wait_stopped(struct container *c, int64_t timeout_nsec);

/* remove.c; op is held. */
int container_remove_locked(struct engine *e, struct container *c, bool volumes, struct err *err);

/* execs.c */
void exec_note_exit(struct engine *e, struct container *c, const struct shim_event *event);
/* An exec that the shim reports from before this daemon subscribed, running or ended: it is known
 * from then on, so that the exit code reaches a client that was attached all along. */
void exec_take_over(struct engine *e, struct container *c, const struct shim_event *event);
void engine_exec_free(void *exec);
void exec_forget_all(struct engine *e, struct container *c);

/* restore.c */
int engine_restore_start(struct engine *e, struct err *err);
void engine_restore_stop(struct engine *e);
void engine_wait_net_ready(struct engine *e);

/* events.c helpers for containers: attributes beside image, name and labels are key, value pairs
 * ended by NULL. */
void engine_container_event(struct engine *e, struct container *c, const char *action, ...)
    __attribute__((sentinel));
void engine_network_event(struct engine *e, struct container *c, const char *action);
void engine_volume_event(struct engine *e, const char *name, const char *action, ...)
    __attribute__((sentinel));
void engine_image_event(struct engine *e, const char *action, const char *id, const char *name);

/* logs.c: one pass over the log, for attach with logs=1. */
int container_copy_logs(struct engine *e, const struct container_conf *conf, bool out, bool errs,
                        const struct sink *sink);

#define KILL_GRACE_NSEC (INT64_C(10) * 1000000000)
