/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "tar/reader_internal.h"

static bool is_ascii(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return true;
}

static size_t header_prefix(const uint8_t *block, char *out)
{
    int64_t n;

    switch (tar_header_dialect(block)) {
    case TAR_USTAR:
        return tar_field_string(block, F_PREFIX, out);
    case TAR_STAR:
        return tar_field_string(block, F_STAR_PFX, out);
    case TAR_GNU:
        /* Go before 1.9 wrote ustar prefixes into headers with GNU's magic. There is no time at
         * that place then. https://golang.org/issue/12594 */
        if (tar_parse_number(block, F_ATIME, &n) < 0 &&
            tar_field_string(block, F_PREFIX, out) > 0 && is_ascii(out))
            return strlen(out);
        return 0;
    case TAR_V7:
        break;
    }
    return 0;
}

static int decode_names(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    char prefix[256], link[101];
    size_t n = header_prefix(block, prefix);

    if (n > 0)
        prefix[n++] = '/';
    (void)tar_field_string(block, F_NAME, prefix + n);
    (void)tar_field_string(block, F_LINKNAME, link);
    /* GNU long names win over pax, as in Go's archive/tar. */
    const char *name = r->long_name ? r->long_name : r->pax.path ? r->pax.path : prefix;
    const char *target = r->long_link ? r->long_link : r->pax.linkpath ? r->pax.linkpath : link;
    (void)snprintf(r->name, sizeof(r->name), "%s", name);
    (void)snprintf(r->linkname, sizeof(r->linkname), "%s", target);
    if (!*r->name)
        return err_set(err, ERR_INVALID, "tar: an entry without a name at offset %llu",
                       (unsigned long long)r->offset);
    return 0;
}

static int decode_type(struct tar_entry *e)
{
    switch (e->typeflag) {
    case '\0':
        return str_ends(e->name, "/") ? TAR_DIR : TAR_FILE;
    case '0':
    case '7':
    case 'S':
        return TAR_FILE;
    case '1':
        return TAR_HARDLINK;
    case '2':
        return TAR_SYMLINK;
    case '3':
        return TAR_CHAR;
    case '4':
        return TAR_BLOCKDEV;
    case '5':
        return TAR_DIR;
    case '6':
        return TAR_FIFO;
    default:
        return TAR_OTHER;
    }
}

static int number(const struct tar_entry *e, const uint8_t *block, struct tar_field f,
                  const char *what, int64_t min, int64_t max, int64_t *ret, struct err *err)
{
    int64_t x;
    int r = tar_parse_number(block, f, &x);

    if (r == -EINVAL)
        return tar_bad(err, e->name, "malformed %s", what);
    if (r == 0 && x < 0 && min >= 0)
        return tar_bad(err, e->name, "negative %s", what);
    if (r < 0 || x < min || x > max)
        return tar_bad(err, e->name, "%s out of range", what);
    *ret = x;
    return 0;
}

static int decode_owner(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    struct tar_entry *e = &r->entry;
    int64_t uid = 0, gid = 0, mode = 0;
    /* (uid_t)-1 means "leave it" to chown(2). */
    const int64_t max_id = (int64_t)UINT32_MAX - 1;
    int ret = number(e, block, F_MODE, "mode", 0, INT64_MAX, &mode, err);

    if (ret == 0 && !r->pax.has_uid)
        ret = number(e, block, F_UID, "uid", 0, max_id, &uid, err);
    if (ret == 0 && !r->pax.has_gid)
        ret = number(e, block, F_GID, "gid", 0, max_id, &gid, err);
    if (ret < 0)
        return ret;
    if (r->pax.has_uid)
        uid = (int64_t)r->pax.uid;
    if (r->pax.has_gid)
        gid = (int64_t)r->pax.gid;
    if (uid > max_id || gid > max_id)
        return tar_bad(err, e->name, "uid or gid out of range");
    e->mode = (uint32_t)mode & 07777;
    e->uid = (uint32_t)uid;
    e->gid = (uint32_t)gid;
    (void)tar_field_string(block, F_UNAME, r->uname);
    (void)tar_field_string(block, F_GNAME, r->gname);
    e->uname = r->pax.uname ? r->pax.uname : r->uname;
    e->gname = r->pax.gname ? r->pax.gname : r->gname;
    return 0;
}

static int decode_times(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    struct tar_entry *e = &r->entry;
    int64_t t = 0;

    if (r->pax.has_mtime) {
        e->mtime = r->pax.mtime;
    } else {
        int ret = number(e, block, F_MTIME, "mtime", INT64_MIN, INT64_MAX, &t, err);
        if (ret < 0)
            return ret;
        e->mtime = (struct timespec){.tv_sec = t};
    }
    e->has_atime = r->pax.has_atime;
    e->atime = r->pax.atime;
    return 0;
}

static int decode_device(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    struct tar_entry *e = &r->entry;
    int64_t dev_major = 0, dev_minor = 0;

    e->devmajor = e->devminor = 0;
    if ((e->type != TAR_CHAR && e->type != TAR_BLOCKDEV) || tar_header_dialect(block) == TAR_V7)
        return 0;
    /* What Linux has room for: 12 and 20 bits. */
    int ret = number(e, block, F_DEVMAJOR, "device major number", 0, 0xfff, &dev_major, err);
    if (ret == 0)
        ret = number(e, block, F_DEVMINOR, "device minor number", 0, 0xfffff, &dev_minor, err);
    if (ret < 0)
        return ret;
    e->devmajor = (uint32_t)dev_major;
    e->devminor = (uint32_t)dev_minor;
    return 0;
}

static int decode_size(struct tar_reader *r, const uint8_t *block, struct err *err)
{
    struct tar_entry *e = &r->entry;
    int64_t size = 0;

    e->size = e->stored = 0;
    if (e->type != TAR_FILE && e->type != TAR_OTHER)
        return 0;
    if (r->pax.has_size) {
        e->size = r->pax.size;
    } else {
        int ret = number(e, block, F_SIZE, "size", 0, INT64_MAX, &size, err);
        if (ret < 0)
            return ret;
        e->size = (uint64_t)size;
    }
    if (e->size > INT64_MAX - TAR_BLOCK)
        return tar_bad(err, e->name, "size out of range");
    e->stored = e->size;
    return 0;
}

int tar_reader_entry(struct tar_reader *r, struct err *err)
{
    struct tar_entry *e = &r->entry;
    uint8_t block[TAR_BLOCK];

    memcpy(block, r->buf + r->pos, TAR_BLOCK);
    *e = (struct tar_entry){.typeflag = (char)block[OFF_TYPEFLAG]};
    int ret = decode_names(r, block, err);
    if (ret < 0)
        return ret;
    e->name = r->name;
    e->type = (enum tar_type)decode_type(e);
    e->linkname = e->type == TAR_HARDLINK || e->type == TAR_SYMLINK ? r->linkname : "";
    ret = decode_owner(r, block, err);
    if (ret == 0)
        ret = decode_times(r, block, err);
    if (ret == 0)
        ret = decode_device(r, block, err);
    if (ret == 0)
        ret = decode_size(r, block, err);
    if (ret < 0)
        return ret;
    e->xattrs = r->pax.xattrs;
    e->n_xattrs = r->pax.n_xattrs;

    r->left = e->stored;
    r->padding = (uint32_t)(-e->stored % TAR_BLOCK);
    r->n_segments = r->segment = 0;
    r->segment_done = r->read_pos = 0;
    ret = tar_reader_meta(r, TAR_BLOCK, err);
    if (ret == 0 && e->type == TAR_FILE)
        ret = tar_reader_sparse(r, block, err);
    return ret;
}
