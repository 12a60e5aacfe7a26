/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* lighter-runtime: the OCI runtime command line, as containerd and podman drive it.
 *
 * One process for each command. What outlives it is a directory <root>/<id>: state.json with a
 * copy of config.json, and start.sock while the container waits to be started. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"
#include "oci/spec.h"
#include "runtime/runtime.h"

#define RUNTIME_DEFAULT_ROOT "/run/lighter-runtime"

struct cli {
    const char *root;     /* borrowed; --root */
    const char *log_path; /* borrowed; --log or NULL */
    bool log_json;
};

/* An option of a command. Exactly one of the targets is set. */
struct cli_option {
    const char *name; /* long, without dashes */
    char letter;      /* or 0 */
    const char *arg;  /* what the value is called; NULL: none is taken */
    const char *help;
    bool *flag;
    const char **value; /* borrowed from argv */
    char ***list;       /* each use is appended; owned by the command */
};

/* Parses options up to the first operand or "--"; returns the index of the first operand, or a
 * negative errno. */
int cli_parse(const struct cli_option *options, int argc, char **argv, int start, struct err *err);

/* A command gets its own arguments, argv[0] being its name, and returns the exit status, or a
 * negative errno with err. */
typedef int (*cli_command_fn)(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_create(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_run(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_start(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_state(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_kill(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_delete(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_events(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_exec(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_list(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_ps(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_pause(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_resume(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_update(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_spec(struct cli *cli, int argc, char **argv, struct err *err);
int cmd_features(struct cli *cli, int argc, char **argv, struct err *err);

/* For commands that take only an id. */
int cli_one_id(int argc, char **argv, const char **ret_id, struct err *err);

/* Makes sure that a container cannot write to this program by way of /proc/<pid>/exe
 * (CVE-2019-5736): runs it again from a read-only place if need be. */
int cli_protect_self(char **argv, struct err *err);

/* What is kept of a container. */
struct state {
    char *id, *bundle, *rootfs; /* owned */
    pid_t pid;
    uint64_t start_time;
    int64_t created_nsec;
    struct oci_spec *spec;       /* owned */
    struct runtime_container *c; /* owned */
    int dir_fd;                  /* owned */
};

bool state_id_valid(const char *id);
/* Makes <root>/<id>; ERR_CONFLICT when it exists. Returns a directory descriptor. */
int state_dir_new(const struct cli *cli, const char *id, struct err *err);
int state_save(int dir_fd, const char *id, const char *bundle, const struct oci_spec *spec,
               pid_t pid, struct err *err);
/* ERR_NOT_FOUND: "container does not exist". */
int state_load(const struct cli *cli, const char *id, struct state *ret, struct err *err);
void state_done(struct state *s);
/* "created", "running", "paused" or "stopped". */
const char *state_status(struct state *s);
json_t *state_json(struct state *s);
int state_remove(const struct cli *cli, const char *id, struct err *err);
/* <root>/<id>/start.sock; caller frees. */
char *state_start_path(const struct cli *cli, const char *id);

/* Reads <bundle>/config.json, or another file. */
int bundle_read(int bundle_fd, const char *config, struct oci_spec **ret, struct err *err);

/* The compiled filter of linux.seccomp, from the cache or into it (filter_cache.c): *ret_fd is an
 * owned descriptor, or -1 when the spec has none. */
int filter_get(const struct cli *cli, const struct oci_spec *spec, int *ret_fd, struct err *err);

/* Attached terminals and exit codes (relay.c). */

/* Sends a pty master to whoever listens on the --console-socket. */
int relay_send_console(const char *socket_path, int master, struct err *err);
/* Keeps signals for relay_wait: called before the process exists, so that none ends us instead. */
int relay_hold_signals(struct err *err);
/* Copies between this terminal (or pipes) and the master until pid ends, passing signals and sizes
 * on; master -1: only waits and passes signals. Returns the exit status, 128+n for signals. */
int relay_wait(pid_t pid, int master, struct err *err);
/* Writes a pid file by rename. */
int relay_pid_file(const char *path, pid_t pid, struct err *err);
