/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The OCI configuration of a container, made from its Config, HostConfig and mount points: Docker's
 * defaults and what the user changed.
 *
 * Pure but for reading the root's passwd and group files, making the working directory, and the
 * device nodes on the host. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct container_spec_params {
    const char *id;
    const json_t *config, *host; /* borrowed; as container_request_parse() leaves them */
    const json_t *mounts;        /* borrowed; private form with Source filled in */
    int rootfs_fd;               /* borrowed */
    const char *resolv_path, *hostname_path, *hosts_path;
    bool cgroup_v2;
    uint64_t bounding_caps;    /* what can be given at all */
    const char *cgroup_parent; /* when the container has none of its own */
    const char *init_path;     /* program bound to /sbin/docker-init with Init */
    bool no_new_privileges;    /* the daemon's default */
    const char *pid_ns;        /* path of a namespace to join, or NULL */
    bool network_given;        /* a network namespace is handed over: not "host" */
};

/* The whole config.json; new object. */
int container_spec_build(const struct container_spec_params *p, json_t **ret, struct err *err);

/* A process object for exec. */
struct container_exec_process {
    json_t *args;           /* borrowed */
    json_t *env;            /* borrowed; array or NULL: added to the container's */
    const char *user, *cwd; /* NULL or "": the container's */
    bool tty, privileged;
    uint16_t rows, cols;
};
int container_spec_exec(const struct container_spec_params *p,
                        const struct container_exec_process *exec, json_t **ret, struct err *err);

/* Capabilities that the container gets: asked for and possible. */
int container_spec_caps(const struct container_spec_params *p, uint64_t *ret, struct err *err);

/* The container's control group, as linux.cgroupsPath has it; caller frees. */
char *container_cgroup_path(const json_t *host, const char *default_parent, const char *id);

/* Adds the limits of a HostConfig to an OCI resources object. */
int container_spec_resources(const json_t *host, json_t *resources, struct err *err);

/* Fixed parts; new arrays. */
json_t *container_default_masked_paths(void);
json_t *container_default_readonly_paths(void);

/* Parts of container_spec_build(). */
int container_spec_process(const struct container_spec_params *p, json_t **ret, struct err *err);
int container_spec_mounts(const struct container_spec_params *p, json_t **ret, struct err *err);
int container_spec_linux(const struct container_spec_params *p, json_t **ret, struct err *err);

/* The seccomp configuration in OCI form for a set of capabilities: the profile named by the host
 * configuration's SecurityOpt, else `profile` (JSON text of Docker's format), else the built-in
 * one. *ret NULL: unconfined. */
int container_seccomp(const json_t *host, const char *profile, uint64_t caps, json_t **ret,
                      struct err *err);
