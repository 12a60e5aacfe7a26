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
/* Whether its actions ask for a listener, which linux.seccomp.listenerPath must name then. */
int seccomp_wants_listener(const json_t *seccomp, bool *ret, struct err *err);
/* The message that goes to the listener with the descriptor: containerProcessState of the
 * runtime-spec. Takes the reference to the container's state. Caller frees. */
char *seccomp_listener_message(const json_t *seccomp, const char *oci_version, pid_t pid,
                               json_t *state);
/* Whether this kernel knows the flag of that name. */
bool seccomp_flag_supported(const char *name);
/* Installs it for the calling thread: needs CAP_SYS_ADMIN or no_new_privs. */
int seccomp_install(int fd, unsigned flags, struct err *err);
/* The same with a listener: sends it to the connected socket with the message. */
int seccomp_install_listener(int fd, unsigned flags, int sock, const char *message,
                             struct err *err);
