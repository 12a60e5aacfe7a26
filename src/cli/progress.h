/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Streams of JSON messages, one per line, as pull, load and import answer. */

#include "base/err.h"
#include "base/macros.h"
#include "client/client.h"

/* Prints the messages to `out` (NULL: nowhere) until the end: texts as they are, status lines with
 * their IDs, without progress bars. An error message ends it with its text in err. The last status
 * is kept in *ret_last (caller frees) when ret_last is not NULL. */
int progress_print(struct client_stream *s, FILE *out, char **ret_last, struct err *err);
