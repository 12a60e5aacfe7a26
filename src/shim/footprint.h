/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Keeping the shim small: it lives as long as its container, and there may be thousands. */

/* Tunes the allocator; before the first allocation. */
void footprint_init(void);
/* Gives back what is free or can be read again from the program: heap pages, and code pages that
 * the creation of the container needed and nothing will need soon. */
void footprint_trim(void);
