/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/* The HTTP status that stands for an error kind. */
int api_status_of(enum err_kind kind);
