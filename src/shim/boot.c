/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Making the container that the shim will keep. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "shim/server.h"

static int open_dir(struct server *s, const struct request *r, struct err *err)
{
    s->id = xstrdup(r->id);
    s->dir = xstrdup(r->dir);
    s->abandon_nsec = r->abandon_nsec;
    s->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->dir_fd < 0 ? err_errno(err, errno, "open %s", r->dir) : 0;
}

static int read_spec(struct server *s, const struct request *r, struct err *err)
{
    struct stat st;
    _cleanup_free_ char *text = NULL;
    size_t len;

    if (fstat(r->spec_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "the spec is not a file");
    int ret = read_fd(r->spec_fd, LIMIT_OCI_CONFIG_BYTES, &text, &len);
    if (ret < 0)
        return err_errno(err, ret, "read the spec");
    ret = oci_spec_parse(text, len, &s->spec, err);
    if (ret < 0)
        return ret;
    /* Filters are compiled by the daemon: the compiler would be half of this program. */
    if (s->spec->seccomp && r->seccomp_fd < 0)
        return err_set(err, ERR_INVALID, "the spec has linux.seccomp but no compiled filter came");
    s->spec->process.terminal = r->tty;
    if (!s->spec->process.has_oom_score_adj) {
        s->spec->process.has_oom_score_adj = true;
        s->spec->process.oom_score_adj = s->inherited_oom_score_adj;
    }
    return 0;
}

static int open_log(struct server *s, const struct request *r, struct err *err)
{
    _cleanup_free_ char *attrs = r->log_attrs ? json_print(r->log_attrs) : NULL;
    struct logger_params params = {.path = r->log_path,
                                   .max_size_bytes = r->log_max_size,
                                   .max_files = r->log_max_files,
                                   .attrs_json = attrs};

    return logger_open(r->log_driver, &params, &s->log, err);
}

static int create_container(struct server *s, const struct request *r, struct err *err)
{
    struct exec_pipes pipes = {.theirs = {-1, -1, -1}, .ours = {-1, -1, -1}};
    struct runtime_create_params params = {.id = s->id,
                                           .spec = s->spec,
                                           .bundle_fd = -1,
                                           .rootfs_fd = r->rootfs_fd,
                                           .netns_fd = r->netns_fd,
                                           .seccomp_fd = r->seccomp_fd,
                                           .stdio = {-1, -1, -1}};
    int ret = 0;

    if (!r->tty)
        ret = exec_pipes_open(r->open_stdin, true, true, &pipes, err);
    if (ret < 0)
        return ret;
    memcpy(params.stdio, pipes.theirs, sizeof(params.stdio));
    ret = runtime_create(&params, &s->container, err);
    exec_pipes_close_theirs(&pipes);
    if (ret < 0) {
        exec_pipes_done(&pipes);
        return ret;
    }
    s->state.pid = runtime_pid(s->container);
    s->io->log = s->log;
    s->io->close_stdin_on_eof = r->stdin_once;
    if (!r->tty) {
        proc_io_open_pipes(s->io, pipes.ours[0], pipes.ours[1], pipes.ours[2]);
        return 0;
    }
    ret = proc_io_open_console(s->io, runtime_take_console(s->container), err);
    if (ret == 0 && r->rows > 0 && r->cols > 0)
        (void)proc_io_resize(s->io, r->rows, r->cols);
    /* Without -i the terminal is there but nobody types. */
    s->io->ignore_input = !r->open_stdin;
    return ret;
}

static int publish(struct server *s, struct request *r, struct err *err)
{
    int ret = 0;

    for (size_t i = 0; i < r->n_streams && ret == 0; i++)
        ret = control_attach(s->io, &r->streams[i], err);
    if (ret < 0)
        return ret;
    (void)unlinkat(s->dir_fd, SHIM_EXIT_FILE, 0); /* of the container's previous run */
    ret = state_file_write(s);
    if (ret < 0)
        return err_errno(err, ret, "write " SHIM_STATE_FILE);
    return control_listen(s, err);
}

/* The kernel should rather end anything else; the container gets what we had. */
static void avoid_oom_killer(struct server *s)
{
    _cleanup_free_ char *text = NULL;
    size_t len;

    if (read_file_at(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, &len) < 0)
        return;
    if (len > 0 && text[len - 1] == '\n')
        text[len - 1] = '\0';
    (void)parse_int(text, &s->inherited_oom_score_adj);
    (void)write_kernel_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "-998");
}

int server_create(struct server *s, struct request *r, struct err *err)
{
    avoid_oom_killer(s);
    int ret = open_dir(s, r, err);

    if (ret == 0)
        ret = read_spec(s, r, err);
    if (ret == 0)
        ret = open_log(s, r, err);
    if (ret == 0)
        ret = create_container(s, r, err);
    if (ret == 0)
        ret = publish(s, r, err);
    if (ret < 0 && s->container) {
        (void)runtime_kill(s->container, SIGKILL, true);
        (void)runtime_destroy(s->container, NULL);
        (void)waitpid(s->state.pid, NULL, 0);
    }
    if (ret < 0)
        return ret;
    /* The parsed document has served; what is needed later has its own references. */
    json_decref(s->spec->raw);
    s->spec->raw = NULL;
    return 0;
}
