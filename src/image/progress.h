/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Progress messages in the form of Docker's JSON stream (pkg/jsonmessage there). */

#include "image/image.h"

/* {"stream": text}. 0, or ERR_CANCELLED when the receiver has gone. progress may be NULL. */
int image_progress_stream(const struct image_progress *progress, const char *text, struct err *err);

/* "Loading layer" of one layer: at most a message each 512 KiB, and one at the end. */
struct image_layer_progress {
    const struct image_progress *progress; /* borrowed; NULL: silent */
    char id[13];
    uint64_t total, last;
    bool started;
};
void image_layer_progress_init(struct image_layer_progress *p,
                               const struct image_progress *progress, const struct digest *diff_id,
                               uint64_t total_bytes);
/* 0 or -ECANCELED. */
int image_layer_progress_update(struct image_layer_progress *p, uint64_t current_bytes);
int image_layer_progress_end(struct image_layer_progress *p);

/* Docker's progress bar text for current of total bytes; out holds IMAGE_PROGRESS_BAR_MAX. */
#define IMAGE_PROGRESS_BAR_MAX 128
void image_progress_bar(uint64_t current, uint64_t total, char out[static IMAGE_PROGRESS_BAR_MAX]);
