/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "runtime/namespaces.h"

/* An ordinary user gets more ids than the own one from the system's set-uid programs, which know
 * /etc/subuid. False when there is none, or it refuses. */
static bool run_helper(const char *program, pid_t pid, const struct oci_id_map *maps, size_t n)
{
    _cleanup_strv_ char **args = NULL;
    int status = 0, pidfd = -1;
    bool unused;

    strv_push(&args, program);
    strv_push_take(&args, xasprintf("%d", (int)pid));
    for (size_t i = 0; i < n; i++) {
        strv_push_take(&args, xasprintf("%u", maps[i].container_id));
        strv_push_take(&args, xasprintf("%u", maps[i].host_id));
        strv_push_take(&args, xasprintf("%u", maps[i].size));
    }
    pid_t helper = clone_raw(0, -1, &unused, &pidfd);
    if (helper == 0) {
        execvp(program, args);
        _exit(127);
    }
    if (helper < 0)
        return false;
    close_fd(pidfd);
    while (waitpid(helper, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int write_map(int proc_fd, pid_t pid, const char *file, const struct oci_id_map *maps,
                     size_t n, struct err *err)
{
    _cleanup_buf_ struct buf text = BUF_INIT(64 * KIB);
    char path[64];

    for (size_t i = 0; i < n; i++)
        (void)buf_addf(&text, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size);
    (void)snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
    int r = write_kernel_file_at(proc_fd, path, buf_str(&text));
    if (r == -EPERM &&
        run_helper(str_eq(file, "uid_map") ? "newuidmap" : "newgidmap", pid, maps, n))
        return 0;
    return r < 0 ? err_errno(err, r, "write /proc/%s", path) : 0;
}

static int write_maps(int proc_fd, pid_t pid, const struct oci_id_map *uids, size_t n_uids,
                      const struct oci_id_map *gids, size_t n_gids, struct err *err)
{
    char path[64];
    int r;

    /* Who has no power over groups must give up setgroups() before mapping any. */
    if (geteuid() != 0) {
        (void)snprintf(path, sizeof(path), "%d/setgroups", (int)pid);
        r = write_kernel_file_at(proc_fd, path, "deny");
        if (r < 0 && r != -ENOENT)
            return err_errno(err, r, "write /proc/%s", path);
    }
    if ((r = write_map(proc_fd, pid, "gid_map", gids, n_gids, err)) < 0)
        return r;
    return write_map(proc_fd, pid, "uid_map", uids, n_uids, err);
}

bool idmap_is_initial(int proc_fd)
{
    _cleanup_free_ char *text = NULL;
    uint32_t count = 0;
    char *last;

    if (read_file_at(proc_fd, "self/uid_map", 4096, &text, NULL) < 0)
        return true;
    /* "         0          0 4294967295" */
    text[strcspn(text, "\n")] = '\0';
    last = strrchr(text, ' ');
    return last && parse_u32(last + 1, &count) == 0 && count == UINT32_MAX;
}

int idmap_write(int proc_fd, pid_t pid, const struct oci_spec *spec, struct err *err)
{
    return write_maps(proc_fd, pid, spec->uid_maps, spec->n_uid_maps, spec->gid_maps,
                      spec->n_gid_maps, err);
}

int idmap_userns(int proc_fd, const struct oci_mount *m, struct err *err)
{
    int pidfd = -1;
    bool unused;
    char path[64];
    pid_t pid = clone_raw(CLONE_NEWUSER, -1, &unused, &pidfd);

    if (pid == 0)
        for (;;)
            (void)pause();
    if (pid < 0)
        return err_errno(err, (int)pid, "new user namespace for a mount");
    close_fd(pidfd);
    int r = write_maps(proc_fd, pid, m->uid_maps, m->n_uid_maps, m->gid_maps, m->n_gid_maps, err);
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "%d/ns/user", (int)pid);
        r = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
        if (r < 0)
            r = err_errno(err, errno, "open /proc/%s", path);
    }
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return r;
}
