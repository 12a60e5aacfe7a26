/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Another process in a running container.
 *
 * One fork: the parent points its future children at the container's pid namespace and clones one
 * straight into the v2 cgroup; the child enters the v1 cgroups and the other namespaces, and
 * becomes the program once the parent has set its limits. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/console.h"
#include "runtime/hooks.h"
#include "runtime/internal.h"
#include "runtime/lsm.h"
#include "runtime/process.h"
#include "runtime/rlimits.h"
#include "runtime/sched.h"
#include "runtime/seccomp.h"
#include "runtime/sync.h"

struct exec {
    struct runtime_container *c; /* borrowed */
    struct oci_process process;  /* members borrowed, but for what the container's own gives */
    const int *stdio;            /* borrowed */
    int proc_fd;
    int sync[2];
    int listener_sock;
    int ns_fd[OCI_NS_MAX]; /* where setns() takes no pidfd, or to compare; -1 */
    bool in_v2;
    bool in_userns; /* born in the container's user namespace */
};

/* Which namespaces differ from ours. A pidfd joins all of them in one call, but entering the user
 * namespace that one is in already is an error. */
static int find_namespaces(struct exec *x, struct err *err)
{
    for (size_t i = 0; i < OCI_NS_MAX; i++) {
        char theirs[64], ours[64];
        struct stat a, b;
        (void)snprintf(theirs, sizeof(theirs), "%d/ns/%s", (int)x->c->pid,
                       ns_file((enum oci_ns_type)i));
        (void)snprintf(ours, sizeof(ours), "self/ns/%s", ns_file((enum oci_ns_type)i));
        if (fstatat(x->proc_fd, ours, &b, 0) < 0)
            continue; /* this kernel has no such kind */
        _cleanup_close_ int fd = openat(x->proc_fd, theirs, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &a) < 0)
            return err_errno(err, errno, "namespaces of the container's init process");
        if (a.st_ino != b.st_ino || a.st_dev != b.st_dev)
            x->ns_fd[i] = TAKE_FD(fd);
    }
    return 0;
}

static int join(const struct exec *x, struct err *err)
{
    /* The user namespace first: it gives power over the others, which belong to it. */
    static const enum oci_ns_type order[] = {OCI_NS_USER, OCI_NS_CGROUP,  OCI_NS_IPC,
                                             OCI_NS_UTS,  OCI_NS_NETWORK, OCI_NS_MOUNT};
    int flags = 0;

    for (size_t i = x->in_userns; i < ARRAY_SIZE(order); i++)
        if (x->ns_fd[order[i]] >= 0)
            flags |= ns_flag(order[i]);
    if (flags == 0 || (x->c->pidfd >= 0 && setns(x->c->pidfd, flags) == 0))
        return 0;
    if (x->c->pidfd >= 0 && errno != EINVAL && errno != EBADF) /* Linux before 5.8 */
        return err_errno(err, errno, "join the container's namespaces");
    for (size_t i = x->in_userns; i < ARRAY_SIZE(order); i++)
        if (x->ns_fd[order[i]] >= 0 && setns(x->ns_fd[order[i]], ns_flag(order[i])) < 0)
            return err_errno(err, errno, "join the container's %s namespace", ns_file(order[i]));
    return 0;
}

static int child_console(const struct exec *x, int sock, struct err *err)
{
    _cleanup_close_ int master = -1, slave = -1, root = -1;
    int r;

    if (!x->process.terminal)
        return process_stdio(x->stdio, x->process.user.uid, err);
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_errno(err, errno, "open /");
    if ((r = console_open(root, &x->process, &master, &slave, err)) < 0 ||
        (r = console_adopt(slave, err)) < 0)
        return r;
    r = sync_send(sock, SYNC_CONSOLE, 0, master);
    return r < 0 ? err_errno(err, r, "hand over the terminal") : 0;
}

static int child_run(struct exec *x, int sock, struct err *err)
{
    struct process p = {
        .spec = &x->process,
        .memory_policy = &x->c->spec->memory_policy,
        .proc_fd = x->proc_fd,
        .seccomp_fd = x->c->seccomp_fd,
        .seccomp_flags = x->c->seccomp_flags,
        .listener_sock = x->listener_sock,
    };
    uint32_t host_pid = 0;
    int r;

    if ((r = cgroup_attach_self(x->c->cgroup, x->in_v2, err)) < 0 ||
        (r = sched_set_affinity(&x->process.affinity_final, "process.execCPUAffinity.final", err)) <
            0 ||
        (r = join(x, err)) < 0)
        return r;
    if (x->ns_fd[OCI_NS_USER] >= 0 && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        return err_errno(err, errno, "become root of the user namespace");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_errno(err, errno, "PR_SET_DUMPABLE");
    if (setsid() < 0)
        return err_errno(err, errno, "setsid");
    if (x->c->spec->has_personality && personality((unsigned long)x->c->spec->personality) < 0)
        return err_errno(err, errno, "set personality");
    if ((r = child_console(x, sock, err)) < 0 || (r = process_prepare(&p, err)) < 0)
        return r;
    if ((r = sync_send(sock, SYNC_READY, p.limits_left, -1)) < 0)
        return err_errno(err, r, "report readiness");
    if ((r = sync_expect(sock, SYNC_START, &host_pid, NULL, err)) < 0)
        return r;
    _cleanup_free_ char *message = NULL;
    if (x->listener_sock >= 0) {
        const struct oci_spec *spec = x->c->spec;
        const struct hook_state state = {
            .id = x->c->id, .status = "running", .pid = x->c->pid, .bundle = x->c->bundle};
        p.listener_message = message = seccomp_listener_message(
            spec->seccomp, spec->version, (pid_t)host_pid, hooks_state_json(spec, &state));
    }
    return process_exec(&p, err);
}

static _noreturn_ void child_main(struct exec *x)
{
    struct err err = {0};

    close_fd(x->sync[0]);
    (void)child_run(x, x->sync[1], &err);
    (void)sync_send_err(x->sync[1], &err);
    _exit(255);
}

static pid_t spawn(struct exec *x, int *ret_pidfd, struct err *err)
{
    struct cgroup *cgroup = x->c->cgroup;
    int own = -1, cgroup_fd = cgroup->v2 ? cgroup->v2->dir_fd : -1;
    int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

    if (x->ns_fd[OCI_NS_USER] >= 0 && geteuid() != 0) {
        /* An ordinary user has power over the other namespaces only from inside this one. */
        x->in_userns = true;
        pid_t pid =
            clone_inside_userns(x->ns_fd[OCI_NS_USER], x->ns_fd[OCI_NS_PID], 0, ret_pidfd, err);
        if (pid == 0)
            child_main(x);
        return pid;
    }
    if (x->ns_fd[OCI_NS_PID] >= 0) {
        own = ns_enter(OCI_NS_PID, x->ns_fd[OCI_NS_PID], err);
        if (own < 0)
            return own;
    }
    /* From its birth it is seen inside, and holds the host's descriptors (CVE-2016-9962). */
    bool hide = dumpable > 0 && geteuid() == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
    pid_t pid = clone_raw(0, cgroup_fd, &x->in_v2, ret_pidfd);
    if (pid == 0)
        child_main(x);
    if (hide)
        (void)prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
    ns_leave(OCI_NS_PID, own);
    if (pid < 0)
        /* ENOMEM: the namespace's init has just ended. */
        return (pid_t)(pid == -ENOMEM
                           ? err_set(err, ERR_CONFLICT, "the container's init process has ended")
                           : err_errno(err, (int)pid, "clone"));
    return pid;
}

static int await(struct exec *x, pid_t pid, int pidfd, int *ret_console, struct err *err)
{
    uint32_t limits_left = 0;
    int sock = x->sync[0], console = -1, r = child_wait(sock, pid, pidfd, err);

    if (r == 0 && x->process.terminal &&
        (r = sync_expect(sock, SYNC_CONSOLE, NULL, &console, err)) == 0)
        r = child_wait(sock, pid, pidfd, err);
    if (r == 0)
        r = sync_expect(sock, SYNC_READY, &limits_left, NULL, err);
    if (r == 0 && limits_left)
        r = rlimits_apply(pid, &x->process, err);
    if (r == 0)
        r = sched_apply(pid, &x->process, err);
    if (r == 0)
        r = oom_score_apply(x->proc_fd, pid, &x->process, err);
    if (r == 0 && (r = sync_send(sock, SYNC_START, (uint32_t)pid, -1)) < 0)
        r = err_errno(err, r, "let the process go");
    if (r == 0 && (r = child_wait(sock, pid, pidfd, err)) == 0)
        r = sync_expect_exec(sock, err);
    if (r < 0 && console >= 0)
        close_fd(console);
    if (r == 0 && x->process.terminal)
        *ret_console = console;
    return r;
}

/* What the process object leaves open is as for the container's own program. */
static void inherit(struct exec *x, const struct oci_process *given)
{
    const struct oci_process *own = &x->c->spec->process;

    x->process = *given;
    if (!given->caps.set && x->c->spec->has_process)
        x->process.caps = own->caps;
    if (!given->affinity_initial.set && !given->affinity_final.set) {
        x->process.affinity_initial = own->affinity_initial;
        x->process.affinity_final = own->affinity_final;
    }
    if (!given->apparmor_profile)
        x->process.apparmor_profile = own->apparmor_profile;
    if (!given->selinux_label)
        x->process.selinux_label = own->selinux_label;
}

/* The filter of a container found again (runtime_open()) is compiled when it is first needed. */
static int need_seccomp(struct runtime_container *c, struct err *err)
{
    int r;

    if (!c->spec->seccomp)
        return 0;
    if ((r = seccomp_flags(c->spec->seccomp, &c->seccomp_flags, err)) < 0)
        return r;
    return c->seccomp_fd >= 0 ? 0 : seccomp_compile(c->spec->seccomp, &c->seccomp_fd, err);
}

void runtime_use_seccomp(struct runtime_container *c, int fd)
{
    if (c->seccomp_fd >= 0)
        close_fd(c->seccomp_fd);
    c->seccomp_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static int run(struct exec *x, pid_t *ret_pid, int *ret_console, struct err *err)
{
    int pidfd = -1, r;

    x->proc_fd = procfs_open(err);
    if (x->proc_fd < 0)
        return x->proc_fd;
    if ((r = lsm_check(&x->process, x->proc_fd, err)) < 0 || (r = need_seccomp(x->c, err)) < 0 ||
        (r = listener_connect(x->c->spec, &x->listener_sock, err)) < 0 ||
        (r = find_namespaces(x, err)) < 0 || (r = sync_pair(x->sync, err)) < 0)
        return r;
    /* Born where it is to run, so that it never runs elsewhere. */
    struct oci_id_set before = {.set = x->process.affinity_initial.set};
    if (before.set && syscall(SYS_sched_getaffinity, 0, sizeof(before.bits), before.bits) < 0)
        return err_errno(err, errno, "processor affinity");
    r = sched_set_affinity(&x->process.affinity_initial, "process.execCPUAffinity.initial", err);
    if (r < 0)
        return r;
    pid_t pid = spawn(x, &pidfd, err);
    (void)sched_set_affinity(&before, "", NULL);
    x->sync[1] = close_fd(x->sync[1]);
    if (pid < 0)
        return (int)pid;
    r = await(x, pid, pidfd, ret_console, err);
    if (r < 0)
        child_reap(pid, pidfd);
    else
        *ret_pid = pid;
    close_fd(pidfd);
    return r;
}

int runtime_exec(struct runtime_container *c, const struct oci_process *process, const int stdio[3],
                 pid_t *ret_pid, int *ret_console, struct err *err)
{
    struct exec x = {.c = c, .stdio = stdio, .proc_fd = -1, .sync = {-1, -1}, .listener_sock = -1};

    if (c->pid <= 0)
        return err_set(err, ERR_CONFLICT, "cannot exec in a stopped container");
    if (runtime_paused(c))
        return err_set(err, ERR_CONFLICT, "cannot exec in a paused container");
    for (size_t i = 0; i < OCI_NS_MAX; i++)
        x.ns_fd[i] = -1;
    inherit(&x, process);
    int r = run(&x, ret_pid, ret_console, err);
    for (size_t i = 0; i < OCI_NS_MAX; i++)
        if (x.ns_fd[i] >= 0)
            close_fd(x.ns_fd[i]);
    if (x.proc_fd >= 0)
        close_fd(x.proc_fd);
    if (x.listener_sock >= 0)
        close_fd(x.listener_sock);
    for (int i = 0; i < 2; i++)
        if (x.sync[i] >= 0)
            close_fd(x.sync[i]);
    return r;
}
