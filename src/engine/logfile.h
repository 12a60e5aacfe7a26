/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A container's json-file log: the current file and its rotated ones (path.1 is the newest of
 * these), read as one sequence of lines.
 *
 * The writer is another process. Files are opened once and read by descriptor, so a rotation while
 * reading loses nothing; a last line that is still being written is left for the next call. */

#include "base/err.h"
#include "base/macros.h"

struct logfile;

/* tail: start at the last `tail` lines; -1: at the oldest. ERR_NOT_FOUND is no error: an absent log
 * is an empty one. */
int logfile_open(const char *path, int64_t tail, struct logfile **ret, struct err *err);
void logfile_close(struct logfile *l);
DEFINE_CLEANUP(struct logfile *, logfile_close);
/* 1 and a line without its newline (borrowed until the next call), 0 when there is no complete one
 * now, or a negative errno. Lines over the ceiling are left out. */
int logfile_next(struct logfile *l, const char **ret, size_t *ret_len);
