/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/options.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"

struct optval {
    bool set;
    char **list; /* owned: every value given; the last one counts for single-valued options */
    int64_t num;
};

struct args {
    const struct opt *opts; /* borrowed */
    size_t n_opts;
    struct optval *vals; /* owned, parallel to opts */
    char **pos;          /* owned array of borrowed strings, NULL-terminated */
    int n_pos;
};

void args_free(struct args *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_opts; i++)
        strv_free(a->vals[i].list);
    free(a->vals);
    free(a->pos);
    free(a);
}

static int find_opt(const struct args *a, const char *name, size_t len)
{
    for (size_t i = 0; i < a->n_opts; i++)
        if (strncmp(a->opts[i].name, name, len) == 0 && !a->opts[i].name[len])
            return (int)i;
    return -1;
}

static size_t opt_index(const struct args *a, const char *name)
{
    int i = find_opt(a, name, strlen(name));
    assert(i >= 0);
    return (size_t)i;
}

bool args_has(const struct args *a, const char *name)
{
    return find_opt(a, name, strlen(name)) >= 0;
}

bool args_set(const struct args *a, const char *name)
{
    return a->vals[opt_index(a, name)].set;
}

bool args_bool(const struct args *a, const char *name)
{
    size_t i = opt_index(a, name);
    return a->vals[i].set ? a->vals[i].num != 0 : str_eq(a->opts[i].def, "true");
}

const char *args_str(const struct args *a, const char *name)
{
    size_t i = opt_index(a, name);
    char **l = a->vals[i].list;
    if (l)
        return l[strv_len(l) - 1];
    return a->opts[i].def ? a->opts[i].def : "";
}

int64_t args_num(const struct args *a, const char *name)
{
    size_t i = opt_index(a, name);
    int64_t n = 0;
    if (a->vals[i].set)
        return a->vals[i].num;
    return a->opts[i].def && parse_i64(a->opts[i].def, &n) == 0 ? n : 0;
}

char *const *args_list(const struct args *a, const char *name)
{
    return a->vals[opt_index(a, name)].list;
}

int args_n(const struct args *a)
{
    return a->n_pos;
}

const char *args_at(const struct args *a, int i)
{
    return i < a->n_pos ? a->pos[i] : NULL;
}

char *const *args_from(const struct args *a, int i)
{
    return a->pos + MIN(i, a->n_pos);
}

/* Values */

int parse_ram_bytes(const char *s, int64_t *ret, struct err *err)
{
    size_t n = strspn(s, "0123456789.");
    _cleanup_free_ char *number = xstrndup(s, n);
    char *end = NULL;
    double value = n ? strtod(number, &end) : 0;
    if (n == 0 || (end && *end) || !(number[0] >= '0' && number[0] <= '9'))
        return err_set(err, ERR_INVALID, "invalid size: '%s'", s);
    const char *suffix = s + n;
    if (*suffix == ' ')
        suffix++;
    static const char units[] = "kmgtp";
    const char *u = *suffix ? strchr(units, suffix[0] | 0x20) : NULL;
    const char *tail = u ? suffix + 1 : suffix;
    bool known = !*tail || strcasecmp(tail, "b") == 0 || (u && strcasecmp(tail, "ib") == 0);
    if (!known)
        return err_set(err, ERR_INVALID, "invalid suffix: '%s'", suffix);
    for (const char *p = units; u && p <= u; p++)
        value *= 1024;
    if (value >= 9.2e18)
        return err_set(err, ERR_INVALID, "invalid size: '%s'", s);
    *ret = (int64_t)value;
    return 0;
}

static int parse_decimal(const char *s, int64_t *ret, struct err *err)
{
    bool negative = *s == '-';
    const char *digits = negative ? s + 1 : s;
    size_t whole = strspn(digits, "0123456789");
    const char *frac = digits[whole] == '.' ? digits + whole + 1 : digits + whole;
    size_t n_frac = strspn(frac, "0123456789");
    if (whole + n_frac == 0 || frac[n_frac] || whole > 9)
        return err_set(err, ERR_INVALID, "failed to parse %s as a rational number", s);
    while (n_frac > 0 && frac[n_frac - 1] == '0')
        n_frac--;
    if (n_frac > 9)
        return err_set(err, ERR_INVALID, "value is too precise");
    int64_t v = 0;
    for (size_t i = 0; i < whole; i++)
        v = v * 10 + (digits[i] - '0');
    for (size_t i = 0; i < 9; i++)
        v = v * 10 + (i < n_frac ? frac[i] - '0' : 0);
    *ret = negative ? -v : v; /* the daemon knows what is too little */
    return 0;
}

static int parse_number(const char *s, const char *go, int64_t lowest, int64_t highest,
                        int64_t *ret, struct err *err)
{
    int64_t n = 0;
    int r = parse_i64(*s == '+' ? s + 1 : s, &n);
    if (r == 0 && (n < lowest || n > highest))
        r = -ERANGE;
    if (r < 0)
        return err_set(err, ERR_INVALID, "strconv.%s: parsing \"%s\": %s", go, s,
                       r == -ERANGE ? "value out of range" : "invalid syntax");
    *ret = n;
    return 0;
}

static int parse_typed(enum opt_type type, const char *s, int64_t *ret, struct err *err)
{
    bool b = false;
    switch (type) {
    case OPT_BOOL:
        if (parse_bool(s, &b) < 0)
            return err_set(err, ERR_INVALID, "strconv.ParseBool: parsing \"%s\": invalid syntax",
                           s);
        *ret = b;
        return 0;
    case OPT_INT:
        return parse_number(s, "ParseInt", INT64_MIN, INT64_MAX, ret, err);
    case OPT_UINT16:
        return parse_number(s, "ParseUint", 0, UINT16_MAX, ret, err);
    case OPT_MEMSWAP:
        if (str_eq(s, "-1")) {
            *ret = -1;
            return 0;
        }
        return parse_ram_bytes(s, ret, err);
    case OPT_BYTES:
        return parse_ram_bytes(s, ret, err);
    case OPT_DECIMAL:
        return parse_decimal(s, ret, err);
    case OPT_DURATION:
        if (duration_parse(s, ret) < 0)
            return err_set(err, ERR_INVALID, "time: invalid duration \"%s\"", s);
        return 0;
    case OPT_FILTER:
        if (*s && !strchr(s, '='))
            return err_set(err, ERR_INVALID, "bad format of filter (expected name=value)");
        return 0;
    default:
        return 0;
    }
}

static int set_value(struct args *a, size_t i, const char *value, struct err *err)
{
    const struct opt *o = &a->opts[i];
    if (o->same) {
        i = opt_index(a, o->same);
        o = &a->opts[i];
    }
    struct err why = {0};
    int r = parse_typed(o->type, value, &a->vals[i].num, &why);
    if (r == 0 && o->check)
        r = o->check(value, &why);
    if (r < 0 && o->shorthand)
        return err_set(err, ERR_INVALID, "invalid argument \"%s\" for \"-%c, --%s\" flag: %s",
                       value, o->shorthand, o->name, why.message);
    if (r < 0)
        return err_set(err, ERR_INVALID, "invalid argument \"%s\" for \"--%s\" flag: %s", value,
                       o->name, why.message);
    a->vals[i].set = true;
    if (o->type == OPT_STRINGS) {
        _cleanup_strv_ char **parts = str_split(value, ',');
        for (char **p = parts; *p; p++)
            strv_push(&a->vals[i].list, *p);
    } else {
        strv_push(&a->vals[i].list, value);
    }
    return 0;
}

static int parse_long(struct args *a, char **argv, int argc, int *i, struct err *err)
{
    const char *name = argv[*i] + 2;
    size_t len = strcspn(name, "=");
    int o = find_opt(a, name, len);
    if (o < 0 && len == 4 && strncmp(name, "help", 4) == 0)
        return ARGS_HELP;
    if (len == 0 || name[0] == '-')
        return err_set(err, ERR_INVALID, "bad flag syntax: %s", argv[*i]);
    if (o < 0)
        return err_set(err, ERR_INVALID, "unknown flag: --%.*s", (int)len, name);
    if (name[len] == '=')
        return set_value(a, (size_t)o, name + len + 1, err);
    if (a->opts[o].type == OPT_BOOL)
        return str_eq(a->opts[o].name, "help") ? ARGS_HELP : set_value(a, (size_t)o, "true", err);
    if (*i + 1 >= argc)
        return err_set(err, ERR_INVALID, "flag needs an argument: --%s", name);
    return set_value(a, (size_t)o, argv[++*i], err);
}

static int parse_short(struct args *a, char **argv, int argc, int *i, struct err *err)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        size_t o = 0;
        while (o < a->n_opts && a->opts[o].shorthand != *p)
            o++;
        if (o == a->n_opts) {
            if (*p == 'h')
                return ARGS_HELP_SHORT;
            return err_set(err, ERR_INVALID, "unknown shorthand flag: '%c' in -%s", *p, p);
        }
        int r = 0;
        if (p[1] == '=') {
            return set_value(a, o, p + 2, err);
        } else if (a->opts[o].type == OPT_BOOL) {
            r = set_value(a, o, "true", err);
            if (r)
                return r;
        } else if (p[1]) {
            return set_value(a, o, p + 1, err);
        } else if (*i + 1 >= argc) {
            return err_set(err, ERR_INVALID, "flag needs an argument: '%c' in -%s", *p, p);
        } else {
            return set_value(a, o, argv[++*i], err);
        }
    }
    return 0;
}

int args_parse(const struct opt *opts, size_t n_opts, int argc, char **argv,
               bool stop_at_positional, struct args **ret, struct err *err)
{
    _cleanup_(args_freep)
    struct args *a = XNEW(struct args);
    a->opts = opts;
    a->n_opts = n_opts;
    a->vals = XNEW_ARRAY(struct optval, n_opts + 1);
    a->pos = XNEW_ARRAY(char *, (size_t)argc + 1);
    bool ended = false;
    for (int i = 0; i < argc; i++) {
        const char *s = argv[i];
        int r = 0;
        if (ended || s[0] != '-' || !s[1]) {
            a->pos[a->n_pos++] = argv[i];
            ended = ended || stop_at_positional;
        } else if (str_eq(s, "--")) {
            ended = true;
        } else {
            r = s[1] == '-' ? parse_long(a, argv, argc, &i, err)
                            : parse_short(a, argv, argc, &i, err);
        }
        if (r)
            return r;
    }
    *ret = TAKE_PTR(a);
    return 0;
}
