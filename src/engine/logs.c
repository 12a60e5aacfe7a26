/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/timeutil.h"
#include "engine/internal.h"
#include "engine/logfile.h"

#define OUT_MAX (1 * MIB)

struct reader {
    const struct engine_logs *params;
    bool multiplexed;
    const struct sink *sink; /* borrowed */
    struct buf out;          /* collected frames */
    bool over;               /* a line after `until` was seen */
};

/* key=value pairs, as Docker prints details; bytes that would be mistaken are escaped. */
static void add_details(struct buf *b, const json_t *attrs)
{
    const char *key;
    json_t *v;
    bool first = true;

    json_object_foreach((json_t *)attrs, key, v) {
        const char *parts[2] = {key, json_is_string(v) ? json_string_value(v) : ""};

        if (!first)
            (void)buf_addc(b, ',');
        first = false;
        for (int k = 0; k < 2; k++) {
            for (const char *p = parts[k]; *p; p++)
                if (strchr(" ,=%\n", *p))
                    (void)buf_addf(b, "%%%02X", (unsigned char)*p);
                else
                    (void)buf_addc(b, *p);
            if (k == 0)
                (void)buf_addc(b, '=');
        }
    }
    (void)buf_addc(b, ' ');
}

static int flush(struct reader *rd)
{
    int r = 0;

    if (rd->out.len > 0)
        r = sink_write(rd->sink, rd->out.data, rd->out.len);
    buf_reset(&rd->out);
    return r;
}

static void add_frame(struct reader *rd, bool is_err, const json_t *line, int64_t time)
{
    const json_t *text = json_object_get(line, "log"), *attrs = json_object_get(line, "attrs");
    size_t header = rd->out.len, len;
    char stamp[TIME_RFC3339_MAX];

    if (rd->multiplexed)
        (void)buf_add(&rd->out, "\0\0\0\0\0\0\0\0", 8);
    if (rd->params->timestamps) {
        time_format_fixed(time, stamp);
        (void)buf_addf(&rd->out, "%s ", stamp);
    }
    if (rd->params->details)
        add_details(&rd->out, attrs);
    (void)buf_add(&rd->out, json_string_value(text), json_string_length(text));
    if (rd->multiplexed) {
        unsigned char *h = (unsigned char *)rd->out.data + header;

        len = rd->out.len - header - 8;
        h[0] = is_err ? 2 : 1;
        h[4] = (unsigned char)(len >> 24);
        h[5] = (unsigned char)(len >> 16);
        h[6] = (unsigned char)(len >> 8);
        h[7] = (unsigned char)len;
    }
}

static int emit(struct reader *rd, const char *data, size_t len)
{
    const struct engine_logs *p = rd->params;
    /* program output may hold NUL bytes */
    _cleanup_json_ json_t *line = json_loadb(data, len, JSON_ALLOW_NUL, NULL);
    bool is_err = str_eq(json_str_or(line, "stream", "stdout"), "stderr");
    int64_t time = 0;

    if (!json_is_string(json_object_get(line, "log")) ||
        time_parse_rfc3339(json_str_or(line, "time", ""), &time) < 0)
        return 0;
    if ((is_err && !p->use_stderr) || (!is_err && !p->use_stdout) ||
        (p->since_nsec > 0 && time < p->since_nsec))
        return 0;
    if (p->until_nsec > 0 && time > p->until_nsec) {
        rd->over = true;
        return 0;
    }
    add_frame(rd, is_err, line, time);
    return rd->out.len > 32 * KIB ? flush(rd) : 0;
}

/* Writes every complete line that is there. */
static int drain(struct reader *rd, struct logfile *l)
{
    const char *line = NULL;
    size_t len = 0;
    int r;

    while (!rd->over && (r = logfile_next(l, &line, &len)) != 0) {
        if (r > 0)
            r = emit(rd, line, len);
        if (r < 0)
            return r;
    }
    return flush(rd);
}

static void watch_end(struct container *c, struct waiter *w)
{
    LOCK_SCOPE(&c->lock);
    w->next = c->waiters;
    c->waiters = w;
    if (!c->state.running || c->state.restarting || c->gone) {
        uint64_t one = 1;

        w->fired = true;
        (void)!write(w->fd, &one, sizeof(one));
    }
}

static void unwatch_end(struct container *c, struct waiter *w)
{
    LOCK_SCOPE(&c->lock);
    for (struct waiter **p = &c->waiters; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
}

static int until_left(const struct engine_logs *p)
{
    int64_t left;

    if (p->until_nsec == 0)
        return -1;
    left = (p->until_nsec - now_nsec()) / NSEC_PER_MSEC;
    return left <= 0 ? 0 : (int)MIN(left, (int64_t)INT32_MAX);
}

static int follow(struct reader *rd, struct logfile *l, int inotify_fd, struct waiter *w)
{
    int r = 0;

    while (r == 0 && !rd->over) {
        struct pollfd fds[3] = {{.fd = inotify_fd, .events = POLLIN},
                                {.fd = w->fd, .events = POLLIN},
                                {.fd = rd->sink->gone_fd, .events = POLLIN}};
        char events[4096];
        int left = until_left(rd->params);

        r = drain(rd, l);
        if (r < 0 || left == 0)
            break;
        if (poll(fds, 3, left) < 0 && errno != EINTR)
            return -errno;
        if (fds[2].revents)
            break;
        if (fds[0].revents)
            (void)!read(inotify_fd, events, sizeof(events));
        if (fds[1].revents) {
            /* all output is in the log before the end is known */
            r = drain(rd, l);
            break;
        }
    }
    return r;
}

static int follow_log(struct engine *e, struct reader *rd, struct container *c, struct logfile *l,
                      struct err *err)
{
    _cleanup_free_ char *dir = container_data_dir(e, c->conf->id);
    _cleanup_close_ int inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    _cleanup_close_ int end_fd = eventfd(0, EFD_CLOEXEC);
    struct waiter w = {.condition = WAIT_NEXT_EXIT, .fd = end_fd};
    int r;

    if (inotify_fd < 0 || end_fd < 0 ||
        inotify_add_watch(inotify_fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
        return err_errno(err, errno, "follow the log");
    watch_end(c, &w);
    r = follow(rd, l, inotify_fd, &w);
    unwatch_end(c, &w);
    return r;
}

int engine_container_logs(struct engine *e, const char *ref, const struct engine_logs *params,
                          struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_(logfile_closep)
    struct logfile *l = NULL;
    _cleanup_free_ char *path = NULL;
    _cleanup_json_ json_t *host = NULL;
    struct reader rd = {.params = params, .out = BUF_INIT(OUT_MAX)};
    struct sink sink = {0};
    const char *driver;
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    if (!params->use_stdout && !params->use_stderr)
        return err_set(err, ERR_INVALID, "You must choose at least one stream");
    host = container_conf_host(c->conf);
    driver = json_str_or(json_object_get(host, "LogConfig"), "Type", "json-file");
    if (!str_eq(driver, "json-file"))
        return err_set(err, ERR_UNSUPPORTED, "configured logging driver does not support reading");
    path = container_log_path(e, c->conf->id);
    r = logfile_open(path, params->tail, &l, err);
    if (r < 0)
        return r;
    rd.multiplexed = !c->conf->tty;
    r = params->begin(params->ctx, rd.multiplexed, &sink, err);
    if (r < 0)
        return r;
    rd.sink = &sink;
    r = params->follow ? follow_log(e, &rd, c, l, err) : drain(&rd, l);
    buf_done(&rd.out);
    return r == -EPIPE || r == -ECONNRESET ? 0 : r;
}

int container_copy_logs(struct engine *e, const struct container_conf *conf, bool out, bool errs,
                        const struct sink *sink)
{
    _cleanup_free_ char *path = container_log_path(e, conf->id);
    _cleanup_(logfile_closep)
    struct logfile *l = NULL;
    struct engine_logs params = {.use_stdout = out, .use_stderr = errs, .tail = -1};
    struct reader rd = {
        .params = &params, .multiplexed = !conf->tty, .sink = sink, .out = BUF_INIT(OUT_MAX)};
    int r = logfile_open(path, -1, &l, NULL);

    if (r == 0)
        r = drain(&rd, l);
    buf_done(&rd.out);
    return r;
}
