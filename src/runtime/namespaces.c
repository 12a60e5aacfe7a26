/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdutil.h"
#include "runtime/sync.h"

static const struct {
    int flag;
    const char *file;
} kinds[OCI_NS_MAX] = {
    [OCI_NS_PID] = {CLONE_NEWPID, "pid"},          [OCI_NS_NETWORK] = {CLONE_NEWNET, "net"},
    [OCI_NS_MOUNT] = {CLONE_NEWNS, "mnt"},         [OCI_NS_IPC] = {CLONE_NEWIPC, "ipc"},
    [OCI_NS_UTS] = {CLONE_NEWUTS, "uts"},          [OCI_NS_USER] = {CLONE_NEWUSER, "user"},
    [OCI_NS_CGROUP] = {CLONE_NEWCGROUP, "cgroup"}, [OCI_NS_TIME] = {CLONE_NEWTIME, "time"},
};

int ns_flag(enum oci_ns_type type)
{
    return kinds[type].flag;
}

const char *ns_file(enum oci_ns_type type)
{
    return kinds[type].file;
}

int ns_plan_init(struct ns_plan *plan, const struct oci_spec *spec, int netns_fd, struct err *err)
{
    *plan = (struct ns_plan){.spec = spec, .any_user = spec->ns[OCI_NS_USER].set};
    for (size_t i = 0; i < OCI_NS_MAX; i++)
        plan->join[i] = -1;

    for (size_t i = 0; i < OCI_NS_MAX; i++) {
        const struct oci_namespace *ns = &spec->ns[i];
        if (i == OCI_NS_NETWORK && netns_fd >= 0) {
            plan->join[i] = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3);
            if (plan->join[i] < 0)
                return err_errno(err, errno, "network namespace");
        } else if (ns->set && ns->path) {
            plan->join[i] = open(ns->path, O_RDONLY | O_CLOEXEC);
            if (plan->join[i] < 0)
                return err_errno(err, errno, "namespace path %s", ns->path);
        } else if (ns->set) {
            plan->new_ns[i] = true;
            /* The cgroup namespace is rooted where its maker is, so it is made after the move into
             * the cgroup; the time namespace takes its offsets before the first process. */
            if (i != OCI_NS_CGROUP && i != OCI_NS_TIME)
                plan->clone_flags |= (uint64_t)(unsigned)kinds[i].flag;
        }
    }
    /* What the ipc namespace makes at its birth belongs to its maker, who should be the container's
     * root and not the host's: made later. */
    if (plan->any_user)
        plan->clone_flags &= ~(uint64_t)CLONE_NEWIPC;
    if (plan->join[OCI_NS_MOUNT] >= 0 && plan->new_ns[OCI_NS_USER])
        return err_set(err, ERR_UNSUPPORTED,
                       "a mount namespace cannot be joined from a new user namespace");
    if (plan->join[OCI_NS_MOUNT] < 0 && !plan->new_ns[OCI_NS_MOUNT])
        return err_set(err, ERR_UNSUPPORTED, "a container needs a mount namespace of its own");
    return 0;
}

void ns_plan_done(struct ns_plan *plan)
{
    for (size_t i = 0; i < OCI_NS_MAX; i++)
        if (plan->join[i] >= 0)
            plan->join[i] = close_fd(plan->join[i]);
}

static pid_t clone_old(uint64_t flags, int *ret_pidfd)
{
    int pidfd = -1;
    unsigned long f = (unsigned long)flags | CLONE_PIDFD;

    if (!(flags & CLONE_PARENT))
        f |= SIGCHLD;
    pid_t pid = (pid_t)syscall(SYS_clone, f, NULL, &pidfd, NULL, NULL);
    if (pid > 0)
        *ret_pidfd = pidfd;
    return pid < 0 ? -errno : pid;
}

pid_t clone_raw(uint64_t flags, int cgroup_fd, bool *ret_in_cgroup, int *ret_pidfd)
{
    int pidfd = -1;
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
        .cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
    };

    *ret_in_cgroup = cgroup_fd >= 0;
    *ret_pidfd = -1;
    /* The size before CLONE_INTO_CGROUP (Linux 5.7) suits every kernel with clone3. */
    size_t size = cgroup_fd >= 0 ? sizeof(args) : CLONE_ARGS_SIZE_VER0;
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, size);
    if (pid < 0 && cgroup_fd >= 0 && errno != EAGAIN && errno != ENOMEM) {
        *ret_in_cgroup = false;
        args.flags &= ~CLONE_INTO_CGROUP;
        args.cgroup = 0;
        pid = (pid_t)syscall(SYS_clone3, &args, CLONE_ARGS_SIZE_VER0);
    }
    if (pid < 0 && (errno == ENOSYS || errno == EPERM))
        return clone_old(flags, ret_pidfd);
    if (pid > 0)
        *ret_pidfd = pidfd;
    return pid < 0 ? -errno : pid;
}

int ns_enter(enum oci_ns_type type, int fd, struct err *err)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[type].file);
    _cleanup_close_ int own = open(path, O_RDONLY | O_CLOEXEC);
    if (own < 0)
        return err_errno(err, errno, "open %s", path);
    if (setns(fd, kinds[type].flag) < 0)
        return err_errno(err, errno, "join %s namespace", kinds[type].file);
    return TAKE_FD(own);
}

void ns_leave(enum oci_ns_type type, int own)
{
    if (own < 0)
        return;
    if (setns(own, kinds[type].flag) < 0)
        abort();
    close_fd(own);
}

/* A new time namespace is entered by children of the process that unshares it. */
static int new_time_namespace(const struct oci_spec *spec, int *ret_own, struct err *err)
{
    char text[160];
    int n = 0;
    _cleanup_close_ int own = open("/proc/self/ns/time", O_RDONLY | O_CLOEXEC);

    if (own < 0 || unshare(CLONE_NEWTIME) < 0)
        return err_errno(err, errno, "new time namespace");
    *ret_own = TAKE_FD(own);
    if (spec->monotonic_offset.set)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "monotonic %lld %u\n",
                      (long long)spec->monotonic_offset.sec, spec->monotonic_offset.nsec);
    if (spec->boottime_offset.set)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "boottime %lld %u\n",
                      (long long)spec->boottime_offset.sec, spec->boottime_offset.nsec);
    int r = n ? write_kernel_file_at(AT_FDCWD, "/proc/self/timens_offsets", text) : 0;
    return r < 0 ? err_errno(err, r, "set the time namespace's offsets") : 0;
}

/* True for what the parent enters before the clone. */
static bool joined_by_parent(const struct ns_plan *plan, enum oci_ns_type type)
{
    if (plan->join[type] < 0 || type == OCI_NS_USER)
        return false;
    return type == OCI_NS_PID || type == OCI_NS_TIME || plan->new_ns[OCI_NS_USER];
}

pid_t clone_inside_userns(int user_fd, int pid_fd, uint64_t flags, int *ret_pidfd, struct err *err)
{
    int pair[2], pidfd, r;
    bool unused;
    uint32_t value = 0;

    if ((r = sync_pair(pair, err)) < 0)
        return r;
    pid_t between = clone_raw(0, -1, &unused, &pidfd);
    if (between == 0) {
        struct err e = {0};
        if (setns(user_fd, CLONE_NEWUSER) < 0 || (pid_fd >= 0 && setns(pid_fd, CLONE_NEWPID) < 0)) {
            err_errno(&e, errno, "join user namespace");
            (void)sync_send_err(pair[1], &e);
            _exit(1);
        }
        pid_t pid = clone_raw(flags | CLONE_PARENT, -1, &unused, &pidfd);
        if (pid == 0) {
            close_fd(pair[0]);
            close_fd(pair[1]);
            return 0;
        }
        if (pid < 0) {
            err_errno(&e, (int)pid, "clone");
            (void)sync_send_err(pair[1], &e);
        } else {
            (void)sync_send(pair[1], SYNC_PID, (uint32_t)pid, pidfd);
        }
        _exit(0);
    }
    close_fd(pair[1]);
    if (between < 0)
        r = err_errno(err, (int)between, "clone");
    else
        r = sync_expect(pair[0], SYNC_PID, &value, ret_pidfd, err);
    close_fd(pair[0]);
    if (between > 0) {
        close_fd(pidfd);
        while (waitpid(between, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    return r < 0 ? r : (pid_t)value;
}

pid_t ns_clone(const struct ns_plan *plan, int cgroup_fd, bool *ret_in_cgroup, int *ret_pidfd,
               struct err *err)
{
    int own[OCI_NS_MAX], r = 0;
    pid_t pid = -1;

    for (size_t i = 0; i < OCI_NS_MAX; i++)
        own[i] = -1;
    for (size_t i = 0; i < OCI_NS_MAX && r >= 0; i++)
        if (joined_by_parent(plan, (enum oci_ns_type)i))
            r = own[i] = ns_enter((enum oci_ns_type)i, plan->join[i], err);
    if (r >= 0 && plan->new_ns[OCI_NS_TIME])
        r = new_time_namespace(plan->spec, &own[OCI_NS_TIME], err);
    if (r >= 0) {
        *ret_in_cgroup = false;
        if (plan->join[OCI_NS_USER] >= 0)
            pid =
                clone_inside_userns(plan->join[OCI_NS_USER], -1, plan->clone_flags, ret_pidfd, err);
        else
            pid = clone_raw(plan->clone_flags, cgroup_fd, ret_in_cgroup, ret_pidfd);
        if (pid == 0)
            return 0;
        if (pid < 0)
            r = plan->join[OCI_NS_USER] >= 0 ? (int)pid
                                             : err_errno(err, (int)pid, "clone the init process");
    }
    for (size_t i = 0; i < OCI_NS_MAX; i++)
        ns_leave((enum oci_ns_type)i, own[i]);
    return r < 0 ? r : pid;
}

int ns_loopback_up(struct err *err)
{
    struct ifreq request = {.ifr_name = "lo"};
    _cleanup_close_ int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sock < 0)
        return err_errno(err, errno, "socket for the loopback interface");
    if (ioctl(sock, SIOCGIFFLAGS, &request) < 0)
        return err_errno(err, errno, "loopback interface");
    request.ifr_flags |= IFF_UP;
    if (ioctl(sock, SIOCSIFFLAGS, &request) < 0)
        return err_errno(err, errno, "bring up the loopback interface");
    return 0;
}

int ns_child_join(const struct ns_plan *plan, struct err *err)
{
    if (plan->any_user && plan->new_ns[OCI_NS_IPC] && unshare(CLONE_NEWIPC) < 0)
        return err_errno(err, errno, "new ipc namespace");
    for (size_t i = 0; i < OCI_NS_MAX; i++) {
        enum oci_ns_type type = (enum oci_ns_type)i;
        if (plan->join[i] < 0 || type == OCI_NS_USER || joined_by_parent(plan, type))
            continue;
        if (setns(plan->join[i], kinds[i].flag) < 0)
            return err_errno(err, errno, "join %s namespace", kinds[i].file);
    }
    return 0;
}
