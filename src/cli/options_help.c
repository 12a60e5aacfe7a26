/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The options part of a help text, in pflag's layout: one column of names, the texts beside it,
 * wrapped at blanks with a little slack so that the last line is no orphan. */
#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/options.h"

#define WRAP_SLOP     5
#define WRAP_NARROW   24
#define NARROW_INDENT 16

static const char *type_name(enum opt_type type)
{
    static const char *const names[] = {
        [OPT_STRING] = "string",   [OPT_LIST] = "list",         [OPT_STRINGS] = "strings",
        [OPT_MAP] = "map",         [OPT_FILTER] = "filter",     [OPT_MOUNT] = "mount",
        [OPT_NETWORK] = "network", [OPT_ULIMIT] = "ulimit",     [OPT_INT] = "int",
        [OPT_UINT16] = "uint16",   [OPT_BYTES] = "bytes",       [OPT_MEMSWAP] = "bytes",
        [OPT_DECIMAL] = "decimal", [OPT_DURATION] = "duration",
    };
    return names[type];
}

static size_t head_of(const struct opt *o, char *out, size_t cap)
{
    const char *var = o->type == OPT_BOOL ? NULL : type_name(o->type);
    int n;
    if (o->shorthand)
        n = snprintf(out, cap, "  -%c, --%s%s%s", o->shorthand, o->name, var ? " " : "",
                     var ? var : "");
    else
        n = snprintf(out, cap, "      --%s%s%s", o->name, var ? " " : "", var ? var : "");
    return (size_t)n;
}

static void add_indented(struct buf *out, const char *s, size_t len, size_t indent)
{
    for (size_t i = 0; i < len; i++) {
        (void)buf_addc(out, s[i]);
        if (s[i] == '\n')
            (void)buf_addf(out, "%*s", (int)indent, "");
    }
}

/* How much of s goes on a line of `width`: the rest starts at *next. */
static size_t cut(const char *s, size_t width, size_t *next)
{
    size_t len = strlen(s);
    *next = len;
    if (width + WRAP_SLOP > len)
        return len;
    size_t blank = 0, newline = 0;
    for (size_t i = 0; i < width; i++) {
        if (s[i] == ' ' || s[i] == '\t' || s[i] == '\n')
            blank = i;
        if (s[i] == '\n')
            newline = i;
    }
    if (blank == 0)
        return len;
    size_t at = newline > 0 && newline < blank ? newline : blank;
    *next = at + 1;
    return at;
}

static void wrap(struct buf *out, size_t indent, size_t columns, const char *s)
{
    size_t width = columns > indent ? columns - indent : 0;
    if (width < WRAP_NARROW) {
        indent = NARROW_INDENT;
        width = columns > indent ? columns - indent : 0;
        (void)buf_addf(out, "\n%*s", (int)indent, "");
    }
    if (width < WRAP_NARROW)
        width = WRAP_NARROW;
    width -= WRAP_SLOP;
    for (bool first = true; *s || first; first = false) {
        size_t next = 0;
        size_t n = cut(s, width, &next);
        if (!first)
            (void)buf_addf(out, "\n%*s", (int)indent, "");
        add_indented(out, s, n, indent);
        s += next;
    }
}

static int by_name(const void *a, const void *b)
{
    const struct opt *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

void opts_help(const struct opt *opts, size_t n_opts, int columns, struct buf *out)
{
    char head[128];
    _cleanup_free_ const struct opt **sorted = XNEW_ARRAY(const struct opt *, n_opts);
    for (size_t i = 0; i < n_opts; i++)
        sorted[i] = &opts[i];
    qsort(sorted, n_opts, sizeof(*sorted), by_name);
    size_t widest = 0;
    for (size_t i = 0; i < n_opts; i++)
        if (opts[i].help)
            widest = MAX(widest, head_of(&opts[i], head, sizeof(head)));
    for (size_t i = 0; i < n_opts; i++) {
        const struct opt *o = sorted[i];
        if (!o->help)
            continue;
        size_t n = head_of(o, head, sizeof(head));
        (void)buf_addf(out, "%s%*s", head, (int)(widest - n + 3), "");
        _cleanup_free_ char *text = !o->def ? xstrdup(o->help)
                                    : o->type == OPT_STRING
                                        ? xasprintf("%s (default \"%s\")", o->help, o->def)
                                        : xasprintf("%s (default %s)", o->help, o->def);
        wrap(out, widest + 3, (size_t)columns, text);
        (void)buf_addc(out, '\n');
    }
}
