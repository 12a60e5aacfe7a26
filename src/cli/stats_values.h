/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* From two samples of GET /containers/{id}/stats to what people want to see, by Docker's formulas.
 */

#include "base/macros.h"
#include "json/json.h"

struct stats_values {
    double cpu_percent, memory, memory_limit, memory_percent;
    double net_rx, net_tx, block_read, block_write;
    int64_t pids;
};

/* before: an earlier sample, whose cpu_stats count; NULL: the sample's own precpu_stats. */
void stats_compute(const json_t *sample, const json_t *before, struct stats_values *ret);
