/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tmpcopyup: a tmpfs that starts with what the directory below it holds. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/mounts.h"

#define DEPTH_MAX 64

static int copy_meta(int dst_dir, const char *name, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};

    if (fchownat(dst_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISLNK(st->st_mode) && fchmodat(dst_dir, name, st->st_mode & 07777, 0) < 0)
        return -errno;
    return utimensat(dst_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int copy_file(int src_dir, int dst_dir, const char *name, const struct stat *st)
{
    _cleanup_close_ int in = openat(src_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    _cleanup_close_ int out =
        openat(dst_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (in < 0 || out < 0)
        return -errno;
    for (off_t left = st->st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        left -= n;
    }
    return 0;
}

static int copy_dir(int src_fd, int dst_fd, unsigned depth);

static int copy_entry(int src_dir, int dst_dir, const char *name, unsigned depth)
{
    struct stat st;
    int r;

    if (fstatat(src_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISREG(st.st_mode)) {
        r = copy_file(src_dir, dst_dir, name, &st);
    } else if (S_ISDIR(st.st_mode)) {
        if (depth == 0)
            return -ELOOP;
        if (mkdirat(dst_dir, name, 0700) < 0)
            return -errno;
        _cleanup_close_ int src =
            openat(src_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_close_ int dst =
            openat(dst_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = src < 0 || dst < 0 ? -errno : copy_dir(src, dst, depth - 1);
    } else if (S_ISLNK(st.st_mode)) {
        char target[PATH_MAX];
        ssize_t n = readlinkat(src_dir, name, target, sizeof(target) - 1);
        if (n < 0)
            return -errno;
        target[n] = '\0';
        r = symlinkat(target, dst_dir, name) < 0 ? -errno : 0;
    } else {
        r = mknodat(dst_dir, name, st.st_mode, st.st_rdev) < 0 ? -errno : 0;
    }
    return r < 0 ? r : copy_meta(dst_dir, name, &st);
}

static int copy_dir(int src_fd, int dst_fd, unsigned depth)
{
    int fd = openat(src_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    if (!d) {
        r = -errno;
        close_fd(fd);
        return r;
    }
    while (r == 0) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            r = -errno;
            break;
        }
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            r = copy_entry(src_fd, dst_fd, e->d_name, depth);
    }
    (void)closedir(d);
    return r;
}

int mounts_copy_up(int src_fd, int dst_fd, struct err *err)
{
    struct stat st;
    int r = copy_dir(src_fd, dst_fd, DEPTH_MAX);

    if (r == 0 &&
        (fstat(src_fd, &st) < 0 || fchownat(dst_fd, "", st.st_uid, st.st_gid, AT_EMPTY_PATH) < 0))
        r = -errno;
    return r < 0 ? err_errno(err, r, "copy up into tmpfs") : 0;
}
