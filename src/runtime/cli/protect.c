/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CVE-2019-5736: an image whose program is /proc/self/exe, or a script that names it, makes the
 * runtime execute itself inside the container, from where its file could be opened for writing.
 *
 * So commands that put processes into containers run from where nobody can write: a detached
 * read-only bind mount of the program, whose flags no one can change, since it is in no namespace;
 * or, without the rights or the kernel for that, a sealed copy in memory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/mountfd.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int is_protected(struct err *err)
{
    struct statvfs fs;
    _cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstatvfs(fd, &fs) < 0)
        return err_errno(err, errno, "open /proc/self/exe");
    int seals = fcntl(fd, F_GET_SEALS);
    return (fs.f_flag & ST_RDONLY) || (seals >= 0 && (seals & ALL_SEALS) == ALL_SEALS);
}

static int readonly_mount(void)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    _cleanup_close_ int fd = mountfd_clone(AT_FDCWD, "/proc/self/exe", false);

    if (fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -1;
    return TAKE_FD(fd);
}

static int sealed_copy(struct err *err)
{
    struct stat st;
    _cleanup_close_ int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int out = memfd_create("lighter-runtime", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (in < 0 || out < 0 || fstat(in, &st) < 0)
        return err_errno(err, errno, "copy of this program");
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(out, in, NULL, (size_t)left);
        if (n <= 0)
            return err_errno(err, n < 0 ? errno : EIO, "copy of this program");
        left -= n;
    }
    if (fcntl(out, F_ADD_SEALS, ALL_SEALS) < 0)
        return err_errno(err, errno, "seal the copy of this program");
    return TAKE_FD(out);
}

int cli_protect_self(char **argv, struct err *err)
{
    int r = is_protected(err);

    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_close_ int fd = readonly_mount();
    if (fd < 0)
        fd = sealed_copy(err);
    if (fd < 0)
        return fd;
    (void)syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
    return err_errno(err, errno, "run from a protected place");
}
