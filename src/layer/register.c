/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Registering, counting and rebuilding of layers. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/thread.h"
#include "layer/internal.h"
#include "tar/compress.h"
#include "tar/extract.h"
#include "tar/journal.h"

void layer_chain_id(const struct digest *parent, const struct digest *diff_id, struct digest *ret)
{
    struct digest chain = {0};

    if (!parent || !*parent->str) {
        *ret = *diff_id;
        return;
    }
    _cleanup_free_ char *text = xasprintf("%s %s", parent->str, diff_id->str);
    digest_of(text, strlen(text), &chain);
    *ret = chain;
}

/* Rows */

static void set_digest(struct digest *d, const char *s)
{
    (void)snprintf(d->str, sizeof(d->str), "%s", s);
}

#define INFO_COLUMNS "chain_id, diff_id, parent, size, cache_id"

/* Runs a statement that gives INFO_COLUMNS of at most one layer. 1: there was one; 0: none. */
static int info_of(struct db_stmt *st, struct layer_info *ret, struct err *err)
{
    int r = db_step(st, err);

    if (r <= 0)
        return r;
    struct layer_info info = {.size_bytes = db_col_i64(st, 3)};
    set_digest(&info.chain_id, db_col_str(st, 0));
    set_digest(&info.diff_id, db_col_str(st, 1));
    set_digest(&info.parent, db_col_str(st, 2));
    (void)snprintf(info.cache_id, sizeof(info.cache_id), "%s", db_col_str(st, 4));
    do
        r = db_step(st, err);
    while (r > 0);
    if (r < 0)
        return r;
    *ret = info;
    return 1;
}

static int query_info(struct layer_store *s, const char *sql, const struct digest *chain_id,
                      struct layer_info *ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err, sql, "s", chain_id->str);

    return r < 0 ? r : info_of(st, ret, err);
}

static int not_there(const struct digest *chain_id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "layer %s does not exist", chain_id->str);
}

int layer_get(struct layer_store *s, const struct digest *chain_id, struct layer_info *ret,
              struct err *err)
{
    int r = query_info(s, "SELECT " INFO_COLUMNS " FROM layer_layers WHERE chain_id=?", chain_id,
                       ret, err);

    return r < 0 ? r : r == 1 ? 0 : not_there(chain_id, err);
}

/* 1 with one more reference, 0 when there is no such layer. */
static int try_ref(struct layer_store *s, const struct digest *chain_id, struct layer_info *ret,
                   struct err *err)
{
    return query_info(
        s, "UPDATE layer_layers SET refs=refs+1 WHERE chain_id=? RETURNING " INFO_COLUMNS, chain_id,
        ret, err);
}

int layer_ref(struct layer_store *s, const struct digest *chain_id, struct err *err)
{
    struct layer_info info;
    int r = try_ref(s, chain_id, &info, err);

    return r < 0 ? r : r == 1 ? 0 : not_there(chain_id, err);
}

int layer_collect(struct layer_store *s, const struct digest *chain_id, char ***removed,
                  struct err *err)
{
    struct layer_info info = {.parent = *chain_id};
    int r;

    while (*info.parent.str) {
        struct digest at = info.parent;
        r = query_info(s,
                       "DELETE FROM layer_layers AS l WHERE chain_id=? AND refs<=0"
                       " AND NOT EXISTS(SELECT 1 FROM layer_layers c WHERE c.parent=l.chain_id)"
                       " AND NOT EXISTS(SELECT 1 FROM layer_rw w WHERE w.chain_id=l.chain_id)"
                       " RETURNING " INFO_COLUMNS,
                       &at, &info, err);
        if (r <= 0)
            return r;
        r = layer_trash(s, s->dir_fd, info.cache_id);
        if (r < 0)
            return err_errno(err, r, "remove layer %s", at.str);
        if (removed)
            strv_push(removed, at.str);
    }
    return 0;
}

int layer_release(struct layer_store *s, const struct digest *chain_id, char ***removed,
                  struct err *err)
{
    struct layer_info info;
    int r = query_info(s,
                       "UPDATE layer_layers SET refs=refs-1 WHERE chain_id=? AND refs>0"
                       " RETURNING " INFO_COLUMNS,
                       chain_id, &info, err);

    if (r < 0)
        return r;
    return r == 1 ? layer_collect(s, chain_id, removed, err) : not_there(chain_id, err);
}

int layer_unref(struct layer_store *s, const struct digest *chain_id, struct err *err)
{
    return layer_release(s, chain_id, NULL, err);
}

static int unused_layers(struct layer_store *s, char ***ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err,
                       "SELECT chain_id FROM layer_layers WHERE refs<=0 ORDER BY depth DESC", NULL);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        strv_push(ret, db_col_str(st, 0));
    return r;
}

int layer_reconcile(struct layer_store *s, const struct digest *users, size_t n, struct err *err)
{
    _cleanup_strv_ char **unused = NULL;
    int r = db_begin(s->db, err);

    if (r < 0)
        return r;
    r = db_run(s->db, err, "UPDATE layer_layers SET refs=0 WHERE refs<>0", NULL);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = db_run(s->db, err, "UPDATE layer_layers SET refs=refs+1 WHERE chain_id=?", "s",
                   users[i].str);
    if (r < 0) {
        db_rollback(s->db);
        return r;
    }
    r = db_commit(s->db, err);
    if (r == 0)
        r = unused_layers(s, &unused, err);
    for (size_t i = 0; r == 0 && unused && unused[i]; i++) {
        struct digest chain = {0};
        set_digest(&chain, unused[i]);
        r = layer_collect(s, &chain, NULL, err);
    }
    return r;
}

/* One registration of a layer at a time */

struct layer_flight {
    struct layer_flight *next;
    struct digest chain_id;
};

static bool in_flight(const struct layer_store *s, const struct digest *chain_id)
{
    for (const struct layer_flight *f = s->flights; f; f = f->next)
        if (digest_eq(&f->chain_id, chain_id))
            return true;
    return false;
}

/* Waits until nobody registers this layer, and enters it. */
static void flight_enter(struct layer_store *s, struct layer_flight *f)
{
    LOCK_SCOPE(&s->lock);
    while (in_flight(s, &f->chain_id))
        (void)pthread_cond_wait(&s->changed, &s->lock);
    f->next = s->flights;
    s->flights = f;
}

static void flight_leave(struct layer_store *s, struct layer_flight *f)
{
    LOCK_SCOPE(&s->lock);
    struct layer_flight **at = &s->flights;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    (void)pthread_cond_broadcast(&s->changed);
}

/* Unpacking */

/* What is known of a layer while it is made. */
struct making {
    struct layer_store *s;
    const struct layer_register_options *options;
    struct layer_info info;
    char tmp[40];  /* name in <root>/tmp; "" when there is none */
    int fd;        /* <root>/tmp/<tmp>; owned */
    char **lowers; /* owned; cache IDs below, looked up on first use */
};

static void making_done(struct making *m)
{
    close_fd(m->fd);
    if (*m->tmp)
        (void)layer_trash(m->s, m->s->tmp_fd, m->tmp);
    strv_free(m->lowers);
}

static int making_start(struct making *m, struct err *err)
{
    char id[65];

    random_id(id);
    (void)snprintf(m->info.cache_id, sizeof(m->info.cache_id), "%.*s", LAYER_CACHE_ID, id);
    (void)snprintf(m->tmp, sizeof(m->tmp), LAYER_TMP_PREFIX "%.*s", LAYER_CACHE_ID, id);
    if (mkdirat(m->s->tmp_fd, m->tmp, 0710) == 0)
        m->fd = openat(m->s->tmp_fd, m->tmp, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->fd < 0 || mkdirat(m->fd, "diff", 0755) < 0)
        return err_errno(err, errno, "create %s/tmp/%s", m->s->root, m->tmp);
    return 0;
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

/* What the nearest lower layer that knows `path` says about it. */
static int stat_lower(void *arg, const char *path, struct stat *ret)
{
    struct making *m = arg;
    struct stat st;

    if (!m->lowers && *m->info.parent.str &&
        layer_lowers(m->s, &m->info.parent, &m->lowers, NULL) < 0)
        return -EIO;
    for (size_t i = 0; m->lowers && m->lowers[i]; i++) {
        _cleanup_free_ char *name = xasprintf("%s/diff/%s", m->lowers[i], path);
        _cleanup_close_ int fd = open_beneath(m->s->dir_fd, name, O_PATH | O_NOFOLLOW, 0);
        if (fd == -ENOENT)
            continue;
        /* Something of another kind, or a whiteout, hides what is further below. */
        if (fd < 0 || fstat(fd, &st) < 0 || is_whiteout(&st))
            return -ENOENT;
        *ret = st;
        return 0;
    }
    return -ENOENT;
}

static int report_progress(void *arg, uint64_t tar_bytes)
{
    struct making *m = arg;

    return m->options && m->options->progress
               ? m->options->progress(m->options->progress_ctx, tar_bytes)
               : 0;
}

static int open_source(int fd, const struct layer_register_options *o, struct tar_source **ret,
                       struct err *err)
{
    return o && o->read ? tar_source_open_fn(o->read, o->read_ctx, ret, err)
                        : tar_source_open_fd(fd, ret, err);
}

static int unpack(struct making *m, int fd, const struct digest *expected, struct err *err)
{
    const struct tar_unpack_options options = {
        .stat_lower = stat_lower, .progress = report_progress, .arg = m};
    _cleanup_(tar_source_freep)
    struct tar_source *source = NULL;
    struct tar_unpack_result result = {0};
    _cleanup_close_ int diff = openat(m->fd, "diff", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int journal =
        openat(m->fd, LAYER_JOURNAL, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (diff < 0 || journal < 0)
        return err_errno(err, errno, "create %s/tmp/%s", m->s->root, m->tmp);
    int r = open_source(fd, m->options, &source, err);
    if (r == 0)
        r = tar_unpack_layer(source, diff, &options, journal, &result, err);
    if (r < 0)
        return r;
    if (expected && !digest_eq(expected, &result.diff_id))
        return err_set(err, ERR_INVALID, "invalid diffID for layer: expected \"%s\", got \"%s\"",
                       expected->str, result.diff_id.str);
    m->info.diff_id = result.diff_id;
    m->info.size_bytes = (int64_t)result.size_bytes;
    layer_chain_id(&m->info.parent, &result.diff_id, &m->info.chain_id);
    return syncfs(m->fd) < 0 ? err_errno(err, errno, "sync the layer") : 0;
}

/* Adds the row with one reference, unless the layer got there by another way. 1: added, 0: was
 * there and has one more reference now. */
static int record(struct making *m, struct err *err)
{
    const struct layer_info *i = &m->info;
    struct layer_info row;
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(m->s->db, &st, err,
                       "INSERT INTO layer_layers SELECT ?1, ?2, ?3, ?4, ?5,"
                       " 1 + coalesce((SELECT depth FROM layer_layers WHERE chain_id=?3), 0), 1"
                       " WHERE ?3='' OR EXISTS(SELECT 1 FROM layer_layers WHERE chain_id=?3)"
                       " ON CONFLICT(chain_id) DO UPDATE SET refs=refs+1 RETURNING " INFO_COLUMNS,
                       "ssssi", i->chain_id.str, i->diff_id.str, i->parent.str, i->cache_id,
                       i->size_bytes);

    if (r == 0)
        r = info_of(st, &row, err);
    if (r < 0)
        return r;
    if (r == 0)
        return not_there(&i->parent, err);
    bool added = str_eq(row.cache_id, i->cache_id);
    m->info = row;
    return added;
}

/* From the temporary name to the final one, and into the database. */
static int commit(struct making *m, struct err *err)
{
    char cache_id[sizeof(m->info.cache_id)];

    (void)snprintf(cache_id, sizeof(cache_id), "%s", m->info.cache_id);
    if (syscall(SYS_renameat2, m->s->tmp_fd, m->tmp, m->s->dir_fd, cache_id,
                1U /* RENAME_NOREPLACE */) < 0)
        return err_errno(err, errno, "rename the layer into place");
    *m->tmp = '\0';
    int r = fsync(m->s->dir_fd) < 0 ? err_errno(err, errno, "sync %s/overlay2", m->s->root)
                                    : record(m, err);
    if (r != 1)
        (void)layer_trash(m->s, m->s->dir_fd, cache_id);
    return r < 0 ? r : 0;
}

static int check_parent(struct layer_store *s, const struct digest *parent, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT depth FROM layer_layers WHERE chain_id=?", "s",
                       parent->str);

    if (r == 0)
        r = db_step(st, err);
    if (r < 0)
        return r;
    if (r == 0)
        return not_there(parent, err);
    return db_col_i64(st, 0) >= LAYER_DEPTH_MAX ? err_set(err, ERR_INVALID, "max depth exceeded")
                                                : 0;
}

static int make_layer(struct layer_store *s, const struct digest *parent, int fd,
                      const struct digest *expected, const struct layer_register_options *options,
                      struct layer_info *ret, struct err *err)
{
    _cleanup_(making_done)
    struct making m = {.s = s, .options = options, .fd = -1};

    if (parent)
        m.info.parent = *parent;
    int r = making_start(&m, err);
    if (r == 0)
        r = unpack(&m, fd, expected, err);
    if (r == 0)
        r = commit(&m, err);
    if (r < 0)
        return r;
    *ret = m.info;
    return 0;
}

/* The layer is there, and we hold a reference: reads the stream only to check it. */
static int verify_stream(struct layer_store *s, int fd,
                         const struct layer_register_options *options,
                         const struct layer_info *info, struct err *err)
{
    _cleanup_(tar_source_freep)
    struct tar_source *source = NULL;
    struct tar_unpack_result result = {0};
    int r = open_source(fd, options, &source, err);

    if (r == 0)
        r = tar_hash(source, &result, err);
    if (r == 0 && !digest_eq(&result.diff_id, &info->diff_id))
        r = err_set(err, ERR_INVALID, "invalid diffID for layer: expected \"%s\", got \"%s\"",
                    info->diff_id.str, result.diff_id.str);
    if (r < 0)
        (void)layer_unref(s, &info->chain_id, NULL);
    return r;
}

int layer_register_with(struct layer_store *s, const struct digest *parent, int fd,
                        const struct digest *expected, const struct layer_register_options *options,
                        struct layer_info *ret, struct err *err)
{
    struct layer_flight flight = {0};
    int r;

    if (parent && !*parent->str)
        parent = NULL;
    r = parent ? check_parent(s, parent, err) : 0;
    if (r < 0)
        return r;
    if (!expected)
        return make_layer(s, parent, fd, NULL, options, ret, err);
    layer_chain_id(parent, expected, &flight.chain_id);
    flight_enter(s, &flight);
    struct layer_info info;
    r = try_ref(s, &flight.chain_id, &info, err);
    if (r == 1)
        r = verify_stream(s, fd, options, &info, err);
    else if (r == 0)
        r = make_layer(s, parent, fd, expected, options, &info, err);
    flight_leave(s, &flight);
    if (r == 0)
        *ret = info;
    return r;
}

int layer_register(struct layer_store *s, const struct digest *parent, int fd,
                   const struct digest *expected, struct layer_info *ret, struct err *err)
{
    return layer_register_with(s, parent, fd, expected, NULL, ret, err);
}

/* Opens the journal of the layer. */
static int open_journal(struct layer_store *s, const struct layer_info *info, struct err *err)
{
    _cleanup_free_ char *path = xasprintf("%s/" LAYER_JOURNAL, info->cache_id);
    int fd = openat(s->dir_fd, path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? err_errno(err, errno, "open %s/overlay2/%s", s->root, path) : fd;
}

int layer_write_tar_to(struct layer_store *s, const struct digest *chain_id, struct tar_sink sink,
                       struct err *err)
{
    struct tar_journal_info rebuilt;
    struct layer_info info;
    int r = layer_get(s, chain_id, &info, err);

    if (r < 0)
        return r;
    _cleanup_free_ char *path = xasprintf("%s/diff", info.cache_id);
    _cleanup_close_ int diff = openat(s->dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (diff < 0)
        return err_errno(err, errno, "open %s/overlay2/%s", s->root, path);
    _cleanup_close_ int journal = open_journal(s, &info, err);
    if (journal < 0)
        return journal;
    r = tar_rebuild_at(journal, diff, sink, &rebuilt, err);
    if (r == 0 && !digest_eq(&rebuilt.diff_id, &info.diff_id))
        r = err_set(err, ERR_INTERNAL, "layer %s is damaged: its tar has the digest %s",
                    info.diff_id.str, rebuilt.diff_id.str);
    return r;
}

int layer_write_tar(struct layer_store *s, const struct digest *chain_id, int out_fd,
                    struct err *err)
{
    return layer_write_tar_to(s, chain_id, tar_sink_fd(&out_fd), err);
}

int layer_tar_size(struct layer_store *s, const struct digest *chain_id, uint64_t *ret,
                   struct err *err)
{
    struct tar_journal_info journal_info;
    struct layer_info info;
    int r = layer_get(s, chain_id, &info, err);

    if (r < 0)
        return r;
    _cleanup_close_ int journal = open_journal(s, &info, err);
    if (journal < 0)
        return journal;
    r = tar_journal_info(journal, &journal_info, err);
    if (r == 0)
        *ret = journal_info.tar_bytes;
    return r;
}
