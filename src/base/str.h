/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Strings, string vectors and strict number parsing.
 *
 * A string vector (`char **`) is a NULL-terminated heap array of heap strings; NULL counts as
 * empty. Parsing is strict: no leading blanks, sign or trailing bytes, and no overflow. */

#include "base/macros.h"

static inline bool str_empty(const char *s)
{
    return !s || !*s;
}
bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* The rest of s after prefix, or NULL when s does not start with it. */
const char *str_after(const char *s, const char *prefix);

/* Decimal, the whole string. Errors: -EINVAL, -ERANGE. ret untouched on failure. */
int parse_u64(const char *s, uint64_t *ret);
int parse_i64(const char *s, int64_t *ret); /* one leading '-' allowed */
int parse_u32(const char *s, uint32_t *ret);
int parse_int(const char *s, int *ret);
/* "1", "t", "true", "TRUE", "True", "0", "f", … as Go's strconv.ParseBool. */
int parse_bool(const char *s, bool *ret);
/* Octal file mode such as "0644", at most 07777. */
int parse_mode(const char *s, mode_t *ret);

size_t strv_len(char *const *v);
void strv_free(char **v);
static inline void strv_freep(char ***v)
{
    strv_free(*v);
}
#define _cleanup_strv_ _cleanup_(strv_freep)
char **strv_copy(char *const *v);
/* Appends a copy of s; *v may be NULL and is reallocated. */
void strv_push(char ***v, const char *s);
/* Appends s itself, which v then owns. */
void strv_push_take(char ***v, char *s);
bool strv_contains(char *const *v, const char *s);
/* Splits at every sep; empty parts are kept. "" gives one empty part. */
char **str_split(const char *s, char sep);
char *strv_join(char *const *v, const char *sep);

/* Lower-case hex of n bytes into out[2n+1]. */
void hex_encode(const uint8_t *bytes, size_t n, char *out);
bool str_is_hex(const char *s, size_t len);
/* 64 random lower-case hex digits, as container and exec IDs are; out holds 65 bytes. */
void random_id(char out[static 65]);
