/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The trash: what is no longer named is renamed here at once and deleted by a thread that yields to
 * everything else. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/str.h"
#include "base/thread.h"
#include "layer/internal.h"

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_IDLE        (3 << 13)

static void trash_name(char out[static 65], const char *hint)
{
    random_id(out);
    if (hint) /* says in a directory listing what it was */
        (void)snprintf(out + 17, 48, "-%.46s", hint);
}

int layer_trash(struct layer_store *s, int dirfd, const char *name)
{
    char to[65];

    trash_name(to, name);
    if (renameat(dirfd, name, s->trash_fd, to) < 0)
        return errno == ENOENT ? 0 : -errno;
    LOCK_SCOPE(&s->lock);
    s->trash_pending = true;
    (void)pthread_cond_broadcast(&s->changed);
    return 0;
}

/* A privileged container may have made files immutable or append-only. */
static void make_mutable(int dirfd, const char *name)
{
    struct stat st;
    int flags = 0;

    /* Opening a device can have effects, and none carries these flags. */
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
        return;
    _cleanup_close_ int fd =
        openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
        return;
    if (flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) {
        flags &= ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
}

static bool is_dir(int dirfd, const char *name)
{
    struct stat st;

    return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* Gets rid of one entry of a directory in the trash; a directory that is not empty moves up. */
static int remove_entry(struct layer_store *s, int dirfd, const char *name, unsigned char type)
{
    char to[65];
    bool dir = type == DT_DIR || (type == DT_UNKNOWN && is_dir(dirfd, name));

    for (int tries = 0;; tries++) {
        if (unlinkat(dirfd, name, dir ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
            return 0;
        if (dir && (errno == ENOTEMPTY || errno == EEXIST)) {
            trash_name(to, NULL);
            if (renameat(dirfd, name, s->trash_fd, to) == 0)
                return 0;
        }
        if (errno != EPERM || tries > 0)
            return -errno;
        make_mutable(dirfd, name);
    }
}

/* Empties and removes one directory of the trash. */
static int remove_dir(struct layer_store *s, const char *name)
{
    int fd = openat(s->trash_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r = 0;

    if (fd < 0)
        return -errno;
    make_mutable(s->trash_fd, name);
    DIR *d = fdopendir(fd);
    if (!d) {
        r = -errno;
        close_fd(fd);
        return r;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        int one = remove_entry(s, dirfd(d), e->d_name, e->d_type);
        r = r < 0 ? r : one;
    }
    (void)closedir(d);
    if (r == 0 && unlinkat(s->trash_fd, name, AT_REMOVEDIR) < 0)
        r = -errno;
    return r;
}

/* One round over the trash. *ret_progress: something went away, or moved up. */
static int trash_round(struct layer_store *s, bool *ret_progress, bool *ret_empty)
{
    int fd = openat(s->trash_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    *ret_progress = false;
    *ret_empty = true;
    if (!d) {
        r = -errno;
        close_fd(fd);
        return r;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        *ret_empty = false;
        int one = is_dir(s->trash_fd, e->d_name)
                      ? remove_dir(s, e->d_name)
                      : remove_entry(s, s->trash_fd, e->d_name, DT_UNKNOWN);
        if (one == 0)
            *ret_progress = true;
        else
            r = r < 0 ? r : one;
        (void)pthread_mutex_lock(&s->lock);
        bool stop = s->stopping;
        (void)pthread_mutex_unlock(&s->lock);
        if (stop)
            break;
    }
    (void)closedir(d);
    return r;
}

int layer_trash_empty(struct layer_store *s)
{
    bool progress = false;
    bool empty = false;
    int r;

    do {
        r = trash_round(s, &progress, &empty);
        LOCK_SCOPE(&s->lock);
        if (s->stopping)
            break;
    } while (progress && !empty);
    return empty ? 0 : r;
}

static void *trash_main(void *arg)
{
    struct layer_store *s = arg;
    int tid = (int)syscall(SYS_gettid);

    (void)setpriority(PRIO_PROCESS, (id_t)tid, 19);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, IOPRIO_IDLE);
    (void)pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        if (!s->trash_pending) {
            (void)pthread_cond_wait(&s->changed, &s->lock);
            continue;
        }
        s->trash_pending = false;
        (void)pthread_mutex_unlock(&s->lock);
        int r = layer_trash_empty(s);
        if (r < 0)
            log_debug("%s/trash: some of it cannot be removed: %s", s->root, errno_text(r));
        (void)pthread_mutex_lock(&s->lock);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

int layer_trash_start(struct layer_store *s)
{
    s->trash_pending = true;
    int r = thread_spawn("layer-trash", 0, trash_main, s, &s->trash_thread);
    s->trash_running = r == 0;
    return r;
}

void layer_trash_stop(struct layer_store *s)
{
    if (!s->trash_running)
        return;
    (void)pthread_mutex_lock(&s->lock);
    s->stopping = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    (void)pthread_join(s->trash_thread, NULL);
    s->trash_running = false;
}
