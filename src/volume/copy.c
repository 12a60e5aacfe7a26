/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Copying a tree. Directories are visited from a list of paths, not by recursion, so that the depth
 * of an image's tree costs no stack. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "volume/internal.h"

#define COPY_CHUNK (128 * KIB)

struct copy {
    int srcfd, dstfd;
    char **dirs; /* owned; paths of directories, in the order they were found */
    size_t n_dirs, cap_dirs;
    struct hashmap *links; /* "dev:ino" -> owned path of the copy of a file with several names */
};

static void push_dir(struct copy *c, char *path)
{
    if (c->n_dirs == c->cap_dirs) {
        c->cap_dirs = c->cap_dirs ? c->cap_dirs * 2 : 64;
        c->dirs = xrealloc_array(c->dirs, c->cap_dirs, sizeof(char *));
    }
    c->dirs[c->n_dirs++] = path;
}

/* Xattrs travel by /proc/self/fd, because descriptors of links, devices and the like are O_PATH. */
static int copy_xattrs(int from, int to)
{
    char src[40];
    char dst[40];
    _cleanup_free_ char *names = xmalloc(64 * KIB);
    _cleanup_free_ char *value = xmalloc(LIMIT_TAR_XATTR_VALUE);

    (void)snprintf(src, sizeof(src), "/proc/self/fd/%d", from);
    (void)snprintf(dst, sizeof(dst), "/proc/self/fd/%d", to);
    ssize_t n = listxattr(src, names, 64 * KIB);
    if (n < 0)
        return errno == EOPNOTSUPP ? 0 : -errno;
    for (const char *name = names; name < names + n; name += strlen(name) + 1) {
        if (str_starts(name, "trusted.") || str_eq(name, "security.selinux"))
            continue;
        ssize_t len = getxattr(src, name, value, LIMIT_TAR_XATTR_VALUE);
        if (len < 0 && errno != ENODATA)
            return -errno;
        if (len >= 0 && setxattr(dst, name, value, (size_t)len, 0) < 0 && errno != EOPNOTSUPP)
            return -errno;
    }
    return 0;
}

/* Owner first: changing it clears set-id bits and capabilities. */
static int copy_attributes(int from, int to, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    char path[40];
    int r = 0;

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
    if (fchownat(to, "", st->st_uid, st->st_gid, AT_EMPTY_PATH) < 0)
        return -errno;
    if (!S_ISLNK(st->st_mode)) {
        if (chmod(path, st->st_mode & 07777) < 0)
            return -errno;
        r = copy_xattrs(from, to);
    }
    if (r == 0 && !S_ISLNK(st->st_mode) && utimensat(AT_FDCWD, path, times, 0) < 0)
        r = -errno;
    return r;
}

/* len bytes at the offset `at` of both files. */
static int copy_range(int from, int to, off_t at, off_t len)
{
    _cleanup_free_ char *chunk = NULL;
    off_t in = at;
    off_t out = at;
    off_t end = at + len;

    while (in < end) {
        ssize_t n = chunk ? -1 : copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);
        if (n > 0)
            continue;
        if (n < 0 && !chunk && (errno == ENOSPC || errno == EIO || errno == EDQUOT))
            return -errno;
        if (!chunk) /* file systems that cannot copy between each other */
            chunk = xmalloc(COPY_CHUNK);
        n = pread(from, chunk, (size_t)MIN((off_t)COPY_CHUNK, end - in), in);
        if (n <= 0)
            return n < 0 ? -errno : 0;
        for (ssize_t done = 0; done < n;) {
            ssize_t w = pwrite(to, chunk + done, (size_t)(n - done), in + done);
            if (w < 0 && errno != EINTR)
                return -errno;
            done += w > 0 ? w : 0;
        }
        in += n;
    }
    return 0;
}

/* Holes stay holes. */
static int copy_data(int from, int to, off_t size)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break;
        off_t hole = data < 0 ? -1 : lseek(from, data, SEEK_HOLE);
        if (hole < 0) {
            data = at;
            hole = size;
        }
        int r = copy_range(from, to, data, hole - data);
        if (r < 0)
            return r;
        at = hole;
    }
    return ftruncate(to, size) < 0 ? -errno : 0;
}

static int copy_file(int srcdir, const char *name, int dstdir, const struct stat *st)
{
    _cleanup_close_ int from = openat(srcdir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    _cleanup_close_ int to =
        openat(dstdir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (from < 0 || to < 0)
        return -errno;
    int r = copy_data(from, to, st->st_size);
    return r < 0 ? r : copy_attributes(from, to, st);
}

static int copy_symlink(int srcdir, const char *name, int dstdir, const struct stat *st)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    char target[LIMIT_TAR_PATH];
    ssize_t n = readlinkat(srcdir, name, target, sizeof(target) - 1);

    if (n < 0)
        return -errno;
    target[n] = '\0';
    if (symlinkat(target, dstdir, name) < 0 ||
        fchownat(dstdir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        utimensat(dstdir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

static int copy_node(int srcdir, const char *name, int dstdir, const struct stat *st)
{
    if (mknodat(dstdir, name, st->st_mode, st->st_rdev) < 0)
        return -errno;
    _cleanup_close_ int from = openat(srcdir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_close_ int to = openat(dstdir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return from < 0 || to < 0 ? -errno : copy_attributes(from, to, st);
}

/* 1: made as a further name of what was copied before. A running container may have the volume and
 * change it under us: no path is followed, only descriptors. */
static int copy_link(struct copy *c, const struct stat *st, int dstdir, const char *name,
                     const char *path)
{
    char key[48], by_fd[32];

    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return 0;
    (void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev,
                   (unsigned long long)st->st_ino);
    const char *first = hashmap_get(c->links, key);
    if (!first) {
        hashmap_put(c->links, key, xstrdup(path));
        return 0;
    }
    _cleanup_close_ int fd = open_beneath(c->dstfd, first, O_PATH | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    if (linkat(fd, "", dstdir, name, AT_EMPTY_PATH) == 0)
        return 1;
    /* Without CAP_DAC_READ_SEARCH; a symlink cannot be named in this way. */
    (void)snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, by_fd, dstdir, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 1;
}

static int copy_entry(struct copy *c, int srcdir, int dstdir, const char *dir, const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
    struct stat st;

    if (fstatat(srcdir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    int r = copy_link(c, &st, dstdir, name, path);
    if (r != 0)
        return r < 0 ? r : 0;
    if (S_ISDIR(st.st_mode)) {
        if (mkdirat(dstdir, name, 0700) < 0)
            return -errno;
        push_dir(c, TAKE_PTR(path));
        return 0;
    }
    if (S_ISREG(st.st_mode))
        return copy_file(srcdir, name, dstdir, &st);
    if (S_ISLNK(st.st_mode))
        return copy_symlink(srcdir, name, dstdir, &st);
    return S_ISSOCK(st.st_mode) ? 0 : copy_node(srcdir, name, dstdir, &st);
}

static int copy_dir(struct copy *c, const char *path)
{
    _cleanup_close_ int dst = open_beneath(c->dstfd, path, O_RDONLY | O_DIRECTORY, 0);
    int src = open_beneath(c->srcfd, path, O_RDONLY | O_DIRECTORY, 0);
    DIR *d = src < 0 ? NULL : fdopendir(src);
    int r = 0;

    if (!d || dst < 0) {
        r = src < 0 ? src : dst < 0 ? dst : -errno;
        if (d)
            (void)closedir(d);
        else
            close_fd(src);
        return r;
    }
    while (r == 0) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            r = -errno;
            break;
        }
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            r = copy_entry(c, dirfd(d), dst, path, e->d_name);
    }
    (void)closedir(d);
    return r;
}

/* Attributes of directories last, because filling a directory changes its time. */
static int finish_dir(struct copy *c, const char *path)
{
    _cleanup_close_ int src = open_beneath(c->srcfd, path, O_RDONLY | O_DIRECTORY, 0);
    _cleanup_close_ int dst = open_beneath(c->dstfd, path, O_RDONLY | O_DIRECTORY, 0);
    struct stat st;

    if (src < 0 || dst < 0)
        return src < 0 ? src : dst;
    return fstat(src, &st) < 0 ? -errno : copy_attributes(src, dst, &st);
}

int volume_copy_tree(int srcfd, int dstfd, struct err *err)
{
    struct copy c = {.srcfd = srcfd, .dstfd = dstfd, .links = hashmap_new(free)};
    int r = 0;

    push_dir(&c, xstrdup("."));
    for (size_t i = 0; r == 0 && i < c.n_dirs; i++) {
        r = copy_dir(&c, c.dirs[i]);
        if (r < 0)
            (void)err_errno(err, r, "copy %s", c.dirs[i]);
    }
    for (size_t i = c.n_dirs; r == 0 && i-- > 0;) {
        r = finish_dir(&c, c.dirs[i]);
        if (r < 0)
            (void)err_errno(err, r, "copy %s", c.dirs[i]);
    }
    for (size_t i = 0; i < c.n_dirs; i++)
        free(c.dirs[i]);
    free(c.dirs);
    hashmap_free(c.links);
    return r;
}
