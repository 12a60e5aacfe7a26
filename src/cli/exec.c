/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/run.h"
#include "cli/session.h"

static int exec_config(const struct args *a, bool in, json_t **ret, struct err *err)
{
    bool detach = args_bool(a, "detach");
    json_t *env = NULL;
    int r = read_env(args_list(a, "env-file"), args_list(a, "env"), &env, err);
    if (r < 0)
        return r;
    json_t *o = json_object();
    json_set_str(o, "User", args_str(a, "user"));
    json_set_bool(o, "Privileged", args_bool(a, "privileged"));
    json_set_bool(o, "Tty", args_bool(a, "tty"));
    unsigned rows, cols;
    if (args_bool(a, "tty") && terminal_size(&rows, &cols))
        json_set_take(o, "ConsoleSize", json_pack("[i,i]", (int)rows, (int)cols));
    json_set_bool(o, "AttachStdin", in);
    json_set_bool(o, "AttachStderr", !detach);
    json_set_bool(o, "AttachStdout", !detach);
    json_set_str(o, "DetachKeys", args_str(a, "detach-keys"));
    json_set_take(o, "Env", env ? env : json_null());
    json_set_str(o, "WorkingDir", args_str(a, "workdir"));
    json_set_take(o, "Cmd", json_strv(args_from(a, 1), false));
    *ret = o;
    return 0;
}

static int exec_create(struct client *c, const struct args *a, const json_t *config, char **ret_id,
                       struct err *err)
{
    _cleanup_free_ char *name = client_escape(args_at(a, 0));
    _cleanup_free_ char *path = xasprintf("/containers/%s/exec", name);
    _cleanup_json_ json_t *res = NULL;
    int r = client_call(c, "POST", path, config, &res, err);
    if (r < 0)
        return r;
    const char *id = json_str_or(res, "Id", "");
    if (!*id)
        return err_set(err, ERR_INTERNAL, "exec ID empty");
    *ret_id = xstrdup(id);
    return 0;
}

static int exec_exit_code(struct client *c, const char *id, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("/exec/%s/json", id);
    _cleanup_json_ json_t *res = NULL;
    int r = client_call(c, "GET", path, NULL, &res, err);
    return r < 0 ? r : (int)json_i64_or(res, "ExitCode", 0);
}

/* The exit code, or a negative errno. */
static int exec_attached(struct client *c, struct session *s, const char *id, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("/exec/%s/start", id);
    _cleanup_json_ json_t *body = json_object();
    json_set_bool(body, "Detach", false);
    json_set_bool(body, "Tty", s->tty);
    unsigned rows, cols;
    if (s->tty && terminal_size(&rows, &cols))
        json_set_take(body, "ConsoleSize", json_pack("[i,i]", (int)rows, (int)cols));
    _cleanup_(client_stream_freep)
    struct client_stream *stream = NULL;
    int r = session_prepare(s, err);
    if (r == 0)
        r = client_hijack(c, "POST", path, body, &stream, err);
    if (r < 0)
        return r;
    session_resize(s);
    enum session_end end;
    r = session_run(s, stream, &end, err);
    if (r < 0)
        return r;
    if (end == SESSION_DETACHED)
        return err_set(err, ERR_CANCELLED, "read escape sequence");
    return exec_exit_code(c, id, err);
}

/* As docker does, a missing container is told before a missing terminal. */
static int not_a_tty(struct client *c, const char *name)
{
    struct err err = {0};
    _cleanup_free_ char *id = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/containers/%s/json", id);
    if (client_call(c, "GET", path, NULL, NULL, &err) < 0)
        return cli_fail(&err);
    return cli_failf("the input device is not a TTY");
}

static int run_exec(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_json_ json_t *config = NULL;
    _cleanup_free_ char *id = NULL;
    bool detach = args_bool(a, "detach");
    struct session s = {.tty = args_bool(a, "tty"),
                        .in = args_bool(a, "interactive") && !detach,
                        .out = true,
                        .err = true,
                        .watch_size = args_bool(a, "tty"),
                        .signals = -1,
                        .terminal = {.fd = -1}};
    if (exec_config(a, s.in, &config, &err) < 0 || cli_client(cli, &c, &err) < 0 ||
        detach_keys_parse(args_str(a, "detach-keys"), &s.detach, &err) < 0)
        return cli_fail(&err);
    if (s.tty && s.in && !isatty(STDIN_FILENO))
        return not_a_tty(c, args_at(a, 0));
    if (exec_create(c, a, config, &id, &err) < 0)
        return cli_fail(&err);
    if (detach) {
        _cleanup_free_ char *path = xasprintf("/exec/%s/start", id);
        _cleanup_json_ json_t *body = json_pack("{s:b,s:b}", "Detach", 1, "Tty", (int)s.tty);
        return client_call(c, "POST", path, body, NULL, &err) < 0 ? cli_fail(&err) : 0;
    }
    s.client = c;
    s.object = xasprintf("/exec/%s", id);
    int r = exec_attached(c, &s, id, &err);
    session_done(&s);
    return r < 0 ? cli_fail(&err) : r;
}

static const struct opt exec_opts[] = {
    {"detach", 'd', OPT_BOOL, "Detached mode: run command in the background", NULL},
    {"detach-keys", 0, OPT_STRING, "Override the key sequence for detaching a container", NULL},
    {"env", 'e', OPT_LIST, "Set environment variables", NULL, NULL, check_env},
    {"env-file", 0, OPT_LIST, "Read in a file of environment variables", NULL},
    {"interactive", 'i', OPT_BOOL, "Keep STDIN open even if not attached", NULL},
    {"privileged", 0, OPT_BOOL, "Give extended privileges to the command", NULL},
    {"tty", 't', OPT_BOOL, "Allocate a pseudo-TTY", NULL},
    {"user", 'u', OPT_STRING, "Username or UID (format: \"<name|uid>[:<group|gid>]\")", NULL},
    {"workdir", 'w', OPT_STRING, "Working directory inside the container", NULL},
};

const struct command cmd_exec = {"[OPTIONS] CONTAINER COMMAND [ARG...]",
                                 "Execute a command in a running container",
                                 "container exec, exec",
                                 exec_opts,
                                 ARRAY_SIZE(exec_opts),
                                 2,
                                 -1,
                                 true,
                                 run_exec};
