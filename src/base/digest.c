/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/digest.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"

struct digest_ctx {
    struct sha256_ctx sha256;
};

struct digest_ctx *digest_ctx_new(void)
{
    struct digest_ctx *ctx = XNEW(struct digest_ctx);

    sha256_init(&ctx->sha256);
    return ctx;
}

void digest_ctx_free(struct digest_ctx *ctx)
{
    free(ctx);
}

void digest_ctx_update(struct digest_ctx *ctx, const void *data, size_t len)
{
    sha256_update(&ctx->sha256, len, data);
}

void digest_ctx_final(struct digest_ctx *ctx, struct digest *ret)
{
    uint8_t bytes[DIGEST_BYTES];

    sha256_digest(&ctx->sha256, sizeof(bytes), bytes);
    memcpy(ret->str, "sha256:", 7);
    hex_encode(bytes, DIGEST_BYTES, ret->str + 7);
}

void digest_of(const void *data, size_t len, struct digest *ret)
{
    _cleanup_(digest_ctx_freep)
    struct digest_ctx *ctx = digest_ctx_new();

    digest_ctx_update(ctx, data, len);
    digest_ctx_final(ctx, ret);
}

int digest_parse(const char *s, struct digest *ret, struct err *err)
{
    const char *hex = str_after(s, "sha256:");

    if (!hex || strlen(hex) != 64 || !str_is_hex(hex, 64))
        return err_set(err, ERR_INVALID,
                       "invalid digest \"%.80s\": expected sha256: and 64 lower-case hex digits",
                       s);
    (void)snprintf(ret->str, sizeof(ret->str), "%s", s);
    return 0;
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
    return strcmp(a->str, b->str) == 0;
}

const char *digest_hex(const struct digest *d)
{
    return d->str[0] ? d->str + 7 : "";
}
