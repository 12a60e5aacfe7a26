/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Where a daemon listens, as given with -H or in the environment. */

#include "base/err.h"
#include "base/macros.h"

#define CLIENT_DEFAULT_HOST "unix:///run/lighter.sock"

struct client_host {
    char *url;  /* owned: as messages show it, "unix:///run/x.sock" or "tcp://host:port" */
    char *path; /* owned: Unix socket path, or NULL */
    char *name; /* owned: TCP host, or NULL */
    char *port; /* owned */
};

void client_host_done(struct client_host *h);
/* unix://PATH, tcp://HOST[:PORT], http://…, HOST[:PORT]; the port defaults to 2375. ERR_INVALID for
 * what is malformed, ERR_UNSUPPORTED for other schemes. */
int client_host_parse(const char *text, struct client_host *ret, struct err *err);
/* Connects (blocks). The descriptor, or a negative errno with the text users are shown. */
int client_host_connect(const struct client_host *h, struct err *err);
