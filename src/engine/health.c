/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/health.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/timeutil.h"

#define OUTPUT_MAX (4 * KIB)
#define LOG_LENGTH 5

/* A container that is watched; belongs to the scheduler's list or to the probe under way. */
struct monitor {
    struct monitor *next;
    struct health_scheduler *scheduler; /* borrowed */
    struct container *c;                /* ref */
    struct health_conf conf;
    int64_t started_nsec; /* of the run that it watches */
    int64_t due_nsec;     /* monotonic */
};

struct health_scheduler {
    pthread_mutex_t lock; /* a leaf; of what follows */
    pthread_cond_t changed;
    struct monitor *waiting;
    unsigned probing;
    bool closing;
    int stop_fd; /* owned; readable once closing */
    pthread_t thread;
};

static void monitor_free(struct monitor *m)
{
    health_conf_done(&m->conf);
    container_unref(m->c);
    free(m);
}

/* Still the same run? *ret_paused: nothing can be executed in it now. */
static bool current(const struct monitor *m, bool *ret_paused)
{
    LOCK_SCOPE(&m->c->lock);
    *ret_paused = m->c->state.paused;
    return m->c->state.running && !m->c->state.restarting && !m->c->gone &&
           m->c->state.started_nsec == m->started_nsec;
}

static int64_t next_pause(const struct monitor *m)
{
    LOCK_SCOPE(&m->c->lock);
    return m->conf.start_period_nsec > 0 && m->c->state.health == HEALTH_STARTING
               ? m->conf.start_interval_nsec
               : m->conf.interval_nsec;
}

/* Puts it into the list, or frees it when the engine closes. */
static void schedule(struct monitor *m)
{
    struct health_scheduler *s = m->scheduler;

    m->due_nsec = monotonic_nsec() + next_pause(m);
    {
        LOCK_SCOPE(&s->lock);
        if (!s->closing) {
            m->next = s->waiting;
            s->waiting = m;
            (void)pthread_cond_signal(&s->changed);
            return;
        }
    }
    monitor_free(m);
}

/* --- a probe --- */

struct probe {
    int theirs, ours; /* owned */
    struct buf frames;
};

static int give_stream(void *ctx, bool multiplexed, int *ret_fd, char **ret_preread,
                       size_t *ret_preread_len, struct err *err)
{
    struct probe *p = ctx;

    (void)multiplexed;
    (void)err;
    *ret_fd = TAKE_FD(p->theirs);
    *ret_preread = NULL;
    *ret_preread_len = 0;
    return 0;
}

/* Reads to the end. False when time is up or the engine closes. */
static bool read_output(struct probe *p, int stop_fd, int64_t end_nsec)
{
    char piece[4096];

    for (;;) {
        struct pollfd fds[2] = {{.fd = p->ours, .events = POLLIN},
                                {.fd = stop_fd, .events = POLLIN}};
        int64_t left = (end_nsec - monotonic_nsec() + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
        ssize_t n;

        if (left <= 0 || poll(fds, 2, (int)MIN(left, (int64_t)INT32_MAX)) < 0 || fds[1].revents)
            return false;
        if (!fds[0].revents)
            continue;
        n = read(p->ours, piece, sizeof(piece));
        if (n <= 0)
            return true;
        (void)buf_add(&p->frames, piece, (size_t)n);
    }
}

/* The frames' contents as one text. */
static void unframe(const struct buf *frames, struct buf *out)
{
    size_t at = 0;

    while (at + 8 <= frames->len) {
        const unsigned char *h = (const unsigned char *)frames->data + at;
        size_t size = (size_t)h[4] << 24 | (size_t)h[5] << 16 | (size_t)h[6] << 8 | h[7];
        size_t have = MIN(size, frames->len - at - 8), room = OUTPUT_MAX - out->len;

        (void)buf_add(out, h + 8, MIN(have, room));
        at += 8 + size;
    }
}

/* Ends the process of a probe that took too long. */
static void kill_probe(struct container *c, const char *exec_id)
{
    _cleanup_json_ json_t *about = NULL;
    _cleanup_close_ int pidfd = -1;
    _cleanup_free_ char *path = NULL, *groups = NULL;
    pid_t pid;

    if (engine_exec_inspect(c->engine, exec_id, &about, NULL) < 0 ||
        !json_bool_or(about, "Running", false))
        return;
    pid = (pid_t)json_i64_or(about, "Pid", 0);
    pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    path = xasprintf("/proc/%d/cgroup", pid);
    if (pidfd >= 0 && read_file_at(AT_FDCWD, path, 64 * KIB, &groups, NULL) == 0 &&
        strstr(groups, c->conf->id))
        (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}

static void duration_text(int64_t nsec, char out[static 32])
{
    if (nsec % NSEC_PER_SEC == 0)
        (void)snprintf(out, 32, "%llds", (long long)(nsec / NSEC_PER_SEC));
    else
        (void)snprintf(out, 32, "%lldms", (long long)(nsec / NSEC_PER_MSEC));
}

static int exit_code_of(struct engine *e, const char *exec_id)
{
    _cleanup_json_ json_t *about = NULL;

    if (engine_exec_inspect(e, exec_id, &about, NULL) < 0)
        return -1;
    return (int)json_i64_or(about, "ExitCode", -1);
}

/* Runs the command. Its exit code, -1 without one; *out gets what it printed or what went wrong. */
static int run_probe(const struct monitor *m, struct buf *out)
{
    struct probe p = {.theirs = -1, .ours = -1, .frames = BUF_INIT(16 * KIB)};
    struct engine_attach attach = {
        .stream = true, .use_stdout = true, .use_stderr = true, .hijack = give_stream, .ctx = &p};
    _cleanup_json_ json_t *body =
        json_pack("{s:O,s:b,s:b}", "Cmd", m->conf.command, "AttachStdout", 1, "AttachStderr", 1);
    struct engine *e = m->c->engine;
    int64_t end = monotonic_nsec() + m->conf.timeout_nsec;
    struct err err = {0};
    int code = -1, fds[2];
    char id[65], text[32];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return -1;
    p.theirs = fds[0];
    p.ours = fds[1];
    if (engine_exec_create(e, m->c->conf->id, body, id, &err) < 0 ||
        engine_exec_start(e, id, false, false, 0, 0, &attach, &err) < 0) {
        (void)buf_adds(out, err.message);
    } else if (read_output(&p, m->scheduler->stop_fd, end)) {
        code = exit_code_of(e, id);
        unframe(&p.frames, out);
    } else {
        kill_probe(m->c, id);
        duration_text(m->conf.timeout_nsec, text);
        (void)buf_addf(out, "Health check exceeded timeout (%s)", text);
    }
    if (p.theirs >= 0)
        (void)close_fd(p.theirs);
    (void)close_fd(p.ours);
    buf_done(&p.frames);
    return code;
}

static json_t *log_entry(int64_t begin, int code, const struct buf *out)
{
    json_t *o = json_object();

    json_set_time(o, "Start", begin);
    json_set_time(o, "End", now_nsec());
    json_set_i64(o, "ExitCode", code);
    json_set_str(o, "Output", buf_str(out));
    return o;
}

/* Notes the result unless the container has ended meanwhile. */
static void note(const struct monitor *m, int64_t begin, int code, const struct buf *out)
{
    struct container *c = m->c;
    _cleanup_free_ char *action = NULL;

    {
        LOCK_SCOPE(&c->lock);
        bool changed;

        if (!c->state.running || c->state.restarting || c->state.started_nsec != m->started_nsec)
            return;
        changed = health_apply(&c->state, &m->conf, code, begin - m->started_nsec);
        (void)json_array_append_new(c->health_log, log_entry(begin, code, out));
        while (json_array_size(c->health_log) > LOG_LENGTH)
            (void)json_array_remove(c->health_log, 0);
        container_publish(c);
        if (changed)
            action = xasprintf("health_status: %s", container_health_name(c->state.health));
    }
    if (action)
        engine_container_event(c->engine, c, action, NULL);
}

static void *probe_main(void *arg)
{
    struct monitor *m = arg;
    struct health_scheduler *s = m->scheduler;
    struct buf out = BUF_INIT(OUTPUT_MAX + KIB);
    int64_t begin = now_nsec();
    bool paused = false, same = current(m, &paused);

    if (same && !paused) {
        int code = run_probe(m, &out);
        bool closing;
        {
            LOCK_SCOPE(&s->lock);
            closing = s->closing;
        }
        if (!closing)
            note(m, begin, code, &out);
        same = current(m, &paused);
    }
    buf_done(&out);
    if (same)
        schedule(m);
    else
        monitor_free(m);
    LOCK_SCOPE(&s->lock);
    s->probing--;
    (void)pthread_cond_broadcast(&s->changed);
    return NULL;
}

/* --- the scheduler --- */

/* Takes what is due out of the list; *ret_next: when the next one is, 0 for none. Locked. */
static struct monitor *take_due(struct health_scheduler *s, int64_t *ret_next)
{
    int64_t now = monotonic_nsec();
    struct monitor *due = NULL;

    *ret_next = 0;
    for (struct monitor **p = &s->waiting; *p;) {
        struct monitor *m = *p;

        if (m->due_nsec <= now) {
            *p = m->next;
            m->next = due;
            due = m;
            s->probing++;
            continue;
        }
        if (*ret_next == 0 || m->due_nsec < *ret_next)
            *ret_next = m->due_nsec;
        p = &m->next;
    }
    return due;
}

static void launch(struct health_scheduler *s, struct monitor *m)
{
    if (thread_spawn_detached("health", 0, probe_main, m) == 0)
        return;
    log_warn("no thread for the health check of container %s", m->c->conf->id);
    schedule(m);
    LOCK_SCOPE(&s->lock);
    s->probing--;
}

static void *scheduler_main(void *arg)
{
    struct health_scheduler *s = arg;

    (void)pthread_mutex_lock(&s->lock);
    while (!s->closing) {
        int64_t next = 0;
        struct monitor *due = take_due(s, &next);

        if (due) {
            (void)pthread_mutex_unlock(&s->lock);
            while (due) {
                struct monitor *m = due;
                due = m->next;
                launch(s, m);
            }
            (void)pthread_mutex_lock(&s->lock);
        } else if (next > 0) {
            struct timespec until = {.tv_sec = next / NSEC_PER_SEC, .tv_nsec = next % NSEC_PER_SEC};
            (void)pthread_cond_timedwait(&s->changed, &s->lock, &until);
        } else {
            (void)pthread_cond_wait(&s->changed, &s->lock);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

int engine_health_start(struct engine *e, struct err *err)
{
    struct health_scheduler *s = XNEW(struct health_scheduler);
    pthread_condattr_t attr;
    int r;

    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    r = s->stop_fd < 0 ? -errno : thread_spawn("health-timer", 0, scheduler_main, s, &s->thread);
    if (r < 0) {
        if (s->stop_fd >= 0)
            (void)close_fd(s->stop_fd);
        free(s);
        return err_errno(err, r, "start health checks");
    }
    e->health = s;
    return 0;
}

void engine_health_stop(struct engine *e)
{
    struct health_scheduler *s = e->health;
    const uint64_t one = 1;

    if (!s)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->closing = true;
    (void)write_full(s->stop_fd, &one, sizeof(one));
    (void)pthread_cond_broadcast(&s->changed);
    while (s->probing > 0)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->thread, NULL);
    while (s->waiting) {
        struct monitor *m = s->waiting;
        s->waiting = m->next;
        monitor_free(m);
    }
    (void)close_fd(s->stop_fd);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
    e->health = NULL;
}

void container_health_begin(struct container *c)
{
    _cleanup_json_ json_t *config = container_conf_config(c->conf);
    struct monitor *m;
    struct health_conf conf;

    health_conf_read(config, &conf);
    if (!conf.command || !c->engine->health) {
        health_conf_done(&conf);
        return;
    }
    m = XNEW(struct monitor);
    m->scheduler = c->engine->health;
    m->c = container_ref(c);
    m->conf = conf;
    {
        LOCK_SCOPE(&c->lock);
        m->started_nsec = c->state.started_nsec;
        c->state.health = HEALTH_STARTING;
        c->state.health_streak = 0;
        json_decref(c->health_log);
        c->health_log = json_array();
        container_publish(c);
    }
    schedule(m);
}
