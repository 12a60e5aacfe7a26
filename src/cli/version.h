/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* This machine's architecture in Go's words ("amd64"), as Docker's versions show it. */
const char *client_arch(void);
