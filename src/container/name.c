/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/signame.h"
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

int container_signal_parse(const char *text, int *ret, struct err *err)
{
    int number = 0;

    if (parse_int(text, &number) == 0 && number != 0) {
        if (number < 1 || number > 64)
            return err_set(err, ERR_INVALID, "the linux daemon does not support signal %d", number);
    } else {
        number = signal_number(text);
    }
    if (number <= 0)
        return err_set(err, ERR_INVALID, "invalid signal: %s", text);
    *ret = number;
    return 0;
}
