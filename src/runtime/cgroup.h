/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A container's cgroups: one directory in every hierarchy that the machine has mounted.
 *
 * A machine has cgroup v1 hierarchies (each with its controllers), or the v2 hierarchy, or both at
 * once ("hybrid"; v2 may hold what controllers v1 left over). So a container's cgroup is a list of
 * directories, each behind the ops of its version (cgroup_v1.c, cgroup_v2.c); what a hierarchy's
 * controllers cannot do is asked of the others.
 *
 * Paths are as Docker means them: from the root of each hierarchy as mounted here. Life cycle:
 * cgroup_new() finds the hierarchies, cgroup_make_v2() and cgroup_make_v1() create the directories,
 * cgroup_apply() sets limits, cgroup_attach() moves a process in, cgroup_kill() and
 * cgroup_remove() end it. Not thread-safe. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

enum cgroup_controller {
    CGROUP_CPU = 1 << 0,
    CGROUP_CPUACCT = 1 << 1,
    CGROUP_CPUSET = 1 << 2,
    CGROUP_MEMORY = 1 << 3,
    CGROUP_PIDS = 1 << 4,
    CGROUP_DEVICES = 1 << 5,
    CGROUP_FREEZER = 1 << 6,
    CGROUP_IO = 1 << 7,
    CGROUP_HUGETLB = 1 << 8,
    CGROUP_NET_CLS = 1 << 9,
    CGROUP_NET_PRIO = 1 << 10,
    CGROUP_PERF_EVENT = 1 << 11,
    CGROUP_RDMA = 1 << 12,
    CGROUP_MISC = 1 << 13,
};

#define CGROUP_HIERARCHIES_MAX 20

struct cgroup_ops;

struct cgroup_hierarchy {
    const struct cgroup_ops *ops;
    unsigned controllers; /* enum cgroup_controller bits */
    char *options;        /* owned; v1: "cpu,cpuacct" or "name=systemd"; v2: "" */
    char *mountpoint;     /* owned */
    int root_fd;          /* owned; O_PATH on the mount point, or -1 until needed */
    int dir_fd;           /* owned; the container's directory, or -1 */
    bool created;         /* the directory was made by us */
};

struct cgroup {
    char *path; /* owned; "/docker/<id>" */
    struct cgroup_hierarchy h[CGROUP_HIERARCHIES_MAX];
    size_t n;
    struct cgroup_hierarchy *v2; /* within h, or NULL */
    bool delegated; /* hierarchies that were not given to us are done without; limits that they
                       would have to set are still refused */
};

/* One hierarchy's version. Errors name file and value. */
struct cgroup_ops {
    bool v2;
    int (*make)(struct cgroup_hierarchy *h, const char *path, struct err *err);
    /* Sets what concerns this hierarchy's controllers. */
    int (*apply)(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err);
    int (*apply_devices)(struct cgroup_hierarchy *h, const struct oci_resources *res,
                         struct err *err);
    int (*freeze)(struct cgroup_hierarchy *h, bool on, struct err *err);
    int (*frozen)(struct cgroup_hierarchy *h); /* 1, 0 or a negative errno */
    int (*oom_kills)(struct cgroup_hierarchy *h, uint64_t *ret);
};
extern const struct cgroup_ops cgroup_v1_ops, cgroup_v2_ops;

/* cgroups_path: linux.cgroupsPath or NULL, which stands for "/<id>". */
int cgroup_new(const char *cgroups_path, const char *id, struct cgroup **ret, struct err *err);
void cgroup_free(struct cgroup *c);
DEFINE_CLEANUP(struct cgroup *, cgroup_free);
/* Opens the directories of a cgroup that exists; absent ones are left out. */
void cgroup_find(struct cgroup *c);
/* Makes the v2 directory, so that a process can be cloned into it; no-op without v2. */
int cgroup_make_v2(struct cgroup *c, struct err *err);
int cgroup_make_v1(struct cgroup *c, struct err *err);
/* with_devices: sets the device rules too (creation); else only limits (update). */
int cgroup_apply(struct cgroup *c, const struct oci_resources *res, bool with_devices,
                 struct err *err);
/* in_v2: the process is in the v2 directory already. */
int cgroup_attach(struct cgroup *c, pid_t pid, bool in_v2, struct err *err);
/* The calling process moves itself, which is much faster: the kernel moves another process only
 * after an RCU grace period, some milliseconds, while a single thread moves itself without. */
int cgroup_attach_self(struct cgroup *c, bool in_v2, struct err *err);
int cgroup_pids(struct cgroup *c, pid_t **ret, size_t *ret_n, struct err *err);
int cgroup_signal(struct cgroup *c, int signo);
int cgroup_freeze(struct cgroup *c, bool on, struct err *err);
bool cgroup_frozen(struct cgroup *c);
int cgroup_oom_kills(struct cgroup *c, uint64_t *ret);
/* What is used, as the data of runc's statistics events. New reference. */
json_t *cgroup_stats(const struct cgroup *c);
/* SIGKILL to all, then waits until nothing is left. */
int cgroup_kill(struct cgroup *c, struct err *err);
/* Removes the directories and those below them. 0 when they are gone. */
int cgroup_remove(struct cgroup *c, struct err *err);

/* Shared by the versions. */

/* Writes a value to a control file; the error names both. */
int cgroup_write(struct cgroup_hierarchy *h, const char *file, const char *value, struct err *err);
int cgroup_write_i64(struct cgroup_hierarchy *h, const char *file, int64_t value, struct err *err);
/* A control file's text without the newline; caller frees. */
int cgroup_read(int dir_fd, const char *file, char **ret);
/* With checkBeforeUpdate: refuses a limit below what `file` says is in use. */
int cgroup_check_memory(struct cgroup_hierarchy *h, const struct oci_resources *res,
                        const char *file, struct err *err);
/* Limits that both versions write alike: huge pages (with the suffix of the version's files) and
 * RDMA. */
int cgroup_apply_hugetlb(struct cgroup_hierarchy *h, const struct oci_resources *res,
                         const char *suffix, struct err *err);
int cgroup_apply_rdma(struct cgroup_hierarchy *h, const struct oci_resources *res, struct err *err);
bool cgroup_has_file(struct cgroup_hierarchy *h, const char *file);
/* The number behind "key " in a flat keyed file. */
int cgroup_read_key(int dir_fd, const char *file, const char *key, uint64_t *ret);
/* The device rules with what every container may use appended, as runc has them. Caller frees. */
struct oci_device_rule *cgroup_device_rules(const struct oci_resources *res, size_t *ret_n);
/* cgroup_bpf.c: replaces the device program of a v2 directory. */
int cgroup_bpf_attach(int dir_fd, const struct oci_device_rule *rules, size_t n, struct err *err);
