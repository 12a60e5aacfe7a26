/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Tabs to columns, as Go's text/tabwriter with minimum width 10 and padding 3: a column is a run of
 * consecutive lines that have a cell there which a tab ends. Widths count characters. */

#include "base/buf.h"
#include "base/macros.h"

/* Appends `text` with its tabs replaced by blanks. */
void table_align(const char *text, struct buf *out);
