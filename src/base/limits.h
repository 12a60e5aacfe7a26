/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The most that each thing coming from outside may be. Readers refuse more, by name. */

#include "base/macros.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* HTTP */
#define LIMIT_HTTP_HEADER_BYTES (64 * KIB) /* request line and all headers */
#define LIMIT_HTTP_HEADERS      100        /* header lines */
#define LIMIT_HTTP_JSON_BODY    (4 * MIB)  /* a JSON request body */
#define LIMIT_API_CONNECTIONS   4096       /* at once */

/* JSON */
#define LIMIT_JSON_DEPTH 64

/* Images */
#define LIMIT_IMAGE_CONFIG_BYTES   (8 * MIB)
#define LIMIT_IMAGE_MANIFEST_BYTES (4 * MIB)
#define LIMIT_IMAGE_LAYERS         512 /* overlayfs takes about 500 lower directories */
#define LIMIT_REFERENCE_LENGTH     255

/* Containers */
#define LIMIT_CONTAINER_MOUNTS 1024 /* an image asks for some of them */

/* Tar */
#define LIMIT_TAR_PATH        (4 * KIB)  /* a name or link target: PATH_MAX */
#define LIMIT_TAR_PAX_BYTES   (1 * MIB)  /* one extended header */
#define LIMIT_TAR_XATTR_VALUE (64 * KIB) /* XATTR_SIZE_MAX */
#define LIMIT_TAR_ENTRIES     ((size_t)10000000)

/* Shim protocol */
#define LIMIT_SHIM_MESSAGE     (64 * KIB) /* larger payloads travel in a memfd */
#define LIMIT_SHIM_PAYLOAD     (8 * MIB)
#define LIMIT_OCI_CONFIG_BYTES (8 * MIB)

/* Logs */
#define LIMIT_LOG_LINE (16 * KIB) /* longer lines are split, as Docker does */
