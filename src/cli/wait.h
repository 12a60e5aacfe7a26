/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Waiting for a container's exit beside other requests. */

#include "base/err.h"
#include "base/macros.h"
#include "client/client.h"

/* Sends the request on a connection of its own: for the next exit, or for the removal. The wait is
 * registered once client_finish() has returned. */
int wait_begin(struct client *c, const char *id, bool removed, struct client_stream **ret,
               struct err *err);
/* Blocks until the answer is complete. The exit code, or a negative errno. */
int wait_result(struct client_stream *s, struct err *err);
