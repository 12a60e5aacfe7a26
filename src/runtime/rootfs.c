/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/mount_opts.h"
#include "runtime/mountfd.h"

/* The flags of a propagation name, with MS_REC where it starts with 'r'. */
static unsigned long propagation_flags(const char *name)
{
    char *const options[] = {(char *)name, NULL};
    struct mount_opts o;

    if (str_empty(name) || mount_opts_parse(options, &o, NULL) < 0)
        return MS_SLAVE | MS_REC;
    unsigned long flags = o.n_propagation ? o.propagation[0] : MS_SLAVE | MS_REC;
    mount_opts_done(&o);
    return flags;
}

/* Descriptors opened before the namespace was made refer to the host's mounts, which cannot be
 * cloned from here; the same directory is opened anew by its path, and compared. */
static int reopen(int fd, const char *what, struct err *err)
{
    char path[PATH_MAX];
    struct stat a, b;

    int r = fd_path(fd, path, sizeof(path));
    if (r < 0)
        return err_errno(err, r, "%s", what);
    _cleanup_close_ int again = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (again < 0)
        return err_errno(err, errno, "%s %s", what, path);
    if (fstat(fd, &a) < 0 || fstat(again, &b) < 0)
        return err_errno(err, errno, "%s %s", what, path);
    if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
        return err_set(err, ERR_CONFLICT, "%s %s was replaced meanwhile", what, path);
    return TAKE_FD(again);
}

/* The directory of root.path as a detached mount. */
static int clone_root_path(const struct init_ctx *ctx, struct err *err)
{
    const char *path = ctx->spec->root_path;
    _cleanup_close_ int base = -1, dir = -1;

    if (str_empty(path))
        return err_set(err, ERR_INVALID, "root.path must not be empty");
    if (path[0] != '/' && ctx->params->bundle_fd >= 0) {
        base = reopen(ctx->params->bundle_fd, "bundle", err);
        if (base < 0)
            return base;
    }
    dir = openat(base >= 0 ? base : AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, errno, "root file system %s", path);
    int fd = mountfd_clone(dir, "", true);
    return fd < 0 ? err_errno(err, fd, "bind root file system %s", path) : fd;
}

int rootfs_attach(struct init_ctx *ctx, struct err *err)
{
    unsigned long flags = propagation_flags(ctx->spec->rootfs_propagation);
    _cleanup_close_ int cloned = -1;
    int fd = ctx->params->rootfs_fd;

    if (mount(NULL, "/", NULL, flags, NULL) < 0)
        return err_errno(err, errno, "make mounts private to the container");
    /* pivot_root() refuses a shared parent, and nothing of ours may reach the host by it. */
    if (!(flags & (MS_SLAVE | MS_PRIVATE)) && mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
        return err_errno(err, errno, "make the root mount private");
    if (fd < 0) {
        cloned = clone_root_path(ctx, err);
        if (cloned < 0)
            return cloned;
        fd = cloned;
    }

    /* On top of "/": the one place that exists everywhere and that no path leads through. The
     * descriptor is how everything below reaches it. */
    if (move_mount(fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return err_errno(err, errno, "attach the root file system");
    if (mountfd_set_propagation(fd, MS_PRIVATE | (cloned >= 0 ? MS_REC : 0)) < 0)
        return err_errno(err, errno, "make the root file system private");
    ctx->root_fd = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (ctx->root_fd < 0)
        return err_errno(err, errno, "open the root file system");
    return 0;
}

/* mkdir -p that follows dangling links inside the root, as an image may have /var/run -> /run
 * without /run. */
static int make_dir(int root_fd, const char *path, unsigned links)
{
    int fd = mkdir_p_in_root(root_fd, path, 0755);
    _cleanup_free_ char *clean = path_clean(path);

    if (fd != -ENOENT || links == 0)
        return fd;
    for (char *end = clean + 1;; end++) {
        char target[PATH_MAX], kept = *end;
        if (kept != '/' && kept != '\0')
            continue;
        *end = '\0';
        _cleanup_close_ int link = open_in_root(root_fd, clean, O_PATH | O_NOFOLLOW, 0);
        ssize_t n = link < 0 ? -1 : readlinkat(link, "", target, sizeof(target) - 1);
        int found = n < 0 ? -ENOENT : open_in_root(root_fd, clean, O_PATH, 0);
        if (found >= 0)
            close_fd(found);
        if (n > 0 && found == -ENOENT) {
            target[n] = '\0';
            char *slash = strrchr(clean, '/');
            *slash = '\0';
            _cleanup_free_ char *rest = xasprintf("%s/%s%s%s", target[0] == '/' ? "" : clean,
                                                  target, kept ? "/" : "", kept ? end + 1 : "");
            return make_dir(root_fd, rest, links - 1);
        }
        if (!kept)
            return -ENOENT;
        *end = kept;
    }
}

/* Makes the file, following a dangling link in its last place too. */
static int make_file(int root_fd, const char *path, unsigned links)
{
    _cleanup_free_ char *clean = path_clean(path);
    char target[PATH_MAX], *slash = strrchr(clean, '/');

    *slash = '\0';
    _cleanup_free_ char *dir = xstrdup(*clean ? clean : "/");
    *slash = '/';
    _cleanup_close_ int parent = make_dir(root_fd, dir, 40);
    if (parent < 0)
        return parent;
    ssize_t n = readlinkat(parent, slash + 1, target, sizeof(target) - 1);
    if (n > 0) {
        if (links == 0)
            return -ELOOP;
        target[n] = '\0';
        _cleanup_free_ char *next = xasprintf("%s/%s", target[0] == '/' ? "" : dir, target);
        return make_file(root_fd, next, links - 1);
    }
    /* O_NONBLOCK: should something else have appeared there, opening it must not wait. */
    int fd = open_in_root(root_fd, clean, O_CREAT | O_RDONLY | O_NONBLOCK | O_NOCTTY, 0755);
    if (fd < 0)
        return fd;
    close_fd(fd);
    return open_in_root(root_fd, clean, O_PATH, 0);
}

/* Mostly only the last directory is missing, below ones without links: /dev/pts on a new /dev. */
static int make_last(int root_fd, const char *clean)
{
    const char *slash = strrchr(clean, '/');
    _cleanup_free_ char *parent = xstrndup(clean, (size_t)(slash - clean));
    _cleanup_close_ int dir = *parent ? open_beneath(root_fd, parent, O_PATH | O_DIRECTORY, 0)
                                      : fcntl(root_fd, F_DUPFD_CLOEXEC, 3);

    if (dir < 0 || mkdirat(dir, slash + 1, 0755) < 0)
        return -ENOENT;
    return open_beneath(root_fd, clean, O_PATH | O_DIRECTORY, 0);
}

int rootfs_target(struct init_ctx *ctx, const char *path, bool dir, char where[static PATH_MAX],
                  bool *ret_made, struct err *err)
{
    _cleanup_free_ char *absolute = xasprintf("/%s", path);
    _cleanup_free_ char *clean = path_clean(absolute);

    if (strlen(clean) >= PATH_MAX)
        return err_errno(err, ENAMETOOLONG, "mount destination %s", path);
    /* Mostly there is no link on the way, and then the place is what its name says. */
    int fd = open_beneath(ctx->root_fd, clean, O_PATH, 0);
    if (fd >= 0) {
        memcpy(where, clean, strlen(clean) + 1);
        *ret_made = false;
        return fd;
    }
    if (dir && fd == -ENOENT && (fd = make_last(ctx->root_fd, clean)) >= 0) {
        memcpy(where, clean, strlen(clean) + 1);
        *ret_made = true;
        return fd;
    }
    fd = open_in_root(ctx->root_fd, absolute, O_PATH, 0);
    *ret_made = fd == -ENOENT;
    if (fd == -ENOENT)
        fd = dir ? make_dir(ctx->root_fd, absolute, 40) : make_file(ctx->root_fd, absolute, 40);
    int r = fd < 0 ? fd : fd_path(fd, where, PATH_MAX);
    if (r == 0)
        return fd;
    if (fd >= 0)
        close_fd(fd);
    return err_errno(err, r, "create mount destination for %s", path);
}

static int enter_by_pivot(int root_fd)
{
    _cleanup_close_ int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (old < 0 || fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
        return -errno;
    /* The old root now lies on top of the new one. */
    if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
        umount2(".", MNT_DETACH) < 0)
        return -errno;
    return chdir("/") < 0 ? -errno : 0;
}

int rootfs_enter(struct init_ctx *ctx, struct err *err)
{
    const struct runtime_standalone *alone = ctx->params->standalone;
    int r;

    if (ctx->spec->root_readonly &&
        (r = mountfd_set_attr(ctx->root_fd, MOUNT_ATTR_RDONLY, 0, false)) < 0)
        return err_errno(err, r, "make the root file system read-only");
    if (alone && alone->no_pivot) {
        /* It lies on top of "/" already. */
        if (fchdir(ctx->root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
            return err_errno(err, errno, "move to the root file system");
    } else if ((r = enter_by_pivot(ctx->root_fd)) < 0) {
        return err_errno(err, r, "pivot_root");
    }
    if (!str_empty(ctx->spec->rootfs_propagation) &&
        mount(NULL, "/", NULL, propagation_flags(ctx->spec->rootfs_propagation), NULL) < 0)
        return err_errno(err, errno, "set the propagation of the root file system");
    return 0;
}
