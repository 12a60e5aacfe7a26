/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Docker's multiplexed stream: frames of {stream, 0, 0, 0, length (big endian)} and payload, as
 * attach and logs send when the container has no terminal (Engine API, ContainerAttach). A decoder
 * takes bytes as they come, in any pieces. */

#include "base/err.h"
#include "base/macros.h"

enum stdcopy_stream { STDCOPY_STDIN, STDCOPY_STDOUT, STDCOPY_STDERR, STDCOPY_SYSTEM_ERROR };

struct stdcopy {
    uint8_t header[8];
    size_t n_header; /* of the frame being read */
    uint64_t left;   /* payload bytes still to come */
};

/* Called with a piece of one stream's payload. Non-zero ends the decoding and is returned. */
typedef int (*stdcopy_fn)(void *arg, enum stdcopy_stream stream, const char *data, size_t len);

/* Decodes `len` bytes. 0, what fn returned, or -EBADMSG for an unknown stream. */
int stdcopy_feed(struct stdcopy *s, const char *data, size_t len, stdcopy_fn fn, void *arg,
                 struct err *err);
