/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/header.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "tar/reader.h"

enum tar_dialect tar_header_dialect(const uint8_t *block)
{
    const uint8_t *magic = block + OFF_MAGIC;

    if (memcmp(magic, "ustar\0", 6) == 0)
        return memcmp(block + OFF_TRAILER, "tar\0", 4) == 0 ? TAR_STAR : TAR_USTAR;
    return memcmp(magic, "ustar  \0", 8) == 0 ? TAR_GNU : TAR_V7;
}

bool tar_block_is_zero(const uint8_t *block)
{
    return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

static void sums(const uint8_t *block, int64_t *ret_unsigned, int64_t *ret_signed)
{
    int64_t u = 0, s = 0;

    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool own = i >= F_CHECKSUM.offset && i < (size_t)F_CHECKSUM.offset + F_CHECKSUM.len;
        uint8_t c = own ? ' ' : block[i];
        u += c;
        s += (int8_t)c;
    }
    *ret_unsigned = u;
    *ret_signed = s;
}

bool tar_checksum_ok(const uint8_t *block)
{
    int64_t u, s, stored;

    if (tar_parse_number(block, F_CHECKSUM, &stored) < 0)
        return false;
    sums(block, &u, &s);
    return stored == u || stored == s;
}

void tar_checksum_set(uint8_t *block)
{
    int64_t u, s;
    char text[8];

    sums(block, &u, &s);
    (void)snprintf(text, sizeof(text), "%06o", (unsigned)u);
    text[7] = ' ';
    memcpy(block + F_CHECKSUM.offset, text, sizeof(text));
}

static int parse_base256(const uint8_t *p, size_t len, int64_t *ret)
{
    /* Two's complement, big-endian; the top bit marks the format, the next one is the sign. */
    bool negative = p[0] & 0x40;
    uint64_t x = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = negative ? (uint8_t)~p[i] : p[i];
        if (i == 0)
            c &= 0x7f;
        if (x >> 56)
            return -ERANGE;
        x = x << 8 | c;
    }
    if (x > INT64_MAX)
        return -ERANGE;
    *ret = negative ? -(int64_t)x - 1 : (int64_t)x;
    return 0;
}

int tar_parse_number(const uint8_t *block, struct tar_field f, int64_t *ret)
{
    const uint8_t *p = block + f.offset, *end = p + f.len;
    uint64_t x = 0;

    if (*p & 0x80)
        return parse_base256(p, f.len, ret);
    while (p < end && (*p == ' ' || *p == 0))
        p++;
    const uint8_t *nul = p < end ? memchr(p, 0, (size_t)(end - p)) : NULL;
    if (nul)
        end = nul;
    while (end > p && end[-1] == ' ')
        end--;
    for (; p < end; p++) {
        if (*p < '0' || *p > '7')
            return -EINVAL;
        if (x >> 60)
            return -ERANGE;
        x = x << 3 | (uint64_t)(*p - '0');
    }
    *ret = (int64_t)x;
    return 0;
}

size_t tar_field_string(const uint8_t *block, struct tar_field f, char *out)
{
    size_t n = strnlen((const char *)block + f.offset, f.len);

    memcpy(out, block + f.offset, n);
    out[n] = '\0';
    return n;
}

const char *tar_printable(const char *name, char out[static 256])
{
    size_t i;

    for (i = 0; i < 250 && name[i]; i++)
        out[i] = name[i] < 0x20 || name[i] == 0x7f ? '?' : name[i];
    if (name[i]) {
        memcpy(out + i, "...", 3);
        i += 3;
    }
    out[i] = '\0';
    return out;
}

int tar_bad(struct err *err, const char *name, const char *fmt, ...)
{
    char shown[256], text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_set(err, ERR_INVALID, "tar entry \"%s\": %s", tar_printable(name, shown), text);
}

bool tar_xattr_allowed(const char *name)
{
    if (str_starts(name, "user."))
        return !str_starts(name, "user.overlay.") && name[5] != '\0';
    return str_eq(name, "security.capability") || str_eq(name, "system.posix_acl_access") ||
           str_eq(name, "system.posix_acl_default");
}

int tar_clean_name(const char *name, char out[static LIMIT_TAR_PATH], struct err *err)
{
    size_t len = 0;

    for (const char *p = name; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            if (len == 0)
                return tar_bad(err, name, "the name leads out of the layer");
            while (len > 0 && out[len - 1] != '/')
                len--;
            len -= len > 0;
        } else if (n > 0 && !(n == 1 && p[0] == '.')) {
            if (n > 255 || len + n + 2 > LIMIT_TAR_PATH)
                return tar_bad(err, name, "the name is too long");
            if (len > 0)
                out[len++] = '/';
            memcpy(out + len, p, n);
            len += n;
        }
        p += n + (p[n] == '/');
    }
    out[len] = '\0';
    return 0;
}
