/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* "user[:group]" resolved against a root's /etc/passwd and /etc/group, as Docker does, but
 * strictly: a number is all digits and at most 2^31-1, anything else is a name, and a name that the
 * files do not have is an error, never root. The files are opened beneath the root, must be
 * regular, and are read line by line up to a ceiling. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

#define CONTAINER_USER_GROUPS_MAX 256

struct container_user {
    uint32_t uid, gid;
    uint32_t groups[CONTAINER_USER_GROUPS_MAX]; /* supplementary; gid itself is the first */
    size_t n_groups;
    char home[256]; /* "/" when the files do not say */
};

/* user: NULL or "" is root. group_add: array of names or numbers, or NULL. Errors: ERR_INVALID
 * `unable to find user x: no matching entries in passwd file`,
 * `uids and gids must be in range 0-2147483647`, … */
int container_user_resolve(int rootfd, const char *user, const json_t *group_add,
                           struct container_user *ret, struct err *err);
