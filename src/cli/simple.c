/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands that are one request per container: stop, kill, restart, rm, pause, unpause, rename,
 * wait. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/human.h"

/* METHOD /containers/<name><tail> */
static int container_call(struct cli *cli, const char *method, const char *name, const char *tail,
                          const struct buf *query, json_t **ret, struct err *err)
{
    struct client *c = NULL;
    int r = cli_client(cli, &c, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *id = client_escape(name);
    _cleanup_free_ char *path =
        xasprintf("/containers/%s%s%s", id, tail, query ? buf_str(query) : "");
    return client_call(c, method, path, NULL, ret, err);
}

static int stop_or_restart(struct cli *cli, const struct args *a, const char *name,
                           const char *tail, struct err *err)
{
    _cleanup_buf_ struct buf q = BUF_INIT(4 * KIB);
    if (*args_str(a, "signal"))
        client_query(&q, "signal", args_str(a, "signal"));
    const char *timeout = args_set(a, "timeout") ? "timeout" : "time";
    if (args_set(a, timeout)) {
        _cleanup_free_ char *t = xasprintf("%lld", (long long)args_num(a, timeout));
        client_query(&q, "t", t);
    }
    return container_call(cli, "POST", name, tail, &q, NULL, err);
}

static int stop_one(struct cli *cli, const struct args *a, const char *name, struct err *err)
{
    return stop_or_restart(cli, a, name, "/stop", err);
}

static int restart_one(struct cli *cli, const struct args *a, const char *name, struct err *err)
{
    return stop_or_restart(cli, a, name, "/restart", err);
}

static int kill_one(struct cli *cli, const struct args *a, const char *name, struct err *err)
{
    _cleanup_buf_ struct buf q = BUF_INIT(4 * KIB);
    if (*args_str(a, "signal"))
        client_query(&q, "signal", args_str(a, "signal"));
    return container_call(cli, "POST", name, "/kill", &q, NULL, err);
}

static int pause_one(struct cli *cli, const struct args *a, const char *name, struct err *err)
{
    return container_call(cli, "POST", name, "/pause", NULL, NULL, err);
}

static int unpause_one(struct cli *cli, const struct args *a, const char *name, struct err *err)
{
    return container_call(cli, "POST", name, "/unpause", NULL, NULL, err);
}

static int rm_one(struct cli *cli, const struct args *a, const char *name, struct err *err)
{
    _cleanup_buf_ struct buf q = BUF_INIT(4 * KIB);
    name += strspn(name, "/");
    if (!*name)
        return err_set(err, ERR_INVALID, "Container name cannot be empty");
    if (args_bool(a, "force"))
        client_query(&q, "force", "1");
    if (args_bool(a, "link"))
        client_query(&q, "link", "1");
    if (args_bool(a, "volumes"))
        client_query(&q, "v", "1");
    int r = container_call(cli, "DELETE", name, "", &q, NULL, err);
    /* --force asks for absence, which is what a missing container is. */
    if (r < 0 && err->kind == ERR_NOT_FOUND && args_bool(a, "force")) {
        (void)cli_fail(err);
        return 1;
    }
    return r;
}

static int wait_one(struct cli *cli, const struct args *a, const char *name, struct err *err)
{
    _cleanup_json_ json_t *res = NULL;
    int r = container_call(cli, "POST", name, "/wait", NULL, &res, err);
    if (r < 0)
        return r;
    json_t *e = res ? json_object_get(res, "Error") : NULL;
    const char *message = e ? json_str_or(e, "Message", "") : "";
    if (*message)
        return err_set(err, ERR_INTERNAL, "%s", message);
    (void)printf("%lld\n", (long long)(res ? json_i64_or(res, "StatusCode", 0) : 0));
    (void)fflush(stdout);
    return 0;
}

static int run_stop(struct cli *cli, const struct args *a)
{
    return cli_each(cli, a, true, stop_one);
}

static int run_restart(struct cli *cli, const struct args *a)
{
    return cli_each(cli, a, true, restart_one);
}

static int run_kill(struct cli *cli, const struct args *a)
{
    return cli_each(cli, a, true, kill_one);
}

static int run_pause(struct cli *cli, const struct args *a)
{
    return cli_each(cli, a, true, pause_one);
}

static int run_unpause(struct cli *cli, const struct args *a)
{
    return cli_each(cli, a, true, unpause_one);
}

static int run_rm(struct cli *cli, const struct args *a)
{
    int code = 0;
    for (int i = 0; i < args_n(a); i++) {
        struct err err = {0};
        int r = rm_one(cli, a, args_at(a, i), &err);
        if (r < 0)
            code = cli_fail(&err);
        else if (r == 0)
            (void)printf("%s\n", args_at(a, i));
    }
    return code;
}

static int run_wait(struct cli *cli, const struct args *a)
{
    return cli_each(cli, a, false, wait_one);
}

static int run_rename(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    const char *from = args_at(a, 0), *to = args_at(a, 1);
    if (!*from || !*to)
        return cli_failf("Error: Neither old nor new names may be empty");
    _cleanup_buf_ struct buf q = BUF_INIT(4 * KIB);
    client_query(&q, "name", to);
    if (container_call(cli, "POST", from, "/rename", &q, NULL, &err) == 0)
        return 0;
    (void)cli_fail(&err);
    return cli_failf("Error: failed to rename container named %s", from);
}

#define SIGNAL_OPT                                                         \
    {                                                                      \
        "signal", 's', OPT_STRING, "Signal to send to the container", NULL \
    }

static const struct opt stop_opts[] = {
    SIGNAL_OPT,
    {"timeout", 't', OPT_INT, "Seconds to wait before killing the container", NULL},
    {"time", 0, OPT_INT, NULL, NULL},
};
static const struct opt kill_opts[] = {SIGNAL_OPT};
static const struct opt rm_opts[] = {
    {"force", 'f', OPT_BOOL, "Force the removal of a running container (uses SIGKILL)", NULL},
    {"link", 'l', OPT_BOOL, "Remove the specified link", NULL},
    {"volumes", 'v', OPT_BOOL, "Remove anonymous volumes associated with the container", NULL},
};

const struct command cmd_stop = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                 "Stop one or more running containers",
                                 "container stop, stop",
                                 stop_opts,
                                 ARRAY_SIZE(stop_opts),
                                 1,
                                 -1,
                                 false,
                                 run_stop};
const struct command cmd_restart = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                    "Restart one or more containers",
                                    "container restart, restart",
                                    stop_opts,
                                    ARRAY_SIZE(stop_opts),
                                    1,
                                    -1,
                                    false,
                                    run_restart};
const struct command cmd_kill = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                 "Kill one or more running containers",
                                 "container kill, kill",
                                 kill_opts,
                                 ARRAY_SIZE(kill_opts),
                                 1,
                                 -1,
                                 false,
                                 run_kill};
const struct command cmd_rm = {"[OPTIONS] CONTAINER [CONTAINER...]",
                               "Remove one or more containers",
                               "container rm, container remove, rm",
                               rm_opts,
                               ARRAY_SIZE(rm_opts),
                               1,
                               -1,
                               false,
                               run_rm};
const struct command cmd_pause = {"CONTAINER [CONTAINER...]",
                                  "Pause all processes within one or more containers",
                                  "container pause, pause",
                                  NULL,
                                  0,
                                  1,
                                  -1,
                                  false,
                                  run_pause};
const struct command cmd_unpause = {"CONTAINER [CONTAINER...]",
                                    "Unpause all processes within one or more containers",
                                    "container unpause, unpause",
                                    NULL,
                                    0,
                                    1,
                                    -1,
                                    false,
                                    run_unpause};
const struct command cmd_wait = {
    "CONTAINER [CONTAINER...]",
    "Block until one or more containers stop, then print their exit codes",
    "container wait, wait",
    NULL,
    0,
    1,
    -1,
    false,
    run_wait};
const struct command cmd_rename = {"CONTAINER NEW_NAME",
                                   "Rename a container",
                                   "container rename, rename",
                                   NULL,
                                   0,
                                   2,
                                   2,
                                   false,
                                   run_rename};
