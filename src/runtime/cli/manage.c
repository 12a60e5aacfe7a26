/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands on containers that exist. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/signame.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/cli/cli.h"

static void print_json(const json_t *j)
{
    char *s = json_dumps(j, JSON_INDENT(2));

    (void)printf("%s\n", s ? s : "null");
    free(s);
}

int cmd_start(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *id;
    struct state s;
    int r;

    if ((r = cli_one_id(argc, argv, &id, err)) < 0 || (r = state_load(cli, id, &s, err)) < 0)
        return r;
    const char *status = state_status(&s);
    _cleanup_free_ char *path = state_start_path(cli, id);
    if (str_eq(status, "created")) {
        r = runtime_start_remote(s.c, path, err);
        (void)unlink(path);
    } else if (str_eq(status, "stopped")) {
        r = err_set(err, ERR_CONFLICT, "cannot start a container that has stopped");
    } else {
        r = err_set(err, ERR_CONFLICT, "cannot start an already running container");
    }
    state_done(&s);
    return r;
}

int cmd_state(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *id;
    struct state s;
    int r;

    if ((r = cli_one_id(argc, argv, &id, err)) < 0 || (r = state_load(cli, id, &s, err)) < 0)
        return r;
    _cleanup_json_ json_t *o = state_json(&s);
    print_json(o);
    state_done(&s);
    return 0;
}

static int parse_signal(const char *text, int *ret, struct err *err)
{
    int n = 0;

    if (parse_int(text, &n) < 0 || n <= 0 || n >= NSIG)
        n = signal_number(text);
    if (n < 0)
        return err_set(err, ERR_INVALID, "unknown signal \"%s\"", text);
    *ret = n;
    return 0;
}

int cmd_kill(struct cli *cli, int argc, char **argv, struct err *err)
{
    bool all = false;
    const struct cli_option options[] = {
        {"all", 'a', NULL, "signal every process of the container", .flag = &all}, {0}};
    int signo = SIGTERM, r, i = cli_parse(options, argc, argv, 1, err);
    struct state s;

    if (i < 0)
        return i;
    if (argc - i < 1 || argc - i > 2)
        return err_set(err, ERR_INVALID, "\"kill\" requires an id and at most one signal");
    if (argc - i == 2 && (r = parse_signal(argv[i + 1], &signo, err)) < 0)
        return r;
    if ((r = state_load(cli, argv[i], &s, err)) < 0)
        return r;
    r = str_eq(state_status(&s), "stopped") && !all ? -ESRCH : runtime_kill(s.c, signo, all);
    if (r == -ESRCH)
        r = all ? 0 : err_set(err, ERR_CONFLICT, "container not running");
    else if (r < 0)
        r = err_errno(err, r, "signal %d", signo);
    state_done(&s);
    return r;
}

int cmd_delete(struct cli *cli, int argc, char **argv, struct err *err)
{
    bool force = false;
    const struct cli_option options[] = {
        {"force", 'f', NULL, "kill it first if it runs", .flag = &force}, {0}};
    int r, i = cli_parse(options, argc, argv, 1, err);
    struct state s;

    if (i < 0)
        return i;
    if (argc - i != 1)
        return err_set(err, ERR_INVALID, "\"delete\" requires exactly 1 argument(s)");
    r = state_load(cli, argv[i], &s, err);
    if (r < 0) {
        if (!force || !state_id_valid(argv[i]))
            return r;
        /* What a broken creation left. */
        err_clear(err);
        return state_remove(cli, argv[i], err);
    }
    const char *status = state_status(&s);
    if (!force && !str_eq(status, "stopped") && !str_eq(status, "created"))
        r = err_set(err, ERR_CONFLICT, "cannot delete container %s that is not stopped: %s", s.id,
                    status);
    if (r == 0)
        r = runtime_destroy(s.c, err);
    if (r == 0)
        r = state_remove(cli, argv[i], err);
    state_done(&s);
    return r;
}

static int freeze(struct cli *cli, int argc, char **argv, bool on, struct err *err)
{
    const char *id;
    struct state s;
    int r;

    if ((r = cli_one_id(argc, argv, &id, err)) < 0 || (r = state_load(cli, id, &s, err)) < 0)
        return r;
    const char *status = state_status(&s);
    if (on && !str_eq(status, "running") && !str_eq(status, "created"))
        r = err_set(err, ERR_CONFLICT, "container not running or created: %s", status);
    else if (!on && !str_eq(status, "paused"))
        r = err_set(err, ERR_CONFLICT, "container not paused");
    else
        r = on ? runtime_pause(s.c, err) : runtime_resume(s.c, err);
    state_done(&s);
    return r;
}

int cmd_pause(struct cli *cli, int argc, char **argv, struct err *err)
{
    return freeze(cli, argc, argv, true, err);
}

int cmd_resume(struct cli *cli, int argc, char **argv, struct err *err)
{
    return freeze(cli, argc, argv, false, err);
}

int cmd_ps(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *format = "table";
    const struct cli_option options[] = {
        {"format", 'f', "format", "table or json", .value = &format}, {0}};
    int r, i = cli_parse(options, argc, argv, 1, err);
    _cleanup_free_ pid_t *pids = NULL;
    size_t n = 0;
    struct state s;

    if (i < 0)
        return i;
    if (argc - i < 1)
        return err_set(err, ERR_INVALID, "\"ps\" requires a minimum of 1 argument(s)");
    if ((r = state_load(cli, argv[i], &s, err)) < 0)
        return r;
    r = runtime_pids(s.c, &pids, &n, err);
    state_done(&s);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *list = json_array();
    for (size_t k = 0; k < n; k++)
        (void)json_array_append_new(list, json_integer(pids[k]));
    if (str_eq(format, "json")) {
        char *text = json_print(list);
        (void)printf("%s\n", text);
        free(text);
        return 0;
    }
    (void)printf("PID\n");
    for (size_t k = 0; k < n; k++)
        (void)printf("%d\n", (int)pids[k]);
    return 0;
}

static void list_one(struct cli *cli, const char *id, bool quiet, json_t *list)
{
    struct err ignored;
    struct state s;
    char created[TIME_RFC3339_MAX];

    if (quiet) {
        (void)printf("%s\n", id);
        return;
    }
    if (state_load(cli, id, &s, &ignored) < 0)
        return; /* it is being made or deleted */
    if (list) {
        (void)json_array_append_new(list, state_json(&s));
    } else {
        const char *status = state_status(&s);
        time_format_rfc3339nano(s.created_nsec, created);
        (void)printf("%-24s %-10d %-10s %-32s %s\n", id, str_eq(status, "stopped") ? 0 : (int)s.pid,
                     status, s.bundle, created);
    }
    state_done(&s);
}

int cmd_list(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *format = "table";
    bool quiet = false;
    const struct cli_option options[] = {
        {"format", 'f', "format", "table or json", .value = &format},
        {"quiet", 'q', NULL, "ids only", .flag = &quiet},
        {0}};
    int i = cli_parse(options, argc, argv, 1, err);

    if (i < 0)
        return i;
    if (!str_eq(format, "table") && !str_eq(format, "json"))
        return err_set(err, ERR_INVALID, "invalid format option");
    _cleanup_json_ json_t *list = str_eq(format, "json") && !quiet ? json_array() : NULL;
    if (!list && !quiet)
        (void)printf("%-24s %-10s %-10s %-32s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED");
    DIR *d = opendir(cli->root);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && state_id_valid(e->d_name))
            list_one(cli, e->d_name, quiet, list);
    if (d)
        (void)closedir(d);
    if (list) {
        char *text = json_print(list);
        (void)printf("%s\n", text);
        free(text);
    }
    return 0;
}

/* Each option is a field of linux.resources. */
static const struct {
    const char *option, *group, *key;
} update_fields[] = {
    {"memory", "memory", "limit"},     {"memory-reservation", "memory", "reservation"},
    {"memory-swap", "memory", "swap"}, {"cpu-share", "cpu", "shares"},
    {"cpu-quota", "cpu", "quota"},     {"cpu-period", "cpu", "period"},
    {"cpu-burst", "cpu", "burst"},     {"cpu-idle", "cpu", "idle"},
    {"cpuset-cpus", "cpu", "cpus"},    {"cpuset-mems", "cpu", "mems"},
    {"pids-limit", "pids", "limit"},   {"blkio-weight", "blockIO", "weight"},
};

static json_t *group_of(json_t *resources, const char *group)
{
    json_t *o = json_object_get(resources, group);

    if (!o) {
        json_set_take(resources, group, json_object());
        o = json_object_get(resources, group);
    }
    return o;
}

static int update_json(const char *file, const char *const *values, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *o = NULL;

    if (file) {
        _cleanup_free_ char *text = NULL;
        size_t len = 0;
        int r = str_eq(file, "-")
                    ? read_fd(0, LIMIT_OCI_CONFIG_BYTES, &text, &len)
                    : read_file_at(AT_FDCWD, file, LIMIT_OCI_CONFIG_BYTES, &text, &len);
        if (r < 0)
            return err_errno(err, r, "read %s", file);
        o = json_parse(text, len, "resources", err);
        if (!o)
            return -EINVAL;
        *ret = TAKE_PTR(o);
        return 0;
    }
    o = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(update_fields); i++) {
        int64_t n;
        const char *key = update_fields[i].key;
        if (!values[i])
            continue;
        json_t *group = group_of(o, update_fields[i].group);
        if (str_eq(key, "cpus") || str_eq(key, "mems"))
            json_set_str(group, key, values[i]);
        else if (parse_i64(values[i], &n) == 0)
            json_set_i64(group, key, n);
        else
            return err_set(err, ERR_INVALID, "invalid value \"%s\" for --%s", values[i],
                           update_fields[i].option);
    }
    *ret = TAKE_PTR(o);
    return 0;
}

int cmd_update(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *file = NULL, *values[ARRAY_SIZE(update_fields)] = {0};
    struct cli_option options[ARRAY_SIZE(update_fields) + 2] = {
        {"resources", 'r', "path", "file with linux.resources", .value = &file}};
    _cleanup_json_ json_t *json = NULL;
    struct oci_resources res;
    struct state s;

    for (size_t k = 0; k < ARRAY_SIZE(update_fields); k++)
        options[k + 1] = (struct cli_option){
            .name = update_fields[k].option, .arg = "value", .value = &values[k]};
    int r, i = cli_parse(options, argc, argv, 1, err);
    if (i < 0)
        return i;
    if (argc - i != 1)
        return err_set(err, ERR_INVALID, "\"update\" requires exactly 1 argument(s)");
    if ((r = update_json(file, values, &json, err)) < 0 ||
        (r = oci_resources_parse(json, &res, err)) < 0)
        return r;
    if ((r = state_load(cli, argv[i], &s, err)) == 0) {
        r = runtime_update(s.c, &res, err);
        state_done(&s);
    }
    oci_resources_done(&res);
    return r;
}
