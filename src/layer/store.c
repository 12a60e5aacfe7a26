/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/hashmap.h"
#include "base/path.h"
#include "base/str.h"
#include "layer/internal.h"

/* refs counts users outside this module (images); child and writable layers are counted by their
 * rows. */
static const char *const migrations[] = {
    "CREATE TABLE layer_layers("
    " chain_id TEXT PRIMARY KEY, diff_id TEXT NOT NULL, parent TEXT NOT NULL,"
    " cache_id TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, depth INTEGER NOT NULL,"
    " refs INTEGER NOT NULL) STRICT;"
    "CREATE INDEX layer_layers_parent ON layer_layers(parent);"
    "CREATE TABLE layer_rw(name TEXT PRIMARY KEY, chain_id TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX layer_rw_chain ON layer_rw(chain_id);",
};

static int open_dir(const char *root, const char *name, mode_t mode, int *ret, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s%s%s", root, *name ? "/" : "", name);
    int r = mkdir_p(path, mode);

    if (r < 0)
        return err_errno(err, r, "create %s", path);
    *ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret < 0 ? err_errno(err, errno, "open %s", path) : 0;
}

static int make_node(int fd, const char *path, char type)
{
    int r;

    if (type == 'd') {
        r = mkdirat(fd, path, 0755);
    } else if (type == 'l') {
        r = symlinkat("/proc/mounts", fd, path);
    } else {
        r = openat(fd, path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0755);
        if (r >= 0)
            close_fd(r);
    }
    return r < 0 && errno != EEXIST ? -errno : 0;
}

/* The mount points that a container's start needs, in a directory below every image, so that
 * making them is not something a container has written. Docker puts them above the image; below,
 * the image's own owners and modes win. */
static int make_init_layer(struct layer_store *s, struct err *err)
{
    static const struct {
        char type;
        const char *path;
    } nodes[] = {
        {'d', "dev"},          {'d', "dev/pts"},
        {'d', "dev/shm"},      {'d', "etc"},
        {'d', "proc"},         {'d', "sys"},
        {'f', ".dockerenv"},   {'f', "dev/console"},
        {'f', "etc/hostname"}, {'f', "etc/resolv.conf"},
        {'f', "etc/hosts"},    {'l', "etc/mtab"},
    };
    _cleanup_close_ int fd = -1;
    mode_t mask = umask(0);

    int r = make_node(s->dir_fd, LAYER_INIT_ID, 'd');
    if (r == 0)
        r = make_node(s->dir_fd, LAYER_INIT_ID "/diff", 'd');
    if (r == 0) {
        fd = openat(s->dir_fd, LAYER_INIT_ID "/diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(nodes); i++)
        r = make_node(fd, nodes[i].path, nodes[i].type);
    (void)umask(mask);
    return r < 0 ? err_errno(err, r, "create %s/overlay2/%s", s->root, LAYER_INIT_ID) : 0;
}

static int known_names(struct layer_store *s, struct hashmap *known, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    static char present[] = "";
    int r =
        db_prepare(s->db, &st, err,
                   "SELECT cache_id FROM layer_layers UNION ALL SELECT name FROM layer_rw", NULL);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        hashmap_put(known, db_col_str(st, 0), present);
    hashmap_put(known, LAYER_INIT_ID, present);
    return r;
}

/* Moves to the trash what `keep` does not have and, with a prefix, what starts with it. */
static int sweep_dir(struct layer_store *s, int dirfd, const struct hashmap *keep,
                     const char *prefix)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    if (!d) {
        r = -errno;
        close_fd(fd);
        return r;
    }
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        bool kept = keep ? hashmap_get(keep, e->d_name) != NULL : !str_starts(e->d_name, prefix);
        if (!kept)
            r = layer_trash(s, dirfd, e->d_name);
    }
    (void)closedir(d);
    return r;
}

static int sweep(struct layer_store *s, struct err *err)
{
    _cleanup_(hashmap_freep)
    struct hashmap *known = hashmap_new(NULL);
    int r = known_names(s, known, err);

    if (r < 0)
        return r;
    r = sweep_dir(s, s->dir_fd, known, NULL);
    if (r == 0)
        r = sweep_dir(s, s->tmp_fd, NULL, LAYER_TMP_PREFIX);
    return r < 0 ? err_errno(err, r, "sweep %s", s->root) : 0;
}

static int open_dirs(struct layer_store *s, const char *root, struct err *err)
{
    int r = open_dir(root, "", 0710, &s->root_fd, err);

    if (r < 0)
        return r;
    s->root = realpath(root, NULL);
    if (!s->root)
        return err_errno(err, errno, "resolve %s", root);
    r = open_dir(s->root, "overlay2", 0710, &s->dir_fd, err);
    if (r == 0)
        r = open_dir(s->root, "tmp", 0700, &s->tmp_fd, err);
    if (r == 0)
        r = open_dir(s->root, "trash", 0700, &s->trash_fd, err);
    return r;
}

int layer_store_open(const char *root, const char *driver, struct db *db, struct layer_store **ret,
                     struct err *err)
{
    if (!str_eq(driver, "overlay2"))
        return err_set(err, ERR_UNSUPPORTED, "driver not supported: %s", driver);
    _cleanup_(layer_store_closep)
    struct layer_store *s = XNEW(struct layer_store);

    s->db = db;
    s->root_fd = s->dir_fd = s->tmp_fd = s->trash_fd = -1;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    int r = db_migrate(db, "layer", migrations, ARRAY_SIZE(migrations), err);
    if (r == 0)
        r = open_dirs(s, root, err);
    if (r == 0)
        r = make_init_layer(s, err);
    if (r == 0)
        r = layer_overlay_probe(s, err);
    if (r == 0)
        r = sweep(s, err);
    if (r < 0)
        return r;
    r = layer_trash_start(s);
    if (r < 0)
        return err_errno(err, r, "start the trash thread");
    *ret = TAKE_PTR(s);
    return 0;
}

void layer_store_close(struct layer_store *s)
{
    if (!s)
        return;
    layer_trash_stop(s);
    close_fd(s->root_fd);
    close_fd(s->dir_fd);
    close_fd(s->tmp_fd);
    close_fd(s->trash_fd);
    (void)pthread_mutex_destroy(&s->lock);
    (void)pthread_cond_destroy(&s->changed);
    free(s->root);
    free(s);
}

const char *layer_store_driver(const struct layer_store *s)
{
    return "overlay2";
}

/* Docker's names (graphdriver FsNames). */
static const char *backing_fs_name(int fd)
{
    static const struct {
        unsigned long magic;
        const char *name;
    } names[] = {
        {0xef53, "extfs"},     {0x58465342, "xfs"},  {0x9123683e, "btrfs"},
        {0x01021994, "tmpfs"}, {0x2fc12fc1, "zfs"},  {0x794c7630, "overlayfs"},
        {0xf2f52010, "f2fs"},  {0x65735546, "fuse"}, {0xca451a4e, "bcachefs"},
    };
    struct statfs st;

    if (fstatfs(fd, &st) < 0)
        return "<unknown>";
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if ((unsigned long)st.f_type == names[i].magic)
            return names[i].name;
    return "<unknown>";
}

json_t *layer_store_status(const struct layer_store *s)
{
    return json_pack("[[ss][ss][ss][ss][ss]]", "Backing Filesystem", backing_fs_name(s->dir_fd),
                     "Supports d_type", "true", "Using metacopy", "false", "Native Overlay Diff",
                     "true", "userxattr", "false");
}

int layer_lowers(struct layer_store *s, const struct digest *chain_id, char ***ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    _cleanup_strv_ char **ids = NULL;

    if (!chain_id || !*chain_id->str)
        return 0;
    int r = db_prepare(s->db, &st, err,
                       "WITH RECURSIVE chain(cache_id, parent, n) AS ("
                       " SELECT cache_id, parent, 0 FROM layer_layers WHERE chain_id=?"
                       " UNION ALL SELECT l.cache_id, l.parent, n+1 FROM layer_layers l"
                       " JOIN chain c ON l.chain_id=c.parent)"
                       "SELECT cache_id FROM chain ORDER BY n",
                       "s", chain_id->str);
    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        strv_push(&ids, db_col_str(st, 0));
    if (r < 0)
        return r;
    if (!ids)
        return err_set(err, ERR_NOT_FOUND, "layer %s does not exist", chain_id->str);
    *ret = TAKE_PTR(ids);
    return 0;
}
