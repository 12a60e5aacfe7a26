/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/lsm.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"

static bool wants_apparmor(const struct oci_process *p)
{
    /* "unconfined" is what a process is without AppArmor, too. */
    return !str_empty(p->apparmor_profile) && !str_eq(p->apparmor_profile, "unconfined");
}

int lsm_check(const struct oci_process *p, int proc_fd, struct err *err)
{
    if (wants_apparmor(p)) {
        _cleanup_free_ char *on = NULL;
        int r = read_file_at(AT_FDCWD, "/sys/module/apparmor/parameters/enabled", 16, &on, NULL);
        if (r < 0 || on[0] != 'Y')
            return err_set(err, ERR_UNSUPPORTED,
                           "apparmor profile \"%s\" is asked for, but apparmor is not enabled",
                           p->apparmor_profile);
    }
    if (!str_empty(p->selinux_label) && access("/sys/fs/selinux/enforce", F_OK) < 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "selinux label \"%s\" is asked for, but selinux is not enabled",
                       p->selinux_label);
    return 0;
}

int lsm_apply(const struct oci_process *p, int proc_fd, struct err *err)
{
    int r;

    if (wants_apparmor(p)) {
        _cleanup_free_ char *text = xasprintf("exec %s", p->apparmor_profile);
        r = write_kernel_file_at(proc_fd, "thread-self/attr/apparmor/exec", text);
        if (r == -ENOENT) /* before Linux 5.1 */
            r = write_kernel_file_at(proc_fd, "thread-self/attr/exec", text);
        if (r < 0)
            return err_errno(err, r, "apply apparmor profile %s", p->apparmor_profile);
    }
    if (!str_empty(p->selinux_label)) {
        r = write_kernel_file_at(proc_fd, "thread-self/attr/exec", p->selinux_label);
        if (r < 0)
            return err_errno(err, r, "apply selinux label %s", p->selinux_label);
    }
    return 0;
}
