/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What ties the daemon to its machine: pid file, the lock on its data, the service manager. */

#include "base/err.h"
#include "base/macros.h"

/* Writes our pid. ERR_CONFLICT with dockerd's words when the file names a living daemon. */
int service_pidfile_write(const char *path, struct err *err);
void service_pidfile_remove(const char *path);
/* Locks <data-root>: two daemons cannot share one. The descriptor holds the lock. */
int service_lock(const char *data_root, int *ret_fd, struct err *err);
/* sd_notify(3): "READY=1" …; nothing happens without a service manager. */
void service_notify(const char *state);
/* As RELOADING=1 with the monotonic time that the protocol asks for. */
void service_notify_reloading(void);
/* Group id of the first of the names that exists, or -1. */
gid_t service_group(const char *wanted, struct err *err);
