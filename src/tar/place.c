/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "tar/header.h"

#define DIR_TIMES_MAX 65536 /* directories whose times are put right at the end */

struct dir_time {
    char *path; /* owned; from the root */
    struct timespec atime, mtime;
};

struct place {
    int rootfd;      /* borrowed */
    const char *dir; /* borrowed */
    const struct tar_place_options *options;
    struct tar_reader *reader; /* borrowed */
    struct dir_time *times;    /* owned */
    size_t n_times;
};

/* The cleaned name as it is to be here. */
static int name_here(const struct place *p, const char *name, char out[static LIMIT_TAR_PATH],
                     struct err *err)
{
    const char *from = p->options->from, *rest;
    char clean[LIMIT_TAR_PATH];
    int r = tar_clean_name(name, clean, err), n;

    if (r < 0)
        return r;
    rest = from ? str_after(clean, from) : NULL;
    if (rest && *from && *rest != '\0' && *rest != '/')
        rest = NULL;
    if (rest)
        n = snprintf(out, LIMIT_TAR_PATH, "%s%s%s", p->options->to,
                     *rest && *rest != '/' ? "/" : "", rest);
    else
        n = snprintf(out, LIMIT_TAR_PATH, "%s", clean);
    return n < (int)LIMIT_TAR_PATH ? 0 : tar_bad(err, name, "the name is too long");
}

/* One entry on its way: where it goes. */
struct target {
    const struct tar_entry *e;
    char name[LIMIT_TAR_PATH]; /* cleaned */
    char *path;                /* owned; from the root */
    int parent;                /* owned */
    const char *base;          /* in path */
};

static void place_done(struct place *p)
{
    for (size_t i = 0; i < p->n_times; i++)
        free(p->times[i].path);
    free(p->times);
}

static void target_done(struct target *t)
{
    free(t->path);
    if (t->parent >= 0)
        t->parent = close_fd(t->parent);
}

static int failed(const struct target *t, int r, const char *what, struct err *err)
{
    char text[128], name[256];

    r = r < 0 ? r : -r;
    (void)errno_text_lower(r, text);
    (void)err_set(err, err_kind_of_errno(r), "%s \"%s\": %s", what, tar_printable(t->name, name),
                  errno_text_lower(r, text));
    return r;
}

/* Opens the directory that `name` (cleaned) is in below p->dir, making what is missing. */
static int open_parent(struct place *p, const char *name, bool create, char **ret_path)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", p->dir, name);
    char *slash = strrchr(path, '/');
    int fd;

    *slash = '\0';
    fd = create ? mkdir_p_in_root(p->rootfd, *path ? path : "/", 0755)
                : open_in_root(p->rootfd, *path ? path : "/", O_PATH | O_DIRECTORY, 0);
    *slash = '/';
    if (fd >= 0 && ret_path)
        *ret_path = TAKE_PTR(path);
    return fd;
}

/* Makes room. 1: a directory is there and is to stay. */
static int clear_way(struct place *p, const struct target *t, struct err *err)
{
    struct stat st;
    bool dir = t->e->type == TAR_DIR, there_dir;
    char name[256];
    int r;

    if (fstatat(t->parent, t->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : failed(t, errno, "look at", err);
    there_dir = S_ISDIR(st.st_mode);
    if (p->options->no_overwrite_dir_non_dir && dir != there_dir)
        return err_set(err, ERR_INVALID,
                       dir ? "cannot overwrite non-directory \"%s\" with directory \"%s\""
                           : "cannot overwrite directory \"%s\" with non-directory \"%s\"",
                       t->path, tar_printable(t->name, name));
    if (dir && there_dir)
        return 1;
    r = rm_rf_at(t->parent, t->base);
    return r < 0 ? failed(t, r, "replace", err) : 0;
}

static int write_content(struct place *p, const struct target *t, int fd, struct err *err)
{
    const void *data;
    uint64_t offset;
    ssize_t n;

    while ((n = tar_reader_data(p->reader, 0, &data, &offset, err)) > 0)
        for (ssize_t done = 0; done < n;) {
            ssize_t w =
                pwrite(fd, (const char *)data + done, (size_t)(n - done), (off_t)offset + done);
            if (w < 0 && errno == EINTR)
                continue;
            if (w <= 0)
                return failed(t, w < 0 ? errno : EIO, "write", err);
            done += w;
        }
    if (n == 0 && t->e->sparse && ftruncate(fd, (off_t)t->e->size) < 0)
        return failed(t, errno, "write", err);
    return (int)n;
}

static int make_file(struct place *p, const struct target *t, int *ret, struct err *err)
{
    _cleanup_close_ int fd =
        openat(t->parent, t->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r;

    if (fd < 0)
        return failed(t, errno, "create", err);
    r = write_content(p, t, fd, err);
    if (r == 0)
        *ret = TAKE_FD(fd);
    return r;
}

/* The target is found as a name of its own, and not followed either. */
static int make_link(struct place *p, const struct target *t, struct err *err)
{
    char clean[LIMIT_TAR_PATH];
    _cleanup_close_ int dir = -1;
    const char *base;
    int r = name_here(p, t->e->linkname, clean, err);

    if (r < 0)
        return r;
    dir = open_parent(p, clean, false, NULL);
    base = strrchr(clean, '/');
    base = base ? base + 1 : clean;
    if (dir < 0 || !*base || linkat(dir, base, t->parent, t->base, 0) < 0)
        return failed(t, dir < 0 ? dir : *base ? errno : EINVAL, "link", err);
    return 0;
}

static int make_node(const struct target *t, struct err *err)
{
    static const mode_t types[] = {
        [TAR_CHAR] = S_IFCHR, [TAR_BLOCKDEV] = S_IFBLK, [TAR_FIFO] = S_IFIFO};
    dev_t dev = t->e->type == TAR_FIFO ? 0 : makedev(t->e->devmajor, t->e->devminor);

    if (mknodat(t->parent, t->base, types[t->e->type] | 0600, dev) < 0)
        return failed(t, errno, "create", err);
    return 0;
}

/* A descriptor of what has just been made or kept, which metadata goes to. */
static int reopen(const struct target *t, int *ret, struct err *err)
{
    struct stat st;
    _cleanup_close_ int fd = openat(t->parent, t->base, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        return failed(t, errno, "open", err);
    if ((t->e->type == TAR_DIR) != S_ISDIR(st.st_mode))
        return failed(t, ENOTDIR, "open", err);
    *ret = TAKE_FD(fd);
    return 0;
}

static int set_xattrs(const struct target *t, const char *self, struct err *err)
{
    for (size_t i = 0; i < t->e->n_xattrs; i++) {
        const struct tar_xattr *x = &t->e->xattrs[i];

        if (tar_xattr_allowed(x->name) && setxattr(self, x->name, x->value, x->len, 0) < 0 &&
            errno != EOPNOTSUPP && errno != EPERM)
            return failed(t, errno, "set an attribute of", err);
    }
    return 0;
}

static int set_metadata(const struct place *p, const struct target *t, int fd, struct err *err)
{
    const struct tar_entry *e = t->e;
    const struct timespec times[2] = {e->has_atime ? e->atime : e->mtime, e->mtime};
    uid_t uid = p->options->chown ? p->options->uid : e->uid;
    gid_t gid = p->options->chown ? p->options->gid : e->gid;
    char self[48];
    int r;

    if (!p->options->keep_owner && fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        return failed(t, errno, "chown", err);
    if (e->type == TAR_SYMLINK) {
        (void)utimensat(t->parent, t->base, times, AT_SYMLINK_NOFOLLOW);
        return 0;
    }
    /* by way of the descriptor: the name may be something else's by now */
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (chmod(self, e->mode & 07777) < 0)
        return failed(t, errno, "chmod", err);
    r = set_xattrs(t, self, err);
    if (r == 0)
        (void)utimensat(AT_FDCWD, self, times, 0);
    return r;
}

static void note_times(struct place *p, const struct target *t)
{
    if (p->n_times == DIR_TIMES_MAX)
        return;
    if ((p->n_times & (p->n_times - 1)) == 0)
        p->times = xrealloc_array(p->times, p->n_times ? p->n_times * 2 : 1, sizeof(*p->times));
    p->times[p->n_times++] = (struct dir_time){
        xstrdup(t->path), t->e->has_atime ? t->e->atime : t->e->mtime, t->e->mtime};
}

static void apply_times(struct place *p)
{
    while (p->n_times > 0) {
        struct dir_time *d = &p->times[--p->n_times];
        const struct timespec times[2] = {d->atime, d->mtime};
        _cleanup_close_ int fd =
            open_in_root(p->rootfd, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

        if (fd >= 0)
            (void)futimens(fd, times);
        free(d->path);
    }
}

static int make(struct place *p, const struct target *t, bool there, int *fd, struct err *err)
{
    switch (t->e->type) {
    case TAR_DIR:
        if (!there && mkdirat(t->parent, t->base, 0700) < 0)
            return failed(t, errno, "create", err);
        return 0;
    case TAR_FILE:
        return make_file(p, t, fd, err);
    case TAR_SYMLINK:
        if (symlinkat(t->e->linkname, t->parent, t->base) < 0)
            return failed(t, errno, "create", err);
        return 0;
    case TAR_HARDLINK:
        return make_link(p, t, err);
    default:
        return make_node(t, err);
    }
}

static int place_entry(struct place *p, const struct tar_entry *e, struct err *err)
{
    _cleanup_(target_done)
    struct target t = {.e = e, .parent = -1};
    _cleanup_close_ int fd = -1;
    int r = name_here(p, e->name, t.name, err), there;

    if (r < 0)
        return r;
    /* the extraction point itself is nobody's to change */
    if (!*t.name || e->type == TAR_OTHER)
        return 0;
    t.parent = open_parent(p, t.name, true, &t.path);
    if (t.parent < 0)
        return failed(&t, t.parent, "open the directory of", err);
    t.base = strrchr(t.path, '/') + 1;
    there = clear_way(p, &t, err);
    if (there < 0)
        return there;
    r = make(p, &t, there > 0, &fd, err);
    if (r < 0 || e->type == TAR_HARDLINK)
        return r;
    if (fd < 0 && (r = reopen(&t, &fd, err)) < 0)
        return r;
    r = set_metadata(p, &t, fd, err);
    if (r == 0 && e->type == TAR_DIR)
        note_times(p, &t);
    return r;
}

int tar_place(struct tar_reader *reader, int rootfd, const char *dir,
              const struct tar_place_options *options, struct err *err)
{
    static const struct tar_place_options none;
    _cleanup_(place_done)
    struct place p = {
        .rootfd = rootfd, .dir = dir, .options = options ? options : &none, .reader = reader};
    const struct tar_entry *e;
    uint64_t entries = 0;
    int r;

    if (str_eq(dir, "/"))
        p.dir = "";
    while ((r = tar_reader_next(p.reader, &e, err)) > 0) {
        if (++entries > LIMIT_TAR_ENTRIES)
            r = err_set(err, ERR_INVALID, "the archive has too many entries");
        else
            r = place_entry(&p, e, err);
        if (r < 0)
            break;
    }
    apply_times(&p);
    return r;
}
