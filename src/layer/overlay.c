/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Overlay mounts that appear in no mount namespace. Kernels that know "lowerdir+" (6.8) build the
 * superblock piece by piece. For older ones a thread with a private mount namespace mounts the
 * usual way, with names relative to the store because all options must fit one page, and takes the
 * mount out by open_tree(OPEN_TREE_CLONE). */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/thread.h"
#include "layer/internal.h"

#define FSCONFIG_VALUE_MAX 255

/* Docker's choice: what these features record in the upper directory would make layers that only
 * this kernel configuration reads back. */
static const char *const fixed_options[][2] = {
    {"index", "off"}, {"xino", "off"}, {"metacopy", "off"}, {"redirect_dir", "off"}};

static int fs_set(int fs, const char *key, const char *value)
{
    return syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

/* Sets a path option, by way of a descriptor if the path is too long for fsconfig(2). */
static int fs_set_path(struct layer_store *s, int fs, const char *key, const char *id,
                       const char *leaf)
{
    _cleanup_free_ char *path = xasprintf("%s/overlay2/%s/%s", s->root, id, leaf);
    _cleanup_free_ char *relative = NULL;
    _cleanup_close_ int fd = -1;
    char link[32];

    if (strlen(path) <= FSCONFIG_VALUE_MAX)
        return fs_set(fs, key, path);
    relative = xasprintf("%s/%s", id, leaf);
    fd = openat(s->dir_fd, relative, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return fs_set(fs, key, link);
}

/* The kernel's words on why it refused, or "". */
static void fs_messages(int fs, char *out, size_t size)
{
    ssize_t n = read(fs, out, size - 1);

    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static int fs_error(int fs, int r, const char *what, struct err *err)
{
    char why[200];

    fs_messages(fs, why, sizeof(why));
    return err_errno(err, r, "overlay mount: %s%s%s%s", what, *why ? " (" : "", why,
                     *why ? ")" : "");
}

static int mount_by_fsconfig(struct layer_store *s, const struct layer_overlay *o, struct err *err)
{
    _cleanup_close_ int fs = (int)syscall(SYS_fsopen, "overlay", 1 /* FSOPEN_CLOEXEC */);
    const char *what = "source";

    if (fs < 0)
        return err_errno(err, errno, "overlay mount: fsopen");
    int r = fs_set(fs, "source", "overlay");
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fixed_options); i++) {
        what = fixed_options[i][0];
        r = fs_set(fs, what, fixed_options[i][1]);
        if (r == -EINVAL) /* a kernel built without the feature */
            r = 0;
    }
    for (size_t i = 0; r == 0 && o->lowers[i]; i++) {
        what = "lowerdir+";
        r = fs_set_path(s, fs, what, o->lowers[i], "diff");
    }
    if (r == 0) {
        what = "upperdir";
        r = fs_set_path(s, fs, what, o->upper, "diff");
    }
    if (r == 0) {
        what = "workdir";
        r = fs_set_path(s, fs, what, o->upper, "work");
    }
    if (r < 0)
        return fs_error(fs, r, what, err);
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return fs_error(fs, -errno, "create", err);
    int fd = (int)syscall(SYS_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
    return fd >= 0 ? fd : fs_error(fs, -errno, "fsmount", err);
}

struct legacy_job {
    struct layer_store *s;
    const char *options, *target;
    int mount_fd; /* or a negative errno */
    const char *failed;
};

static int legacy_step(struct legacy_job *job, const char *what, int rc)
{
    if (rc >= 0)
        return rc;
    job->failed = what;
    return -errno;
}

/* Both the working directory and the mount namespace are this thread's own and end with it. */
static void *legacy_main(void *arg)
{
    struct legacy_job *job = arg;
    int r = legacy_step(job, "unshare", unshare(CLONE_FS));

    /* The new namespace takes the working directory along, but not descriptors: those stay on the
     * mounts of the old one, where an overlay must not get its directories from. */
    if (r == 0)
        r = legacy_step(job, "fchdir", fchdir(job->s->dir_fd));
    if (r == 0)
        r = legacy_step(job, "unshare", unshare(CLONE_NEWNS));
    if (r == 0)
        r = legacy_step(job, "private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    if (r == 0)
        r = legacy_step(job, "mount", mount("overlay", job->target, "overlay", 0, job->options));
    if (r == 0)
        r = legacy_step(job, "open_tree",
                        (int)syscall(SYS_open_tree, AT_FDCWD, job->target,
                                     OPEN_TREE_CLONE | (unsigned)O_CLOEXEC));
    job->mount_fd = r;
    return NULL;
}

static int mount_by_thread(struct layer_store *s, const struct layer_overlay *o, struct err *err)
{
    _cleanup_free_ char *target = xasprintf("%s/work", o->upper);
    _cleanup_buf_ struct buf options = BUF_INIT((size_t)sysconf(_SC_PAGESIZE) - 1);
    struct legacy_job job = {.s = s, .target = target};
    pthread_t thread;

    (void)buf_adds(&options, "lowerdir=");
    for (size_t i = 0; o->lowers[i]; i++)
        (void)buf_addf(&options, "%s%s/diff", i ? ":" : "", o->lowers[i]);
    (void)buf_addf(&options, ",upperdir=%s/diff,workdir=%s/work", o->upper, o->upper);
    for (size_t i = 0; i < ARRAY_SIZE(fixed_options); i++)
        if (!str_eq(fixed_options[i][0], "metacopy")) /* refused by kernels before 4.19 */
            (void)buf_addf(&options, ",%s=%s", fixed_options[i][0], fixed_options[i][1]);
    if (options.overflow)
        return err_set(err, ERR_UNSUPPORTED,
                       "this kernel cannot mount an image of so many layers (%zu)",
                       strv_len(o->lowers));
    job.options = buf_str(&options);
    int r = thread_spawn("overlay-mount", 0, legacy_main, &job, &thread);
    if (r < 0)
        return err_errno(err, r, "overlay mount: thread");
    (void)pthread_join(thread, NULL);
    if (job.mount_fd < 0)
        return err_errno(err, job.mount_fd, "overlay mount: %s", job.failed);
    return job.mount_fd;
}

int layer_overlay_mount(struct layer_store *s, const struct layer_overlay *o, struct err *err)
{
    return s->legacy_mount ? mount_by_thread(s, o, err) : mount_by_fsconfig(s, o, err);
}

int layer_overlay_probe(struct layer_store *s, struct err *err)
{
    static char init[] = LAYER_INIT_ID;
    char *lowers[] = {init, NULL};
    static const char probe[] = ".probe";
    struct layer_overlay o = {.lowers = lowers, .upper = probe};
    struct err first = {0};

    if ((mkdirat(s->dir_fd, probe, 0700) < 0 && errno != EEXIST) ||
        (mkdirat(s->dir_fd, ".probe/diff", 0700) < 0 && errno != EEXIST) ||
        (mkdirat(s->dir_fd, ".probe/work", 0700) < 0 && errno != EEXIST))
        return err_errno(err, errno, "create %s/overlay2/%s", s->root, probe);
    _cleanup_close_ int fd = layer_overlay_mount(s, &o, &first);
    if (fd < 0) {
        s->legacy_mount = true;
        fd = layer_overlay_mount(s, &o, err);
    }
    (void)layer_trash(s, s->dir_fd, probe);
    if (fd >= 0)
        return 0;
    return err_set(
        err, ERR_UNSUPPORTED,
        "driver not supported: overlay2: the file system of %s cannot hold the layers of "
        "an overlay (%s)",
        s->root, first.message);
}
