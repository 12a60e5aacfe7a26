/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/mountfd.h"

/* runtime-spec config-linux.md#default-devices */
static const struct oci_device defaults[] = {
    {.type = 'c', .path = (char *)"/dev/null", .major = 1, .minor = 3, .mode = 0666},
    {.type = 'c', .path = (char *)"/dev/zero", .major = 1, .minor = 5, .mode = 0666},
    {.type = 'c', .path = (char *)"/dev/full", .major = 1, .minor = 7, .mode = 0666},
    {.type = 'c', .path = (char *)"/dev/random", .major = 1, .minor = 8, .mode = 0666},
    {.type = 'c', .path = (char *)"/dev/urandom", .major = 1, .minor = 9, .mode = 0666},
    {.type = 'c', .path = (char *)"/dev/tty", .major = 5, .minor = 0, .mode = 0666},
};

static mode_t node_type(const struct oci_device *d)
{
    return d->type == 'b' ? S_IFBLK : d->type == 'p' ? S_IFIFO : S_IFCHR;
}

static dev_t node_number(const struct oci_device *d)
{
    return d->type == 'p' ? 0 : makedev((unsigned)d->major, (unsigned)d->minor);
}

static bool is_this_device(const struct stat *st, const struct oci_device *d)
{
    return (st->st_mode & S_IFMT) == node_type(d) &&
           (d->type == 'p' || st->st_rdev == node_number(d));
}

static int bind_node(int dir, const char *name, const struct oci_device *d)
{
    struct stat st;
    _cleanup_close_ int place = -1, node = mountfd_clone(AT_FDCWD, d->path, false);

    if (node < 0)
        return node;
    if (fstat(node, &st) < 0)
        return -errno;
    if (!is_this_device(&st, d))
        return -ENODEV;
    place = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDONLY, 0644);
    if (place < 0)
        return -errno;
    close_fd(place);
    place = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return place < 0 ? -errno : mountfd_attach(node, place);
}

static int make_node(int dir, const char *name, const struct oci_device *d)
{
    struct stat st;
    mode_t mode = d->mode ? d->mode & 07777 : 0666;

    if (mknodat(dir, name, node_type(d) | mode, node_number(d)) < 0) {
        if (errno != EEXIST)
            return -errno;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        return is_this_device(&st, d) ? 0 : -EEXIST;
    }
    /* The umask took its part of the mode. */
    if (fchmodat(dir, name, mode, 0) < 0)
        return -errno;
    if ((d->uid || d->gid) && fchownat(dir, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

/* dev_fd: the root's /dev, for the devices right in it. */
static int add_device(struct init_ctx *ctx, int dev_fd, const struct oci_device *d, struct err *err)
{
    _cleanup_free_ char *clean = path_clean(d->path);
    _cleanup_close_ int parent = -1;
    char *slash = strrchr(clean, '/');
    const char *name = slash + 1;
    int dir = dev_fd;

    if (!path_component_valid(name))
        return err_set(err, ERR_INVALID, "device path %s is not usable", d->path);
    *slash = '\0';
    if (!str_eq(clean, "/dev")) {
        dir = parent = mkdir_p_in_root(ctx->root_fd, *clean ? clean : "/", 0755);
        if (parent < 0)
            return err_errno(err, parent, "directory of device %s", d->path);
    }
    int r = ctx->in_userns && d->type != 'p' ? -EPERM : make_node(dir, name, d);
    if (r == -EPERM && d->type != 'p')
        r = bind_node(dir, name, d);
    return r < 0 ? err_errno(err, r, "create device %s", d->path) : 0;
}

static bool spec_has(const struct oci_spec *spec, const char *path)
{
    for (size_t i = 0; i < spec->n_devices; i++)
        if (str_eq(spec->devices[i].path, path))
            return true;
    return false;
}

/* config-linux.md and runtime-linux.md#dev-symbolic-links */
static int add_links(int dev_fd, struct err *err)
{
    static const struct {
        const char *name, *target;
    } links[] = {{"fd", "/proc/self/fd"},
                 {"stdin", "/proc/self/fd/0"},
                 {"stdout", "/proc/self/fd/1"},
                 {"stderr", "/proc/self/fd/2"},
                 {"core", "/proc/kcore"}};

    for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
        if (str_eq(links[i].name, "core") && access("/proc/kcore", F_OK) < 0)
            continue;
        if (symlinkat(links[i].target, dev_fd, links[i].name) < 0 && errno != EEXIST)
            return err_errno(err, errno, "create link /dev/%s", links[i].name);
    }
    /* The instance of devpts that belongs to this container. */
    if (unlinkat(dev_fd, "ptmx", 0) < 0 && errno != ENOENT)
        return err_errno(err, errno, "replace /dev/ptmx");
    if (symlinkat("pts/ptmx", dev_fd, "ptmx") < 0)
        return err_errno(err, errno, "create link /dev/ptmx");
    return 0;
}

int devices_setup(struct init_ctx *ctx, struct err *err)
{
    int r = 0;

    if (ctx->dev_is_bind)
        return 0;
    _cleanup_close_ int dev = mkdir_p_in_root(ctx->root_fd, "/dev", 0755);
    if (dev < 0)
        return err_errno(err, dev, "create /dev");
    mode_t old = umask(0);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(defaults); i++)
        if (!spec_has(ctx->spec, defaults[i].path))
            r = add_device(ctx, dev, &defaults[i], err);
    for (size_t i = 0; r == 0 && i < ctx->spec->n_devices; i++)
        r = add_device(ctx, dev, &ctx->spec->devices[i], err);
    if (r == 0)
        r = add_links(dev, err);
    (void)umask(old);
    return r;
}
