/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "volume/volume.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "db/db.h"
#include "volume/internal.h"

#define ANONYMOUS_LABEL "com.docker.volume.anonymous"
#define TRASH_PREFIX    ".trash-"
#define NAME_MAX_LEN    240

struct volume_store {
    struct db *db; /* borrowed */
    char *root;    /* owned */
    int root_fd;
};

static const char *const migrations[] = {
    "CREATE TABLE volume_volumes("
    " name TEXT PRIMARY KEY, created INTEGER NOT NULL, anonymous INTEGER NOT NULL,"
    " labels TEXT NOT NULL, options TEXT NOT NULL) STRICT;"
    "CREATE TABLE volume_uses(volume TEXT NOT NULL, container TEXT NOT NULL,"
    " PRIMARY KEY(volume, container)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX volume_uses_container ON volume_uses(container);",
};

/* Removals that were cut off end here. Directories without a row are kept: they are user data. */
static void sweep(struct volume_store *s)
{
    int fd = openat(s->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d) {
        close_fd(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (str_starts(e->d_name, TRASH_PREFIX))
            (void)rm_rf_at(s->root_fd, e->d_name);
    (void)closedir(d);
}

int volume_store_open(const char *root, struct db *db, struct volume_store **ret, struct err *err)
{
    _cleanup_(volume_store_closep)
    struct volume_store *s = XNEW(struct volume_store);

    s->db = db;
    s->root_fd = -1;
    int r = mkdir_p(root, 0701);
    if (r < 0)
        return err_errno(err, r, "create %s", root);
    s->root = realpath(root, NULL);
    s->root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!s->root || s->root_fd < 0)
        return err_errno(err, errno, "open %s", root);
    r = db_migrate(db, "volume", migrations, ARRAY_SIZE(migrations), err);
    if (r < 0)
        return r;
    sweep(s);
    *ret = TAKE_PTR(s);
    return 0;
}

void volume_store_close(struct volume_store *s)
{
    if (!s)
        return;
    close_fd(s->root_fd);
    free(s->root);
    free(s);
}

static bool name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static int check_name(const char *name, struct err *err)
{
    size_t n = strlen(name);
    bool ok = n > 0 && n <= NAME_MAX_LEN && name_char(name[0]);

    if (n == 1)
        return err_set(err, ERR_INVALID,
                       "create %s: volume name is too short, names should be at "
                       "least two alphanumeric characters",
                       name);
    for (size_t i = 1; ok && i < n; i++)
        ok = name_char(name[i]) || strchr("_.-", name[i]);
    if (ok)
        return 0;
    return err_set(err, ERR_INVALID,
                   "create %.250s: \"%.250s\" includes invalid characters for a local volume name, "
                   "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host "
                   "directory, use absolute path",
                   name, name);
}

/* Of the local driver's mount options (type, o, device, size) none is available. */
static int check_options(const char *name, const json_t *options, struct err *err)
{
    static const char *const known[] = {"type", "o", "device", "size"};
    const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)options));

    if (!key)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (str_eq(key, known[i]))
            return err_set(err, ERR_UNSUPPORTED,
                           "create %s: the local driver's option \"%s\" is not supported", name,
                           key);
    return err_set(err, ERR_INVALID, "create %s: invalid option: \"%.100s\"", name, key);
}

static int make_dirs(struct volume_store *s, const char *name, struct err *err)
{
    _cleanup_free_ char *data = xasprintf("%s/_data", name);
    mode_t mask = umask(0);
    int r = 0;

    if ((mkdirat(s->root_fd, name, 0701) < 0 && errno != EEXIST) ||
        (mkdirat(s->root_fd, data, 0755) < 0 && errno != EEXIST))
        r = err_errno(err, errno, "create %s/%s", s->root, data);
    (void)umask(mask);
    return r;
}

/* Local time to the second, as Docker shows it. */
static void set_created(json_t *o, int64_t nsec)
{
    time_t t = nsec / NSEC_PER_SEC;
    struct tm tm;
    char text[64];

    (void)localtime_r(&t, &tm);
    long offset = tm.tm_gmtoff / 60;
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    if (offset == 0)
        (void)snprintf(text + n, sizeof(text) - n, "Z");
    else
        (void)snprintf(text + n, sizeof(text) - n, "%c%02ld:%02ld", offset < 0 ? '-' : '+',
                       labs(offset) / 60, labs(offset) % 60);
    json_set_str(o, "CreatedAt", text);
}

static json_t *stored_json(const char *text)
{
    json_t *j = json_parse(text, strlen(text), "volume", NULL);

    return j ? j : json_null();
}

#define VOLUME_COLUMNS "name, created, labels, options"

static json_t *volume_json(struct volume_store *s, struct db_stmt *st)
{
    json_t *o = json_object();
    _cleanup_free_ char *path = xasprintf("%s/%s/_data", s->root, db_col_str(st, 0));

    set_created(o, db_col_i64(st, 1));
    json_set_str(o, "Driver", "local");
    json_set_take(o, "Labels", stored_json(db_col_str(st, 2)));
    json_set_str(o, "Mountpoint", path);
    json_set_str(o, "Name", db_col_str(st, 0));
    json_set_take(o, "Options", stored_json(db_col_str(st, 3)));
    json_set_str(o, "Scope", "local");
    return o;
}

/* 1: there, 0: not there. */
static int find(struct volume_store *s, const char *name, json_t **ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err,
                       "SELECT " VOLUME_COLUMNS " FROM volume_volumes WHERE name=?", "s", name);

    if (r == 0)
        r = db_step(st, err);
    if (r == 1)
        *ret = volume_json(s, st);
    return r;
}

static int insert(struct volume_store *s, const char *name, bool anonymous, json_t *options,
                  json_t *labels, struct err *err)
{
    _cleanup_json_ json_t *all = json_is_object(labels) ? json_copy(labels) : json_null();

    if (anonymous) {
        if (!json_is_object(all)) {
            json_decref(all);
            all = json_object();
        }
        json_set_str(all, ANONYMOUS_LABEL, "");
    }
    _cleanup_free_ char *labels_text = json_print(all);
    _cleanup_free_ char *options_text =
        json_object_size(options) ? json_print(options) : xstrdup("null");
    return db_run(s->db, err, "INSERT OR IGNORE INTO volume_volumes VALUES(?,?,?,?,?)", "siiss",
                  name, now_nsec(), (int64_t)anonymous, labels_text, options_text);
}

int volume_create(struct volume_store *s, const char *name, const char *driver, json_t *options,
                  json_t *labels, json_t **ret, struct err *err)
{
    bool anonymous = str_empty(name);
    json_t *found = NULL;
    char id[65];
    int r = 0;

    if (anonymous) {
        random_id(id);
        name = id;
    }
    r = check_name(name, err);
    if (r < 0)
        return r;
    if (!str_empty(driver) && !str_eq(driver, "local"))
        return err_set(err, ERR_NOT_FOUND,
                       "create %s: error looking up volume plugin %.100s: plugin \"%.100s\" not "
                       "found",
                       name, driver, driver);
    r = find(s, name, &found, err);
    if (r == 0) {
        r = check_options(name, options, err);
        if (r == 0)
            r = make_dirs(s, name, err);
        if (r == 0)
            r = insert(s, name, anonymous, options, labels, err);
        if (r == 0)
            r = find(s, name, &found, err);
    }
    if (r <= 0)
        return r < 0 ? r : err_set(err, ERR_CONFLICT, "create %s: removed meanwhile", name);
    if (ret)
        *ret = found;
    else
        json_decref(found);
    return 0;
}

static int no_such(const char *name, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "get %.250s: no such volume", name);
}

int volume_inspect(struct volume_store *s, const char *name, json_t **ret, struct err *err)
{
    int r = find(s, name, ret, err);

    return r < 0 ? r : r == 1 ? 0 : no_such(name, err);
}

json_t *volume_list(struct volume_store *s)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    json_t *a = json_array();

    if (db_prepare(s->db, &st, NULL, "SELECT " VOLUME_COLUMNS " FROM volume_volumes ORDER BY name",
                   NULL) < 0)
        return a;
    while (db_step(st, NULL) > 0)
        if (json_array_append_new(a, volume_json(s, st)) < 0)
            abort();
    return a;
}

/* Removes the row unless a container uses the volume. 1: removed, 0: not. */
static int delete_row(struct volume_store *s, const char *name, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int removed = 0;
    int r = db_prepare(s->db, &st, err,
                       "DELETE FROM volume_volumes WHERE name=?1"
                       " AND NOT EXISTS(SELECT 1 FROM volume_uses WHERE volume=?1) RETURNING name",
                       "s", name);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        removed = 1;
    return r < 0 ? r : removed;
}

static void remove_dir(struct volume_store *s, const char *name)
{
    char id[65];

    random_id(id);
    _cleanup_free_ char *trash = xasprintf(TRASH_PREFIX "%.16s", id);
    if (renameat(s->root_fd, name, s->root_fd, trash) == 0)
        (void)rm_rf_at(s->root_fd, trash);
}

static int in_use(struct volume_store *s, const char *name, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    _cleanup_strv_ char **users = NULL;
    int r = db_prepare(
        s->db, &st, err,
        "SELECT container FROM volume_uses WHERE volume=? ORDER BY container LIMIT 8", "s", name);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        strv_push(&users, db_col_str(st, 0));
    if (r < 0)
        return r;
    _cleanup_free_ char *joined = strv_join(users, ", ");
    return err_set(err, ERR_CONFLICT, "remove %s: volume is in use - [%s]", name, joined);
}

int volume_remove(struct volume_store *s, const char *name, bool force, struct err *err)
{
    json_t *found = NULL;
    int r = find(s, name, &found, err);

    json_decref(found);
    if (r == 0)
        return force ? 0 : no_such(name, err);
    if (r == 1)
        r = delete_row(s, name, err);
    if (r < 0)
        return r;
    if (r == 0)
        return in_use(s, name, err);
    remove_dir(s, name);
    return 0;
}

int volume_use(struct volume_store *s, const char *name, const char *container_id, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    bool done = false;
    int r = db_prepare(s->db, &st, err,
                       "INSERT INTO volume_uses SELECT name, ?2 FROM volume_volumes WHERE name=?1"
                       " ON CONFLICT DO UPDATE SET container=excluded.container RETURNING volume",
                       "ss", name, container_id);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        done = true;
    if (r < 0)
        return r;
    return done ? 0 : no_such(name, err);
}

static int anonymous_of(struct volume_store *s, const char *container_id, char ***ret,
                        struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err,
                       "SELECT name FROM volume_volumes JOIN volume_uses ON volume=name"
                       " WHERE container=? AND anonymous=1",
                       "s", container_id);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        strv_push(ret, db_col_str(st, 0));
    return r;
}

int volume_release(struct volume_store *s, const char *container_id, bool remove_anonymous,
                   struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = remove_anonymous ? anonymous_of(s, container_id, &names, err) : 0;

    if (r == 0)
        r = db_run(s->db, err, "DELETE FROM volume_uses WHERE container=?", "s", container_id);
    for (size_t i = 0; r == 0 && names && names[i]; i++) {
        r = delete_row(s, names[i], err);
        if (r == 1)
            remove_dir(s, names[i]);
        r = r < 0 ? r : 0;
    }
    return r;
}

static bool is_empty_dir(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    bool empty = true;

    if (!d) {
        close_fd(copy);
        return false;
    }
    for (struct dirent *e; empty && (e = readdir(d));)
        empty = str_eq(e->d_name, ".") || str_eq(e->d_name, "..");
    (void)closedir(d);
    return empty;
}

/* Takes out what a failed copy has made. */
static void clear_dir(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);

    if (!d) {
        close_fd(copy);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
            (void)rm_rf_at(fd, e->d_name);
    (void)closedir(d);
}

int volume_populate(struct volume_store *s, const char *name, int rootfs_fd, const char *path,
                    struct err *err)
{
    _cleanup_free_ char *data = NULL;
    int r = check_name(name, err);

    if (r < 0)
        return r;
    data = xasprintf("%s/_data", name);
    _cleanup_close_ int dst = open_beneath(s->root_fd, data, O_RDONLY | O_DIRECTORY, 0);
    if (dst < 0)
        return dst == -ENOENT ? no_such(name, err) : err_errno(err, dst, "open volume %s", name);
    if (!is_empty_dir(dst))
        return 0;
    _cleanup_close_ int src = open_in_root(rootfs_fd, path, O_RDONLY | O_DIRECTORY, 0);
    if (src == -ENOENT || src == -ENOTDIR)
        return 0;
    if (src < 0)
        return err_errno(err, src, "open %.200s", path);
    r = volume_copy_tree(src, dst, err);
    if (r < 0) {
        err_wrap(err, "fill volume %s", name);
        clear_dir(dst);
    }
    return r;
}
