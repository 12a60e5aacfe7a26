/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Sizes, durations and times as Docker shows them (go-units). */

#include "base/macros.h"

#define HUMAN_MAX 64

/* Decimal units with so many significant digits: "1.24MB", "0B". */
void human_size(double bytes, int digits, char out[static HUMAN_MAX]);
/* Binary units, four digits: "23.54GiB". */
void human_bytes(double bytes, char out[static HUMAN_MAX]);
/* "Less than a second", "About a minute", "3 weeks". */
void human_duration(int64_t nsec, char out[static HUMAN_MAX]);
/* Local time as Go's Time.String(): "2026-11-25 18:05:33 +0000 UTC". */
void human_time(int64_t sec, char out[static HUMAN_MAX]);
/* Local time as RFC 3339: with nine digits of fraction when `nanoseconds`. */
void human_rfc3339(int64_t nsec, bool nanoseconds, char out[static HUMAN_MAX]);
/* At most `max` characters, the last one an ellipsis when something was cut. Caller frees. */
char *human_ellipsis(const char *s, size_t max);
/* "sha256:59811593c43a…" -> the first 12 digits. Caller frees. */
char *human_short_id(const char *id);
