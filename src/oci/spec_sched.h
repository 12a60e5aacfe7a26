/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What config.json says about scheduling and placement: parts of struct oci_process and oci_spec.
 */

#include "base/err.h"
#include "base/macros.h"

/* Bits of processors or memory nodes. */
#define OCI_ID_SET_BITS 4096
struct oci_id_set {
    bool set;
    uint64_t bits[OCI_ID_SET_BITS / 64];
};

struct oci_scheduler {
    bool set;
    unsigned policy; /* SCHED_… */
    int nice, priority;
    unsigned flags;                     /* SCHED_FLAG_… */
    uint64_t runtime, deadline, period; /* nanoseconds */
};

struct oci_memory_policy {
    bool set;
    int mode; /* MPOL_… with its flags, as set_mempolicy(2) takes it */
    struct oci_id_set nodes;
};
