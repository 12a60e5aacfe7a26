/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `cp`. */
#include "cli/cp.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/human.h"

#define GO_DIR     (INT64_C(1) << 31)
#define GO_SYMLINK (INT64_C(1) << 27)
#define GO_TYPES   (INT64_C(0x8f280000)) /* what is no regular file */

struct cp {
    struct client *client;
    char *container; /* owned */
    const char *from, *to;
    bool follow, quiet, archive;
};

/* "CONTAINER:PATH" in two; *ret_container NULL for a local path. */
static const char *split_arg(const char *arg, char **ret_container)
{
    const char *colon = strchr(arg, ':');

    if (arg[0] == '/' || arg[0] == '.' || !colon)
        return arg;
    *ret_container = xstrndup(arg, (size_t)(colon - arg));
    return colon + 1;
}

static void archive_path(const struct cp *cp, const char *path, struct buf *out)
{
    _cleanup_free_ char *id = client_escape(cp->container);

    (void)buf_addf(out, "/containers/%s/archive", id);
    client_query(out, "path", path);
}

static int parse_stat(struct client_stream *s, json_t **ret, struct err *err)
{
    size_t len = 0;
    _cleanup_free_ char *text = base64_decode(client_stream_path_stat(s), &len);
    json_t *j = text ? json_parse(text, len, "the file's status", err) : NULL;

    if (!j)
        return err_set(err, ERR_INTERNAL, "unable to decode container path stat header");
    *ret = j;
    return 0;
}

static int stat_path(const struct cp *cp, const char *path, json_t **ret, struct err *err)
{
    _cleanup_buf_ struct buf q = BUF_INIT(64 * KIB);
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    int r;

    archive_path(cp, path, &q);
    r = client_open(cp->client, "HEAD", buf_str(&q), NULL, &s, err);
    return r < 0 ? r : parse_stat(s, ret, err);
}

static void report(const struct cp *cp, uint64_t bytes, const char *to)
{
    char size[HUMAN_MAX];

    if (cp->quiet)
        return;
    human_size((double)bytes, 3, size);
    (void)fprintf(stderr, "Successfully copied %s to %s\n", size, to);
}

static int to_stdout(struct client_stream *s, struct err *err)
{
    _cleanup_free_ char *piece = xmalloc(64 * KIB);
    ssize_t n;

    while ((n = client_stream_read(s, piece, 64 * KIB)) > 0) {
        int r = write_full(STDOUT_FILENO, piece, (size_t)n);
        if (r < 0)
            return err_errno(err, r, "write");
    }
    return n < 0 ? err_errno(err, (int)n, "read the archive") : 0;
}

/* Docker's check of where the output is to go. */
static int check_output(const char *path, struct cp_end *ret, struct err *err)
{
    _cleanup_free_ char *clean = path_clean(path), *dir = cp_dir(clean);
    struct stat st;

    if (!str_eq(dir, ".") && stat(dir, &st) < 0 && errno == ENOENT)
        return err_set(err, ERR_INVALID, "invalid output path: directory \"%s\" does not exist",
                       dir);
    *ret = (struct cp_end){.path = path};
    if (stat(path, &st) < 0)
        return 0;
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID,
                       "invalid output path: \"%s\" must be a directory or a regular file", path);
    ret->exists = true;
    ret->dir = S_ISDIR(st.st_mode);
    return 0;
}

static int from_container(const struct cp *cp, struct err *err)
{
    _cleanup_buf_ struct buf q = BUF_INIT(64 * KIB);
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    _cleanup_free_ char *source = xstrdup(cp->from), *own = cp_base(cp->from);
    _cleanup_free_ char *root = NULL, *dir = NULL, *name = NULL;
    _cleanup_json_ json_t *link = NULL, *about = NULL;
    struct cp_end from = {.path = cp->from}, to = {0};
    bool out = str_eq(cp->to, "-");
    uint64_t bytes = 0;
    int r = out ? 0 : check_output(cp->to, &to, err);

    if (r < 0)
        return r;
    if (cp->follow && stat_path(cp, cp->from, &link, NULL) == 0 &&
        (json_i64_or(link, "mode", 0) & GO_SYMLINK) != 0) {
        free(source);
        source = xstrdup(json_str_or(link, "linkTarget", ""));
    }
    archive_path(cp, source, &q);
    r = client_open(cp->client, "GET", buf_str(&q), NULL, &s, err);
    if (r == 0 && out)
        return to_stdout(s, err);
    if (r == 0)
        r = parse_stat(s, &about, err);
    if (r < 0)
        return r;
    from.dir = (json_i64_or(about, "mode", 0) & GO_DIR) != 0;
    r = cp_plan(&from, &to, &dir, &name, err);
    root = cp_base(source);
    if (r == 0)
        r = cp_unpack(s, dir, str_eq(root, ".") || str_eq(root, "/") ? "" : root,
                      name                                   ? name
                      : str_eq(own, ".") || str_eq(own, "/") ? ""
                                                             : own,
                      &bytes, err);
    if (r == 0)
        report(cp, bytes, cp->to);
    return r;
}

/* What is at the destination; a link there is followed once, as Docker does. */
static int look_at_destination(const struct cp *cp, struct cp_end *to, char **ret_path,
                               struct err *err)
{
    _cleanup_json_ json_t *about = NULL;
    int64_t mode;
    int r = stat_path(cp, cp->to, &about, err);

    *ret_path = xstrdup(cp->to);
    to->path = *ret_path;
    if (r == 0 && (json_i64_or(about, "mode", 0) & GO_SYMLINK) != 0) {
        free(*ret_path);
        to->path = *ret_path = xstrdup(json_str_or(about, "linkTarget", ""));
        json_decref(about);
        about = NULL;
        r = stat_path(cp, *ret_path, &about, err);
    }
    if (r < 0) {
        if (err->kind != ERR_NOT_FOUND || strstr(err->message, "No such container"))
            return r;
        err_clear(err);
        return 0;
    }
    mode = json_i64_or(about, "mode", 0);
    if ((mode & GO_TYPES) != 0 && (mode & GO_DIR) == 0)
        return err_set(err, ERR_INVALID,
                       "destination \"%s:%s\" must be a directory or a regular file", cp->container,
                       cp->to);
    to->exists = true;
    to->dir = (mode & GO_DIR) != 0;
    return 0;
}

static int upload(const struct cp *cp, const char *dir, int fd, struct err *err)
{
    _cleanup_buf_ struct buf q = BUF_INIT(64 * KIB);
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;

    archive_path(cp, dir, &q);
    client_query(&q, "noOverwriteDirNonDir", "true");
    if (cp->archive)
        client_query(&q, "copyUIDGID", "true");
    return client_upload(cp->client, "PUT", buf_str(&q), fd, &s, err);
}

static int to_container(const struct cp *cp, struct err *err)
{
    _cleanup_free_ char *path = NULL, *dir = NULL, *name = NULL, *own = cp_base(cp->from);
    struct cp_end from = {.path = cp->from}, to = {0};
    struct cp_packer *packer = NULL;
    struct err packing = {0};
    uint64_t bytes = 0;
    struct stat st = {0};
    int fd = -1, r, r2;

    if (!str_eq(cp->from, "-") && (cp->follow ? stat(cp->from, &st) : lstat(cp->from, &st)) < 0) {
        char text[128];
        return err_set(err, ERR_NOT_FOUND, "lstat %s: %s", cp->from, errno_text_lower(errno, text));
    }
    r = look_at_destination(cp, &to, &path, err);
    if (r < 0)
        return r;
    if (str_eq(cp->from, "-")) {
        if (!to.dir)
            return err_set(err, ERR_INVALID, "destination \"%s:%s\" must be a directory",
                           cp->container, cp->to);
        return upload(cp, path, STDIN_FILENO, err);
    }
    from.dir = S_ISDIR(st.st_mode);
    r = cp_plan(&from, &to, &dir, &name, err);
    if (r == 0)
        r = cp_pack(cp->from, name ? name : own, cp->follow, &packer, &fd, err);
    if (r < 0)
        return r;
    r = upload(cp, dir, fd, err);
    (void)close_fd(fd);
    r2 = cp_pack_end(packer, &bytes, &packing);
    if (r == 0 && r2 < 0) {
        *err = packing;
        return r2;
    }
    if (r == 0) {
        _cleanup_free_ char *shown = xasprintf("%s:%s", cp->container, cp->to);
        report(cp, bytes, shown);
    }
    return r;
}

static int run_cp(struct cli *cli, const struct args *a)
{
    _cleanup_free_ char *from = NULL, *to = NULL;
    struct cp cp = {.follow = args_bool(a, "follow-link"),
                    .archive = args_bool(a, "archive"),
                    .quiet = args_set(a, "quiet") ? args_bool(a, "quiet") : !isatty(STDOUT_FILENO)};
    struct err err = {0};
    int r;

    if (!*args_at(a, 0))
        return cli_failf("source can not be empty");
    if (!*args_at(a, 1))
        return cli_failf("destination can not be empty");
    cp.from = split_arg(args_at(a, 0), &from);
    cp.to = split_arg(args_at(a, 1), &to);
    if (from && to)
        return cli_failf("copying between containers is not supported");
    if (!from && !to)
        return cli_failf("must specify at least one container source");
    cp.container = from ? from : to;
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    r = cli_client(cli, &cp.client, &err);
    if (r == 0)
        r = from ? from_container(&cp, &err) : to_container(&cp, &err);
    return r < 0 ? cli_fail(&err) : 0;
}

static const struct opt cp_opts[] = {
    {"archive", 'a', OPT_BOOL, "Archive mode (copy all uid/gid information)", NULL},
    {"follow-link", 'L', OPT_BOOL, "Always follow symbol link in SRC_PATH", NULL},
    {"quiet", 'q', OPT_BOOL,
     "Suppress progress output during copy. Progress output is automatically suppressed if no "
     "terminal is attached",
     NULL},
};

const struct command cmd_cp = {"[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n"
                               "\tlighter cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
                               "Copy files/folders between a container and the local filesystem",
                               "container cp, cp",
                               cp_opts,
                               ARRAY_SIZE(cp_opts),
                               2,
                               2,
                               false,
                               run_cp};
