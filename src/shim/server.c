/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/timeutil.h"
#include "shim/footprint.h"

#define END_WAIT_NSEC  (15 * NSEC_PER_SEC) /* for execs that were killed and do not go */
#define OOM_WATCH_NSEC (50 * NSEC_PER_MSEC)

int server_exit_code(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return 128 + WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}

/* Ends the loop once the exit is reported and no client waits for output. */
static void check_done(struct server *s)
{
    if (s->phase == PHASE_REPORTED && !s->io && !exec_any_open(s))
        s->loop.stop = true;
}

static void report_exit(struct server *s)
{
    s->phase = PHASE_REPORTED;
    loop_timer_cancel(&s->loop, &s->end_timer);
    s->state.exited = true;
    (void)exit_file_write(s);
    control_close(s);
    event_exited(s);
    if (s->io)
        proc_io_close(s->io);
}

void server_check_end(struct server *s)
{
    if (s->phase == PHASE_ENDING && (!s->io || s->io->drained) && s->n_running == 0)
        report_exit(s);
    check_done(s);
}

static void end_timeout(struct loop_timer *t)
{
    struct server *s = t->owner;

    exec_give_up(s);
    if (s->phase == PHASE_ENDING)
        report_exit(s);
    check_done(s);
}

static void io_detached(struct proc_io *io)
{
    event_detached(io->owner, "");
}

static void io_drained(struct proc_io *io)
{
    struct server *s = io->owner;

    logger_flush(s->log);
    server_check_end(s);
}

static void io_closed(struct proc_io *io)
{
    struct server *s = io->owner;

    s->io = NULL;
    proc_io_free(io);
    check_done(s);
}

static const struct proc_io_ops server_io_ops = {
    .detached = io_detached, .drained = io_drained, .closed = io_closed};

/* Init has been reaped: the container is over, whatever else still runs in it. */
static void init_exited(struct server *s, int exit_code)
{
    uint64_t kills = 0;
    bool known = s->state.oom_killed;

    s->init_reaped = true;
    s->state.exit_code = exit_code;
    s->state.exited_nsec = now_nsec();
    s->state.paused = false;
    s->phase = PHASE_ENDING;
    oom_watch_stop(s);
    loop_timer_cancel(&s->loop, &s->abandon_timer);
    if (runtime_oom_kills(s->container, &kills) == 0)
        s->state.oom_killed = kills > 0;
    if (s->state.oom_killed && !known)
        event_oom(s);
    (void)runtime_destroy(s->container, NULL);
    proc_io_end(s->io);
    loop_timer_arm(&s->loop, &s->end_timer, END_WAIT_NSEC);
}

static void reap(struct server *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->state.pid && !s->init_reaped)
            init_exited(s, server_exit_code(status));
        else
            (void)exec_reaped(s, pid, status); /* or an orphan that came to us */
    }
}

static void signal_ready(struct loop_source *src, uint32_t events)
{
    struct server *s = src->owner;
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        /* Who asks the shim to end asks its container. */
        if (info.ssi_signo == SIGTERM && !s->init_reaped)
            (void)runtime_kill(s->container, SIGTERM, false);
    }
    reap(s);
}

static int watch_signals(struct server *s, struct err *err)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        return err_errno(err, errno, "signalfd");
    s->signal_src = (struct loop_source){.fd = s->signal_fd, .fn = signal_ready, .owner = s};
    int r = loop_watch(&s->loop, &s->signal_src, EPOLLIN);
    return r < 0 ? err_errno(err, r, "signalfd") : 0;
}

/* Removes what a container that never was leaves in its directory. */
static void remove_files(struct server *s)
{
    control_close(s);
    if (s->dir_fd >= 0)
        (void)unlinkat(s->dir_fd, SHIM_STATE_FILE, 0);
}

static void take_back(struct server *s)
{
    (void)runtime_kill(s->container, SIGKILL, true);
    (void)runtime_destroy(s->container, NULL);
    while (!s->init_reaped && waitpid(s->state.pid, NULL, 0) < 0 && errno == EINTR) {
    }
    s->init_reaped = true;
    remove_files(s);
    s->loop.stop = true;
}

int server_abort(struct server *s, struct err *err)
{
    if (s->phase != PHASE_CREATED)
        return err_set(err, ERR_CONFLICT, "container %s has been started", s->id);
    take_back(s);
    return 0;
}

static void abandon_check(struct loop_timer *t)
{
    struct server *s = t->owner;
    int64_t quiet = monotonic_nsec() - s->last_contact_nsec;

    if (s->phase == PHASE_RUNNING) { /* armed anew by server_start() */
        oom_watch_start(s);
        return;
    }
    if (s->phase != PHASE_CREATED)
        return;
    if (s->n_connections == 0 && quiet >= s->abandon_nsec)
        take_back(s);
    else
        loop_timer_arm(&s->loop, t, s->n_connections ? s->abandon_nsec : s->abandon_nsec - quiet);
}

/* The init process could not execute its program and has ended or is about to. */
static void start_failed(struct server *s, const struct err *err)
{
    int status = 0;

    free(s->error);
    s->error = xstrdup(err->message);
    (void)runtime_kill(s->container, SIGKILL, false);
    pid_t r;
    while ((r = waitpid(s->state.pid, &status, 0)) < 0 && errno == EINTR) {
    }
    init_exited(s, r == s->state.pid && WIFEXITED(status) ? WEXITSTATUS(status) : 127);
}

int server_start(struct server *s, struct err *err)
{
    if (s->phase != PHASE_CREATED)
        return err_set(err, ERR_CONFLICT, "container %s has been started already", s->id);
    int64_t now = now_nsec();
    int r = runtime_start(s->container, err);
    if (r < 0) {
        start_failed(s, err);
        return r;
    }
    s->phase = PHASE_RUNNING;
    s->state.started = true;
    s->state.started_nsec = now;
    (void)state_file_write(s);
    event_started(s);
    /* Later, so that short-lived containers do not pay for it. */
    loop_timer_arm(&s->loop, &s->abandon_timer, OOM_WATCH_NSEC);
    return 0;
}

static void answer_created(struct server *s, int boot_fd)
{
    struct shim_out o;

    shim_out_init(&o, "created");
    json_set_i64(o.body, "pid", s->state.pid);
    (void)shim_out_send(&o, boot_fd); /* a daemon that died meanwhile finds us by our socket */
    shim_out_done(&o);
}

static void answer_error(int boot_fd, const struct err *err)
{
    struct shim_out o;

    shim_out_init(&o, "error");
    json_set_str(o.body, "kind", shim_kind_name(err->kind));
    json_set_i64(o.body, "errno", err->code);
    json_set_str(o.body, "message", err->message);
    (void)shim_out_send(&o, boot_fd);
    shim_out_done(&o);
}

static void server_done(struct server *s)
{
    oom_watch_stop(s);
    exec_free_all(s);
    proc_io_free(s->io);
    control_done(s);
    if (s->log)
        logger_close(s->log);
    if (s->container)
        runtime_container_free(s->container);
    if (s->spec)
        oci_spec_free(s->spec);
    close_fd(s->signal_fd);
    if (s->dir_fd >= 0) {
        struct stat st; /* our stderr: of use only if something was said */
        if (fstatat(s->dir_fd, SHIM_LOG_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 0)
            (void)unlinkat(s->dir_fd, SHIM_LOG_FILE, 0);
    }
    close_fd(s->dir_fd);
    loop_done(&s->loop);
    free(s->id);
    free(s->dir);
    free(s->error);
}

static int receive_create(struct server *s, int boot_fd, struct err *err)
{
    struct shim_msg m = {};
    struct request req = {.spec_fd = -1, .rootfs_fd = -1, .netns_fd = -1, .seccomp_fd = -1};
    int r = shim_msg_recv(boot_fd, &m, err);

    if (r == 0)
        return err_set(err, ERR_CANCELLED, "nobody asks for a container");
    if (r < 0)
        return r;
    r = request_parse(&m, &req, err);
    if (r == 0 && req.type != REQUEST_CREATE)
        r = err_set(err, ERR_INVALID, "the first message must be create");
    if (r == 0)
        r = server_create(s, &req, err);
    request_done(&req);
    shim_msg_done(&m);
    return r;
}

static struct server *trimmed; /* the loop's idle callback has no argument */

static void trim(void)
{
    logger_trim(trimmed->log);
    proc_io_trim();
    footprint_trim();
}

int server_run(int boot_fd)
{
    struct server s = {.dir_fd = -1, .listen_fd = -1, .signal_fd = -1};
    struct err err = {};
    int r = loop_init(&s.loop);

    if (r < 0)
        return 1;
    s.abandon_timer = (struct loop_timer){.fn = abandon_check, .owner = &s};
    s.end_timer = (struct loop_timer){.fn = end_timeout, .owner = &s};
    r = watch_signals(&s, &err);
    if (r == 0) {
        s.io = proc_io_new(&s.loop, &server_io_ops, &s);
        r = receive_create(&s, boot_fd, &err);
    }
    if (r < 0) {
        remove_files(&s);
        answer_error(boot_fd, &err);
    } else {
        answer_created(&s, boot_fd);
        close_fd(boot_fd);
        s.last_contact_nsec = monotonic_nsec();
        loop_timer_arm(&s.loop, &s.abandon_timer, s.abandon_nsec);
        trimmed = &s;
        s.loop.idle = trim;
        loop_run(&s.loop);
    }
    server_done(&s);
    return r < 0;
}
