/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can be done with a container once it exists. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/sock.h"
#include "base/str.h"
#include "runtime/hooks.h"
#include "runtime/internal.h"
#include "runtime/sync.h"

pid_t runtime_pid(const struct runtime_container *c)
{
    return c->pid;
}

int runtime_pidfd(const struct runtime_container *c)
{
    return c->pidfd;
}

int runtime_take_console(struct runtime_container *c)
{
    return TAKE_FD(c->console_fd);
}

int runtime_start_time(pid_t pid, uint64_t *ret)
{
    _cleanup_free_ char *text = NULL;
    int r = child_stat(pid, &text);

    if (r < 0)
        return r;
    /* The name in parentheses may hold anything; counting starts after its end. */
    char *p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        p = p ? p + 1 : NULL;
    }
    if (!p)
        return -EINVAL;
    p[strcspn(p, " ")] = '\0';
    return parse_u64(p, ret);
}

static int start_over(const struct runtime_container *c, int sock, struct err *err)
{
    int r = sync_send(sock, SYNC_START, 0, -1);

    if (r < 0)
        return err_set(err, ERR_CONFLICT, "the container's init process has ended");
    r = child_wait(sock, c->pid, c->pidfd, err);
    return r < 0 ? r : sync_expect_exec(sock, err);
}

static int after_start(struct runtime_container *c, struct err *err)
{
    const struct hook_state state = {
        .id = c->id, .status = "running", .pid = c->pid, .bundle = c->bundle};

    int r = hooks_run(c->spec, "poststart", &state, err);
    if (r < 0)
        (void)runtime_kill(c, SIGKILL, false);
    return r;
}

int runtime_start(struct runtime_container *c, struct err *err)
{
    if (c->sync_fd < 0)
        return err_set(err, ERR_CONFLICT, "cannot start a container that is not created");
    int r = start_over(c, c->sync_fd, err);
    c->sync_fd = close_fd(c->sync_fd);
    if (r < 0)
        return r;
    return after_start(c, err);
}

int runtime_start_remote(struct runtime_container *c, const char *path, struct err *err)
{
    _cleanup_close_ int sock = unix_connect(path, SOCK_SEQPACKET);

    if (sock < 0)
        return err_set(err, ERR_CONFLICT, "cannot start a container that has stopped");
    int r = start_over(c, sock, err);
    return r < 0 ? r : after_start(c, err);
}

int runtime_kill(struct runtime_container *c, int signo, bool all)
{
    if (all) {
        int r = cgroup_signal(c->cgroup, signo);
        return r < 0 ? r : r == 0 ? -ESRCH : 0;
    }
    if (c->pid <= 0)
        return -ESRCH;
    if (c->pidfd >= 0) {
        if (syscall(SYS_pidfd_send_signal, c->pidfd, signo, NULL, 0) == 0)
            return 0;
        if (errno != ENOSYS)
            return -errno;
    }
    return kill(c->pid, signo) < 0 ? -errno : 0;
}

int runtime_update(struct runtime_container *c, const struct oci_resources *res, struct err *err)
{
    return cgroup_apply(c->cgroup, res, res->n_devices > 0, err);
}

int runtime_pids(struct runtime_container *c, pid_t **ret, size_t *ret_n, struct err *err)
{
    int r = cgroup_pids(c->cgroup, ret, ret_n, err);

    /* An ordinary user's container may have no cgroup: then only its init is known. */
    if (r == 0 && *ret_n == 0 && c->pid > 0) {
        free(*ret);
        *ret = XNEW(pid_t);
        (*ret)[0] = c->pid;
        *ret_n = 1;
    }
    return r;
}

int runtime_pause(struct runtime_container *c, struct err *err)
{
    return cgroup_freeze(c->cgroup, true, err);
}

int runtime_resume(struct runtime_container *c, struct err *err)
{
    return cgroup_freeze(c->cgroup, false, err);
}

bool runtime_paused(struct runtime_container *c)
{
    return cgroup_frozen(c->cgroup);
}

json_t *runtime_stats(struct runtime_container *c)
{
    return cgroup_stats(c->cgroup);
}

int runtime_oom_kills(struct runtime_container *c, uint64_t *ret)
{
    return cgroup_oom_kills(c->cgroup, ret);
}

int runtime_destroy(struct runtime_container *c, struct err *err)
{
    int r;

    /* Frozen processes do not die. */
    if (cgroup_frozen(c->cgroup))
        (void)cgroup_freeze(c->cgroup, false, NULL);
    if (c->pid > 0)
        (void)runtime_kill(c, SIGKILL, false);
    if ((r = cgroup_kill(c->cgroup, err)) < 0 || (r = cgroup_remove(c->cgroup, err)) < 0)
        return r;
    const struct hook_state state = {.id = c->id, .status = "stopped", .bundle = c->bundle};
    return hooks_run(c->spec, "poststop", &state, err);
}

void runtime_container_free(struct runtime_container *c)
{
    if (!c)
        return;
    free(c->id);
    free(c->bundle);
    if (c->pidfd >= 0)
        close_fd(c->pidfd);
    if (c->sync_fd >= 0)
        close_fd(c->sync_fd);
    if (c->console_fd >= 0)
        close_fd(c->console_fd);
    if (c->seccomp_fd >= 0)
        close_fd(c->seccomp_fd);
    cgroup_free(c->cgroup);
    free(c);
}
