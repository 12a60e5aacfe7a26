/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Hides which HTTP parser library is there: llhttp where it is packaged, else http-parser. Only the
 * request line and the header block are given to it; body framing is our own (body.c), because the
 * libraries are lenient in it and differ. */

#include <stdbool.h>
#include <stddef.h>

#ifdef HAVE_LLHTTP

#include <llhttp.h>

#define parser_state    llhttp_t
#define parser_settings llhttp_settings_t

static inline void parser_init(parser_state *p, const parser_settings *settings)
{
    llhttp_init(p, HTTP_REQUEST, settings);
}

/* Returns how many bytes were used; *ret_failed is set when the input is malformed. */
static inline size_t parser_execute(parser_state *p, const parser_settings *settings,
                                    const char *data, size_t len, bool *ret_failed)
{
    (void)settings;
    llhttp_errno_t e = llhttp_execute(p, data, len);
    if (e == HPE_OK)
        return len;
    *ret_failed = e != HPE_PAUSED_UPGRADE;
    const char *pos = llhttp_get_error_pos(p);
    return pos ? (size_t)(pos - data) : 0;
}

static inline const char *parser_method(const parser_state *p)
{
    return llhttp_method_name((llhttp_method_t)p->method);
}

#else

#include <http_parser.h>

#define parser_state    struct http_parser
#define parser_settings struct http_parser_settings

static inline void parser_init(parser_state *p, const parser_settings *settings)
{
    (void)settings;
    http_parser_init(p, HTTP_REQUEST);
}

static inline size_t parser_execute(parser_state *p, const parser_settings *settings,
                                    const char *data, size_t len, bool *ret_failed)
{
    size_t n = http_parser_execute(p, settings, data, len);
    *ret_failed = p->http_errno != HPE_OK;
    return n;
}

static inline const char *parser_method(const parser_state *p)
{
    return http_method_str((enum http_method)p->method);
}

#endif
