/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Matching paths against route patterns, and API version prefixes. */

#include "api/request.h"

/* True when `path` fits `pattern`. *ret_name, *ret_len: the part that stands for the wildcard,
 * borrowed from path; NULL when there is none. */
bool api_route_match(const char *pattern, const char *path, const char **ret_name, size_t *ret_len);

/* Splits "/v1.44/info" into version and "/info". A path without prefix gives API_VERSION; a version
 * out of range is ERR_INVALID in Docker's words. *ret_rest is borrowed from path. */
int api_version_split(const char *path, unsigned *ret_version, const char **ret_rest,
                      struct err *err);
