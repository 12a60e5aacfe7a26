/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Content types of raw and multiplexed streams. */

#include "api/request.h"

/* From 1.42 on a stream with frames says so. */
const char *api_stream_content_type(const struct api_request *rq, bool multiplexed);
/* engine_attach.hijack with the api_request as ctx. */
int api_hijack(void *ctx, bool multiplexed, int *ret_fd, char **ret_preread,
               size_t *ret_preread_len, struct err *err);
