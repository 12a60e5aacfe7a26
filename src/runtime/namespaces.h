/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Which namespaces a container's first process gets, and the clone that puts it there.
 *
 * ns_plan_init() opens what is to be joined; ns_clone() makes the process; in the child,
 * ns_child_join() does what could not be done by clone. New namespaces come from one clone3() so
 * that a container costs one fork. A joined pid namespace, and every joined one when the user
 * namespace is new (a process inside has no power over its elders), is entered by the parent for
 * the moment of the clone: single-threaded callers only. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

struct ns_plan {
    const struct oci_spec *spec; /* borrowed */
    uint64_t clone_flags;
    int join[OCI_NS_MAX]; /* owned; or -1 */
    bool new_ns[OCI_NS_MAX];
    bool any_user; /* the container has a user namespace of its own, new or joined */
};

int ns_plan_init(struct ns_plan *plan, const struct oci_spec *spec, int netns_fd, struct err *err);
void ns_plan_done(struct ns_plan *plan);

/* Returns twice, as fork(): 0 in the child. cgroup_fd: a cgroup v2 directory to start in, or -1;
 * *ret_in_cgroup tells whether that worked. In the parent *ret_pidfd is an owned descriptor or -1
 * (old kernel). Negative errno on failure, in the parent. */
pid_t ns_clone(const struct ns_plan *plan, int cgroup_fd, bool *ret_in_cgroup, int *ret_pidfd,
               struct err *err);
/* In the child, as root of its user namespace: joins or makes the rest. */
int ns_child_join(const struct ns_plan *plan, struct err *err);
/* A new network namespace's loopback interface is down. */
int ns_loopback_up(struct err *err);

/* clone3() with fallbacks to clone(); flags may hold CLONE_PARENT. As fork(). */
pid_t clone_raw(uint64_t flags, int cgroup_fd, bool *ret_in_cgroup, int *ret_pidfd);
/* The same in a user namespace, and a pid namespace unless pid_fd is -1: one that is entered cannot
 * be left again, so a go-between does it and makes the process there, as a child of ours. */
pid_t clone_inside_userns(int user_fd, int pid_fd, uint64_t flags, int *ret_pidfd, struct err *err);
/* The CLONE_NEW… flag of a kind of namespace, and its name below /proc/<pid>/ns. */
int ns_flag(enum oci_ns_type type);
const char *ns_file(enum oci_ns_type type);
/* Enters a namespace for a moment; returns the own one to give to ns_leave(), or a negative errno.
 */
int ns_enter(enum oci_ns_type type, int fd, struct err *err);
/* Goes back and closes `own`. A process that cannot return must not go on: it ends. */
void ns_leave(enum oci_ns_type type, int own);
