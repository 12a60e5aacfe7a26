/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/ioctl.h>

#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"

#define HELP_COLUMNS 80
#define NAME_WIDTH   11 /* of a command in a list */

static int columns(void)
{
    struct winsize ws;
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
        return ws.ws_col - 1;
    return HELP_COLUMNS - 1;
}

static void print_opts(FILE *out, const char *heading, const struct opt *opts, size_t n)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 * MIB);
    opts_help(opts, n, columns(), &b);
    if (b.len > 0)
        (void)fprintf(out, "\n%s:\n%s", heading, buf_str(&b));
}

void help_program(FILE *out)
{
    (void)fputs(
        "Usage:  lighter [OPTIONS] COMMAND\n\nA container engine, compatible with Docker's\n"
        "\nCommon Commands:\n",
        out);
    for (const struct route *r = cli_routes; r->path; r++)
        if (r->common)
            (void)fprintf(out, "  %-*s %s\n", NAME_WIDTH, r->path, r->command->summary);
    (void)fputs("\nManagement Commands:\n", out);
    for (const struct group *g = cli_groups; g->name; g++)
        (void)fprintf(out, "  %-*s %s\n", NAME_WIDTH, g->name, g->summary);
    (void)fputs("\nCommands:\n", out);
    for (const struct route *r = cli_routes; r->path; r++)
        if (!r->common && !strchr(r->path, ' '))
            (void)fprintf(out, "  %-*s %s\n", NAME_WIDTH, r->path, r->command->summary);
    print_opts(out, "Global Options", cli_global_opts, cli_n_global_opts);
    (void)fputs("\nRun 'lighter COMMAND --help' for more information on a command.\n", out);
}

void help_group(FILE *out, const struct group *g)
{
    (void)fprintf(out, "Usage:  lighter %s COMMAND\n\n%s\n\nCommands:\n", g->name, g->summary);
    const struct command *last = NULL;
    for (const struct route *r = cli_routes; r->path; r++) {
        const char *rest = str_after(r->path, g->name);
        if (!rest || *rest != ' ' || r->command == last)
            continue;
        last = r->command;
        (void)fprintf(out, "  %-*s %s\n", NAME_WIDTH, rest + 1, r->command->summary);
    }
    (void)fprintf(out, "\nRun 'lighter %s COMMAND --help' for more information on a command.\n",
                  g->name);
}

void help_command(FILE *out, const struct command *c, const char *path)
{
    (void)fprintf(out, "Usage:  lighter %s%s%s\n\n%s\n", path, *c->use ? " " : "", c->use,
                  c->summary);
    if (c->names) {
        _cleanup_strv_ char **names = str_split(c->names, ',');
        (void)fputs("\nAliases:\n  ", out);
        for (char **n = names; *n; n++)
            (void)fprintf(out, "%slighter %s", n == names ? "" : ", ", *n + (**n == ' '));
        (void)fputs("\n", out);
    }
    print_opts(out, "Options", c->opts, c->n_opts);
}
