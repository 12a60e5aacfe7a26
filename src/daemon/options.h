/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The daemon's settings: dockerd's flags and the keys of its daemon.json, from one table.
 *
 * A setting given both as a flag and in the file is refused, as are keys that the table does not
 * know, in dockerd's words. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct daemon_options {
    /* all owned; NULL: the default */
    char **hosts, **dns, **dns_search, **dns_options, **labels;
    char *data_root, *exec_root, *pidfile, *config_file, *storage_driver, *log_level, *group;
    char *bridge, *bip, *log_driver, *cgroup_parent, *default_shm_size, *seccomp_profile,
        *init_path;
    json_t *log_opts, *ulimits;
    bool debug, iptables, ip_forward, ip_masq, init, no_new_privileges, live_restore, experimental;
    bool ip6tables, ipv6, userland_proxy, icc, selinux;
    int mtu, shutdown_timeout;
    bool validate, version, help; /* flags only */
    bool *set;                    /* owned; per table entry: given as a flag */
    bool config_file_given;
};

void daemon_options_init(struct daemon_options *o);
void daemon_options_done(struct daemon_options *o);

/* Reads the command line. */
int daemon_options_flags(struct daemon_options *o, int argc, char *const *argv, struct err *err);
/* Reads the configuration file over them; one that was not asked for may be absent. */
int daemon_options_file(struct daemon_options *o, struct err *err);
/* Values that make no sense. */
int daemon_options_check(const struct daemon_options *o, struct err *err);
void daemon_options_help(void);
/* "nofile=1024:2048" into {"nofile":{"Name","Hard","Soft"}}. */
int daemon_ulimit_parse(const char *text, json_t *ulimits, struct err *err);
