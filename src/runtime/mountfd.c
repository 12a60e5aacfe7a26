/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/mountfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"

/* The kernel's own words about a failed fsconfig(), if it left any: "e tmpfs: Bad value for …". */
static int fs_error(int fs, int code, const char *type, struct err *err)
{
    char text[256];
    ssize_t n = read(fs, text, sizeof(text) - 1);

    if (n > 2 && text[0] == 'e' && text[1] == ' ') {
        text[n] = '\0';
        return err_errno(err, code, "mount %s (%s)", type, text + 2);
    }
    return err_errno(err, code, "mount %s", type);
}

static int set_option(int fs, const char *option)
{
    const char *eq = strchr(option, '=');

    if (!eq)
        return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
    _cleanup_free_ char *key = xstrndup(option, (size_t)(eq - option));
    return fsconfig(fs, FSCONFIG_SET_STRING, key, eq + 1, 0);
}

int mountfd_new(const char *type, const char *source, char *const *data, uint64_t attr,
                struct err *err)
{
    _cleanup_close_ int fs = fsopen(type, FSOPEN_CLOEXEC);

    if (fs < 0)
        return err_errno(err, errno, "mount %s", type);
    if (!str_empty(source) && fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
        return fs_error(fs, errno, type, err);
    for (size_t i = 0; data && data[i]; i++)
        if (set_option(fs, data[i]) < 0) {
            int code = errno;
            _cleanup_free_ char *what = xasprintf("%s, option %s", type, data[i]);
            return fs_error(fs, code, what, err);
        }
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_error(fs, errno, type, err);
    int fd = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attr);
    if (fd < 0)
        return fs_error(fs, errno, type, err);
    return fd;
}

int mountfd_clone(int dirfd, const char *path, bool recursive)
{
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;

    if (recursive)
        flags |= AT_RECURSIVE;
    if (!*path)
        flags |= AT_EMPTY_PATH;
    int fd = open_tree(dirfd, path, flags);
    return fd < 0 ? -errno : fd;
}

int mountfd_attach(int mount_fd, int target_fd)
{
    if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
        0)
        return -errno;
    return 0;
}

/* The MS_ form of an attached mount's present attributes. They are kept on a remount, since a mount
 * that came from a more privileged namespace has them locked. */
static unsigned long present_flags(int fd)
{
    struct statvfs vfs;
    unsigned long flags = 0;

    if (fstatvfs(fd, &vfs) < 0)
        return 0;
    if (vfs.f_flag & ST_RDONLY)
        flags |= MS_RDONLY;
    if (vfs.f_flag & ST_NOSUID)
        flags |= MS_NOSUID;
    if (vfs.f_flag & ST_NODEV)
        flags |= MS_NODEV;
    if (vfs.f_flag & ST_NOEXEC)
        flags |= MS_NOEXEC;
    if (vfs.f_flag & ST_NOATIME)
        flags |= MS_NOATIME;
    if (vfs.f_flag & ST_NODIRATIME)
        flags |= MS_NODIRATIME;
    if (vfs.f_flag & ST_RELATIME)
        flags |= MS_RELATIME;
    return flags;
}

static int remount(int fd, uint64_t set, uint64_t clr)
{
    static const struct {
        uint64_t attr;
        unsigned long ms;
    } map[] = {
        {MOUNT_ATTR_RDONLY, MS_RDONLY},         {MOUNT_ATTR_NOSUID, MS_NOSUID},
        {MOUNT_ATTR_NODEV, MS_NODEV},           {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
        {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME},
    };
    unsigned long flags = present_flags(fd);
    char path[40];

    for (size_t i = 0; i < ARRAY_SIZE(map); i++) {
        if (clr & map[i].attr)
            flags &= ~map[i].ms;
        if (set & map[i].attr)
            flags |= map[i].ms;
    }
    if ((clr & MOUNT_ATTR__ATIME) == MOUNT_ATTR__ATIME) {
        flags &= ~(unsigned long)(MS_NOATIME | MS_RELATIME);
        uint64_t atime = set & MOUNT_ATTR__ATIME;
        flags |= atime == MOUNT_ATTR_NOATIME       ? MS_NOATIME
                 : atime == MOUNT_ATTR_STRICTATIME ? MS_STRICTATIME
                                                   : MS_RELATIME;
    }
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0 ? -errno : 0;
}

int mountfd_set_attr(int mount_fd, uint64_t set, uint64_t clr, bool recursive)
{
    struct mount_attr attr = {.attr_set = set, .attr_clr = clr};

    if (!set && !clr)
        return 0;
    if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
                      sizeof(attr)) == 0)
        return 0;
    if (errno != ENOSYS || recursive)
        return -errno;
    return remount(mount_fd, set, clr);
}

int mountfd_set_propagation(int mount_fd, unsigned long flags)
{
    struct mount_attr attr = {.propagation = flags & ~(unsigned long)MS_REC};
    char path[40];

    if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (flags & MS_REC ? AT_RECURSIVE : 0), &attr,
                      sizeof(attr)) == 0)
        return 0;
    if (errno != ENOSYS)
        return -errno;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", mount_fd);
    return mount(NULL, path, NULL, flags, NULL) < 0 ? -errno : 0;
}

int mountfd_idmap(int mount_fd, int userns_fd, bool recursive)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns_fd};

    return mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
                         sizeof(attr)) < 0
               ? -errno
               : 0;
}

int fd_path(int fd, char *buf, size_t size)
{
    char link[40];

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, buf, size - 1);
    if (n < 0)
        return -errno;
    if ((size_t)n == size - 1)
        return -ENAMETOOLONG;
    buf[n] = '\0';
    return 0;
}
