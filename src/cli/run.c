/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `run` and `create`.
 *
 * In the foreground the requests are: create; attach and wait, sent together, so that neither a
 * byte nor the exit can be missed; start. Then the streams are copied until they end, and the
 * answer to wait gives the exit code. */
#include <errno.h>
#include <fcntl.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/run.h"
#include "cli/session.h"
#include "cli/wait.h"

static int pull_image(struct client *c, const struct args *a, const char *image, struct err *err)
{
    _cleanup_buf_ struct buf path = BUF_INIT(16 * KIB);
    const char *last = strrchr(image, '/');
    size_t n = (size_t)((last ? last : image) - image);
    n += strcspn(image + n, ":@");
    _cleanup_free_ char *name = xstrndup(image, n);
    (void)buf_adds(&path, "/images/create");
    client_query(&path, "fromImage", name);
    client_query(&path, "tag", image[n] ? image + n + 1 : "latest");
    if (*args_str(a, "platform"))
        client_query(&path, "platform", args_str(a, "platform"));
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    int r = client_open(c, "POST", buf_str(&path), NULL, &s, err);
    return r < 0 ? r : progress_print(s, args_bool(a, "quiet") ? NULL : stderr, NULL, err);
}

static int post_create(struct client *c, const struct args *a, const json_t *config, json_t **ret,
                       struct err *err)
{
    _cleanup_buf_ struct buf path = BUF_INIT(16 * KIB);
    (void)buf_adds(&path, "/containers/create");
    if (*args_str(a, "name"))
        client_query(&path, "name", args_str(a, "name"));
    if (*args_str(a, "platform"))
        client_query(&path, "platform", args_str(a, "platform"));
    return client_call(c, "POST", buf_str(&path), config, ret, err);
}

/* Makes the container, pulling its image as --pull has it. */
static int make(struct client *c, const struct args *a, const json_t *config, json_t **ret,
                struct err *err)
{
    const char *image = args_at(a, 0), *pull = args_str(a, "pull");
    if (str_eq(pull, "always")) {
        int r = pull_image(c, a, image, err);
        if (r < 0)
            return r;
    }
    int r = post_create(c, a, config, ret, err);
    if (r == 0 || err->kind != ERR_NOT_FOUND || !strstr(err->message, "No such image") ||
        !str_eq(pull, "missing"))
        return r;
    const char *last = strrchr(image, '/');
    if (!args_bool(a, "quiet"))
        (void)fprintf(stderr, "Unable to find image '%s%s' locally\n", image,
                      strpbrk(last ? last : image, ":@") ? "" : ":latest");
    err_clear(err);
    r = pull_image(c, a, image, err);
    return r < 0 ? r : post_create(c, a, config, ret, err);
}

static int open_cidfile(const char *path, int *ret, struct err *err)
{
    char why[128];
    if (!*path)
        return 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 && errno == EEXIST)
        return err_set(err, ERR_CONFLICT,
                       "container ID file found, make sure the other container isn't running or "
                       "delete %s",
                       path);
    if (fd < 0)
        return err_set(err, ERR_INVALID, "failed to create the container ID file: open %s: %s",
                       path, errno_text_lower(errno, why));
    *ret = fd;
    return 0;
}

/* Creates the container of the arguments; *ret_id is the caller's. */
static int create(struct client *c, const struct args *a, const json_t *config, char **ret_id,
                  struct err *err)
{
    _cleanup_close_ int cid = -1;
    const char *cidfile = args_str(a, "cidfile");
    int r = image_reference_check(args_at(a, 0), err);
    if (r == 0)
        r = open_cidfile(cidfile, &cid, err);
    if (r < 0)
        return r;
    _cleanup_json_ json_t *res = NULL;
    r = make(c, a, config, &res, err);
    if (r < 0) {
        if (cid >= 0)
            (void)unlink(cidfile);
        return r;
    }
    const char *id = json_str_or(res, "Id", "");
    size_t i;
    json_t *w;
    json_array_foreach(json_object_get(res, "Warnings"), i, w)
        (void)fprintf(stderr, "WARNING: %s\n", json_is_string(w) ? json_string_value(w) : "");
    if (cid >= 0)
        (void)write_full(cid, id, strlen(id));
    *ret_id = xstrdup(id);
    return 0;
}

static int run_create(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_json_ json_t *config = NULL;
    _cleanup_free_ char *id = NULL;
    if (run_config(a, &config, &err) < 0 || cli_client(cli, &c, &err) < 0) {
        (void)cli_fail_run(cli, &err);
        return CLI_EXIT_USAGE;
    }
    if (create(c, a, config, &id, &err) < 0)
        return cli_fail(&err);
    (void)printf("%s\n", id);
    return 0;
}

static int start(struct client *c, const char *id, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("/containers/%s/start", id);
    return client_call(c, "POST", path, NULL, NULL, err);
}

static int run_detached(struct cli *cli, struct client *c, const struct args *a,
                        const json_t *config)
{
    struct err err = {0};
    _cleanup_free_ char *id = NULL;
    if (create(c, a, config, &id, &err) < 0)
        return cli_fail_run(cli, &err);
    if (start(c, id, &err) < 0) {
        (void)printf("%s\n", id);
        return cli_fail_run(cli, &err);
    }
    (void)printf("%s\n", id);
    return 0;
}

static int begin_attach(struct client *c, const struct args *a, const struct session *s,
                        const char *id, struct client_stream **ret, struct err *err)
{
    _cleanup_buf_ struct buf path = BUF_INIT(4 * KIB);
    (void)buf_addf(&path, "/containers/%s/attach?stream=1%s%s%s", id, s->in ? "&stdin=1" : "",
                   s->out ? "&stdout=1" : "", s->err ? "&stderr=1" : "");
    if (*args_str(a, "detach-keys"))
        client_query(&path, "detachKeys", args_str(a, "detach-keys"));
    return client_begin(c, "POST", buf_str(&path), NULL, true, ret, err);
}

/* Everything after create, in the foreground. The exit code, or a negative errno and err. */
static int foreground(struct client *c, const struct args *a, struct session *s, const char *id,
                      bool removed, struct err *err)
{
    _cleanup_(client_stream_freep)
    struct client_stream *stream = NULL;
    _cleanup_(client_stream_freep)
    struct client_stream *wait = NULL;
    int r = begin_attach(c, a, s, id, &stream, err);
    if (r == 0)
        r = wait_begin(c, id, removed, &wait, err);
    if (r == 0)
        r = client_finish(stream, err);
    if (r == 0)
        r = client_finish(wait, err);
    if (r == 0)
        r = start(c, id, err);
    if (r < 0)
        return r;
    session_resize(s);
    enum session_end end;
    r = session_run(s, stream, &end, err);
    if (r < 0)
        return r;
    if (end == SESSION_DETACHED || (!s->out && !s->err))
        return 0;
    return wait_result(wait, err);
}

static int run_attached(struct cli *cli, struct client *c, const struct args *a,
                        const json_t *config)
{
    struct err err = {0};
    struct session s = {.client = c,
                        .tty = args_bool(a, "tty"),
                        .in = json_bool_or(config, "AttachStdin", false),
                        .out = json_bool_or(config, "AttachStdout", false),
                        .err = json_bool_or(config, "AttachStderr", false),
                        .proxy_signals = args_bool(a, "sig-proxy"),
                        .signals = -1,
                        .terminal = {.fd = -1}};
    s.watch_size = s.tty;
    if (s.tty && s.in && !isatty(STDIN_FILENO))
        return cli_failf("the input device is not a TTY");
    _cleanup_free_ char *id = NULL;
    if (detach_keys_parse(args_str(a, "detach-keys"), &s.detach, &err) < 0)
        return cli_fail_run(cli, &err);
    int r = create(c, a, config, &id, &err);
    if (r == 0) {
        s.object = xasprintf("/containers/%s", id);
        r = session_prepare(&s, &err);
    }
    if (r == 0)
        r = foreground(c, a, &s, id, args_bool(a, "rm"), &err);
    session_done(&s);
    return r < 0 ? cli_fail_run(cli, &err) : r;
}

static int run_run(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_json_ json_t *config = NULL;
    bool detach = args_bool(a, "detach");
    if (detach && args_list(a, "attach"))
        return cli_failf("conflicting options: cannot specify both --attach and --detach");
    if (run_config(a, &config, &err) < 0 || cli_client(cli, &c, &err) < 0) {
        (void)cli_fail_run(cli, &err);
        return CLI_EXIT_USAGE;
    }
    return detach ? run_detached(cli, c, a, config) : run_attached(cli, c, a, config);
}

const struct command cmd_run = {"[OPTIONS] IMAGE [COMMAND] [ARG...]",
                                "Create and run a new container from an image",
                                "container run, run",
                                run_table + CREATE_ONLY_OPTS,
                                N_RUN_TABLE - CREATE_ONLY_OPTS,
                                1,
                                -1,
                                true,
                                run_run};
const struct command cmd_create = {"[OPTIONS] IMAGE [COMMAND] [ARG...]",
                                   "Create a new container",
                                   "container create, create",
                                   run_table,
                                   N_RUN_TABLE - RUN_ONLY_OPTS,
                                   1,
                                   -1,
                                   true,
                                   run_create};
