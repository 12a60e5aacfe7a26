/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files in and out of containers. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/path.h"
#include "container/user.h"
#include "engine/rootfs.h"
#include "tar/compress.h"
#include "tar/pack.h"
#include "tar/place.h"

#define LINKS_MAX 40

/* The bits of Go's os.FileMode, as clients know them. */
#define GO_DIR     (INT64_C(1) << 31)
#define GO_SYMLINK (INT64_C(1) << 27)
#define GO_DEVICE  (INT64_C(1) << 26)
#define GO_PIPE    (INT64_C(1) << 25)
#define GO_SOCKET  (INT64_C(1) << 24)
#define GO_SETUID  (INT64_C(1) << 23)
#define GO_SETGID  (INT64_C(1) << 22)
#define GO_CHAR    (INT64_C(1) << 21)
#define GO_STICKY  (INT64_C(1) << 20)

/* A path as the client gave it. */
struct resource {
    struct container *c;        /* owned reference */
    struct container_root root; /* owned */
    const char *ref;            /* borrowed */
    char *path;                 /* owned; clean and absolute */
    const char *name;           /* what it is called in archives; in path, or "." */
    bool directory;             /* the path says that it is one: a link is followed */
};

static void resource_done(struct resource *rs)
{
    container_root_close(&rs->root);
    free(rs->path);
    if (rs->c)
        container_unref(rs->c);
}

static int resource_open(struct engine *e, const char *ref, const char *path, struct resource *rs,
                         struct err *err)
{
    _cleanup_free_ char *absolute = xasprintf("/%s", path);
    int r;

    rs->ref = ref;
    rs->path = path_clean(absolute);
    rs->directory = str_ends(path, "/") || str_ends(path, "/.") || str_eq(path, ".");
    if (str_ends(path, "/.") || str_eq(path, "."))
        rs->name = ".";
    else
        rs->name = rs->path[1] ? strrchr(rs->path, '/') + 1 : "/";
    r = engine_lookup(e, ref, &rs->c, err);
    if (r < 0)
        return r;
    (void)container_is_running(rs->c);
    return container_root_open(rs->c, false, &rs->root, err);
}

static int resource_error(const struct resource *rs, int r, struct err *err)
{
    if (r == -ENOENT)
        return err_set(err, ERR_NOT_FOUND, "Could not find the file %s in container %s", rs->path,
                       rs->ref);
    if (r == -ENOTDIR)
        return err_set(err, ERR_INVALID, "%s: not a directory", rs->path);
    return err_errno(err, r, "open %s in container %s", rs->path, rs->ref);
}

/* The thing itself, O_PATH. */
static int resource_look(const struct resource *rs, struct stat *ret, int *ret_fd, struct err *err)
{
    int flags = O_PATH | (rs->directory ? O_DIRECTORY : O_NOFOLLOW);
    _cleanup_close_ int fd = open_in_root(rs->root.fd, rs->path, flags, 0);

    if (fd < 0 || fstat(fd, ret) < 0)
        return resource_error(rs, fd < 0 ? fd : -errno, err);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int64_t go_mode(mode_t mode)
{
    static const struct {
        mode_t type;
        int64_t bits;
    } types[] = {
        {S_IFDIR, GO_DIR},    {S_IFLNK, GO_SYMLINK}, {S_IFCHR, GO_DEVICE | GO_CHAR},
        {S_IFBLK, GO_DEVICE}, {S_IFIFO, GO_PIPE},    {S_IFSOCK, GO_SOCKET},
    };
    int64_t out = mode & 0777;

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if ((mode & S_IFMT) == types[i].type)
            out |= types[i].bits;
    return out | (mode & S_ISUID ? GO_SETUID : 0) | (mode & S_ISGID ? GO_SETGID : 0) |
           (mode & S_ISVTX ? GO_STICKY : 0);
}

/* Where a chain of links ends, as a path in the container. */
static int link_target(const struct resource *rs, char **ret, struct err *err)
{
    _cleanup_free_ char *path = xstrdup(rs->path);

    for (int i = 0; i < LINKS_MAX; i++) {
        _cleanup_close_ int fd = open_in_root(rs->root.fd, path, O_PATH | O_NOFOLLOW, 0);
        char target[LIMIT_TAR_PATH];
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISLNK(st.st_mode)) {
            *ret = TAKE_PTR(path);
            return 0;
        }
        n = readlinkat(fd, "", target, sizeof(target) - 1);
        if (n < 0)
            return err_errno(err, errno, "read the link %s", path);
        target[n] = '\0';
        *strrchr(path, '/') = '\0';
        _cleanup_free_ char *next =
            target[0] == '/' ? xstrdup(target) : xasprintf("%s/%s", path, target);
        free(path);
        path = path_clean(next);
        if (strlen(path) >= LIMIT_TAR_PATH)
            return err_set(err, ERR_INVALID, "%s: too many levels of symbolic links", rs->path);
    }
    return err_set(err, ERR_INVALID, "%s: too many levels of symbolic links", rs->path);
}

static int make_stat(const struct resource *rs, const struct stat *st, json_t **ret,
                     struct err *err)
{
    _cleanup_free_ char *target = NULL;
    json_t *o;
    int r = S_ISLNK(st->st_mode) ? link_target(rs, &target, err) : 0;

    if (r < 0)
        return r;
    o = json_object();
    json_set_str(o, "name", rs->name);
    json_set_i64(o, "size", st->st_size);
    json_set_i64(o, "mode", go_mode(st->st_mode));
    json_set_time(o, "mtime", st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec);
    json_set_str(o, "linkTarget", target ? target : "");
    *ret = o;
    return 0;
}

int engine_archive_stat(struct engine *e, const char *ref, const char *path, json_t **ret,
                        struct err *err)
{
    _cleanup_(resource_done)
    struct resource rs = {0};
    _cleanup_close_ int fd = -1;
    struct stat st = {0};
    int r = resource_open(e, ref, path, &rs, err);

    if (r == 0)
        r = resource_look(&rs, &st, &fd, err);
    return r < 0 ? r : make_stat(&rs, &st, ret, err);
}

static int to_sink(void *arg, const void *data, size_t len, struct err *err)
{
    int r = sink_write(arg, data, len);

    return r < 0 ? err_set(err, ERR_CANCELLED, "the client has gone") : 0;
}

static int send_tree(const struct resource *rs, int fd, const struct stat *st, struct sink *sink,
                     struct err *err)
{
    struct tar_pack_options options = {.live = true, .cross_mounts = true, .root_name = rs->name};
    _cleanup_free_ char *parent = xstrdup(rs->path);
    _cleanup_close_ int dir = -1;
    char *slash = strrchr(parent, '/');

    if (S_ISDIR(st->st_mode))
        return tar_pack_tree(fd, (struct tar_sink){to_sink, sink}, &options, NULL, err);
    options.only = slash + 1;
    *slash = '\0';
    dir = open_in_root(rs->root.fd, *parent ? parent : "/", O_PATH | O_DIRECTORY, 0);
    if (dir < 0)
        return resource_error(rs, dir, err);
    return tar_pack_tree(dir, (struct tar_sink){to_sink, sink}, &options, NULL, err);
}

int engine_archive_get(struct engine *e, const char *ref, const char *path,
                       int (*begin)(void *ctx, const json_t *stat, struct sink *ret,
                                    struct err *err),
                       void *ctx, struct err *err)
{
    _cleanup_(resource_done)
    struct resource rs = {0};
    _cleanup_json_ json_t *about = NULL;
    _cleanup_close_ int fd = -1;
    struct sink sink = {0};
    struct stat st = {0};
    int r = resource_open(e, ref, path, &rs, err);

    if (r == 0)
        r = resource_look(&rs, &st, &fd, err);
    if (r == 0)
        r = make_stat(&rs, &st, &about, err);
    if (r < 0)
        return r;
    engine_container_event(e, rs.c, "archive-path", NULL);
    r = begin(ctx, about, &sink, err);
    return r < 0 ? r : send_tree(&rs, fd, &st, &sink, err);
}

/* Where the container itself may not write, nobody writes on its behalf. */
static int check_writable(const struct resource *rs, struct err *err)
{
    _cleanup_json_ json_t *mounts = container_conf_mounts(rs->c->conf);
    _cleanup_json_ json_t *host = container_conf_host(rs->c->conf);
    bool on_mount = false;
    json_t *m;
    size_t i;

    json_array_foreach(mounts, i, m) {
        const char *to = json_str_or(m, "Destination", "");
        const char *rest = str_after(rs->path, to);

        if (!rest || (*rest != '\0' && *rest != '/'))
            continue;
        on_mount = true;
        if (!json_bool_or(m, "RW", true))
            return err_set(err, ERR_FORBIDDEN, "mounted volume is marked read-only");
    }
    if (!on_mount && json_bool_or(host, "ReadonlyRootfs", false))
        return err_set(err, ERR_FORBIDDEN, "container rootfs is marked read-only");
    return 0;
}

/* Files belong to the user that the container runs as, if it names one. */
static int container_owner(const struct resource *rs, struct tar_place_options *o, struct err *err)
{
    _cleanup_json_ json_t *config = container_conf_config(rs->c->conf);
    _cleanup_free_ struct container_user *user = XNEW(struct container_user);
    const char *text = json_str_or(config, "User", "");
    int r;

    if (!*text)
        return 0;
    r = container_user_resolve(rs->root.fd, text, NULL, user, err);
    if (r < 0)
        return r;
    o->chown = true;
    o->uid = user->uid;
    o->gid = user->gid;
    return 0;
}

int engine_archive_put(struct engine *e, const char *ref, const char *path, bool no_overwrite,
                       bool copy_owner, int fd, struct err *err)
{
    _cleanup_(resource_done)
    struct resource rs = {0};
    _cleanup_(tar_source_freep)
    struct tar_source *source = NULL;
    _cleanup_(tar_reader_freep)
    struct tar_reader *reader = NULL;
    struct tar_place_options options = {.no_overwrite_dir_non_dir = no_overwrite};
    _cleanup_close_ int dir = -1;
    int r = resource_open(e, ref, path, &rs, err);

    if (r < 0)
        return r;
    dir = open_in_root(rs.root.fd, rs.path, O_PATH | O_DIRECTORY, 0);
    if (dir == -ENOTDIR)
        return err_set(err, ERR_INVALID, "extraction point is not a directory");
    if (dir < 0)
        return resource_error(&rs, dir, err);
    r = check_writable(&rs, err);
    if (r == 0 && copy_owner)
        r = container_owner(&rs, &options, err);
    if (r == 0)
        r = tar_source_open_fd(fd, &source, err);
    if (r < 0)
        return r;
    reader = tar_reader_new_source(source);
    r = tar_place(reader, rs.root.fd, rs.path, &options, err);
    if (r == 0)
        engine_container_event(e, rs.c, "extract-to-dir", NULL);
    return r;
}
