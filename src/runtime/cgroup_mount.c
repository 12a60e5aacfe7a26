/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The "cgroup" mount: the container sees its own cgroups as the roots of the hierarchies.
 *
 * With a cgroup namespace the hierarchies are mounted anew, and the kernel shows the namespace's
 * root. Without one, the container's own directories are bound. On v2 alone that is the mount; with
 * v1 there is a tmpfs with one directory for each hierarchy, as on the host. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/mount_opts.h"
#include "runtime/mountfd.h"
#include "runtime/mounts.h"

/* One hierarchy as a detached mount. */
static int hierarchy_mount(struct init_ctx *ctx, const struct cgroup_hierarchy *h, uint64_t attr,
                           struct err *err)
{
    if (ctx->spec->ns[OCI_NS_CGROUP].set) {
        if (h->ops->v2)
            return mountfd_new("cgroup2", "cgroup", NULL, attr, err);
        _cleanup_strv_ char **options = str_split(h->options, ',');
        return mountfd_new("cgroup", "cgroup", options, attr, err);
    }
    _cleanup_free_ char *path = xasprintf("%s%s", h->mountpoint, ctx->cgroup->path);
    int fd = mountfd_clone(AT_FDCWD, path, false);
    return fd < 0 ? err_errno(err, fd, "bind %s", path) : fd;
}

static int attach_hierarchy(struct init_ctx *ctx, const struct cgroup_hierarchy *h, int target_fd,
                            const struct mount_opts *o, struct err *err)
{
    _cleanup_close_ int fd = hierarchy_mount(ctx, h, o->attr_set, err);

    if (fd < 0)
        return fd;
    int r = mountfd_attach(fd, target_fd);
    if (r == 0)
        r = mountfd_set_attr(fd, o->attr_set, o->attr_clr, false);
    return r < 0 ? err_errno(err, r, "attach cgroup mount") : 0;
}

/* The host's name of the hierarchy: "cpu,cpuacct", "systemd", "unified". */
static const char *directory_name(const struct cgroup_hierarchy *h)
{
    const char *slash = strrchr(h->mountpoint, '/');

    return slash ? slash + 1 : h->mountpoint;
}

/* "cpu" and "cpuacct" beside a directory "cpu,cpuacct", where programs look. */
static void link_names(int dir_fd, const struct cgroup_hierarchy *h)
{
    _cleanup_strv_ char **names = str_split(h->options, ',');

    for (size_t i = 0; strv_len(names) > 1 && names[i]; i++)
        if (path_component_valid(names[i]))
            (void)symlinkat(directory_name(h), dir_fd, names[i]);
}

static int mount_many(struct init_ctx *ctx, int target_fd, const struct mount_opts *o,
                      struct err *err)
{
    char *const data[] = {(char *)"mode=755", (char *)"size=64k", NULL};
    uint64_t ro = o->attr_set & MOUNT_ATTR_RDONLY;
    _cleanup_close_ int tmpfs =
        mountfd_new("tmpfs", "tmpfs", data, o->attr_set & ~(uint64_t)MOUNT_ATTR_RDONLY, err);

    if (tmpfs < 0)
        return tmpfs;
    int r = mountfd_attach(tmpfs, target_fd);
    if (r < 0)
        return err_errno(err, r, "attach cgroup tmpfs");
    for (size_t i = 0; i < ctx->cgroup->n; i++) {
        const struct cgroup_hierarchy *h = &ctx->cgroup->h[i];
        if (h->dir_fd < 0)
            continue;
        const char *name = directory_name(h);
        if (mkdirat(tmpfs, name, 0755) < 0)
            return err_errno(err, errno, "mkdir %s for the cgroup mount", name);
        _cleanup_close_ int place = openat(tmpfs, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (place < 0)
            return err_errno(err, errno, "open %s for the cgroup mount", name);
        if ((r = attach_hierarchy(ctx, h, place, o, err)) < 0) {
            err_wrap(err, "%s", name);
            return r;
        }
        if (!h->ops->v2)
            link_names(tmpfs, h);
    }
    r = ro ? mountfd_set_attr(tmpfs, ro, 0, false) : 0;
    return r < 0 ? err_errno(err, r, "make the cgroup mount read-only") : 0;
}

int mounts_cgroup(struct init_ctx *ctx, int target_fd, const struct mount_opts *o, struct err *err)
{
    int r = init_need_cgroup(ctx, err);

    if (r < 0)
        return r;
    if (ctx->cgroup->n == 0)
        return err_set(err, ERR_UNSUPPORTED, "this machine has no cgroups mounted");
    if (ctx->cgroup->n == 1 && ctx->cgroup->v2)
        return attach_hierarchy(ctx, ctx->cgroup->v2, target_fd, o, err);
    return mount_many(ctx, target_fd, o, err);
}
