/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* `run` and `create`: from options to the request that makes a container. */

#include "base/err.h"
#include "base/macros.h"
#include "cli/options.h"
#include "json/json.h"

/* The one table of options (run_options.c): `create` takes all but the last RUN_ONLY_OPTS, `run`
 * all but the first CREATE_ONLY_OPTS. */
#define CREATE_ONLY_OPTS 1
#define RUN_ONLY_OPTS    4
#define N_RUN_TABLE      100
extern const struct opt run_table[N_RUN_TABLE];

/* Checks of single options, for the table; they follow opts' validators. */
int check_attach(const char *v, struct err *err);
int check_env(const char *v, struct err *err);
int check_label(const char *v, struct err *err);
int check_add_host(const char *v, struct err *err);
int check_ip(const char *v, struct err *err);
int check_mount(const char *v, struct err *err);
int check_ulimit(const char *v, struct err *err);
int check_sysctl(const char *v, struct err *err);
int check_link(const char *v, struct err *err);
int check_weight_device(const char *v, struct err *err);
int check_rate_bytes(const char *v, struct err *err);
int check_rate_io(const char *v, struct err *err);

/* The body of POST /containers/create: the configuration with HostConfig and NetworkingConfig.
 * positional[0] is the image. New reference. */
int run_config(const struct args *a, json_t **ret, struct err *err);

/* Its parts, each adding to `host` (HostConfig) or `config`. */
int run_mounts(const struct args *a, json_t *config, json_t *host, struct err *err);
int run_ports(const struct args *a, json_t *config, json_t *host, struct err *err);
int run_networks(const struct args *a, json_t *config, json_t *host, json_t **ret_networking,
                 struct err *err);
int run_devices(const struct args *a, json_t *host, struct err *err);
/* One --mount value as the API's Mount. New reference, or NULL and err. */
json_t *parse_mount(const char *text, struct err *err);

/* "KEY=value" lines of files, then values; a bare KEY takes its value from the environment.
 * Without one, a file's is left out, and a value's stays bare, which unsets it. *ret is a new array
 * or NULL. */
int read_env(char *const *files, char *const *values, json_t **ret, struct err *err);
/* The same for labels, as an object; a bare KEY has the value "". */
int read_labels(char *const *files, char *const *values, json_t **ret, struct err *err);
/* Is this an image's name? ERR_INVALID with Docker's reason otherwise. */
int image_reference_check(const char *ref, struct err *err);
