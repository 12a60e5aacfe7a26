/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Events and exit files, as the daemon reads them. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "shim/client_internal.h"

#define EXIT_FILE_MAX ((size_t)65536)

static const struct {
    const char *type;
    enum shim_event_kind kind;
} kinds[] = {{"state", SHIM_EVENT_STATE},
             {"started", SHIM_EVENT_STARTED},
             {"exited", SHIM_EVENT_EXITED},
             {"oom", SHIM_EVENT_OOM},
             {"exec-started", SHIM_EVENT_EXEC_STARTED},
             {"exec-exited", SHIM_EVENT_EXEC_EXITED},
             {"detached", SHIM_EVENT_DETACHED}};

void shim_state_read(const json_t *o, struct shim_state *ret)
{
    *ret = (struct shim_state){.started = json_bool_or(o, "started", false),
                               .exited = json_bool_or(o, "exited", false),
                               .pid = (pid_t)json_i64_or(o, "pid", 0),
                               .exit_code = (int)json_i64_or(o, "exitCode", 0),
                               .oom_killed = json_bool_or(o, "oomKilled", false),
                               .paused = json_bool_or(o, "paused", false),
                               .started_nsec = json_i64_or(o, "startedNsec", 0),
                               .exited_nsec = json_i64_or(o, "exitedNsec", 0)};
}

int shim_event_parse(const json_t *body, const char *type, struct shim_event *ret)
{
    struct shim_event ev = {};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (str_eq(kinds[i].type, type))
            ev.kind = kinds[i].kind;
    if (!ev.kind)
        return -EAGAIN;
    (void)snprintf(ev.exec_id, sizeof(ev.exec_id), "%s", json_str_or(body, "execId", ""));
    ev.pid = (pid_t)json_i64_or(body, "pid", 0);
    ev.exit_code = (int)json_i64_or(body, "exitCode", 0);
    ev.time_nsec = json_i64_or(body, "time", 0);
    ev.replayed = json_bool_or(body, "replayed", false);
    if (ev.kind == SHIM_EVENT_STATE || ev.kind == SHIM_EVENT_EXITED)
        shim_state_read(body, &ev.state);
    *ret = ev;
    return 0;
}

int shim_read_event(int fd, struct shim_event *ret, struct err *err)
{
    for (;;) {
        struct shim_msg m = {};
        int r = shim_msg_recv(fd, &m, err);
        if (r == -ECONNRESET)
            return 0;
        if (r <= 0)
            return r;
        if (str_eq(m.type, "error")) {
            r = shim_msg_error(&m, err);
            shim_msg_done(&m);
            return r;
        }
        r = shim_event_parse(m.body, m.type, ret);
        shim_msg_done(&m);
        if (r == 0)
            return 1; /* others come from a newer shim: skipped */
    }
}

static int64_t time_member(const json_t *o, const char *key)
{
    const char *text = json_str_or(o, key, "");
    int64_t nsec = 0;

    if (str_starts(text, "0001-") || time_parse_rfc3339(text, &nsec) < 0)
        return 0;
    return nsec;
}

int shim_read_exit(const char *dir, struct shim_state *ret, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/" SHIM_EXIT_FILE, dir);
    _cleanup_free_ char *text = NULL;
    size_t len;
    int r = read_file_at(AT_FDCWD, path, EXIT_FILE_MAX, &text, &len);

    if (r == -ENOENT || r == -ENOTDIR)
        return err_set(err, ERR_NOT_FOUND, "no exit status in %s", dir);
    if (r < 0)
        return err_errno(err, r, "read %s", path);
    _cleanup_json_ json_t *j = json_parse(text, len, path, err);
    if (!j)
        return -EINVAL;
    if (!json_is_object(j) || !json_is_integer(json_object_get(j, "exitCode")))
        return err_set(err, ERR_INVALID, "%s holds no exit status", path);
    *ret = (struct shim_state){.exited = true,
                               .exit_code = (int)json_i64_or(j, "exitCode", 0),
                               .oom_killed = json_bool_or(j, "oomKilled", false),
                               .pid = (pid_t)json_i64_or(j, "pid", 0),
                               .started_nsec = time_member(j, "startedAt"),
                               .exited_nsec = time_member(j, "exitedAt")};
    ret->started = ret->started_nsec != 0;
    return 0;
}
