/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/resolve.h"
#include "base/str.h"

static int resolve(int rootfd, const char *path, int flags, mode_t mode, bool beneath)
{
    static atomic_bool absent; /* kernels before 5.6 */
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY ? mode : 0,
        .resolve = beneath ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS
                           : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };

    /* EAGAIN: a rename or mount elsewhere raced with the walk; openat2(2) says to try again. */
    for (int tries = 0; tries < 128 && !absent; tries++) {
        int fd = (int)syscall(SYS_openat2, rootfd, path, &how, sizeof(how));
        if (fd >= 0)
            return fd;
        if (errno == ENOSYS)
            absent = true;
        else if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return absent ? resolve_open(rootfd, path, flags, mode, beneath) : -EAGAIN;
}

int open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
    return resolve(rootfd, *path ? path : ".", flags, mode, false);
}

int open_beneath(int rootfd, const char *path, int flags, mode_t mode)
{
    while (*path == '/')
        path++;
    return resolve(rootfd, *path ? path : ".", flags, mode, true);
}

int open_regular_in_root(int rootfd, const char *path)
{
    struct stat st;
    char again[32];
    _cleanup_close_ int place = open_in_root(rootfd, path, O_PATH, 0);

    if (place < 0)
        return place;
    if (fstat(place, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    /* By its descriptor: the name may be another file's by now. */
    (void)snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
    int fd = open(again, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int mkdir_p_in_root(int rootfd, const char *path, mode_t mode)
{
    int fd = open_in_root(rootfd, path, O_PATH | O_DIRECTORY, 0);

    if (fd != -ENOENT)
        return fd;

    /* Grow the path component by component. Each prefix is resolved anew from the root, so that a
     * link met on the way is followed inside it. */
    _cleanup_free_ char *clean = path_clean(path);
    _cleanup_strv_ char **parts = str_split(clean, '/');
    _cleanup_buf_ struct buf prefix = BUF_INIT(PATH_MAX);
    _cleanup_close_ int parent = open_in_root(rootfd, ".", O_PATH | O_DIRECTORY, 0);
    if (parent < 0)
        return parent;
    for (size_t i = 0; parts[i]; i++) {
        if (!*parts[i] || str_eq(parts[i], "."))
            continue;
        if (buf_addf(&prefix, "/%s", parts[i]) < 0)
            return -ENAMETOOLONG;
        int next = open_in_root(rootfd, buf_str(&prefix), O_PATH | O_DIRECTORY, 0);
        if (next == -ENOENT) {
            if (str_eq(parts[i], ".."))
                return -EINVAL;
            if (mkdirat(parent, parts[i], mode) < 0 && errno != EEXIST)
                return -errno;
            next = open_in_root(rootfd, buf_str(&prefix), O_PATH | O_DIRECTORY, 0);
        }
        if (next < 0)
            return next;
        close_fd(parent);
        parent = next;
    }
    return TAKE_FD(parent);
}

int mkdir_p(const char *path, mode_t mode)
{
    _cleanup_free_ char *copy = xstrdup(path);

    for (char *p = copy + 1; *copy; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char saved = *p;
        *p = '\0';
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return -errno;
        *p = saved;
        if (!saved)
            break;
    }
    return 0;
}

/* A tree that is being removed. It is flattened as it goes: a directory found two levels down is
 * moved up to the top first, so that a tree of any depth costs neither stack nor descriptors. */
struct removal {
    int topfd; /* the tree's root */
    dev_t dev;
    bool moved; /* something was moved up: look through the top again */
};

static int rm_rf_dir(struct removal *rm, int fd_owned, bool top);

static int rm_rf_subdir(struct removal *rm, int dirfd, const char *name, bool top)
{
    char up[65];

    if (!top) {
        random_id(up);
        rm->moved = true;
        return renameat(dirfd, name, rm->topfd, up) < 0 ? -errno : 0;
    }
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int r = rm_rf_dir(rm, fd, false);
    if (r < 0)
        return r;
    return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int rm_rf_entry(struct removal *rm, int dirfd, const char *name, bool top)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST ? rm_rf_subdir(rm, dirfd, name, top) : -errno;
}

/* Empties the directory, but for what was moved up into it meanwhile. */
static int rm_rf_dir(struct removal *rm, int fd_owned, bool top)
{
    struct stat st;
    DIR *d = fdopendir(fd_owned);

    if (!d) {
        int r = -errno;
        close_fd(fd_owned);
        return r;
    }
    int r = fstat(dirfd(d), &st) < 0 ? -errno : 0;
    if (r == 0 && st.st_dev != rm->dev)
        r = -EXDEV;
    while (r == 0) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            r = -errno;
            break;
        }
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        r = rm_rf_entry(rm, dirfd(d), e->d_name, top);
    }
    (void)closedir(d);
    return r;
}

int rm_rf_at(int dirfd, const char *name)
{
    struct stat st;
    int r = 0;

    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISDIR(st.st_mode))
        return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
    _cleanup_close_ int topfd =
        openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (topfd < 0)
        return errno == ENOENT ? 0 : -errno;
    struct removal rm = {.topfd = topfd, .dev = st.st_dev};
    do {
        rm.moved = false;
        int fd = openat(topfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : rm_rf_dir(&rm, fd, true);
    } while (r == 0 && rm.moved);
    if (r < 0)
        return r;
    return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

char *path_clean(const char *path)
{
    bool rooted = path[0] == '/';
    _cleanup_strv_ char **parts = str_split(path, '/');
    _cleanup_strv_ char **kept = NULL;
    size_t n = 0;

    for (size_t i = 0; parts[i]; i++) {
        if (!*parts[i] || str_eq(parts[i], "."))
            continue;
        if (str_eq(parts[i], "..")) {
            if (n > 0 && !str_eq(kept[n - 1], "..")) {
                free(kept[--n]);
                kept[n] = NULL;
                continue;
            }
            if (rooted)
                continue;
        }
        strv_push(&kept, parts[i]);
        n++;
    }
    _cleanup_free_ char *joined = strv_join(kept, "/");
    if (rooted)
        return xasprintf("/%s", joined);
    return xstrdup(*joined ? joined : ".");
}

bool path_component_valid(const char *name)
{
    return !str_empty(name) && !str_eq(name, ".") && !str_eq(name, "..") && !strchr(name, '/');
}
