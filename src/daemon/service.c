/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/service.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"

/* Whether the process is one of ours: a reused pid must not keep the daemon from starting. */
static bool is_daemon(uint32_t pid)
{
    _cleanup_free_ char *path = xasprintf("/proc/%u/comm", pid), *name = NULL;

    return read_file_at(AT_FDCWD, path, 64, &name, NULL) == 0 && str_starts(name, "lighterd");
}

int service_pidfile_write(const char *path, struct err *err)
{
    _cleanup_free_ char *text = NULL, *own = xasprintf("%d", getpid());
    _cleanup_free_ char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    uint32_t pid = 0;
    int r;

    if (read_file_at(AT_FDCWD, path, 64, &text, NULL) == 0) {
        text[strcspn(text, "\n ")] = '\0';
        if (parse_u32(text, &pid) == 0 && pid > 0 && pid != (uint32_t)getpid() &&
            kill((pid_t)pid, 0) == 0 && is_daemon(pid))
            return err_set(err, ERR_CONFLICT, "process with PID %u is still running", pid);
    }
    if (slash && slash != dir) {
        *slash = '\0';
        (void)mkdir_p(dir, 0755);
    }
    r = replace_file_at(AT_FDCWD, path, own, strlen(own), 0644, false);
    return r < 0 ? err_errno(err, r, "write the pid file %s", path) : 0;
}

void service_pidfile_remove(const char *path)
{
    (void)unlink(path);
}

int service_lock(const char *data_root, int *ret_fd, struct err *err)
{
    _cleanup_close_ int fd = -1;

    if (mkdir_p(data_root, 0710) < 0)
        return err_errno(err, errno, "make %s", data_root);
    fd = open(data_root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open %s", data_root);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return err_set(err, ERR_CONFLICT, "another daemon uses the data root %s", data_root);
        return err_errno(err, errno, "lock %s", data_root);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

void service_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t len;
    int fd;

    if (str_empty(path) || (path[0] != '/' && path[0] != '@'))
        return;
    len = strlen(path);
    if (len >= sizeof(addr.sun_path))
        return;
    (void)memcpy(addr.sun_path, path, len);
    if (path[0] == '@')
        addr.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&addr,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)close_fd(fd);
}

void service_notify_reloading(void)
{
    _cleanup_free_ char *text =
        xasprintf("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(monotonic_nsec() / 1000));

    service_notify(text);
}

gid_t service_group(const char *wanted, struct err *err)
{
    static const char *const usual[] = {"lighter", "docker"};
    struct group g, *found = NULL;
    char buf[4096];

    if (wanted) {
        uint32_t gid = 0;

        if (parse_u32(wanted, &gid) == 0)
            return gid;
        if (getgrnam_r(wanted, &g, buf, sizeof(buf), &found) == 0 && found)
            return found->gr_gid;
        (void)err_set(err, ERR_INVALID, "group %s not found", wanted);
        return (gid_t)-1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        if (getgrnam_r(usual[i], &g, buf, sizeof(buf), &found) == 0 && found)
            return found->gr_gid;
    return (gid_t)-1;
}
