/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The OCI runtime-spec's config.json as C structures (runtime-spec 1.x, config.md,
 * config-linux.md).
 *
 * oci_spec_parse() reads and validates; errors name the field. All strings and arrays are owned by
 * the spec and freed by oci_spec_free(). Absent optional strings are NULL, absent arrays have count
 * 0, absent numbers have their `has_` flag or the documented "unset" value. */

#include <sys/resource.h>

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"
#include "oci/spec_sched.h"

#define OCI_UNSET INT64_MIN
/* The runtime-spec that is followed. */
#define OCI_SPEC_VERSION "1.3.0"

struct oci_rlimit {
    int type; /* RLIMIT_… */
    uint64_t soft, hard;
};

struct oci_user {
    uint32_t uid, gid;
    bool has_umask;
    uint32_t umask;
    uint32_t *additional_gids;
    size_t n_additional_gids;
};

/* Sets of capabilities as bit masks, bit n = capability n (capabilities(7)). */
struct oci_capabilities {
    bool set; /* false: process.capabilities is absent */
    uint64_t bounding, effective, inheritable, permitted, ambient;
};

struct oci_process {
    bool terminal;
    uint16_t console_height, console_width; /* 0: unset */
    struct oci_user user;
    char **args, **env; /* string vectors */
    char *cwd;
    struct oci_capabilities caps;
    struct oci_rlimit *rlimits;
    size_t n_rlimits;
    bool no_new_privileges;
    char *apparmor_profile, *selinux_label;
    bool has_oom_score_adj;
    int oom_score_adj;
    struct oci_scheduler scheduler;
    bool has_io_priority;
    int io_priority;                                    /* as ioprio_set(2) takes it */
    struct oci_id_set affinity_initial, affinity_final; /* of a process added by exec */
};

struct oci_id_map {
    uint32_t container_id, host_id, size;
};

struct oci_mount {
    char *destination, *type, *source;
    char **options; /* string vector as given */
    /* of an id-mapped mount */
    struct oci_id_map *uid_maps, *gid_maps;
    size_t n_uid_maps, n_gid_maps;
};

enum oci_ns_type {
    OCI_NS_PID,
    OCI_NS_NETWORK,
    OCI_NS_MOUNT,
    OCI_NS_IPC,
    OCI_NS_UTS,
    OCI_NS_USER,
    OCI_NS_CGROUP,
    OCI_NS_TIME,
    OCI_NS_MAX
};

struct oci_namespace {
    bool set;
    char *path; /* NULL: a new one */
};

struct oci_device {
    char *path;
    int64_t major, minor;
    uint32_t mode, uid, gid;
    bool has_mode;
    char type; /* c, b, u, p */
};

/* Seconds and nanoseconds that a new time namespace's clock is ahead. */
struct oci_time_offset {
    bool set;
    int64_t sec;
    uint32_t nsec;
};

struct oci_device_rule {
    int64_t major, minor; /* -1: any */
    char type;            /* a, c, b */
    bool allow;
    bool read, write, mknod;
};

struct oci_resources {
    struct oci_device_rule *devices;
    size_t n_devices;
    /* memory, bytes; OCI_UNSET when absent */
    int64_t memory_limit, memory_reservation, memory_swap, memory_kernel;
    int64_t memory_swappiness; /* 0..100 */
    bool has_oom_disable, oom_disable;
    bool memory_check; /* an update below what is in use is refused */
    /* cpu */
    int64_t cpu_shares, cpu_quota, cpu_period, cpu_burst, cpu_rt_runtime, cpu_rt_period, cpu_idle;
    char *cpuset_cpus, *cpuset_mems;
    int64_t pids_limit;
    json_t *block_io;        /* ref; the raw object or NULL */
    json_t *hugepage_limits; /* ref; the raw array or NULL */
    json_t *network;         /* ref */
    json_t *rdma;            /* ref */
    json_t *unified;         /* ref */
};

struct oci_spec {
    char *version;
    struct oci_process process;
    bool has_process;
    char *root_path;
    bool root_readonly;
    char *hostname, *domainname;
    struct oci_mount *mounts;
    size_t n_mounts;
    struct oci_namespace ns[OCI_NS_MAX];
    struct oci_id_map *uid_maps, *gid_maps;
    size_t n_uid_maps, n_gid_maps;
    struct oci_device *devices;
    size_t n_devices;
    char *cgroups_path;
    bool has_resources;
    struct oci_resources resources;
    char **sysctl_keys, **sysctl_values; /* parallel string vectors */
    char *rootfs_propagation;
    bool has_personality;
    uint64_t personality; /* as personality(2) takes it */
    struct oci_time_offset monotonic_offset, boottime_offset;
    char **masked_paths, **readonly_paths;
    char *mount_label;
    struct oci_memory_policy memory_policy;
    json_t *net_devices; /* ref; linux.netDevices raw, or NULL */
    json_t *intel_rdt;   /* ref; linux.intelRdt raw, or NULL */
    json_t *seccomp;     /* ref; linux.seccomp raw, or NULL: compiled by runtime/seccomp */
    json_t *hooks;       /* ref; raw, or NULL */
    json_t *annotations; /* ref; or NULL */
    json_t *raw;         /* ref; the whole document */
};

/* Parses a config.json text. ERR_INVALID names the field. */
int oci_spec_parse(const char *data, size_t len, struct oci_spec **ret, struct err *err);
/* The same from the parsed document, which is referenced. */
int oci_spec_from_json(json_t *doc, struct oci_spec **ret, struct err *err);
void oci_spec_free(struct oci_spec *spec);
DEFINE_CLEANUP(struct oci_spec *, oci_spec_free);
/* Reads linux.resources alone, as `update` takes it; fields absent are unset. */
int oci_resources_parse(const json_t *j, struct oci_resources *ret, struct err *err);
void oci_resources_done(struct oci_resources *r);
/* Parses a process object, as `exec --process` and the shim's exec message carry it. */
int oci_process_parse(const json_t *j, struct oci_process *ret, struct err *err);
/* The same from its text. */
int oci_process_parse_text(const char *data, size_t len, struct oci_process *ret, struct err *err);
void oci_process_done(struct oci_process *p);
/* The number of a capability ("CAP_CHOWN" or "CHOWN", any case), or -EINVAL. */
int oci_capability_parse(const char *name);
/* "CAP_CHOWN", or NULL beyond the known ones. */
const char *oci_capability_name(unsigned capability);
/* RLIMIT_… of "RLIMIT_NOFILE", or -EINVAL; and back. */
int oci_rlimit_parse(const char *name);
const char *oci_rlimit_name(int type);
