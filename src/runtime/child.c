/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that is to become a container's, as long as it is this program's own code. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdutil.h"
#include "runtime/internal.h"

#define LOOK_MSEC 50
#define STOPS_MAX 20 /* a second of finding it stopped */

int child_stat(pid_t pid, char **ret)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return read_file_at(AT_FDCWD, path, 4096, ret, NULL);
}

static bool is_stopped(pid_t pid)
{
    _cleanup_free_ char *text = NULL;

    if (child_stat(pid, &text) < 0)
        return false;
    const char *end = strrchr(text, ')');
    return end && (end[1] == ' ' && (end[2] == 'T' || end[2] == 't'));
}

static void go_on(pid_t pid, int pidfd)
{
    if (pidfd < 0 || syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) < 0)
        (void)kill(pid, SIGCONT);
}

int child_wait(int sock, pid_t pid, int pidfd, struct err *err)
{
    for (unsigned stops = 0;;) {
        struct pollfd p = {.fd = sock, .events = POLLIN};
        int n = poll(&p, 1, LOOK_MSEC);

        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "wait for the new process");
        if (n < 0 || !is_stopped(pid))
            continue;
        if (++stops > STOPS_MAX)
            return err_set(err, ERR_CONFLICT,
                           "a process of the container keeps stopping the new one");
        go_on(pid, pidfd);
    }
}

void child_reap(pid_t pid, int pidfd)
{
    (void)pidfd;
    if (pid <= 0)
        return;
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
