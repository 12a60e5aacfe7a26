/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Hooks of config.json (runtime-spec config.md#posix-platform-hooks): programs of the host, run
 * with their own environment only and the container's state on stdin. */

#include "base/err.h"
#include "base/macros.h"
#include "oci/spec.h"

struct hook_state {
    const char *id, *status, *bundle; /* borrowed; bundle may be NULL */
    pid_t pid;                        /* 0: left out */
};

bool hooks_any(const struct oci_spec *spec, const char *kind);
/* Checks the shape of all kinds, so that a broken one fails before anything is made. */
int hooks_check(const struct oci_spec *spec, struct err *err);
/* Runs the hooks of a kind ("prestart", "createRuntime" …) in order; the first failure ends it, but
 * one of "poststop" is only logged. Blocks until they end or their timeouts strike. */
int hooks_run(const struct oci_spec *spec, const char *kind, const struct hook_state *state,
              struct err *err);
/* The state object as hooks and the `state` command show it. New reference. */
json_t *hooks_state_json(const struct oci_spec *spec, const struct hook_state *state);
