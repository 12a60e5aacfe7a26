/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/sock.h"
#include "base/str.h"
#include "runtime/cli/cli.h"

int relay_send_console(const char *socket_path, int master, struct err *err)
{
    static const char name[] = "/dev/ptmx";
    _cleanup_close_ int sock = unix_connect(socket_path, SOCK_STREAM);

    if (sock < 0)
        return err_errno(err, sock, "connect to console socket %s", socket_path);
    int r = send_fds(sock, name, sizeof(name) - 1, &master, 1);
    return r < 0 ? err_errno(err, r, "send the terminal to %s", socket_path) : 0;
}

int relay_pid_file(const char *path, pid_t pid, struct err *err)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%d", (int)pid);
    int r = replace_file_at(AT_FDCWD, path, text, strlen(text), 0644, false);
    return r < 0 ? err_errno(err, r, "write pid file %s", path) : 0;
}

/* Bytes on their way to a descriptor that may not take them at once. */
struct pump {
    int from, to; /* -1: closed */
    char data[16384];
    size_t n;
};

/* False when this direction has ended. */
static bool pump_run(struct pump *p, short in_events, short out_events)
{
    if (in_events && p->n == 0) {
        ssize_t n = read(p->from, p->data, sizeof(p->data));
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        p->n = n > 0 ? (size_t)n : 0;
        out_events |= POLLOUT;
    }
    if (out_events && p->n > 0) {
        ssize_t n = write(p->to, p->data, p->n);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        memmove(p->data, p->data + n, p->n - (size_t)n);
        p->n -= (size_t)n;
    }
    return true;
}

static void copy_size(int master)
{
    struct winsize size;

    if (ioctl(0, TIOCGWINSZ, &size) == 0)
        (void)ioctl(master, TIOCSWINSZ, &size);
}

/* Reaps children; true when it was pid, with its status. */
static bool reap(pid_t pid, int *ret_status)
{
    bool ended = false;
    int status;

    for (pid_t p; (p = waitpid(-1, &status, WNOHANG)) > 0;)
        if (p == pid) {
            *ret_status = status;
            ended = true;
        }
    return ended;
}

static bool on_signal(int sfd, pid_t pid, int master, int *ret_status)
{
    struct signalfd_siginfo si;

    if (read(sfd, &si, sizeof(si)) != sizeof(si))
        return false;
    if (si.ssi_signo == SIGCHLD)
        return reap(pid, ret_status);
    if (si.ssi_signo == SIGWINCH && master >= 0)
        copy_size(master);
    else
        (void)kill(pid, (int)si.ssi_signo);
    return false;
}

static int loop(pid_t pid, int master, int sfd)
{
    _cleanup_free_ struct pump *in = XNEW(struct pump), *out = XNEW(struct pump);
    int status = 0;
    bool ended = reap(pid, &status);

    *in = (struct pump){.from = 0, .to = master};
    *out = (struct pump){.from = master, .to = 1};
    bool in_open = master >= 0, out_open = master >= 0;
    /* After the end, what the terminal still holds is read: EIO ends it. */
    while (!ended || out_open) {
        struct pollfd p[5] = {
            {.fd = sfd, .events = POLLIN},
            {.fd = in_open && in->n == 0 && !ended ? 0 : -1, .events = POLLIN},
            {.fd = in_open && in->n > 0 ? master : -1, .events = POLLOUT},
            {.fd = out_open && out->n == 0 ? master : -1, .events = POLLIN},
            {.fd = out_open && out->n > 0 ? 1 : -1, .events = POLLOUT},
        };
        if (poll(p, ARRAY_SIZE(p), ended ? 100 : -1) == 0 && ended)
            break;
        if (p[0].revents && on_signal(sfd, pid, master, &status))
            ended = true;
        if (in_open && (p[1].revents || p[2].revents))
            in_open = pump_run(in, p[1].revents, p[2].revents);
        if (out_open && (p[3].revents || p[4].revents))
            out_open = pump_run(out, p[3].revents, p[4].revents);
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void forwarded_signals(sigset_t *ret)
{
    static const int unforwarded[] = {SIGURG, SIGTTIN, SIGTTOU, SIGTSTP, SIGPIPE, SIGSEGV,
                                      SIGBUS, SIGFPE,  SIGILL,  SIGABRT, SIGTRAP, SIGSYS};

    (void)sigfillset(ret);
    for (size_t i = 0; i < ARRAY_SIZE(unforwarded); i++)
        (void)sigdelset(ret, unforwarded[i]);
}

int relay_hold_signals(struct err *err)
{
    sigset_t set;

    forwarded_signals(&set);
    return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? err_errno(err, errno, "block signals") : 0;
}

int relay_wait(pid_t pid, int master, struct err *err)
{
    struct termios saved;
    sigset_t set;

    forwarded_signals(&set);
    _cleanup_close_ int sfd = signalfd(-1, &set, SFD_CLOEXEC);
    if (sfd < 0)
        return err_errno(err, errno, "signalfd");
    bool raw = master >= 0 && tcgetattr(0, &saved) == 0;
    if (raw) {
        struct termios t = saved;
        cfmakeraw(&t);
        (void)tcsetattr(0, TCSANOW, &t);
        copy_size(master);
    }
    int status = loop(pid, master, sfd);
    if (raw)
        (void)tcsetattr(0, TCSANOW, &saved);
    return status;
}
