/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "base/timeutil.h"

#define LOCK_PATIENCE_NSEC (1 * NSEC_PER_SEC)

void notify_service_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(sa.sun_path))
        return;
    memcpy(sa.sun_path, path, strlen(path));
    if (sa.sun_path[0] == '@')
        sa.sun_path[0] = '\0';
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa, len);
}

int pidfile_write(const char *path, struct err *err)
{
    _cleanup_free_ char *old = NULL;

    if (read_file_at(AT_FDCWD, path, 64, &old, NULL) == 0) {
        int pid = 0;
        old[strcspn(old, "\n")] = '\0';
        if (parse_int(old, &pid) == 0 && pid > 0 && pid != getpid() &&
            (kill(pid, 0) == 0 || errno == EPERM))
            return err_set(err, ERR_CONFLICT, "process with PID %d is still running (pid file %s)",
                           pid, path);
    }
    _cleanup_free_ char *text = xasprintf("%d\n", (int)getpid());
    int r = replace_file_at(AT_FDCWD, path, text, strlen(text), 0644, false);
    return r < 0 ? err_errno(err, r, "write the pid file %s", path) : 0;
}

/* A daemon that was killed may have left a child between its fork and its execve, which holds the
 * lock for some milliseconds more. */
static int lock_patiently(int fd)
{
    const struct timespec pause = {.tv_nsec = 10 * NSEC_PER_MSEC};
    int64_t deadline = monotonic_nsec() + LOCK_PATIENCE_NSEC;

    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK || monotonic_nsec() > deadline)
            return -errno;
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

int data_root_lock(const char *data_root, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/lock", data_root);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_errno(err, errno, "open %s", path);
    int r = lock_patiently(fd);
    if (r < 0) {
        if (r == -EWOULDBLOCK)
            return err_set(err, ERR_CONFLICT,
                           "data root %s is in use by another daemon, which holds its lock",
                           data_root);
        return err_errno(err, r, "lock %s", path);
    }
    return TAKE_FD(fd);
}
