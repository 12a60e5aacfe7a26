/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/str.h"
#include "container/request.h"

static const char *const adjectives[] = {
    "able",    "amber",    "ample",  "autumn",   "blithe",   "bold",     "brave",    "breezy",
    "bright",  "brisk",    "broad",  "calm",     "candid",   "cheerful", "civil",    "clear",
    "clever",  "coastal",  "copper", "cosmic",   "crisp",    "curious",  "dapper",   "daring",
    "deft",    "eager",    "early",  "earnest",  "easy",     "elegant",  "even",     "fair",
    "famous",  "fearless", "fleet",  "fluent",   "frank",    "fresh",    "friendly", "gallant",
    "gentle",  "glad",     "golden", "graceful", "grand",    "hardy",    "hearty",   "honest",
    "humble",  "ideal",    "jolly",  "jovial",   "keen",     "kind",     "lively",   "loyal",
    "lucid",   "lucky",    "mellow", "merry",    "mighty",   "modest",   "neat",     "nimble",
    "noble",   "patient",  "placid", "plucky",   "polite",   "proud",    "quick",    "quiet",
    "radiant", "ready",    "robust", "rosy",     "serene",   "sharp",    "silent",   "silver",
    "sincere", "smart",    "smooth", "snug",     "solid",    "spry",     "stable",   "steady",
    "stoic",   "sunny",    "swift",  "tidy",     "tranquil", "trusty",   "upbeat",   "valiant",
    "vivid",   "warm",     "wise",   "witty",    "young",    "zesty",
};

static const char *const surnames[] = {
    "abel",     "ampere",       "archimedes", "babbage",    "backus",    "banach",
    "bell",     "bernoulli",    "bohr",       "boltzmann",  "boole",     "brahe",
    "cantor",   "carson",       "cauchy",     "cerf",       "codd",      "copernicus",
    "coulomb",  "cray",         "curie",      "darwin",     "descartes", "dijkstra",
    "dirac",    "edison",       "einstein",   "engelbart",  "euclid",    "euler",
    "faraday",  "fermat",       "fermi",      "feynman",    "fibonacci", "fourier",
    "franklin", "galileo",      "galois",     "gauss",      "germain",   "goodall",
    "hamilton", "heisenberg",   "herschel",   "hertz",      "hilbert",   "hopper",
    "hubble",   "huygens",      "hypatia",    "johnson",    "joule",     "kepler",
    "knuth",    "kovalevskaya", "lagrange",   "lamarr",     "laplace",   "lavoisier",
    "leibniz",  "liskov",       "lovelace",   "maxwell",    "mccarthy",  "meitner",
    "mendel",   "mirzakhani",   "moore",      "napier",     "newton",    "noether",
    "nobel",    "noyce",        "ohm",        "pascal",     "pasteur",   "pauli",
    "perlman",  "planck",       "poincare",   "ptolemy",    "ramanujan", "ride",
    "riemann",  "ritchie",      "rubin",      "rutherford", "shannon",   "stallman",
    "tesla",    "thompson",     "torvalds",   "turing",     "volta",     "watt",
    "wiles",    "wilson",       "wright",     "yalow",      "zeno",
};

bool container_name_valid(const char *name)
{
    size_t len = strlen(name);

    if (len < 2 || len > 255 || !isalnum((unsigned char)name[0]))
        return false;
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_' && *p != '.' && *p != '-')
            return false;
    return true;
}

char *container_name_random(unsigned retry)
{
    uint32_t r[3] = {0};
    const char *adjective, *surname;

    (void)getrandom(r, sizeof(r), 0);
    adjective = adjectives[r[0] % ARRAY_SIZE(adjectives)];
    surname = surnames[r[1] % ARRAY_SIZE(surnames)];
    if (retry == 0)
        return xasprintf("%s_%s", adjective, surname);
    return xasprintf("%s_%s%u", adjective, surname, r[2] % (retry > 3 ? 1000000 : 10));
}

static const struct {
    const char *name;
    int signo;
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

int container_signal_parse(const char *text, int *ret, struct err *err)
{
    _cleanup_free_ char *upper = xstrdup(text);
    const char *name = upper, *rest;
    uint32_t n = 0;
    int number = 0;

    if (parse_int(text, &number) == 0 && number != 0) {
        if (number < 1 || number > 64)
            return err_set(err, ERR_INVALID, "the linux daemon does not support signal %d", number);
        *ret = number;
        return 0;
    }
    for (char *p = upper; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    if (str_after(name, "SIG"))
        name += 3;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        if (str_eq(name, signals[i].name)) {
            *ret = signals[i].signo;
            return 0;
        }
    /* Go's numbering: RTMIN is 34, RTMAX is 64 */
    if (str_eq(name, "RTMIN") || str_eq(name, "RTMAX")) {
        *ret = str_eq(name, "RTMIN") ? 34 : 64;
        return 0;
    }
    if ((rest = str_after(name, "RTMIN+")) && parse_u32(rest, &n) == 0 && n <= 15) {
        *ret = 34 + (int)n;
        return 0;
    }
    if ((rest = str_after(name, "RTMAX-")) && parse_u32(rest, &n) == 0 && n <= 14) {
        *ret = 64 - (int)n;
        return 0;
    }
    return err_set(err, ERR_INVALID, "invalid signal: %s", text);
}
