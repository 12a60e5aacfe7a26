/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/template_ast.h"

#define RESULT_MAX (64 * MIB)
#define WIDTH_MAX  4096 /* of a printf field or a pad */

static void add_json_string(struct buf *b, const char *s, bool escape)
{
    (void)buf_addc(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            (void)buf_addf(b, "\\%c", c);
        else if (c == '\n')
            (void)buf_adds(b, "\\n");
        else if (c == '\r')
            (void)buf_adds(b, "\\r");
        else if (c == '\t')
            (void)buf_adds(b, "\\t");
        else if (c == '\b')
            (void)buf_adds(b, "\\b");
        else if (c == '\f')
            (void)buf_adds(b, "\\f");
        else if (c < 0x20 || (escape && (c == '<' || c == '>' || c == '&')))
            (void)buf_addf(b, "\\u%04x", c);
        else
            (void)buf_addc(b, (char)c);
    }
    (void)buf_addc(b, '"');
}

static void add_json(struct buf *b, const json_t *v, bool escape)
{
    const char *k, *sep = "";
    json_t *m;
    size_t i;
    if (json_is_string(v)) {
        add_json_string(b, json_string_value(v), escape);
    } else if (json_is_object(v)) {
        (void)buf_addc(b, '{');
        json_object_foreach((json_t *)(uintptr_t)v, k, m) {
            (void)buf_adds(b, sep);
            add_json_string(b, k, escape);
            (void)buf_addc(b, ':');
            add_json(b, m, escape);
            sep = ",";
        }
        (void)buf_addc(b, '}');
    } else if (json_is_array(v)) {
        (void)buf_addc(b, '[');
        json_array_foreach(v, i, m) {
            (void)buf_adds(b, sep);
            add_json(b, m, escape);
            sep = ",";
        }
        (void)buf_addc(b, ']');
    } else if (json_is_real(v)) {
        (void)buf_addf(b, "%.17g", json_real_value(v));
    } else if (json_is_integer(v)) {
        (void)buf_addf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else {
        (void)buf_adds(b, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "null");
    }
}

char *go_json(const json_t *v, bool escape)
{
    struct buf b = BUF_INIT(RESULT_MAX);
    add_json(&b, v, escape);
    return buf_take(&b);
}

static int by_key(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static void print_object(struct buf *out, const json_t *v)
{
    size_t n = json_object_size(v), i = 0;
    _cleanup_free_ const char **keys = XNEW_ARRAY(const char *, n + 1);
    const char *k;
    json_t *m;
    json_object_foreach((json_t *)(uintptr_t)v, k, m)
        keys[i++] = k;
    qsort(keys, n, sizeof(*keys), by_key);
    (void)buf_adds(out, "map[");
    for (i = 0; i < n; i++) {
        (void)buf_addf(out, "%s%s:", i ? " " : "", keys[i]);
        go_print(out, json_object_get(v, keys[i]));
    }
    (void)buf_addc(out, ']');
}

void go_print(struct buf *out, const json_t *v)
{
    size_t i;
    json_t *m;
    if (!v) {
        (void)buf_adds(out, "<no value>");
    } else if (json_is_string(v)) {
        (void)buf_adds(out, json_string_value(v));
    } else if (json_is_object(v)) {
        print_object(out, v);
    } else if (json_is_array(v)) {
        (void)buf_addc(out, '[');
        json_array_foreach(v, i, m) {
            if (i)
                (void)buf_addc(out, ' ');
            go_print(out, m);
        }
        (void)buf_addc(out, ']');
    } else if (json_is_integer(v)) {
        (void)buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    } else if (json_is_real(v)) {
        (void)buf_addf(out, "%g", json_real_value(v));
    } else {
        (void)buf_adds(out, json_is_true(v) ? "true" : json_is_false(v) ? "false" : "<nil>");
    }
}

bool template_truth(const json_t *v)
{
    if (!v || json_is_null(v) || json_is_false(v))
        return false;
    if (json_is_string(v))
        return json_string_length(v) > 0;
    if (json_is_array(v))
        return json_array_size(v) > 0;
    if (json_is_object(v))
        return json_object_size(v) > 0;
    if (json_is_number(v))
        return json_number_value(v) != 0;
    return true;
}

static char *text_of(const json_t *v)
{
    struct buf b = BUF_INIT(RESULT_MAX);
    go_print(&b, v);
    return buf_take(&b);
}

/* Decimal digits at *p, which moves behind them; at most WIDTH_MAX. */
static int take_digits(const char **p)
{
    int n = 0;
    for (; **p >= '0' && **p <= '9'; (*p)++)
        n = MIN(n * 10 + (**p - '0'), WIDTH_MAX);
    return n;
}

/* One conversion of printf: "%[flags][width][.precision]verb". */
static void format_one(struct buf *out, const char *spec, size_t len, const json_t *v)
{
    char verb = spec[len - 1];
    bool left = memchr(spec, '-', len) != NULL;
    const char *p = spec + 1 + strspn(spec + 1, "+-# 0");
    bool zero = !left && spec[1] == '0';
    int width = take_digits(&p), precision = -1;
    if (*p == '.') {
        p++;
        precision = take_digits(&p);
    }
    _cleanup_free_ char *text = NULL;
    if (verb == 'q' && json_is_string(v)) {
        struct buf b = BUF_INIT(RESULT_MAX);
        add_json_string(&b, json_string_value(v), false);
        text = buf_take(&b);
    } else if ((verb == 'f' || verb == 'e' || verb == 'g') && json_is_number(v)) {
        text = xasprintf("%.*f", precision < 0 ? 6 : MIN(precision, 40), json_number_value(v));
        precision = -1;
    } else if ((verb == 'x' || verb == 'X' || verb == 'o') && json_is_integer(v)) {
        unsigned long long n = (unsigned long long)json_integer_value(v);
        text = verb == 'x'   ? xasprintf("%llx", n)
               : verb == 'X' ? xasprintf("%llX", n)
                             : xasprintf("%llo", n);
    } else if (verb == 'd' && !json_is_integer(v)) {
        _cleanup_free_ char *value = text_of(v);
        text = xasprintf("%%!d(%s=%s)", json_is_string(v) ? "string" : "float64", value);
    } else if (verb == 's' && json_is_integer(v)) {
        text = xasprintf("%%!s(int64=%lld)", (long long)json_integer_value(v));
    } else {
        text = text_of(v);
    }
    size_t chars = 0, bytes = 0;
    for (; text[bytes]; bytes++) {
        bool starts = ((unsigned char)text[bytes] & 0xc0) != 0x80;
        if (starts && precision >= 0 && chars == (size_t)precision)
            break;
        chars += starts;
    }
    int pad = (size_t)width > chars ? width - (int)chars : 0;
    for (int i = 0; !left && i < pad; i++)
        (void)buf_addc(out, zero ? '0' : ' ');
    (void)buf_add(out, text, bytes);
    for (int i = 0; left && i < pad; i++)
        (void)buf_addc(out, ' ');
}

static json_t *func_printf(json_t *const *args, size_t n)
{
    struct buf b = BUF_INIT(RESULT_MAX);
    size_t next = 1;
    for (const char *p = json_string_value(args[0]); p && *p;) {
        if (*p != '%') {
            (void)buf_addc(&b, *p++);
            continue;
        }
        size_t len = 1 + strspn(p + 1, "+-# 0123456789.");
        if (!p[len]) {
            (void)buf_adds(&b, "%!(NOVERB)");
            break;
        }
        len++;
        if (p[len - 1] == '%')
            (void)buf_addc(&b, '%');
        else if (next >= n)
            (void)buf_addf(&b, "%%!%c(MISSING)", p[len - 1]);
        else
            format_one(&b, p, len, args[next++]);
        p += len;
    }
    json_t *r = json_str_new(buf_str(&b));
    buf_done(&b);
    return r;
}

static json_t *func_print(json_t *const *args, size_t n, bool line)
{
    struct buf b = BUF_INIT(RESULT_MAX);
    for (size_t i = 0; i < n; i++) {
        bool strings = i > 0 && (json_is_string(args[i]) || json_is_string(args[i - 1]));
        if (i > 0 && (line || !strings))
            (void)buf_addc(&b, ' ');
        go_print(&b, args[i]);
    }
    if (line)
        (void)buf_addc(&b, '\n');
    json_t *r = json_str_new(buf_str(&b));
    buf_done(&b);
    return r;
}

/* -1, 0, 1; -2 when the two cannot be compared. */
static int compare(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);
        return x < y ? -1 : x > y;
    }
    if (json_is_string(a) && json_is_string(b)) {
        int c = strcmp(json_string_value(a), json_string_value(b));
        return c < 0 ? -1 : c > 0;
    }
    if (json_is_boolean(a) && json_is_boolean(b))
        return json_is_true(a) == json_is_true(b) ? 0 : 1;
    bool na = !a || json_is_null(a), nb = !b || json_is_null(b);
    if (na || nb)
        return na && nb ? 0 : 1;
    return -2;
}

static int func_compare(const char *name, json_t *const *args, size_t n, json_t **ret,
                        struct err *err)
{
    bool result = false;
    if (n < 2)
        return err_set(err, ERR_INVALID, "missing argument for comparison");
    for (size_t i = 1; i < n; i++) {
        int c = compare(args[0], args[i]);
        if (c == -2)
            return err_set(err, ERR_INVALID, "incompatible types for comparison");
        bool one = str_eq(name, "eq")   ? c == 0
                   : str_eq(name, "ne") ? c != 0
                   : str_eq(name, "lt") ? c < 0
                   : str_eq(name, "le") ? c <= 0
                   : str_eq(name, "gt") ? c > 0
                                        : c >= 0;
        result = result || one;
    }
    *ret = json_boolean(result);
    return 0;
}

static int func_index(json_t *const *args, size_t n, json_t **ret, struct err *err)
{
    json_t *v = args[0];
    for (size_t i = 1; i < n; i++) {
        if (json_is_array(v) && json_is_integer(args[i])) {
            json_int_t k = json_integer_value(args[i]);
            if (k < 0 || (size_t)k >= json_array_size(v))
                return err_set(err, ERR_INVALID, "index out of range: %lld", (long long)k);
            v = json_array_get(v, (size_t)k);
        } else if (json_is_object(v) && json_is_string(args[i])) {
            v = json_object_get(v, json_string_value(args[i]));
            if (!v) {
                *ret = json_str_new("");
                return 0;
            }
        } else if (!v || json_is_null(v)) {
            *ret = json_str_new("");
            return 0;
        } else {
            return err_set(err, ERR_INVALID, "can't index item of this type");
        }
    }
    *ret = json_incref(v);
    return 0;
}

static int func_slice(json_t *const *args, size_t n, json_t **ret, struct err *err)
{
    size_t len = json_is_string(args[0]) ? json_string_length(args[0]) : json_array_size(args[0]);
    json_int_t from = n > 1 ? json_integer_value(args[1]) : 0;
    json_int_t to = n > 2 ? json_integer_value(args[2]) : (json_int_t)len;
    if (from < 0 || to < from || (size_t)to > len)
        return err_set(err, ERR_INVALID, "index out of range: %lld", (long long)to);
    if (json_is_string(args[0])) {
        *ret = json_str_newn(json_string_value(args[0]) + from, (size_t)(to - from));
        return 0;
    }
    *ret = json_array();
    for (json_int_t i = from; i < to; i++)
        (void)json_array_append(*ret, json_array_get(args[0], (size_t)i));
    return 0;
}

static json_t *func_join(const json_t *list, const char *sep)
{
    struct buf b = BUF_INIT(RESULT_MAX);
    size_t i;
    json_t *m;
    json_array_foreach(list, i, m) {
        if (i)
            (void)buf_adds(&b, sep);
        go_print(&b, m);
    }
    json_t *r = json_str_new(buf_str(&b));
    buf_done(&b);
    return r;
}

static json_t *func_split(const char *s, const char *sep)
{
    json_t *list = json_array();
    size_t n = strlen(sep);
    for (const char *at; n && (at = strstr(s, sep)); s = at + n)
        (void)json_array_append_new(list, json_str_newn(s, (size_t)(at - s)));
    (void)json_array_append_new(list, json_str_new(s));
    return list;
}

static json_t *func_case(const char *name, const char *s)
{
    _cleanup_free_ char *c = xstrdup(s);
    bool word = true;
    for (char *p = c; *p; p++) {
        unsigned char ch = (unsigned char)*p;
        if (name[0] == 'l')
            *p = (char)tolower(ch);
        else if (name[0] == 'u' || word)
            *p = (char)toupper(ch);
        word = isspace(ch) || *p == '-';
    }
    return json_str_new(c);
}

static json_t *func_pad(const char *s, json_int_t before, json_int_t after)
{
    if (!*s)
        return json_str_new("");
    before = MAX((json_int_t)0, MIN(before, (json_int_t)WIDTH_MAX));
    after = MAX((json_int_t)0, MIN(after, (json_int_t)WIDTH_MAX));
    _cleanup_free_ char *t = xasprintf("%*s%s%*s", (int)before, "", s, (int)after, "");
    return json_str_new(t);
}

static json_t *func_escape(const char *name, const char *s)
{
    struct buf b = BUF_INIT(RESULT_MAX);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (name[0] == 'u' && !isalnum(c) && !strchr("-_.~", c))
            (void)buf_addf(&b, c == ' ' ? "+" : "%%%02X", c);
        else if (name[0] == 'h' && strchr("<>&\"'", c))
            (void)buf_addf(&b,
                           c == '<'   ? "&lt;"
                           : c == '>' ? "&gt;"
                           : c == '&' ? "&amp;"
                                      : "&#%d;",
                           c);
        else
            (void)buf_addc(&b, (char)c);
    }
    json_t *r = json_str_new(buf_str(&b));
    buf_done(&b);
    return r;
}

static const struct {
    const char *name;
    int min, max; /* arguments; -1: any */
} functions[] = {
    {"and", 1, -1},  {"or", 1, -1},      {"not", 1, 1},     {"len", 1, 1},      {"index", 1, -1},
    {"slice", 1, 3}, {"print", 0, -1},   {"printf", 1, -1}, {"println", 0, -1}, {"eq", 1, -1},
    {"ne", 2, 2},    {"lt", 2, 2},       {"le", 2, 2},      {"gt", 2, 2},       {"ge", 2, 2},
    {"html", 1, 1},  {"urlquery", 1, 1}, {"json", 1, 1},    {"join", 2, 2},     {"lower", 1, 1},
    {"upper", 1, 1}, {"title", 1, 1},    {"split", 2, 2},   {"pad", 3, 3},      {"truncate", 2, 2},
};

bool template_func_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
        if (str_eq(functions[i].name, name))
            return true;
    return false;
}

static int func_len(const json_t *v, json_t **ret, struct err *err)
{
    if (!v || !(json_is_string(v) || json_is_array(v) || json_is_object(v) || json_is_null(v)))
        return err_set(err, ERR_INVALID, "len of %s", v ? "type float64" : "nil pointer");
    size_t n = json_is_string(v)  ? json_string_length(v)
               : json_is_array(v) ? json_array_size(v)
                                  : json_object_size(v);
    *ret = json_integer((json_int_t)n);
    return 0;
}

static int call_text(const char *name, json_t *const *args, json_t **ret)
{
    _cleanup_free_ char *s = text_of(args[0]);
    if (str_eq(name, "split"))
        *ret = func_split(s, json_is_string(args[1]) ? json_string_value(args[1]) : "");
    else if (str_eq(name, "join"))
        *ret = func_join(args[0], json_is_string(args[1]) ? json_string_value(args[1]) : "");
    else if (str_eq(name, "pad"))
        *ret = func_pad(s, json_integer_value(args[1]), json_integer_value(args[2]));
    else if (str_eq(name, "truncate"))
        *ret =
            json_str_newn(s, strnlen(s, (size_t)MAX((json_int_t)0, json_integer_value(args[1]))));
    else if (str_eq(name, "html") || str_eq(name, "urlquery"))
        *ret = func_escape(name, s);
    else
        *ret = func_case(name, s);
    return 0;
}

int template_func_call(const char *name, const struct template_env *env, json_t *const *args,
                       size_t n, json_t **ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
        if (str_eq(functions[i].name, name) &&
            ((int)n < functions[i].min || (functions[i].max >= 0 && (int)n > functions[i].max)))
            return err_set(err, ERR_INVALID, "wrong number of args for %s: want %s%d got %zu", name,
                           functions[i].max < 0 ? "at least " : "", functions[i].min, n);
    /* printf works on headings too; the other text functions leave them alone. */
    static const char *const texts[] = {"json",  "split", "join", "lower",
                                        "upper", "title", "pad",  "truncate"};
    for (size_t i = 0; env->header && i < ARRAY_SIZE(texts); i++)
        if (str_eq(name, texts[i])) {
            *ret = json_incref(args[0]);
            return 0;
        }
    if (str_eq(name, "and") || str_eq(name, "or"))
        *ret = json_incref(args[n - 1]);
    else if (str_eq(name, "not"))
        *ret = json_boolean(!template_truth(args[0]));
    else if (str_eq(name, "len"))
        return func_len(args[0], ret, err);
    else if (str_eq(name, "index"))
        return func_index(args, n, ret, err);
    else if (str_eq(name, "slice"))
        return func_slice(args, n, ret, err);
    else if (str_eq(name, "printf"))
        *ret = func_printf(args, n);
    else if (str_eq(name, "print") || str_eq(name, "println"))
        *ret = func_print(args, n, name[5] != '\0');
    else if (str_eq(name, "json")) {
        _cleanup_free_ char *text = go_json(args[0], env->escape && args[0] == env->dot);
        *ret = json_str_new(text);
    } else if (strlen(name) == 2)
        return func_compare(name, args, n, ret, err);
    else
        return call_text(name, args, ret);
    return 0;
}
