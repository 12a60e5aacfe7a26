/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The options of a mount entry, sorted by what they become. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

struct mount_opts {
    uint64_t attr_set, attr_clr;         /* MOUNT_ATTR_… of the mount itself */
    uint64_t rec_attr_set, rec_attr_clr; /* the same for it and all below ("rro") */
    unsigned long propagation[4];        /* MS_…, in order */
    size_t n_propagation;
    bool bind, recursive;
    bool copy_up;   /* tmpcopyup */
    bool idmap_rec; /* ridmap */
    char **data;    /* owned string vector: what the file system is told ("size=64k") */
};

int mount_opts_parse(char *const *options, struct mount_opts *ret, struct err *err);
/* All names that are known. New reference. */
json_t *mount_opts_names(void);
void mount_opts_done(struct mount_opts *o);
