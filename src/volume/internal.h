/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Shared by the files of the volume module. */

#include "base/err.h"

/* Copies the tree at srcfd into the empty directory dstfd (both open directories, borrowed): kinds,
 * contents, owners, modes, times, xattrs and hard links; and gives dstfd the attributes of srcfd.
 * The source must not change meanwhile, and no link of it is followed. */
int volume_copy_tree(int srcfd, int dstfd, struct err *err);
