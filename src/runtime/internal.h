/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the runtime's files share: the container, and the context of the child that becomes init.
 *
 * The parent (create.c) clones the child into its namespaces; the child (init.c) builds the
 * container's world around itself while the parent makes cgroups and compiles the seccomp filter.
 * They talk over one SOCK_SEQPACKET pair (sync.h). */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"
#include "runtime/cgroup.h"
#include "runtime/namespaces.h"
#include "runtime/runtime.h"

struct runtime_container {
    char *id;                    /* owned */
    const struct oci_spec *spec; /* borrowed */
    pid_t pid;                   /* 0: gone (found by runtime_open()) */
    int pidfd;                   /* owned or -1 */
    int sync_fd;                 /* owned; until the program has started, then -1 */
    int console_fd;              /* owned or -1 */
    int seccomp_fd;              /* owned; memfd with struct sock_filter[], or -1 */
    unsigned seccomp_flags;
    struct cgroup *cgroup; /* owned */
    char *bundle;          /* owned or NULL; for hooks */
};

/* The child's view while it builds the container. Lives in the copied memory of the parent. */
struct init_ctx {
    const struct runtime_create_params *params; /* borrowed */
    const struct oci_spec *spec;                /* borrowed */
    struct cgroup *cgroup;                      /* borrowed */
    const struct ns_plan *ns;                   /* borrowed */
    const int *idmap_fds; /* borrowed; for each mount a user namespace or -1; or NULL */
    int sync_fd;
    int host_proc_fd;  /* O_PATH on a verified procfs of the parent's pid namespace */
    int root_fd;       /* O_PATH on the mounted root */
    int null_fd;       /* the host's verified /dev/null, O_PATH */
    int console_fd;    /* slave, or -1 */
    int listener_sock; /* borrowed; connected to linux.seccomp.listenerPath, or -1 */
    unsigned seccomp_flags;
    pid_t host_pid;   /* own pid as the parent sees it; set when the parent said so */
    bool in_userns;   /* not in the initial user namespace: device nodes are bound */
    bool in_v2;       /* cloned into the v2 cgroup */
    bool has_cgroup;  /* this process is in its cgroups */
    bool dev_is_bind; /* /dev comes from elsewhere: nothing is made in it */
};

/* Opens /proc and makes sure it is one: O_PATH descriptor or a negative errno. */
int procfs_open(struct err *err);
/* Connects to linux.seccomp.listenerPath if the filter wants a listener; *ret is -1 if not. */
int listener_connect(const struct oci_spec *spec, int *ret, struct err *err);
/* Builds the container and executes its program. Never returns. */
_noreturn_ void init_main(struct init_ctx *ctx);
/* Waits until the parent has made the cgroups, enters them, then makes the cgroup namespace. Does
 * nothing the second time. */
int init_need_cgroup(struct init_ctx *ctx, struct err *err);
/* Waits until the child has sent something on `sock`, or has closed it. One that shares a pid
 * namespace with the container can be stopped by it: it is told to go on, and given up
 * (ERR_CONFLICT) when it is stopped again and again. pidfd: -1 on old kernels. */
int child_wait(int sock, pid_t pid, int pidfd, struct err *err);
/* The text of /proc/<pid>/stat. Caller frees. 0 or a negative errno. */
int child_stat(pid_t pid, char **ret);
/* Kills and reaps a child that failed. */
void child_reap(pid_t pid, int pidfd);
