/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Log drivers: where a container's output goes, besides the attached clients.
 *
 * A driver never fails its container: what it cannot write is dropped and counted, and the next
 * write tries again. Life cycle: logger_open() -> logger_write()* -> logger_flush() ->
 * logger_close(). */

#include "base/err.h"
#include "base/macros.h"

enum log_stream { LOG_STDOUT = 0, LOG_STDERR = 1 };

struct logger_params {
    const char *path;        /* absolute */
    uint64_t max_size_bytes; /* 0: never rotate */
    unsigned max_files;      /* kept files with the current one */
    const char *attrs_json;  /* object text, or NULL */
};

struct logger;
struct logger_ops {
    const char *name;
    int (*open)(const struct logger_params *params, struct logger **ret, struct err *err);
    void (*write)(struct logger *l, enum log_stream stream, const char *data, size_t len);
    /* Writes a last line that has no newline. */
    void (*flush)(struct logger *l);
    void (*trim)(struct logger *l);
    void (*close)(struct logger *l);
};

/* The common head of every driver's own structure. */
struct logger {
    const struct logger_ops *ops;
    uint64_t dropped_lines;
};

extern const struct logger_ops logger_json_file;
extern const struct logger_ops logger_none;

/* ERR_INVALID for an unknown driver. */
int logger_open(const char *driver, const struct logger_params *params, struct logger **ret,
                struct err *err);
void logger_write(struct logger *l, enum log_stream stream, const char *data, size_t len);
void logger_flush(struct logger *l);
/* Gives memory that a burst needed back. */
void logger_trim(struct logger *l);
void logger_close(struct logger *l);
DEFINE_CLEANUP(struct logger *, logger_close);
