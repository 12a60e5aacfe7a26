/* SPDX-License-Identifier: GPL-2.0-or-later */

/* lighter-shim <container ID>: keeps one container. Started by lighterd (shim_spawn()) with a
 * SOCK_SEQPACKET socket as descriptor 3, over which `create` comes; of no use by hand. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdutil.h"
#include "base/str.h"
#include "shim/footprint.h"
#include "shim/proto.h"
#include "shim/server.h"

static int say(int fd, const char *text)
{
    (void)write_full(fd, text, strlen(text));
    return fd == STDOUT_FILENO ? 0 : 2;
}

static void do_nothing(int signo)
{
}

/* Handlers rather than SIG_IGN, which the container's processes would inherit over execve. */
static void ignore_signals(void)
{
    static const int ignored[] = {SIGHUP, SIGPIPE, SIGINT, SIGUSR1, SIGUSR2};
    struct sigaction sa = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};

    for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
        (void)sigaction(ignored[i], &sa, NULL);
}

static void close_inherited(void)
{
    if (syscall(SYS_close_range, SHIM_BOOT_FD + 1, ~0U, 0) == 0)
        return;
    struct rlimit rl = {};
    (void)getrlimit(RLIMIT_NOFILE, &rl);
    for (int fd = SHIM_BOOT_FD + 1; fd < (int)MIN(rl.rlim_cur, (rlim_t)65536); fd++)
        (void)close(fd);
}

static bool is_boot_socket(int fd)
{
    int type;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
    if (argc == 2 && (str_eq(argv[1], "--version") || str_eq(argv[1], "-v")))
        return say(STDOUT_FILENO, "lighter-shim version " LIGHTER_VERSION "\n");
    if (argc != 2 || argv[1][0] == '-' || !is_boot_socket(SHIM_BOOT_FD))
        return say(STDERR_FILENO, "lighter-shim keeps one container; lighterd starts it. "
                                  "Usage: lighter-shim CONTAINER\n");
    footprint_init();
    close_inherited();
    (void)fd_set_cloexec(SHIM_BOOT_FD, true);
    (void)prctl(PR_SET_NAME, "lighter-shim");
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    ignore_signals();
    (void)umask(022);
    if (chdir("/") < 0)
        return 1;
    return server_run(SHIM_BOOT_FD);
}
