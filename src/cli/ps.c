/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/human.h"
#include "cli/options_format.h"
#include "cli/ports.h"

static const struct format_column columns[] = {
    {"Command", "COMMAND"},   {"CreatedAt", "CREATED AT"},
    {"ID", "CONTAINER ID"},   {"Image", "IMAGE"},
    {"Labels", "LABELS"},     {"LocalVolumes", "LOCAL VOLUMES"},
    {"Mounts", "MOUNTS"},     {"Names", "NAMES"},
    {"Networks", "NETWORKS"}, {"Platform", "PLATFORM"},
    {"Ports", "PORTS"},       {"RunningFor", "CREATED"},
    {"Size", "SIZE"},         {"State", "STATE"},
    {"Status", "STATUS"},     {NULL, NULL},
};

/* "\"sh -c 'trap \\\"exit 3…\"": quoted as Go does, cut to 20 characters. */
static char *command_text(const char *command, bool trunc)
{
    _cleanup_free_ char *cut = trunc ? human_ellipsis(command, 20) : xstrdup(command);
    struct buf b = BUF_INIT(16 * MIB);
    (void)buf_addc(&b, '"');
    for (const char *p = cut; *p; p++) {
        if (*p == '"' || *p == '\\')
            (void)buf_addf(&b, "\\%c", *p);
        else if (*p == '\n')
            (void)buf_adds(&b, "\\n");
        else if (*p == '\t')
            (void)buf_adds(&b, "\\t");
        else if (*p == '\r')
            (void)buf_adds(&b, "\\r");
        else if ((unsigned char)*p < 0x20 || *p == 0x7f)
            (void)buf_addf(&b, "\\x%02x", (unsigned char)*p);
        else
            (void)buf_addc(&b, *p);
    }
    (void)buf_addc(&b, '"');
    return buf_take(&b);
}

/* Names without the slash; with truncation, those of links ("/other/alias") are left out. */
static char *names_text(const json_t *c, bool trunc)
{
    struct buf b = BUF_INIT(1 * MIB);
    size_t i;
    json_t *n;
    json_array_foreach(json_object_get(c, "Names"), i, n) {
        const char *s = json_is_string(n) ? json_string_value(n) : "";
        s += *s == '/';
        if (trunc && strchr(s, '/'))
            continue;
        (void)buf_addf(&b, "%s%s", b.len ? "," : "", s);
    }
    return buf_take(&b);
}

static int by_name(const void *a, const void *b)
{
    char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static char *join_sorted(char **v)
{
    if (v)
        qsort(v, strv_len(v), sizeof(*v), by_name);
    char *s = strv_join(v, ",");
    strv_free(v);
    return s;
}

static char *labels_text(const json_t *labels)
{
    char **v = NULL;
    const char *k;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)labels, k, value)
        strv_push_take(
            &v, xasprintf("%s=%s", k, json_is_string(value) ? json_string_value(value) : ""));
    return join_sorted(v);
}

static char *networks_text(const json_t *c)
{
    char **v = NULL;
    const char *k;
    json_t *value;
    json_t *networks = json_object_get(json_object_get(c, "NetworkSettings"), "Networks");
    json_object_foreach(networks, k, value)
        strv_push(&v, k);
    return join_sorted(v);
}

static void set_mounts(json_t *row, const json_t *c, bool trunc)
{
    char **v = NULL;
    size_t i, local = 0;
    json_t *m;
    json_array_foreach(json_object_get(c, "Mounts"), i, m) {
        const char *name = json_str_or(m, "Name", "");
        if (!*name)
            name = json_str_or(m, "Source", "");
        strv_push_take(&v, trunc ? human_ellipsis(name, 15) : xstrdup(name));
        local += str_eq(json_str_or(m, "Driver", ""), "local");
    }
    _cleanup_free_ char *text = strv_join(v, ",");
    strv_free(v);
    _cleanup_free_ char *n = xasprintf("%zu", local);
    json_set_str(row, "LocalVolumes", n);
    json_set_str(row, "Mounts", text);
}

static json_t *label_method(const json_t *dot, const char *name, const char *arg)
{
    if (!str_eq(name, "Label"))
        return NULL;
    return json_str_new(json_str_or(json_object_get(dot, "\1labels"), arg, ""));
}

static void size_text(const json_t *c, char out[static 2 * HUMAN_MAX + 16])
{
    char rw[HUMAN_MAX], root[HUMAN_MAX];
    int64_t total = json_i64_or(c, "SizeRootFs", 0);
    human_size((double)json_i64_or(c, "SizeRw", 0), 3, rw);
    human_size((double)total, 3, root);
    if (total > 0)
        (void)snprintf(out, 2 * HUMAN_MAX + 16, "%s (virtual %s)", rw, root);
    else
        (void)snprintf(out, 2 * HUMAN_MAX + 16, "%s", rw);
}

static char *image_text(const json_t *c, bool trunc)
{
    const char *image = json_str_or(c, "Image", ""), *id = json_str_or(c, "ImageID", "");
    if (!*image)
        return xstrdup("<no image>");
    if (!trunc)
        return xstrdup(image);
    _cleanup_free_ char *short_image = human_short_id(image);
    _cleanup_free_ char *short_id = human_short_id(id);
    if (str_starts(image, "sha256:") || (str_eq(short_image, short_id) && strlen(image) == 64))
        return xstrdup(short_id);
    const char *at = strstr(image, "@sha256:");
    return at ? xstrndup(image, (size_t)(at - image)) : xstrdup(image);
}

/* Fields by name, in order: that is how JSON shows them. */
static json_t *row_of(const json_t *c, bool trunc)
{
    json_t *row = json_object();
    char created_at[HUMAN_MAX], ago[HUMAN_MAX], size[2 * HUMAN_MAX + 16];
    int64_t created = json_i64_or(c, "Created", 0);
    human_time(created, created_at);
    human_duration(now_nsec() - created * NSEC_PER_SEC, ago);
    size_text(c, size);
    const char *id = json_str_or(c, "Id", "");
    _cleanup_free_ char *command = command_text(json_str_or(c, "Command", ""), trunc);
    _cleanup_free_ char *short_id = trunc ? human_short_id(id) : xstrdup(id);
    _cleanup_free_ char *image = image_text(c, trunc);
    _cleanup_free_ char *labels = labels_text(json_object_get(c, "Labels"));
    _cleanup_free_ char *names = names_text(c, trunc);
    _cleanup_free_ char *networks = networks_text(c);
    _cleanup_free_ char *ports = ports_text(json_object_get(c, "Ports"));
    _cleanup_free_ char *running_for = xasprintf("%s ago", ago);
    json_set_str(row, "Command", command);
    json_set_str(row, "CreatedAt", created_at);
    json_set_str(row, "ID", short_id);
    json_set_str(row, "Image", image);
    json_set_str(row, "Labels", labels);
    set_mounts(row, c, trunc);
    json_set_str(row, "Names", names);
    json_set_str(row, "Networks", networks);
    json_set_take(row, "Platform", json_null());
    json_set_str(row, "Ports", ports);
    json_set_str(row, "RunningFor", running_for);
    json_set_str(row, "Size", size);
    json_set_str(row, "State", json_str_or(c, "State", ""));
    json_set_str(row, "Status", json_str_or(c, "Status", ""));
    return row;
}

static char *list_path(const struct args *a, bool size)
{
    struct buf path = BUF_INIT(1 * MIB);
    (void)buf_adds(&path, "/containers/json");
    if (args_bool(a, "all"))
        client_query(&path, "all", "1");
    int64_t last = args_bool(a, "latest") && !args_set(a, "last") ? 1 : args_num(a, "last");
    if (last > 0) {
        char n[24];
        (void)snprintf(n, sizeof(n), "%" PRId64, last);
        client_query(&path, "limit", n);
    }
    if (size)
        client_query(&path, "size", "1");
    _cleanup_free_ char *filters = cli_filters(args_list(a, "filter"));
    if (filters)
        client_query(&path, "filters", filters);
    return buf_take(&path);
}

static int run_ps(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    const char *text = args_str(a, "format");
    bool size = args_bool(a, "size") || (!args_bool(a, "quiet") && format_uses(text, "Size"));
    _cleanup_free_ char *path = list_path(a, size);
    _cleanup_json_ json_t *list = NULL;
    if (cli_client(cli, &c, &err) < 0 || client_call(c, "GET", path, NULL, &list, &err) < 0)
        return cli_fail(&err);
    _cleanup_json_ json_t *rows = json_array();
    size_t i;
    json_t *m;
    bool labels = strstr(text, ".Label ") != NULL;
    json_array_foreach(list, i, m) {
        json_t *row = row_of(m, !args_bool(a, "no-trunc"));
        if (labels)
            json_set_take(row, "\1labels", json_incref(json_object_get(m, "Labels")));
        (void)json_array_append_new(rows, row);
    }
    struct format f = {
        .text = text,
        .table = args_bool(a, "size")
                     ? "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"
                       "\t{{.Names}}\t{{.Size}}"
                     : "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}"
                       "\t{{.Names}}",
        .columns = columns,
        .type = "*formatter.ContainerContext",
        .quiet = args_bool(a, "quiet"),
        .check = true,
        .method = label_method};
    return format_rows(&f, rows, &err) < 0 ? cli_fail(&err) : 0;
}

static const struct opt ps_opts[] = {
    {"all", 'a', OPT_BOOL, "Show all containers (default shows just running)", NULL},
    {"filter", 'f', OPT_FILTER, "Filter output based on conditions provided", NULL},
    {"format", 0, OPT_STRING, HELP_FORMAT_TABLE, NULL},
    {"last", 'n', OPT_INT, "Show n last created containers (includes all states)", "-1"},
    {"latest", 'l', OPT_BOOL, "Show the latest created container (includes all states)", NULL},
    {"no-trunc", 0, OPT_BOOL, "Don't truncate output", NULL},
    {"quiet", 'q', OPT_BOOL, "Only display container IDs", NULL},
    {"size", 's', OPT_BOOL, "Display total file sizes", NULL},
};

const struct command cmd_ps = {"[OPTIONS]",
                               "List containers",
                               "container ls, container list, container ps, ps",
                               ps_opts,
                               ARRAY_SIZE(ps_opts),
                               0,
                               0,
                               false,
                               run_ps};
