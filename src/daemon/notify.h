/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The service manager's readiness protocol (sd_notify(3)) and the pid file. */

#include "base/err.h"
#include "base/macros.h"

/* Sends `state`, e.g. "READY=1", to $NOTIFY_SOCKET; nothing happens without one. */
void notify_service_manager(const char *state);

/* Writes our pid to the file. ERR_CONFLICT when it names a living process other than us. */
int pidfile_write(const char *path, struct err *err);
/* Takes the exclusive lock of a data root, which ends with the returned descriptor (owned).
 * ERR_CONFLICT when another daemon has it. */
int data_root_lock(const char *data_root, struct err *err);
