/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Time. `_nsec` values are nanoseconds; wall-clock ones count from the Unix epoch. Zero stands for
 * "never" and prints as Go's zero time, "0001-01-01T00:00:00Z", as Docker's API has it. */

#include "base/macros.h"

#define NSEC_PER_SEC     INT64_C(1000000000)
#define NSEC_PER_MSEC    INT64_C(1000000)
#define TIME_RFC3339_MAX 40

int64_t now_nsec(void);       /* wall clock */
int64_t monotonic_nsec(void); /* since boot */

/* "2026-01-02T03:04:05.000000006Z" with trailing zeros of the fraction dropped, as Go's
 * RFC3339Nano. */
void time_format_rfc3339nano(int64_t nsec, char out[static TIME_RFC3339_MAX]);
/* The same with all nine digits, as in Docker's log timestamps. */
void time_format_fixed(int64_t nsec, char out[static TIME_RFC3339_MAX]);
/* RFC 3339 (any zone, any fraction). 0 or -EINVAL. */
int time_parse_rfc3339(const char *s, int64_t *ret_nsec);
/* What Docker's since/until parameters take: "1136073845.000000001", RFC 3339 (also without zone or
 * with date only, then local time), or a Go duration before `now` ("10m", "1h30m"). */
int time_parse_reference(const char *s, int64_t now, int64_t *ret_nsec);
/* Go durations: "300ms", "1.5h", "2h45m", "-10s", "0". */
int duration_parse(const char *s, int64_t *ret_nsec);
