/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A growing byte buffer with a ceiling.
 *
 * Life cycle: buf_init() -> buf_add…() -> buf_done(), or take the bytes with buf_take(). The data
 * is always followed by a NUL that does not count. Every buffer states the most it may hold: once
 * an addition would exceed it, the buffer keeps what it had, `overflow` is set, and this and all
 * later additions return -EFBIG. */

#include <stdarg.h>

#include "base/macros.h"

struct buf {
    char *data; /* owned; NUL-terminated; NULL while empty and never grown */
    size_t len; /* bytes, without the NUL */
    size_t cap;
    size_t max;
    bool overflow;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
/* Empties it but keeps the memory. */
void buf_reset(struct buf *b);
int buf_add(struct buf *b, const void *data, size_t len);
int buf_adds(struct buf *b, const char *s);
int buf_addc(struct buf *b, char c);
int buf_addf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
int buf_vaddf(struct buf *b, const char *fmt, va_list ap) _printf_(2, 0);
/* Makes room for `len` more bytes and returns where they go (then add to b->len), or NULL over the
 * ceiling. */
char *buf_reserve(struct buf *b, size_t len);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
/* Hands the string over (never NULL; "" when empty) and leaves the buffer empty. */
char *buf_take(struct buf *b);
/* The string, never NULL; borrowed until the next change. */
const char *buf_str(const struct buf *b);

#define _cleanup_buf_     _cleanup_(buf_done)
#define BUF_INIT(ceiling) ((struct buf){.max = (ceiling)})
