/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The 512-byte header block: field positions, checksum and number formats. Shared by reader and
 * writer. */

#include "base/err.h"
#include "base/limits.h"
#include "base/macros.h"

struct tar_field {
    uint16_t offset;
    uint16_t len;
};

#define F_NAME     ((struct tar_field){0, 100})
#define F_MODE     ((struct tar_field){100, 8})
#define F_UID      ((struct tar_field){108, 8})
#define F_GID      ((struct tar_field){116, 8})
#define F_SIZE     ((struct tar_field){124, 12})
#define F_MTIME    ((struct tar_field){136, 12})
#define F_CHECKSUM ((struct tar_field){148, 8})
#define F_LINKNAME ((struct tar_field){157, 100})
#define F_UNAME    ((struct tar_field){265, 32})
#define F_GNAME    ((struct tar_field){297, 32})
#define F_DEVMAJOR ((struct tar_field){329, 8})
#define F_DEVMINOR ((struct tar_field){337, 8})
#define F_PREFIX   ((struct tar_field){345, 155}) /* ustar */
#define F_STAR_PFX ((struct tar_field){345, 131}) /* Joerg Schilling's star */
#define F_ATIME    ((struct tar_field){345, 12})  /* old GNU */
#define F_REALSIZE ((struct tar_field){483, 12})  /* old GNU sparse */

#define OFF_TYPEFLAG 156
#define OFF_MAGIC    257
#define OFF_TRAILER  508

/* Old GNU sparse: four pairs of offset and length here, more in following blocks. */
#define OFF_SPARSE          386
#define SPARSE_IN_HEADER    4
#define OFF_SPARSE_EXTENDED 482
#define SPARSE_IN_BLOCK     21
#define OFF_BLOCK_EXTENDED  504

enum tar_dialect { TAR_V7, TAR_USTAR, TAR_STAR, TAR_GNU };

enum tar_dialect tar_header_dialect(const uint8_t *block);
bool tar_block_is_zero(const uint8_t *block);
/* Accepts the sum of unsigned and of signed bytes, as both are found. */
bool tar_checksum_ok(const uint8_t *block);
/* Fills the checksum field. */
void tar_checksum_set(uint8_t *block);
/* Octal or base-256; blank is 0. 0 or -EINVAL, -ERANGE. */
int tar_parse_number(const uint8_t *block, struct tar_field f, int64_t *ret);
/* Copies the field up to its first NUL; out holds f.len + 1 bytes. Returns the length. */
size_t tar_field_string(const uint8_t *block, struct tar_field f, char *out);

/* ERR_INVALID: `tar entry "NAME": <text>`, with unprintable bytes of the name replaced. */
int tar_bad(struct err *err, const char *name, const char *fmt, ...) _printf_(3, 4);
/* The name for messages: printable ASCII, shortened. */
const char *tar_printable(const char *name, char out[static 256]);

/* Xattrs that may come from an image, and go into one. */
bool tar_xattr_allowed(const char *name);

/* The name as a relative path without ".", ".." and doubled '/'; "" is the root. ERR_INVALID if it
 * leads out of the root. */
int tar_clean_name(const char *name, char out[static LIMIT_TAR_PATH], struct err *err);
