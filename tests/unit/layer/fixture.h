/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A layer store in a temporary directory, shared by the tests of layers and images. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "db/db.h"
#include "layer/layer.h"

struct fixture {
    char dir[64]; /* work directory; the store is in <dir>/data */
    struct db *db;
    struct layer_store *layers;
};

#define assert_ok(call)                             \
    do {                                            \
        if ((call) < 0)                             \
            fail_msg("%s: %s", #call, err.message); \
    } while (0)

static inline void fixture_open(struct fixture *f)
{
    _cleanup_free_ char *data = xasprintf("%s/data", f->dir);
    _cleanup_free_ char *db = xasprintf("%s/data/state.db", f->dir);
    struct err err = {0};

    assert_int_equal(mkdir_p(data, 0700), 0);
    assert_ok(db_open(db, &f->db, &err));
    assert_ok(layer_store_open(data, "overlay2", f->db, &f->layers, &err));
}

static inline void fixture_close(struct fixture *f)
{
    layer_store_close(TAKE_PTR(f->layers));
    db_close(TAKE_PTR(f->db));
}

static inline void fixture_new(struct fixture *f)
{
    const char *tmp = getenv("TMPDIR");

    if (geteuid() != 0)
        skip();
    (void)snprintf(f->dir, sizeof(f->dir), "%.30s/lighter-layer-XXXXXX", tmp ? tmp : "/var/tmp");
    assert_non_null(mkdtemp(f->dir));
    fixture_open(f);
}

static inline void fixture_delete(struct fixture *f)
{
    fixture_close(f);
    assert_int_equal(rm_rf_at(AT_FDCWD, f->dir), 0);
}

/* Runs shell commands in the work directory; they must succeed. */
static inline void sh(const struct fixture *f, const char *script)
{
    _cleanup_free_ char *command = xasprintf("set -e; cd '%s'; %s", f->dir, script);

    if (system(command) != 0)
        fail_msg("failed: %s", script);
}

/* The first line that shell commands print. */
static inline char *sh_out(const struct fixture *f, const char *script)
{
    _cleanup_free_ char *command = xasprintf("cd '%s'; %s", f->dir, script);
    FILE *p = popen(command, "r");
    char line[4096] = "";

    assert_non_null(p);
    if (!fgets(line, sizeof(line), p))
        line[0] = '\0';
    (void)pclose(p);
    line[strcspn(line, "\n")] = '\0';
    return xstrdup(line);
}

static inline int open_file(const struct fixture *f, const char *name)
{
    _cleanup_free_ char *path = xasprintf("%s/%s", f->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static inline struct digest sha256sum(const struct fixture *f, const char *name)
{
    _cleanup_free_ char *script = xasprintf("sha256sum < %s | cut -d' ' -f1", name);
    _cleanup_free_ char *hex = sh_out(f, script);
    struct digest d;

    (void)snprintf(d.str, sizeof(d.str), "sha256:%.64s", hex);
    return d;
}

/* Everything the store holds: rows and directories, without what only waits to be deleted. */
static inline char *store_state(const struct fixture *f)
{
    return sh_out(f,
                  "(find data -path data/trash -prune -o -path 'data/state.db*' -prune -o "
                  "-printf '%P %y %m %s %U\\n' | sort; sqlite3 data/state.db .dump 2>/dev/null || "
                  "/usr/bin/python3 -c \"import sqlite3;"
                  "print('\\n'.join(sqlite3.connect('data/state.db').iterdump()))\") "
                  "| sha256sum");
}
