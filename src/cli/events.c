/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "cli/cli.h"
#include "cli/human.h"
#include "cli/options_format.h"
#include "cli/template.h"

static int by_key(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

/* "2026-… container create <id> (image=busybox, name=c1)" */
static void print_plain(const json_t *e)
{
    char when[HUMAN_MAX];
    int64_t nsec = json_i64_or(e, "timeNano", 0);
    if (nsec == 0)
        nsec = json_i64_or(e, "time", 0) * NSEC_PER_SEC;
    human_rfc3339(nsec, true, when);
    json_t *actor = json_object_get(e, "Actor");
    json_t *attributes = json_object_get(actor, "Attributes");
    (void)printf("%s %s %s %s", when, json_str_or(e, "Type", ""), json_str_or(e, "Action", ""),
                 json_str_or(actor, "ID", ""));
    size_t n = json_object_size(attributes), i = 0;
    if (n > 0) {
        _cleanup_free_ const char **keys = XNEW_ARRAY(const char *, n);
        const char *k;
        json_t *v;
        json_object_foreach(attributes, k, v)
            keys[i++] = k;
        qsort(keys, n, sizeof(*keys), by_key);
        for (i = 0; i < n; i++)
            (void)printf("%s%s=%s", i ? ", " : " (", keys[i], json_str_or(attributes, keys[i], ""));
        (void)fputs(")", stdout);
    }
    (void)fputs("\n", stdout);
}

/* Templates name Go's fields, which are written otherwise in JSON. */
static json_t *with_go_names(const json_t *e)
{
    static const struct {
        const char *json, *go;
    } names[] = {{"status", "Status"}, {"id", "ID"},         {"from", "From"},
                 {"scope", "Scope"},   {"time", "Time"},     {"timeNano", "TimeNano"},
                 {"Type", "Type"},     {"Action", "Action"}, {"Actor", "Actor"}};
    json_t *o = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        json_t *v = json_object_get(e, names[i].json);
        json_set_take(o, names[i].go, v ? json_incref(v) : json_str_new(""));
    }
    return o;
}

static int print_event(const char *line, size_t len, const struct template *t, bool json,
                       struct err *err)
{
    _cleanup_json_ json_t *e = json_parse(line, len, "event", err);
    if (!e)
        return -EINVAL;
    if (json) {
        _cleanup_free_ char *text = go_json(e, false);
        (void)printf("%s\n", text);
        return 0;
    }
    if (!t) {
        print_plain(e);
        return 0;
    }
    _cleanup_json_ json_t *dot = with_go_names(e);
    _cleanup_buf_ struct buf out = BUF_INIT(16 * MIB);
    struct template_env env = {.dot = dot, .type = "*events.Message"};
    int r = template_execute(t, &env, &out, err);
    if (r == 0)
        (void)printf("%s\n", buf_str(&out));
    return r;
}

static int copy_events(struct client_stream *s, const struct template *t, bool json,
                       struct err *err)
{
    _cleanup_buf_ struct buf b = BUF_INIT(4 * MIB);
    for (;;) {
        char *to = buf_reserve(&b, 8 * KIB);
        ssize_t n = to ? client_stream_read(s, to, 8 * KIB) : -EFBIG;
        if (n < 0)
            return err_errno(err, (int)n, "read events");
        if (n == 0)
            return 0;
        b.len += (size_t)n;
        char *nl;
        while (b.len > 0 && (nl = memchr(b.data, '\n', b.len))) {
            size_t len = (size_t)(nl - b.data);
            int r = len > 0 ? print_event(b.data, len, t, json, err) : 0;
            if (r < 0)
                return r;
            buf_consume(&b, len + 1);
        }
        (void)fflush(stdout);
    }
}

static int run_events(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    const char *format = args_str(a, "format");
    bool json = str_eq(format, "json") || str_eq(format, "{{json .}}");
    _cleanup_(template_freep)
    struct template *t = NULL;
    if (*format && !json && template_parse(format, "", &t, &err) < 0) {
        err_wrap(&err, "Error parsing format");
        (void)cli_fail(&err);
        return 64;
    }
    _cleanup_buf_ struct buf path = BUF_INIT(1 * MIB);
    (void)buf_adds(&path, "/events");
    _cleanup_free_ char *filters = cli_filters(args_list(a, "filter"));
    if (filters)
        client_query(&path, "filters", filters);
    static const char *const times[] = {"since", "until"};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        const char *v = args_str(a, times[i]);
        _cleanup_free_ char *stamp = NULL;
        if (!*v)
            continue;
        if (cli_timestamp(times[i], v, &stamp, &err) < 0)
            return cli_fail(&err);
        client_query(&path, times[i], stamp);
    }
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    if (cli_client(cli, &c, &err) < 0 ||
        client_open(c, "GET", buf_str(&path), NULL, &s, &err) < 0 ||
        copy_events(s, t, json, &err) < 0)
        return cli_fail(&err);
    return 0;
}

static const struct opt events_opts[] = {
    {"filter", 'f', OPT_FILTER, "Filter output based on conditions provided", NULL},
    {"format", 0, OPT_STRING, HELP_FORMAT, NULL},
    {"since", 0, OPT_STRING, "Show all events created since timestamp", NULL},
    {"until", 0, OPT_STRING, "Stream events until this timestamp", NULL},
};

const struct command cmd_events = {"[OPTIONS]",
                                   "Get real time events from the server",
                                   "system events, events",
                                   events_opts,
                                   ARRAY_SIZE(events_opts),
                                   0,
                                   0,
                                   false,
                                   run_events};
