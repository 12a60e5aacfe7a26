/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int code_of_kind(enum err_kind kind)
{
    switch (kind) {
    case ERR_NONE:
        return 0;
    case ERR_INVALID:
        return -EINVAL;
    case ERR_UNAUTHORIZED:
    case ERR_FORBIDDEN:
        return -EACCES;
    case ERR_NOT_FOUND:
        return -ENOENT;
    case ERR_CONFLICT:
        return -EEXIST;
    case ERR_NOT_MODIFIED:
        return -EALREADY;
    case ERR_UNAVAILABLE:
        return -EAGAIN;
    case ERR_UNSUPPORTED:
        return -EOPNOTSUPP;
    case ERR_CANCELLED:
        return -ECANCELED;
    case ERR_NO_SPACE:
        return -ENOSPC;
    case ERR_INTERNAL:
        return -EIO;
    }
    return -EIO;
}

enum err_kind err_kind_of_errno(int code)
{
    switch (code < 0 ? -code : code) {
    case 0:
        return ERR_NONE;
    case EINVAL:
    case EBADMSG:
    case ENAMETOOLONG:
    case E2BIG:
        return ERR_INVALID;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_CONFLICT;
    case EOPNOTSUPP:
    case ENOSYS:
        return ERR_UNSUPPORTED;
    case ECANCELED:
        return ERR_CANCELLED;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    default:
        return ERR_INTERNAL;
    }
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    int code = code_of_kind(kind);

    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(err->message, sizeof(err->message), fmt, ap);
    va_end(ap);
    err->kind = kind;
    err->code = code;
    return code;
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
    if (code > 0)
        code = -code;
    if (!err)
        return code;

    char lower[128];
    char text[ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    text[sizeof(text) - sizeof(lower) - 4] = '\0';
    (void)snprintf(err->message, sizeof(err->message), "%s: %s", text,
                   errno_text_lower(code, lower));
    err->kind = err_kind_of_errno(code);
    err->code = code;
    return code;
}

void err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return;

    char text[ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    size_t len = strnlen(text, sizeof(text) - 3);
    (void)snprintf(text + len, sizeof(text) - len, ": %.*s", ERR_MESSAGE_MAX, err->message);
    memcpy(err->message, text, sizeof(err->message));
}

void err_clear(struct err *err)
{
    if (!err)
        return;
    err->kind = ERR_NONE;
    err->code = 0;
    err->message[0] = '\0';
}

const char *errno_text(int code)
{
    const char *text = strerrordesc_np(code < 0 ? -code : code);

    return text ? text : "Unknown error";
}

const char *errno_text_lower(int code, char buf[static 128])
{
    (void)snprintf(buf, 128, "%s", errno_text(code));
    buf[0] = (char)tolower((unsigned char)buf[0]);
    return buf;
}
