/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The PORTS column. */

#include "json/json.h"

/* "0.0.0.0:8080->80/tcp, 90-91/udp": the ports of a container list entry, with runs of neighbours
 * as ranges. Caller frees. */
char *ports_text(const json_t *ports);
