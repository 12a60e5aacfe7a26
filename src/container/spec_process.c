/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/hashmap.h"
#include "base/path.h"
#include "base/str.h"
#include "container/caps.h"
#include "container/spec.h"
#include "container/user.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define INIT_PATH    "/sbin/docker-init"

/* An environment that is put together. An image can bring any number of variables, so they are
 * found by name; one that was removed leaves a null until the end. */
struct env {
    json_t *list;           /* owned */
    struct hashmap *places; /* owned; name -> index + 1 */
};

/* Sets a variable; a name without '=' removes it, as Docker does. */
static void env_put(struct env *env, const char *assignment)
{
    size_t len = strcspn(assignment, "=");
    _cleanup_free_ char *name = xstrndup(assignment, len);
    uintptr_t place = (uintptr_t)hashmap_get(env->places, name);

    if (place > 0)
        (void)json_array_set_new(env->list, place - 1,
                                 assignment[len] ? json_str_new(assignment) : json_null());
    else if (assignment[len])
        (void)json_array_append_new(env->list, json_str_new(assignment));
    if (!assignment[len])
        hashmap_remove(env->places, name);
    else if (place == 0)
        hashmap_put(env->places, name, (void *)(uintptr_t)json_array_size(env->list));
}

static void env_put_all(struct env *env, const json_t *list)
{
    json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
        env_put(env, json_string_value(v));
}

/* What has been put, and takes apart the rest; new reference. */
static json_t *env_finish(struct env *env)
{
    json_t *list = json_array(), *v;
    size_t i;

    json_array_foreach(env->list, i, v)
        if (json_is_string(v))
            (void)json_array_append(list, v);
    json_decref(env->list);
    hashmap_free(env->places);
    return list;
}

static json_t *make_env(const struct container_spec_params *p, const json_t *extra, bool tty,
                        const char *home)
{
    const char *hostname = json_str_or(p->config, "Hostname", "");
    struct env env = {.list = json_array(), .places = hashmap_new(NULL)};

    env_put(&env, DEFAULT_PATH);
    if (!str_empty(hostname)) {
        const char *domain = json_str_or(p->config, "Domainname", "");
        _cleanup_free_ char *text = str_empty(domain)
                                        ? xasprintf("HOSTNAME=%s", hostname)
                                        : xasprintf("HOSTNAME=%s.%s", hostname, domain);

        env_put(&env, text);
    }
    if (tty)
        env_put(&env, "TERM=xterm");
    env_put_all(&env, json_object_get(p->config, "Env"));
    env_put_all(&env, extra);
    if (!hashmap_get(env.places, "HOME")) {
        _cleanup_free_ char *text = xasprintf("HOME=%s", home);

        env_put(&env, text);
    }
    return env_finish(&env);
}

static json_t *make_user(const struct container_user *user)
{
    json_t *o = json_pack("{s:I,s:I}", "uid", (json_int_t)user->uid, "gid", (json_int_t)user->gid);
    json_t *groups = json_array();

    for (size_t i = 0; i < user->n_groups; i++)
        (void)json_array_append_new(groups, json_integer((json_int_t)user->groups[i]));
    json_set_take(o, "additionalGids", groups);
    return o;
}

static json_t *make_caps(uint64_t mask, bool root)
{
    json_t *o = json_object();

    json_set_take(o, "bounding", container_caps_names(mask));
    /* a user other than root has none of its own; execve() of a set-uid program gives them back */
    json_set_take(o, "effective", container_caps_names(root ? mask : 0));
    json_set_take(o, "permitted", container_caps_names(root ? mask : 0));
    return o;
}

int container_spec_caps(const struct container_spec_params *p, uint64_t *ret, struct err *err)
{
    uint64_t mask = 0;
    int r = container_caps(p->host, &mask, err);

    if (r == 0)
        *ret = mask & p->bounding_caps;
    return r;
}

static bool no_new_privileges(const struct container_spec_params *p)
{
    bool on = p->no_new_privileges && !json_bool_or(p->host, "Privileged", false);
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(p->host, "SecurityOpt"), i, v) {
        const char *s = json_string_value(v), *value = str_after(s, "no-new-privileges");

        if (!value)
            continue;
        if (!*value)
            on = true;
        else
            (void)parse_bool(value + 1, &on);
    }
    return on;
}

static json_t *make_rlimits(const json_t *host)
{
    json_t *list = json_array(), *v;
    size_t i;

    json_array_foreach(json_object_get(host, "Ulimits"), i, v) {
        _cleanup_free_ char *type = xasprintf("RLIMIT_%s", json_str_or(v, "Name", ""));
        int64_t soft = json_i64_or(v, "Soft", 0), hard = json_i64_or(v, "Hard", 0);

        for (char *c = type; *c; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
        /* -1 is unlimited: 2^64-1, which JSON integers here cannot carry */
        (void)json_array_append_new(list, json_pack("{s:s,s:I,s:I}", "type", type, "hard",
                                                    (json_int_t)(hard < 0 ? -1 : hard), "soft",
                                                    (json_int_t)(soft < 0 ? -1 : soft)));
    }
    return list;
}

/* The directory a process starts in; made when the root does not have it. */
static int ensure_cwd(int rootfs_fd, const char *cwd, struct err *err)
{
    _cleanup_close_ int fd = open_in_root(rootfs_fd, cwd, O_PATH | O_DIRECTORY, 0);

    if (fd >= 0)
        return 0;
    if (fd == -ENOTDIR)
        return err_set(err, ERR_INVALID, "Cannot mkdir: %s is not a directory", cwd);
    fd = mkdir_p_in_root(rootfs_fd, cwd, 0755);
    if (fd < 0)
        return err_errno(err, fd, "failed to create the working directory %s", cwd);
    return 0;
}

static json_t *make_args(const struct container_spec_params *p)
{
    json_t *args = json_array();

    (void)json_array_extend(args, json_object_get(p->config, "Entrypoint"));
    (void)json_array_extend(args, json_object_get(p->config, "Cmd"));
    if (json_bool_or(p->host, "Init", false) && p->init_path &&
        !str_eq(json_str_or(p->host, "PidMode", ""), "host")) {
        json_t *with = json_pack("[s,s]", INIT_PATH, "--");

        (void)json_array_extend(with, args);
        json_decref(args);
        args = with;
    }
    return args;
}

static void set_console_size(json_t *process, int64_t rows, int64_t cols)
{
    if (rows > 0 && rows <= UINT16_MAX && cols > 0 && cols <= UINT16_MAX)
        json_set_take(
            process, "consoleSize",
            json_pack("{s:I,s:I}", "height", (json_int_t)rows, "width", (json_int_t)cols));
}

/* A daemon that is kept from the OOM killer must not pass that on. */
static bool is_oom_protected(void)
{
    _cleanup_free_ char *text = NULL;

    return read_file_at(AT_FDCWD, "/proc/self/oom_score_adj", 32, &text, NULL) == 0 &&
           text[0] == '-';
}

/* What the container's first process and its exec'd ones share. */
static int make_process(const struct container_spec_params *p, const char *user_text,
                        const char *cwd, json_t *args, json_t *extra_env, bool tty, uint64_t caps,
                        json_t **ret, struct err *err)
{
    _cleanup_free_ struct container_user *user = XNEW(struct container_user);
    _cleanup_json_ json_t *process = json_object(), *own_args = args;
    int64_t oom = json_i64_or(p->host, "OomScoreAdj", 0);
    json_t *rlimits;
    int r;

    r = container_user_resolve(p->rootfs_fd, user_text, json_object_get(p->host, "GroupAdd"), user,
                               err);
    if (r < 0)
        return r;
    if (str_empty(cwd))
        cwd = "/";
    json_set_bool(process, "terminal", tty);
    json_set_take(process, "user", make_user(user));
    json_set_take(process, "args", TAKE_PTR(own_args));
    json_set_take(process, "env", make_env(p, extra_env, tty, user->home));
    json_set_str(process, "cwd", cwd);
    json_set_take(process, "capabilities", make_caps(caps, user->uid == 0));
    json_set_bool(process, "noNewPrivileges", no_new_privileges(p));
    if (oom != 0 || is_oom_protected())
        json_set_i64(process, "oomScoreAdj", oom);
    rlimits = make_rlimits(p->host);
    if (json_array_size(rlimits) > 0)
        json_set_take(process, "rlimits", rlimits);
    else
        json_decref(rlimits);
    *ret = TAKE_PTR(process);
    return 0;
}

int container_spec_process(const struct container_spec_params *p, json_t **ret, struct err *err)
{
    const json_t *size = json_object_get(p->host, "ConsoleSize");
    const char *cwd = json_str_or(p->config, "WorkingDir", "");
    json_t *process = NULL;
    uint64_t caps = 0;
    int r;

    if ((r = container_spec_caps(p, &caps, err)) < 0 ||
        (!str_empty(cwd) && (r = ensure_cwd(p->rootfs_fd, cwd, err)) < 0))
        return r;
    r = make_process(p, json_str_or(p->config, "User", ""), cwd, make_args(p), NULL,
                     json_bool_or(p->config, "Tty", false), caps, &process, err);
    if (r < 0)
        return r;
    if (json_bool_or(p->config, "Tty", false))
        set_console_size(process, json_integer_value(json_array_get(size, 0)),
                         json_integer_value(json_array_get(size, 1)));
    *ret = process;
    return 0;
}

int container_spec_exec(const struct container_spec_params *p,
                        const struct container_exec_process *exec, json_t **ret, struct err *err)
{
    const char *user = str_empty(exec->user) ? json_str_or(p->config, "User", "") : exec->user;
    const char *cwd = str_empty(exec->cwd) ? json_str_or(p->config, "WorkingDir", "") : exec->cwd;
    json_t *process = NULL;
    uint64_t caps = 0;
    int r;

    if ((r = container_spec_caps(p, &caps, err)) < 0)
        return r;
    if (exec->privileged)
        caps = p->bounding_caps;
    r = make_process(p, user, cwd, json_incref(exec->args), exec->env, exec->tty, caps, &process,
                     err);
    if (r < 0)
        return r;
    if (exec->tty)
        set_console_size(process, exec->rows, exec->cols);
    *ret = process;
    return 0;
}
