/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/mount_opts.h"
#include "runtime/mountfd.h"
#include "runtime/rootfs.h"

/* Files in /proc that may be covered (LXCFS does), as runc has them. */
static const char *const proc_exceptions[] = {
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
};

/* Nothing may stand where the runtime and the kernel's labels trust /proc to be. `where` is the
 * resolved place. */
static int check_proc(const char *where, const struct oci_mount *m, int mount_fd, struct err *err)
{
    struct statfs fs;
    struct stat st;

    if (!str_eq(where, "/proc") && !str_starts(where, "/proc/"))
        return 0;
    if (str_eq(where, "/proc")) {
        if (str_eq(m->type, "proc"))
            return 0;
        /* A bind of a whole procfs; 1 is the inode of its root. */
        if (fstatfs(mount_fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC &&
            fstat(mount_fd, &st) == 0 && st.st_ino == 1)
            return 0;
        return err_set(err, ERR_INVALID, "\"%s\" cannot be mounted because it is not of type proc",
                       m->destination);
    }
    for (size_t i = 0; i < ARRAY_SIZE(proc_exceptions); i++)
        if (str_eq(where, proc_exceptions[i]))
            return 0;
    /* Below a procfs inside the container, e.g. /proc/sys/fs/binfmt_misc as its own type. */
    return err_set(err, ERR_INVALID, "\"%s\" cannot be mounted because it is inside /proc",
                   m->destination);
}

static bool is_kernel_fs(const char *type)
{
    return str_eq(type, "proc") || str_eq(type, "sysfs");
}

/* A link in the image must not say where procfs and sysfs are. */
static int check_ordinary_dir(struct init_ctx *ctx, const struct oci_mount *m, struct err *err)
{
    struct stat st;
    _cleanup_close_ int fd = open_in_root(ctx->root_fd, m->destination, O_PATH | O_NOFOLLOW, 0);

    if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)))
        return err_set(err, ERR_INVALID, "filesystem \"%s\" must be mounted on ordinary directory",
                       m->type);
    return 0;
}

static int open_bind_source(const struct init_ctx *ctx, const struct oci_mount *m,
                            const struct mount_opts *o, bool *ret_dir, struct err *err)
{
    _cleanup_free_ char *clean = NULL;
    struct stat st;
    int fd;

    if (str_empty(m->source))
        return err_set(err, ERR_INVALID, "bind mount on \"%s\" has no source", m->destination);
    if (m->source[0] == '/') {
        clean = path_clean(m->source);
        fd = mountfd_clone(AT_FDCWD, clean, o->recursive);
    } else {
        char bundle[PATH_MAX];
        int r = ctx->params->bundle_fd < 0
                    ? -EINVAL
                    : fd_path(ctx->params->bundle_fd, bundle, sizeof(bundle));
        if (r < 0)
            return err_errno(err, r, "bind source %s", m->source);
        clean = xasprintf("%s/%s", bundle, m->source);
        fd = mountfd_clone(AT_FDCWD, clean, o->recursive);
    }
    if (fd < 0)
        return err_errno(err, fd, "bind mount %s", m->source);
    if (fstat(fd, &st) < 0) {
        close_fd(fd);
        return err_errno(err, errno, "stat %s", m->source);
    }
    *ret_dir = S_ISDIR(st.st_mode);
    return fd;
}

static bool has_option(char *const *data, const char *key)
{
    for (size_t i = 0; data && data[i]; i++)
        if (str_starts(data[i], key))
            return true;
    return false;
}

/* A new file system; a tmpfs takes over the mode of the directory it covers, unless that was only
 * made for it: then it is open to all, as a tmpfs is by itself. */
static int new_filesystem(const struct init_ctx *ctx, const struct oci_mount *m,
                          struct mount_opts *o, int target_fd, bool made, struct err *err)
{
    struct stat st;
    bool tmpfs = str_eq(m->type, "tmpfs");

    if (tmpfs && !made && !has_option(o->data, "mode=") && fstat(target_fd, &st) == 0)
        strv_push_take(&o->data, xasprintf("mode=%04o", (unsigned)st.st_mode & 07777));
    if (!str_empty(ctx->spec->mount_label) && (tmpfs || str_eq(m->type, "devpts")))
        strv_push_take(&o->data, xasprintf("context=%s", ctx->spec->mount_label));
    bool copy = tmpfs && o->copy_up;
    uint64_t attr = o->attr_set & ~(uint64_t)(copy ? MOUNT_ATTR_RDONLY : 0);
    int fd = mountfd_new(m->type, str_empty(m->source) ? m->type : m->source, o->data, attr, err);
    /* Without a network namespace of its own, a user namespace gets no new sysfs. */
    if (fd == -EPERM && str_eq(m->type, "sysfs") && ctx->in_userns) {
        err_clear(err);
        fd = mountfd_clone(AT_FDCWD, "/sys", true);
        return fd < 0 ? err_errno(err, fd, "bind /sys") : fd;
    }
    if (fd < 0)
        return fd;
    int r = copy ? mounts_copy_up(target_fd, fd, err) : 0;
    if (r < 0) {
        close_fd(fd);
        return r;
    }
    return fd;
}

static int set_attributes(int fd, const struct oci_mount *m, const struct mount_opts *o,
                          struct err *err)
{
    int r = 0;

    /* A new file system got its attributes when it was made, but for what copying needed. */
    if (o->bind || o->copy_up)
        r = mountfd_set_attr(fd, o->attr_set, o->attr_clr, false);
    if (r == 0)
        r = mountfd_set_attr(fd, o->rec_attr_set, o->rec_attr_clr, true);
    for (size_t i = 0; r == 0 && i < o->n_propagation; i++)
        r = mountfd_set_propagation(fd, o->propagation[i]);
    return r < 0 ? err_errno(err, r, "set options of mount %s", m->destination) : 0;
}

static int mount_one(struct init_ctx *ctx, const struct oci_mount *m, int idmap_fd,
                     struct mount_opts *o, struct err *err)
{
    _cleanup_close_ int fd = -1, target = -1;
    char where[PATH_MAX];
    bool dir = true, made = false;
    int r;

    o->bind |= str_eq(m->type, "bind") || (str_empty(m->type) && o->bind);
    if (str_empty(m->type) && !o->bind)
        return err_set(err, ERR_INVALID, "mount type must not be empty");
    if (is_kernel_fs(m->type) && (r = check_ordinary_dir(ctx, m, err)) < 0)
        return r;
    if (o->bind) {
        fd = open_bind_source(ctx, m, o, &dir, err);
        if (fd < 0)
            return fd;
    }
    target = rootfs_target(ctx, m->destination, dir, where, &made, err);
    if (target < 0)
        return target;
    if (str_eq(where, "/"))
        return err_set(err, ERR_INVALID, "a mount cannot replace the root");
    if ((r = check_proc(where, m, fd, err)) < 0)
        return r;
    if (str_eq(where, "/dev"))
        ctx->dev_is_bind = o->bind;
    if (str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2"))
        return mounts_cgroup(ctx, target, o, err);
    if (fd < 0)
        fd = new_filesystem(ctx, m, o, target, made, err);
    if (fd < 0)
        return fd;
    if (idmap_fd >= 0 && (r = mountfd_idmap(fd, idmap_fd, o->idmap_rec)) < 0)
        return err_errno(err, r, "map the ids of mount %s", m->destination);
    if ((r = mountfd_attach(fd, target)) < 0)
        return err_errno(err, r, "attach mount");
    return set_attributes(fd, m, o, err);
}

int mounts_setup(struct init_ctx *ctx, const int *idmap_fds, struct err *err)
{
    const struct oci_spec *spec = ctx->spec;

    for (size_t i = 0; i < spec->n_mounts; i++) {
        const struct oci_mount *m = &spec->mounts[i];
        struct mount_opts o;
        int r = mount_opts_parse(m->options, &o, err);
        if (r == 0) {
            r = mount_one(ctx, m, idmap_fds ? idmap_fds[i] : -1, &o, err);
            mount_opts_done(&o);
        }
        if (r < 0) {
            err_wrap(err, "error mounting \"%s\" to rootfs at \"%s\"",
                     m->source            ? m->source
                     : str_empty(m->type) ? ""
                                          : m->type,
                     m->destination);
            return r;
        }
    }
    return 0;
}

/* Directories get an empty read-only tmpfs, all the same one; other files /dev/null. */
static int mask_one(struct init_ctx *ctx, const char *path, int *tmpfs, struct err *err)
{
    struct stat st;
    _cleanup_close_ int cover = -1, target = open_in_root(ctx->root_fd, path, O_PATH, 0);

    if (target == -ENOENT || target == -ENOTDIR)
        return 0;
    if (target < 0)
        return err_errno(err, target, "mask path %s", path);
    if (fstat(target, &st) < 0)
        return err_errno(err, errno, "mask path %s", path);
    if (S_ISDIR(st.st_mode)) {
        char *const options[] = {(char *)"mode=755", (char *)"size=0k", (char *)"nr_inodes=1",
                                 NULL};
        if (*tmpfs >= 0) {
            cover = mountfd_clone(*tmpfs, "", false);
            if (cover < 0)
                return err_errno(err, cover, "mask path %s", path);
        } else {
            cover = mountfd_new("tmpfs", "tmpfs", options, MOUNT_ATTR_RDONLY, err);
            if (cover < 0)
                return cover;
        }
    } else {
        cover = mountfd_clone(ctx->null_fd, "", false);
        if (cover < 0)
            return err_errno(err, cover, "mask path %s", path);
    }
    int r = mountfd_attach(cover, target);
    if (r < 0)
        return err_errno(err, r, "mask path %s", path);
    if (S_ISDIR(st.st_mode) && *tmpfs < 0)
        *tmpfs = TAKE_FD(cover);
    return 0;
}

static int readonly_one(struct init_ctx *ctx, const char *path, struct err *err)
{
    _cleanup_close_ int fd = -1, target = open_in_root(ctx->root_fd, path, O_PATH, 0);

    if (target == -ENOENT || target == -ENOTDIR)
        return 0;
    fd = target < 0 ? target : mountfd_clone(target, "", true);
    int r = fd < 0 ? fd : mountfd_attach(fd, target);
    if (r == 0)
        r = mountfd_set_attr(fd, MOUNT_ATTR_RDONLY, 0, false);
    return r < 0 ? err_errno(err, r, "make path %s read-only", path) : 0;
}

/* Opened by path, not by the image's /dev: an image can put anything there. */
static int open_null(struct init_ctx *ctx, struct err *err)
{
    struct stat st;

    ctx->null_fd = open("/dev/null", O_PATH | O_CLOEXEC | O_NOFOLLOW);
    if (ctx->null_fd < 0 || fstat(ctx->null_fd, &st) < 0)
        return err_errno(err, errno, "open /dev/null");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        return err_set(err, ERR_INTERNAL, "/dev/null of this machine is not the null device");
    return 0;
}

int mounts_mask(struct init_ctx *ctx, struct err *err)
{
    _cleanup_close_ int tmpfs = -1;
    int r;

    for (size_t i = 0; ctx->spec->readonly_paths && ctx->spec->readonly_paths[i]; i++)
        if ((r = readonly_one(ctx, ctx->spec->readonly_paths[i], err)) < 0)
            return r;
    if (ctx->spec->masked_paths && (r = open_null(ctx, err)) < 0)
        return r;
    for (size_t i = 0; ctx->spec->masked_paths && ctx->spec->masked_paths[i]; i++)
        if ((r = mask_one(ctx, ctx->spec->masked_paths[i], &tmpfs, err)) < 0)
            return r;
    return 0;
}
