/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes of a container, as the host's ps shows them. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "engine/internal.h"

#define PS_MAX (4 * MIB)

/* Paths of cgroup.procs of the process's cgroups: the first that exists is read. */
static char *procs_path(pid_t pid)
{
    _cleanup_free_ char *text = NULL, *proc = xasprintf("/proc/%d/cgroup", pid);
    _cleanup_strv_ char **lines = NULL;

    if (read_file_at(AT_FDCWD, proc, 64 * KIB, &text, NULL) < 0)
        return NULL;
    lines = str_split(text, '\n');
    for (size_t i = 0; lines[i]; i++) {
        char *names = strchr(lines[i], ':'), *path = names ? strchr(names + 1, ':') : NULL;
        _cleanup_free_ char *full = NULL;

        if (!path || str_eq(path + 1, "/"))
            continue;
        *names++ = '\0';
        *path++ = '\0';
        full = str_empty(names) ? xasprintf("/sys/fs/cgroup%s/cgroup.procs", path)
                                : xasprintf("/sys/fs/cgroup/%s%s/cgroup.procs", names, path);
        if (access(full, R_OK) == 0)
            return TAKE_PTR(full);
    }
    return NULL;
}

static char **read_pids(pid_t pid)
{
    _cleanup_free_ char *path = procs_path(pid), *text = NULL;
    char **pids = NULL;

    if (path && read_file_at(AT_FDCWD, path, PS_MAX, &text, NULL) == 0) {
        _cleanup_strv_ char **lines = str_split(text, '\n');

        for (size_t i = 0; lines[i]; i++)
            if (*lines[i])
                strv_push(&pids, lines[i]);
    }
    if (!pids) {
        char own[16];

        (void)snprintf(own, sizeof(own), "%d", pid);
        strv_push(&pids, own);
    }
    return pids;
}

static int run_ps(char *const *argv, char **ret, struct err *err)
{
    posix_spawn_file_actions_t actions;
    int fds[2], r, status = 0;
    pid_t pid = 0;
    char *text = NULL;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(err, errno, "pipe");
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    (void)posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
    r = posix_spawnp(&pid, "ps", &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close_fd(fds[1]);
    if (r != 0) {
        (void)close_fd(fds[0]);
        return err_errno(err, r, "run ps");
    }
    r = read_fd(fds[0], PS_MAX, &text, NULL);
    (void)close_fd(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (r < 0)
        return err_errno(err, r, "read from ps");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        text[strcspn(text, "\n")] = '\0';
        (void)err_set(err, ERR_INTERNAL, "ps: %.500s", text);
        free(text);
        return -EIO;
    }
    *ret = text;
    return 0;
}

/* The fields of one line; all behind the last title's column belong to it. */
static json_t *split_fields(const char *line, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        size_t len;

        line += strspn(line, " \t");
        len = i + 1 == n ? strlen(line) : strcspn(line, " \t");
        if (len == 0)
            break;
        (void)json_array_append_new(list, json_str_newn(line, len));
        line += len;
    }
    return list;
}

static int parse_ps(const char *text, char *const *pids, json_t **ret, struct err *err)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    json_t *titles = split_fields(lines[0], SIZE_MAX), *processes = json_array(), *v;
    size_t i, pid_column = SIZE_MAX;

    json_array_foreach(titles, i, v)
        if (str_eq(json_string_value(v), "PID"))
            pid_column = i;
    if (pid_column == SIZE_MAX) {
        json_decref(titles);
        json_decref(processes);
        return err_set(err, ERR_INTERNAL, "Couldn't find PID field in ps output");
    }
    for (i = 1; lines[i]; i++) {
        json_t *fields = split_fields(lines[i], json_array_size(titles));

        if (strv_contains(pids, json_string_value(json_array_get(fields, pid_column)) ?: ""))
            (void)json_array_append_new(processes, fields);
        else
            json_decref(fields);
    }
    *ret = json_pack("{s:o,s:o}", "Titles", titles, "Processes", processes);
    return 0;
}

int engine_container_top(struct engine *e, const char *ref, const char *ps_args, json_t **ret,
                         struct err *err)
{
    _cleanup_(container_view_unrefp)
    struct container_view *v = NULL;
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_strv_ char **argv = NULL, **words = NULL, **pids = NULL;
    _cleanup_free_ char *text = NULL;
    int r = engine_lookup_view(e, ref, &v, err);

    if (r < 0)
        return r;
    if (!v->state.running || v->state.pid <= 0)
        return err_set(err, ERR_CONFLICT, "container %s is not running", v->conf->id);
    if (v->state.restarting)
        return err_set(err, ERR_CONFLICT,
                       "Container %s is restarting, wait until the container is running",
                       v->conf->id);
    words = str_split(str_empty(ps_args) ? "-ef" : ps_args, ' ');
    strv_push(&argv, "ps");
    for (size_t i = 0; words[i]; i++)
        if (*words[i])
            strv_push(&argv, words[i]);
    pids = read_pids(v->state.pid);
    r = run_ps(argv, &text, err);
    if (r < 0 || (r = parse_ps(text, pids, ret, err)) < 0)
        return r;
    if (engine_lookup(e, v->conf->id, &c, NULL) == 0)
        engine_container_event(e, c, "top", NULL);
    return 0;
}
