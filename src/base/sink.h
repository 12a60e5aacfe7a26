/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Where a streaming operation writes to, and how it learns that nobody reads any more. */

#include "base/macros.h"

struct sink {
    /* Writes all of it; blocks. A negative errno means that the reader is gone: stop. */
    int (*write)(void *ctx, const void *data, size_t len);
    /* A descriptor that polls readable (or HUP) when the reader has gone, or -1. A waiting
     * operation polls it along with what it waits for. */
    int gone_fd;
    void *ctx; /* borrowed */
};

static inline int sink_write(const struct sink *s, const void *data, size_t len)
{
    return s->write(s->ctx, data, len);
}
