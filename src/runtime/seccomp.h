/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* System call filters: linux.seccomp compiled by libseccomp into a BPF program in a memfd, and
 * loaded from there without the library. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

/* Compiles a linux.seccomp object into a sealed memfd holding struct sock_filter[]. The result
 * depends on nothing but the object and this machine's architecture, so callers may keep it. Takes
 * milliseconds. */
int seccomp_compile(const json_t *seccomp, int *ret_fd, struct err *err);
/* Its "flags" as SECCOMP_FILTER_FLAG_… bits. */
int seccomp_flags(const json_t *seccomp, unsigned *ret, struct err *err);
/* Installs it for the calling thread: needs CAP_SYS_ADMIN or no_new_privs. */
int seccomp_install(int fd, unsigned flags, struct err *err);
