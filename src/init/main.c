/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The first process of a container with --init: starts the program, passes signals on to it, reaps
 * whatever is orphaned, and ends as the program did.
 *
 * usage: docker-init [--] PROGRAM [ARGUMENT…] */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the kernel sends because of our own faults is not for the program. */
static const int kept[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};

static pid_t start(char *const *argv, const sigset_t *mask)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    (void)setpgid(0, 0);
    /* SIGTTOU is still blocked, so the terminal may be taken from the background. */
    if (isatty(STDIN_FILENO))
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    (void)sigprocmask(SIG_SETMASK, mask, NULL);
    (void)execvp(argv[0], argv);
    (void)fprintf(stderr, "[FATAL] exec %s failed: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* Reaps everything that has ended; true when the program was among it. */
static int reap(pid_t program, int *ret_code)
{
    int status, ended = 0;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == program) {
            *ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
            ended = 1;
        }
    return ended;
}

int main(int argc, char **argv)
{
    sigset_t all, mask;
    int code = 0;
    pid_t program;

    argv++;
    argc--;
    if (argc > 0 && strcmp(argv[0], "--") == 0) {
        argv++;
        argc--;
    }
    if (argc < 1) {
        (void)fputs("usage: docker-init [--] PROGRAM [ARGUMENT...]\n", stderr);
        return 1;
    }
    (void)sigfillset(&all);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        (void)sigdelset(&all, kept[i]);
    (void)sigprocmask(SIG_SETMASK, &all, &mask);
    program = start(argv, &mask);
    if (program < 0)
        return 1;
    while (!reap(program, &code)) {
        siginfo_t info;

        if (sigwaitinfo(&all, &info) < 0 || info.si_signo == SIGCHLD)
            continue;
        (void)kill(program, info.si_signo);
    }
    return code;
}
