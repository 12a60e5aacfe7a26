/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "db/db.h"

static char dir[] = "/tmp/test-db-XXXXXX";

static const char *const versions[] = {
    "CREATE TABLE t_item(name TEXT PRIMARY KEY, n INTEGER)",
    "ALTER TABLE t_item ADD COLUMN extra TEXT",
};

static struct db *open_db(const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
    struct err err = {};
    struct db *db = NULL;

    if (db_open(path, &db, &err) < 0)
        fail_msg("%s", err.message);
    return db;
}

static int64_t count(struct db *db)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;

    assert_int_equal(db_prepare(db, &st, NULL, "SELECT count(*) FROM t_item", NULL), 0);
    assert_int_equal(db_step(st, NULL), 1);
    return db_col_i64(st, 0);
}

static void test_migrations(void **state)
{
    struct err err = {};
    struct db *db = open_db("migrate");

    assert_int_equal(db_migrate(db, "t", versions, 1, &err), 0);
    assert_int_equal(db_run(db, &err, "INSERT INTO t_item VALUES(?,?)", "si", "a", (int64_t)1), 0);
    db_close(db);
    db = open_db("migrate");
    assert_int_equal(db_migrate(db, "t", versions, 2, &err), 0);
    assert_int_equal(db_run(db, &err, "UPDATE t_item SET extra=?", "s", "x"), 0);
    assert_int_equal(count(db), 1);
    assert_int_equal(db_migrate(db, "t", versions, 1, &err), -EOPNOTSUPP);
    assert_non_null(strstr(err.message, "written by a newer one"));
    db_close(db);
}

static void test_failed_migration_changes_nothing(void **state)
{
    static const char *const broken[] = {"CREATE TABLE t_item(name TEXT)", "NOT SQL"};
    _cleanup_(db_closep)
    struct db *db = open_db("broken");
    struct err err = {};

    assert_true(db_migrate(db, "t", broken, 2, &err) < 0);
    assert_int_equal(db_migrate(db, "t", versions, 2, &err), 0);
    assert_int_equal(count(db), 0);
}

static void test_transactions(void **state)
{
    _cleanup_(db_closep)
    struct db *db = open_db("transactions");
    static const char insert[] = "INSERT INTO t_item(name, n) VALUES(?,?)";
    struct err err = {};

    assert_int_equal(db_migrate(db, "t", versions, 2, &err), 0);
    assert_int_equal(db_begin(db, &err), 0);
    assert_int_equal(db_run(db, &err, insert, "si", "a", (int64_t)1), 0);
    db_rollback(db);
    assert_int_equal(count(db), 0);
    assert_int_equal(db_begin(db, &err), 0);
    assert_int_equal(db_run(db, &err, insert, "si", "a", (int64_t)1), 0);
    assert_int_equal(db_commit(db, &err), 0);
    assert_int_equal(count(db), 1);
    assert_int_equal(db_run(db, &err, insert, "si", "a", (int64_t)2), -EEXIST);
    assert_int_equal(err.kind, ERR_CONFLICT);
    assert_int_equal(db_run(db, &err, "DELETE FROM t_item", NULL), 0);
    assert_int_equal(db_changes(db), 1);
}

static int64_t synchronous(struct db *db)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;

    assert_int_equal(db_prepare(db, &st, NULL, "PRAGMA synchronous", NULL), 0);
    assert_int_equal(db_step(st, NULL), 1);
    return db_col_i64(st, 0);
}

static void test_sync_can_be_paused(void **state)
{
    _cleanup_(db_closep)
    struct db *db = open_db("pause");

    assert_int_equal(db_migrate(db, "t", versions, 2, NULL), 0);
    assert_int_equal(synchronous(db), 2);
    db_sync_pause(db);
    assert_int_equal(synchronous(db), 1);
    assert_int_equal(db_begin(db, NULL), 0);
    assert_int_equal(db_run(db, NULL, "INSERT INTO t_item(name) VALUES('a')", NULL), 0);
    assert_int_equal(db_commit(db, NULL), 0);
    db_sync_resume(db);
    assert_int_equal(synchronous(db), 2);
    assert_int_equal(count(db), 1);
}

static void test_foreign_file_is_refused(void **state)
{
    _cleanup_free_ char *path = xasprintf("%s/foreign", dir);
    struct err err = {};
    struct db *db = NULL;

    assert_int_equal(
        write_file_at(AT_FDCWD, path, "this is not a database at all, no, no, no", 41, 0600), 0);
    assert_true(db_open(path, &db, &err) < 0);
    assert_null(db);
    assert_non_null(strstr(err.message, "not a database"));
}

static int setup(void **state)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    return rm_rf_at(AT_FDCWD, dir);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_migrations),
        cmocka_unit_test(test_failed_migration_changes_nothing),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_sync_can_be_paused),
        cmocka_unit_test(test_foreign_file_is_refused),
    };

    return cmocka_run_group_tests_name("db/db", tests, setup, teardown);
}
