/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `completion bash`: a script made from the tables of commands and options. Names of containers and
 * images are asked from the daemon when they are needed. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli.h"

static void print_options(FILE *out, const struct opt *opts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (opts[i].help) {
            (void)fprintf(out, "--%s ", opts[i].name);
            if (opts[i].shorthand)
                (void)fprintf(out, "-%c ", opts[i].shorthand);
        }
    (void)fputs("--help", out);
}

/* What a command's arguments name. */
static const char *operands_of(const struct command *c)
{
    if (strstr(c->use, "CONTAINER") || strstr(c->use, "NAME|ID"))
        return "containers";
    if (strstr(c->use, "IMAGE") || strstr(c->use, "REPOSITORY"))
        return "images";
    return "files";
}

static void print_cases(FILE *out)
{
    for (const struct route *r = cli_routes; r->path; r++) {
        (void)fprintf(out, "    \"%s\") options=\"", r->path);
        print_options(out, r->command->opts, r->command->n_opts);
        (void)fprintf(out, "\"; operands=%s ;;\n", operands_of(r->command));
    }
    for (const struct group *g = cli_groups; g->name; g++) {
        (void)fprintf(out, "    \"%s\") options=\"", g->name);
        for (const struct route *r = cli_routes; r->path; r++) {
            const char *rest = str_after(r->path, g->name);
            if (rest && *rest == ' ')
                (void)fprintf(out, "%s ", rest + 1);
        }
        (void)fputs("--help\"; operands=group ;;\n", out);
    }
}

void completion_bash(FILE *out)
{
    (void)fputs("# bash completion for lighter\n"
                "_lighter() {\n"
                "  local cur=${COMP_WORDS[COMP_CWORD]} path= options operands=top word i\n"
                "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "    word=${COMP_WORDS[i]}\n"
                "    case $word in\n"
                "    -H | --host | -l | --log-level) ((i++)) ;;\n"
                "    -*) ;;\n"
                "    *) case $path in\n"
                "       '') path=$word ;;\n"
                "       ",
                out);
    for (const struct group *g = cli_groups; g->name; g++)
        (void)fprintf(out, "%s%s", g == cli_groups ? "" : " | ", g->name);
    (void)fputs(") path=\"$path $word\" ;;\n"
                "       esac ;;\n"
                "    esac\n"
                "  done\n"
                "  options=\"",
                out);
    print_options(out, cli_global_opts, cli_n_global_opts);
    for (const struct route *r = cli_routes; r->path; r++)
        if (!strchr(r->path, ' '))
            (void)fprintf(out, " %s", r->path);
    for (const struct group *g = cli_groups; g->name; g++)
        (void)fprintf(out, " %s", g->name);
    (void)fputs(" help\"\n  case $path in\n", out);
    print_cases(out);
    (void)fputs("  esac\n"
                "  case $cur:$operands in\n"
                "  -*) ;;\n"
                "  *:containers) options=$(lighter ps -a --format '{{.Names}}' 2>/dev/null) ;;\n"
                "  *:images) options=$(lighter images --format '{{.Repository}}:{{.Tag}}' "
                "2>/dev/null) ;;\n"
                "  *:files) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
                "  esac\n"
                "  COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                "}\n"
                "complete -o default -F _lighter lighter\n",
                out);
}

static int run_completion(struct cli *cli, const struct args *a)
{
    if (!str_eq(args_at(a, 0), "bash"))
        return cli_failf("lighter: there is no completion for %s, only for bash", args_at(a, 0));
    completion_bash(stdout);
    return 0;
}

const struct command cmd_completion = {"SHELL",
                                       "Generate the autocompletion script for the specified shell",
                                       NULL,
                                       NULL,
                                       0,
                                       1,
                                       1,
                                       false,
                                       run_completion};
