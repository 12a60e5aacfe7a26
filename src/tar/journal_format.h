/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The journal's format, shared by journal.c (writing) and rebuild.c (reading); described in
 * docs/internals/tar.md. All numbers are little-endian. */

#include <endian.h>
#include <string.h>

#include "base/limits.h"
#include "base/macros.h"

#define JOURNAL_MAGIC     "LTARJRNL"
#define JOURNAL_VERSION   1
#define JOURNAL_HEADER    128         /* bytes */
#define JOURNAL_CHECKED   80          /* of them are under the checksum that follows them */
#define JOURNAL_INDEX_MAX (256 * MIB) /* uncompressed */
#define JOURNAL_LITERAL   (64 * KIB)  /* most bytes of one 'L' record, and of one kept chunk */

/* Header: magic[8] version:u32 0:u32 index_offset:u64 index_compressed:u64 index_bytes:u64
 * tar_bytes:u64 diff_id[32] sha256[32] 0[16] */
#define JH_VERSION    8
#define JH_INDEX_OFF  16
#define JH_INDEX_CLEN 24
#define JH_INDEX_LEN  32
#define JH_TAR_BYTES  40
#define JH_DIFF_ID    48
#define JH_SHA256     80

/* Records */
#define JREC_LITERAL    'L' /* len:u32 bytes */
#define JREC_FILE       'F' /* path_len:u16 stored:u64 n_segments:u32 path (offset:u64 len:u64)* */
#define JREC_END        'E'
#define JREC_FILE_FIXED 15

/* An index entry: until:u64 frame_offset:u64 frame_len:u64 path_len:u16 path */
#define JINDEX_FIXED 26
/* A chunk of a kept file: offset:u64 len:u32 bytes; len 0 ends it, offset is then its size. */
#define JCHUNK_FIXED 12

static inline void put_le16(uint8_t *p, uint16_t x)
{
    x = htole16(x);
    memcpy(p, &x, sizeof(x));
}
static inline void put_le32(uint8_t *p, uint32_t x)
{
    x = htole32(x);
    memcpy(p, &x, sizeof(x));
}
static inline void put_le64(uint8_t *p, uint64_t x)
{
    x = htole64(x);
    memcpy(p, &x, sizeof(x));
}
static inline uint16_t get_le16(const uint8_t *p)
{
    uint16_t x;
    memcpy(&x, p, sizeof(x));
    return le16toh(x);
}
static inline uint32_t get_le32(const uint8_t *p)
{
    uint32_t x;
    memcpy(&x, p, sizeof(x));
    return le32toh(x);
}
static inline uint64_t get_le64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof(x));
    return le64toh(x);
}
/* The 32 bytes of a digest string, and back. */
bool journal_digest_bytes(const char *hex, uint8_t out[static 32]);
