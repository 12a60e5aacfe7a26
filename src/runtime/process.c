/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/caps.h"
#include "runtime/lsm.h"
#include "runtime/rlimits.h"
#include "runtime/sched.h"
#include "runtime/seccomp.h"
#include "runtime/user.h"

char *quote(const char *s)
{
    struct buf b = BUF_INIT(8192);

    (void)buf_addc(&b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            (void)buf_addf(&b, "\\%c", *s);
        else if (*s == '\n')
            (void)buf_adds(&b, "\\n");
        else if (*s == '\t')
            (void)buf_adds(&b, "\\t");
        else if ((unsigned char)*s < ' ' || *s == 0x7f)
            (void)buf_addf(&b, "\\x%02x", (unsigned char)*s);
        else
            (void)buf_addc(&b, *s);
    }
    (void)buf_addc(&b, '"');
    return buf_take(&b);
}

static const char *env_get(char *const *env, const char *name)
{
    size_t n = strlen(name);
    const char *value = NULL;

    for (size_t i = 0; env && env[i]; i++)
        if (strncmp(env[i], name, n) == 0 && env[i][n] == '=')
            value = env[i] + n + 1; /* the last one counts */
    return value;
}

/* 0, or the errno that says why this file cannot be executed. */
static int check_executable(const char *path, bool *ret_missing)
{
    struct stat st;

    *ret_missing = false;
    if (stat(path, &st) < 0) {
        *ret_missing = true;
        return -errno;
    }
    if (S_ISDIR(st.st_mode))
        return -EACCES; /* as execve() says; old clients know this text only */
    if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
        return -errno;
    return st.st_mode & 0111 ? 0 : -EACCES;
}

static int exec_error(int code, const char *arg, bool missing, struct err *err)
{
    char text[128];
    _cleanup_free_ char *quoted = quote(arg);
    enum err_kind kind = code == -ENOENT || code == -ENOTDIR ? ERR_NOT_FOUND : ERR_FORBIDDEN;

    (void)err_set(err, kind, "exec: %s: %s%s%s%s", quoted, missing ? "stat " : "",
                  missing ? arg : "", missing ? ": " : "", errno_text_lower(code, text));
    if (err)
        err->code = code;
    return code;
}

/* As Go's exec.LookPath(), whose words Docker's users know. */
static int find_program(const char *arg, char *const *env, char **ret, struct err *err)
{
    bool missing;

    if (strchr(arg, '/')) {
        int r = check_executable(arg, &missing);
        if (r < 0)
            return exec_error(r, arg, missing, err);
        *ret = xstrdup(arg);
        return 0;
    }
    const char *path = env_get(env, "PATH");
    _cleanup_strv_ char **dirs = str_split(path ? path : "", ':');
    for (size_t i = 0; *arg && path && *path && dirs[i]; i++) {
        _cleanup_free_ char *candidate = xasprintf("%s/%s", *dirs[i] ? dirs[i] : ".", arg);
        if (check_executable(candidate, &missing) < 0)
            continue;
        *ret = TAKE_PTR(candidate);
        return 0;
    }
    _cleanup_free_ char *quoted = quote(arg);
    (void)err_set(err, ERR_NOT_FOUND, "exec: %s: executable file not found in $PATH", quoted);
    if (err)
        err->code = -ENOENT;
    return -ENOENT;
}

/* A descriptor of the host's must not become the working directory by way of /proc/self/fd
 * (CVE-2024-21626): no magic link is followed. 0 or a negative errno. */
static int enter_cwd(const char *cwd)
{
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int fd = root < 0 ? -errno : open_in_root(root, cwd, O_PATH | O_DIRECTORY, 0);

    if (fd < 0)
        return fd;
    return fchdir(fd) < 0 ? -errno : 0;
}

/* And whatever it is, it must lie in the container's root. */
static int check_cwd(struct err *err)
{
    char cwd[PATH_MAX];

    if (syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0 || cwd[0] != '/')
        return err_set(err, ERR_FORBIDDEN,
                       "current working directory is outside of container mount namespace root");
    return 0;
}

static int cwd_error(const char *cwd, int code, struct err *err)
{
    char text[128];
    _cleanup_free_ char *quoted = quote(cwd);

    (void)err_set(err, err_kind_of_errno(code), "chdir to cwd (%s) set in config.json failed: %s",
                  quoted, errno_text_lower(code, text));
    if (err)
        err->code = code;
    return code;
}

static int set_identity(struct process *p, uint64_t drop, struct err *err)
{
    const struct oci_user *u = &p->spec->user;
    size_t n = u->n_additional_gids;

    if (setgroups(n, (const gid_t *)u->additional_gids) < 0 && !(errno == EPERM && n == 0))
        return err_errno(err, errno, "set additional groups");
    if (setresgid(u->gid, u->gid, u->gid) < 0)
        return err_errno(err, errno, "set gid %u", u->gid);
    int r = caps_drop_bounding(drop, err);
    if (r < 0)
        return r;
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        return err_errno(err, errno, "keep capabilities");
    if (setresuid(u->uid, u->uid, u->uid) < 0)
        return err_errno(err, errno, "set uid %u", u->uid);
    if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
        return err_errno(err, errno, "keep capabilities");
    return 0;
}

int process_prepare(struct process *p, struct err *err)
{
    const struct oci_process *s = p->spec;
    uint64_t bounding = 0;
    int r;

    p->available = caps_available(&bounding);
    p->caps = caps_limit(&s->caps, p->available);
    p->env = strv_copy(s->env);
    if (!env_get(p->env, "HOME")) {
        _cleanup_free_ char *home = user_home(s->user.uid);
        strv_push_take(&p->env, xasprintf("HOME=%s", home));
    }
    /* Tried with both identities: it may be open to root alone (then the user's process starts in
     * it), or to the user alone (a network file system that squashes root). */
    int entered = enter_cwd(s->cwd);
    if ((r = set_identity(p, bounding & ~p->caps.bounding, err)) < 0 ||
        (r = caps_set(p->available, p->caps.effective, 0, err)) < 0)
        return r;
    if (entered < 0 && (entered = enter_cwd(s->cwd)) < 0)
        return cwd_error(s->cwd, entered, err);
    if ((r = check_cwd(err)) < 0)
        return r;
    (void)umask(s->user.has_umask ? s->user.umask : 0022);
    if ((r = find_program(s->args[0], p->env, &p->program, err)) < 0)
        return r;
    p->limits_left = !rlimits_apply_self(s);
    return sched_set_memory_policy(p->memory_policy, err);
}

int process_close_fds(unsigned first, int proc_fd)
{
    if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
        return 0;
    int fd = openat(proc_fd, proc_fd < 0 ? "/proc/self/fd" : "self/fd",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        close_fd(fd);
        return -ENOSYS;
    }
    for (struct dirent *e; (e = readdir(d));) {
        uint32_t n;
        if (parse_u32(e->d_name, &n) == 0 && n >= first)
            (void)fcntl((int)n, F_SETFD, FD_CLOEXEC);
    }
    (void)closedir(d);
    return 0;
}

static void reset_signals(void)
{
    /* The kernel's struct sigaction, whose members differ between architectures: SIG_DFL is 0. */
    const unsigned long dfl[8] = {0};
    sigset_t none;

    /* Handlers end at execve(); what is ignored stays so, unless reset. Not with sigaction(), which
     * refuses the C library's own two signals; posix_spawn() leaves them ignored. */
    for (int i = 1; i < NSIG; i++)
        (void)syscall(SYS_rt_sigaction, i, dfl, NULL, (size_t)NSIG / 8);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int install_filter(const struct process *p, struct err *err)
{
    if (p->listener_message)
        return seccomp_install_listener(p->seccomp_fd, p->seccomp_flags, p->listener_sock,
                                        p->listener_message, err);
    return seccomp_install(p->seccomp_fd, p->seccomp_flags, err);
}

int process_exec(struct process *p, struct err *err)
{
    const struct oci_process *s = p->spec;
    char text[128];
    int r;

    if ((r = lsm_apply(s, p->proc_fd, err)) < 0)
        return r;
    if ((r = process_close_fds(3 + p->preserve_fds, p->proc_fd)) < 0)
        return err_errno(err, r, "close descriptors");
    reset_signals();
    if (p->seccomp_fd >= 0 && !s->no_new_privileges) {
        /* Without no_new_privs a filter takes CAP_SYS_ADMIN, so what follows runs under it. */
        if ((r = caps_set(p->available, p->available, 0, err)) < 0 ||
            (r = install_filter(p, err)) < 0)
            return r;
    }
    if ((r = caps_set(p->caps.permitted, p->caps.effective, p->caps.inheritable, err)) < 0 ||
        (r = caps_set_ambient(p->caps.ambient, err)) < 0)
        return r;
    if (s->no_new_privileges) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            return err_errno(err, errno, "set no_new_privs");
        if (p->seccomp_fd >= 0 && (r = install_filter(p, err)) < 0)
            return r;
    }
    execve(p->program, s->args, p->env);
    r = -errno;
    (void)err_set(err, r == -ENOENT ? ERR_NOT_FOUND : ERR_FORBIDDEN, "exec %s: %s", p->program,
                  errno_text_lower(r, text));
    if (err)
        err->code = r;
    return r;
}

int process_stdio(const int stdio[3], uint32_t uid, struct err *err)
{
    int copy[3], r = 0;

    for (int i = 0; i < 3; i++)
        copy[i] = fcntl(stdio[i], F_DUPFD_CLOEXEC, 3);
    for (int i = 0; i < 3 && r == 0; i++)
        if (copy[i] < 0 || dup2(copy[i], i) < 0)
            r = err_errno(err, errno, "set up descriptor %d", i);
    for (int i = 0; i < 3; i++) {
        struct stat st;
        close_fd(copy[i]);
        /* /dev/null belongs to everybody; a file system may not do owners. */
        if (r == 0 && fstat(i, &st) == 0 && st.st_uid != uid && st.st_rdev != makedev(1, 3))
            (void)!fchown(i, uid, st.st_gid);
    }
    return r;
}
