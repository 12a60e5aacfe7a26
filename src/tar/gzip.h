/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The gzip side of encode.c: by ISA-L, or by zlib where that does not exist. */

#include "base/err.h"
#include "base/macros.h"
#include "tar/io.h"

struct gzip_encoder;

struct gzip_encoder *gzip_encoder_new(void);
void gzip_encoder_free(struct gzip_encoder *g);
/* Compresses len bytes into the sink; `end`: they are the last. */
int gzip_encoder_write(struct gzip_encoder *g, struct tar_sink sink, const void *data, size_t len,
                       bool end, struct err *err);
