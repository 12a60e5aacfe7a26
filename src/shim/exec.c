/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Processes added to the running container. An exec counts as running until its output has been
 * delivered, so that its final state is known before its client sees the end of the stream. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "shim/server.h"

static void exec_detached(struct proc_io *io)
{
    const struct exec *e = io->owner;

    event_detached(e->server, e->id);
}

static void exec_finish(struct exec *e)
{
    if (!e->running)
        return;
    e->running = false;
    e->server->n_running--;
    e->server->n_ended++;
    event_exec_exited(e->server, e);
}

static void exec_drained(struct proc_io *io)
{
    struct exec *e = io->owner;

    exec_finish(e);
    proc_io_close(io);
}

/* Forgets the oldest ended execs over the limit; those with a client still attached stay. */
static void forget_old(struct server *s)
{
    while (s->n_ended > SERVER_KEPT_EXECS) {
        struct exec **oldest = NULL;
        for (struct exec **p = &s->execs; *p; p = &(*p)->next)
            if (!(*p)->running && !(*p)->io)
                oldest = p;
        if (!oldest)
            return;
        struct exec *e = *oldest;
        *oldest = e->next;
        s->n_ended--;
        free(e);
    }
}

static void exec_closed(struct proc_io *io)
{
    struct exec *e = io->owner;
    struct server *s = e->server;

    e->io = NULL;
    proc_io_free(io);
    forget_old(s);
    server_check_end(s);
}

static const struct proc_io_ops exec_io_ops = {
    .detached = exec_detached, .drained = exec_drained, .closed = exec_closed};

struct exec *exec_find(struct server *s, const char *id)
{
    for (struct exec *e = s->execs; e; e = e->next)
        if (str_eq(e->id, id))
            return e;
    return NULL;
}

void exec_pipes_close_theirs(struct exec_pipes *p)
{
    for (int i = 0; i < 3; i++)
        p->theirs[i] = close_fd(p->theirs[i]);
}

void exec_pipes_done(struct exec_pipes *p)
{
    exec_pipes_close_theirs(p);
    for (int i = 0; i < 3; i++)
        p->ours[i] = close_fd(p->ours[i]);
}

int exec_pipes_open(bool in, bool out, bool errs, struct exec_pipes *ret, struct err *err)
{
    const bool piped[3] = {in, out, errs};

    *ret = (struct exec_pipes){.theirs = {-1, -1, -1}, .ours = {-1, -1, -1}};
    for (int i = 0; i < 3; i++) {
        int p[2];
        if (!piped[i]) {
            ret->theirs[i] = open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
            if (ret->theirs[i] < 0)
                goto fail;
            continue;
        }
        if (pipe2(p, O_CLOEXEC) < 0)
            goto fail;
        ret->theirs[i] = p[i == 0 ? 0 : 1];
        ret->ours[i] = p[i == 0 ? 1 : 0];
    }
    return 0;
fail:
    exec_pipes_done(ret);
    return err_errno(err, errno, "create the process's standard streams");
}

static int check_exec(struct server *s, const struct request *r, struct err *err)
{
    struct detach d;

    if (s->phase != PHASE_RUNNING)
        return err_set(err, ERR_CONFLICT, "container %s is not running", s->id);
    if (s->state.paused)
        return err_set(err, ERR_CONFLICT,
                       "Container %s is paused, unpause the container before exec", s->id);
    if (exec_find(s, r->exec_id))
        return err_set(err, ERR_CONFLICT, "Error: Exec command %s is already running", r->exec_id);
    if (s->n_running >= SERVER_MAX_EXECS)
        return err_set(err, ERR_UNAVAILABLE, "more than %d execs are running", SERVER_MAX_EXECS);
    /* What could fail after the process has started is tried before. */
    return r->n_streams > 0 ? detach_parse(r->streams[0].detach_keys, &d, err) : 0;
}

/* Runs the process; *ret_io has its streams. */
static int spawn_process(struct server *s, const struct request *r, struct oci_process *process,
                         struct exec *e, struct err *err)
{
    const struct request_stream *st = r->n_streams > 0 ? &r->streams[0] : NULL;
    bool stdin_used = r->open_stdin && st && st->use_stdin;
    struct exec_pipes pipes = {.theirs = {-1, -1, -1}, .ours = {-1, -1, -1}};
    int console = -1;

    process->terminal = r->tty;
    if (!process->has_oom_score_adj) {
        process->has_oom_score_adj = true;
        process->oom_score_adj = s->spec->process.oom_score_adj;
    }
    if (!r->tty) {
        int ret =
            exec_pipes_open(stdin_used, st && st->use_stdout, st && st->use_stderr, &pipes, err);
        if (ret < 0)
            return ret;
    }
    int ret = runtime_exec(s->container, process, pipes.theirs, &e->pid, &console, err);
    exec_pipes_close_theirs(&pipes);
    if (ret < 0) {
        exec_pipes_done(&pipes);
        return ret;
    }
    e->io->close_stdin_on_eof = true;
    if (!r->tty) {
        proc_io_open_pipes(e->io, pipes.ours[0], pipes.ours[1], pipes.ours[2]);
        return 0;
    }
    ret = proc_io_open_console(e->io, console, err);
    if (ret == 0 && r->rows > 0 && r->cols > 0)
        (void)proc_io_resize(e->io, r->rows, r->cols);
    return ret;
}

int exec_start(struct server *s, struct request *r, struct exec **ret, struct err *err)
{
    struct oci_process process = {};
    int rc = check_exec(s, r, err);

    if (rc < 0)
        return rc;
    rc = oci_process_parse(r->process, &process, err);
    if (rc < 0)
        return rc;
    struct exec *e = XNEW(struct exec);
    (void)snprintf(e->id, sizeof(e->id), "%s", r->exec_id);
    e->server = s;
    e->io = proc_io_new(&s->loop, &exec_io_ops, e);
    e->started_nsec = now_nsec();
    rc = spawn_process(s, r, &process, e, err);
    oci_process_done(&process);
    if (rc == 0 && r->n_streams > 0)
        rc = control_attach(e->io, &r->streams[0], err);
    if (rc < 0) {
        if (e->pid > 0)
            (void)kill(e->pid, SIGKILL);
        proc_io_free(e->io);
        free(e);
        return rc;
    }
    e->running = true;
    e->next = s->execs;
    s->execs = e;
    s->n_running++;
    event_exec_started(s, e);
    *ret = e;
    return 0;
}

bool exec_reaped(struct server *s, pid_t pid, int wait_status)
{
    for (struct exec *e = s->execs; e; e = e->next) {
        if (e->pid != pid || e->reaped)
            continue;
        e->reaped = true;
        e->exit_code = server_exit_code(wait_status);
        e->exited_nsec = now_nsec();
        if (e->io)
            proc_io_end(e->io);
        return true;
    }
    return false;
}

void exec_give_up(struct server *s)
{
    for (struct exec *e = s->execs; e; e = e->next) {
        if (!e->running)
            continue;
        if (!e->reaped) {
            e->exit_code = 128 + SIGKILL;
            e->exited_nsec = now_nsec();
        }
        exec_finish(e);
        if (e->io)
            proc_io_close(e->io);
    }
}

bool exec_any_open(const struct server *s)
{
    for (const struct exec *e = s->execs; e; e = e->next)
        if (e->io)
            return true;
    return false;
}

void exec_free_all(struct server *s)
{
    while (s->execs) {
        struct exec *e = s->execs;
        s->execs = e->next;
        proc_io_free(e->io);
        free(e);
    }
}
