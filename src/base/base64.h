/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Base 64 with the standard alphabet and padding (RFC 4648 section 4). */

#include "base/macros.h"

/* Caller frees. */
char *base64_encode(const void *data, size_t len);
/* Also takes the alphabet for URLs, and text without padding. The bytes are followed by a NUL; NULL
 * when the text is malformed. Caller frees. */
char *base64_decode(const char *text, size_t *ret_len);
