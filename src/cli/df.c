/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `system df`. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/options_format.h"

static const struct format_column columns[] = {
    {"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"},
    {"Size", "SIZE"},     {"TotalCount", "TOTAL"},
    {"Type", "TYPE"},     {NULL, NULL},
};

struct usage {
    int64_t total, active, bytes, reclaimable;
};

static json_t *row_of(const char *type, const struct usage *u)
{
    _cleanup_free_ char *total = xasprintf("%lld", (long long)u->total);
    _cleanup_free_ char *active = xasprintf("%lld", (long long)u->active);
    char size[HUMAN_MAX], left[HUMAN_MAX];
    json_t *row = json_object();

    human_size((double)u->bytes, 4, size);
    human_size((double)u->reclaimable, 4, left);
    _cleanup_free_ char *reclaimable =
        u->bytes > 0 ? xasprintf("%s (%lld%%)", left, (long long)(u->reclaimable * 100 / u->bytes))
                     : xstrdup(left);
    json_set_str(row, "Active", active);
    json_set_str(row, "Reclaimable", reclaimable);
    json_set_str(row, "Size", size);
    json_set_str(row, "TotalCount", total);
    json_set_str(row, "Type", type);
    return row;
}

static json_t *images_row(const json_t *answer)
{
    struct usage u = {.bytes = json_i64_or(answer, "LayersSize", 0)};
    int64_t used = 0;
    json_t *m;
    size_t i;

    json_array_foreach(json_object_get(answer, "Images"), i, m) {
        u.total++;
        if (json_i64_or(m, "Containers", 0) <= 0)
            continue;
        u.active++;
        used += json_i64_or(m, "Size", 0) - json_i64_or(m, "SharedSize", 0);
    }
    u.reclaimable = u.bytes - used;
    return row_of("Images", &u);
}

static json_t *containers_row(const json_t *answer)
{
    struct usage u = {0};
    json_t *m;
    size_t i;

    json_array_foreach(json_object_get(answer, "Containers"), i, m) {
        const char *state = json_str_or(m, "State", "");
        int64_t size = json_i64_or(m, "SizeRw", 0);
        bool active =
            str_eq(state, "running") || str_eq(state, "paused") || str_eq(state, "restarting");

        u.total++;
        u.active += active;
        u.bytes += size;
        u.reclaimable += active ? 0 : size;
    }
    return row_of("Containers", &u);
}

static json_t *volumes_row(const json_t *answer)
{
    struct usage u = {0};
    json_t *m;
    size_t i;

    json_array_foreach(json_object_get(answer, "Volumes"), i, m) {
        const json_t *usage = json_object_get(m, "UsageData");
        int64_t size = json_i64_or(usage, "Size", 0);
        bool active = json_i64_or(usage, "RefCount", 0) > 0;

        u.total++;
        u.active += active;
        u.bytes += size > 0 ? size : 0;
        u.reclaimable += active || size < 0 ? 0 : size;
    }
    return row_of("Local Volumes", &u);
}

static int run_df(struct cli *cli, const struct args *a)
{
    _cleanup_json_ json_t *answer = NULL, *rows = json_array();
    struct usage none = {0};
    struct client *c = NULL;
    struct err err = {0};
    struct format f = {.text = args_str(a, "format"),
                       .table = "{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}"
                                "\t{{.Reclaimable}}",
                       .columns = columns,
                       .type = "*formatter.diskUsageContext",
                       .check = true};

    if (cli_client(cli, &c, &err) < 0 ||
        client_call(c, "GET", "/system/df", NULL, &answer, &err) < 0)
        return cli_fail(&err);
    (void)json_array_append_new(rows, images_row(answer));
    (void)json_array_append_new(rows, containers_row(answer));
    (void)json_array_append_new(rows, volumes_row(answer));
    (void)json_array_append_new(rows, row_of("Build Cache", &none));
    return format_rows(&f, rows, &err) < 0 ? cli_fail(&err) : 0;
}

static const struct opt df_opts[] = {
    {"format", 0, OPT_STRING, HELP_FORMAT_TABLE, NULL},
};

const struct command cmd_system_df = {
    "[OPTIONS]", "Show lighter disk usage", NULL, df_opts, ARRAY_SIZE(df_opts), 0, 0, false,
    run_df};
