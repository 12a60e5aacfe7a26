/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "container/container.h"
#include "db/db.h"

static const char *const migrations[] = {
    "CREATE TABLE container_record ("
    "  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL,"
    "  image_id TEXT NOT NULL, config TEXT NOT NULL, host TEXT NOT NULL, mounts TEXT NOT NULL,"
    "  running INTEGER NOT NULL DEFAULT 0, started INTEGER NOT NULL DEFAULT 0,"
    "  finished INTEGER NOT NULL DEFAULT 0, exit_code INTEGER NOT NULL DEFAULT 0,"
    "  oom_killed INTEGER NOT NULL DEFAULT 0, restart_count INTEGER NOT NULL DEFAULT 0,"
    "  manually_stopped INTEGER NOT NULL DEFAULT 0, error TEXT NOT NULL DEFAULT '')"
    "  WITHOUT ROWID",
};

int container_store_migrate(struct db *db, struct err *err)
{
    return db_migrate(db, "container", migrations, ARRAY_SIZE(migrations), err);
}

int container_store_insert(struct db *db, const struct container_conf *conf, const char *name,
                           struct err *err)
{
    return db_run(db, err,
                  "INSERT INTO container_record (id, name, created, image_id, config, host, mounts)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?)",
                  "ssissss", conf->id, name, conf->created_nsec, conf->image_id, conf->config_text,
                  conf->host_text, conf->mounts_text);
}

int container_store_host(struct db *db, const char *id, const json_t *host, struct err *err)
{
    _cleanup_free_ char *text = json_print(host);

    return db_run(db, err, "UPDATE container_record SET host = ? WHERE id = ?", "ss", text, id);
}

int container_store_rename(struct db *db, const char *id, const char *name, struct err *err)
{
    return db_run(db, err, "UPDATE container_record SET name = ? WHERE id = ?", "ss", name, id);
}

int container_store_delete(struct db *db, const char *id, struct err *err)
{
    return db_run(db, err, "DELETE FROM container_record WHERE id = ?", "s", id);
}

int container_store_state(struct db *db, const char *id, const struct container_state *s,
                          struct err *err)
{
    return db_run(db, err,
                  "UPDATE container_record SET running = ?, started = ?, finished = ?,"
                  " exit_code = ?, oom_killed = ?, restart_count = ?, manually_stopped = ?,"
                  " error = ? WHERE id = ?",
                  "iiiiiiiss", (int64_t)s->running, s->started_nsec, s->finished_nsec,
                  (int64_t)s->exit_code, (int64_t)s->oom_killed, (int64_t)s->restart_count,
                  (int64_t)s->manually_stopped, s->error, id);
}

static json_t *parse_column(struct db_stmt *st, int column, const char *what)
{
    const char *text = db_col_str(st, column);

    return text ? json_parse(text, strlen(text), what, NULL) : NULL;
}

static int read_row(struct db_stmt *st,
                    int (*fn)(void *ctx, struct container_conf *conf, const char *name,
                              const struct container_state *state),
                    void *ctx)
{
    _cleanup_json_ json_t *config = parse_column(st, 4, "config");
    _cleanup_json_ json_t *host = parse_column(st, 5, "host config");
    _cleanup_json_ json_t *mounts = parse_column(st, 6, "mounts");
    _cleanup_(container_conf_unrefp)
    struct container_conf *conf = NULL;
    struct container_state state = {0};

    if (!json_is_object(config) || !json_is_object(host) || !json_is_array(mounts)) {
        log_error("the record of container %s cannot be read; it is left out", db_col_str(st, 0));
        return 0;
    }
    conf = container_conf_new(db_col_str(st, 0), db_col_i64(st, 2), db_col_str(st, 3), config, host,
                              mounts);
    state.running = db_col_i64(st, 7) != 0;
    state.started_nsec = db_col_i64(st, 8);
    state.finished_nsec = db_col_i64(st, 9);
    state.exit_code = (int)db_col_i64(st, 10);
    state.oom_killed = db_col_i64(st, 11) != 0;
    state.restart_count = (int)db_col_i64(st, 12);
    state.manually_stopped = db_col_i64(st, 13) != 0;
    (void)snprintf(state.error, sizeof(state.error), "%s",
                   db_col_str(st, 14) ? db_col_str(st, 14) : "");
    return fn(ctx, conf, db_col_str(st, 1), &state);
}

int container_store_each(struct db *db,
                         int (*fn)(void *ctx, struct container_conf *conf, const char *name,
                                   const struct container_state *state),
                         void *ctx, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(db, &st, err,
                       "SELECT id, name, created, image_id, config, host, mounts, running, started,"
                       " finished, exit_code, oom_killed, restart_count, manually_stopped, error"
                       " FROM container_record ORDER BY created",
                       "");

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        if ((r = read_row(st, fn, ctx)) < 0)
            break;
    return r;
}
