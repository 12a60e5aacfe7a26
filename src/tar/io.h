/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Byte streams that the codec reads from and writes to. */

#include "base/err.h"
#include "base/macros.h"

/* Reads up to len bytes. Returns the count, 0 at the end of the stream, or a negative errno. */
typedef ssize_t (*tar_read_fn)(void *arg, void *buf, size_t len, struct err *err);

/* Where a stream goes. write() takes all of it; 0 or a negative errno. */
struct tar_sink {
    int (*write)(void *arg, const void *data, size_t len, struct err *err);
    void *arg; /* borrowed */
};

/* A sink that writes to a descriptor; *fd is borrowed and must outlive the sink. */
struct tar_sink tar_sink_fd(int *fd);
/* A sink that drops everything. */
struct tar_sink tar_sink_null(void);
