/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Live notice of the kernel's OOM killer in the container's memory cgroup: an eventfd on
 * memory.oom_control (cgroup v1, memory.rst §9) or inotify on memory.events (v2). A convenience for
 * `events`; the count read at the container's end is what decides about OOMKilled. Where neither
 * works, that is all there is. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "shim/server.h"

#define PROC_CGROUP_MAX (64 * KIB)

struct oom_watch {
    struct server *server;
    int fd; /* owned; eventfd or inotify */
    struct loop_source src;
    uint64_t kills; /* reported so far */
    bool v1;
};

/* v1 tells of each OOM before anybody is killed; v2 of every change of the file. */
static void oom_ready(struct loop_source *src, uint32_t events)
{
    struct oom_watch *w = src->owner;
    char junk[4096];
    uint64_t kills = 0;

    if (read(w->fd, junk, sizeof(junk)) <= 0)
        return;
    if (!w->v1) {
        if (runtime_oom_kills(w->server->container, &kills) < 0 || kills <= w->kills)
            return;
        w->kills = kills;
    }
    if (w->server->phase == PHASE_RUNNING) {
        w->server->state.oom_killed = true;
        event_oom(w->server);
    }
}

static int watch_v1(const char *dir)
{
    _cleanup_free_ char *path = xasprintf("%s/memory.oom_control", dir);
    _cleanup_free_ char *control = xasprintf("%s/cgroup.event_control", dir);
    _cleanup_close_ int oom = open(path, O_RDONLY | O_CLOEXEC);
    char text[64];

    if (oom < 0)
        return -errno;
    _cleanup_close_ int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    (void)snprintf(text, sizeof(text), "%d %d", fd, oom);
    int r = write_kernel_file_at(AT_FDCWD, control, text);
    return r < 0 ? r : TAKE_FD(fd);
}

static int watch_v2(const char *dir)
{
    _cleanup_free_ char *path = xasprintf("%s/memory.events", dir);
    _cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* The path in a line "4:memory:/path" (v1) or "0::/path" (v2) of /proc/PID/cgroup; borrowed. */
static const char *memory_path(char *line, bool *ret_v1)
{
    const char *path = str_after(line, "0::");

    *ret_v1 = false;
    if (path)
        return path;
    char *controllers = strchr(line, ':');
    char *end = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!end)
        return NULL;
    *end = '\0';
    char **names = str_split(controllers + 1, ',');
    *ret_v1 = strv_contains(names, "memory");
    strv_free(names);
    return *ret_v1 ? end + 1 : NULL;
}

static int open_watch(pid_t pid, bool *ret_v1)
{
    static const char *const v2_roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    _cleanup_free_ char *proc = xasprintf("/proc/%d/cgroup", pid);
    _cleanup_free_ char *text = NULL;
    int fd = read_file_at(AT_FDCWD, proc, PROC_CGROUP_MAX, &text, NULL);

    if (fd < 0)
        return fd;
    fd = -ENOENT;
    for (char *line = text, *end; fd < 0 && line && *line; line = end) {
        bool v1;
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        const char *path = memory_path(line, &v1);
        for (size_t i = 0; path && fd < 0 && i < (v1 ? 1 : ARRAY_SIZE(v2_roots)); i++) {
            _cleanup_free_ char *dir =
                xasprintf("%s%s", v1 ? "/sys/fs/cgroup/memory" : v2_roots[i], path);
            fd = v1 ? watch_v1(dir) : watch_v2(dir);
            *ret_v1 = v1;
        }
    }
    return fd;
}

void oom_watch_start(struct server *s)
{
    bool v1 = false;
    int fd = open_watch(s->state.pid, &v1);

    if (fd < 0)
        return;
    struct oom_watch *w = XNEW(struct oom_watch);
    *w = (struct oom_watch){.server = s, .fd = fd, .v1 = v1};
    w->src = (struct loop_source){.fd = fd, .fn = oom_ready, .owner = w};
    s->oom = w;
    if (loop_watch(&s->loop, &w->src, EPOLLIN) < 0)
        oom_watch_stop(s);
}

void oom_watch_stop(struct server *s)
{
    struct oom_watch *w = TAKE_PTR(s->oom);

    if (!w)
        return;
    loop_unwatch(&s->loop, &w->src);
    close_fd(w->fd);
    free(w);
}
