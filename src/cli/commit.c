/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `commit`. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"

static void add_reference(struct buf *q, const char *reference)
{
    const char *slash = strrchr(reference, '/');
    const char *colon = strrchr(slash ? slash : reference, ':');
    _cleanup_free_ char *repo =
        colon ? xstrndup(reference, (size_t)(colon - reference)) : xstrdup(reference);

    client_query(q, "repo", repo);
    if (colon)
        client_query(q, "tag", colon + 1);
}

static int run_commit(struct cli *cli, const struct args *a)
{
    _cleanup_buf_ struct buf q = BUF_INIT(1 * MIB);
    _cleanup_json_ json_t *answer = NULL;
    struct client *c = NULL;
    struct err err = {0};

    (void)buf_adds(&q, "/commit");
    client_query(&q, "container", args_at(a, 0));
    if (args_n(a) > 1)
        add_reference(&q, args_at(a, 1));
    client_query(&q, "comment", args_str(a, "message"));
    client_query(&q, "author", args_str(a, "author"));
    for (char *const *change = args_list(a, "change"); change && *change; change++)
        client_query(&q, "changes", *change);
    if (!args_bool(a, "pause"))
        client_query(&q, "pause", "0");
    if (cli_client(cli, &c, &err) < 0 ||
        client_call(c, "POST", buf_str(&q), NULL, &answer, &err) < 0)
        return cli_fail(&err);
    (void)printf("%s\n", json_str_or(answer, "Id", ""));
    return 0;
}

static const struct opt commit_opts[] = {
    {"author", 'a', OPT_STRING, "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")",
     NULL},
    {"change", 'c', OPT_LIST, "Apply Dockerfile instruction to the created image", NULL},
    {"message", 'm', OPT_STRING, "Commit message", NULL},
    {"pause", 'p', OPT_BOOL, "Pause container during commit", "true"},
};

const struct command cmd_commit = {"[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
                                   "Create a new image from a container's changes",
                                   "container commit, commit",
                                   commit_opts,
                                   ARRAY_SIZE(commit_opts),
                                   1,
                                   2,
                                   false,
                                   run_commit};
