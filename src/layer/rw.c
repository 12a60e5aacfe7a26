/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Writable layers. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "layer/internal.h"

/* After a power cut the row may be there without the directories. */
static bool has_dirs(struct layer_store *s, const char *name)
{
    _cleanup_free_ char *work = xasprintf("%s/work", name); /* the last one to be made */

    return faccessat(s->dir_fd, work, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int make_dirs(struct layer_store *s, const char *name, bool fresh, struct err *err)
{
    _cleanup_free_ char *diff = xasprintf("%s/diff", name);
    _cleanup_free_ char *work = xasprintf("%s/work", name);

    if ((mkdirat(s->dir_fd, name, 0710) == 0 || (!fresh && errno == EEXIST)) &&
        (mkdirat(s->dir_fd, diff, 0755) == 0 || (!fresh && errno == EEXIST)) &&
        (mkdirat(s->dir_fd, work, 0700) == 0 || (!fresh && errno == EEXIST)))
        return 0;
    return err_errno(err, errno, "create the writable layer %s", name);
}

/* Adds the row if the image's layer is there; a single statement, to fit a caller's transaction. */
static int insert_row(struct layer_store *s, const char *name, const char *chain, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err,
                       "INSERT INTO layer_rw(name, chain_id) SELECT ?1, ?2"
                       " WHERE ?2='' OR EXISTS(SELECT 1 FROM layer_layers WHERE chain_id=?2)"
                       " RETURNING name",
                       "ss", name, chain);
    bool done = false;

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        done = true;
    if (r < 0)
        return r;
    return done ? 0 : err_set(err, ERR_NOT_FOUND, "layer %s does not exist", chain);
}

static bool name_valid(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= 128 && path_component_valid(name) && name[0] != '.' &&
           !str_eq(name, LAYER_INIT_ID) && !strchr(name, ':') && !strchr(name, ',');
}

int layer_rw_chain(struct layer_store *s, const char *name, struct digest *ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT chain_id FROM layer_rw WHERE name=?", "s", name);

    if (r < 0)
        return r;
    r = db_step(st, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND, "writable layer %s does not exist", name);
    (void)snprintf(ret->str, sizeof(ret->str), "%s", db_col_str(st, 0));
    return 0;
}

int layer_rw_create(struct layer_store *s, const char *name, const struct digest *chain_id,
                    struct err *err)
{
    struct digest have;

    if (!name_valid(name))
        return err_set(err, ERR_INVALID, "invalid name of a writable layer: %.100s", name);
    if (faccessat(s->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        if (layer_rw_chain(s, name, &have, NULL) == 0)
            return err_set(err, ERR_CONFLICT, "writable layer %s exists", name);
        int r = layer_trash(s, s->dir_fd, name);
        if (r < 0)
            return err_errno(err, r, "remove what is left of writable layer %s", name);
    }
    int r = make_dirs(s, name, true, err);
    if (r == 0)
        r = insert_row(s, name, chain_id ? chain_id->str : "", err);
    if (r < 0)
        (void)layer_trash(s, s->dir_fd, name);
    return r;
}

/* The names of the directories below the writable one, uppermost first. */
int layer_rw_lowers(struct layer_store *s, const char *name, char ***ret, struct err *err)
{
    struct digest chain = {0};
    char **lowers = NULL;
    int r = layer_rw_chain(s, name, &chain, err);

    if (r == 0)
        r = layer_lowers(s, &chain, &lowers, err);
    if (r < 0)
        return r;
    strv_push(&lowers, LAYER_INIT_ID);
    *ret = lowers;
    return 0;
}

int layer_rw_mount(struct layer_store *s, const char *name, int *ret_mount_fd, struct err *err)
{
    _cleanup_strv_ char **lowers = NULL;
    struct layer_overlay o = {.upper = name};
    int r = layer_rw_lowers(s, name, &lowers, err);

    if (r == 0 && !has_dirs(s, name))
        r = make_dirs(s, name, false, err);
    if (r < 0)
        return r;
    o.lowers = lowers;
    int fd = layer_overlay_mount(s, &o, err);
    if (fd < 0)
        return fd;
    *ret_mount_fd = fd;
    return 0;
}

int layer_rw_remove(struct layer_store *s, const char *name, struct err *err)
{
    struct digest chain = {0};
    int r = layer_rw_chain(s, name, &chain, err);

    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    r = db_run(s->db, err, "DELETE FROM layer_rw WHERE name=?", "s", name);
    if (r < 0)
        return r;
    r = layer_trash(s, s->dir_fd, name);
    if (r < 0)
        return err_errno(err, r, "remove the writable layer %s", name);
    return *chain.str ? layer_collect(s, &chain, NULL, err) : 0;
}

/* Directories still to be read, as paths below the root of a walk. */
struct walk {
    char **pending; /* string vector used as a stack */
    size_t n, cap;
    struct hashmap *links; /* files with several names that were counted */
    int64_t bytes;
};

static void walk_push(struct walk *w, char *path)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 64;
        w->pending = xrealloc_array(w->pending, w->cap, sizeof(char *));
    }
    w->pending[w->n++] = path;
}

static void walk_count(struct walk *w, const struct stat *st)
{
    static char seen[] = "";
    char key[32];

    if (st->st_nlink > 1) {
        (void)snprintf(key, sizeof(key), "%llu", (unsigned long long)st->st_ino);
        if (hashmap_get(w->links, key))
            return;
        hashmap_put(w->links, key, seen);
    }
    w->bytes += st->st_size;
}

/* Counts the entries of one directory. The container may change the tree meanwhile, so what has
 * gone is passed over. */
static void walk_dir(struct walk *w, int rootfd, const char *path)
{
    int fd = open_beneath(rootfd, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct stat st;

    if (!d) {
        close_fd(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISDIR(st.st_mode))
            walk_push(w, xasprintf("%s/%s", path, e->d_name));
        else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
            walk_count(w, &st);
    }
    (void)closedir(d);
}

int64_t layer_tree_size(int fd)
{
    struct walk w = {.links = hashmap_new(NULL)};

    walk_push(&w, xstrdup("."));
    while (w.n > 0) {
        _cleanup_free_ char *dir = w.pending[--w.n];
        walk_dir(&w, fd, dir);
    }
    free(w.pending);
    hashmap_free(w.links);
    return w.bytes;
}

int layer_rw_size(struct layer_store *s, const char *name, int64_t *ret, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/diff", name);
    struct digest chain;
    int r = layer_rw_chain(s, name, &chain, err);

    if (r < 0)
        return r;
    _cleanup_close_ int fd = openat(s->dir_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "open %s", path);
    *ret = layer_tree_size(fd);
    return 0;
}

static char *dir_of(struct layer_store *s, const char *id, const char *leaf)
{
    return xasprintf("%s/overlay2/%s/%s", s->root, id, leaf);
}

static json_t *metadata(struct layer_store *s, char *const *lowers, const char *top)
{
    _cleanup_strv_ char **paths = NULL;
    json_t *o = json_object();
    static const char *const members[][2] = {
        {"MergedDir", "merged"}, {"UpperDir", "diff"}, {"WorkDir", "work"}};

    for (size_t i = 0; lowers && lowers[i]; i++)
        strv_push_take(&paths, dir_of(s, lowers[i], "diff"));
    if (paths) {
        _cleanup_free_ char *joined = strv_join(paths, ":");
        json_set_str(o, "LowerDir", joined);
    }
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        _cleanup_free_ char *path = dir_of(s, top, members[i][1]);
        json_set_str(o, members[i][0], path);
    }
    return o;
}

json_t *layer_rw_metadata(struct layer_store *s, const char *name)
{
    _cleanup_strv_ char **lowers = NULL;

    if (layer_rw_lowers(s, name, &lowers, NULL) < 0)
        return json_object();
    return metadata(s, lowers, name);
}

json_t *layer_metadata(struct layer_store *s, const struct digest *chain_id)
{
    _cleanup_strv_ char **ids = NULL;

    if (layer_lowers(s, chain_id, &ids, NULL) < 0 || !ids)
        return json_object();
    return metadata(s, ids + 1, ids[0]);
}

int layer_rw_list(struct layer_store *s, char ***ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    _cleanup_strv_ char **names = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT name FROM layer_rw ORDER BY name", NULL);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        strv_push(&names, db_col_str(st, 0));
    if (r < 0)
        return r;
    *ret = names ? TAKE_PTR(names) : XNEW_ARRAY(char *, 1);
    return 0;
}
