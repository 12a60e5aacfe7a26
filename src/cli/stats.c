/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `stats`: one request a container and second, none of which waits in the daemon. */
#include "cli/stats_values.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/options_format.h"

#define INTERVAL_MSEC 1000

static const struct format_column columns[] = {
    {"BlockIO", "BLOCK I/O"},   {"CPUPerc", "CPU %"},
    {"Container", "CONTAINER"}, {"ID", "CONTAINER ID"},
    {"MemPerc", "MEM %"},       {"MemUsage", "MEM USAGE / LIMIT"},
    {"Name", "NAME"},           {"NetIO", "NET I/O"},
    {"PIDs", "PIDS"},           {NULL, NULL},
};

struct watch {
    struct client *client;
    const struct args *args;
    json_t *last; /* owned: container as it was named -> its last sample */
    bool trunc;
};

/* The containers to show: those that are named, or those that run. New array of strings. */
static int names(const struct watch *w, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *list = NULL;
    json_t *out = json_array(), *m;
    size_t i;
    int r = 0;

    for (int k = 0; k < args_n(w->args); k++)
        (void)json_array_append_new(out, json_str_new(args_at(w->args, k)));
    if (args_n(w->args) == 0) {
        r = client_call(w->client, "GET",
                        args_bool(w->args, "all") ? "/containers/json?all=1" : "/containers/json",
                        NULL, &list, err);
        json_array_foreach(list, i, m)
            (void)json_array_append_new(out, json_str_new(json_str_or(m, "Id", "")));
    }
    if (r < 0)
        json_decref(out);
    else
        *ret = out;
    return r;
}

static int sample(const struct watch *w, const char *name, json_t **ret, struct err *err)
{
    _cleanup_free_ char *id = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/containers/%s/stats?stream=0&one-shot=1", id);

    return client_call(w->client, "GET", path, NULL, ret, err);
}

static void set_pair(json_t *row, const char *key, const char *a, const char *b)
{
    _cleanup_free_ char *text = xasprintf("%s / %s", a, b);

    json_set_str(row, key, text);
}

static json_t *row_of(const struct watch *w, const char *name, const json_t *s)
{
    char a[HUMAN_MAX], b[HUMAN_MAX];
    const char *id = json_str_or(s, "id", ""), *full = json_str_or(s, "name", "");
    _cleanup_free_ char *shown = w->trunc ? human_short_id(id) : xstrdup(id);
    struct stats_values v;
    json_t *row = json_object();

    stats_compute(s, json_object_get(w->last, name), &v);
    human_size(v.block_read, 3, a);
    human_size(v.block_write, 3, b);
    set_pair(row, "BlockIO", a, b);
    (void)snprintf(a, sizeof(a), "%.2f%%", v.cpu_percent);
    json_set_str(row, "CPUPerc", a);
    json_set_str(row, "Container", args_n(w->args) > 0 ? name : shown);
    json_set_str(row, "ID", shown);
    (void)snprintf(a, sizeof(a), "%.2f%%", v.memory_percent);
    json_set_str(row, "MemPerc", a);
    human_bytes(v.memory, a);
    human_bytes(v.memory_limit, b);
    set_pair(row, "MemUsage", a, b);
    json_set_str(row, "Name", full + (*full == '/'));
    human_size(v.net_rx, 3, a);
    human_size(v.net_tx, 3, b);
    set_pair(row, "NetIO", a, b);
    (void)snprintf(a, sizeof(a), "%lld", (long long)v.pids);
    json_set_str(row, "PIDs", a);
    return row;
}

/* One sample of each; a container that has gone meanwhile is left out, unless it was asked for. */
static int round_of(struct watch *w, json_t *rows, struct err *err)
{
    _cleanup_json_ json_t *all = NULL;
    json_t *m;
    size_t i;
    int r = names(w, &all, err);

    if (r < 0)
        return r;
    json_array_foreach(all, i, m) {
        const char *name = json_string_value(m);
        _cleanup_json_ json_t *s = NULL;
        struct err own = {0};

        r = sample(w, name, &s, &own);
        if (r < 0 && own.kind == ERR_NOT_FOUND && args_n(w->args) == 0)
            continue;
        if (r < 0) {
            *err = own;
            return r;
        }
        (void)json_array_append_new(rows, row_of(w, name, s));
        json_set_take(w->last, name, TAKE_PTR(s));
    }
    return 0;
}

static int show(struct watch *w, bool clear, struct err *err)
{
    _cleanup_json_ json_t *rows = json_array();
    struct format f = {.text = args_str(w->args, "format"),
                       .table = "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}"
                                "\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
                       .columns = columns,
                       .type = "*formatter.statsContext",
                       .check = true};
    int r = round_of(w, rows, err);

    if (r < 0)
        return r;
    if (clear)
        (void)fputs("\033[2J\033[H", stdout);
    r = format_rows(&f, rows, err);
    if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        return err_errno(err, EIO, "write");
    return r;
}

static int run_stats(struct cli *cli, const struct args *a)
{
    _cleanup_json_ json_t *last = json_object(), *first = json_array();
    struct watch w = {.args = a, .last = last, .trunc = !args_bool(a, "no-trunc")};
    struct err err = {0};
    int r = cli_client(cli, &w.client, &err);

    /* what there is to compare with */
    if (r == 0)
        r = round_of(&w, first, &err);
    while (r == 0) {
        if (json_array_size(first) > 0 || !args_bool(a, "no-stream"))
            (void)poll(NULL, 0, INTERVAL_MSEC);
        r = show(&w, !args_bool(a, "no-stream"), &err);
        if (args_bool(a, "no-stream"))
            break;
    }
    return r < 0 ? cli_fail(&err) : 0;
}

static const struct opt stats_opts[] = {
    {"all", 'a', OPT_BOOL, "Show all containers (default shows just running)", NULL},
    {"format", 0, OPT_STRING, HELP_FORMAT_TABLE, NULL},
    {"no-stream", 0, OPT_BOOL, "Disable streaming stats and only pull the first result", NULL},
    {"no-trunc", 0, OPT_BOOL, "Do not truncate output", NULL},
};

const struct command cmd_stats = {"[OPTIONS] [CONTAINER...]",
                                  "Display a live stream of container(s) resource usage statistics",
                                  "container stats, stats",
                                  stats_opts,
                                  ARRAY_SIZE(stats_opts),
                                  0,
                                  -1,
                                  false,
                                  run_stats};
