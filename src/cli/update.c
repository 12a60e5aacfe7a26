/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `update`. */
#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli.h"

/* Options and the fields that they set. */
static const struct {
    const char *option, *field;
    bool text;
} fields[] = {
    {"blkio-weight", "BlkioWeight", false},
    {"cpu-period", "CpuPeriod", false},
    {"cpu-quota", "CpuQuota", false},
    {"cpu-rt-period", "CpuRealtimePeriod", false},
    {"cpu-rt-runtime", "CpuRealtimeRuntime", false},
    {"cpu-shares", "CpuShares", false},
    {"cpus", "NanoCpus", false},
    {"cpuset-cpus", "CpusetCpus", true},
    {"cpuset-mems", "CpusetMems", true},
    {"memory", "Memory", false},
    {"memory-reservation", "MemoryReservation", false},
    {"memory-swap", "MemorySwap", false},
    {"pids-limit", "PidsLimit", false},
};

/* "on-failure:3" */
static int restart_policy(const char *text, json_t **ret, struct err *err)
{
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *name = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
    int count = 0;

    if (colon && parse_int(colon + 1, &count) < 0)
        return err_set(err, ERR_INVALID,
                       "invalid restart policy format: maximum retry count must be an integer");
    *ret = json_pack("{s:s,s:i}", "Name", name, "MaximumRetryCount", count);
    return 0;
}

static int make_body(const struct args *a, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *body = json_object();
    json_t *policy = NULL;
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (!args_set(a, fields[i].option))
            continue;
        if (fields[i].text)
            json_set_str(body, fields[i].field, args_str(a, fields[i].option));
        else
            json_set_i64(body, fields[i].field, args_num(a, fields[i].option));
    }
    if (args_set(a, "restart")) {
        r = restart_policy(args_str(a, "restart"), &policy, err);
        if (r < 0)
            return r;
        json_set_take(body, "RestartPolicy", policy);
    }
    if (json_object_size(body) == 0)
        return err_set(err, ERR_INVALID,
                       "you must provide one or more flags when using this command");
    *ret = TAKE_PTR(body);
    return 0;
}

static int run_update(struct cli *cli, const struct args *a)
{
    _cleanup_json_ json_t *body = NULL;
    struct client *c = NULL;
    struct err err = {0};
    int code = 0;

    if (make_body(a, &body, &err) < 0 || cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    for (int i = 0; i < args_n(a); i++) {
        _cleanup_free_ char *id = client_escape(args_at(a, i));
        _cleanup_free_ char *path = xasprintf("/containers/%s/update", id);
        _cleanup_json_ json_t *answer = NULL;
        json_t *w;
        size_t k;

        err_clear(&err);
        if (client_call(c, "POST", path, body, &answer, &err) < 0) {
            code = cli_fail(&err);
            continue;
        }
        (void)printf("%s\n", args_at(a, i));
        (void)fflush(stdout);
        json_array_foreach(json_object_get(answer, "Warnings"), k, w)
            (void)fprintf(stderr, "%s\n", json_string_value(w));
    }
    return code;
}

static const struct opt update_opts[] = {
    {"blkio-weight", 0, OPT_UINT16,
     "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)", NULL},
    {"cpu-period", 0, OPT_INT, "Limit CPU CFS (Completely Fair Scheduler) period", NULL},
    {"cpu-quota", 0, OPT_INT, "Limit CPU CFS (Completely Fair Scheduler) quota", NULL},
    {"cpu-rt-period", 0, OPT_INT, "Limit the CPU real-time period in microseconds", NULL},
    {"cpu-rt-runtime", 0, OPT_INT, "Limit the CPU real-time runtime in microseconds", NULL},
    {"cpu-shares", 'c', OPT_INT, "CPU shares (relative weight)", NULL},
    {"cpus", 0, OPT_DECIMAL, "Number of CPUs", NULL},
    {"cpuset-cpus", 0, OPT_STRING, "CPUs in which to allow execution (0-3, 0,1)", NULL},
    {"cpuset-mems", 0, OPT_STRING, "MEMs in which to allow execution (0-3, 0,1)", NULL},
    {"memory", 'm', OPT_BYTES, "Memory limit", NULL},
    {"memory-reservation", 0, OPT_BYTES, "Memory soft limit", NULL},
    {"memory-swap", 0, OPT_MEMSWAP,
     "Swap limit equal to memory plus swap: -1 to enable unlimited swap", NULL},
    {"pids-limit", 0, OPT_INT, "Tune container pids limit (set -1 for unlimited)", NULL},
    {"restart", 0, OPT_STRING, "Restart policy to apply when a container exits", NULL},
};

const struct command cmd_update = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                   "Update configuration of one or more containers",
                                   "container update, update",
                                   update_opts,
                                   ARRAY_SIZE(update_opts),
                                   1,
                                   -1,
                                   false,
                                   run_update};
