/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "http/uri.h"

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes n bytes of s; false at a bad escape or a NUL. */
static bool decode(const char *s, size_t n, bool plus_is_blank, char **ret)
{
    _cleanup_free_ char *out = xmalloc(n + 1);
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '%') {
            if (n - i < 3)
                return false;
            int hi = hex_value(s[i + 1]);
            int lo = hex_value(s[i + 2]);
            if (hi < 0 || lo < 0 || hi + lo == 0)
                return false;
            c = (char)(hi * 16 + lo);
            i += 2;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    *ret = TAKE_PTR(out);
    return true;
}

char *uri_decode_path(const char *path)
{
    _cleanup_free_ char *out = NULL;

    if (!decode(path, strlen(path), false, &out))
        return NULL;
    for (const char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return NULL;
    return TAKE_PTR(out);
}

bool uri_query_valid(const char *query)
{
    _cleanup_free_ char *out = NULL;

    return decode(query, strlen(query), true, &out);
}

void uri_query_parse(const char *query, struct uri_query *ret)
{
    *ret = (struct uri_query){};
    while (*query) {
        size_t len = strcspn(query, "&");
        size_t name_len = MIN(strcspn(query, "="), len);
        struct uri_param p = {};
        if (len > 0 && decode(query, name_len, true, &p.name)) {
            size_t skip = name_len < len ? name_len + 1 : len;
            if (!decode(query + skip, len - skip, true, &p.value))
                p.value = xstrdup("");
            ret->params = xrealloc_array(ret->params, ret->n + 1, sizeof(p));
            ret->params[ret->n++] = p;
        }
        query += len;
        query += *query == '&';
    }
}

void uri_query_done(struct uri_query *q)
{
    for (size_t i = 0; i < q->n; i++) {
        free(q->params[i].name);
        free(q->params[i].value);
    }
    free(q->params);
    *q = (struct uri_query){};
}

const char *uri_query_get(const struct uri_query *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++)
        if (str_eq(q->params[i].name, name))
            return q->params[i].value;
    return NULL;
}
