/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/extract.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "tar/header.h"
#include "tar/pipe.h"
#include "tar/reader.h"
#include "tar/tree.h"

#define PROGRESS_STEP MIB
#define WH_PREFIX     ".wh."
#define WH_META       ".wh..wh."
#define WH_OPAQUE     ".wh..wh..opq"

struct unpack {
    const struct tar_unpack_options *options; /* borrowed */
    struct tar_unpack_result result;
    struct tar_reader *reader;   /* owned */
    struct tar_journal *journal; /* owned; NULL: none */
    struct tar_tree tree;
    uint64_t reported;
};

static void unpack_done(struct unpack *u)
{
    tar_reader_free(u->reader);
    tar_journal_free(u->journal);
    tar_tree_done(&u->tree);
}

static int sys_fail(struct err *err, const struct tar_entry *e, int code, const char *what)
{
    char shown[256];

    return err_errno(err, code, "tar entry \"%s\": %s", tar_printable(e->name, shown), what);
}

static int report(struct unpack *u, struct err *err)
{
    uint64_t at = tar_reader_offset(u->reader);

    if (!u->options->progress || at - u->reported < PROGRESS_STEP)
        return 0;
    u->reported = at;
    int r = u->options->progress(u->options->arg, at);
    return r < 0 ? err_set(err, ERR_CANCELLED, "unpacking was cancelled") : 0;
}

/* Passes the content of an entry that makes no file to the journal. */
static int keep_content(struct unpack *u, struct err *err)
{
    const void *data;
    uint64_t offset;
    ssize_t n;

    while ((n = tar_reader_data(u->reader, 0, &data, &offset, err)) > 0) {
        int r = u->journal ? tar_journal_literal(u->journal, data, (size_t)n, err) : 0;
        if (r == 0)
            r = report(u, err);
        if (r < 0)
            return r;
    }
    return (int)n;
}

/* A failure to set an xattr that the file system does not know is no failure of the layer. */
static int xattr_result(struct unpack *u, const struct tar_entry *e, const struct tar_xattr *x,
                        int r, struct err *err)
{
    char what[300];

    if (r == 0)
        return 0;
    /* EPERM: user.* on what is neither file nor directory. */
    if (r == -EOPNOTSUPP || (r == -EPERM && str_starts(x->name, "user."))) {
        u->result.dropped_xattrs++;
        return 0;
    }
    (void)snprintf(what, sizeof(what), "set extended attribute %.255s", x->name);
    return sys_fail(err, e, r, what);
}

/* fd: the open file, or -1: the place is used. */
static int set_xattrs(struct unpack *u, const struct tar_entry *e, int fd,
                      const struct tree_place *p, struct err *err)
{
    for (size_t i = 0; i < e->n_xattrs; i++) {
        const struct tar_xattr *x = &e->xattrs[i];
        if (!tar_xattr_allowed(x->name)) {
            u->result.dropped_xattrs++;
            continue;
        }
        int r = fd >= 0 ? (fsetxattr(fd, x->name, x->value, x->len, 0) < 0 ? -errno : 0)
                        : tar_tree_setxattr(p->dirfd, p->base, x->name, x->value, x->len);
        r = xattr_result(u, e, x, r, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Owner, mode, xattrs and, but for directories, times of what is at the place. Changing the owner
 * clears set-ID bits and capabilities, so it comes first. */
static int set_metadata(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                        struct err *err)
{
    const struct timespec ts[2] = {e->has_atime ? e->atime : e->mtime, e->mtime};

    if (fchownat(p->dirfd, p->base, e->uid, e->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return sys_fail(err, e, errno, "set owner");
    if (e->type != TAR_SYMLINK && fchmodat(p->dirfd, p->base, e->mode, 0) < 0)
        return sys_fail(err, e, errno, "set mode");
    int r = set_xattrs(u, e, -1, p, err);
    if (r < 0)
        return r;
    if (e->type == TAR_DIR)
        tar_tree_note_times(&u->tree, p->path, ts[0], ts[1]);
    else if (utimensat(p->dirfd, p->base, ts, AT_SYMLINK_NOFOLLOW) < 0)
        return sys_fail(err, e, errno, "set times");
    return 0;
}

static int write_at(int fd, const uint8_t *data, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, data, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return 0;
}

static int write_content(struct unpack *u, const struct tar_entry *e, int fd, struct err *err)
{
    const void *data;
    uint64_t offset;
    ssize_t n;

    while ((n = tar_reader_data(u->reader, 0, &data, &offset, err)) > 0) {
        int r = e->sparse ? write_at(fd, data, (size_t)n, offset) : write_full(fd, data, (size_t)n);
        if (r < 0)
            return sys_fail(err, e, r, "write");
        r = report(u, err);
        if (r < 0)
            return r;
    }
    if (n < 0)
        return (int)n;
    if (e->sparse && ftruncate(fd, (off_t)e->size) < 0)
        return sys_fail(err, e, errno, "write");
    return 0;
}

static int fill_file(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                     int fd, struct err *err)
{
    const struct timespec ts[2] = {e->has_atime ? e->atime : e->mtime, e->mtime};
    int r = 0;

    if (u->journal && e->stored > 0)
        r = tar_journal_file(u->journal, p->path, e->stored, e->segments, e->n_segments, err);
    if (r == 0)
        r = write_content(u, e, fd, err);
    if (r < 0)
        return r;
    if (fchown(fd, e->uid, e->gid) < 0 || fchmod(fd, e->mode) < 0)
        return sys_fail(err, e, errno, "set owner and mode");
    r = set_xattrs(u, e, fd, p, err);
    if (r == 0 && futimens(fd, ts) < 0)
        return sys_fail(err, e, errno, "set times");
    return r;
}

static int make_file(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                     struct err *err)
{
    _cleanup_close_ int fd =
        openat(p->dirfd, p->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? -EEXIST : sys_fail(err, e, errno, "create");
    return fill_file(u, e, p, fd, err);
}

/* A directory merges with one that is there. One in the place of a whiteout hides all below it. */
static int make_dir(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                    struct err *err)
{
    struct stat st;
    bool opaque = false;

    if (mkdirat(p->dirfd, p->base, 0700) < 0) {
        if (errno != EEXIST || fstatat(p->dirfd, p->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return sys_fail(err, e, errno, "make directory");
        opaque = tar_is_whiteout(&st);
        if (!S_ISDIR(st.st_mode) && !opaque)
            return -EEXIST;
        if (opaque && (unlinkat(p->dirfd, p->base, 0) < 0 || mkdirat(p->dirfd, p->base, 0700) < 0))
            return sys_fail(err, e, errno, "make directory");
    }
    int r = set_metadata(u, e, p, err);
    return r == 0 && opaque ? tar_tree_set_opaque(p, err) : r;
}

static int make_node(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                     struct err *err)
{
    int r;

    switch (e->type) {
    case TAR_SYMLINK:
        if (!*e->linkname)
            return tar_bad(err, e->name, "a symlink without a target");
        r = symlinkat(e->linkname, p->dirfd, p->base);
        break;
    case TAR_FIFO:
        r = mkfifoat(p->dirfd, p->base, 0600);
        break;
    default: {
        mode_t kind = e->type == TAR_CHAR ? S_IFCHR : S_IFBLK;
        r = mknodat(p->dirfd, p->base, kind | 0600, makedev(e->devmajor, e->devminor));
        break;
    }
    }
    if (r < 0)
        return errno == EEXIST ? -EEXIST : sys_fail(err, e, errno, "create");
    return set_metadata(u, e, p, err);
}

/* Fails unless the target of a hard link can be linked to. */
static int check_target(const struct tar_entry *e, const struct tree_place *target, struct err *err)
{
    struct stat st;

    if (fstatat(target->dirfd, target->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? -ENOENT : sys_fail(err, e, errno, "look up the link's target");
    if (tar_is_whiteout(&st))
        return -ENOENT;
    if (S_ISDIR(st.st_mode))
        return tar_bad(err, e->name, "a hard link to a directory");
    return 0;
}

static int link_lower(struct unpack *u, const struct tar_entry *e, const char *clean_target,
                      const struct tree_place *p, struct err *err)
{
    char shown[256];
    int r = -ENOENT;

    if (u->options->fetch_link)
        r = u->options->fetch_link(u->options->arg, clean_target, p->dirfd, p->base);
    if (r == -ENOENT)
        return tar_bad(err, e->name, "the hard link's target \"%s\" is not in this layer",
                       tar_printable(e->linkname, shown));
    if (r == 0 || r == -EEXIST)
        return r;
    return sys_fail(err, e, r, "link to a file of a lower layer");
}

static int make_hardlink(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                         struct err *err)
{
    char clean[LIMIT_TAR_PATH];
    struct tree_place target;
    int r = tar_clean_name(e->linkname, clean, err);

    if (r < 0) {
        err_wrap(err, "hard link");
        return r;
    }
    r = tar_tree_find(&u->tree, clean, false, &target, err);
    if (r == 0)
        r = check_target(e, &target, err);
    if (r == -ENOENT || r == -ENOTDIR)
        return link_lower(u, e, clean, p, err);
    if (r < 0)
        return r;
    if (str_eq(target.path, p->path))
        return 0;
    if (linkat(target.dirfd, target.base, p->dirfd, p->base, 0) < 0)
        return errno == EEXIST ? -EEXIST : sys_fail(err, e, errno, "link");
    return 0;
}

static int make_entry(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                      struct err *err)
{
    switch (e->type) {
    case TAR_FILE:
        return make_file(u, e, p, err);
    case TAR_DIR:
        return make_dir(u, e, p, err);
    case TAR_HARDLINK:
        return make_hardlink(u, e, p, err);
    default:
        return make_node(u, e, p, err);
    }
}

static int unpack_entry(struct unpack *u, const struct tar_entry *e, const char *clean,
                        struct err *err)
{
    struct tree_place p;

    if (!*clean && e->type != TAR_DIR)
        return tar_bad(err, e->name, "only a directory can be the layer's root");
    for (int tries = 0;; tries++) {
        int r = tar_tree_find(&u->tree, clean, true, &p, err);
        if (r < 0)
            return r;
        r = *clean ? make_entry(u, e, &p, err) : set_metadata(u, e, &p, err);
        if (r != -EEXIST)
            return r;
        if (tries > 0)
            return sys_fail(err, e, r, "create");
        r = tar_tree_remove(&u->tree, &p, err);
        if (r < 0)
            return r;
    }
}

static int make_whiteout(struct unpack *u, const struct tar_entry *e, const struct tree_place *p,
                         struct err *err)
{
    struct stat st;

    u->result.whiteouts++;
    if (mknodat(p->dirfd, p->base, S_IFCHR, makedev(0, 0)) == 0)
        return 0;
    if (errno != EEXIST || fstatat(p->dirfd, p->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return sys_fail(err, e, errno, "make a whiteout");
    return S_ISDIR(st.st_mode) ? tar_tree_set_opaque(p, err) : 0;
}

/* ".wh.NAME" or ".wh..wh..opq"; dir_len: length of the parent's name in clean. */
static int unpack_whiteout(struct unpack *u, const struct tar_entry *e, char *clean, size_t dir_len,
                           struct err *err)
{
    char *base = clean + dir_len + (dir_len > 0);
    const char *name = base + strlen(WH_PREFIX);
    struct tree_place p;
    int r;

    if (str_eq(base, WH_OPAQUE)) {
        u->result.whiteouts++;
        /* The directory itself: the place of anything in it names it. */
        r = tar_tree_find(&u->tree, clean, true, &p, err);
        if (r < 0)
            return r;
        char *slash = strrchr(p.path, '/');
        *(slash ? slash : p.path) = '\0';
        p.base = ".";
        return tar_tree_set_opaque(&p, err);
    }
    if (!path_component_valid(name))
        return tar_bad(err, e->name, "a whiteout of \"%s\"", name);
    memmove(base, name, strlen(name) + 1);
    r = tar_tree_find(&u->tree, clean, true, &p, err);
    return r < 0 ? r : make_whiteout(u, e, &p, err);
}

enum entry_class { CLASS_PLAIN, CLASS_WHITEOUT, CLASS_META };

/* Looks for whiteouts and AUFS metadata in any component of the name. */
static int classify(const struct tar_entry *e, const char *clean, enum entry_class *ret,
                    size_t *ret_dir_len, struct err *err)
{
    *ret = CLASS_PLAIN;
    for (const char *p = clean; *p;) {
        size_t n = strcspn(p, "/");
        bool last = p[n] == '\0';
        if (n >= strlen(WH_META) && str_starts(p, WH_META) && !(last && str_eq(p, WH_OPAQUE))) {
            *ret = CLASS_META;
            return 0;
        }
        if (str_starts(p, WH_PREFIX)) {
            if (!last)
                return tar_bad(err, e->name, "a whiteout used as a directory");
            *ret = CLASS_WHITEOUT;
            *ret_dir_len = p > clean ? (size_t)(p - clean) - 1 : 0;
        }
        p += n + !last;
    }
    return 0;
}

static int account(struct unpack *u, const struct tar_entry *e, struct err *err)
{
    const struct tar_unpack_options *o = u->options;
    uint64_t max_entries = o->max_entries ? o->max_entries : LIMIT_TAR_ENTRIES;

    if (++u->result.entries > max_entries)
        return err_set(err, ERR_INVALID, "the layer has more than %llu entries",
                       (unsigned long long)max_entries);
    if (__builtin_add_overflow(u->result.size_bytes, e->size, &u->result.size_bytes) ||
        u->result.size_bytes > INT64_MAX || (o->max_bytes && u->result.size_bytes > o->max_bytes))
        return tar_bad(err, e->name, "the files of the layer are larger than allowed");
    return 0;
}

static int handle(struct unpack *u, const struct tar_entry *e, struct err *err)
{
    char clean[LIMIT_TAR_PATH];
    enum entry_class class = CLASS_PLAIN;
    size_t dir_len = 0;

    clean[0] = '\0';
    int r = account(u, e, err);

    if (r == 0)
        r = tar_clean_name(e->name, clean, err);
    if (r == 0)
        r = classify(e, clean, &class, &dir_len, err);
    if (r < 0)
        return r;
    u->tree.implied_mtime = e->mtime;
    if (class == CLASS_META)
        return keep_content(u, err);
    if (class == CLASS_WHITEOUT) {
        r = unpack_whiteout(u, e, clean, dir_len, err);
        return r < 0 ? r : keep_content(u, err);
    }
    if (e->type == TAR_OTHER)
        return tar_bad(err, e->name, "unsupported entry type 0x%02x", (unsigned char)e->typeflag);
    return unpack_entry(u, e, clean, err);
}

static int unpack_all(struct unpack *u, struct err *err)
{
    const struct tar_entry *e;
    int r;

    while ((r = tar_reader_next(u->reader, &e, err)) > 0) {
        r = handle(u, e, err);
        if (r == 0)
            r = report(u, err);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : tar_tree_apply_times(&u->tree, err);
}

int tar_unpack_layer(struct tar_source *src, int rootfd, const struct tar_unpack_options *options,
                     int journal_fd, struct tar_unpack_result *ret, struct err *err)
{
    static const struct tar_unpack_options none;
    _cleanup_(tar_pipe_freep)
    struct tar_pipe *pipe = NULL;
    _cleanup_(unpack_done)
    struct unpack u = {.options = options ? options : &none};
    int r = 0;

    if (journal_fd >= 0)
        r = tar_journal_new(journal_fd, &u.journal, err);
    if (r == 0)
        r = tar_pipe_new(src, u.options->max_bytes, &pipe, err);
    if (r < 0)
        return r;
    u.tree = (struct tar_tree){.rootfd = rootfd, .journal = u.journal, .options = u.options};
    u.reader = tar_reader_new(tar_pipe_read, pipe);
    if (u.journal)
        tar_reader_set_meta(u.reader, tar_journal_literal, u.journal);
    r = unpack_all(&u, err);
    if (r < 0)
        return r;
    tar_pipe_result(pipe, &u.result.diff_id, &u.result.tar_bytes);
    u.result.compression = tar_source_compression(src);
    if (u.journal)
        r = tar_journal_finish(u.journal, u.result.tar_bytes, &u.result.diff_id, err);
    if (r == 0)
        *ret = u.result;
    return r;
}

int tar_hash(struct tar_source *src, struct tar_unpack_result *ret, struct err *err)
{
    _cleanup_(digest_ctx_freep)
    struct digest_ctx *ctx = digest_ctx_new();
    _cleanup_free_ uint8_t *data = xmalloc(256 * KIB);
    struct tar_unpack_result result = {.compression = tar_source_compression(src)};
    ssize_t n;

    while ((n = tar_source_read(src, data, 256 * KIB, err)) > 0) {
        digest_ctx_update(ctx, data, (size_t)n);
        result.tar_bytes += (uint64_t)n;
    }
    if (n < 0)
        return (int)n;
    digest_ctx_final(ctx, &result.diff_id);
    *ret = result;
    return 0;
}
