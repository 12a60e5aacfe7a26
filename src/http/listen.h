/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Listening sockets as the -H option names them. */

#include "base/err.h"
#include "base/macros.h"

#define HTTP_LISTEN_MAX 16 /* sockets that one specification may give */

/* Opens what `spec` names and puts the descriptors, owned by the caller, into ret_fds:
 *   unix:///path     mode 0660, group `gid` ((gid_t)-1: unchanged); a stale socket file is
 * replaced, one that somebody listens on is not tcp://ip:port    plain; [ip6] in brackets; no
 * address means 127.0.0.1, no port 2375 fd://            the sockets that systemd passed
 * (sd_listen_fds(3)); fd://N only descriptor N ERR_INVALID for anything else. Blocks only on name
 * resolution of a host name. */
int http_listen(const char *spec, gid_t gid, int ret_fds[static HTTP_LISTEN_MAX], size_t *ret_n,
                struct err *err);
