/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/request.h"

#include <errno.h>
#include <signal.h>

#include "base/str.h"
#include "base/timeutil.h"

#define ABANDON_SECONDS_DEFAULT 60
#define ABANDON_SECONDS_MAX     (24 * 3600)
#define LOG_FILES_MAX           1000

static const struct {
    const char *name;
    enum request_type type;
} types[] = {
    {"create", REQUEST_CREATE}, {"start", REQUEST_START},           {"attach", REQUEST_ATTACH},
    {"exec", REQUEST_EXEC},     {"exec-state", REQUEST_EXEC_STATE}, {"resize", REQUEST_RESIZE},
    {"kill", REQUEST_KILL},     {"pause", REQUEST_PAUSE},           {"resume", REQUEST_RESUME},
    {"state", REQUEST_STATE},   {"subscribe", REQUEST_SUBSCRIBE},   {"abort", REQUEST_ABORT},
    {"update", REQUEST_UPDATE}};

void request_done(struct request *r)
{
    for (size_t i = 0; i < r->n_streams; i++) {
        r->streams[i].fd = close_fd(r->streams[i].fd);
        r->streams[i].preread_fd = close_fd(r->streams[i].preread_fd);
    }
    r->n_streams = 0;
    r->spec_fd = close_fd(r->spec_fd);
    r->rootfs_fd = close_fd(r->rootfs_fd);
    r->netns_fd = close_fd(r->netns_fd);
    r->seccomp_fd = close_fd(r->seccomp_fd);
}

static int get_u16(const json_t *o, const char *key, uint16_t *ret, struct err *err)
{
    uint64_t v = *ret;
    int r = json_get_u64(o, NULL, key, &v, err);

    if (r < 0)
        return r;
    if (v > UINT16_MAX)
        return err_set(err, ERR_INVALID, "field \"%s\" is out of range", key);
    *ret = (uint16_t)v;
    return 0;
}

static int parse_stream(struct shim_msg *m, const json_t *o, struct request_stream *s,
                        struct err *err)
{
    bool preread = false;

    *s = (struct request_stream){.fd = -1, .preread_fd = -1};
    if (!json_is_object(o))
        return err_set(err, ERR_INVALID, "field \"streams\" must be an array of objects");
    if (json_get_bool(o, "streams", "stdin", &s->use_stdin, err) < 0 ||
        json_get_bool(o, "streams", "stdout", &s->use_stdout, err) < 0 ||
        json_get_bool(o, "streams", "stderr", &s->use_stderr, err) < 0 ||
        json_get_bool(o, "streams", "multiplex", &s->multiplex, err) < 0 ||
        json_get_bool(o, "streams", "preread", &preread, err) < 0 ||
        json_get_str(o, "streams", "detachKeys", &s->detach_keys, err) < 0)
        return -EINVAL;
    s->fd = shim_msg_take_fd(m, "stream");
    if (s->fd < 0)
        return err_set(err, ERR_INVALID, "stream without its descriptor");
    if (preread) {
        s->preread_fd = shim_msg_take_fd(m, "preread");
        if (s->preread_fd < 0)
            return err_set(err, ERR_INVALID, "stream without its first bytes");
    }
    return 0;
}

static int parse_streams(struct shim_msg *m, struct request *r, struct err *err)
{
    json_t *streams = NULL;

    if (json_get_array(m->body, NULL, "streams", &streams, err) < 0)
        return -EINVAL;
    if (json_array_size(streams) > SHIM_MAX_STREAMS)
        return err_set(err, ERR_INVALID, "more than %d streams", SHIM_MAX_STREAMS);
    for (size_t i = 0; i < json_array_size(streams); i++) {
        r->n_streams = i + 1;
        int ret = parse_stream(m, json_array_get(streams, i), &r->streams[i], err);
        if (ret < 0)
            return ret;
    }
    return 0;
}

static int parse_log(const json_t *body, struct request *r, struct err *err)
{
    json_t *log = NULL;
    uint64_t files = 1;

    r->log_driver = "none";
    if (json_get_object(body, NULL, "log", &log, err) < 0)
        return -EINVAL;
    if (!log)
        return 0;
    if (json_get_str(log, "log", "driver", &r->log_driver, err) < 0 ||
        json_get_str(log, "log", "path", &r->log_path, err) < 0 ||
        json_get_u64(log, "log", "maxSize", &r->log_max_size, err) < 0 ||
        json_get_u64(log, "log", "maxFiles", &files, err) < 0 ||
        json_get_object(log, "log", "attrs", &r->log_attrs, err) < 0)
        return -EINVAL;
    if (files < 1 || files > LOG_FILES_MAX)
        return err_set(err, ERR_INVALID, "field \"log.maxFiles\" must be from 1 to %d",
                       LOG_FILES_MAX);
    r->log_max_files = (unsigned)files;
    return 0;
}

static int parse_create(struct shim_msg *m, struct request *r, struct err *err)
{
    int64_t abandon = ABANDON_SECONDS_DEFAULT;

    r->spec_fd = shim_msg_take_fd(m, "spec");
    r->rootfs_fd = shim_msg_take_fd(m, "rootfs");
    r->netns_fd = shim_msg_take_fd(m, "netns");
    r->seccomp_fd = shim_msg_take_fd(m, "seccomp");
    if (json_get_str(m->body, NULL, "id", &r->id, err) < 0 ||
        json_get_str(m->body, NULL, "dir", &r->dir, err) < 0 ||
        json_get_bool(m->body, NULL, "tty", &r->tty, err) < 0 ||
        json_get_bool(m->body, NULL, "openStdin", &r->open_stdin, err) < 0 ||
        json_get_bool(m->body, NULL, "stdinOnce", &r->stdin_once, err) < 0 ||
        json_get_i64(m->body, NULL, "abandonSeconds", &abandon, err) < 0 ||
        get_u16(m->body, "rows", &r->rows, err) < 0 || get_u16(m->body, "cols", &r->cols, err) < 0)
        return -EINVAL;
    if (!shim_id_valid(r->id))
        return err_set(err, ERR_INVALID, "invalid container ID");
    if (!r->dir || r->dir[0] != '/')
        return err_set(err, ERR_INVALID, "field \"dir\" must be an absolute path");
    if (r->spec_fd < 0)
        return err_set(err, ERR_INVALID, "create without a spec");
    if (abandon < 1 || abandon > ABANDON_SECONDS_MAX)
        return err_set(err, ERR_INVALID, "field \"abandonSeconds\" is out of range");
    r->abandon_nsec = abandon * NSEC_PER_SEC;
    return parse_log(m->body, r, err);
}

static int parse_exec_id(const json_t *body, struct request *r, bool required, struct err *err)
{
    if (json_get_str(body, NULL, "execId", &r->exec_id, err) < 0)
        return -EINVAL;
    if ((required || r->exec_id) && !shim_id_valid(r->exec_id))
        return err_set(err, ERR_INVALID, "invalid exec ID");
    return 0;
}

static int parse_exec(struct shim_msg *m, struct request *r, struct err *err)
{
    if (parse_exec_id(m->body, r, true, err) < 0 ||
        json_get_bool(m->body, NULL, "tty", &r->tty, err) < 0 ||
        json_get_bool(m->body, NULL, "openStdin", &r->open_stdin, err) < 0 ||
        json_get_object(m->body, NULL, "process", &r->process, err) < 0 ||
        get_u16(m->body, "rows", &r->rows, err) < 0 || get_u16(m->body, "cols", &r->cols, err) < 0)
        return -EINVAL;
    if (!r->process)
        return err_set(err, ERR_INVALID, "exec without a process");
    return 0;
}

static int parse_kill(const json_t *body, struct request *r, struct err *err)
{
    if (json_get_int(body, NULL, "signal", &r->signo, err) < 0)
        return -EINVAL;
    if (r->signo < 1 || r->signo > SIGRTMAX)
        return err_set(err, ERR_INVALID, "invalid signal %d", r->signo);
    return 0;
}

int request_parse(struct shim_msg *msg, struct request *ret, struct err *err)
{
    bool known = false;

    *ret = (struct request){
        .msg = msg, .spec_fd = -1, .rootfs_fd = -1, .netns_fd = -1, .seccomp_fd = -1};
    for (size_t i = 0; i < ARRAY_SIZE(types) && !known; i++) {
        if (str_eq(types[i].name, msg->type)) {
            ret->type = types[i].type;
            known = true;
        }
    }
    if (!known)
        return err_set(err, ERR_UNSUPPORTED, "the shim does not know requests of this type");
    int r = parse_streams(msg, ret, err);
    if (r < 0)
        return r;
    switch (ret->type) {
    case REQUEST_CREATE:
        return parse_create(msg, ret, err);
    case REQUEST_ATTACH:
        return ret->n_streams == 1 ? 0 : err_set(err, ERR_INVALID, "attach takes one stream");
    case REQUEST_EXEC:
        if (ret->n_streams > 1)
            return err_set(err, ERR_INVALID, "exec takes one stream");
        return parse_exec(msg, ret, err);
    case REQUEST_EXEC_STATE:
        return parse_exec_id(msg->body, ret, true, err);
    case REQUEST_RESIZE:
        if (get_u16(msg->body, "rows", &ret->rows, err) < 0 ||
            get_u16(msg->body, "cols", &ret->cols, err) < 0)
            return -EINVAL;
        return parse_exec_id(msg->body, ret, false, err);
    case REQUEST_KILL:
        return parse_kill(msg->body, ret, err);
    case REQUEST_UPDATE:
        if (json_get_object(msg->body, NULL, "resources", &ret->resources, err) < 0)
            return -EINVAL;
        return ret->resources ? 0 : err_set(err, ERR_INVALID, "update without resources");
    case REQUEST_START:
    case REQUEST_PAUSE:
    case REQUEST_RESUME:
    case REQUEST_STATE:
    case REQUEST_SUBSCRIBE:
    case REQUEST_ABORT:
        return 0;
    }
    return -EINVAL;
}
