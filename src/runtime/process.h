/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* From a process inside the container's namespaces to the user's program: shared by init and exec.
 *
 * process_prepare() takes the user's identity and finds the program, keeping only what is needed to
 * finish; process_exec() makes the rest of the restrictions effective and executes. Between the two
 * a new container waits to be started. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

struct process {
    const struct oci_process *spec;                /* borrowed */
    const struct oci_memory_policy *memory_policy; /* borrowed */
    int proc_fd;    /* borrowed; verified procfs that shows this process, or -1 */
    int seccomp_fd; /* borrowed or -1 */
    unsigned seccomp_flags;
    unsigned preserve_fds;
    int listener_sock;            /* borrowed; takes the filter's listener; only with a message */
    const char *listener_message; /* borrowed; NULL: the filter has no listener */
    /* set by process_prepare() */
    struct oci_capabilities caps;
    uint64_t available;
    bool limits_left; /* some resource limit needs the parent's power */
    char *program;    /* owned */
    char **env;       /* owned */
};

int process_prepare(struct process *p, struct err *err);
/* Returns only on failure. */
int process_exec(struct process *p, struct err *err);
/* Makes fds 0, 1 and 2, and lets the user open them again by /dev/stdout. */
int process_stdio(const int stdio[3], uint32_t uid, struct err *err);
/* All descriptors from `first` on close at execve(). proc_fd: a procfs for old kernels, or -1. */
int process_close_fds(unsigned first, int proc_fd);
/* "a\"b" as Go's %q prints it; caller frees. */
char *quote(const char *s);
