/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Archives that go to a file or to standard output. `failure` begins the error texts ("failed to
 * save image"). */

#include "base/err.h"
#include "base/macros.h"
#include "client/client.h"

int output_stream(struct client_stream *s, int out, struct err *err);
/* What is not a plain file is never replaced. *ret is the path with links followed; caller frees.
 */
int output_check(const char *failure, const char *path, char **ret, struct err *err);
/* The file appears whole or not at all. */
int output_file(const char *failure, struct client_stream *s, const char *output, struct err *err);
