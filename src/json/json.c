/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json/json.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"

/* Nesting is checked before jansson recurses into the text. */
static bool too_deep(const char *data, size_t len)
{
    size_t depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > LIMIT_JSON_DEPTH)
                return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

json_t *json_parse(const char *data, size_t len, const char *what, struct err *err)
{
    json_error_t e;

    if (too_deep(data, len)) {
        err_set(err, ERR_INVALID, "%s: nested deeper than %d levels", what, LIMIT_JSON_DEPTH);
        return NULL;
    }
    json_t *j = json_loadb(data, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
    if (!j)
        err_set(err, ERR_INVALID, "%s: invalid JSON at line %d, column %d: %s", what, e.line,
                e.column, e.text);
    return j;
}

char *json_print(const json_t *j)
{
    char *s = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);

    if (!s)
        abort();
    return s;
}

static int type_error(const char *path, const char *key, const char *type, struct err *err)
{
    return err_set(err, ERR_INVALID, "field \"%s%s%s\" must be %s", path ? path : "",
                   path ? "." : "", key, type);
}

/* The member, or NULL when missing or null. */
static json_t *member(const json_t *o, const char *key)
{
    json_t *v = json_object_get(o, key);

    return json_is_null(v) ? NULL : v;
}

int json_get_str(const json_t *o, const char *path, const char *key, const char **ret,
                 struct err *err)
{
    json_t *v = member(o, key);

    if (!v)
        return 0;
    if (!json_is_string(v))
        return type_error(path, key, "a string", err);
    if (strlen(json_string_value(v)) != json_string_length(v))
        return type_error(path, key, "a string without NUL bytes", err);
    *ret = json_string_value(v);
    return 0;
}

int json_get_bool(const json_t *o, const char *path, const char *key, bool *ret, struct err *err)
{
    json_t *v = member(o, key);

    if (!v)
        return 0;
    if (!json_is_boolean(v))
        return type_error(path, key, "true or false", err);
    *ret = json_is_true(v);
    return 0;
}

int json_get_i64(const json_t *o, const char *path, const char *key, int64_t *ret, struct err *err)
{
    json_t *v = member(o, key);

    if (!v)
        return 0;
    if (!json_is_integer(v))
        return type_error(path, key, "an integer", err);
    *ret = json_integer_value(v);
    return 0;
}

int json_get_u64(const json_t *o, const char *path, const char *key, uint64_t *ret, struct err *err)
{
    int64_t v = -1;

    if (!member(o, key))
        return 0;
    int r = json_get_i64(o, path, key, &v, err);
    if (r < 0)
        return r;
    if (v < 0)
        return type_error(path, key, "an integer of at least 0", err);
    *ret = (uint64_t)v;
    return 0;
}

int json_get_int(const json_t *o, const char *path, const char *key, int *ret, struct err *err)
{
    int64_t v = *ret;
    int r = json_get_i64(o, path, key, &v, err);

    if (r < 0)
        return r;
    if (v < INT_MIN || v > INT_MAX)
        return type_error(path, key, "a 32-bit integer", err);
    *ret = (int)v;
    return 0;
}

int json_get_object(const json_t *o, const char *path, const char *key, json_t **ret,
                    struct err *err)
{
    json_t *v = member(o, key);

    if (!v)
        return 0;
    if (!json_is_object(v))
        return type_error(path, key, "an object", err);
    *ret = v;
    return 0;
}

int json_get_array(const json_t *o, const char *path, const char *key, json_t **ret,
                   struct err *err)
{
    json_t *v = member(o, key);

    if (!v)
        return 0;
    if (!json_is_array(v))
        return type_error(path, key, "an array", err);
    *ret = v;
    return 0;
}

int json_get_strv(const json_t *o, const char *path, const char *key, char ***ret, struct err *err)
{
    json_t *a = NULL;
    int r = json_get_array(o, path, key, &a, err);

    if (r < 0 || !a || json_array_size(a) == 0)
        return r;
    size_t n = json_array_size(a);
    char **v = XNEW_ARRAY(char *, n + 1);
    for (size_t i = 0; i < n; i++) {
        json_t *s = json_array_get(a, i);
        if (!json_is_string(s) || strlen(json_string_value(s)) != json_string_length(s)) {
            strv_free(v);
            return type_error(path, key, "an array of strings", err);
        }
        v[i] = xstrdup(json_string_value(s));
    }
    *ret = v;
    return 0;
}

const char *json_str_or(const json_t *o, const char *key, const char *fallback)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : fallback;
}

int64_t json_i64_or(const json_t *o, const char *key, int64_t fallback)
{
    json_t *v = json_object_get(o, key);

    return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool json_bool_or(const json_t *o, const char *key, bool fallback)
{
    json_t *v = json_object_get(o, key);

    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

/* The length of a valid UTF-8 sequence at s (1 to 4), or 0. */
static size_t utf8_sequence(const unsigned char *s, size_t n)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

    for (size_t k = 0; k < ARRAY_SIZE(forms); k++) {
        if ((s[0] & forms[k].mask) != forms[k].lead)
            continue;
        if (k + 1 > n)
            return 0;
        uint32_t c = s[0] & (unsigned char)~forms[k].mask;
        for (size_t i = 1; i <= k; i++) {
            if ((s[i] & 0xc0) != 0x80)
                return 0;
            c = c << 6 | (s[i] & 0x3f);
        }
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        return c < forms[k].least || c > 0x10ffff || surrogate ? 0 : k + 1;
    }
    return 0;
}

json_t *json_str_newn(const char *s, size_t n)
{
    json_t *j = json_stringn(s, n);

    if (j)
        return j;
    _cleanup_buf_ struct buf b = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < n;) {
        size_t k = utf8_sequence((const unsigned char *)s + i, n - i);
        if (k)
            (void)buf_add(&b, s + i, k);
        else
            (void)buf_adds(&b, "\xef\xbf\xbd");
        i += k ? k : 1;
    }
    j = json_stringn(buf_str(&b), b.len);
    if (!j)
        abort();
    return j;
}

json_t *json_str_new(const char *s)
{
    return s ? json_str_newn(s, strlen(s)) : json_null();
}

void json_set_take(json_t *o, const char *key, json_t *value)
{
    if (json_object_set_new(o, key, value) < 0)
        abort();
}

void json_set_str(json_t *o, const char *key, const char *value)
{
    json_set_take(o, key, json_str_new(value));
}

void json_set_i64(json_t *o, const char *key, int64_t value)
{
    json_set_take(o, key, json_integer(value));
}

void json_set_bool(json_t *o, const char *key, bool value)
{
    json_set_take(o, key, json_boolean(value));
}

void json_set_time(json_t *o, const char *key, int64_t nsec)
{
    char text[TIME_RFC3339_MAX];

    time_format_rfc3339nano(nsec, text);
    json_set_str(o, key, text);
}

json_t *json_strv(char *const *v, bool null_if_empty)
{
    if (strv_len(v) == 0 && null_if_empty)
        return json_null();
    json_t *a = json_array();
    for (size_t i = 0; v && v[i]; i++)
        if (json_array_append_new(a, json_str_new(v[i])) < 0)
            abort();
    return a;
}
