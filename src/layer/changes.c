/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a writable layer changes in the image below it. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/path.h"
#include "base/str.h"
#include "layer/internal.h"

struct changes {
    struct layer_store *s;
    int upper;   /* owned */
    int *lowers; /* owned; uppermost first */
    size_t n_lowers;
    char **stack; /* owned; paths to come, the next one last */
    size_t n_stack;
    struct hashmap *told; /* directories that have been reported */
    layer_change_fn fn;
    void *ctx;
};

static void changes_done(struct changes *c)
{
    if (c->upper >= 0)
        c->upper = close_fd(c->upper);
    for (size_t i = 0; i < c->n_lowers; i++)
        (void)close_fd(c->lowers[i]);
    free(c->lowers);
    for (size_t i = 0; i < c->n_stack; i++)
        free(c->stack[i]);
    free(c->stack);
    hashmap_free(c->told);
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static bool is_opaque(int dirfd, const char *path)
{
    _cleanup_close_ int fd = open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY, 0);
    char value[2];

    return fd >= 0 && fgetxattr(fd, "trusted.overlay.opaque", value, sizeof(value)) == 1 &&
           value[0] == 'y';
}

/* Does a directory above the path hide what lower layers have there? */
static bool hidden_below(int dirfd, const char *path)
{
    _cleanup_free_ char *parent = xstrdup(path);

    for (char *slash; (slash = strrchr(parent, '/'));) {
        *slash = '\0';
        if (is_opaque(dirfd, parent))
            return true;
    }
    return false;
}

/* What the image has at the path. */
static bool below(const struct changes *c, const char *path, struct stat *ret)
{
    if (hidden_below(c->upper, path))
        return false;
    for (size_t i = 0; i < c->n_lowers; i++) {
        _cleanup_close_ int fd = open_beneath(c->lowers[i], path, O_PATH | O_NOFOLLOW, 0);

        if (fd >= 0)
            return fstat(fd, ret) == 0 && !is_whiteout(ret);
        /* a parent that is no directory in this layer, or an opaque one, ends it */
        if (fd != -ENOENT || hidden_below(c->lowers[i], path))
            return false;
    }
    return false;
}

static void push(struct changes *c, char *path)
{
    if ((c->n_stack & (c->n_stack - 1)) == 0)
        c->stack = xrealloc_array(c->stack, c->n_stack ? c->n_stack * 2 : 1, sizeof(*c->stack));
    c->stack[c->n_stack++] = path;
}

static int by_name_reversed(const void *a, const void *b)
{
    return -strcmp(*(char *const *)a, *(char *const *)b);
}

/* What has gone meanwhile is passed over: the container may be running. */
static void push_entries(struct changes *c, const char *path)
{
    int fd = open_beneath(c->upper, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t first = c->n_stack;

    if (!dir) {
        if (fd >= 0)
            (void)close_fd(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));)
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            push(c, xasprintf("%s%s%s", path, *path ? "/" : "", e->d_name));
    (void)closedir(dir);
    if (c->n_stack > first)
        qsort(c->stack + first, c->n_stack - first, sizeof(*c->stack), by_name_reversed);
}

static void tell(struct changes *c, const char *path, enum layer_change kind)
{
    static char mark[] = "";
    _cleanup_free_ char *absolute = xasprintf("/%s", path);

    if (kind != LAYER_DELETED)
        hashmap_put(c->told, path, mark);
    c->fn(c->ctx, absolute, kind);
}

/* A directory in which something came or went has changed too. */
static void tell_parents(struct changes *c, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        _cleanup_free_ char *parent = xstrndup(path, (size_t)(slash - path));

        if (!hashmap_get(c->told, parent))
            tell(c, parent, LAYER_MODIFIED);
    }
}

static bool same_directory(const struct stat *a, const struct stat *b)
{
    return S_ISDIR(a->st_mode) && S_ISDIR(b->st_mode) && a->st_mode == b->st_mode &&
           a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_at(struct changes *c, const char *path)
{
    _cleanup_close_ int fd = open_beneath(c->upper, path, O_PATH | O_NOFOLLOW, 0);
    struct stat st, old;
    bool had;

    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    had = below(c, path, &old);
    if (is_whiteout(&st)) {
        if (!had)
            return;
        tell_parents(c, path);
        tell(c, path, LAYER_DELETED);
        return;
    }
    if (!had || !same_directory(&st, &old)) {
        if (!had)
            tell_parents(c, path);
        tell(c, path, had ? LAYER_MODIFIED : LAYER_ADDED);
    }
    if (S_ISDIR(st.st_mode))
        push_entries(c, path);
}

static int open_layer(struct layer_store *s, const char *id, int *ret, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/diff", id);
    int fd = openat(s->dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return err_errno(err, errno, "open the layer %s", id);
    *ret = fd;
    return 0;
}

int layer_rw_open(struct layer_store *s, const char *name, int *ret_fd, struct err *err)
{
    struct digest chain;
    int r = layer_rw_chain(s, name, &chain, err);

    return r < 0 ? r : open_layer(s, name, ret_fd, err);
}

int layer_rw_changes(struct layer_store *s, const char *name, layer_change_fn fn, void *ctx,
                     struct err *err)
{
    _cleanup_(changes_done)
    struct changes c = {.s = s, .upper = -1, .fn = fn, .ctx = ctx};
    _cleanup_strv_ char **lowers = NULL;
    int r = layer_rw_lowers(s, name, &lowers, err);

    if (r == 0)
        r = layer_rw_open(s, name, &c.upper, err);
    if (r < 0)
        return r;
    c.lowers = XNEW_ARRAY(int, strv_len(lowers) + 1);
    for (size_t i = 0; lowers[i]; i++) {
        r = open_layer(s, lowers[i], &c.lowers[c.n_lowers], err);
        if (r < 0)
            return r;
        c.n_lowers++;
    }
    c.told = hashmap_new(NULL);
    push_entries(&c, "");
    while (c.n_stack > 0) {
        _cleanup_free_ char *path = c.stack[--c.n_stack];
        look_at(&c, path);
    }
    return 0;
}
