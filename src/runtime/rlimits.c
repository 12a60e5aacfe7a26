/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/rlimits.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fdutil.h"
#include "base/str.h"

bool rlimits_apply_self(const struct oci_process *p)
{
    bool all = true;

    for (size_t i = 0; i < p->n_rlimits; i++) {
        const struct rlimit want = {.rlim_cur = p->rlimits[i].soft, .rlim_max = p->rlimits[i].hard};
        all &= setrlimit((enum __rlimit_resource)p->rlimits[i].type, &want) == 0;
    }
    return all;
}

int rlimits_apply(pid_t pid, const struct oci_process *p, struct err *err)
{
    for (size_t i = 0; i < p->n_rlimits; i++) {
        const struct oci_rlimit *l = &p->rlimits[i];
        struct rlimit now, want = {.rlim_cur = l->soft, .rlim_max = l->hard};
        if (prlimit(pid, (enum __rlimit_resource)l->type, &want, NULL) == 0)
            continue;
        int code = errno;
        if (code == EPERM && prlimit(pid, (enum __rlimit_resource)l->type, NULL, &now) == 0 &&
            want.rlim_max > now.rlim_max)
            return err_errno(err, code,
                             "set %s to %" PRIu64 ":%" PRIu64 ": the hard limit here is %" PRIu64
                             ", and raising it needs CAP_SYS_RESOURCE",
                             oci_rlimit_name(l->type), l->soft, l->hard, (uint64_t)now.rlim_max);
        return err_errno(err, code, "set %s to %" PRIu64 ":%" PRIu64, oci_rlimit_name(l->type),
                         l->soft, l->hard);
    }
    return 0;
}

int oom_score_apply(int proc_fd, pid_t pid, const struct oci_process *p, struct err *err)
{
    char path[64], text[16];
    _cleanup_free_ char *now = NULL;

    if (!p->has_oom_score_adj)
        return 0;
    (void)snprintf(path, sizeof(path), "%d/oom_score_adj", (int)pid);
    (void)snprintf(text, sizeof(text), "%d", p->oom_score_adj);
    int r = write_kernel_file_at(proc_fd, path, text);
    if (r >= 0)
        return 0;
    if (r == -EACCES && read_file_at(proc_fd, path, 32, &now, NULL) == 0) {
        now[strcspn(now, "\n")] = '\0';
        if (str_eq(now, text)) /* as it is already */
            return 0;
    }
    return err_errno(err, r, "set oom_score_adj to %s%s", text,
                     r == -EACCES ? " (lowering it needs CAP_SYS_RESOURCE)" : "");
}
