/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Rebuilding from a hostile journal. The first byte chooses: 0 takes the rest as a journal; else it
 * is made into one whose compression and checksums are right, so that records and index are
 * reached: a 16-bit length, that many bytes of index, then records. */

#include <sys/mman.h>

#include "base/digest.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "fuzz.h"
#include "tar/compress.h"
#include "tar/journal.h"
#include "tar/journal_format.h"

static int open_file(void *arg, const char *path, struct err *err)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    if (path[0] == '!' || fd < 0) {
        close_fd(fd);
        return err_set(err, ERR_NOT_FOUND, "no such file");
    }
    (void)write_full(fd, "some content of a file", 22);
    return fd;
}

/* Appends a zstd frame; returns its length. */
static size_t add_frame(int fd, const uint8_t *data, size_t size)
{
    struct tar_encoder *e;
    off_t start = lseek(fd, 0, SEEK_CUR);

    if (tar_encoder_new(TAR_ZSTD, 1, tar_sink_fd(&fd), &e, NULL) < 0 ||
        tar_encoder_write(e, data, size, NULL) < 0 || tar_encoder_finish(e, NULL) < 0)
        abort();
    tar_encoder_free(e);
    return (size_t)(lseek(fd, 0, SEEK_CUR) - start);
}

static void make_journal(int fd, const uint8_t *data, size_t size)
{
    uint8_t header[JOURNAL_HEADER] = {0}, index[MIB];
    struct digest d;

    size_t index_len = size >= 2 ? get_le16(data) : 0;
    data += MIN(size, (size_t)2);
    size -= MIN(size, (size_t)2);
    index_len = MIN(index_len, size);
    (void)write_full(fd, header, sizeof(header));
    size_t records = add_frame(fd, data + index_len, size - index_len);
    size_t clen = index_len > 0 ? add_frame(fd, data, index_len) : 0;
    memcpy(header, JOURNAL_MAGIC, 8);
    put_le32(header + JH_VERSION, JOURNAL_VERSION);
    put_le64(header + JH_INDEX_OFF, JOURNAL_HEADER + records);
    put_le64(header + JH_INDEX_CLEN, clen);
    put_le64(header + JH_INDEX_LEN, index_len);
    put_le64(header + JH_TAR_BYTES, MIB);
    memcpy(index, header, JOURNAL_CHECKED);
    if (pread(fd, index + JOURNAL_CHECKED, clen, (off_t)(JOURNAL_HEADER + records)) !=
        (ssize_t)clen)
        abort();
    digest_of(index, JOURNAL_CHECKED + clen, &d);
    (void)journal_digest_bytes(digest_hex(&d), header + JH_SHA256);
    if (pwrite(fd, header, sizeof(header), 0) != (ssize_t)sizeof(header))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct tar_journal_info info;
    int fd = memfd_create("journal", MFD_CLOEXEC);

    if (fd < 0)
        abort();
    if (size > 0 && data[0])
        make_journal(fd, data + 1, size - 1);
    else if (size > 0)
        (void)write_full(fd, data + 1, size - 1);
    int r = tar_rebuild(fd, open_file, NULL, tar_sink_null(), NULL, &err);
    if (r < 0 && !err.message[0])
        abort();
    (void)tar_journal_info(fd, &info, &err);
    close_fd(fd);
    return 0;
}
