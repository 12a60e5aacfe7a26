/* SPDX-License-Identifier: GPL-2.0-or-later */
/* exec: another process in a running container. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "runtime/cli/cli.h"

struct exec_options {
    const char *process, *user, *cwd, *pid_file, *console_socket, *apparmor, *label, *preserve_fds;
    char **env, **caps, **groups; /* owned */
    bool tty, detach, no_new_privs, ignore_paused;
};

static int parse_user(const char *text, struct oci_user *user, struct err *err)
{
    _cleanup_strv_ char **parts = str_split(text, ':');
    uint32_t uid, gid = user->gid;

    if (strv_len(parts) > 2 || parse_u32(parts[0], &uid) < 0 || uid == UINT32_MAX ||
        (parts[1] && (parse_u32(parts[1], &gid) < 0 || gid == UINT32_MAX)))
        return err_set(err, ERR_INVALID, "invalid --user \"%s\": <uid>[:<gid>] is wanted", text);
    user->uid = uid;
    user->gid = gid;
    return 0;
}

static int process_from_file(const char *path, struct oci_process *ret, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = read_file_at(AT_FDCWD, path, LIMIT_OCI_CONFIG_BYTES, &text, &len);

    if (r < 0)
        return err_errno(err, r, "read %s", path);
    return oci_process_parse_text(text, len, ret, err);
}

static int add_caps(const struct exec_options *o, struct oci_capabilities *caps, struct err *err)
{
    for (size_t i = 0; o->caps && o->caps[i]; i++) {
        int cap = oci_capability_parse(o->caps[i]);
        if (cap < 0)
            return err_set(err, ERR_INVALID, "unknown capability \"%s\"", o->caps[i]);
        uint64_t bit = UINT64_C(1) << cap;
        caps->bounding |= bit;
        caps->effective |= bit;
        caps->permitted |= bit;
    }
    return 0;
}

static int add_groups(const struct exec_options *o, struct oci_user *user, struct err *err)
{
    size_t n = strv_len(o->groups);

    if (n == 0)
        return 0;
    user->additional_gids = xrealloc_array(user->additional_gids, user->n_additional_gids + n,
                                           sizeof(*user->additional_gids));
    for (size_t i = 0; i < n; i++)
        if (parse_u32(o->groups[i], &user->additional_gids[user->n_additional_gids++]) < 0)
            return err_set(err, ERR_INVALID, "invalid --additional-gids \"%s\"", o->groups[i]);
    return 0;
}

/* The container's own process, changed by the options. */
static int process_from_options(const struct state *s, const struct exec_options *o, char **args,
                                struct oci_process *ret, struct err *err)
{
    const json_t *own = json_object_get(s->spec->raw, "process");
    struct oci_process p;
    int r = oci_process_parse(own, &p, err);

    if (r < 0)
        return r;
    strv_free(p.args);
    p.args = strv_copy(args);
    p.terminal = o->tty;
    p.n_rlimits = 0;
    for (size_t i = 0; o->env && o->env[i]; i++)
        strv_push(&p.env, o->env[i]);
    if (o->cwd) {
        free(p.cwd);
        p.cwd = xstrdup(o->cwd);
    }
    if (o->apparmor) {
        free(p.apparmor_profile);
        p.apparmor_profile = xstrdup(o->apparmor);
    }
    if (o->label) {
        free(p.selinux_label);
        p.selinux_label = xstrdup(o->label);
    }
    p.no_new_privileges |= o->no_new_privs;
    if ((o->user && (r = parse_user(o->user, &p.user, err)) < 0) ||
        (r = add_caps(o, &p.caps, err)) < 0 || (r = add_groups(o, &p.user, err)) < 0) {
        oci_process_done(&p);
        return r;
    }
    *ret = p;
    return 0;
}

static int parse(int argc, char **argv, struct exec_options *o, struct err *err)
{
    const struct cli_option options[] = {
        {"process", 'p', "path", "process.json to run", .value = &o->process},
        {"user", 'u', "uid[:gid]", "user", .value = &o->user},
        {"cwd", 0, "path", "working directory", .value = &o->cwd},
        {"env", 'e', "k=v", "environment variable", .list = &o->env},
        {"tty", 't', NULL, "allocate a terminal", .flag = &o->tty},
        {"cap", 'c', "name", "add a capability", .list = &o->caps},
        {"additional-gids", 'g', "gid", "additional group", .list = &o->groups},
        {"detach", 'd', NULL, "do not wait", .flag = &o->detach},
        {"pid-file", 0, "path", "file to write the process id to", .value = &o->pid_file},
        {"console-socket", 0, "path", "where to send the terminal", .value = &o->console_socket},
        {"no-new-privs", 0, NULL, "set no_new_privs", .flag = &o->no_new_privs},
        {"apparmor", 0, "profile", "AppArmor profile", .value = &o->apparmor},
        {"process-label", 0, "label", "SELinux label", .value = &o->label},
        {"ignore-paused", 0, NULL, "do not refuse a paused container", .flag = &o->ignore_paused},
        {0},
    };

    return cli_parse(options, argc, argv, 1, err);
}

static int run(struct cli *cli, struct state *s, const struct exec_options *o,
               const struct oci_process *p, struct err *err)
{
    static const int stdio[3] = {0, 1, 2};
    _cleanup_close_ int master = -1, filter = -1;
    pid_t pid;
    int r;

    if (o->detach && p->terminal && !o->console_socket)
        return err_set(err, ERR_INVALID,
                       "cannot allocate tty if runtime will detach without setting console socket");
    if (!o->detach && (r = relay_hold_signals(err)) < 0)
        return r;
    if ((r = filter_get(cli, s->spec, &filter, err)) < 0)
        return r;
    if (filter >= 0)
        runtime_use_seccomp(s->c, filter);
    if ((r = runtime_exec(s->c, p, stdio, &pid, &master, err)) < 0) {
        err_wrap(err, "unable to start container process");
        return r;
    }
    if (o->console_socket && master >= 0) {
        if ((r = relay_send_console(o->console_socket, master, err)) < 0)
            return r;
        master = close_fd(master);
    }
    if (o->pid_file && (r = relay_pid_file(o->pid_file, pid, err)) < 0)
        return r;
    return o->detach ? 0 : relay_wait(pid, master, err);
}

static int exec_in(struct cli *cli, int argc, char **argv, struct exec_options *o, struct err *err)
{
    struct oci_process p = {0};
    struct state s;
    int i = parse(argc, argv, o, err), r;

    if (i < 0)
        return i;
    if (i >= argc)
        return err_set(err, ERR_INVALID, "\"exec\" requires a minimum of 1 argument(s)");
    if (!o->process && argc - i < 2)
        return err_set(err, ERR_INVALID, "process args cannot be empty");
    if ((r = state_load(cli, argv[i], &s, err)) < 0)
        return r;
    if (str_eq(state_status(&s), "stopped"))
        r = err_set(err, ERR_CONFLICT, "cannot exec in a stopped container");
    else if (o->process)
        r = process_from_file(o->process, &p, err);
    else
        r = process_from_options(&s, o, argv + i + 1, &p, err);
    if (r == 0) {
        p.terminal |= o->tty;
        r = run(cli, &s, o, &p, err);
    }
    oci_process_done(&p);
    state_done(&s);
    return r;
}

int cmd_exec(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct exec_options o = {0};
    int r = exec_in(cli, argc, argv, &o, err);

    strv_free(o.env);
    strv_free(o.caps);
    strv_free(o.groups);
    if (r < 0)
        err_wrap(err, "exec failed");
    return r;
}
