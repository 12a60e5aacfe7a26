/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/base64.h"

#include <string.h>

#include "base/alloc.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t len)
{
    const uint8_t *in = data;
    char *out = xmalloc((len + 2) / 3 * 4 + 1), *p = out;

    for (size_t i = 0; i < len; i += 3) {
        size_t n = MIN(len - i, (size_t)3);
        uint32_t v = (uint32_t)in[i] << 16;

        if (n > 1)
            v |= (uint32_t)in[i + 1] << 8;
        if (n > 2)
            v |= in[i + 2];
        *p++ = alphabet[v >> 18 & 63];
        *p++ = alphabet[v >> 12 & 63];
        *p++ = n > 1 ? alphabet[v >> 6 & 63] : '=';
        *p++ = n > 2 ? alphabet[v & 63] : '=';
    }
    *p = '\0';
    return out;
}

static int value_of(char c)
{
    const char *at = strchr(alphabet, c);

    if (c == '-')
        return 62;
    if (c == '_')
        return 63;
    return at && c ? (int)(at - alphabet) : -1;
}

char *base64_decode(const char *text, size_t *ret_len)
{
    size_t n = strlen(text), len = 0, bits = 0;
    uint32_t v = 0;

    while (n > 0 && text[n - 1] == '=')
        n--;
    _cleanup_free_ char *out = xmalloc(n * 3 / 4 + 1);
    if (n % 4 == 1)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        int d = value_of(text[i]);

        if (d < 0)
            return NULL;
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[len++] = (char)(v >> bits & 0xff);
        }
    }
    out[len] = '\0';
    *ret_len = len;
    return TAKE_PTR(out);
}
