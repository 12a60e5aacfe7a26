/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The OCI runtime as a library: used by the shim for our own containers and by lighter-runtime for
 * everybody else's.
 *
 * Life cycle of a container: runtime_create() sets up namespaces, mounts, cgroups and the init
 * process, which then waits; runtime_start() lets it execute the program; runtime_exec() adds
 * processes; runtime_destroy() ends what is left and removes the cgroups. The init process is a
 * child of the caller, who reaps it. Single-threaded callers only: the library forks, and enters
 * namespaces for a moment. Callers have descriptors 0, 1 and 2 open. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct oci_spec;
struct oci_process;
struct runtime_container;

/* What only a runtime of its own needs; the shim passes none. */
struct runtime_standalone {
    int start_fd; /* borrowed; a listening SOCK_SEQPACKET socket on which init waits to be started
                     by another process (runtime_start_remote()), or -1 */
    const char *bundle;    /* borrowed; absolute, for the state that hooks read; or NULL */
    unsigned preserve_fds; /* descriptors from 3 on that the program inherits */
    bool no_pivot;         /* the root file system is an initramfs: move and chroot instead */
    bool no_new_keyring;
};

struct runtime_create_params {
    const char *id;              /* borrowed */
    const struct oci_spec *spec; /* borrowed; must outlive the container */
    int bundle_fd;  /* borrowed; directory that a relative root.path starts from, or -1 */
    int rootfs_fd;  /* borrowed; detached mount (fsmount, open_tree) to use as the root, or -1 */
    int netns_fd;   /* borrowed; network namespace to join instead of the spec's, or -1 */
    int seccomp_fd; /* borrowed; memfd with a compiled filter (struct sock_filter[]) used instead
                       of compiling linux.seccomp, or -1 */
    int stdio[3];   /* borrowed; for the init process when process.terminal is false */
    const char *console_size;                    /* reserved for the spec's consoleSize; NULL */
    const struct runtime_standalone *standalone; /* borrowed; NULL: none of it */
};

/* Blocks until the init process is ready or has failed; errors carry runc's texts, e.g.
 *   exec: "nope": executable file not found in $PATH
 * On failure nothing is left (no process, cgroup, mount). */
int runtime_create(const struct runtime_create_params *params, struct runtime_container **ret,
                   struct err *err);
/* Finds a container again that another process created: by its init's pid and that process' start
 * time (field 22 of /proc/<pid>/stat, as runtime_start_time() gives it). A container whose init has
 * ended is found too; runtime_pid() is 0 then. bundle is for hooks, or NULL. */
int runtime_open(const char *id, const struct oci_spec *spec, const char *bundle, pid_t pid,
                 uint64_t start_time, struct runtime_container **ret, struct err *err);
int runtime_start_time(pid_t pid, uint64_t *ret);
/* Lets an init start that waits on the socket at `path` (see runtime_standalone.start_fd). */
int runtime_start_remote(struct runtime_container *c, const char *path, struct err *err);
/* Lets the init process execute its program; returns once execve() succeeded, or with its error. */
int runtime_start(struct runtime_container *c, struct err *err);
/* The init process in the caller's pid namespace, and a pidfd (borrowed). */
pid_t runtime_pid(const struct runtime_container *c);
int runtime_pidfd(const struct runtime_container *c);
/* The pty master when process.terminal is true (owned by the caller, -1 when taken or none). */
int runtime_take_console(struct runtime_container *c);

/* For a container found again: the compiled filter (borrowed) for runtime_exec(), which would
 * compile linux.seccomp itself otherwise. */
void runtime_use_seccomp(struct runtime_container *c, int fd);
/* Starts another process in the container's namespaces and cgroup, without another program's help.
 * stdio is used when process->terminal is false; otherwise *ret_console is the pty master. The new
 * process becomes a child of the caller (or of its subreaper). Texts as runtime_create(). */
int runtime_exec(struct runtime_container *c, const struct oci_process *process, const int stdio[3],
                 pid_t *ret_pid, int *ret_console, struct err *err);

/* Signals the init process, or with `all` every process in the cgroup. -ESRCH when gone. */
int runtime_kill(struct runtime_container *c, int signo, bool all);
/* Changes limits of a running container. */
struct oci_resources;
int runtime_update(struct runtime_container *c, const struct oci_resources *res, struct err *err);
/* Process ids in the container's cgroup, in the caller's pid namespace; caller frees *ret. */
int runtime_pids(struct runtime_container *c, pid_t **ret, size_t *ret_n, struct err *err);
bool runtime_paused(struct runtime_container *c);
int runtime_pause(struct runtime_container *c, struct err *err);
int runtime_resume(struct runtime_container *c, struct err *err);
/* What the container uses, as the data of runc's statistics events. New reference. */
json_t *runtime_stats(struct runtime_container *c);
/* How often the kernel's OOM killer struck in the container's memory cgroup. */
int runtime_oom_kills(struct runtime_container *c, uint64_t *ret);
/* Kills what is left in the cgroup, waits for it, removes the cgroups. Safe to call again. */
int runtime_destroy(struct runtime_container *c, struct err *err);
/* Forgets the container without touching it. */
void runtime_container_free(struct runtime_container *c);
DEFINE_CLEANUP(struct runtime_container *, runtime_container_free);
