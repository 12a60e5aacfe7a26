/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* SHA-256 digests in their "sha256:<64 hex>" form (image-spec, descriptor.md#digests). */

#include "base/err.h"
#include "base/macros.h"

#define DIGEST_STR_MAX 72 /* "sha256:" + 64 + NUL */
#define DIGEST_BYTES   32

struct digest {
    char str[DIGEST_STR_MAX]; /* "" when unset */
};

/* Streaming: digest_ctx_new() -> digest_ctx_update()* -> digest_ctx_final() -> free. */
struct digest_ctx;
struct digest_ctx *digest_ctx_new(void);
void digest_ctx_free(struct digest_ctx *ctx);
DEFINE_CLEANUP(struct digest_ctx *, digest_ctx_free);
void digest_ctx_update(struct digest_ctx *ctx, const void *data, size_t len);
/* Finishes; the context can then only be freed. */
void digest_ctx_final(struct digest_ctx *ctx, struct digest *ret);

void digest_of(const void *data, size_t len, struct digest *ret);
/* "sha256:" and 64 lower-case hex digits; anything else is ERR_INVALID. */
int digest_parse(const char *s, struct digest *ret, struct err *err);
bool digest_eq(const struct digest *a, const struct digest *b);
/* The 64 hex digits. */
const char *digest_hex(const struct digest *d);
