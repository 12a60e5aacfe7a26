/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "tar/header.h"

#define SYMLINKS_MAX 40 /* as the kernel */

static void forget_dirs(struct tar_tree *t)
{
    for (size_t i = 0; i < TREE_CACHE; i++) {
        struct tree_dir *d = &t->cache[i];
        if (!d->name)
            continue;
        close_fd(d->fd);
        free(d->name);
        free(d->canonical);
        d->name = NULL;
    }
}

void tar_tree_done(struct tar_tree *t)
{
    forget_dirs(t);
    for (size_t i = 0; i < t->n_times; i++)
        free(t->times[i].canonical);
    free(t->times);
}

void tar_tree_note_times(struct tar_tree *t, const char *canonical, struct timespec atime,
                         struct timespec mtime)
{
    if ((t->n_times & (t->n_times - 1)) == 0)
        t->times = xrealloc_array(t->times, t->n_times ? t->n_times * 2 : 1, sizeof(*t->times));
    t->times[t->n_times++] = (struct tree_times){xstrdup(canonical), atime, mtime};
}

int tar_tree_apply_times(struct tar_tree *t, struct err *err)
{
    for (size_t i = 0; i < t->n_times; i++) {
        const struct tree_times *e = &t->times[i];
        struct timespec ts[2] = {e->atime, e->mtime};
        _cleanup_close_ int fd = open_beneath(t->rootfd, e->canonical, O_PATH | O_DIRECTORY, 0);
        /* It may have been replaced since. */
        if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
            continue;
        if (fd < 0 || utimensat(fd, ".", ts, 0) < 0)
            return err_errno(err, fd < 0 ? fd : errno, "set times of \"%.200s\"", e->canonical);
    }
    return 0;
}

int tar_tree_setxattr(int dirfd, const char *base, const char *name, const void *value, size_t len)
{
    char path[320];

    /* There is no *at() form before Linux 6.13. */
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dirfd, base);
    return lsetxattr(path, name, value, len, 0) < 0 ? -errno : 0;
}

int tar_tree_set_opaque(const struct tree_place *p, struct err *err)
{
    int r = tar_tree_setxattr(p->dirfd, p->base, "trusted.overlay.opaque", "y", 1);

    return r < 0 ? err_errno(err, r, "mark \"%.200s\" opaque", p->path) : 0;
}

/* Gives a directory that the tar does not bring itself owner, mode and times. */
static int adopt_implied(struct tar_tree *t, int parent, const char *base, const char *canonical,
                         struct err *err)
{
    struct stat st = {.st_mode = S_IFDIR | 0755};
    struct timespec mtime = t->implied_mtime;

    if (t->options->stat_lower && t->options->stat_lower(t->options->arg, canonical, &st) == 0 &&
        S_ISDIR(st.st_mode))
        mtime = st.st_mtim;
    else
        st = (struct stat){.st_mode = S_IFDIR | 0755};
    if (fchownat(parent, base, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(parent, base, st.st_mode & 07777, 0) < 0)
        return err_errno(err, errno, "set up \"%.200s\"", canonical);
    tar_tree_note_times(t, canonical, mtime, mtime);
    return 0;
}

/* The walk of a name with symlinks in it, or whose parents are missing. */
struct walk {
    struct tar_tree *t;
    const char *entry;         /* for messages */
    char path[LIMIT_TAR_PATH]; /* canonical, so far */
    char rest[2 * LIMIT_TAR_PATH];
    int fd; /* of path */
    int links;
    bool create;
};

static int walk_reset(struct walk *w)
{
    close_fd(w->fd);
    w->fd = open_beneath(w->t->rootfd, w->path, O_PATH | O_DIRECTORY, 0);
    return MIN(w->fd, 0);
}

static int walk_up(struct walk *w)
{
    char *slash = strrchr(w->path, '/');

    *(slash ? slash : w->path) = '\0';
    return walk_reset(w);
}

/* Puts a link's target before the rest. */
static int walk_link(struct walk *w, const char *name, const char *tail, struct err *err)
{
    char target[LIMIT_TAR_PATH], joined[sizeof(w->rest)];
    ssize_t n = readlinkat(w->fd, name, target, sizeof(target) - 1);

    if (n < 0)
        return err_errno(err, errno, "read link");
    target[n] = '\0';
    if (++w->links > SYMLINKS_MAX)
        return tar_bad(err, w->entry, "too many symlinks in the parents of its name");
    if ((size_t)snprintf(joined, sizeof(joined), "%s/%s", target, tail) >= sizeof(joined))
        return tar_bad(err, w->entry, "symlinks make the name too long");
    memcpy(w->rest, joined, strlen(joined) + 1);
    if (target[0] != '/')
        return 0;
    w->path[0] = '\0';
    int r = walk_reset(w);
    return r < 0 ? err_errno(err, r, "open the layer's root") : 0;
}

static int walk_make(struct walk *w, const char *name, bool opaque, struct err *err)
{
    char path[LIMIT_TAR_PATH];
    int n = snprintf(path, sizeof(path), "%s%s%s", w->path, *w->path ? "/" : "", name);

    if (n >= (int)sizeof(path))
        return tar_bad(err, w->entry, "the name is too long");
    if (mkdirat(w->fd, name, 0755) < 0)
        return err_errno(err, errno, "make directory \"%.200s\"", path);
    int r = adopt_implied(w->t, w->fd, name, path, err);
    if (r == 0 && opaque) {
        r = tar_tree_setxattr(w->fd, name, "trusted.overlay.opaque", "y", 1);
        if (r < 0)
            r = err_errno(err, r, "mark \"%.200s\" opaque", path);
    }
    return r;
}

/* One component. */
static int walk_step(struct walk *w, const char *name, const char *tail, struct err *err)
{
    size_t len = strlen(w->path);
    struct stat st;
    int r = 0;

    if (strlen(name) > 255 || len + strlen(name) + 2 > sizeof(w->path))
        return tar_bad(err, w->entry, "the name is too long");
    if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return err_errno(err, errno, "look up \"%.200s\"", w->path);
        if (!w->create)
            return -ENOENT;
        r = walk_make(w, name, false, err);
    } else if (S_ISLNK(st.st_mode)) {
        return walk_link(w, name, tail, err);
    } else if (tar_is_whiteout(&st)) {
        /* The layer removes the lower one and brings its own. */
        if (!w->create)
            return -ENOENT;
        if (unlinkat(w->fd, name, 0) < 0)
            return err_errno(err, errno, "replace a whiteout");
        r = walk_make(w, name, true, err);
    } else if (!S_ISDIR(st.st_mode)) {
        return w->create ? tar_bad(err, w->entry, "a parent of its name is not a directory")
                         : -ENOTDIR;
    }
    if (r < 0)
        return r;
    int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open \"%.200s\"", w->path);
    close_fd(w->fd);
    w->fd = fd;
    (void)snprintf(w->path + len, sizeof(w->path) - len, "%s%s", len ? "/" : "", name);
    return 0;
}

static int walk_all(struct walk *w, struct err *err)
{
    int r = 0;

    while (r == 0 && w->rest[0]) {
        char name[2 * LIMIT_TAR_PATH];
        size_t n = strcspn(w->rest, "/");
        memcpy(name, w->rest, n);
        name[n] = '\0';
        size_t skip = n + strspn(w->rest + n, "/");
        memmove(w->rest, w->rest + skip, strlen(w->rest + skip) + 1);
        if (n == 0 || str_eq(name, "."))
            continue;
        if (str_eq(name, ".."))
            r = walk_up(w);
        else
            r = walk_step(w, name, w->rest, err);
    }
    return r;
}

static struct tree_dir *remember(struct tar_tree *t, const char *name, const char *canonical,
                                 int fd)
{
    struct tree_dir *d = &t->cache[t->next_slot];

    t->next_slot = (t->next_slot + 1) % TREE_CACHE;
    if (d->name) {
        close_fd(d->fd);
        free(d->name);
        free(d->canonical);
    }
    *d = (struct tree_dir){xstrdup(name), xstrdup(canonical), fd};
    return d;
}

static int find_dir(struct tar_tree *t, const char *name, bool create, struct tree_dir **ret,
                    struct err *err)
{
    for (size_t i = 0; i < TREE_CACHE; i++) {
        struct tree_dir *d = &t->cache[(t->next_slot + TREE_CACHE - 1 - i) % TREE_CACHE];
        if (d->name && str_eq(d->name, name)) {
            *ret = d;
            return 0;
        }
    }
    int fd = open_beneath(t->rootfd, name, O_PATH | O_DIRECTORY, 0);
    if (fd >= 0) {
        *ret = remember(t, name, name, fd);
        return 0;
    }
    if (fd != -ENOENT && fd != -ELOOP && fd != -ENOTDIR)
        return err_errno(err, fd, "open \"%.200s\"", name);

    struct walk w = {.t = t, .entry = name, .create = create, .fd = -1};
    (void)snprintf(w.rest, sizeof(w.rest), "%s", name);
    int r = walk_reset(&w);
    if (r < 0)
        return err_errno(err, r, "open the layer's root");
    r = walk_all(&w, err);
    if (r < 0) {
        if (w.fd >= 0)
            close_fd(w.fd);
        return r;
    }
    *ret = remember(t, name, w.path, w.fd);
    return 0;
}

int tar_tree_find(struct tar_tree *t, const char *clean, bool create, struct tree_place *ret,
                  struct err *err)
{
    char parent[LIMIT_TAR_PATH];
    const char *slash = strrchr(clean, '/');
    const char *base = slash ? slash + 1 : clean;
    struct tree_dir *d = NULL;
    size_t n = slash ? (size_t)(slash - clean) : 0;

    if (!*clean) {
        ret->dirfd = t->rootfd;
        ret->path[0] = '\0';
        ret->base = ".";
        return 0;
    }
    memcpy(parent, clean, n);
    parent[n] = '\0';
    int r = find_dir(t, parent, create, &d, err);
    if (r < 0)
        return r;
    n = strlen(d->canonical);
    if (n + strlen(base) + 2 > sizeof(ret->path))
        return tar_bad(err, clean, "symlinks make the name too long");
    (void)snprintf(ret->path, sizeof(ret->path), "%s%s%s", d->canonical, n ? "/" : "", base);
    ret->base = ret->path + n + (n > 0);
    ret->dirfd = d->fd;
    return 0;
}

/* Removes something other than a directory; its content is kept if the journal may refer to it. */
static int remove_one(struct tar_tree *t, int dirfd, const char *base, const char *canonical,
                      const struct stat *st, struct err *err)
{
    if (t->journal && S_ISREG(st->st_mode) && st->st_size > 0) {
        _cleanup_close_ int fd = openat(dirfd, base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return err_errno(err, errno, "open replaced file \"%.200s\"", canonical);
        int r = tar_journal_keep(t->journal, canonical, fd, err);
        if (r < 0)
            return r;
    }
    if (unlinkat(dirfd, base, 0) < 0)
        return err_errno(err, errno, "remove replaced file \"%.200s\"", canonical);
    return 0;
}

struct dir_list {
    char **paths; /* owned */
    size_t n;
};

static void dir_list_done(struct dir_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->paths[i]);
    free(l->paths);
}

static void dir_list_push(struct dir_list *l, char *path)
{
    if ((l->n & (l->n - 1)) == 0)
        l->paths = xrealloc_array(l->paths, l->n ? l->n * 2 : 1, sizeof(*l->paths));
    l->paths[l->n++] = path;
}

/* Removes what a directory holds but for its directories, which are added to the list. */
static int empty_dir(struct tar_tree *t, const char *canonical, struct dir_list *dirs,
                     struct err *err)
{
    int fd = open_beneath(t->rootfd, canonical, O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    int r = 0;

    if (!dir) {
        r = fd < 0 ? fd : -errno;
        if (fd >= 0)
            close_fd(fd);
        return err_errno(err, r, "open replaced directory \"%.200s\"", canonical);
    }
    while (r == 0 && (e = readdir(dir))) {
        struct stat st;
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        _cleanup_free_ char *path = xasprintf("%s/%s", canonical, e->d_name);
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            r = err_errno(err, errno, "stat replaced \"%.200s\"", path);
        else if (S_ISDIR(st.st_mode))
            dir_list_push(dirs, TAKE_PTR(path));
        else
            r = remove_one(t, fd, e->d_name, path, &st, err);
    }
    (void)closedir(dir);
    return r;
}

/* Directories are emptied first and removed in the reverse order, parents last. */
static int remove_dir(struct tar_tree *t, const char *canonical, struct err *err)
{
    _cleanup_(dir_list_done)
    struct dir_list dirs = {0};

    dir_list_push(&dirs, xstrdup(canonical));
    for (size_t i = 0; i < dirs.n; i++) {
        int r = empty_dir(t, dirs.paths[i], &dirs, err);
        if (r < 0)
            return r;
    }
    for (size_t i = dirs.n; i-- > 0;) {
        const char *path = dirs.paths[i], *slash = strrchr(path, '/');
        _cleanup_free_ char *parent = xstrndup(path, slash ? (size_t)(slash - path) : 0);
        _cleanup_close_ int fd = open_beneath(t->rootfd, parent, O_PATH | O_DIRECTORY, 0);
        if (fd < 0 || unlinkat(fd, slash ? slash + 1 : path, AT_REMOVEDIR) < 0)
            return err_errno(err, fd < 0 ? fd : errno, "remove replaced directory \"%.200s\"",
                             path);
    }
    return 0;
}

int tar_tree_remove(struct tar_tree *t, const struct tree_place *p, struct err *err)
{
    struct stat st;
    int r;

    if (fstatat(p->dirfd, p->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : err_errno(err, errno, "stat \"%.200s\"", p->path);
    if (S_ISDIR(st.st_mode))
        r = remove_dir(t, p->path, err);
    else
        r = remove_one(t, p->dirfd, p->base, p->path, &st, err);
    /* Cached directories and names may have led through what is gone. */
    if (!S_ISREG(st.st_mode))
        forget_dirs(t);
    return r;
}
