/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Readers shared by the files that parse parts of config.json. Errors name the field. */

#include "oci/spec.h"

/* A member that must lie in 0..UINT32_MAX. Missing leaves *ret; *ret_has, if given, tells. */
int spec_get_u32(const json_t *o, const char *path, const char *key, uint32_t *ret, bool *ret_has,
                 struct err *err);
/* A copy of a string member; missing leaves *ret. */
int spec_get_str(const json_t *o, const char *path, const char *key, char **ret, struct err *err);
/* The object at index i of an array, borrowed, or NULL with an error that names it. */
json_t *spec_array_object(const json_t *a, const char *path, size_t i, struct err *err);
int spec_parse_id_maps(const json_t *o, const char *path, const char *key, struct oci_id_map **ret,
                       size_t *ret_n, struct err *err);

int spec_parse_sched(const json_t *process, struct oci_process *p, struct err *err);
int spec_parse_memory_policy(const json_t *linux_, struct oci_memory_policy *ret, struct err *err);

/* Validation of what is kept raw (spec_check.c). NULL is fine. */
int spec_check_block_io(const json_t *io, struct err *err);
int spec_check_hugepages(const json_t *list, struct err *err);
int spec_check_network(const json_t *network, struct err *err);
int spec_check_rdma(json_t *rdma, struct err *err);
int spec_check_net_devices(json_t *devices, struct err *err);
int spec_check_rdt(const json_t *rdt, struct err *err);

int spec_parse_linux(const json_t *linux_, struct oci_spec *spec, struct err *err);
void spec_linux_done(struct oci_spec *spec);
