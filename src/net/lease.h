/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Endpoints of running containers, in memory and as one small file each in the run-time state
 * directory, from which a restarted daemon reads them back. Not thread-safe. */

#include "net/net.h"

struct lease_table;

/* Makes the directory (mode 0700) and reads what is there; unreadable files are dropped. */
int lease_table_open(const char *dir, struct lease_table **ret, struct err *err);
void lease_table_free(struct lease_table *t);
DEFINE_CLEANUP(struct lease_table *, lease_table_free);
const struct net_endpoint *lease_get(const struct lease_table *t, const char *container_id);
int lease_put(struct lease_table *t, const char *container_id, const struct net_endpoint *ep,
              struct err *err);
void lease_drop(struct lease_table *t, const char *container_id);
/* IDs of all containers with an endpoint: new string vector, or NULL. */
char **lease_ids(const struct lease_table *t);
