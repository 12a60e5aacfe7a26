/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"

#define TREE_CLONE     1u      /* OPEN_TREE_CLONE */
#define TREE_RECURSIVE 0x8000u /* AT_RECURSIVE */
#define MOVE_FROM_FD   0x04u   /* MOVE_MOUNT_F_EMPTY_PATH */
#define MOVE_TO_FD     0x40u   /* MOVE_MOUNT_T_EMPTY_PATH */

/* What a thread with a namespace of its own is to do. */
struct job {
    int ns_fd;            /* borrowed: the running container's mount namespace; or -1 */
    int root_mount;       /* borrowed: the stopped one's root, detached; or -1 */
    const char *place;    /* a directory to mount that on, inside the thread's namespace */
    const json_t *mounts; /* to go into it; or NULL */
    bool bare;
    int root, own_ns; /* results: descriptors */
    const char *failed;
    int r;
};

static int step(struct job *job, const char *what, long rc)
{
    if (rc >= 0)
        return (int)rc;
    job->failed = what;
    return -errno;
}

static int tree_of(const char *path, unsigned flags)
{
    return (int)syscall(SYS_open_tree, AT_FDCWD, path, TREE_CLONE | flags | (unsigned)O_CLOEXEC);
}

static void enter_running(struct job *job)
{
    int r = step(job, "unshare", unshare(CLONE_FS));

    if (r == 0)
        r = step(job, "setns", setns(job->ns_fd, CLONE_NEWNS));
    if (r == 0 && job->bare)
        r = job->root = step(job, "open_tree", tree_of("/", 0));
    else if (r == 0)
        r = job->root = step(job, "open", open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    job->r = r < 0 ? r : 0;
}

/* A source or mount point that is not there is left out: the container would not start either. */
static void mount_one(int root, const json_t *m)
{
    const char *source = json_str_or(m, "Source", ""), *type = json_str_or(m, "Type", "");
    const char *to = json_str_or(m, "Destination", "");
    bool recursive = !json_bool_or(m, "nonrec", false);
    _cleanup_close_ int tree = -1, at = -1;

    if ((!str_eq(type, "bind") && !str_eq(type, "volume")) || *source != '/')
        return;
    tree = tree_of(source, recursive ? TREE_RECURSIVE : 0);
    at = tree < 0 ? -1 : open_in_root(root, to, O_PATH, 0);
    if (at >= 0)
        (void)syscall(SYS_move_mount, tree, "", at, "", MOVE_FROM_FD | MOVE_TO_FD);
}

static void mount_stopped(struct job *job)
{
    int r = step(job, "unshare", unshare(CLONE_FS | CLONE_NEWNS));
    const json_t *m;
    size_t i;

    if (r == 0)
        r = step(job, "private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    if (r == 0)
        r = step(job, "move_mount",
                 syscall(SYS_move_mount, job->root_mount, "", AT_FDCWD, job->place, MOVE_FROM_FD));
    if (r == 0)
        r = job->root = step(job, "open", open(job->place, O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (r >= 0) {
        json_array_foreach(job->mounts, i, m)
            mount_one(job->root, m);
        r = job->own_ns =
            step(job, "namespace", open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
    }
    job->r = r < 0 ? r : 0;
}

static void *job_main(void *arg)
{
    struct job *job = arg;

    if (job->ns_fd >= 0)
        enter_running(job);
    else
        mount_stopped(job);
    return NULL;
}

static int run_job(struct job *job, const struct container *c, struct container_root *ret,
                   struct err *err)
{
    pthread_t thread;
    int r = thread_spawn("rootfs", 0, job_main, job, &thread);

    if (r < 0)
        return err_errno(err, r, "start a thread");
    (void)pthread_join(thread, NULL);
    if (job->r < 0) {
        job->root = job->root >= 0 ? close_fd(job->root) : -1;
        return err_errno(err, job->r, "open the file system of container %s: %s", c->conf->id,
                         job->failed);
    }
    ret->fd = job->root;
    ret->ns_fd = job->own_ns;
    return 0;
}

/* The mount namespace of the init process. The pid may be another process's by now, if the shim has
 * just reaped it: a process of this container tells by its control group. */
static int open_namespace(const struct container *c, pid_t pid)
{
    _cleanup_free_ char *ns = xasprintf("/proc/%d/ns/mnt", pid), *text = NULL;
    _cleanup_free_ char *groups = xasprintf("/proc/%d/cgroup", pid);
    _cleanup_close_ int fd = open(ns, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read_file_at(AT_FDCWD, groups, 64 * KIB, &text, NULL) < 0 ||
        !strstr(text, c->conf->id))
        return -1;
    return TAKE_FD(fd);
}

static pid_t running_pid(struct container *c)
{
    LOCK_SCOPE(&c->lock);
    return c->state.running && !c->state.restarting && c->shim ? c->state.pid : 0;
}

static int open_running(struct container *c, pid_t pid, bool bare, struct container_root *ret,
                        struct err *err)
{
    _cleanup_close_ int ns = open_namespace(c, pid);
    struct job job = {.ns_fd = ns, .root_mount = -1, .bare = bare, .root = -1, .own_ns = -1};
    int r;

    if (ns < 0)
        return err_set(err, ERR_CONFLICT, "container %s is not running", c->conf->id);
    r = run_job(&job, c, ret, err);
    if (r == 0)
        ret->ns_fd = TAKE_FD(ns);
    return r;
}

/* c->op is held. */
static int open_stopped(struct container *c, bool bare, struct container_root *ret, struct err *err)
{
    _cleanup_json_ json_t *mounts = bare ? NULL : container_conf_mounts(c->conf);
    _cleanup_free_ char *place = container_data_dir(c->engine, c->conf->id);
    _cleanup_close_ int root = -1;
    struct job job = {.ns_fd = -1, .place = place, .mounts = mounts, .root = -1, .own_ns = -1};
    int r = layer_rw_mount(c->engine->layers, c->conf->id, &root, err);

    if (r < 0)
        return r;
    job.root_mount = root;
    return run_job(&job, c, ret, err);
}

int container_root_open(struct container *c, bool bare, struct container_root *ret, struct err *err)
{
    struct container_root own = {.c = c, .fd = -1, .ns_fd = -1};
    struct err running = {0};
    pid_t pid = running_pid(c);
    bool gone;
    int r;

    if (pid > 0 && open_running(c, pid, bare, &own, &running) == 0) {
        *ret = own;
        return 0;
    }
    (void)pthread_mutex_lock(&c->op);
    pid = running_pid(c);
    {
        LOCK_SCOPE(&c->lock);
        gone = c->gone;
    }
    if (gone) {
        (void)err_set(err, ERR_NOT_FOUND, "No such container: %s", c->conf->id);
        r = -ENOENT;
    } else if (pid > 0)
        r = open_running(c, pid, bare, &own, err);
    else
        r = open_stopped(c, bare, &own, err);
    own.locked = r == 0 && pid <= 0;
    if (!own.locked)
        (void)pthread_mutex_unlock(&c->op);
    if (r == 0)
        *ret = own;
    return r;
}

void container_root_close(struct container_root *r)
{
    if (!r->c)
        return;
    if (r->fd >= 0)
        r->fd = close_fd(r->fd);
    if (r->ns_fd >= 0)
        r->ns_fd = close_fd(r->ns_fd);
    if (r->locked)
        (void)pthread_mutex_unlock(&r->c->op);
    r->locked = false;
}
