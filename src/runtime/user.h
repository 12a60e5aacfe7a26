/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The home directory of a user, from the /etc/passwd of the container that the caller is in. */

#include "base/macros.h"

/* Caller frees; "/" when the user is not found or the file is not to be trusted. */
char *user_home(uint32_t uid);
/* The same for the text of a passwd file. NULL when absent. */
char *user_home_in(const char *passwd, uint32_t uid);
