/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/pax.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/timeutil.h"

#define XATTR_PREFIX "SCHILY.xattr."

void tar_pax_done(struct tar_pax *p)
{
    free(p->path);
    free(p->linkpath);
    free(p->uname);
    free(p->gname);
    free(p->sparse_name);
    free(p->map);
    for (size_t i = 0; i < p->n_xattrs; i++) {
        free((char *)(uintptr_t)p->xattrs[i].name);
        free((uint8_t *)(uintptr_t)p->xattrs[i].value);
    }
    free(p->xattrs);
}

void tar_pax_reset(struct tar_pax *p)
{
    tar_pax_done(p);
    *p = (struct tar_pax){.sparse_major = -1, .sparse_minor = -1};
}

void tar_segment_push(struct tar_segment **map, size_t *n, uint64_t offset, uint64_t len)
{
    if ((*n & (*n - 1)) == 0)
        *map = xrealloc_array(*map, *n ? *n * 2 : 1, sizeof(**map));
    (*map)[(*n)++] = (struct tar_segment){offset, len};
}

static int bad_record(struct err *err, const char *key, const char *what)
{
    return err_set(err, ERR_INVALID, "pax record %.100s: %s", key, what);
}

static int take_string(char **slot, size_t max, const char *key, const char *value, size_t len,
                       struct err *err)
{
    if (len >= max)
        return bad_record(err, key, "too long");
    if (memchr(value, 0, len))
        return bad_record(err, key, "contains a NUL");
    free(*slot);
    *slot = len > 0 ? xstrndup(value, len) : NULL;
    return 0;
}

static int take_number(bool *has, uint64_t *slot, const char *key, const char *value, size_t len,
                       struct err *err)
{
    char text[24];
    uint64_t x;

    *has = false;
    if (len == 0)
        return 0;
    if (len >= sizeof(text))
        return bad_record(err, key, "not a number");
    memcpy(text, value, len);
    text[len] = '\0';
    if (parse_u64(text, &x) < 0 || x > INT64_MAX)
        return bad_record(err, key, text[0] == '-' ? "negative" : "not a number");
    *has = true;
    *slot = x;
    return 0;
}

/* "[-]seconds[.fraction]"; digits beyond nanoseconds are dropped. */
static int take_time(bool *has, struct timespec *slot, const char *key, const char *value,
                     size_t len, struct err *err)
{
    char text[64];
    int64_t sec;
    long nsec = 0;

    *has = false;
    if (len == 0)
        return 0;
    if (len >= sizeof(text) || memchr(value, 0, len))
        return bad_record(err, key, "not a time");
    memcpy(text, value, len);
    text[len] = '\0';
    char *dot = strchr(text, '.');
    if (dot) {
        *dot++ = '\0';
        long unit = NSEC_PER_SEC / 10;
        for (; *dot; dot++, unit /= 10) {
            if (*dot < '0' || *dot > '9')
                return bad_record(err, key, "not a time");
            nsec += (*dot - '0') * unit;
        }
    }
    bool negative = text[0] == '-';
    if (parse_i64(text, &sec) < 0 || sec == INT64_MIN)
        return bad_record(err, key, "not a time");
    if (negative && nsec > 0) {
        sec--;
        nsec = NSEC_PER_SEC - nsec;
    }
    *has = true;
    *slot = (struct timespec){.tv_sec = sec, .tv_nsec = nsec};
    return 0;
}

static int take_xattr(struct tar_pax *p, const char *key, const char *value, size_t len,
                      struct err *err)
{
    const char *name = key + strlen(XATTR_PREFIX);
    struct tar_xattr *x = NULL;

    if (!*name || strlen(name) > 255)
        return bad_record(err, key, "bad name of an extended attribute");
    if (len > LIMIT_TAR_XATTR_VALUE)
        return bad_record(err, key, "the value is too long");
    for (size_t i = 0; i < p->n_xattrs && !x; i++)
        if (str_eq(p->xattrs[i].name, name))
            x = &p->xattrs[i];
    if (!x) {
        if (p->n_xattrs >= 1024)
            return bad_record(err, key, "too many extended attributes");
        p->xattrs = xrealloc_array(p->xattrs, p->n_xattrs + 1, sizeof(*p->xattrs));
        x = &p->xattrs[p->n_xattrs++];
        *x = (struct tar_xattr){.name = xstrdup(name)};
    }
    free((uint8_t *)(uintptr_t)x->value);
    x->value = xmemdup(value, len);
    x->len = len;
    return 0;
}

/* 0.1: "offset,length,offset,length…" */
static int take_map(struct tar_pax *p, const char *key, const char *value, size_t len,
                    struct err *err)
{
    const char *end = value + len;
    uint64_t pair[2];
    size_t k = 0;

    p->n_map = 0;
    p->has_map = true;
    while (value < end) {
        const char *comma = memchr(value, ',', (size_t)(end - value));
        const char *stop = comma ? comma : end;
        bool has;
        int r = take_number(&has, &pair[k % 2], key, value, (size_t)(stop - value), err);
        if (r < 0)
            return r;
        if (!has || (comma && comma + 1 == end))
            return bad_record(err, key, "empty number");
        if (k++ % 2 == 1)
            tar_segment_push(&p->map, &p->n_map, pair[0], pair[1]);
        value = comma ? comma + 1 : end;
    }
    return k % 2 == 0 ? 0 : bad_record(err, key, "an offset without length");
}

static int take_sparse(struct tar_pax *p, const char *key, const char *value, size_t len,
                       struct err *err)
{
    const char *sub = str_after(key, "GNU.sparse.");
    uint64_t x = 0;
    bool has;

    if (str_eq(sub, "name"))
        return take_string(&p->sparse_name, LIMIT_TAR_PATH, key, value, len, err);
    if (str_eq(sub, "map"))
        return take_map(p, key, value, len, err);
    if (str_eq(sub, "size") || str_eq(sub, "realsize"))
        return take_number(&p->has_sparse_size, &p->sparse_size, key, value, len, err);
    if (str_eq(sub, "numblocks"))
        return take_number(&p->has_numblocks, &p->numblocks, key, value, len, err);
    if (!str_eq(sub, "major") && !str_eq(sub, "minor") && !str_eq(sub, "offset") &&
        !str_eq(sub, "numbytes"))
        return 0;
    int r = take_number(&has, &x, key, value, len, err);
    if (r < 0)
        return r;
    if (str_eq(sub, "major")) {
        p->sparse_major = has ? (int64_t)x : -1;
    } else if (str_eq(sub, "minor")) {
        p->sparse_minor = has ? (int64_t)x : -1;
    } else if (str_eq(sub, "offset")) {
        if (!has || p->half_pair)
            return bad_record(err, key, "out of order");
        tar_segment_push(&p->map, &p->n_map, x, 0);
        p->half_pair = p->has_map = true;
    } else {
        if (!has || !p->half_pair)
            return bad_record(err, key, "out of order");
        p->map[p->n_map - 1].len = x;
        p->half_pair = false;
    }
    return 0;
}

static int take_record(struct tar_pax *p, const char *key, const char *value, size_t len,
                       struct err *err)
{
    if (str_eq(key, "path"))
        return take_string(&p->path, LIMIT_TAR_PATH, key, value, len, err);
    if (str_eq(key, "linkpath"))
        return take_string(&p->linkpath, LIMIT_TAR_PATH, key, value, len, err);
    if (str_eq(key, "uname"))
        return take_string(&p->uname, LIMIT_TAR_PATH, key, value, len, err);
    if (str_eq(key, "gname"))
        return take_string(&p->gname, LIMIT_TAR_PATH, key, value, len, err);
    if (str_eq(key, "uid"))
        return take_number(&p->has_uid, &p->uid, key, value, len, err);
    if (str_eq(key, "gid"))
        return take_number(&p->has_gid, &p->gid, key, value, len, err);
    if (str_eq(key, "size"))
        return take_number(&p->has_size, &p->size, key, value, len, err);
    if (str_eq(key, "mtime"))
        return take_time(&p->has_mtime, &p->mtime, key, value, len, err);
    if (str_eq(key, "atime"))
        return take_time(&p->has_atime, &p->atime, key, value, len, err);
    if (str_starts(key, XATTR_PREFIX))
        return take_xattr(p, key, value, len, err);
    if (str_starts(key, "GNU.sparse."))
        return take_sparse(p, key, value, len, err);
    return 0;
}

int tar_pax_parse(struct tar_pax *p, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        /* LEN counts the whole record, itself and the newline included. */
        size_t n = 0, i = 0;
        while (i < len && i < 8 && data[i] >= '0' && data[i] <= '9')
            n = n * 10 + (size_t)(data[i++] - '0');
        if (i == 0 || i == len || data[i] != ' ' || n > len || n < i + 4 || data[n - 1] != '\n')
            return err_set(err, ERR_INVALID, "malformed pax record");
        const char *key = data + i + 1;
        const char *eq = memchr(key, '=', n - i - 2);
        if (!eq || eq == key || eq - key > 300)
            return err_set(err, ERR_INVALID, "malformed pax record: no usable key");
        _cleanup_free_ char *name = xstrndup(key, (size_t)(eq - key));
        if (strlen(name) != (size_t)(eq - key))
            return err_set(err, ERR_INVALID, "malformed pax record: the key contains a NUL");
        int r = take_record(p, name, eq + 1, (size_t)(data + n - 1 - (eq + 1)), err);
        if (r < 0)
            return r;
        data += n;
        len -= n;
    }
    return p->half_pair ? bad_record(err, "GNU.sparse.offset", "without length") : 0;
}

int tar_pax_add(struct buf *b, const char *key, const void *value, size_t len)
{
    size_t body = 1 + strlen(key) + 1 + len + 1, total = body + 1;

    /* The length counts its own digits. */
    for (;;) {
        char digits[24];
        size_t n = (size_t)snprintf(digits, sizeof(digits), "%zu", total);
        if (n + body == total)
            break;
        total = n + body;
    }
    int r = buf_addf(b, "%zu %s=", total, key);
    if (r == 0)
        r = buf_add(b, value, len);
    return r < 0 ? r : buf_addc(b, '\n');
}
