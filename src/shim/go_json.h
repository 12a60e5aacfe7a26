/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* JSON strings as Docker's json-file driver writes them: '<', '>', '&', U+2028 and U+2029 escaped,
 * control characters but newline and carriage return as \u00XX (tab too), bad UTF-8 as \ufffd
 * once per byte. */

#include "base/macros.h"

#define GO_JSON_EXPANSION 6 /* bytes of output per byte of input, at most */

/* Appends the escaped bytes, without quotes, at `out` (room for GO_JSON_EXPANSION * n) and returns
 * how many were written. */
size_t go_json_escape(const char *in, size_t n, char *out);
