/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/writer.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "tar/header.h"
#include "tar/pax.h"

static const uint8_t zeros[2 * TAR_BLOCK];

struct tar_writer {
    struct tar_sink sink;
    uint64_t left; /* content of the current entry still to come */
    uint32_t padding;
    struct buf pax;
};

struct tar_writer *tar_writer_new(struct tar_sink sink)
{
    struct tar_writer *w = XNEW(struct tar_writer);

    w->sink = sink;
    /* Many xattrs of one file may exceed what a reader takes for one header; checked at the end. */
    buf_init(&w->pax, LIMIT_TAR_PAX_BYTES);
    return w;
}

void tar_writer_free(struct tar_writer *w)
{
    if (!w)
        return;
    buf_done(&w->pax);
    free(w);
}

static int emit(struct tar_writer *w, const void *data, size_t len, struct err *err)
{
    return len > 0 ? w->sink.write(w->sink.arg, data, len, err) : 0;
}

static bool fits_ascii(const char *s, size_t max)
{
    size_t i;

    for (i = 0; s[i]; i++)
        if ((unsigned char)s[i] >= 0x80)
            return false;
    return i <= max;
}

static void put_string(uint8_t *block, struct tar_field f, const char *s)
{
    memcpy(block + f.offset, s, strnlen(s, f.len));
}

/* Octal with a NUL at the end; false when it does not fit. */
static bool put_number(uint8_t *block, struct tar_field f, int64_t x)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%0*llo", f.len - 1, (unsigned long long)x);

    if (x < 0 || n != f.len - 1) {
        (void)snprintf(text, sizeof(text), "%0*o", f.len - 1, 0U);
        memcpy(block + f.offset, text, f.len);
        return false;
    }
    memcpy(block + f.offset, text, f.len);
    return true;
}

static void pax_string(struct tar_writer *w, const char *key, const char *value)
{
    (void)tar_pax_add(&w->pax, key, value, strlen(value));
}

static void pax_number(struct tar_writer *w, const char *key, uint64_t x)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)x);
    pax_string(w, key, text);
}

static void pax_time(struct tar_writer *w, const char *key, struct timespec t)
{
    char text[64];
    long long sec = t.tv_sec;
    long nsec = t.tv_nsec;
    bool negative = sec < 0;

    if (negative && nsec > 0) {
        sec++;
        nsec = 1000000000 - nsec;
    }
    unsigned long long magnitude =
        negative ? 0ULL - (unsigned long long)sec : (unsigned long long)sec;
    int n = snprintf(text, sizeof(text), "%s%llu", negative ? "-" : "", magnitude);
    if (nsec > 0) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, ".%09ld", nsec);
        while (text[n - 1] == '0')
            text[--n] = '\0';
    }
    pax_string(w, key, text);
}

/* Puts the name into the header: as it is, or cut at a '/' into prefix and name (ustar), or as far
 * as it goes along with a pax record. */
static void put_name(struct tar_writer *w, uint8_t *block, const char *name)
{
    size_t len = strlen(name);

    if (fits_ascii(name, F_NAME.len)) {
        put_string(block, F_NAME, name);
        return;
    }
    if (fits_ascii(name, F_PREFIX.len + 1 + F_NAME.len)) {
        size_t last = MIN((size_t)F_PREFIX.len, len - 2);
        for (size_t i = last; i > 0; i--) {
            if (name[i] != '/')
                continue;
            if (len - i - 1 > F_NAME.len)
                break;
            memcpy(block + F_PREFIX.offset, name, i);
            put_string(block, F_NAME, name + i + 1);
            return;
        }
    }
    pax_string(w, "path", name);
    put_string(block, F_NAME, name);
    /* Not to end within a character of more bytes. */
    for (size_t i = F_NAME.offset; i < (size_t)F_NAME.offset + F_NAME.len; i++)
        if (block[i] >= 0x80)
            block[i] = '_';
}

static const char type_flags[] = {
    [TAR_FILE] = '0',     [TAR_HARDLINK] = '1', [TAR_SYMLINK] = '2', [TAR_CHAR] = '3',
    [TAR_BLOCKDEV] = '4', [TAR_DIR] = '5',      [TAR_FIFO] = '6',
};

static void put_owner_and_times(struct tar_writer *w, uint8_t *block, const struct tar_entry *e)
{
    (void)put_number(block, F_MODE, e->mode & 07777);
    if (!put_number(block, F_UID, e->uid))
        pax_number(w, "uid", e->uid);
    if (!put_number(block, F_GID, e->gid))
        pax_number(w, "gid", e->gid);
    if (e->uname && fits_ascii(e->uname, F_UNAME.len - 1U))
        put_string(block, F_UNAME, e->uname);
    else if (e->uname)
        pax_string(w, "uname", e->uname);
    if (e->gname && fits_ascii(e->gname, F_GNAME.len - 1U))
        put_string(block, F_GNAME, e->gname);
    else if (e->gname)
        pax_string(w, "gname", e->gname);
    if (!put_number(block, F_MTIME, e->mtime.tv_sec) || e->mtime.tv_nsec)
        pax_time(w, "mtime", e->mtime);
    if (e->has_atime)
        pax_time(w, "atime", e->atime);
}

static void put_xattrs(struct tar_writer *w, const struct tar_entry *e)
{
    for (size_t i = 0; i < e->n_xattrs; i++) {
        char key[320];
        (void)snprintf(key, sizeof(key), "SCHILY.xattr.%s", e->xattrs[i].name);
        (void)tar_pax_add(&w->pax, key, e->xattrs[i].value, e->xattrs[i].len);
    }
}

static void put_magic(uint8_t *block, char typeflag)
{
    block[OFF_TYPEFLAG] = (uint8_t)typeflag;
    memcpy(block + OFF_MAGIC,
           "ustar\0"
           "00",
           8);
}

static int write_pax_header(struct tar_writer *w, const char *name, struct err *err)
{
    uint8_t block[TAR_BLOCK] = {0};
    char own[100];

    if (w->pax.overflow)
        return tar_bad(err, name, "too many or too long extended attributes for a tar header");
    if (w->pax.len == 0)
        return 0;
    (void)snprintf(own, sizeof(own), "PaxHeaders.0/%.80s", name);
    for (char *p = own; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '_';
    put_string(block, F_NAME, own);
    put_magic(block, 'x');
    (void)put_number(block, F_MODE, 0644);
    (void)put_number(block, F_UID, 0);
    (void)put_number(block, F_GID, 0);
    (void)put_number(block, F_SIZE, (int64_t)w->pax.len);
    (void)put_number(block, F_MTIME, 0);
    tar_checksum_set(block);
    int r = emit(w, block, sizeof(block), err);
    if (r == 0)
        r = emit(w, w->pax.data, w->pax.len, err);
    return r < 0 ? r : emit(w, zeros, -w->pax.len % TAR_BLOCK, err);
}

static int finish_entry(struct tar_writer *w, struct err *err)
{
    if (w->left > 0)
        return err_set(err, ERR_INTERNAL, "tar: %llu bytes of content were not written",
                       (unsigned long long)w->left);
    int r = emit(w, zeros, w->padding, err);
    w->padding = 0;
    return r;
}

int tar_writer_entry(struct tar_writer *w, const struct tar_entry *e, struct err *err)
{
    uint8_t block[TAR_BLOCK] = {0};
    char name[LIMIT_TAR_PATH + 1];
    int r = finish_entry(w, err);

    if (r < 0)
        return r;
    if (e->type == TAR_OTHER || str_empty(e->name) || strlen(e->name) >= LIMIT_TAR_PATH - 1)
        return tar_bad(err, e->name ? e->name : "", "cannot be written");
    buf_reset(&w->pax);
    w->pax.overflow = false;
    bool slash = e->type == TAR_DIR && !str_ends(e->name, "/");
    (void)snprintf(name, sizeof(name), "%s%s", e->name, slash ? "/" : "");
    put_name(w, block, name);
    put_magic(block, type_flags[e->type]);
    put_owner_and_times(w, block, e);
    w->left = e->type == TAR_FILE ? e->size : 0;
    w->padding = (uint32_t)(-w->left % TAR_BLOCK);
    if (!put_number(block, F_SIZE, (int64_t)w->left))
        pax_number(w, "size", w->left);
    if (e->type == TAR_HARDLINK || e->type == TAR_SYMLINK) {
        put_string(block, F_LINKNAME, e->linkname);
        if (!fits_ascii(e->linkname, F_LINKNAME.len))
            pax_string(w, "linkpath", e->linkname);
    }
    bool device = e->type == TAR_CHAR || e->type == TAR_BLOCKDEV;
    (void)put_number(block, F_DEVMAJOR, device ? e->devmajor : 0);
    (void)put_number(block, F_DEVMINOR, device ? e->devminor : 0);
    put_xattrs(w, e);
    tar_checksum_set(block);
    r = write_pax_header(w, e->name, err);
    return r < 0 ? r : emit(w, block, sizeof(block), err);
}

int tar_writer_data(struct tar_writer *w, const void *data, size_t len, struct err *err)
{
    if (len > w->left)
        return err_set(err, ERR_INTERNAL, "tar: more content than announced");
    w->left -= len;
    return emit(w, data, len, err);
}

static int writer_sink_write(void *arg, const void *data, size_t len, struct err *err)
{
    return tar_writer_data(arg, data, len, err);
}

struct tar_sink tar_writer_sink(struct tar_writer *w)
{
    return (struct tar_sink){.write = writer_sink_write, .arg = w};
}

int tar_writer_file(struct tar_writer *w, const char *name, mode_t mode, time_t mtime,
                    const void *data, size_t len, struct err *err)
{
    struct tar_entry e = {
        .type = TAR_FILE, .name = name, .mode = mode, .mtime.tv_sec = mtime, .size = len};
    int r = tar_writer_entry(w, &e, err);

    return r < 0 ? r : tar_writer_data(w, data, len, err);
}

int tar_writer_dir(struct tar_writer *w, const char *name, mode_t mode, time_t mtime,
                   struct err *err)
{
    struct tar_entry e = {.type = TAR_DIR, .name = name, .mode = mode, .mtime.tv_sec = mtime};

    return tar_writer_entry(w, &e, err);
}

int tar_writer_symlink(struct tar_writer *w, const char *name, const char *target, time_t mtime,
                       struct err *err)
{
    struct tar_entry e = {
        .type = TAR_SYMLINK, .name = name, .linkname = target, .mode = 0777, .mtime.tv_sec = mtime};

    return tar_writer_entry(w, &e, err);
}

int tar_writer_finish(struct tar_writer *w, struct err *err)
{
    int r = finish_entry(w, err);

    return r < 0 ? r : emit(w, zeros, sizeof(zeros), err);
}
