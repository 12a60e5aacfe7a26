/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parent's side of a container's creation. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sock.h"
#include "base/str.h"
#include "runtime/hooks.h"
#include "runtime/idmap.h"
#include "runtime/internal.h"
#include "runtime/lsm.h"
#include "runtime/netdev.h"
#include "runtime/rlimits.h"
#include "runtime/sched.h"
#include "runtime/seccomp.h"
#include "runtime/sync.h"
#include "runtime/sysctl.h"

/* What a creation holds until it has succeeded. */
struct creation {
    const struct runtime_create_params *params; /* borrowed */
    struct runtime_container *c;                /* borrowed */
    struct ns_plan plan;
    int proc_fd;
    int sync[2];
    int listener_sock;
    int *idmap_fds; /* owned; n_mounts of them, or NULL */
    bool in_v2;
    bool ordinary; /* without power over this machine: an ordinary user, or in a user namespace */
};

static struct runtime_container *container_new(const char *id, const struct oci_spec *spec)
{
    struct runtime_container *c = XNEW(struct runtime_container);

    c->id = xstrdup(id);
    c->spec = spec;
    c->pidfd = c->sync_fd = c->console_fd = c->seccomp_fd = -1;
    return c;
}

/* Whether the container's network is another than ours. One that it joins may be ours. */
static bool has_own_network(const struct runtime_create_params *p, int proc_fd)
{
    const char *path = p->spec->ns[OCI_NS_NETWORK].path;
    struct stat theirs, ours;

    if (p->netns_fd < 0 && !p->spec->ns[OCI_NS_NETWORK].set)
        return false;
    if (p->netns_fd < 0 && str_empty(path))
        return true;
    if ((p->netns_fd >= 0 ? fstat(p->netns_fd, &theirs) : stat(path, &theirs)) < 0 ||
        fstatat(proc_fd, "self/ns/net", &ours, 0) < 0)
        return false;
    return theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev;
}

int listener_connect(const struct oci_spec *spec, int *ret, struct err *err)
{
    const char *path = json_str_or(spec->seccomp, "listenerPath", "");
    bool wanted = false;
    int r = spec->seccomp ? seccomp_wants_listener(spec->seccomp, &wanted, err) : 0;

    *ret = -1;
    if (r < 0 || !wanted)
        return r;
    int fd = unix_connect(path, SOCK_STREAM);
    if (fd < 0)
        return err_errno(err, fd, "connect to linux.seccomp.listenerPath %s", path);
    *ret = fd;
    return 0;
}

static int check(const struct runtime_create_params *p, struct creation *k, struct err *err)
{
    const struct oci_spec *spec = p->spec;
    bool net_own = has_own_network(p, k->proc_fd);
    int r;

    if (!spec->has_process)
        return err_set(err, ERR_INVALID, "process property must not be empty");
    if (str_empty(spec->root_path) && p->rootfs_fd < 0 && !spec->ns[OCI_NS_MOUNT].path)
        return err_set(err, ERR_INVALID, "field \"root.path\" must not be empty");
    if (geteuid() != 0 && !spec->ns[OCI_NS_USER].set)
        return err_set(err, ERR_FORBIDDEN, "an ordinary user's container needs a user namespace");
    if (json_object_size(spec->net_devices) > 0 && !net_own)
        return err_set(err, ERR_INVALID, "linux.netDevices needs a network namespace");
    if (spec->intel_rdt)
        return err_set(err, ERR_UNSUPPORTED, "linux.intelRdt is not supported");
    if ((r = sysctl_check(spec, net_own, err)) < 0 || (r = hooks_check(spec, err)) < 0 ||
        (r = lsm_check(&spec->process, k->proc_fd, err)) < 0)
        return r;
    if (!spec->seccomp)
        return 0;
    r = seccomp_flags(spec->seccomp, &k->c->seccomp_flags, err);
    return r < 0 ? r : listener_connect(spec, &k->listener_sock, err);
}

static int open_idmaps(struct creation *k, const struct oci_spec *spec, struct err *err)
{
    bool any = false;

    for (size_t i = 0; i < spec->n_mounts; i++)
        any |= spec->mounts[i].n_uid_maps && spec->mounts[i].n_gid_maps;
    if (!any)
        return 0;
    k->idmap_fds = XNEW_ARRAY(int, spec->n_mounts);
    for (size_t i = 0; i < spec->n_mounts; i++)
        k->idmap_fds[i] = -1;
    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct oci_mount *m = &spec->mounts[i];
        if (!m->n_uid_maps || !m->n_gid_maps)
            continue;
        int fd = idmap_userns(k->proc_fd, m, err);
        if (fd < 0)
            return fd;
        k->idmap_fds[i] = fd;
    }
    return 0;
}

static void creation_done(struct creation *k)
{
    const struct oci_spec *spec = k->params->spec;

    for (size_t i = 0; k->idmap_fds && i < spec->n_mounts; i++)
        if (k->idmap_fds[i] >= 0)
            close_fd(k->idmap_fds[i]);
    free(k->idmap_fds);
    ns_plan_done(&k->plan);
    if (k->proc_fd >= 0)
        close_fd(k->proc_fd);
    if (k->listener_sock >= 0)
        close_fd(k->listener_sock);
    for (int i = 0; i < 2; i++)
        if (k->sync[i] >= 0)
            close_fd(k->sync[i]);
}

/* Clones the child; it sees its parent's memory as it is now. */
static int spawn(struct creation *k, struct err *err)
{
    struct runtime_container *c = k->c;
    int cgroup_fd = c->cgroup->v2 ? c->cgroup->v2->dir_fd : -1;
    /* Born untraceable: in a joined pid namespace others see it from its first moment. */
    int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    bool hide = dumpable > 0 && geteuid() == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;

    pid_t pid = ns_clone(&k->plan, cgroup_fd, &k->in_v2, &c->pidfd, err);
    if (pid == 0) {
        struct init_ctx ctx = {
            .params = k->params,
            .spec = k->params->spec,
            .cgroup = c->cgroup,
            .ns = &k->plan,
            .idmap_fds = k->idmap_fds,
            .sync_fd = k->sync[1],
            .host_proc_fd = k->proc_fd,
            .root_fd = -1,
            .null_fd = -1,
            .console_fd = -1,
            .listener_sock = k->listener_sock,
            .in_userns = k->plan.any_user || k->ordinary,
            .in_v2 = k->in_v2,
            .seccomp_flags = c->seccomp_flags,
        };
        close_fd(k->sync[0]);
        init_main(&ctx);
    }
    if (hide)
        (void)prctl(PR_SET_DUMPABLE, dumpable, 0, 0, 0);
    k->sync[1] = close_fd(k->sync[1]);
    if (pid < 0)
        return (int)pid;
    c->pid = pid;
    return 0;
}

static int move_devices(struct creation *k, struct err *err)
{
    char path[32];

    if (k->plan.join[OCI_NS_NETWORK] >= 0)
        return netdev_move(k->params->spec, k->plan.join[OCI_NS_NETWORK], err);
    (void)snprintf(path, sizeof(path), "%d/ns/net", (int)k->c->pid);
    _cleanup_close_ int fd = openat(k->proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "network namespace of the init process");
    return netdev_move(k->params->spec, fd, err);
}

/* While the child mounts: cgroups and the filter. */
static int serve_child(struct creation *k, struct err *err)
{
    struct runtime_container *c = k->c;
    const struct oci_spec *spec = k->params->spec;
    int r;

    if (k->plan.new_ns[OCI_NS_USER]) {
        if ((r = idmap_write(k->proc_fd, c->pid, spec, err)) < 0)
            return r;
        if ((r = sync_send(c->sync_fd, SYNC_MAPPED, 0, -1)) < 0)
            return err_errno(err, r, "tell the child of its maps");
    }
    if (json_object_size(spec->net_devices) > 0 && (r = move_devices(k, err)) < 0)
        return r;
    if ((r = cgroup_make_v1(c->cgroup, err)) < 0)
        return r;
    /* Before the limits, which are refused where this fails. */
    if ((k->plan.any_user || k->ordinary) &&
        (r = cgroup_attach(c->cgroup, c->pid, k->in_v2, err)) < 0)
        return r;
    if ((r = cgroup_apply(c->cgroup, &spec->resources, true, err)) < 0)
        return r;
    (void)sync_send(c->sync_fd, SYNC_CGROUP, (uint32_t)c->pid, -1);
    if (c->seccomp_fd >= 0 || !spec->seccomp)
        return 0;
    if ((r = seccomp_compile(spec->seccomp, &c->seccomp_fd, err)) < 0)
        return r;
    (void)sync_send(c->sync_fd, SYNC_SECCOMP, 0, c->seccomp_fd);
    return 0;
}

static int runtime_hooks(struct creation *k, struct err *err)
{
    const struct runtime_standalone *alone = k->params->standalone;
    const struct hook_state state = {
        .id = k->c->id,
        .status = "creating",
        .pid = k->c->pid,
        .bundle = alone ? alone->bundle : NULL,
    };
    int r = hooks_run(k->params->spec, "prestart", &state, err);

    if (r == 0)
        r = hooks_run(k->params->spec, "createRuntime", &state, err);
    if (r == 0 && (r = sync_send(k->c->sync_fd, SYNC_HOOKS, 0, -1)) < 0)
        r = err_errno(err, r, "answer the child");
    return r;
}

/* Until the child is ready. Its error is better than the one of talking to it. */
static int await_ready(struct creation *k, struct err *err)
{
    struct runtime_container *c = k->c;

    for (;;) {
        struct sync_msg m;
        int fd = -1, r = child_wait(c->sync_fd, c->pid, c->pidfd, err);
        if (r < 0)
            return r;
        r = sync_recv(c->sync_fd, &m, &fd);
        if (r < 0)
            return err_errno(err, r, "wait for the init process");
        if (r == 0)
            return err_set(err, ERR_INTERNAL, "the init process ended while it was being set up");
        if (m.kind == SYNC_CONSOLE && fd >= 0 && c->console_fd < 0) {
            c->console_fd = fd;
            continue;
        }
        if (fd >= 0)
            close_fd(fd);
        if (m.kind == SYNC_READY)
            return m.value ? rlimits_apply(c->pid, &k->params->spec->process, err) : 0;
        if (m.kind == SYNC_HOOKS) {
            if ((r = runtime_hooks(k, err)) < 0)
                return r;
            continue;
        }
        if (m.kind != SYNC_ERROR)
            return err_set(err, ERR_INTERNAL, "unexpected message %u from the init process",
                           m.kind);
        err_set(err, (enum err_kind)m.err_kind, "%s", m.text);
        if (err)
            err->code = m.code;
        return m.code < 0 ? m.code : -EIO;
    }
}

static int prepare_cgroup(struct creation *k, struct err *err)
{
    k->ordinary = geteuid() != 0 || !idmap_is_initial(k->proc_fd);
    k->c->cgroup->delegated = k->ordinary;
    return cgroup_make_v2(k->c->cgroup, err);
}

static int create(struct creation *k, struct err *err)
{
    const struct runtime_create_params *p = k->params;
    struct runtime_container *c = k->c;
    int r;

    k->proc_fd = procfs_open(err);
    if (k->proc_fd < 0)
        return k->proc_fd;
    if ((r = check(p, k, err)) < 0 || (r = ns_plan_init(&k->plan, p->spec, p->netns_fd, err)) < 0 ||
        (r = open_idmaps(k, p->spec, err)) < 0 ||
        (r = cgroup_new(p->spec->cgroups_path, p->id, &c->cgroup, err)) < 0 ||
        (r = prepare_cgroup(k, err)) < 0 || (r = sync_pair(k->sync, err)) < 0 ||
        (r = spawn(k, err)) < 0)
        return r;
    c->sync_fd = TAKE_FD(k->sync[0]);
    if ((r = serve_child(k, err)) < 0 || (r = await_ready(k, err)) < 0)
        return r;
    if ((r = sched_apply(c->pid, &p->spec->process, err)) < 0)
        return r;
    return oom_score_apply(k->proc_fd, c->pid, &p->spec->process, err);
}

int runtime_create(const struct runtime_create_params *params, struct runtime_container **ret,
                   struct err *err)
{
    _cleanup_(runtime_container_freep)
    struct runtime_container *c = container_new(params->id, params->spec);
    struct creation k = {
        .params = params, .c = c, .proc_fd = -1, .listener_sock = -1, .sync = {-1, -1}};
    struct err ignored;

    for (size_t i = 0; i < OCI_NS_MAX; i++)
        k.plan.join[i] = -1;
    if (params->seccomp_fd >= 0)
        c->seccomp_fd = fcntl(params->seccomp_fd, F_DUPFD_CLOEXEC, 3);
    c->bundle = params->standalone ? xstrdup(params->standalone->bundle) : NULL;
    int r = create(&k, err);
    creation_done(&k);
    if (r < 0) {
        child_reap(c->pid, c->pidfd);
        if (c->cgroup) {
            (void)cgroup_kill(c->cgroup, &ignored);
            (void)cgroup_remove(c->cgroup, &ignored);
        }
        return r;
    }
    if (params->standalone && params->standalone->start_fd >= 0)
        c->sync_fd = close_fd(c->sync_fd);
    *ret = TAKE_PTR(c);
    return 0;
}

int runtime_open(const char *id, const struct oci_spec *spec, const char *bundle, pid_t pid,
                 uint64_t start_time, struct runtime_container **ret, struct err *err)
{
    _cleanup_(runtime_container_freep)
    struct runtime_container *c = container_new(id, spec);
    uint64_t now = 0;
    int r = cgroup_new(spec->cgroups_path, id, &c->cgroup, err);

    if (r < 0)
        return r;
    cgroup_find(c->cgroup);
    c->bundle = xstrdup(bundle);
    if (pid > 0) {
        c->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        /* The pidfd first: then the time is that of the process it stands for. */
        if (runtime_start_time(pid, &now) == 0 && now == start_time)
            c->pid = pid;
        else if (c->pidfd >= 0)
            c->pidfd = close_fd(c->pidfd);
    }
    *ret = TAKE_PTR(c);
    return 0;
}
