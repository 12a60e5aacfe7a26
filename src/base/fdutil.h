/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* File descriptors: whole reads and writes, small files, atomic replacement, sealed memfds.
 * All functions block; all descriptors they create are close-on-exec. */

#include "base/err.h"
#include "base/macros.h"

/* Reads until len bytes or end of file. Returns the count, or a negative errno. */
ssize_t read_full(int fd, void *buf, size_t len);
/* Writes all of it. 0 or a negative errno. */
int write_full(int fd, const void *buf, size_t len);

/* The whole file at `path` relative to `dirfd`, NUL-terminated. -EFBIG over max bytes.
 * ret_len may be NULL. Caller frees *ret. */
int read_file_at(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len);
/* The same for an open file, from its current offset. */
int read_fd(int fd, size_t max, char **ret, size_t *ret_len);

/* Creates or truncates the file and writes `data`; not atomic (for kernel files and new files). */
int write_file_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode);
/* Writes to an existing file without creating or truncating it (procfs, sysfs, cgroupfs). */
int write_kernel_file_at(int dirfd, const char *path, const char *text);
/* Replaces `path` by temporary file + rename; with `sync`, the data and the directory are on disk
 * before it returns. Nothing is left behind on failure. */
int replace_file_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode,
                    bool sync);

/* A memfd holding data, sealed against every change. */
int memfd_sealed(const char *name, const void *data, size_t len);

int fd_set_nonblock(int fd, bool on);
int fd_set_cloexec(int fd, bool on);
