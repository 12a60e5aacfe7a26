/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Command-line options as tables. One table per command feeds the parser, the help text and shell
 * completion. The rules are those of pflag, which Docker's command line uses: long and short forms,
 * bundled short ones ("-it"), "--opt=value", "--opt value", "-ovalue", and "--" to end them. */

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

enum opt_type {
    OPT_BOOL,
    OPT_STRING,
    OPT_LIST,    /* repeatable */
    OPT_STRINGS, /* repeatable and comma-separated */
    OPT_MAP,     /* repeatable key=value */
    OPT_FILTER,  /* repeatable key=value, checked */
    OPT_MOUNT,   /* repeatable */
    OPT_NETWORK, /* repeatable */
    OPT_ULIMIT,  /* repeatable */
    OPT_INT,     /* 64 bits */
    OPT_UINT16,
    OPT_BYTES,    /* "512m" */
    OPT_MEMSWAP,  /* the same, or "-1" */
    OPT_DECIMAL,  /* "1.5", in billionths */
    OPT_DURATION, /* Go duration */
};

struct opt {
    const char *name;
    char shorthand; /* 0: none */
    enum opt_type type;
    const char *help; /* NULL: hidden */
    const char *def;  /* the default as help shows it; NULL for a zero value */
    const char *same; /* a second name of this option */
    /* Refuses a value with a reason in err, or accepts it. May be NULL. */
    int (*check)(const char *value, struct err *err);
};

struct args;

/* Parses argv[0..argc). With `stop_at_positional`, the first one that is no option ends them.
 * 0 and *ret; ARGS_HELP or ARGS_HELP_SHORT when help was asked for with --help or -h; a negative
 * errno with pflag's text otherwise. The table and argv are borrowed by *ret. */
#define ARGS_HELP       1
#define ARGS_HELP_SHORT 2
int args_parse(const struct opt *opts, size_t n_opts, int argc, char **argv,
               bool stop_at_positional, struct args **ret, struct err *err);
void args_free(struct args *a);
DEFINE_CLEANUP(struct args *, args_free);

/* Values by option name; asserts that the table has it. Strings are borrowed. */
bool args_set(const struct args *a, const char *name);
bool args_bool(const struct args *a, const char *name);
const char *args_str(const struct args *a, const char *name);   /* "" or the default when not set */
int64_t args_num(const struct args *a, const char *name);       /* of every numeric type */
char *const *args_list(const struct args *a, const char *name); /* NULL when empty */
/* Does the table have it at all? */
bool args_has(const struct args *a, const char *name);

int args_n(const struct args *a);
const char *args_at(const struct args *a, int i);
char *const *args_from(const struct args *a, int i); /* NULL-terminated rest */

/* The options part of a help text, wrapped to `columns`, without a heading. */
void opts_help(const struct opt *opts, size_t n_opts, int columns, struct buf *out);

/* "512m", "1.5g", "100" … as go-units' RAMInBytes. */
int parse_ram_bytes(const char *s, int64_t *ret, struct err *err);
