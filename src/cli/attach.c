/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `attach` and `start`. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "cli/wait.h"

/* What of a container concerns somebody who attaches. */
struct target {
    char *id; /* owned */
    bool tty, open_stdin, auto_remove, running, paused, restarting;
};

static void target_done(struct target *t)
{
    free(t->id);
}

static int inspect_target(struct client *c, const char *name, struct target *ret, struct err *err)
{
    _cleanup_free_ char *id = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/containers/%s/json", id);
    _cleanup_json_ json_t *j = NULL;
    int r = client_call(c, "GET", path, NULL, &j, err);
    if (r < 0)
        return r;
    const json_t *config = json_object_get(j, "Config"), *host = json_object_get(j, "HostConfig");
    const json_t *state = json_object_get(j, "State");
    *ret = (struct target){.id = xstrdup(json_str_or(j, "Id", name)),
                           .tty = json_bool_or(config, "Tty", false),
                           .open_stdin = json_bool_or(config, "OpenStdin", false),
                           .auto_remove = json_bool_or(host, "AutoRemove", false),
                           .running = json_bool_or(state, "Running", false),
                           .paused = json_bool_or(state, "Paused", false),
                           .restarting = json_bool_or(state, "Restarting", false)};
    return 0;
}

static int begin_attach(struct client *c, const struct session *s, const char *id, const char *keys,
                        struct client_stream **ret, struct err *err)
{
    _cleanup_buf_ struct buf path = BUF_INIT(4 * KIB);
    (void)buf_addf(&path, "/containers/%s/attach?stream=1%s&stdout=1&stderr=1", id,
                   s->in ? "&stdin=1" : "");
    if (*keys)
        client_query(&path, "detachKeys", keys);
    return client_begin(c, "POST", buf_str(&path), NULL, true, ret, err);
}

/* Attaches, waits, optionally starts, copies. The exit code or a negative errno. */
static int follow(struct client *c, const struct target *t, struct session *s, const char *keys,
                  bool start, bool detach_is_error, struct err *err)
{
    _cleanup_(client_stream_freep)
    struct client_stream *stream = NULL;
    _cleanup_(client_stream_freep)
    struct client_stream *wait = NULL;
    int r = session_prepare(s, err);
    if (r == 0)
        r = begin_attach(c, s, t->id, keys, &stream, err);
    if (r == 0)
        r = wait_begin(c, t->id, t->auto_remove, &wait, err);
    if (r == 0)
        r = client_finish(stream, err);
    if (r == 0)
        r = client_finish(wait, err);
    if (r == 0 && start) {
        _cleanup_free_ char *path = xasprintf("/containers/%s/start", t->id);
        r = client_call(c, "POST", path, NULL, NULL, err);
    }
    if (r < 0)
        return r;
    if (start)
        session_resize(s);
    else
        session_redraw(s);
    enum session_end end;
    r = session_run(s, stream, &end, err);
    if (r < 0)
        return r;
    if (end == SESSION_DETACHED)
        return detach_is_error ? err_set(err, ERR_CANCELLED, "read escape sequence") : 0;
    return wait_result(wait, err);
}

static struct session session_for(struct client *c, const struct target *t, bool in, bool proxy)
{
    return (struct session){.client = c,
                            .object = xasprintf("/containers/%s", t->id),
                            .tty = t->tty,
                            .in = in && t->open_stdin,
                            .out = true,
                            .err = true,
                            .proxy_signals = proxy,
                            .watch_size = t->tty,
                            .signals = -1,
                            .terminal = {.fd = -1}};
}

static int run_attach(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_(target_done)
    struct target t = {0};
    if (cli_client(cli, &c, &err) < 0 || inspect_target(c, args_at(a, 0), &t, &err) < 0)
        return cli_fail(&err);
    if (!t.running)
        return cli_failf("You cannot attach to a stopped container, start it first");
    if (t.paused)
        return cli_failf("You cannot attach to a paused container, unpause it first");
    if (t.restarting)
        return cli_failf("You cannot attach to a restarting container, wait until it is running");
    struct session s =
        session_for(c, &t, !args_bool(a, "no-stdin"), args_bool(a, "sig-proxy") && !t.tty);
    const char *keys = args_str(a, "detach-keys");
    int r = -1;
    if (s.tty && s.in && !isatty(STDIN_FILENO))
        (void)err_set(&err, ERR_INVALID, "the input device is not a TTY");
    else if (detach_keys_parse(keys, &s.detach, &err) == 0)
        r = follow(c, &t, &s, keys, false, true, &err);
    session_done(&s);
    return r < 0 ? cli_fail(&err) : r;
}

static int start_attached(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_(target_done)
    struct target t = {0};
    if (args_n(a) > 1)
        return cli_failf("you cannot start and attach multiple containers at once");
    if (cli_client(cli, &c, &err) < 0 || inspect_target(c, args_at(a, 0), &t, &err) < 0)
        return cli_fail(&err);
    struct session s = session_for(c, &t, args_bool(a, "interactive"), !t.tty);
    const char *keys = args_str(a, "detach-keys");
    int r = -1;
    if (s.tty && s.in && !isatty(STDIN_FILENO))
        (void)err_set(&err, ERR_INVALID, "the input device is not a TTY");
    else if (detach_keys_parse(keys, &s.detach, &err) == 0)
        r = follow(c, &t, &s, keys, true, false, &err);
    session_done(&s);
    return r < 0 ? cli_fail(&err) : r;
}

static int start_one(struct client *c, const char *name, struct err *err)
{
    _cleanup_free_ char *id = client_escape(name);
    _cleanup_free_ char *path = xasprintf("/containers/%s/start", id);
    return client_call(c, "POST", path, NULL, NULL, err);
}

static int run_start(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    if (args_bool(a, "attach") || args_bool(a, "interactive"))
        return start_attached(cli, a);
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    _cleanup_strv_ char **failed = NULL;
    for (int i = 0; i < args_n(a); i++) {
        if (start_one(c, args_at(a, i), &err) < 0) {
            (void)cli_fail(&err);
            strv_push(&failed, args_at(a, i));
        } else {
            (void)printf("%s\n", args_at(a, i));
        }
    }
    if (!failed)
        return 0;
    _cleanup_free_ char *names = strv_join(failed, ", ");
    return cli_failf("Error: failed to start containers: %s", names);
}

#define DETACH_KEYS_OPT                                                                           \
    {                                                                                             \
        "detach-keys", 0, OPT_STRING, "Override the key sequence for detaching a container", NULL \
    }

static const struct opt attach_opts[] = {
    DETACH_KEYS_OPT,
    {"no-stdin", 0, OPT_BOOL, "Do not attach STDIN", NULL},
    {"sig-proxy", 0, OPT_BOOL, "Proxy all received signals to the process", "true"},
};
static const struct opt start_opts[] = {
    {"attach", 'a', OPT_BOOL, "Attach STDOUT/STDERR and forward signals", NULL},
    DETACH_KEYS_OPT,
    {"interactive", 'i', OPT_BOOL, "Attach container's STDIN", NULL},
};

const struct command cmd_attach = {
    "[OPTIONS] CONTAINER",
    "Attach local standard input, output, and error streams to a running container",
    "container attach, attach",
    attach_opts,
    ARRAY_SIZE(attach_opts),
    1,
    1,
    false,
    run_attach};
const struct command cmd_start = {"[OPTIONS] CONTAINER [CONTAINER...]",
                                  "Start one or more stopped containers",
                                  "container start, start",
                                  start_opts,
                                  ARRAY_SIZE(start_opts),
                                  1,
                                  -1,
                                  false,
                                  run_start};
