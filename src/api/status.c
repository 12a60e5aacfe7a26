/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/status.h"

#define STATUS_CLIENT_GONE 499 /* nobody reads it */

int api_status_of(enum err_kind kind)
{
    static const int table[] = {
        [ERR_NONE] = 500,         [ERR_INVALID] = 400,
        [ERR_UNAUTHORIZED] = 401, [ERR_FORBIDDEN] = 403,
        [ERR_NOT_FOUND] = 404,    [ERR_CONFLICT] = 409,
        [ERR_NOT_MODIFIED] = 304, [ERR_UNAVAILABLE] = 503,
        [ERR_UNSUPPORTED] = 501,  [ERR_CANCELLED] = STATUS_CLIENT_GONE,
        [ERR_NO_SPACE] = 500,     [ERR_INTERNAL] = 500,
    };

    return (size_t)kind < ARRAY_SIZE(table) && table[kind] != 0 ? table[kind] : 500;
}
