/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The daemon's settings: one table (settings.c) feeds the flags, the keys of daemon.json, the help
 * text and the conflict check between them. Names and meanings are dockerd's. */

#include "base/err.h"
#include "base/macros.h"
#include "engine/engine.h"
#include "json/json.h"

#define DAEMON_CONFIG_FILE  "/etc/lighter/daemon.json"
#define DAEMON_DEFAULT_HOST "unix:///run/lighter.sock"

struct daemon_config {
    char **hosts; /* owned vectors and strings */
    char *data_root, *exec_root, *pidfile, *config_file;
    char *storage_driver, *log_level, *group, *bridge, *bip;
    char *log_driver, *init_path, *cgroup_parent, *default_shm_size, *seccomp_profile;
    char **dns, **dns_search, **dns_opts, **labels;
    json_t *log_opts;        /* ref; {"max-size": "10m"} or NULL */
    json_t *default_ulimits; /* ref; {"nofile": {"Name", "Soft", "Hard"}} or NULL */
    int64_t mtu, shutdown_timeout;
    bool debug, iptables, ip_forward, ip_masq, init, no_new_privileges, live_restore, experimental;
    bool help, version, validate;
};

/* Defaults, then the flags, then the file that they name. A file that is absent is an error only
 * when --config-file names it. Errors carry dockerd's words. *c is overwritten and always to be
 * released with daemon_config_done(). */
int daemon_config_load(struct daemon_config *c, int argc, char **argv, struct err *err);
void daemon_config_done(struct daemon_config *c);
/* The engine's view; borrows everything from c. shim_program: path of lighter-shim. */
void daemon_engine_config(const struct daemon_config *c, const char *shim_program,
                          struct engine_config *ret);
/* Prints --help to standard output. */
void daemon_print_help(void);
