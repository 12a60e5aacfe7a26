/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "db/db.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

struct db {
    sqlite3 *handle; /* owned */
    pthread_mutex_t lock;
};

struct db_stmt {
    struct db *db;      /* borrowed; its lock is held */
    sqlite3_stmt *stmt; /* owned */
};

static int db_error(struct db *db, int rc, const char *what, struct err *err)
{
    enum err_kind kind = ERR_INTERNAL;

    if (rc == SQLITE_FULL)
        kind = ERR_NO_SPACE;
    else if (rc == SQLITE_CONSTRAINT)
        kind = ERR_CONFLICT;
    return err_set(err, kind, "state database: %s: %s", what,
                   db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(rc));
}

static int exec_sql(struct db *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? 0 : db_error(db, rc, sql, err);
}

int db_open(const char *path, struct db **ret, struct err *err)
{
    static const char setup[] = "PRAGMA journal_mode=WAL;"
                                "PRAGMA synchronous=FULL;"
                                "PRAGMA foreign_keys=ON;"
                                "PRAGMA cache_size=-512;"
                                "CREATE TABLE IF NOT EXISTS schema_version("
                                "module TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;";
    _cleanup_(db_closep)
    struct db *db = XNEW(struct db);
    pthread_mutexattr_t attr;

    (void)pthread_mutexattr_init(&attr);
    (void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    (void)pthread_mutex_init(&db->lock, &attr);
    (void)pthread_mutexattr_destroy(&attr);
    int rc = sqlite3_open_v2(
        path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc != SQLITE_OK)
        return db_error(db, rc, path, err);
    (void)sqlite3_busy_timeout(db->handle, 5000);
    int r = exec_sql(db, setup, err);
    if (r < 0) {
        err_wrap(err, "%s", path);
        return r;
    }
    *ret = TAKE_PTR(db);
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    (void)sqlite3_close_v2(db->handle);
    (void)pthread_mutex_destroy(&db->lock);
    free(db);
}

int db_begin(struct db *db, struct err *err)
{
    (void)pthread_mutex_lock(&db->lock);
    int r = exec_sql(db, "BEGIN IMMEDIATE", err);
    if (r < 0)
        (void)pthread_mutex_unlock(&db->lock);
    return r;
}

int db_commit(struct db *db, struct err *err)
{
    int r = exec_sql(db, "COMMIT", err);

    if (r < 0)
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    (void)pthread_mutex_unlock(&db->lock);
    return r;
}

void db_rollback(struct db *db)
{
    (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    (void)pthread_mutex_unlock(&db->lock);
}

void db_sync_pause(struct db *db)
{
    (void)pthread_mutex_lock(&db->lock);
    (void)sqlite3_exec(db->handle, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
}

void db_sync_resume(struct db *db)
{
    (void)sqlite3_exec(db->handle, "PRAGMA synchronous=FULL", NULL, NULL, NULL);
    (void)pthread_mutex_unlock(&db->lock);
}

static int bind_all(struct db *db, sqlite3_stmt *stmt, const char *types, va_list ap,
                    struct err *err)
{
    for (int i = 0; types && types[i]; i++) {
        int rc = SQLITE_MISUSE;
        if (types[i] == 's') {
            rc = sqlite3_bind_text(stmt, i + 1, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
        } else if (types[i] == 'i') {
            rc = sqlite3_bind_int64(stmt, i + 1, va_arg(ap, int64_t));
        } else if (types[i] == 'b') {
            const void *data = va_arg(ap, const void *);
            size_t len = va_arg(ap, size_t);
            rc = sqlite3_bind_blob64(stmt, i + 1, data, len, SQLITE_TRANSIENT);
        }
        if (rc != SQLITE_OK)
            return db_error(db, rc, "bind", err);
    }
    return 0;
}

static int prepare_v(struct db *db, struct db_stmt **ret, struct err *err, const char *sql,
                     const char *types, va_list ap)
{
    struct db_stmt *st = XNEW(struct db_stmt);

    st->db = db;
    (void)pthread_mutex_lock(&db->lock);
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, &st->stmt, NULL);
    int r = rc == SQLITE_OK ? bind_all(db, st->stmt, types, ap, err) : db_error(db, rc, sql, err);
    if (r < 0) {
        db_stmt_done(st);
        return r;
    }
    *ret = st;
    return 0;
}

int db_prepare(struct db *db, struct db_stmt **ret, struct err *err, const char *sql,
               const char *types, ...)
{
    va_list ap;

    va_start(ap, types);
    int r = prepare_v(db, ret, err, sql, types, ap);
    va_end(ap);
    return r;
}

void db_stmt_done(struct db_stmt *st)
{
    if (!st)
        return;
    (void)sqlite3_finalize(st->stmt);
    (void)pthread_mutex_unlock(&st->db->lock);
    free(st);
}

int db_step(struct db_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st->stmt);

    if (rc == SQLITE_ROW)
        return 1;
    if (rc == SQLITE_DONE)
        return 0;
    return db_error(st->db, rc, sqlite3_sql(st->stmt), err);
}

const char *db_col_str(struct db_stmt *st, int column)
{
    return (const char *)sqlite3_column_text(st->stmt, column);
}

int64_t db_col_i64(struct db_stmt *st, int column)
{
    return sqlite3_column_int64(st->stmt, column);
}

const void *db_col_blob(struct db_stmt *st, int column, size_t *ret_len)
{
    const void *data = sqlite3_column_blob(st->stmt, column);

    *ret_len = (size_t)sqlite3_column_bytes(st->stmt, column);
    return data;
}

int db_run(struct db *db, struct err *err, const char *sql, const char *types, ...)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    va_list ap;

    va_start(ap, types);
    int r = prepare_v(db, &st, err, sql, types, ap);
    va_end(ap);
    if (r < 0)
        return r;
    do
        r = db_step(st, err);
    while (r > 0);
    return r;
}

int64_t db_changes(struct db *db)
{
    return sqlite3_changes64(db->handle);
}

static int module_version(struct db *db, const char *module, int64_t *ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r =
        db_prepare(db, &st, err, "SELECT version FROM schema_version WHERE module=?", "s", module);

    if (r < 0)
        return r;
    r = db_step(st, err);
    if (r < 0)
        return r;
    *ret = r == 1 ? db_col_i64(st, 0) : 0;
    return 0;
}

int db_migrate(struct db *db, const char *module, const char *const *migrations, size_t n,
               struct err *err)
{
    int64_t version = 0;
    int r = module_version(db, module, &version, err);

    if (r < 0)
        return r;
    if (version > (int64_t)n)
        return err_set(err, ERR_UNSUPPORTED,
                       "the state database has version %lld of the %s tables, this engine knows "
                       "%zu: it was written by a newer one",
                       (long long)version, module, n);
    if (version == (int64_t)n)
        return 0;
    r = db_begin(db, err);
    if (r < 0)
        return r;
    for (size_t i = (size_t)version; r == 0 && i < n; i++)
        r = exec_sql(db, migrations[i], err);
    if (r == 0)
        r = db_run(db, err, "INSERT OR REPLACE INTO schema_version VALUES(?,?)", "si", module,
                   (int64_t)n);
    if (r < 0) {
        db_rollback(db);
        err_wrap(err, "migrate the %s tables", module);
        return r;
    }
    return db_commit(db, err);
}
