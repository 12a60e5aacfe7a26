/* SPDX-License-Identifier: GPL-2.0-or-later */
/* create and run. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sock.h"
#include "base/str.h"
#include "runtime/cli/cli.h"

struct create_options {
    const char *bundle, *console_socket, *pid_file, *preserve_fds, *config;
    bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
};

struct new_container {
    const char *id; /* borrowed */
    char bundle[PATH_MAX];
    int bundle_fd, dir_fd, start_fd, seccomp_fd; /* owned */
    uint32_t preserve_fds;
    struct oci_spec *spec;       /* owned */
    struct runtime_container *c; /* owned */
};

static void new_container_done(struct new_container *n)
{
    runtime_container_free(n->c);
    oci_spec_free(n->spec);
    if (n->bundle_fd >= 0)
        close_fd(n->bundle_fd);
    if (n->dir_fd >= 0)
        close_fd(n->dir_fd);
    if (n->start_fd >= 0)
        close_fd(n->start_fd);
    if (n->seccomp_fd >= 0)
        close_fd(n->seccomp_fd);
}

static int open_bundle(struct new_container *n, const struct create_options *o, struct err *err)
{
    const char *path = o->bundle ? o->bundle : ".";

    if (!realpath(path, n->bundle))
        return err_errno(err, errno, "bundle %s", path);
    n->bundle_fd = open(n->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (n->bundle_fd < 0)
        return err_errno(err, errno, "bundle %s", path);
    return bundle_read(n->bundle_fd, o->config, &n->spec, err);
}

static int check_options(const struct new_container *n, const struct create_options *o,
                         bool detached, struct err *err)
{
    bool terminal = n->spec->process.terminal;

    if (detached && terminal && !o->console_socket)
        return err_set(err, ERR_INVALID,
                       "cannot allocate tty if runtime will detach without setting console socket");
    if (o->console_socket && !(detached && terminal))
        return err_set(err, ERR_INVALID,
                       "cannot use console socket if runtime will not detach or allocate tty");
    return 0;
}

static int parse_preserve(const struct create_options *o, uint32_t *ret, struct err *err)
{
    if (o->preserve_fds && parse_u32(o->preserve_fds, ret) < 0)
        return err_set(err, ERR_INVALID, "--preserve-fds: \"%s\" is not a number", o->preserve_fds);
    for (uint32_t i = 0; i < *ret; i++)
        if (*ret > 1024 || fcntl((int)(3 + i), F_GETFD) < 0)
            return err_set(err, ERR_INVALID, "--preserve-fds: descriptor %u is not open", 3 + i);
    return 0;
}

/* Everything that create and run share. The state directory exists only when it succeeds. */
static int make(struct cli *cli, struct new_container *n, const struct create_options *o,
                bool detached, bool started_later, struct err *err)
{
    int r;

    if ((r = open_bundle(n, o, err)) < 0 || (r = check_options(n, o, detached, err)) < 0 ||
        (r = filter_get(cli, n->spec, &n->seccomp_fd, err)) < 0)
        return r;
    n->dir_fd = state_dir_new(cli, n->id, err);
    if (n->dir_fd < 0)
        return n->dir_fd;
    if (started_later) {
        _cleanup_free_ char *path = state_start_path(cli, n->id);
        n->start_fd = unix_listen(path, SOCK_SEQPACKET, 0600);
        if (n->start_fd < 0)
            return err_errno(err, n->start_fd, "listen on %s", path);
    }
    const struct runtime_standalone alone = {
        .start_fd = n->start_fd,
        .bundle = n->bundle,
        .preserve_fds = n->preserve_fds,
        .no_pivot = o->no_pivot,
        .no_new_keyring = o->no_new_keyring,
    };
    const struct runtime_create_params params = {
        .id = n->id,
        .spec = n->spec,
        .bundle_fd = n->bundle_fd,
        .rootfs_fd = -1,
        .netns_fd = -1,
        .seccomp_fd = n->seccomp_fd,
        .stdio = {0, 1, 2},
        .standalone = &alone,
    };
    if ((r = runtime_create(&params, &n->c, err)) < 0) {
        err_wrap(err, "unable to start container process");
        return r;
    }
    if ((r = state_save(n->dir_fd, n->id, n->bundle, n->spec, runtime_pid(n->c), err)) < 0)
        return r;
    if (o->console_socket) {
        _cleanup_close_ int master = runtime_take_console(n->c);
        if ((r = relay_send_console(o->console_socket, master, err)) < 0)
            return r;
    }
    return o->pid_file ? relay_pid_file(o->pid_file, runtime_pid(n->c), err) : 0;
}

static void unmake(struct cli *cli, struct new_container *n)
{
    struct err ignored;

    if (n->c)
        (void)runtime_destroy(n->c, &ignored);
    if (n->dir_fd >= 0)
        (void)state_remove(cli, n->id, &ignored);
}

static int parse(int argc, char **argv, struct create_options *o, bool run, struct new_container *n,
                 struct err *err)
{
    const struct cli_option options[] = {
        {"bundle", 'b', "path", "bundle directory", .value = &o->bundle},
        {"console-socket", 0, "path", "where to send the terminal", .value = &o->console_socket},
        {"pid-file", 0, "path", "file to write the process id to", .value = &o->pid_file},
        {"preserve-fds", 0, "n", "pass descriptors 3 to 2+n", .value = &o->preserve_fds},
        {"config", 'f', "path", "read this instead of the bundle's config.json",
         .value = &o->config},
        {"no-pivot", 0, NULL, "do not pivot_root", .flag = &o->no_pivot},
        {"no-new-keyring", 0, NULL, "keep the session keyring", .flag = &o->no_new_keyring},
        {run ? "detach" : "", run ? 'd' : '\0', NULL, "do not wait", .flag = &o->detach},
        {run ? "keep" : "", 0, NULL, "do not delete afterwards", .flag = &o->keep},
        {run ? "no-subreaper" : "", 0, NULL, "do not adopt orphans", .flag = &o->no_subreaper},
        {0},
    };
    int i = cli_parse(options, argc, argv, 1, err);

    *n = (struct new_container){.bundle_fd = -1, .dir_fd = -1, .start_fd = -1, .seccomp_fd = -1};
    if (i < 0)
        return i;
    if (argc - i != 1)
        return err_set(err, ERR_INVALID, "\"%s\" requires exactly 1 argument(s)", argv[0]);
    n->id = argv[i];
    return parse_preserve(o, &n->preserve_fds, err);
}

int cmd_create(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct create_options o = {0};
    struct new_container n;
    int r = parse(argc, argv, &o, false, &n, err);

    if (r < 0)
        return r;
    r = make(cli, &n, &o, true, true, err);
    if (r < 0)
        unmake(cli, &n);
    new_container_done(&n);
    return r;
}

static int run_started(struct cli *cli, struct new_container *n, const struct create_options *o,
                       struct err *err)
{
    struct err ignored;

    if (o->detach)
        return 0;
    int status = relay_wait(runtime_pid(n->c), runtime_take_console(n->c), err);
    if (o->keep)
        return status;
    int r = runtime_destroy(n->c, err);
    (void)state_remove(cli, n->id, r < 0 ? &ignored : err);
    return r < 0 ? r : status;
}

int cmd_run(struct cli *cli, int argc, char **argv, struct err *err)
{
    struct create_options o = {0};
    struct new_container n;
    int r = parse(argc, argv, &o, true, &n, err);

    if (r < 0)
        return r;
    if (!o.no_subreaper && !o.detach)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    r = o.detach ? 0 : relay_hold_signals(err);
    if (r == 0)
        r = make(cli, &n, &o, o.detach, false, err);
    if (r == 0)
        r = runtime_start(n.c, err);
    if (r < 0)
        unmake(cli, &n);
    else
        r = run_started(cli, &n, &o, err);
    new_container_done(&n);
    return r;
}
