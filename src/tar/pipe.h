/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Reads a source ahead in a thread of its own, and hashes what it reads: decompression, SHA-256 and
 * the writing of files overlap.
 *
 * Life cycle: new -> read until 0 -> result -> free. While it lives, the source belongs to its
 * thread; free() stops and joins that (a source over a descriptor is woken up; a source over a
 * function is waited for). */

#include "base/digest.h"
#include "base/err.h"
#include "base/macros.h"
#include "tar/compress.h"

struct tar_pipe;

/* max_bytes: the most that may come out; 0: no limit. src is borrowed. */
int tar_pipe_new(struct tar_source *src, uint64_t max_bytes, struct tar_pipe **ret,
                 struct err *err);
void tar_pipe_free(struct tar_pipe *p);
DEFINE_CLEANUP(struct tar_pipe *, tar_pipe_free);
/* A tar_read_fn. */
ssize_t tar_pipe_read(void *pipe, void *buf, size_t len, struct err *err);
/* After the end has been read. */
void tar_pipe_result(struct tar_pipe *p, struct digest *ret_digest, uint64_t *ret_bytes);

/* From then on, reads of a source over a descriptor fail with ERR_CANCELLED once cancel_fd (an
 * eventfd; borrowed) is readable. -1: no longer. Implemented by compress.c. */
void tar_source_set_cancel(struct tar_source *s, int cancel_fd);
