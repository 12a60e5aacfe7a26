/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Further processes in running containers. A record lives until its container ends, or until it is
 * old and over; the shim holds the truth about one that is thought to be running. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/timeutil.h"
#include "engine/internal.h"

#define EXECS_SWEEP       256                  /* look for old records above this many */
#define EXEC_KEEP         (300 * NSEC_PER_SEC) /* how long an ended one can be asked for */
#define END_PATIENCE_NSEC (2 * NSEC_PER_SEC)

struct exec {
    unsigned refs;
    char id[65], container_id[65];
    json_t *args, *env; /* owned */
    char *user, *cwd, *detach_keys, *command;
    bool tty, privileged, use_stdin, use_stdout, use_stderr;
    /* under execs_lock */
    bool started, running, ended;
    int exit_code;
    pid_t pid;
    int64_t ended_nsec;
};

static void exec_unref(struct exec *x)
{
    if (!x || __atomic_sub_fetch(&x->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    json_decref(x->args);
    json_decref(x->env);
    free(x->user);
    free(x->cwd);
    free(x->detach_keys);
    free(x->command);
    free(x);
}
DEFINE_CLEANUP(struct exec *, exec_unref);

static struct exec *exec_get(struct engine *e, const char *id)
{
    struct exec *x;

    LOCK_SCOPE(&e->execs_lock);
    x = hashmap_get(e->execs, id);
    if (x)
        (void)__atomic_add_fetch(&x->refs, 1, __ATOMIC_RELAXED);
    return x;
}

static void drop_id(struct container *c, const char *id)
{
    LOCK_SCOPE(&c->lock);
    for (char **p = c->exec_ids; p && *p; p++)
        if (str_eq(*p, id)) {
            free(*p);
            for (; p[0]; p++)
                p[0] = p[1];
            break;
        }
    if (c->exec_ids && !c->exec_ids[0]) {
        free(c->exec_ids);
        c->exec_ids = NULL;
    }
    container_publish(c);
}

static void mark_ended(struct engine *e, struct exec *x, int exit_code)
{
    LOCK_SCOPE(&e->execs_lock);
    x->running = false;
    x->ended = true;
    x->exit_code = exit_code;
    x->ended_nsec = monotonic_nsec();
}

/* One that an earlier daemon started: how it was asked for is not known any more. */
static struct exec *adopt(struct engine *e, struct container *c, const struct shim_event *event)
{
    struct exec *x = XNEW(struct exec);

    x->refs = 2; /* the table's and the caller's */
    (void)snprintf(x->id, sizeof(x->id), "%s", event->exec_id);
    (void)snprintf(x->container_id, sizeof(x->container_id), "%s", c->conf->id);
    x->args = json_pack("[s]", "");
    x->command = xstrdup("");
    x->started = x->running = true;
    x->pid = event->pid;
    {
        LOCK_SCOPE(&e->execs_lock);
        hashmap_put(e->execs, x->id, x);
    }
    LOCK_SCOPE(&c->lock);
    strv_push(&c->exec_ids, x->id);
    container_publish(c);
    return x;
}

void exec_take_over(struct engine *e, struct container *c, const struct shim_event *event)
{
    _cleanup_(exec_unrefp)
    struct exec *x = exec_get(e, event->exec_id);
    bool ended;

    if (!x)
        x = adopt(e, c, event);
    if (event->kind != SHIM_EVENT_EXEC_EXITED)
        return;
    {
        LOCK_SCOPE(&e->execs_lock);
        ended = x->ended;
    }
    if (!ended)
        mark_ended(e, x, event->exit_code);
    drop_id(c, x->id);
}

void exec_note_exit(struct engine *e, struct container *c, const struct shim_event *event)
{
    _cleanup_(exec_unrefp)
    struct exec *x = exec_get(e, event->exec_id);
    char code[16];

    if (event->replayed)
        exec_take_over(e, c, event);
    if (!x || event->replayed)
        return;
    mark_ended(e, x, event->exit_code);
    drop_id(c, x->id);
    (void)snprintf(code, sizeof(code), "%d", event->exit_code);
    engine_container_event(e, c, "exec_die", "execID", x->id, "exitCode", code, NULL);
}

/* The container has ended: running execs have ended with it, waiting ones never run. */
void exec_forget_all(struct engine *e, struct container *c)
{
    _cleanup_strv_ char **ids = NULL;

    {
        LOCK_SCOPE(&c->lock);
        ids = TAKE_PTR(c->exec_ids);
    }
    LOCK_SCOPE(&e->execs_lock);
    for (size_t i = 0; ids && ids[i]; i++) {
        struct exec *x = hashmap_get(e->execs, ids[i]);

        if (x && x->started && !x->ended) {
            x->running = false;
            x->ended = true;
            x->exit_code = 137;
            x->ended_nsec = monotonic_nsec();
        } else if (x && !x->started) {
            hashmap_remove(e->execs, ids[i]);
        }
    }
}

/* execs_lock is held. */
static void sweep_old(struct engine *e)
{
    _cleanup_strv_ char **old = NULL;
    int64_t now = monotonic_nsec();
    size_t cursor = 0;
    const char *key;
    void *value;

    if (hashmap_len(e->execs) < EXECS_SWEEP)
        return;
    while (hashmap_next(e->execs, &cursor, &key, &value)) {
        const struct exec *x = value;

        if (x->ended && now - x->ended_nsec > EXEC_KEEP)
            strv_push(&old, key);
    }
    for (size_t i = 0; old && old[i]; i++)
        hashmap_remove(e->execs, old[i]);
}

static int parse_exec(const json_t *body, struct exec *x, struct err *err)
{
    const char *user = NULL, *cwd = NULL, *keys = NULL;
    json_t *cmd = NULL, *env = NULL, *v;
    size_t i;
    int r;

    if (!json_is_object(body))
        return err_set(err, ERR_INVALID, "No exec command specified");
    if ((r = json_get_array(body, NULL, "Cmd", &cmd, err)) < 0 ||
        (r = json_get_array(body, NULL, "Env", &env, err)) < 0 ||
        (r = json_get_str(body, NULL, "User", &user, err)) < 0 ||
        (r = json_get_str(body, NULL, "WorkingDir", &cwd, err)) < 0 ||
        (r = json_get_str(body, NULL, "DetachKeys", &keys, err)) < 0 ||
        (r = json_get_bool(body, NULL, "Tty", &x->tty, err)) < 0 ||
        (r = json_get_bool(body, NULL, "Privileged", &x->privileged, err)) < 0 ||
        (r = json_get_bool(body, NULL, "AttachStdin", &x->use_stdin, err)) < 0 ||
        (r = json_get_bool(body, NULL, "AttachStdout", &x->use_stdout, err)) < 0 ||
        (r = json_get_bool(body, NULL, "AttachStderr", &x->use_stderr, err)) < 0)
        return r;
    if (json_array_size(cmd) == 0)
        return err_set(err, ERR_INVALID, "No exec command specified");
    json_array_foreach(cmd, i, v)
        if (!json_is_string(v))
            return err_set(err, ERR_INVALID, "field \"Cmd\" must be an array of strings");
    json_array_foreach(env, i, v)
        if (!json_is_string(v))
            return err_set(err, ERR_INVALID, "field \"Env\" must be an array of strings");
        else if (json_string_length(v) == 0 || json_string_value(v)[0] == '=')
            return err_set(err, ERR_INVALID, "invalid environment variable: %s",
                           json_string_value(v));
    r = shim_check_detach_keys(keys, err);
    if (r < 0)
        return r;
    x->args = json_deep_copy(cmd);
    x->env = env ? json_deep_copy(env) : NULL;
    x->user = xstrdup(user);
    x->cwd = xstrdup(cwd);
    x->detach_keys = xstrdup(keys);
    return 0;
}

static char *command_text(const json_t *args)
{
    _cleanup_strv_ char **words = NULL;
    json_t *v;
    size_t i;

    json_array_foreach(args, i, v)
        strv_push(&words, json_string_value(v));
    return strv_join(words, " ");
}

/* Docker's rule for execs; c->lock is held. */
static int check_execable(const struct container *c, const char *ref, struct err *err)
{
    if (c->state.restarting)
        return err_set(err, ERR_CONFLICT,
                       "Container %s is restarting, wait until the container is running", ref);
    if (!c->state.running || !c->shim)
        return err_set(err, ERR_CONFLICT, "container %s is not running", c->conf->id);
    if (c->state.paused)
        return err_set(err, ERR_CONFLICT,
                       "Container %s is paused, unpause the container before exec", ref);
    return 0;
}

int engine_exec_create(struct engine *e, const char *ref, const json_t *body,
                       char ret_id[static 65], struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(exec_unrefp)
    struct exec *x = XNEW(struct exec);
    _cleanup_free_ char *action = NULL;
    int r = engine_lookup(e, ref, &c, err);

    x->refs = 1;
    if (r < 0)
        return r;
    (void)container_is_running(c);
    {
        LOCK_SCOPE(&c->lock);
        r = check_execable(c, ref, err);
    }
    if (r < 0 || (r = parse_exec(body, x, err)) < 0)
        return r;
    random_id(x->id);
    (void)snprintf(x->container_id, sizeof(x->container_id), "%s", c->conf->id);
    x->command = command_text(x->args);
    {
        LOCK_SCOPE(&e->execs_lock);
        sweep_old(e);
        x->refs++;
        hashmap_put(e->execs, x->id, x);
    }
    {
        LOCK_SCOPE(&c->lock);
        strv_push(&c->exec_ids, x->id);
        container_publish(c);
    }
    action = xasprintf("exec_create: %s", x->command);
    engine_container_event(e, c, action, "execID", x->id, NULL);
    (void)snprintf(ret_id, 65, "%s", x->id);
    return 0;
}

/* The exec, its container, and the shim of it. */
static int find(struct engine *e, const char *id, struct exec **ret, struct container **ret_c,
                struct err *err)
{
    _cleanup_(exec_unrefp)
    struct exec *x = exec_get(e, id);

    if (!x || engine_lookup(e, x->container_id, ret_c, NULL) < 0) {
        (void)err_set(err, ERR_NOT_FOUND, "No such exec instance: %s", id);
        return -ENOENT;
    }
    *ret = TAKE_PTR(x);
    return 0;
}

static int claim(struct engine *e, struct exec *x, struct err *err)
{
    LOCK_SCOPE(&e->execs_lock);
    if (x->ended)
        return err_set(err, ERR_CONFLICT, "Error: Exec command %s has already run", x->id);
    if (x->started)
        return err_set(err, ERR_CONFLICT, "Error: Exec command %s is already running", x->id);
    x->started = x->running = true;
    return 0;
}

static int make_process(struct engine *e, struct container *c, const struct exec *x, uint16_t rows,
                        uint16_t cols, char **ret, struct err *err)
{
    _cleanup_(container_spec_params_done)
    struct container_spec_params p = {0};
    _cleanup_json_ json_t *config = container_conf_config(c->conf);
    _cleanup_json_ json_t *host = container_conf_host(c->conf);
    _cleanup_json_ json_t *process = NULL;
    struct container_exec_process want = {
        .args = x->args,
        .env = x->env,
        .user = x->user,
        .cwd = x->cwd,
        .tty = x->tty,
        .privileged = x->privileged,
        .rows = rows,
        .cols = cols,
    };
    _cleanup_close_ int root = -1;
    pid_t pid;
    int r;

    if (!str_empty(x->cwd) && x->cwd[0] != '/')
        return err_set(err, ERR_INVALID,
                       "OCI runtime exec failed: exec failed: Cwd must be an absolute path: "
                       "unknown");
    {
        LOCK_SCOPE(&c->lock);
        pid = c->state.pid;
    }
    root = container_proc_open(c->conf->id, pid, "root", O_PATH | O_DIRECTORY);
    if (root < 0)
        return err_set(err, ERR_CONFLICT, "container %s is not running", c->conf->id);
    p = (struct container_spec_params){.id = c->conf->id,
                                       .config = config,
                                       .host = host,
                                       .rootfs_fd = root,
                                       .bounding_caps = e->bounding_caps,
                                       .no_new_privileges = e->no_new_privileges};
    r = container_spec_exec(&p, &want, &process, err);
    if (r == 0)
        *ret = json_print(process);
    return r;
}

static int open_stream(const struct engine_attach *attach, const struct exec *x,
                       struct shim_stream *ret, struct err *err)
{
    char *preread = NULL;
    size_t len = 0;
    int r;

    r = attach->hijack(attach->ctx, !x->tty, &ret->fd, &preread, &len, err);
    if (r < 0)
        return r;
    ret->preread = preread;
    ret->preread_len = len;
    ret->use_stdin = x->use_stdin;
    ret->use_stdout = x->use_stdout;
    ret->use_stderr = x->use_stderr;
    ret->multiplex = !x->tty;
    ret->detach_keys = attach->detach_keys ? attach->detach_keys : x->detach_keys;
    return 0;
}

/* After the hijack, errors go where the output goes, as Docker does. */
static void tell_client(int fd, bool multiplex, const char *text)
{
    _cleanup_free_ char *line = xasprintf("%s\r\n", text);
    size_t len = strlen(line);
    unsigned char header[8] = {1,
                               0,
                               0,
                               0,
                               (unsigned char)(len >> 24),
                               (unsigned char)(len >> 16),
                               (unsigned char)(len >> 8),
                               (unsigned char)len};

    if (!multiplex || write_full(fd, header, sizeof(header)) == 0)
        (void)write_full(fd, line, len);
}

static int launch(struct engine *e, struct container *c, struct exec *x, uint16_t rows,
                  uint16_t cols, struct shim_stream *stream, struct err *err)
{
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    _cleanup_free_ char *process = NULL, *action = NULL;
    pid_t pid = 0;
    int r;

    {
        LOCK_SCOPE(&c->lock);
        r = check_execable(c, c->conf->id, err);
        if (r < 0)
            return r;
        shim = shim_handle_ref(c->shim);
    }
    r = make_process(e, c, x, rows, cols, &process, err);
    if (r < 0)
        return r;
    action = xasprintf("exec_start: %s", x->command);
    engine_container_event(e, c, action, "execID", x->id, NULL);
    r = shim_exec(shim->shim, x->id, process, x->tty, x->use_stdin, stream, &pid, err);
    if (stream)
        stream->fd = -1;
    if (r < 0) {
        err_wrap(err, "OCI runtime exec failed: exec failed: unable to start container process");
        if (err && strlen(err->message) + 10 < sizeof(err->message))
            (void)snprintf(err->message + strlen(err->message),
                           sizeof(err->message) - strlen(err->message), ": unknown");
        return r;
    }
    LOCK_SCOPE(&e->execs_lock);
    x->pid = pid;
    return 0;
}

int engine_exec_start(struct engine *e, const char *exec_id, bool detach, bool tty, uint16_t rows,
                      uint16_t cols, const struct engine_attach *attach, struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(exec_unrefp)
    struct exec *x = NULL;
    _cleanup_close_ int spare = -1;
    struct shim_stream stream = {.fd = -1};
    struct err own = {0};
    int r = find(e, exec_id, &x, &c, err);

    if (r < 0)
        return r;
    if (!err)
        err = &own;
    (void)tty; /* as Docker, what was created counts */
    {
        LOCK_SCOPE(&c->lock);
        r = check_execable(c, c->conf->id, err);
    }
    if (r < 0 || (r = claim(e, x, err)) < 0)
        return r;
    if (!detach && attach) {
        r = open_stream(attach, x, &stream, err);
        if (r == 0)
            spare = fcntl(stream.fd, F_DUPFD_CLOEXEC, 3);
    }
    if (r == 0)
        r = launch(e, c, x, rows, cols, detach || !attach ? NULL : &stream, err);
    if (stream.fd >= 0)
        (void)close_fd(stream.fd);
    free((void *)stream.preread);
    if (r < 0) {
        mark_ended(e, x, 126);
        drop_id(c, x->id);
        if (spare >= 0) {
            tell_client(spare, !x->tty, err->message);
            return 0;
        }
        /* the exec is there: that its program is not there is the request's fault */
        if (err->kind == ERR_NOT_FOUND || err->kind == ERR_FORBIDDEN)
            err->kind = ERR_INVALID;
    }
    return r;
}

static int exec_shim(struct container *c, struct shim_handle **ret, struct err *err)
{
    LOCK_SCOPE(&c->lock);
    if (!c->state.running || !c->shim) {
        (void)err_set(err, ERR_CONFLICT, "container %s is not running", c->conf->id);
        return -EBUSY;
    }
    *ret = shim_handle_ref(c->shim);
    return 0;
}

int engine_exec_resize(struct engine *e, const char *exec_id, uint16_t rows, uint16_t cols,
                       struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(exec_unrefp)
    struct exec *x = NULL;
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    int r = find(e, exec_id, &x, &c, err);

    if (r < 0 || (r = exec_shim(c, &shim, err)) < 0)
        return r;
    return shim_resize(shim->shim, x->id, rows, cols, err);
}

/* Asks the shim about an exec that is thought to be running. False when it does not answer. */
static bool ask_shim(struct engine *e, struct container *c, struct exec *x)
{
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    struct shim_exec_state state = {0};

    {
        LOCK_SCOPE(&e->execs_lock);
        if (!x->running)
            return true;
    }
    if (exec_shim(c, &shim, NULL) < 0 || shim_exec_state(shim->shim, x->id, &state, NULL) < 0)
        return false;
    if (!state.running)
        mark_ended(e, x, state.exit_code);
    return true;
}

/* A shim that has gone has left its container's end to be noted, which says how the exec ended: a
 * client whose stream has just ended asks for that. */
static void refresh(struct engine *e, struct container *c, struct exec *x)
{
    const struct timespec pause = {.tv_nsec = 5 * NSEC_PER_MSEC};
    int64_t until = monotonic_nsec() + END_PATIENCE_NSEC;

    while (!ask_shim(e, c, x) && monotonic_nsec() < until)
        (void)nanosleep(&pause, NULL);
}

int engine_exec_inspect(struct engine *e, const char *exec_id, json_t **ret, struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(exec_unrefp)
    struct exec *x = NULL;
    json_t *o, *process, *arguments;
    int r = find(e, exec_id, &x, &c, err);

    if (r < 0)
        return r;
    refresh(e, c, x);
    o = json_object();
    process = json_object();
    arguments = json_deep_copy(x->args);
    (void)json_array_remove(arguments, 0);
    LOCK_SCOPE(&e->execs_lock);
    json_set_str(o, "ID", x->id);
    json_set_bool(o, "Running", x->running);
    json_set_take(o, "ExitCode", x->ended ? json_integer(x->exit_code) : json_null());
    json_set_bool(process, "tty", x->tty);
    json_set_take(process, "entrypoint", json_incref(json_array_get(x->args, 0)));
    json_set_take(process, "arguments", arguments);
    json_set_bool(process, "privileged", x->privileged);
    if (!str_empty(x->user))
        json_set_str(process, "user", x->user);
    json_set_take(o, "ProcessConfig", process);
    json_set_bool(o, "OpenStdin", x->use_stdin);
    json_set_bool(o, "OpenStderr", x->use_stderr);
    json_set_bool(o, "OpenStdout", x->use_stdout);
    json_set_bool(o, "CanRemove", false);
    json_set_str(o, "ContainerID", x->container_id);
    json_set_str(o, "DetachKeys", str_empty(x->detach_keys) ? "" : x->detach_keys);
    json_set_i64(o, "Pid", x->pid);
    *ret = o;
    return 0;
}

void engine_exec_free(void *exec)
{
    exec_unref(exec);
}
