/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `export` and `diff`. */
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/output.h"

#define FAILURE "failed to export container"

static int run_export(struct cli *cli, const struct args *a)
{
    _cleanup_free_ char *id = client_escape(args_at(a, 0)), *checked = NULL;
    _cleanup_free_ char *path = xasprintf("/containers/%s/export", id);
    const char *output = args_str(a, "output");
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    struct client *c = NULL;
    struct err err = {0};
    int r;

    if (!*output && isatty(STDOUT_FILENO))
        return cli_failf("cowardly refusing to save to a terminal. Use the -o flag or redirect");
    if (*output && output_check(FAILURE, output, &checked, &err) < 0)
        return cli_fail(&err);
    if (cli_client(cli, &c, &err) < 0 || client_open(c, "GET", path, NULL, &s, &err) < 0)
        return cli_fail(&err);
    r = *output ? output_file(FAILURE, s, output, &err) : output_stream(s, STDOUT_FILENO, &err);
    return r < 0 ? cli_fail(&err) : 0;
}

static int run_diff(struct cli *cli, const struct args *a)
{
    static const char kinds[] = "CAD";
    _cleanup_free_ char *id = client_escape(args_at(a, 0));
    _cleanup_free_ char *path = xasprintf("/containers/%s/changes", id);
    _cleanup_json_ json_t *list = NULL;
    struct client *c = NULL;
    struct err err = {0};
    size_t i;
    json_t *m;

    if (!*args_at(a, 0))
        return cli_failf("Container name cannot be empty");
    if (cli_client(cli, &c, &err) < 0 || client_call(c, "GET", path, NULL, &list, &err) < 0)
        return cli_fail(&err);
    json_array_foreach(list, i, m) {
        int64_t kind = json_i64_or(m, "Kind", 0);

        (void)printf("%c %s\n", kind >= 0 && kind < 3 ? kinds[kind] : '?',
                     json_str_or(m, "Path", ""));
    }
    return 0;
}

static const struct opt export_opts[] = {
    {"output", 'o', OPT_STRING, "Write to a file, instead of STDOUT", NULL},
};

const struct command cmd_export = {"[OPTIONS] CONTAINER",
                                   "Export a container's filesystem as a tar archive",
                                   "container export, export",
                                   export_opts,
                                   ARRAY_SIZE(export_opts),
                                   1,
                                   1,
                                   false,
                                   run_export};
const struct command cmd_diff = {
    "CONTAINER",
    "Inspect changes to files or directories on a container's filesystem",
    "container diff, diff",
    NULL,
    0,
    1,
    1,
    false,
    run_diff};
