/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `images` and `history`. */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/options_format.h"

static const struct format_column image_columns[] = {
    {"Containers", "CONTAINERS"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedSince", "CREATED"},
    {"Digest", "DIGEST"},
    {"ID", "IMAGE ID"},
    {"Repository", "REPOSITORY"},
    {"SharedSize", "SHARED SIZE"},
    {"Size", "SIZE"},
    {"Tag", "TAG"},
    {"UniqueSize", "UNIQUE SIZE"},
    {"VirtualSize", "SIZE"},
    {NULL, NULL},
};

static json_t *image_row(const json_t *m, const char *repo, const char *tag, const char *digest,
                         bool trunc)
{
    char created_at[HUMAN_MAX], ago[HUMAN_MAX], size[HUMAN_MAX], virtual_size[HUMAN_MAX];
    int64_t created = json_i64_or(m, "Created", 0), bytes = json_i64_or(m, "Size", 0);
    human_time(created, created_at);
    human_duration(now_nsec() - created * NSEC_PER_SEC, ago);
    human_size((double)bytes, 3, size);
    human_size((double)bytes, 4, virtual_size);
    const char *id = json_str_or(m, "Id", "");
    _cleanup_free_ char *shown = trunc ? human_short_id(id) : xstrdup(id);
    _cleanup_free_ char *since = xasprintf("%s ago", ago);
    bool unset = created <= 0;
    json_t *row = json_object();
    json_set_str(row, "Containers", "N/A");
    json_set_str(row, "CreatedAt", created_at);
    json_set_str(row, "CreatedSince", unset ? "N/A" : since);
    json_set_str(row, "Digest", digest);
    json_set_str(row, "ID", shown);
    json_set_str(row, "Repository", repo);
    json_set_str(row, "SharedSize", "N/A");
    json_set_str(row, "Size", size);
    json_set_str(row, "Tag", tag);
    json_set_str(row, "UniqueSize", "N/A");
    json_set_str(row, "VirtualSize", virtual_size);
    return row;
}

static const char *string_at(const json_t *list, size_t i)
{
    const json_t *s = json_array_get(list, i);
    return json_is_string(s) ? json_string_value(s) : "";
}

/* "name@sha256:…" of the repository, or "<none>". */
static const char *digest_of(const json_t *digests, const char *repo)
{
    size_t n = strlen(repo);
    for (size_t i = 0; i < json_array_size(digests); i++) {
        const char *d = string_at(digests, i);
        if (strncmp(d, repo, n) == 0 && d[n] == '@')
            return d + n + 1;
    }
    return "<none>";
}

/* One row for each tag, then for each repository known by digest only. */
static void add_image(json_t *rows, const json_t *m, bool trunc)
{
    const json_t *tags = json_object_get(m, "RepoTags"),
                 *digests = json_object_get(m, "RepoDigests");
    size_t before = json_array_size(rows);
    _cleanup_strv_ char **repos = NULL;
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const char *t = string_at(tags, i), *colon = strrchr(t, ':');
        if (!colon || str_starts(t, "<none>"))
            continue;
        _cleanup_free_ char *repo = xstrndup(t, (size_t)(colon - t));
        strv_push(&repos, repo);
        (void)json_array_append_new(rows,
                                    image_row(m, repo, colon + 1, digest_of(digests, repo), trunc));
    }
    for (size_t i = 0; i < json_array_size(digests); i++) {
        const char *d = string_at(digests, i), *at = strchr(d, '@');
        if (!at || str_starts(d, "<none>"))
            continue;
        _cleanup_free_ char *repo = xstrndup(d, (size_t)(at - d));
        if (!strv_contains(repos, repo))
            (void)json_array_append_new(rows, image_row(m, repo, "<none>", at + 1, trunc));
    }
    if (json_array_size(rows) == before)
        (void)json_array_append_new(rows, image_row(m, "<none>", "<none>", "<none>", trunc));
}

static int run_images(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_buf_ struct buf path = BUF_INIT(1 * MIB);
    (void)buf_adds(&path, "/images/json");
    if (args_bool(a, "all"))
        client_query(&path, "all", "1");
    _cleanup_strv_ char **filters = strv_copy(args_list(a, "filter"));
    if (args_n(a) > 0)
        strv_push_take(&filters, xasprintf("reference=%s", args_at(a, 0)));
    _cleanup_free_ char *encoded = cli_filters(filters);
    if (encoded)
        client_query(&path, "filters", encoded);
    _cleanup_json_ json_t *list = NULL;
    if (cli_client(cli, &c, &err) < 0 ||
        client_call(c, "GET", buf_str(&path), NULL, &list, &err) < 0)
        return cli_fail(&err);
    _cleanup_json_ json_t *rows = json_array();
    size_t i;
    json_t *m;
    bool trunc = !args_bool(a, "no-trunc"), quiet = args_bool(a, "quiet");
    json_array_foreach(list, i, m)
        add_image(rows, m, trunc);
    struct format f = {.text = args_str(a, "format"),
                       .table = args_bool(a, "digests")
                                    ? "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}"
                                      "\t{{.CreatedSince}}\t{{.Size}}"
                                    : "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}"
                                      "\t{{.Size}}",
                       .columns = image_columns,
                       .type = "*formatter.imageContext",
                       .quiet = quiet};
    return format_rows(&f, rows, &err) < 0 ? cli_fail(&err) : 0;
}

static const struct format_column history_columns[] = {
    {"Comment", "COMMENT"},
    {"CreatedAt", "CREATED AT"},
    {"CreatedBy", "CREATED BY"},
    {"CreatedSince", "CREATED"},
    {"ID", "IMAGE"},
    {"Size", "SIZE"},
    {NULL, NULL},
};

static json_t *history_row(const json_t *m, bool trunc, bool human)
{
    char created_at[HUMAN_MAX], ago[HUMAN_MAX], size[HUMAN_MAX];
    int64_t created = json_i64_or(m, "Created", 0), bytes = json_i64_or(m, "Size", 0);
    human_rfc3339(created * NSEC_PER_SEC, false, created_at);
    human_duration(now_nsec() - created * NSEC_PER_SEC, ago);
    if (human)
        human_size((double)bytes, 3, size);
    else
        (void)snprintf(size, sizeof(size), "%" PRId64, bytes);
    _cleanup_free_ char *by = xstrdup(json_str_or(m, "CreatedBy", ""));
    for (char *p = by; *p; p++)
        if (*p == '\t')
            *p = ' ';
    _cleanup_free_ char *by_shown = trunc ? human_ellipsis(by, 45) : xstrdup(by);
    const char *id = json_str_or(m, "Id", "");
    _cleanup_free_ char *id_shown =
        trunc && !str_eq(id, "<missing>") ? human_short_id(id) : xstrdup(id);
    _cleanup_free_ char *since = xasprintf("%s ago", ago);
    json_t *row = json_object();
    json_set_str(row, "Comment", json_str_or(m, "Comment", ""));
    json_set_str(row, "CreatedAt", created_at);
    json_set_str(row, "CreatedBy", by_shown);
    json_set_str(row, "CreatedSince", created <= 0 ? "N/A" : since);
    json_set_str(row, "ID", id_shown);
    json_set_str(row, "Size", size);
    return row;
}

static int run_history(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_free_ char *name = client_escape(args_at(a, 0));
    _cleanup_free_ char *path = xasprintf("/images/%s/history", name);
    _cleanup_json_ json_t *list = NULL;
    if (cli_client(cli, &c, &err) < 0 || client_call(c, "GET", path, NULL, &list, &err) < 0)
        return cli_fail(&err);
    _cleanup_json_ json_t *rows = json_array();
    size_t i;
    json_t *m;
    bool human = args_bool(a, "human");
    json_array_foreach(list, i, m)
        (void)json_array_append_new(rows, history_row(m, !args_bool(a, "no-trunc"), human));
    struct format f = {
        .text = args_str(a, "format"),
        .table = human ? "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
                       : "{{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        .columns = history_columns,
        .type = "*formatter.historyContext",
        .quiet = args_bool(a, "quiet")};
    return format_rows(&f, rows, &err) < 0 ? cli_fail(&err) : 0;
}

static const struct opt images_opts[] = {
    {"all", 'a', OPT_BOOL, "Show all images (default hides intermediate images)", NULL},
    {"digests", 0, OPT_BOOL, "Show digests", NULL},
    {"filter", 'f', OPT_FILTER, "Filter output based on conditions provided", NULL},
    {"format", 0, OPT_STRING, HELP_FORMAT_TABLE, NULL},
    {"no-trunc", 0, OPT_BOOL, "Don't truncate output", NULL},
    {"quiet", 'q', OPT_BOOL, "Only show image IDs", NULL},
};
static const struct opt history_opts[] = {
    {"format", 0, OPT_STRING, HELP_FORMAT_TABLE, NULL},
    {"human", 'H', OPT_BOOL, "Print sizes and dates in human readable format", "true"},
    {"no-trunc", 0, OPT_BOOL, "Don't truncate output", NULL},
    {"quiet", 'q', OPT_BOOL, "Only show image IDs", NULL},
};

const struct command cmd_images = {"[OPTIONS] [REPOSITORY[:TAG]]",
                                   "List images",
                                   "image ls, image list, images",
                                   images_opts,
                                   ARRAY_SIZE(images_opts),
                                   0,
                                   1,
                                   false,
                                   run_images};
const struct command cmd_history = {"[OPTIONS] IMAGE",
                                    "Show the history of an image",
                                    "image history, history",
                                    history_opts,
                                    ARRAY_SIZE(history_opts),
                                    1,
                                    1,
                                    false,
                                    run_history};
