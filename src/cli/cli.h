/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The `lighter` command line: what commands are, and what they share.
 *
 * A command is a row of data (usage, options, argument counts) and a function that returns the
 * process's exit code. Texts, layouts and exit codes are those of the docker command line, version
 * 28, with "lighter" as the program's name. */

#include "base/err.h"
#include "base/macros.h"
#include "cli/options.h"
#include "client/client.h"

#define CLI_EXIT_FAILURE 1
#define CLI_EXIT_USAGE   125 /* also: the daemon refused to make or start a container */

struct cli;

struct command {
    const char *use;     /* after the command's name: "[OPTIONS] CONTAINER" */
    const char *summary; /* one line */
    const char *names;   /* all names, comma-separated: "container ls, container ps, ps"; or NULL */
    const struct opt *opts;
    size_t n_opts;
    int min_args, max_args; /* max -1: any */
    bool stop_at_positional;
    int (*run)(struct cli *cli, const struct args *a);
};

struct cli {
    const struct command *command;
    const char *path;      /* how it was called: "container ls" */
    struct client *client; /* owned; made on first use */
    char *const *hosts;    /* -H, borrowed */
    bool debug;
};

/* The client for the host that options and environment name. */
int cli_client(struct cli *cli, struct client **ret, struct err *err);
/* Prints the message on standard error and returns CLI_EXIT_FAILURE. */
int cli_fail(const struct err *err);
int cli_failf(const char *fmt, ...) _printf_(1, 2);
/* The failure of a command whose errors are followed by a hint: "lighter: <message>" and
 * "Run 'lighter run --help' …". Returns 125, 126 or 127 as the message asks for. */
int cli_fail_run(const struct cli *cli, const struct err *err);

/* Calls fn for each positional argument; prints failures and goes on. The argument is printed after
 * success when `echo`. The exit code. */
int cli_each(struct cli *cli, const struct args *a, bool echo,
             int (*fn)(struct cli *cli, const struct args *a, const char *arg, struct err *err));

/* The request parameter of repeated --filter options (JSON), or NULL when there are none. */
char *cli_filters(char *const *filters);
/* A timestamp option as the API's parameter; ERR_INVALID names the option. Caller frees *ret. */
int cli_timestamp(const char *option, const char *value, char **ret, struct err *err);

/* The table of commands (commands.c). */
struct route {
    const char *path; /* "container ls"; NULL ends the table */
    const struct command *command;
    bool common; /* among the common commands of the first help page */
};
extern const struct route cli_routes[];
struct group {
    const char *name; /* NULL ends the table */
    const char *summary;
};
extern const struct group cli_groups[];
extern const struct opt cli_global_opts[];
extern const size_t cli_n_global_opts;

/* Help texts (help.c), to `out`. */
void help_program(FILE *out);
void help_group(FILE *out, const struct group *g);
void help_command(FILE *out, const struct command *c, const char *path);
/* The script for bash, from the same tables (completion.c). */
void completion_bash(FILE *out);

extern const struct command cmd_attach, cmd_commit, cmd_completion, cmd_container_inspect,
    cmd_container_prune, cmd_cp, cmd_create, cmd_diff, cmd_events, cmd_exec, cmd_export,
    cmd_history, cmd_image_inspect, cmd_image_prune, cmd_images, cmd_import, cmd_info, cmd_inspect,
    cmd_kill, cmd_load, cmd_logs, cmd_pause, cmd_ps, cmd_rename, cmd_restart, cmd_rm, cmd_rmi,
    cmd_run, cmd_save, cmd_start, cmd_stats, cmd_stop, cmd_system_df, cmd_system_prune, cmd_tag,
    cmd_unpause, cmd_update, cmd_version, cmd_volume_prune, cmd_wait;
