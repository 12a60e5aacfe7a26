/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The state database: one SQLite file in WAL mode with synchronous=FULL, so that a committed change
 * survives a power cut.
 *
 * Every module owns its tables (named "<module>_…") and brings their migrations. Thread-safe: one
 * connection behind a recursive lock; a transaction holds the lock from db_begin() to db_commit()
 * or db_rollback(). Keep transactions short and do no other I/O inside one. */

#include "base/err.h"
#include "base/macros.h"

struct db;
struct db_stmt;

/* Opens or creates the file. ERR_INVALID when it is no database of ours. Owned: db_close(). */
int db_open(const char *path, struct db **ret, struct err *err);
void db_close(struct db *db);
DEFINE_CLEANUP(struct db *, db_close);

/* Brings the module's tables to version n: migrations[i] is the SQL that leads from version i to
 * i+1. A database that knows a higher version is refused with ERR_UNSUPPORTED. */
int db_migrate(struct db *db, const char *module, const char *const *migrations, size_t n,
               struct err *err);

int db_begin(struct db *db, struct err *err);
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);

/* Between the two, commits do not wait for the disk: a power cut may lose the last of them (never
 * their order or the file's integrity), and the next synced commit carries them along. For what may
 * be lost, or can be found out again. Holds the lock; not inside a transaction. */
void db_sync_pause(struct db *db);
void db_sync_resume(struct db *db);

/* Statements. db_prepare() takes the database's lock, db_stmt_done() gives it back, so finish each
 * statement soon: _cleanup_(db_stmt_donep). `types` says how the arguments bind, one letter each:
 * s text (const char *, NULL gives NULL; copied), i int64_t (pass an int64_t!), b blob
 * (const void *, size_t; copied). */
int db_prepare(struct db *db, struct db_stmt **ret, struct err *err, const char *sql,
               const char *types, ...);
void db_stmt_done(struct db_stmt *st);
DEFINE_CLEANUP(struct db_stmt *, db_stmt_done);
/* 1: a row is there; 0: no more rows; negative errno. */
int db_step(struct db_stmt *st, struct err *err);
/* Columns of the current row; text is borrowed until the next step, NULL for SQL NULL. */
const char *db_col_str(struct db_stmt *st, int column);
int64_t db_col_i64(struct db_stmt *st, int column);
const void *db_col_blob(struct db_stmt *st, int column, size_t *ret_len);

/* Prepare, step to the end, finish. */
int db_run(struct db *db, struct err *err, const char *sql, const char *types, ...);
/* Rows changed by the last db_run() of this thread's transaction. */
int64_t db_changes(struct db *db);
