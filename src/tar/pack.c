/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/pack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "tar/header.h"
#include "tar/writer.h"

#define COPY_BYTES (256 * KIB)

struct pack {
    int rootfd; /* borrowed */
    dev_t root_dev;
    const struct tar_pack_options *options; /* borrowed */
    struct tar_sink sink;
    struct tar_writer *writer; /* owned */
    struct hashmap *inodes;    /* owned; "dev:ino" -> first path */
    struct tar_pack_result result;
    char **stack; /* owned; paths to come, the next one last */
    size_t n_stack;
    uint8_t *copy; /* owned; COPY_BYTES */
};

struct xattrs {
    struct tar_xattr *v; /* owned with names and values */
    size_t n;
};

static void xattrs_done(struct xattrs *x)
{
    for (size_t i = 0; i < x->n; i++) {
        free((char *)(uintptr_t)x->v[i].name);
        free((uint8_t *)(uintptr_t)x->v[i].value);
    }
    free(x->v);
}

static void pack_done(struct pack *p)
{
    tar_writer_free(p->writer);
    hashmap_free(p->inodes);
    for (size_t i = 0; i < p->n_stack; i++)
        free(p->stack[i]);
    free(p->stack);
    free(p->copy);
}

/* The name in the tar of the tree's path. Caller frees. */
static char *name_of(const struct pack *p, const char *path)
{
    const char *root = p->options->root_name;

    if (!root)
        return xstrdup(path);
    if (p->options->only)
        return xstrdup(root);
    return xasprintf("%s%s%s", root, *path && !str_eq(root, "/") ? "/" : "", path);
}

/* Does the error say no more than that a living tree has changed? */
static bool vanished(const struct pack *p, int r)
{
    return p->options->live && (r == -ENOENT || r == -ELOOP || r == -ENOTDIR || r == -EXDEV);
}

static void push(struct pack *p, char *path)
{
    if ((p->n_stack & (p->n_stack - 1)) == 0)
        p->stack = xrealloc_array(p->stack, p->n_stack ? p->n_stack * 2 : 1, sizeof(*p->stack));
    p->stack[p->n_stack++] = path;
}

static int pack_write(void *arg, const void *data, size_t len, struct err *err)
{
    struct pack *p = arg;

    p->result.tar_bytes += len;
    return p->sink.write(p->sink.arg, data, len, err);
}

static int by_name_reversed(const void *a, const void *b)
{
    return -strcmp(*(char *const *)a, *(char *const *)b);
}

/* Pushes the entries of a directory, so that they come out sorted. */
static int push_entries(struct pack *p, const char *path, struct err *err)
{
    int fd = open_beneath(p->rootfd, path, O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t first = p->n_stack;
    const struct dirent *e;

    if (!dir) {
        int r = fd < 0 ? fd : -errno;
        if (fd >= 0)
            close_fd(fd);
        if (vanished(p, r))
            return 0;
        return err_errno(err, r, "open directory \"%.200s\"", path);
    }
    while ((errno = 0, e = readdir(dir)))
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            push(p, xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name));
    int r = -errno;
    (void)closedir(dir);
    if (r < 0)
        return err_errno(err, r, "read directory \"%.200s\"", path);
    if (p->n_stack > first)
        qsort(p->stack + first, p->n_stack - first, sizeof(char *), by_name_reversed);
    return 0;
}

static int xattr_by_name(const void *a, const void *b)
{
    return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

/* self: /proc/self/fd/N of the file, which for an O_PATH descriptor is the file itself, even a
 * symlink. */
static int read_xattrs(const char *self, const char *path, struct xattrs *x, bool *ret_opaque,
                       struct err *err)
{
    _cleanup_free_ char *list = xmalloc(LIMIT_TAR_XATTR_VALUE);
    _cleanup_free_ uint8_t *value = xmalloc(LIMIT_TAR_XATTR_VALUE);
    ssize_t n = listxattr(self, list, LIMIT_TAR_XATTR_VALUE);

    if (n < 0)
        return errno == EOPNOTSUPP ? 0 : err_errno(err, errno, "list xattrs of \"%.200s\"", path);
    for (const char *name = list; name < list + n; name += strlen(name) + 1) {
        bool overlay = str_eq(name, "trusted.overlay.opaque");
        if (!overlay && !tar_xattr_allowed(name))
            continue;
        ssize_t len = getxattr(self, name, value, LIMIT_TAR_XATTR_VALUE);
        if (len < 0 && errno == ENODATA)
            continue;
        if (len < 0)
            return err_errno(err, errno, "read xattr %.100s of \"%.200s\"", name, path);
        if (overlay) {
            *ret_opaque = len == 1 && value[0] == 'y';
            continue;
        }
        x->v = xrealloc_array(x->v, x->n + 1, sizeof(*x->v));
        x->v[x->n++] = (struct tar_xattr){xstrdup(name), xmemdup(value, (size_t)len), (size_t)len};
    }
    if (x->n > 1)
        qsort(x->v, x->n, sizeof(*x->v), xattr_by_name);
    return 0;
}

/* self: the file that has been looked at, whatever its name leads to by now. */
static int copy_content(struct pack *p, const char *self, const char *path, uint64_t size,
                        struct err *err)
{
    _cleanup_close_ int fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, errno, "open \"%.200s\"", path);
    while (size > 0) {
        size_t want = (size_t)MIN((uint64_t)COPY_BYTES, size);
        ssize_t n = read(fd, p->copy, want);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "read \"%.200s\"", path);
        if (n == 0) {
            memset(p->copy, 0, want);
            n = (ssize_t)want;
        }
        int r = tar_writer_data(p->writer, p->copy, (size_t)n, err);
        if (r < 0)
            return r;
        size -= (uint64_t)n;
    }
    return 0;
}

static void fill_entry(const struct pack *p, const char *path, const struct stat *st,
                       struct tar_entry *e)
{
    *e = (struct tar_entry){.name = path,
                            .linkname = "",
                            .mode = st->st_mode & 07777,
                            .uid = st->st_uid,
                            .gid = st->st_gid,
                            .mtime = st->st_mtim};
    if (!p->options->nsec_times)
        e->mtime.tv_nsec = 0;
    switch (st->st_mode & S_IFMT) {
    case S_IFDIR:
        e->type = TAR_DIR;
        break;
    case S_IFLNK:
        e->type = TAR_SYMLINK;
        e->mode = 0777;
        break;
    case S_IFIFO:
        e->type = TAR_FIFO;
        break;
    case S_IFCHR:
    case S_IFBLK:
        e->type = S_ISCHR(st->st_mode) ? TAR_CHAR : TAR_BLOCKDEV;
        e->devmajor = major(st->st_rdev);
        e->devminor = minor(st->st_rdev);
        break;
    default:
        e->type = TAR_FILE;
        e->size = (uint64_t)st->st_size;
        break;
    }
}

static int write_marker(struct pack *p, const char *path, const struct stat *st, struct err *err)
{
    struct tar_entry e = {.type = TAR_FILE,
                          .name = path,
                          .mode = 0600,
                          .uid = st->st_uid,
                          .gid = st->st_gid,
                          .mtime.tv_sec = st->st_mtim.tv_sec};

    p->result.entries++;
    return tar_writer_entry(p->writer, &e, err);
}

static int write_whiteout(struct pack *p, const char *path, const struct stat *st, struct err *err)
{
    const char *slash = strrchr(path, '/');
    int dir_len = slash ? (int)(slash - path) + 1 : 0;
    _cleanup_free_ char *name = xasprintf("%.*s.wh.%s", dir_len, path, path + dir_len);

    return write_marker(p, name, st, err);
}

static int write_opaque(struct pack *p, const char *path, const struct stat *st, struct err *err)
{
    _cleanup_free_ char *name = xasprintf("%s%s.wh..wh..opq", path, *path ? "/" : "");

    return write_marker(p, name, st, err);
}

/* Files with several names: the first is the file, the others are links to it. */
static const char *first_name(struct pack *p, const char *path, const struct stat *st)
{
    char key[64];

    if (S_ISDIR(st->st_mode) || st->st_nlink < 2)
        return NULL;
    (void)snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev,
                   (unsigned long long)st->st_ino);
    const char *first = hashmap_get(p->inodes, key);
    if (!first)
        hashmap_put(p->inodes, key, xstrdup(path));
    return first;
}

static int read_target(int fd, const char *path, char target[static LIMIT_TAR_PATH],
                       struct err *err)
{
    ssize_t n = readlinkat(fd, "", target, LIMIT_TAR_PATH - 1);

    if (n < 0)
        return err_errno(err, errno, "read link \"%.200s\"", path);
    target[n] = '\0';
    return 0;
}

static int write_entry(struct pack *p, const char *path, int fd, const struct stat *st,
                       bool *ret_opaque, struct err *err)
{
    _cleanup_(xattrs_done)
    struct xattrs x = {0};
    _cleanup_free_ char *name = name_of(p, path), *link = NULL;
    char self[64], target[LIMIT_TAR_PATH];
    struct tar_entry e;
    int r = 0;

    fill_entry(p, name, st, &e);
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    const char *first = first_name(p, path, st);
    if (first) {
        e.type = TAR_HARDLINK;
        e.linkname = link = name_of(p, first);
        e.size = 0;
    } else {
        r = read_xattrs(self, path, &x, ret_opaque, err);
        e.xattrs = x.v;
        e.n_xattrs = x.n;
        if (r == 0 && e.type == TAR_SYMLINK) {
            r = read_target(fd, path, target, err);
            e.linkname = target;
        }
    }
    if (r == 0)
        r = tar_writer_entry(p->writer, &e, err);
    if (r == 0 && e.type == TAR_FILE) {
        p->result.size_bytes += e.size;
        r = copy_content(p, self, path, e.size, err);
    }
    p->result.entries++;
    return r;
}

static int pack_path(struct pack *p, const char *path, struct err *err)
{
    struct stat st;
    bool opaque = false;

    if (p->options->filter && !p->options->filter(p->options->arg, path))
        return 0;
    if (strlen(path) >= LIMIT_TAR_PATH - 1)
        return tar_bad(err, path, "the name is too long");
    _cleanup_close_ int fd = open_beneath(p->rootfd, path, O_PATH | O_NOFOLLOW, 0);
    if (vanished(p, fd))
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(err, fd < 0 ? fd : errno, "open \"%.200s\"", path);
    if (S_ISSOCK(st.st_mode))
        return 0;
    if (p->options->overlay && S_ISCHR(st.st_mode) && st.st_rdev == 0)
        return write_whiteout(p, path, &st, err);
    int r = write_entry(p, path, fd, &st, &opaque, err);
    if (r < 0 || !S_ISDIR(st.st_mode) || (st.st_dev != p->root_dev && !p->options->cross_mounts))
        return r;
    if (p->options->overlay && opaque)
        r = write_opaque(p, path, &st, err);
    return r < 0 ? r : push_entries(p, path, err);
}

/* The tree, or the one file, under a name of its own. */
static int pack_root_entry(struct pack *p, const struct stat *st, struct err *err)
{
    const char *only = p->options->only;
    bool opaque = false;

    if (only) {
        push(p, xstrdup(only));
        return 0;
    }
    int r = write_entry(p, "", p->rootfd, st, &opaque, err);
    return r < 0 ? r : push_entries(p, "", err);
}

static int pack_root(struct pack *p, struct err *err)
{
    _cleanup_(xattrs_done)
    struct xattrs x = {0};
    char self[64];
    struct stat st;
    bool opaque = false;

    if (fstat(p->rootfd, &st) < 0)
        return err_errno(err, errno, "stat the tree");
    p->root_dev = st.st_dev;
    if (p->options->root_name)
        return pack_root_entry(p, &st, err);
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d/.", p->rootfd);
    int r = read_xattrs(self, "/", &x, &opaque, err);
    if (r == 0 && p->options->overlay && opaque)
        r = write_opaque(p, "", &st, err);
    return r < 0 ? r : push_entries(p, "", err);
}

int tar_pack_tree(int rootfd, struct tar_sink sink, const struct tar_pack_options *options,
                  struct tar_pack_result *ret, struct err *err)
{
    static const struct tar_pack_options none;
    _cleanup_(pack_done)
    struct pack p = {.rootfd = rootfd, .options = options ? options : &none, .sink = sink};

    p.writer = tar_writer_new((struct tar_sink){pack_write, &p});
    p.inodes = hashmap_new(free);
    p.copy = xmalloc(COPY_BYTES);
    int r = pack_root(&p, err);
    while (r == 0 && p.n_stack > 0) {
        _cleanup_free_ char *path = p.stack[--p.n_stack];
        r = pack_path(&p, path, err);
    }
    if (r == 0)
        r = tar_writer_finish(p.writer, err);
    if (r < 0)
        return r;
    if (ret)
        *ret = p.result;
    return 0;
}
