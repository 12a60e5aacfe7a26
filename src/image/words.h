/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Words of Dockerfile instructions, as BuildKit's parser and shell lexer read them. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

/* Splits at blanks outside quotes; quotes and backslashes stay. New string vector (NULL: none). */
char **words_split(const char *s);
/* Takes quotes and backslashes away and replaces $NAME, ${NAME}, ${NAME:-word} and ${NAME:+word}
 * from env, an array of "NAME=value" strings. Caller frees *ret. */
int words_expand(const char *word, const json_t *env, char **ret, struct err *err);
/* The rest of an instruction as a JSON array of strings: 1 with *ret set, 0 when it is no JSON, or
 * ERR_INVALID for an array with other members. */
int words_json(const char *s, char ***ret, struct err *err);
