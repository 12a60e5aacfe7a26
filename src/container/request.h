/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The request to create a container: from the client's JSON to complete, checked Config and
 * HostConfig objects, as inspect prints them and the OCI spec is made from.
 *
 *   container_request_parse()   types, unknown and unsupported fields, values  (no image needed)
 *   container_request_merge()   what the image brings: Env, Cmd, Entrypoint, Labels …
 *
 * Both report in Docker's words, since its clients show them. Pure functions; nothing blocks but
 * reading /proc/sys and /sys/fs/cgroup facts given in the defaults. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

/* What the daemon fills in where a request is silent. Borrowed throughout. */
struct container_defaults {
    const char *log_driver; /* NULL: json-file */
    const json_t *log_opts; /* or NULL */
    int64_t shm_size_bytes; /* 0: 64 MiB */
    bool cgroup_v2;
    bool init;
    const json_t *ulimits; /* {"nofile":{"Name","Hard","Soft"}} or NULL */
    unsigned n_cpus;
    bool cpus_known;      /* cpuset and cpu limits are checked against n_cpus */
    unsigned n_mems;      /* memory nodes; 0: not known */
    bool no_blkio_weight; /* the kernel cannot weigh block I/O */
};

struct container_request {
    json_t *config;    /* owned; Config as inspect prints it */
    json_t *host;      /* owned; HostConfig */
    const char *image; /* borrowed from config */
};

void container_request_done(struct container_request *rq);

/* body is borrowed. warnings: array appended to. On failure *ret holds nothing. */
int container_request_parse(const json_t *body, const struct container_defaults *defaults,
                            struct container_request *ret, json_t *warnings, struct err *err);
/* Merges the image's config (image-spec "config" object, or NULL) and checks that there is a
 * command. id names the container, for the default host name. */
int container_request_merge(struct container_request *rq, const json_t *image_config,
                            const char *id, json_t *warnings, struct err *err);

/* POST /containers/{id}/update: limits and restart policy of body (an object), put over `host`, are
 * checked together. *ret_host: the HostConfig that results, a new object. */
int container_update_parse(const json_t *body, json_t *config, const json_t *host,
                           const struct container_defaults *defaults, json_t **ret_host,
                           json_t *warnings, struct err *err);

/* Checks of values (verify.c); called by container_request_parse(). */
int container_verify(json_t *config, json_t *host, const struct container_defaults *defaults,
                     json_t *warnings, struct err *err);
/* Log options of the json-file driver: max-size, max-file, labels, env. */
int container_verify_log(const char *driver, const json_t *options, struct err *err);
/* Dns*, ExtraHosts: they become lines of files (verify_names.c). */
int container_verify_names(const json_t *host, struct err *err);
/* "10m", "1g", "512" … as Docker's units (1024). */
int container_size_parse(const char *text, int64_t *ret_bytes);

/* Names: [a-zA-Z0-9][a-zA-Z0-9_.-]+ without the leading '/'. */
bool container_name_valid(const char *name);
/* "adjective_surname"; retry > 0 appends a digit. Caller frees. */
char *container_name_random(unsigned retry);
/* A signal's number: "9", "KILL", "SIGKILL", "RTMIN+1"; ERR_INVALID `invalid signal: x`. */
int container_signal_parse(const char *text, int *ret, struct err *err);
