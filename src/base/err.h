/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The one error idiom.
 *
 * A function returns 0 or a negative errno. One whose failure can reach a user also takes a
 * `struct err *err` as its last argument (may be NULL), which on failure holds a kind and a
 * message, in place, without heap. The kind becomes an HTTP status in one table (api/status.c) and
 * an exit code in the command line. Wrap at module borders with err_wrap(). */

#include <stdarg.h>

#include "base/macros.h"

#define ERR_MESSAGE_MAX 1024

enum err_kind {
    ERR_NONE = 0,
    ERR_INVALID,      /* bad parameter or malformed input: 400 */
    ERR_UNAUTHORIZED, /* 401 */
    ERR_FORBIDDEN,    /* 403 */
    ERR_NOT_FOUND,    /* 404 */
    ERR_CONFLICT,     /* state or name is taken or wrong: 409 */
    ERR_NOT_MODIFIED, /* nothing to do, already so: 304 */
    ERR_UNAVAILABLE,  /* 503 */
    ERR_UNSUPPORTED,  /* not implemented on this machine or by this engine: 501 */
    ERR_CANCELLED,    /* the caller went away */
    ERR_NO_SPACE,     /* disk or quota is full: 500 */
    ERR_INTERNAL,     /* 500 */
};

struct err {
    enum err_kind kind;
    int code; /* negative errno returned along with it */
    char message[ERR_MESSAGE_MAX];
};

/* Sets kind and message, and returns `code` (a negative errno fitting the kind). err may be NULL.
 */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) _printf_(3, 4);

/* As err_set(), for a failed system call: the message gets ": <strerror>" appended and the kind
 * follows from the errno. `code` may be positive or negative; returns it negative. */
int err_errno(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);

/* Puts "<text>: " before the message already in err. Keeps the kind. No-op when err is NULL. */
void err_wrap(struct err *err, const char *fmt, ...) _printf_(2, 3);

/* Forgets what err holds. */
void err_clear(struct err *err);

/* The kind that an errno stands for when nothing better is known. */
enum err_kind err_kind_of_errno(int code);

/* strerror without locale or shared buffers; capitalised as the C library has it. */
const char *errno_text(int code);

/* errno_text() in the wording of Go's syscall package ("no such file or directory"), which Docker's
 * clients show and match. */
const char *errno_text_lower(int code, char buf[static 128]);
