/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Numbers of a running container out of its control groups and /proc, in the API's form. The
 * parsers take the kernel's texts, so that they can be tested without a kernel. */

#include "base/macros.h"
#include "json/json.h"

/* /proc/PID/net/dev: an object by interface, without the loopback; NULL when there is none. */
json_t *stats_parse_net(const char *text);
/* blkio files of cgroup v1 ("8:0 Read 4096"): array of {"major","minor","op","value"}. */
json_t *stats_parse_blkio(const char *text);
/* io.stat of cgroup v2: the same; `bytes` takes bytes, else operations. */
json_t *stats_parse_io(const char *text, bool bytes);
/* "key value" lines as an object of numbers. */
json_t *stats_parse_flat(const char *text);
/* The first line of /proc/stat in nanoseconds: what all processors did. And how many there are. */
int64_t stats_parse_system(const char *text, int *ret_cpus);

/* What control groups tell: "pids_stats", "blkio_stats", "cpu_stats", "memory_stats". path: the
 * container's cgroup. New object; what the machine does not count is zero or absent. */
json_t *stats_read_cgroups(const char *path);
/* The shape of the answer for a container that does not run. */
json_t *stats_empty(void);
json_t *stats_empty_cpu(void);
