/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The user's terminal, and the keys that detach from a container. */

#include <termios.h>

#include "base/err.h"
#include "base/macros.h"

struct terminal {
    int fd; /* -1: not raw */
    struct termios saved;
};

/* Raw mode for standard input, if it is a terminal; terminal_restore() undoes it. */
void terminal_raw(struct terminal *t);
void terminal_restore(struct terminal *t);
/* Rows and columns of standard output's terminal; false when there is none. */
bool terminal_size(unsigned *rows, unsigned *cols);

#define DETACH_KEYS_MAX 16

/* Recognises a key sequence in what is typed; what may be its beginning is held back. */
struct detach_keys {
    char keys[DETACH_KEYS_MAX];
    size_t n, matched;
};

/* "ctrl-p,ctrl-q", "a,ctrl-@"; "" gives the default. ERR_INVALID otherwise. */
int detach_keys_parse(const char *text, struct detach_keys *ret, struct err *err);
/* Copies `len` bytes of input to out (room for len + DETACH_KEYS_MAX), without held bytes; true
 * when the sequence is complete. */
bool detach_keys_filter(struct detach_keys *d, const char *in, size_t len, char *out,
                        size_t *ret_len);
