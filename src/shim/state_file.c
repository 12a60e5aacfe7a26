/* SPDX-License-Identifier: GPL-2.0-or-later */

/* shim.json and exit.json: what the daemon finds when it comes back. Both live in run-time
 * storage, so they are not synced. */

#include <string.h>
#include <unistd.h>

#include "base/fdutil.h"
#include "shim/server.h"

static int write_json(int dir_fd, const char *name, const json_t *j)
{
    _cleanup_free_ char *text = json_print(j);

    return replace_file_at(dir_fd, name, text, strlen(text), 0600, false);
}

int state_file_write(const struct server *s)
{
    _cleanup_json_ json_t *j = json_object();

    json_set_i64(j, "version", SHIM_PROTOCOL_VERSION);
    json_set_str(j, "id", s->id);
    json_set_i64(j, "pid", getpid());
    json_set_i64(j, "initPid", s->state.pid);
    json_set_time(j, "startedAt", s->state.started_nsec);
    return write_json(s->dir_fd, SHIM_STATE_FILE, j);
}

int exit_file_write(const struct server *s)
{
    _cleanup_json_ json_t *j = json_object();

    json_set_i64(j, "exitCode", s->state.exit_code);
    json_set_time(j, "exitedAt", s->state.exited_nsec);
    json_set_bool(j, "oomKilled", s->state.oom_killed);
    json_set_i64(j, "pid", s->state.pid);
    json_set_time(j, "startedAt", s->state.started_nsec);
    json_set_str(j, "error", s->error ? s->error : "");
    return write_json(s->dir_fd, SHIM_EXIT_FILE, j);
}
