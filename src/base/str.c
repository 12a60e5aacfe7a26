/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/buf.h"

bool str_eq(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

const char *str_after(const char *s, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_starts(const char *s, const char *prefix)
{
    return str_after(s, prefix) != NULL;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s);
    size_t m = strlen(suffix);

    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

static int parse_base(const char *s, unsigned base, uint64_t *ret)
{
    uint64_t v = 0;

    if (str_empty(s))
        return -EINVAL;
    for (; *s; s++) {
        if (*s < '0' || *s >= (char)('0' + base))
            return -EINVAL;
        if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return -ERANGE;
    }
    *ret = v;
    return 0;
}

int parse_u64(const char *s, uint64_t *ret)
{
    return parse_base(s, 10, ret);
}

int parse_i64(const char *s, int64_t *ret)
{
    bool negative = s && *s == '-';
    uint64_t v;
    int r = parse_base(negative ? s + 1 : s, 10, &v);

    if (r < 0)
        return r;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return -ERANGE;
    *ret = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

int parse_u32(const char *s, uint32_t *ret)
{
    uint64_t v;
    int r = parse_u64(s, &v);

    if (r < 0)
        return r;
    if (v > UINT32_MAX)
        return -ERANGE;
    *ret = (uint32_t)v;
    return 0;
}

int parse_int(const char *s, int *ret)
{
    int64_t v;
    int r = parse_i64(s, &v);

    if (r < 0)
        return r;
    if (v < INT32_MIN || v > INT32_MAX)
        return -ERANGE;
    *ret = (int)v;
    return 0;
}

int parse_bool(const char *s, bool *ret)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; s && i < ARRAY_SIZE(yes); i++) {
        if (strcmp(s, yes[i]) == 0 || strcmp(s, no[i]) == 0) {
            *ret = strcmp(s, yes[i]) == 0;
            return 0;
        }
    }
    return -EINVAL;
}

int parse_mode(const char *s, mode_t *ret)
{
    uint64_t v;
    int r = parse_base(s, 8, &v);

    if (r < 0)
        return r;
    if (v > 07777)
        return -ERANGE;
    *ret = (mode_t)v;
    return 0;
}

size_t strv_len(char *const *v)
{
    size_t n = 0;

    while (v && v[n])
        n++;
    return n;
}

void strv_free(char **v)
{
    for (size_t i = 0; v && v[i]; i++)
        free(v[i]);
    free(v);
}

char **strv_copy(char *const *v)
{
    size_t n = strv_len(v);
    char **copy = XNEW_ARRAY(char *, n + 1);

    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(v[i]);
    return copy;
}

void strv_push_take(char ***v, char *s)
{
    size_t n = strv_len(*v);

    *v = xrealloc_array(*v, n + 2, sizeof(char *));
    (*v)[n] = s;
    (*v)[n + 1] = NULL;
}

void strv_push(char ***v, const char *s)
{
    strv_push_take(v, xstrdup(s));
}

bool strv_contains(char *const *v, const char *s)
{
    for (size_t i = 0; v && v[i]; i++)
        if (strcmp(v[i], s) == 0)
            return true;
    return false;
}

char **str_split(const char *s, char sep)
{
    char **v = NULL;

    for (;;) {
        const char *end = strchrnul(s, sep);
        strv_push_take(&v, xstrndup(s, (size_t)(end - s)));
        if (!*end)
            return v;
        s = end + 1;
    }
}

char *strv_join(char *const *v, const char *sep)
{
    struct buf b = BUF_INIT(SIZE_MAX / 2);

    for (size_t i = 0; v && v[i]; i++) {
        if (i)
            (void)buf_adds(&b, sep);
        (void)buf_adds(&b, v[i]);
    }
    return buf_take(&b);
}

void hex_encode(const uint8_t *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

bool str_is_hex(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f')))
            return false;
    return true;
}

void random_id(char out[static 65])
{
    uint8_t bytes[32];

    /* 32 bytes are delivered whole once the pool is ready: getrandom(2). */
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        abort();
    hex_encode(bytes, sizeof(bytes), out);
}
