/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/signame.h"

#include <errno.h>
#include <signal.h>
#include <strings.h>

#include "base/macros.h"
#include "base/str.h"

#define RT_FIRST 34
#define RT_LAST  64

static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},     {"QUIT", SIGQUIT}, {"ILL", SIGILL},
    {"TRAP", SIGTRAP},     {"ABRT", SIGABRT},   {"IOT", SIGIOT},   {"BUS", SIGBUS},
    {"FPE", SIGFPE},       {"KILL", SIGKILL},   {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},     {"PIPE", SIGPIPE},   {"ALRM", SIGALRM}, {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD},   {"CLD", SIGCHLD},  {"CONT", SIGCONT},
    {"STOP", SIGSTOP},     {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},
    {"URG", SIGURG},       {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF},     {"WINCH", SIGWINCH}, {"IO", SIGIO},     {"POLL", SIGPOLL},
    {"PWR", SIGPWR},       {"SYS", SIGSYS},
};

static int real_time(const char *name)
{
    bool from_first = strncasecmp(name, "RTMIN", 5) == 0;
    const char *rest = name + 5;
    uint32_t n = 0;

    if (!from_first && strncasecmp(name, "RTMAX", 5) != 0)
        return -EINVAL;
    if (!*rest)
        return from_first ? RT_FIRST : RT_LAST;
    if (*rest != (from_first ? '+' : '-') || parse_u32(rest + 1, &n) < 0 || n > RT_LAST - RT_FIRST)
        return -EINVAL;
    return from_first ? RT_FIRST + (int)n : RT_LAST - (int)n;
}

int signal_number(const char *name)
{
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (strcasecmp(name, signals[i].name) == 0)
            return signals[i].number;
    return real_time(name);
}
