/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/namespaces.h"
#include "runtime/process.h"

static const char *const kinds[] = {"prestart",       "createRuntime", "createContainer",
                                    "startContainer", "poststart",     "poststop"};

static json_t *hooks_of(const struct oci_spec *spec, const char *kind)
{
    return spec->hooks ? json_object_get(spec->hooks, kind) : NULL;
}

bool hooks_any(const struct oci_spec *spec, const char *kind)
{
    return json_array_size(hooks_of(spec, kind)) > 0;
}

struct hook {
    const char *path;    /* borrowed */
    char **args, **env;  /* owned */
    int64_t timeout_sec; /* 0: none */
};

static void hook_done(struct hook *h)
{
    strv_free(h->args);
    strv_free(h->env);
}

static int hook_parse(const json_t *o, const char *kind, struct hook *ret, struct err *err)
{
    struct hook h = {0};
    int r;

    if (!json_is_object(o))
        return err_set(err, ERR_INVALID, "hooks.%s must hold objects", kind);
    if ((r = json_get_str(o, kind, "path", &h.path, err)) < 0 ||
        (r = json_get_strv(o, kind, "args", &h.args, err)) < 0 ||
        (r = json_get_strv(o, kind, "env", &h.env, err)) < 0 ||
        (r = json_get_i64(o, kind, "timeout", &h.timeout_sec, err)) < 0) {
        hook_done(&h);
        return r;
    }
    if (!h.path || h.path[0] != '/' || h.timeout_sec < 0) {
        hook_done(&h);
        return err_set(err, ERR_INVALID,
                       "hooks.%s: a hook needs an absolute path and a positive timeout", kind);
    }
    if (!h.args)
        strv_push(&h.args, h.path);
    *ret = h;
    return 0;
}

int hooks_check(const struct oci_spec *spec, struct err *err)
{
    for (size_t k = 0; spec->hooks && k < ARRAY_SIZE(kinds); k++) {
        const json_t *list = hooks_of(spec, kinds[k]);
        if (list && !json_is_null(list) && !json_is_array(list))
            return err_set(err, ERR_INVALID, "field \"hooks.%s\" must be an array", kinds[k]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            struct hook h;
            int r = hook_parse(json_array_get(list, i), kinds[k], &h, err);
            if (r < 0)
                return r;
            hook_done(&h);
        }
    }
    return 0;
}

json_t *hooks_state_json(const struct oci_spec *spec, const struct hook_state *state)
{
    json_t *o = json_object();

    json_set_str(o, "ociVersion", spec->version);
    json_set_str(o, "id", state->id);
    json_set_str(o, "status", state->status);
    if (state->pid > 0)
        json_set_i64(o, "pid", state->pid);
    json_set_str(o, "bundle", state->bundle ? state->bundle : "");
    if (spec->annotations)
        json_set_take(o, "annotations", json_incref(spec->annotations));
    return o;
}

static _noreturn_ void hook_child(const struct hook *h, int stdin_fd, const char *bundle)
{
    char *const no_env[] = {NULL};
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t none;

    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)sigaction(SIGPIPE, &dfl, NULL);
    if (dup2(stdin_fd, 0) < 0 || process_close_fds(3, -1) < 0)
        _exit(126);
    if (!str_empty(bundle) && chdir(bundle) < 0)
        _exit(126);
    execve(h->path, h->args, h->env ? h->env : no_env);
    _exit(127);
}

/* Waits for the hook; over its time it is killed. *ret_status as waitpid() gives it. */
static int hook_wait(pid_t pid, int pidfd, int64_t timeout_sec, int *ret_status)
{
    bool late = false;

    if (timeout_sec > 0 && pidfd >= 0) {
        int64_t end = monotonic_nsec() + timeout_sec * NSEC_PER_SEC;
        for (;;) {
            struct pollfd p = {.fd = pidfd, .events = POLLIN};
            int64_t left = (end - monotonic_nsec()) / NSEC_PER_MSEC;
            int n = left <= 0 ? 0 : poll(&p, 1, (int)MIN(left, INT64_C(1000000)));
            if (n > 0)
                break;
            if (n < 0 && errno == EINTR)
                continue;
            if (monotonic_nsec() >= end || n < 0) {
                late = true;
                (void)kill(pid, SIGKILL);
                break;
            }
        }
    }
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return late ? -ETIMEDOUT : 0;
}

static int hook_run(const struct hook *h, const char *state, const char *bundle, const char *kind,
                    struct err *err)
{
    bool unused;
    int status = 0, pidfd = -1;
    /* The state lies in a file, so that a hook that does not read it blocks nobody. */
    _cleanup_close_ int in = memfd_sealed("state", state, strlen(state));

    if (in < 0)
        return err_errno(err, in, "hook %s", h->path);
    pid_t pid = clone_raw(0, -1, &unused, &pidfd);
    if (pid == 0)
        hook_child(h, in, bundle);
    if (pid < 0)
        return err_errno(err, (int)pid, "hook %s", h->path);
    int r = hook_wait(pid, pidfd, h->timeout_sec, &status);
    close_fd(pidfd);
    if (r == -ETIMEDOUT)
        return err_set(err, ERR_INTERNAL, "error running %s hook %s: timed out after %lld s", kind,
                       h->path, (long long)h->timeout_sec);
    if (r < 0)
        return err_errno(err, r, "hook %s", h->path);
    if (WIFSIGNALED(status))
        return err_set(err, ERR_INTERNAL, "error running %s hook %s: signal: %d", kind, h->path,
                       WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return err_set(err, ERR_INTERNAL, "error running %s hook %s: exit status %d", kind, h->path,
                       WEXITSTATUS(status));
    return 0;
}

int hooks_run(const struct oci_spec *spec, const char *kind, const struct hook_state *state,
              struct err *err)
{
    const json_t *list = hooks_of(spec, kind);
    /* The bundle is not to be found in the container's root. */
    bool in_container = str_eq(kind, "startContainer"), at_end = str_eq(kind, "poststop");
    int r = 0;

    if (json_array_size(list) == 0)
        return 0;
    json_t *o = hooks_state_json(spec, state);
    _cleanup_free_ char *text = json_print(o);
    json_decref(o);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct hook h;
        if ((r = hook_parse(json_array_get(list, i), kind, &h, err)) < 0)
            break;
        r = hook_run(&h, text, in_container ? NULL : state->bundle, kind, err);
        hook_done(&h);
        if (r == 0)
            continue;
        if (!at_end)
            break;
        /* The container is gone: the others run all the same. */
        log_warn("%s", err ? err->message : "a poststop hook failed");
        err_clear(err);
        r = 0;
    }
    return r;
}
