/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The local side of `cp`: archives of files here, and files here out of archives.
 *
 * Names follow Docker's rules for source and destination: a destination that is a directory gets
 * the source under its own name, any other name renames the source, and "DIR/." stands for what is
 * in DIR. */

#include "base/err.h"
#include "base/macros.h"
#include "client/client.h"

/* Either end of a copy. */
struct cp_end {
    const char *path; /* borrowed; as given */
    bool exists, dir;
};

/* A path's last component: "." for "x/.", "/" for "/". Caller frees. */
char *cp_base(const char *path);
/* The path without it. Caller frees. */
char *cp_dir(const char *path);
/* Where the archive has to go, and the name that its root gets there. *ret_name NULL: its own.
 * Errors in Docker's words. Caller frees both. */
int cp_plan(const struct cp_end *from, const struct cp_end *to, char **ret_dir, char **ret_name,
            struct err *err);

/* Starts to write the file or tree `path` as an archive whose root is called `name`. *ret_fd: a
 * descriptor to read it from, owned by the caller. */
struct cp_packer;
int cp_pack(const char *path, const char *name, bool follow, struct cp_packer **ret, int *ret_fd,
            struct err *err);
/* Waits for its end, which closing the descriptor brings about. The bytes written. */
int cp_pack_end(struct cp_packer *p, uint64_t *ret_bytes, struct err *err);
/* Unpacks the stream into the directory; from, to: see tar/place.h. */
int cp_unpack(struct client_stream *s, const char *dir, const char *from, const char *to,
              uint64_t *ret_bytes, struct err *err);
