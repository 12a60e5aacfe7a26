/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Names of signals. */

/* The number of "KILL", "SIGKILL", "RTMIN", "RTMIN+3" or "RTMAX-1", in any case; -EINVAL when there
 * is no such signal. Real-time signals count from 34, as programs see them that are not linked to
 * this C library. */
int signal_number(const char *name);
