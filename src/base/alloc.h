/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Allocation that ends the process when it fails. Nothing depends on a Lighter process living, so
 * a failing small allocation is not worth an error path. Sizes that come from outside are bounded
 * by their readers first (base/limits.h). All results are owned by the caller: free(). */

#include "base/macros.h"

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc_array(void *p, size_t n, size_t size) __attribute__((returns_nonnull));
void *xmemdup(const void *p, size_t size) __attribute__((returns_nonnull));
/* NULL gives NULL. */
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n) __attribute__((returns_nonnull));
char *xasprintf(const char *fmt, ...) _printf_(1, 2) __attribute__((returns_nonnull));

#define XNEW(type)          ((type *)xcalloc(1, sizeof(type)))
#define XNEW_ARRAY(type, n) ((type *)xcalloc((n), sizeof(type)))
