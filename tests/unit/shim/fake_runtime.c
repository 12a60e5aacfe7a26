/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A runtime without a kernel's help: the "container" is a plain process. It lets the shim's own
 * parts be tested apart from namespaces, mounts and control groups, and without privileges. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "oci/spec.h"
#include "runtime/runtime.h"

struct runtime_container {
    pid_t pid;
    int go;  /* closed or written to let the program run */
    int why; /* errno of execve, or end of file */
    int console;
};

static int open_pty(int *ret_master, int *ret_slave)
{
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int unlock = 0;

    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return -errno;
    *ret_slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    *ret_master = master;
    return *ret_slave < 0 ? -errno : 0;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < 32; i++)
        (void)signal(i, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_noreturn_ static void child(const struct oci_process *p, const int stdio[3], int slave, int go,
                             int why)
{
    char c;
    int code;

    reset_signals();
    (void)setsid();
    for (int i = 0; i < 3; i++)
        (void)dup2(slave >= 0 ? slave : stdio[i], i);
    if (slave >= 0)
        (void)ioctl(0, TIOCSCTTY, 0);
    if (go < 0 || read(go, &c, 1) == 1) {
        (void)execvp(p->args[0], p->args);
        code = errno;
        (void)write_full(why, &code, sizeof(code));
    }
    _exit(127);
}

static int run(const struct oci_process *p, const int stdio[3], bool wait, int *ret_go,
               int *ret_why, int *ret_console, pid_t *ret_pid)
{
    int go[2] = {-1, -1}, why[2], slave = -1, console = -1;

    if (p->terminal && open_pty(&console, &slave) < 0)
        return -EIO;
    if ((wait && pipe2(go, O_CLOEXEC) < 0) || pipe2(why, O_CLOEXEC) < 0)
        return -EMFILE;
    pid_t pid = fork();
    if (pid == 0) {
        close_fd(go[1]);
        child(p, stdio, slave, go[0], why[1]);
    }
    close_fd(go[0]);
    close_fd(why[1]);
    close_fd(slave);
    *ret_go = go[1];
    *ret_why = why[0];
    *ret_console = console;
    *ret_pid = pid;
    return 0;
}

static int started(int why, const struct oci_process *p, struct err *err)
{
    int code = 0;

    if (read_full(why, &code, sizeof(code)) == 0)
        return 0;
    return err_set(err, ERR_INVALID, "exec: \"%s\": executable file not found in $PATH",
                   p ? p->args[0] : "");
}

int runtime_create(const struct runtime_create_params *params, struct runtime_container **ret,
                   struct err *err)
{
    struct runtime_container *c = XNEW(struct runtime_container);
    int r = run(&params->spec->process, params->stdio, true, &c->go, &c->why, &c->console, &c->pid);
    if (r < 0) {
        free(c);
        return err_errno(err, r, "create");
    }
    *ret = c;
    return 0;
}

int runtime_start(struct runtime_container *c, struct err *err)
{
    (void)write_full(c->go, "x", 1);
    return started(c->why, NULL, err);
}

pid_t runtime_pid(const struct runtime_container *c)
{
    return c->pid;
}

int runtime_take_console(struct runtime_container *c)
{
    return TAKE_FD(c->console);
}

int runtime_exec(struct runtime_container *c, const struct oci_process *process, const int stdio[3],
                 pid_t *ret_pid, int *ret_console, struct err *err)
{
    int go, why;
    int r = run(process, stdio, false, &go, &why, ret_console, ret_pid);

    if (r < 0)
        return err_errno(err, r, "exec");
    r = started(why, process, err);
    close_fd(why);
    if (r < 0) {
        close_fd(*ret_console);
        (void)waitpid(*ret_pid, NULL, 0);
    }
    return r;
}

int runtime_kill(struct runtime_container *c, int signo, bool all)
{
    return kill(c->pid, signo) < 0 ? -errno : 0;
}

int runtime_pause(struct runtime_container *c, struct err *err)
{
    return runtime_kill(c, SIGSTOP, false);
}

int runtime_resume(struct runtime_container *c, struct err *err)
{
    return runtime_kill(c, SIGCONT, false);
}

int runtime_update(struct runtime_container *c, const struct oci_resources *res, struct err *err)
{
    return 0;
}

int runtime_oom_kills(struct runtime_container *c, uint64_t *ret)
{
    *ret = 0;
    return 0;
}

int runtime_destroy(struct runtime_container *c, struct err *err)
{
    return 0;
}

void runtime_container_free(struct runtime_container *c)
{
    close_fd(c->go);
    close_fd(c->why);
    close_fd(c->console);
    free(c);
}
