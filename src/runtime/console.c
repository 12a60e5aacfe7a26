/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/console.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/mountfd.h"

/* An image can have any file there, even a device whose opening has effects: looked at before it is
 * opened. */
static int open_ptmx(int root_fd, struct err *err)
{
    struct stat st;
    struct statfs fs;
    _cleanup_close_ int place = open_in_root(root_fd, "/dev/pts/ptmx", O_PATH, 0);

    if (place < 0)
        return err_errno(err, place, "open /dev/pts/ptmx for a terminal");
    if (fstat(place, &st) < 0 || fstatfs(place, &fs) < 0)
        return err_errno(err, errno, "open /dev/pts/ptmx for a terminal");
    if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
        return err_set(err, ERR_INVALID, "/dev/pts/ptmx is not a terminal multiplexer of a devpts");
    int fd = open_in_root(root_fd, "/dev/pts/ptmx", O_RDWR | O_NOCTTY, 0);
    if (fd < 0)
        return err_errno(err, fd, "open /dev/pts/ptmx for a terminal");
    /* Once more, on what was really opened. */
    if (fstatfs(fd, &fs) < 0 || fs.f_type != DEVPTS_SUPER_MAGIC) {
        close_fd(fd);
        return err_set(err, ERR_INVALID, "/dev/pts/ptmx changed while it was opened");
    }
    return fd;
}

int console_open(int root_fd, const struct oci_process *p, int *ret_master, int *ret_slave,
                 struct err *err)
{
    struct winsize size = {.ws_row = p->console_height, .ws_col = p->console_width};
    int unlock = 0;
    _cleanup_close_ int slave = -1, master = open_ptmx(root_fd, err);

    if (master < 0)
        return master;
    if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return err_errno(err, errno, "unlock the terminal");
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return err_errno(err, errno, "open the terminal");
    if ((size.ws_row || size.ws_col) && ioctl(master, TIOCSWINSZ, &size) < 0)
        return err_errno(err, errno, "set the terminal's size");
    /* EINVAL: the user has no id in this user namespace. */
    if (fchown(slave, p->user.uid, (gid_t)-1) < 0 && errno != EINVAL && errno != EPERM)
        return err_errno(err, errno, "give the terminal to the user");
    *ret_master = TAKE_FD(master);
    *ret_slave = TAKE_FD(slave);
    return 0;
}

int console_bind(int root_fd, int slave, struct err *err)
{
    struct stat st;
    _cleanup_close_ int dev = open_in_root(root_fd, "/dev", O_PATH | O_DIRECTORY, 0);

    if (dev < 0)
        return err_errno(err, dev, "open /dev for the console");
    int made = openat(dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_RDONLY, 0666);
    if (made >= 0)
        close_fd(made);
    else if (errno != EEXIST && errno != EROFS)
        return err_errno(err, errno, "create /dev/console");
    _cleanup_close_ int place = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (place < 0 || fstat(place, &st) < 0)
        return err_errno(err, errno, "open /dev/console");
    /* A link would lead the terminal over any file of the container, say below /proc/sys. */
    if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
        return err_set(err, ERR_INVALID, "/dev/console is neither a file nor a device");
    _cleanup_close_ int mount = mountfd_clone(slave, "", false);
    int r = mount < 0 ? mount : mountfd_attach(mount, place);
    return r < 0 ? err_errno(err, r, "bind the terminal on /dev/console") : 0;
}

int console_adopt(int slave, struct err *err)
{
    if (ioctl(slave, TIOCSCTTY, 0) < 0)
        return err_errno(err, errno, "set the controlling terminal");
    for (int i = 0; i < 3; i++)
        if (dup2(slave, i) < 0)
            return err_errno(err, errno, "set up the terminal");
    return 0;
}
