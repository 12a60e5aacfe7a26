/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The entry point of every fuzzer: libFuzzer's, or replay_main.c's. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
