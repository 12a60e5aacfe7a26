/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The child: it starts in its new namespaces with a copy of the parent's memory and descriptors,
 * builds the container from inside, and becomes the user's program. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"
#include "base/str.h"
#include "runtime/console.h"
#include "runtime/devices.h"
#include "runtime/hooks.h"
#include "runtime/internal.h"
#include "runtime/mounts.h"
#include "runtime/process.h"
#include "runtime/rootfs.h"
#include "runtime/seccomp.h"
#include "runtime/sync.h"
#include "runtime/sysctl.h"

int procfs_open(struct err *err)
{
    struct statfs fs;
    _cleanup_close_ int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fstatfs(fd, &fs) < 0)
        return err_errno(err, errno, "open /proc");
    if (fs.f_type != PROC_SUPER_MAGIC)
        return err_set(err, ERR_INTERNAL, "/proc is not a procfs");
    return TAKE_FD(fd);
}

int init_need_cgroup(struct init_ctx *ctx, struct err *err)
{
    uint32_t pid = 0;

    if (ctx->has_cgroup)
        return 0;
    int r = sync_expect(ctx->sync_fd, SYNC_CGROUP, &pid, NULL, err);
    if (r < 0)
        return r;
    ctx->has_cgroup = true;
    ctx->host_pid = (pid_t)pid;
    cgroup_find(ctx->cgroup);
    /* In a user namespace it has no right to; the parent did it. */
    if (!ctx->in_userns && (r = cgroup_attach_self(ctx->cgroup, ctx->in_v2, err)) < 0)
        return r;
    if (ctx->ns->new_ns[OCI_NS_CGROUP] && unshare(CLONE_NEWCGROUP) < 0)
        return err_errno(err, errno, "new cgroup namespace");
    return 0;
}

/* Root of the new user namespace, once the parent has written its maps. */
static int become_root(struct init_ctx *ctx, struct err *err)
{
    int r;

    if (ctx->ns->new_ns[OCI_NS_USER] &&
        (r = sync_expect(ctx->sync_fd, SYNC_MAPPED, NULL, NULL, err)) < 0)
        return r;
    if (setgroups(0, NULL) < 0 && errno != EPERM)
        return err_errno(err, errno, "drop groups");
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        return err_errno(err, errno, "become root of the user namespace");
    return 0;
}

static int set_names(const struct oci_spec *spec, struct err *err)
{
    if (!str_empty(spec->hostname) && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
        return err_errno(err, errno, "sethostname");
    if (!str_empty(spec->domainname) &&
        setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
        return err_errno(err, errno, "setdomainname");
    return 0;
}

static int new_keyring(const struct init_ctx *ctx, struct err *err)
{
    const struct runtime_standalone *alone = ctx->params->standalone;
    char name[128];

    if (alone && alone->no_new_keyring)
        return 0;
    (void)snprintf(name, sizeof(name), "_ses.%.100s", ctx->params->id);
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 && errno != ENOSYS &&
        errno != EPERM)
        return err_errno(err, errno, "join session keyring");
    return 0;
}

/* Hooks that want the container's mounts but the host's root. */
static int run_hooks(struct init_ctx *ctx, struct err *err)
{
    const struct oci_spec *spec = ctx->spec;
    int r;

    if (hooks_any(spec, "prestart") || hooks_any(spec, "createRuntime")) {
        if ((r = sync_send(ctx->sync_fd, SYNC_HOOKS, 0, -1)) < 0)
            return err_errno(err, r, "ask for hooks");
        if ((r = sync_expect(ctx->sync_fd, SYNC_HOOKS, NULL, NULL, err)) < 0)
            return r;
    }
    const struct hook_state state = {
        .id = ctx->params->id,
        .status = "creating",
        .pid = ctx->host_pid,
        .bundle = ctx->params->standalone ? ctx->params->standalone->bundle : NULL,
    };
    return hooks_run(spec, "createContainer", &state, err);
}

/* The working directory is made if the image lacks it. */
static int make_cwd(const struct init_ctx *ctx, struct err *err)
{
    int fd = mkdir_p_in_root(ctx->root_fd, ctx->spec->process.cwd, 0755);

    if (fd >= 0)
        close_fd(fd);
    /* What is wrong with it shows, in runc's words, when it is entered. */
    (void)err;
    return 0;
}

static int open_console(struct init_ctx *ctx, struct err *err)
{
    _cleanup_close_ int master = -1;
    int r;

    if (!ctx->spec->process.terminal)
        return 0;
    if ((r = console_open(ctx->root_fd, &ctx->spec->process, &master, &ctx->console_fd, err)) < 0 ||
        (r = console_bind(ctx->root_fd, ctx->console_fd, err)) < 0)
        return r;
    r = sync_send(ctx->sync_fd, SYNC_CONSOLE, 0, master);
    return r < 0 ? err_errno(err, r, "hand over the terminal") : 0;
}

/* A joined mount namespace is taken as it is, with its own root: nothing is mounted or covered. */
static int use_joined_root(struct init_ctx *ctx, struct err *err)
{
    int r;

    ctx->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ctx->root_fd < 0)
        return err_errno(err, errno, "root of the joined mount namespace");
    if ((r = open_console(ctx, err)) < 0 ||
        (r = sysctl_apply(ctx->spec, ctx->host_proc_fd, err)) < 0 ||
        (r = init_need_cgroup(ctx, err)) < 0)
        return r;
    return run_hooks(ctx, err);
}

static int build_root(struct init_ctx *ctx, struct err *err)
{
    int r;

    if (ctx->ns->join[OCI_NS_MOUNT] >= 0)
        return use_joined_root(ctx, err);
    if ((r = rootfs_attach(ctx, err)) < 0 || (r = mounts_setup(ctx, ctx->idmap_fds, err)) < 0 ||
        (r = devices_setup(ctx, err)) < 0 || (r = make_cwd(ctx, err)) < 0 ||
        (r = open_console(ctx, err)) < 0 ||
        (r = sysctl_apply(ctx->spec, ctx->host_proc_fd, err)) < 0 ||
        (r = init_need_cgroup(ctx, err)) < 0 || (r = run_hooks(ctx, err)) < 0 ||
        (r = mounts_mask(ctx, err)) < 0)
        return r;
    return rootfs_enter(ctx, err);
}

static int build(struct init_ctx *ctx, struct err *err)
{
    const struct oci_process *process = &ctx->spec->process;
    int r;

    if (setsid() < 0)
        return err_errno(err, errno, "setsid");
    if (ctx->ns->any_user && (r = become_root(ctx, err)) < 0)
        return r;
    /* While it still holds descriptors of the host, nobody in the container may trace it. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(err, errno, "PR_SET_DUMPABLE");
    if ((r = ns_child_join(ctx->ns, err)) < 0 || (r = new_keyring(ctx, err)) < 0 ||
        (ctx->ns->new_ns[OCI_NS_NETWORK] && (r = ns_loopback_up(err)) < 0) ||
        (r = set_names(ctx->spec, err)) < 0)
        return r;
    if (!process->terminal && (r = process_stdio(ctx->params->stdio, process->user.uid, err)) < 0)
        return r;
    if ((r = build_root(ctx, err)) < 0)
        return r;
    if (process->terminal && (r = console_adopt(ctx->console_fd, err)) < 0)
        return r;
    if (ctx->spec->has_personality && personality((unsigned long)ctx->spec->personality) < 0)
        return err_errno(err, errno, "set personality");
    return 0;
}

/* The socket that errors of execve() go to: the parent's, or that of whoever starts it later. */
static int wait_start(struct init_ctx *ctx, struct err *err)
{
    const struct runtime_standalone *alone = ctx->params->standalone;

    if (!alone || alone->start_fd < 0)
        return sync_expect(ctx->sync_fd, SYNC_START, NULL, NULL, err);
    /* The parent may end now. */
    ctx->sync_fd = close_fd(ctx->sync_fd);
    do
        ctx->sync_fd = accept4(alone->start_fd, NULL, NULL, SOCK_CLOEXEC);
    while (ctx->sync_fd < 0 && errno == EINTR);
    if (ctx->sync_fd < 0)
        return err_errno(err, errno, "wait to be started");
    return sync_expect(ctx->sync_fd, SYNC_START, NULL, NULL, err);
}

static int run(struct init_ctx *ctx, struct err *err)
{
    const struct runtime_standalone *alone = ctx->params->standalone;
    struct process p = {
        .spec = &ctx->spec->process,
        .memory_policy = &ctx->spec->memory_policy,
        .proc_fd = ctx->host_proc_fd,
        .seccomp_fd = ctx->params->seccomp_fd,
        .seccomp_flags = ctx->seccomp_flags,
        .listener_sock = ctx->listener_sock,
        .preserve_fds = alone ? alone->preserve_fds : 0,
    };
    int r;

    if ((r = build(ctx, err)) < 0)
        return r;
    if (ctx->spec->seccomp && ctx->params->seccomp_fd < 0 &&
        (r = sync_expect(ctx->sync_fd, SYNC_SECCOMP, NULL, &p.seccomp_fd, err)) < 0)
        return r;
    if ((r = process_prepare(&p, err)) < 0)
        return r;
    if ((r = sync_send(ctx->sync_fd, SYNC_READY, p.limits_left, -1)) < 0)
        return err_errno(err, r, "report readiness");
    if ((r = wait_start(ctx, err)) < 0)
        return r;
    const struct hook_state state = {
        .id = ctx->params->id,
        .status = "created",
        .pid = ctx->host_pid,
        .bundle = alone ? alone->bundle : NULL,
    };
    if ((r = hooks_run(ctx->spec, "startContainer", &state, err)) < 0)
        return r;
    _cleanup_free_ char *message = NULL;
    if (ctx->listener_sock >= 0)
        p.listener_message = message =
            seccomp_listener_message(ctx->spec->seccomp, ctx->spec->version, ctx->host_pid,
                                     hooks_state_json(ctx->spec, &state));
    return process_exec(&p, err);
}

_noreturn_ void init_main(struct init_ctx *ctx)
{
    struct err err = {0};

    (void)run(ctx, &err);
    if (ctx->sync_fd >= 0)
        (void)sync_send_err(ctx->sync_fd, &err);
    _exit(255);
}
