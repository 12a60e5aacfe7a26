/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Detach keys: a sequence such as "ctrl-p,ctrl-q" that a client types to leave a terminal. */

#include "base/err.h"
#include "base/macros.h"

#define DETACH_KEYS_MAX     16
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

struct detach {
    uint8_t keys[DETACH_KEYS_MAX];
    size_t n;       /* 0: never matches */
    size_t matched; /* bytes of keys held back */
};

/* Comma-separated single characters, "ctrl-<a-z, @, [, \, ], ^ or _>" and "DEL". NULL or "" is the
 * default. ERR_INVALID with Docker's text otherwise. */
int detach_parse(const char *keys, struct detach *ret, struct err *err);
/* Passes n bytes of input through: `out` (room for n + DETACH_KEYS_MAX) gets what goes on to the
 * program; bytes that may begin the sequence are held back until it is broken. Returns true once
 * the sequence is complete; input behind it is dropped. */
bool detach_filter(struct detach *d, const char *in, size_t n, char *out, size_t *ret_len);
