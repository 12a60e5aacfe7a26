/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/hashmap.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "image/internal.h"
#include "tar/compress.h"
#include "tar/reader.h"

#define MEMBERS_MAX    20000
#define NAMES_MAX      (16 * MIB) /* of all members together */
#define LINK_DEPTH_MAX 8

struct archive {
    int fd;                /* owned; all contents */
    struct hashmap *names; /* clean name -> struct entry, owned */
    size_t n, names_bytes;
    uint64_t end; /* of what fd holds */
};

struct entry {
    uint64_t offset, size;
    char *link; /* owned; clean name of what a link leads to; NULL: a file */
};

static void entry_free(void *p)
{
    struct entry *e = p;

    free(e->link);
    free(e);
}

void archive_free(struct archive *a)
{
    if (!a)
        return;
    close_fd(a->fd);
    hashmap_free(a->names);
    free(a);
}

/* A file without a name in `dir`: nothing is left of it, however this process ends. */
static int open_unnamed(const char *dir, struct err *err)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        _cleanup_free_ char *path = xasprintf("%s/image-XXXXXX", dir);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            (void)unlink(path);
    }
    return fd < 0 ? err_errno(err, errno, "create a temporary file in %s", dir) : fd;
}

/* `name` seen from the directory of `from` (NULL: from the top), clean and without leading slash;
 * NULL when it leads out of the archive. */
static char *clean_name(const char *from, const char *name)
{
    const char *slash = from && *name != '/' ? strrchr(from, '/') : NULL;
    _cleanup_free_ char *joined =
        slash ? xasprintf("%.*s/%s", (int)(slash - from), from, name) : xstrdup(name);
    const char *relative = joined + strspn(joined, "/");
    char *clean = path_clean(*relative ? relative : ".");

    if (str_eq(clean, "..") || str_starts(clean, "../")) {
        free(clean);
        return NULL;
    }
    return clean;
}

static int add_entry(struct archive *a, const char *name, struct entry *e, struct err *err)
{
    a->names_bytes += strlen(name) + (e->link ? strlen(e->link) : 0);
    if (++a->n > MEMBERS_MAX || a->names_bytes > NAMES_MAX) {
        entry_free(e);
        return err_set(err, ERR_INVALID,
                       "the archive has more than %d members: not an archive of images",
                       MEMBERS_MAX);
    }
    hashmap_put(a->names, name, e);
    return 0;
}

static int spool_file(struct archive *a, struct tar_reader *reader, const struct tar_entry *t,
                      const char *name, struct err *err)
{
    struct entry *e = XNEW(struct entry);
    const void *data;
    uint64_t offset = 0;
    ssize_t n;

    e->offset = a->end;
    e->size = t->size;
    int r = add_entry(a, name, e, err);
    if (r < 0)
        return r;
    while ((n = tar_reader_data(reader, 0, &data, &offset, err)) > 0) {
        for (ssize_t done = 0; done < n;) {
            ssize_t w = pwrite(a->fd, (const char *)data + done, (size_t)(n - done),
                               (off_t)(a->end + offset + (uint64_t)done));
            if (w < 0 && errno != EINTR)
                return err_errno(err, errno, "write %s", name);
            done += w > 0 ? w : 0;
        }
    }
    if (n < 0)
        return (int)n;
    a->end += t->size;
    if (ftruncate(a->fd, (off_t)a->end) < 0) /* a sparse member may end in a hole */
        return err_errno(err, errno, "write %s", name);
    return 0;
}

static int spool_entry(struct archive *a, struct tar_reader *reader, const struct tar_entry *t,
                       struct err *err)
{
    if (t->type != TAR_FILE && t->type != TAR_SYMLINK && t->type != TAR_HARDLINK)
        return 0;
    _cleanup_free_ char *name = clean_name(NULL, t->name);
    if (!name)
        return err_set(err, ERR_INVALID, "%.200s: the name leads out of the archive", t->name);
    if (t->type == TAR_FILE)
        return spool_file(a, reader, t, name, err);
    char *target = clean_name(t->type == TAR_SYMLINK ? name : NULL, t->linkname);
    if (!target)
        return err_set(err, ERR_INVALID, "%.200s: the link leads out of the archive", t->name);
    struct entry *e = XNEW(struct entry);
    e->link = target;
    return add_entry(a, name, e, err);
}

int archive_spool(const char *tmp_dir, int fd, struct archive **ret, struct err *err)
{
    _cleanup_(archive_freep)
    struct archive *a = XNEW(struct archive);
    _cleanup_(tar_source_freep)
    struct tar_source *source = NULL;
    _cleanup_(tar_reader_freep)
    struct tar_reader *reader = NULL;
    const struct tar_entry *t;

    a->names = hashmap_new(entry_free);
    a->fd = open_unnamed(tmp_dir, err);
    if (a->fd < 0)
        return a->fd;
    int r = tar_source_open_fd(fd, &source, err);
    if (r < 0)
        return r;
    reader = tar_reader_new_source(source);
    while ((r = tar_reader_next(reader, &t, err)) > 0) {
        r = spool_entry(a, reader, t, err);
        if (r < 0)
            break;
    }
    if (r < 0)
        return r;
    *ret = TAKE_PTR(a);
    return 0;
}

int archive_find(const struct archive *a, const char *name, struct archive_member *ret,
                 struct err *err)
{
    _cleanup_free_ char *at = clean_name(NULL, name);
    const struct entry *e = NULL;

    for (int depth = 0; at && depth < LINK_DEPTH_MAX; depth++) {
        e = hashmap_get(a->names, at);
        if (!e || !e->link)
            break;
        free(at);
        at = xstrdup(e->link);
        e = NULL;
    }
    if (!e)
        return err_set(err, ERR_NOT_FOUND, "open %.300s: no such file or directory", name);
    *ret = (struct archive_member){.archive = a, .offset = e->offset, .size = e->size};
    return 0;
}

int archive_find_blob(const struct archive *a, const struct digest *digest,
                      struct archive_member *ret, struct err *err)
{
    _cleanup_free_ char *name = xasprintf("blobs/sha256/%s", digest_hex(digest));

    return archive_find(a, name, ret, err);
}

ssize_t archive_pread(const struct archive_member *m, uint64_t at, void *buf, size_t len,
                      struct err *err)
{
    ssize_t n;

    if (at >= m->size)
        return 0;
    do
        n = pread(m->archive->fd, buf, MIN((uint64_t)len, m->size - at), (off_t)(m->offset + at));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_errno(err, errno, "read the archive");
    return n > 0 ? n : err_set(err, ERR_INTERNAL, "read the archive: it has shrunk");
}

int archive_read(const struct archive_member *m, size_t max, const char *what,
                 const struct digest *digest, char **ret, size_t *ret_len, struct err *err)
{
    struct digest got;

    if (m->size > max)
        return err_set(err, ERR_INVALID, "%s: larger than %zu bytes", what, max);
    _cleanup_free_ char *data = xmalloc((size_t)m->size + 1);
    for (uint64_t at = 0; at < m->size;) {
        ssize_t n = archive_pread(m, at, data + at, (size_t)(m->size - at), err);
        if (n < 0)
            return (int)n;
        at += (uint64_t)n;
    }
    data[m->size] = '\0';
    if (digest) {
        digest_of(data, (size_t)m->size, &got);
        if (!digest_eq(digest, &got))
            return err_set(err, ERR_INVALID, "%s: unexpected digest %s, expected %s", what, got.str,
                           digest->str);
    }
    *ret = TAKE_PTR(data);
    *ret_len = (size_t)m->size;
    return 0;
}
