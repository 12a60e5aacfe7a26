/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Starting a shim. The program runs from a sealed memfd copy, so that nothing in a container can
 * reach the file on the host through /proc (CVE-2019-5736), and so that replacing the file while
 * containers run is harmless. One copy is kept open and used for every shim, whose text pages are
 * then shared. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "shim/client_internal.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static struct {
    pthread_mutex_t lock;
    char *path;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
    int fd;
} cached = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

static int copy_to_memfd(int from, off_t size)
{
    _cleanup_close_ int fd =
        memfd_create("lighter-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 every memfd was executable */
        fd = memfd_create("lighter-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    for (off_t off = 0; off < size;) {
        ssize_t n = sendfile(fd, from, &off, (size_t)(size - off));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -errno;
    /* A descriptor open for writing would make execve fail with ETXTBSY on some kernels. */
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int readonly = open(path, O_RDONLY | O_CLOEXEC);
    return readonly < 0 ? -errno : readonly;
}

/* A descriptor of the program's sealed copy for the caller, who closes it. */
static int program_fd(const char *path, struct err *err)
{
    struct stat st;
    LOCK_SCOPE(&cached.lock);
    bool same = cached.fd >= 0 && str_eq(cached.path, path) && stat(path, &st) == 0 &&
                st.st_dev == cached.dev && st.st_ino == cached.ino && st.st_size == cached.size &&
                st.st_mtim.tv_sec == cached.mtime.tv_sec &&
                st.st_mtim.tv_nsec == cached.mtime.tv_nsec;

    if (!same) {
        _cleanup_close_ int from = open(path, O_RDONLY | O_CLOEXEC);
        if (from < 0 || fstat(from, &st) < 0)
            return err_errno(err, errno, "open %s", path);
        if (!S_ISREG(st.st_mode) || st.st_size > (off_t)(64 * MIB))
            return err_set(err, ERR_INTERNAL, "%s is not a program", path);
        int fd = copy_to_memfd(from, st.st_size);
        if (fd < 0)
            return err_errno(err, fd, "copy %s", path);
        close_fd(cached.fd);
        free(cached.path);
        cached.fd = fd;
        cached.path = xstrdup(path);
        cached.dev = st.st_dev;
        cached.ino = st.st_ino;
        cached.size = st.st_size;
        cached.mtime = st.st_mtim;
    }
    /* Above SHIM_BOOT_FD, which the child puts its socket on before it executes this. */
    int copy = fcntl(cached.fd, F_DUPFD_CLOEXEC, 10);
    return copy < 0 ? err_errno(err, errno, "copy %s", path) : copy;
}

static int spawn_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int r = posix_spawnattr_init(attr);
    if (r != 0)
        return -r;
    (void)posix_spawnattr_setsigmask(attr, &none);
    (void)posix_spawnattr_setsigdefault(attr, &all);
    (void)posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
                                             POSIX_SPAWN_SETSIGDEF);
    return 0;
}

/* Starts the program with the socket as descriptor 3; it closes all higher ones itself. */
static int spawn_program(const struct shim_create *p, int program, int sock, pid_t *ret)
{
    char exe[64];
    char *argv[] = {(char *)"lighter-shim", (char *)p->id, NULL};
    char *env[] = {(char *)"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                   NULL};
    _cleanup_free_ char *log = xasprintf("%s/" SHIM_LOG_FILE, p->dir);
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;

    int r = spawn_attributes(&attr);
    if (r < 0)
        return r;
    r = -posix_spawn_file_actions_init(&fa);
    if (r < 0) {
        (void)posix_spawnattr_destroy(&attr);
        return r;
    }
    (void)snprintf(exe, sizeof(exe), "/proc/self/fd/%d", program);
    if (posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDWR, 0) != 0 ||
        posix_spawn_file_actions_adddup2(&fa, 0, 1) != 0 ||
        posix_spawn_file_actions_addopen(&fa, 2, log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW,
                                         0600) != 0 ||
        posix_spawn_file_actions_adddup2(&fa, sock, SHIM_BOOT_FD) != 0)
        r = -ENOMEM;
    else
        r = -posix_spawn(ret, exe, &fa, &attr, argv, env);
    (void)posix_spawn_file_actions_destroy(&fa);
    (void)posix_spawnattr_destroy(&attr);
    return r;
}

static void fill_create(const struct shim_create *p, struct shim_out *o)
{
    shim_out_init(o, "create");
    json_set_str(o->body, "id", p->id);
    json_set_str(o->body, "dir", p->dir);
    json_set_bool(o->body, "tty", p->tty);
    json_set_bool(o->body, "openStdin", p->open_stdin);
    json_set_bool(o->body, "stdinOnce", p->stdin_once);
    if (p->rows > 0 && p->cols > 0) {
        json_set_i64(o->body, "rows", p->rows);
        json_set_i64(o->body, "cols", p->cols);
    }
    if (p->abandon_sec > 0)
        json_set_i64(o->body, "abandonSeconds", p->abandon_sec);
}

static int fill_log(const struct shim_log *log, struct shim_out *o, struct err *err)
{
    json_t *j = json_object();

    json_set_take(o->body, "log", j);
    json_set_str(j, "driver", log->driver ? log->driver : "none");
    if (log->path)
        json_set_str(j, "path", log->path);
    json_set_i64(j, "maxSize", (int64_t)MIN(log->max_size_bytes, (uint64_t)INT64_MAX));
    json_set_i64(j, "maxFiles", MAX(log->max_files, 1U));
    if (log->attrs_json) {
        json_t *attrs = json_parse(log->attrs_json, strlen(log->attrs_json), "log attributes", err);
        if (!attrs)
            return -EINVAL;
        json_set_take(j, "attrs", attrs);
    }
    return 0;
}

/* The create message and its answer over the socket pair. */
static int create_request(const struct shim_create *p, int sock, pid_t *ret_pid, struct err *err)
{
    struct shim_out o;
    struct shim_msg m = {};
    int preread[SHIM_MAX_STREAMS];
    size_t n = 0;
    _cleanup_close_ int spec = memfd_sealed("lighter-spec", p->spec_json, strlen(p->spec_json));

    if (spec < 0)
        return err_errno(err, spec, "hand over the container's spec");
    fill_create(p, &o);
    int r = fill_log(&p->log, &o, err);
    shim_out_fd(&o, "spec", spec);
    if (p->rootfs_fd >= 0)
        shim_out_fd(&o, "rootfs", p->rootfs_fd);
    if (p->netns_fd >= 0)
        shim_out_fd(&o, "netns", p->netns_fd);
    if (p->seccomp_fd >= 0)
        shim_out_fd(&o, "seccomp", p->seccomp_fd);
    json_set_take(o.body, "streams", json_array());
    for (; r == 0 && n < p->n_attach; n++) {
        preread[n] = -1;
        r = shim_add_stream(&o, json_object_get(o.body, "streams"), &p->attach[n], &preread[n],
                            err);
    }
    if (r == 0) {
        r = shim_out_send(&o, sock);
        if (r < 0)
            r = err_errno(err, r, "send to the shim of container %s", p->id);
    }
    while (n > 0)
        close_fd(preread[--n]);
    shim_out_done(&o);
    if (r == 0)
        r = shim_await(sock, p->id, SHIM_CREATE_TIMEOUT_MSEC, &m, err);
    if (r < 0)
        return r;
    *ret_pid = (pid_t)json_i64_or(m.body, "pid", 0);
    shim_msg_done(&m);
    return 0;
}

/* Ends a shim whose create failed; it normally ends by itself. */
static void reap_failed(pid_t pid)
{
    for (int i = 0; i < 200; i++) {
        pid_t r = waitpid(pid, NULL, WNOHANG);
        if (r == pid || (r < 0 && errno != EINTR))
            return;
        (void)usleep(i < 20 ? 1000 : 10000);
    }
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static int spawn(const struct shim_create *p, pid_t *ret_pid, pid_t *ret_shim_pid, struct err *err)
{
    int sock[2];
    pid_t shim_pid, pid = 0;

    if (!shim_id_valid(p->id))
        return err_set(err, ERR_INVALID, "invalid container ID");
    if (p->n_attach > SHIM_MAX_STREAMS)
        return err_set(err, ERR_INVALID, "more than %d streams", SHIM_MAX_STREAMS);
    _cleanup_close_ int program = program_fd(p->program, err);
    if (program < 0)
        return program;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
        return err_errno(err, errno, "create a socket pair");
    _cleanup_close_ int ours = sock[0];
    int r = spawn_program(p, program, sock[1], &shim_pid);
    close_fd(sock[1]);
    if (r < 0)
        return err_errno(err, r, "start lighter-shim");
    r = create_request(p, ours, &pid, err);
    if (r < 0) {
        ours = close_fd(ours);
        reap_failed(shim_pid);
        return r;
    }
    *ret_pid = pid;
    *ret_shim_pid = shim_pid;
    return 0;
}

int shim_spawn(const struct shim_create *params, struct shim **ret, pid_t *ret_pid,
               pid_t *ret_shim_pid, struct err *err)
{
    int r = spawn(params, ret_pid, ret_shim_pid, err);

    for (size_t i = 0; i < params->n_attach; i++)
        shim_stream_close(&params->attach[i]);
    if (r < 0)
        return r;
    *ret = shim_new(params->id, params->dir);
    return 0;
}
