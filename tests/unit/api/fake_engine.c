/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake_engine.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"

struct fake fake;

#define TEXT(s) ((s) ? (s) : "-")

void fake_reset(void)
{
    json_decref(fake.body);
    fake = (struct fake){};
}

/* Writes the call down, and fails it when a test wants that. */
#define CALL(...)                                                                               \
    do {                                                                                        \
        (void)snprintf(fake.call, sizeof(fake.call), __VA_ARGS__);                              \
        if (fake.fail != ERR_NONE && !fake.fail_late)                                           \
            return err_set(err, fake.fail, "%s", fake.message ? fake.message : "fake failure"); \
    } while (0)

static int late(struct err *err)
{
    return fake.fail_late ? err_set(err, fake.fail, "%s", fake.message) : 0;
}

static int answer(json_t **ret)
{
    const char *text = fake.answer ? fake.answer : "{\"fake\":true}";

    *ret = json_parse(text, strlen(text), "fake", NULL);
    return 0;
}

static void keep(const json_t *body)
{
    json_decref(fake.body);
    fake.body = json_deep_copy(body);
}

static void make_id(char ret_id[static 65])
{
    memset(ret_id, 'a', 64);
    ret_id[64] = '\0';
}

static char *compact(const json_t *j)
{
    return j ? json_print(j) : xstrdup("-");
}

int engine_container_create(struct engine *e, const char *name, const json_t *body,
                            const char *platform, char ret_id[static 65], json_t **ret_warnings,
                            struct err *err)
{
    keep(body);
    CALL("create %s %s", TEXT(name), TEXT(platform));
    make_id(ret_id);
    *ret_warnings = NULL;
    return 0;
}

int engine_container_start(struct engine *e, const char *ref, const char *detach_keys,
                           struct err *err)
{
    CALL("start %s %s", ref, TEXT(detach_keys));
    return 0;
}

int engine_container_stop(struct engine *e, const char *ref, const char *signal, int timeout_sec,
                          struct err *err)
{
    CALL("stop %s %s %d", ref, TEXT(signal), timeout_sec == INT_MIN ? 9999 : timeout_sec);
    return 0;
}

int engine_container_restart(struct engine *e, const char *ref, const char *signal, int timeout_sec,
                             struct err *err)
{
    CALL("restart %s %s %d", ref, TEXT(signal), timeout_sec == INT_MIN ? 9999 : timeout_sec);
    return 0;
}

int engine_container_kill(struct engine *e, const char *ref, const char *signal, struct err *err)
{
    CALL("kill %s %s", ref, TEXT(signal));
    return 0;
}

int engine_container_pause(struct engine *e, const char *ref, struct err *err)
{
    CALL("pause %s", ref);
    return 0;
}

int engine_container_unpause(struct engine *e, const char *ref, struct err *err)
{
    CALL("unpause %s", ref);
    return 0;
}

int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err *err)
{
    CALL("rename %s %s", ref, name);
    return 0;
}

int engine_container_remove(struct engine *e, const char *ref, bool force, bool volumes, bool link,
                            struct err *err)
{
    CALL("remove %s %d %d %d", ref, force, volumes, link);
    return 0;
}

int engine_container_wait(struct engine *e, const char *ref, const char *condition,
                          void (*registered)(void *ctx), void *ctx, int gone_fd,
                          int64_t *ret_exit_code, char **ret_error, struct err *err)
{
    struct pollfd p = {.fd = gone_fd, .events = POLLIN};

    CALL("wait %s %s %d", ref, TEXT(condition), registered != NULL);
    if (registered)
        registered(ctx);
    if (str_eq(ref, "forever") && poll(&p, 1, 10000) > 0)
        return err_set(err, ERR_CANCELLED, "the client went away");
    *ret_exit_code = 7;
    *ret_error = fake.message && !fake.fail_late ? xstrdup(fake.message) : NULL;
    return late(err);
}

int engine_container_list(struct engine *e, const json_t *filters, bool all, int limit, bool size,
                          json_t **ret, struct err *err)
{
    _cleanup_free_ char *text = compact(filters);

    CALL("list %s %d %d %d", text, all, limit, size);
    return answer(ret);
}

int engine_container_inspect(struct engine *e, const char *ref, bool size, json_t **ret,
                             struct err *err)
{
    CALL("inspect %s %d", ref, size);
    return answer(ret);
}

int engine_container_resize(struct engine *e, const char *ref, uint16_t rows, uint16_t cols,
                            struct err *err)
{
    CALL("resize %s %d %d", ref, rows, cols);
    return 0;
}

int engine_container_top(struct engine *e, const char *ref, const char *ps_args, json_t **ret,
                         struct err *err)
{
    CALL("top %s %s", ref, TEXT(ps_args));
    return answer(ret);
}

static int attach_to(const struct engine_attach *a, struct err *err)
{
    _cleanup_close_ int fd = -1;
    _cleanup_free_ char *preread = NULL;
    size_t len = 0;
    int r = a->hijack(a->ctx, fake.multiplexed, &fd, &preread, &len, err);

    if (r < 0)
        return r;
    (void)write_full(fd, "stream:", 7);
    (void)write_full(fd, preread, len);
    return 0;
}

int engine_container_attach(struct engine *e, const char *ref, const struct engine_attach *params,
                            struct err *err)
{
    CALL("attach %s %d%d%d%d%d %s", ref, params->stream, params->logs, params->use_stdin,
         params->use_stdout, params->use_stderr, TEXT(params->detach_keys));
    return attach_to(params, err);
}

int engine_container_logs(struct engine *e, const char *ref, const struct engine_logs *p,
                          struct err *err)
{
    struct sink sink;

    CALL("logs %s %d%d%d%d%d %lld %lld %lld", ref, p->use_stdout, p->use_stderr, p->follow,
         p->timestamps, p->details, (long long)p->since_nsec, (long long)p->until_nsec,
         (long long)p->tail);
    int r = p->begin(p->ctx, fake.multiplexed, &sink, err);
    return r < 0 ? r : sink_write(&sink, "line\n", 5);
}

int engine_exec_create(struct engine *e, const char *ref, const json_t *body,
                       char ret_id[static 65], struct err *err)
{
    keep(body);
    CALL("exec-create %s", ref);
    make_id(ret_id);
    return 0;
}

int engine_exec_start(struct engine *e, const char *exec_id, bool detach, bool tty, uint16_t rows,
                      uint16_t cols, const struct engine_attach *attach, struct err *err)
{
    CALL("exec-start %s %d %d %d %d %d", exec_id, detach, tty, rows, cols, attach != NULL);
    return attach ? attach_to(attach, err) : 0;
}

int engine_exec_resize(struct engine *e, const char *exec_id, uint16_t rows, uint16_t cols,
                       struct err *err)
{
    CALL("exec-resize %s %d %d", exec_id, rows, cols);
    return 0;
}

int engine_exec_inspect(struct engine *e, const char *exec_id, json_t **ret, struct err *err)
{
    CALL("exec-inspect %s", exec_id);
    return answer(ret);
}

int engine_image_list(struct engine *e, const json_t *filters, bool all, bool digests,
                      bool shared_size, json_t **ret, struct err *err)
{
    _cleanup_free_ char *text = compact(filters);

    CALL("image-list %s %d %d %d", text, all, digests, shared_size);
    return answer(ret);
}

int engine_image_inspect(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    CALL("image-inspect %s", name);
    return answer(ret);
}

int engine_image_history(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    CALL("image-history %s", name);
    return answer(ret);
}

int engine_image_tag(struct engine *e, const char *name, const char *target, struct err *err)
{
    CALL("image-tag %s %s", name, target);
    return 0;
}

int engine_image_remove(struct engine *e, const char *name, bool force, bool noprune, json_t **ret,
                        struct err *err)
{
    CALL("image-remove %s %d %d", name, force, noprune);
    return answer(ret);
}

static int take_archive(int fd, const struct engine_progress *p, struct err *err)
{
    char block[4096];
    struct sink sink;
    ssize_t n;

    while ((n = read(fd, block, sizeof(block))) > 0)
        fake.received += (size_t)n;
    int r = p->begin(p->ctx, &sink, err);
    if (r == 0)
        r = sink_write(&sink, "{\"stream\":\"done\"}\r\n", 19);
    return r < 0 ? r : late(err);
}

int engine_image_load(struct engine *e, int fd, bool quiet, const struct engine_progress *p,
                      struct err *err)
{
    CALL("load %d", quiet);
    return take_archive(fd, p, err);
}

int engine_image_import(struct engine *e, int fd, const char *source, const char *repo,
                        const char *tag, const char *message, char *const *changes,
                        const char *platform, const struct engine_progress *p, struct err *err)
{
    _cleanup_free_ char *all = strv_join(changes, ";");

    CALL("import %s %s %s %s [%s] %s", source, TEXT(repo), TEXT(tag), TEXT(message), TEXT(all),
         TEXT(platform));
    return take_archive(fd, p, err);
}

int engine_image_save(struct engine *e, char *const *names, int out_fd, struct err *err)
{
    _cleanup_free_ char *all = strv_join(names, ",");

    CALL("save %s", all);
    (void)write_full(out_fd, "tar", 3);
    return late(err);
}

int engine_network_list(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    CALL("network-list");
    return answer(ret);
}

int engine_network_inspect(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    CALL("network-inspect %s", name);
    return answer(ret);
}

int engine_volume_create(struct engine *e, const json_t *body, json_t **ret, struct err *err)
{
    keep(body);
    CALL("volume-create");
    return answer(ret);
}

int engine_volume_list(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    CALL("volume-list");
    return answer(ret);
}

int engine_volume_inspect(struct engine *e, const char *name, json_t **ret, struct err *err)
{
    CALL("volume-inspect %s", name);
    return answer(ret);
}

int engine_volume_remove(struct engine *e, const char *name, bool force, struct err *err)
{
    CALL("volume-remove %s %d", name, force);
    return 0;
}

int engine_info(struct engine *e, json_t **ret, struct err *err)
{
    CALL("info");
    return answer(ret);
}

int engine_version(struct engine *e, json_t **ret, struct err *err)
{
    CALL("version");
    return answer(ret);
}

int engine_events(struct engine *e, const json_t *filters, int64_t since_nsec, int64_t until_nsec,
                  int (*begin)(void *ctx, struct sink *ret, struct err *err), void *ctx,
                  struct err *err)
{
    _cleanup_free_ char *text = compact(filters);
    struct sink sink;

    CALL("events %s %lld %lld", text, (long long)since_nsec, (long long)until_nsec);
    int r = begin(ctx, &sink, err);
    return r < 0 ? r : sink_write(&sink, "{\"Type\":\"x\"}\n", 13);
}

int engine_archive_stat(struct engine *e, const char *ref, const char *path, json_t **ret,
                        struct err *err)
{
    CALL("archive_stat %s %s", ref, path);
    return answer(ret);
}

int engine_archive_get(struct engine *e, const char *ref, const char *path,
                       int (*begin)(void *ctx, const json_t *stat, struct sink *ret,
                                    struct err *err),
                       void *ctx, struct err *err)
{
    _cleanup_json_ json_t *about = json_object();
    struct sink sink;

    CALL("archive_get %s %s", ref, path);
    int r = begin(ctx, about, &sink, err);
    if (r == 0)
        r = sink_write(&sink, "tar", 3);
    return r < 0 ? r : late(err);
}

int engine_archive_put(struct engine *e, const char *ref, const char *path, bool no_overwrite,
                       bool copy_owner, int fd, struct err *err)
{
    _cleanup_free_ char *text = NULL;

    CALL("archive_put %s %s%s%s", ref, path, no_overwrite ? " keep" : "",
         copy_owner ? " owner" : "");
    return read_fd(fd, 1 << 20, &text, &fake.received);
}

int engine_container_export(struct engine *e, const char *ref,
                            int (*begin)(void *ctx, struct sink *ret, struct err *err), void *ctx,
                            struct err *err)
{
    struct sink sink;

    CALL("export %s", ref);
    int r = begin(ctx, &sink, err);
    if (r == 0)
        r = sink_write(&sink, "tar", 3);
    return r < 0 ? r : late(err);
}

int engine_container_changes(struct engine *e, const char *ref, json_t **ret, struct err *err)
{
    CALL("changes %s", ref);
    return answer(ret);
}

int engine_container_stats(struct engine *e, const char *ref, bool stream, bool one_shot,
                           int gone_fd, int (*begin)(void *ctx, struct sink *ret, struct err *err),
                           void *ctx, struct err *err)
{
    struct sink sink;

    CALL("stats %s%s%s", ref, stream ? " stream" : "", one_shot ? " one-shot" : "");
    int r = begin(ctx, &sink, err);
    return r < 0 ? r : sink_write(&sink, "{}\n", 3);
}

int engine_container_update(struct engine *e, const char *ref, const json_t *body,
                            json_t **ret_warnings, struct err *err)
{
    CALL("update %s", ref);
    keep(body);
    *ret_warnings = json_null();
    return 0;
}

int engine_container_prune(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    _cleanup_free_ char *text = compact(filters);

    CALL("container_prune %s", text);
    return answer(ret);
}

int engine_image_prune(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    _cleanup_free_ char *text = compact(filters);

    CALL("image_prune %s", text);
    return answer(ret);
}

int engine_volume_prune(struct engine *e, const json_t *filters, bool always_all, json_t **ret,
                        struct err *err)
{
    _cleanup_free_ char *text = compact(filters);

    CALL("volume_prune %s%s", text, always_all ? " all" : "");
    return answer(ret);
}

int engine_system_df(struct engine *e, unsigned what, json_t **ret, struct err *err)
{
    CALL("df %u", what);
    return answer(ret);
}

int engine_container_commit(struct engine *e, const char *ref, const struct engine_commit *params,
                            char ret_id[static 80], struct err *err)
{
    CALL("commit %s %s:%s%s", ref, TEXT(params->repo), TEXT(params->tag),
         params->pause ? " pause" : "");
    (void)snprintf(ret_id, 80, "sha256:0");
    return 0;
}
