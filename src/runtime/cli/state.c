/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/cli/cli.h"

#define STATE_MAX (LIMIT_OCI_CONFIG_BYTES + 64 * KIB)

bool state_id_valid(const char *id)
{
    size_t n = strlen(id);

    return n > 0 && n <= 1024 && id[0] != '.' && path_component_valid(id) &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.") == n;
}

static int invalid_id(struct err *err)
{
    return err_set(err, ERR_INVALID, "container id format is invalid");
}

int state_dir_new(const struct cli *cli, const char *id, struct err *err)
{
    if (!state_id_valid(id))
        return invalid_id(err);
    _cleanup_free_ char *path = xasprintf("%s/%s", cli->root, id);
    if (mkdir(path, 0711) < 0) {
        if (errno == ENOENT && mkdir_p(cli->root, 0700) == 0 && mkdir(path, 0711) == 0)
            errno = 0;
        else if (errno == EEXIST)
            return err_set(err, ERR_CONFLICT, "container with given ID already exists");
        else
            return err_errno(err, errno, "create %s", path);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_errno(err, errno, "open %s", path) : fd;
}

int state_save(int dir_fd, const char *id, const char *bundle, const struct oci_spec *spec,
               pid_t pid, struct err *err)
{
    _cleanup_json_ json_t *o = json_object();
    uint64_t start_time = 0;
    int r = runtime_start_time(pid, &start_time);

    if (r < 0)
        return err_errno(err, r, "start time of process %d", (int)pid);
    json_set_str(o, "id", id);
    json_set_str(o, "bundle", bundle);
    json_set_i64(o, "pid", pid);
    json_set_i64(o, "startTime", (int64_t)start_time);
    json_set_i64(o, "created", now_nsec());
    json_set_take(o, "config", json_incref(spec->raw));
    _cleanup_free_ char *text = json_print(o);
    if ((r = replace_file_at(dir_fd, "state.json", text, strlen(text), 0600, false)) < 0)
        return err_errno(err, r, "save state.json");
    return 0;
}

static int load(struct state *s, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = read_file_at(s->dir_fd, "state.json", STATE_MAX, &text, &len);

    if (r == -ENOENT)
        return err_set(err, ERR_NOT_FOUND, "container does not exist");
    if (r < 0)
        return err_errno(err, r, "read state.json of container %s", s->id);
    _cleanup_json_ json_t *o = json_parse(text, len, "state.json", err);
    if (!o)
        return -EINVAL;
    s->bundle = xstrdup(json_str_or(o, "bundle", ""));
    s->pid = (pid_t)json_i64_or(o, "pid", 0);
    s->start_time = (uint64_t)json_i64_or(o, "startTime", 0);
    s->created_nsec = json_i64_or(o, "created", 0);
    if ((r = oci_spec_from_json(json_object_get(o, "config"), &s->spec, err)) < 0)
        return r;
    assert(s->spec);
    const char *root = s->spec->root_path ? s->spec->root_path : "";
    s->rootfs = root[0] == '/' ? xstrdup(root) : xasprintf("%s/%s", s->bundle, root);
    return runtime_open(s->id, s->spec, s->bundle, s->pid, s->start_time, &s->c, err);
}

int state_load(const struct cli *cli, const char *id, struct state *ret, struct err *err)
{
    struct state s = {.dir_fd = -1};

    if (!state_id_valid(id))
        return invalid_id(err);
    _cleanup_free_ char *path = xasprintf("%s/%s", cli->root, id);
    s.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s.dir_fd < 0) {
        if (errno == ENOENT)
            return err_set(err, ERR_NOT_FOUND, "container does not exist");
        return err_errno(err, errno, "open %s", path);
    }
    s.id = xstrdup(id);
    int r = load(&s, err);
    if (r < 0) {
        state_done(&s);
        return r;
    }
    *ret = s;
    return 0;
}

void state_done(struct state *s)
{
    runtime_container_free(s->c);
    oci_spec_free(s->spec);
    free(s->id);
    free(s->bundle);
    free(s->rootfs);
    if (s->dir_fd >= 0)
        close_fd(s->dir_fd);
    *s = (struct state){.dir_fd = -1};
}

/* A zombie has ended; only its parent has not looked yet. */
static bool is_zombie(pid_t pid)
{
    char path[64];
    _cleanup_free_ char *text = NULL;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (read_file_at(AT_FDCWD, path, 4096, &text, NULL) < 0)
        return true;
    const char *p = strrchr(text, ')');
    return !p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X';
}

const char *state_status(struct state *s)
{
    pid_t pid = runtime_pid(s->c);

    if (pid <= 0 || is_zombie(pid))
        return "stopped";
    if (faccessat(s->dir_fd, "start.sock", F_OK, 0) == 0)
        return "created";
    return runtime_paused(s->c) ? "paused" : "running";
}

json_t *state_json(struct state *s)
{
    json_t *o = json_object();
    const char *status = state_status(s);

    json_set_str(o, "ociVersion", s->spec->version);
    json_set_str(o, "id", s->id);
    json_set_i64(o, "pid", str_eq(status, "stopped") ? 0 : s->pid);
    json_set_str(o, "status", status);
    json_set_str(o, "bundle", s->bundle);
    json_set_str(o, "rootfs", s->rootfs);
    json_set_time(o, "created", s->created_nsec);
    if (s->spec->annotations)
        json_set_take(o, "annotations", json_incref(s->spec->annotations));
    json_set_str(o, "owner", "");
    return o;
}

int state_remove(const struct cli *cli, const char *id, struct err *err)
{
    _cleanup_close_ int root = open(cli->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = root < 0 ? -errno : rm_rf_at(root, id);

    return r < 0 && r != -ENOENT ? err_errno(err, r, "remove state of container %s", id) : 0;
}

char *state_start_path(const struct cli *cli, const char *id)
{
    return xasprintf("%s/%s/start.sock", cli->root, id);
}

int bundle_read(int bundle_fd, const char *config, struct oci_spec **ret, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    size_t len = 0;
    int r = read_file_at(config ? AT_FDCWD : bundle_fd, config ? config : "config.json",
                         LIMIT_OCI_CONFIG_BYTES, &text, &len);

    if (r == -ENOENT)
        return err_set(err, ERR_NOT_FOUND, "JSON specification file %s not found",
                       config ? config : "config.json");
    if (r < 0)
        return err_errno(err, r, "read %s", config ? config : "config.json");
    return oci_spec_parse(text, len, ret, err);
}
