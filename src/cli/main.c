/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"

/* The longest path of the table that argv starts with; *ret_words counts its words. */
static const struct route *find_route(int argc, char **argv, int *ret_words)
{
    for (int words = MIN(argc, 2); words > 0; words--) {
        _cleanup_free_ char *path =
            words == 2 ? xasprintf("%s %s", argv[0], argv[1]) : xstrdup(argv[0]);
        for (const struct route *r = cli_routes; r->path; r++)
            if (str_eq(r->path, path)) {
                *ret_words = words;
                return r;
            }
    }
    return NULL;
}

static const struct group *find_group(const char *name)
{
    for (const struct group *g = cli_groups; g->name; g++)
        if (str_eq(g->name, name))
            return g;
    return NULL;
}

static int usage_error(const char *path, const char *use, const char *message)
{
    (void)fflush(stdout);
    (void)fprintf(stderr,
                  "%s\n\nUsage:  lighter%s%s%s%s\n\n"
                  "Run 'lighter%s%s --help' for more information\n",
                  message, *path ? " " : "", path, *use ? " " : "", use, *path ? " " : "", path);
    return CLI_EXIT_USAGE;
}

static int count_error(const struct cli *cli)
{
    const struct command *c = cli->command;
    _cleanup_free_ char *what = NULL;
    const char *plural = (c->max_args > 0 ? c->max_args : c->min_args) == 1 ? "" : "s";
    if (c->max_args == 0)
        what = xstrdup("accepts no arguments");
    else if (c->max_args < 0)
        what = xasprintf("requires at least %d argument%s", c->min_args, plural);
    else if (c->min_args == c->max_args)
        what = xasprintf("requires %d argument%s", c->min_args, plural);
    else
        what = xasprintf("requires at %s %d argument%s", c->min_args ? "least" : "most",
                         c->min_args ? c->min_args : c->max_args, plural);
    (void)fprintf(stderr,
                  "lighter: 'lighter %s' %s\n\nUsage:  lighter %s %s\n\n"
                  "%s 'lighter %s --help' for more information\n",
                  cli->path, what, cli->path, c->use, c->max_args < 0 ? "See" : "Run", cli->path);
    return CLI_EXIT_FAILURE;
}

static void note_short_help(FILE *out, int parsed)
{
    if (parsed == ARGS_HELP_SHORT)
        (void)fprintf(out, "Flag shorthand -h has been deprecated, use --help\n");
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    const struct command *c = cli->command;
    _cleanup_(args_freep)
    struct args *a = NULL;
    struct err err = {0};
    int r = args_parse(c->opts, c->n_opts, argc, argv, c->stop_at_positional, &a, &err);
    if (r > 0) {
        note_short_help(stdout, r);
        help_command(stdout, c, cli->path);
        return 0;
    }
    if (r < 0)
        return usage_error(cli->path, c->use, err.message);
    if (args_n(a) < c->min_args || (c->max_args >= 0 && args_n(a) > c->max_args))
        return count_error(cli);
    return c->run(cli, a);
}

/* What people know from docker: that it is missing is told otherwise than that there is no such
 * thing. */
static bool known_elsewhere(const char *word)
{
    static const char *const words[] = {
        "build",   "builder", "buildx", "checkpoint", "commit",  "compose",    "config",
        "connect", "context", "cp",     "df",         "diff",    "disconnect", "export",
        "ls",      "login",   "logout", "manifest",   "network", "node",       "plugin",
        "port",    "prune",   "pull",   "push",       "search",  "secret",     "service",
        "stack",   "stats",   "swarm",  "top",        "trust",   "update",     "volume",
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(words[i], word))
            return true;
    return false;
}

static int unsupported_command(const char *group, const char *word)
{
    (void)fprintf(stderr,
                  "lighter: 'lighter %s%s%s' is not supported by this version of Lighter\n\nRun "
                  "'lighter --help' for the commands that are\n",
                  group, *group ? " " : "", word);
    return CLI_EXIT_FAILURE;
}

static int unknown_command(char **argv, int argc)
{
    const struct group *g = find_group(argv[0]);
    if (!g && known_elsewhere(argv[0]))
        return unsupported_command("", argv[0]);
    if (!g) {
        (void)fprintf(stderr,
                      "lighter: unknown command: lighter %s\n\nRun 'lighter --help' for more "
                      "information\n",
                      argv[0]);
        return CLI_EXIT_FAILURE;
    }
    if (argc == 1 || str_eq(argv[1], "--help") || str_eq(argv[1], "help") ||
        str_eq(argv[1], "-h")) {
        note_short_help(stdout, argc > 1 && str_eq(argv[1], "-h") ? ARGS_HELP_SHORT : 0);
        help_group(stdout, g);
        return 0;
    }
    if (argv[1][0] == '-') {
        _cleanup_free_ char *message =
            argv[1][1] == '-'
                ? xasprintf("unknown flag: %s", argv[1])
                : xasprintf("unknown shorthand flag: '%c' in %s", argv[1][1], argv[1]);
        return usage_error(g->name, "", message);
    }
    if (known_elsewhere(argv[1]))
        return unsupported_command(g->name, argv[1]);
    (void)fprintf(stderr,
                  "lighter: unknown command: lighter %s %s\n\nUsage:  lighter %s\n\n"
                  "Run 'lighter %s --help' for more information\n",
                  g->name, argv[1], g->name, g->name);
    return CLI_EXIT_FAILURE;
}

static int help_topic(int argc, char **argv)
{
    int words = 0;
    if (argc == 0) {
        help_program(stdout);
        return 0;
    }
    const struct route *r = find_route(argc, argv, &words);
    const struct group *g = r ? NULL : find_group(argv[0]);
    if (r)
        help_command(stdout, r->command, r->path);
    else if (g)
        help_group(stdout, g);
    else
        return cli_failf("unknown help topic: %s", argv[0]);
    return 0;
}

static int check_globals(const struct args *g, struct err *err)
{
    enum log_level level;
    if (log_level_parse(args_str(g, "log-level"), &level) < 0)
        return err_set(err, ERR_INVALID, "Unable to parse logging level: %s",
                       args_str(g, "log-level"));
    log_set_level(args_bool(g, "debug") ? LOG_DEBUG : level);
    static const char *const tls[] = {"tls", "tlsverify", "tlscacert", "tlscert", "tlskey"};
    for (size_t i = 0; i < ARRAY_SIZE(tls); i++)
        if (args_set(g, tls[i]))
            return err_set(err, ERR_UNSUPPORTED,
                           "--%s: TLS connections are not supported by this version", tls[i]);
    const char *context = args_str(g, "context");
    if (*context && !str_eq(context, "default"))
        return err_set(err, ERR_UNSUPPORTED,
                       "Failed to initialize: unable to resolve docker endpoint: context \"%s\": "
                       "context not found",
                       context);
    if (strv_len(args_list(g, "host")) > 1)
        return err_set(err, ERR_INVALID,
                       "Failed to initialize: unable to resolve lighter endpoint: Specify only "
                       "one -H");
    return 0;
}

static int program(int argc, char **argv)
{
    _cleanup_(args_freep)
    struct args *g = NULL;
    struct err err = {0};
    int r = args_parse(cli_global_opts, cli_n_global_opts, argc, argv, true, &g, &err);
    if (r > 0) {
        note_short_help(stderr, r);
        help_program(stdout);
        return 0;
    }
    if (r < 0)
        return usage_error("", "[OPTIONS] COMMAND [ARG...]", err.message);
    if (args_bool(g, "version")) {
        (void)printf("Lighter version %s\n", LIGHTER_VERSION);
        return 0;
    }
    int n = args_n(g);
    char **rest = argv + (argc - n);
    if (n == 0) {
        help_program(stdout);
        return 0;
    }
    if (str_eq(rest[0], "help"))
        return help_topic(n - 1, rest + 1);
    if (check_globals(g, &err) < 0)
        return cli_fail(&err);
    int words = 0;
    const struct route *route = find_route(n, rest, &words);
    if (!route)
        return unknown_command(rest, n);
    struct cli cli = {.command = route->command,
                      .path = route->path,
                      .hosts = args_list(g, "host"),
                      .debug = args_bool(g, "debug")};
    r = run_command(&cli, n - words, rest + words);
    client_free(cli.client);
    return r;
}

int main(int argc, char **argv)
{
    int r = program(argc - 1, argv + 1);
    if (fflush(stdout) == EOF && r == 0) {
        (void)fprintf(stderr, "write: %s\n", errno_text(errno));
        r = CLI_EXIT_FAILURE;
    }
    return r;
}
