/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "tar/header.h"
#include "tar/pax.h"

#define CANARY "the canary lives\n"

static int add_to_tar(void *arg, const void *data, size_t len, struct err *err)
{
    struct fixture *f = arg;

    return buf_add(&f->tar, data, len);
}

int fixture_setup(void **state)
{
    struct fixture *f = XNEW(struct fixture);

    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/test-tar-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->dirfd >= 0);
    f->rootfd = -1;
    buf_init(&f->tar, 64 * MIB);
    assert_int_equal(write_file_at(f->dirfd, "canary", CANARY, strlen(CANARY), 0644), 0);
    assert_int_equal(mkdirat(f->dirfd, "outside", 0755), 0);
    fixture_reset(f);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    tar_writer_free(f->writer);
    buf_done(&f->tar);
    close_fd(f->rootfd);
    close_fd(f->dirfd);
    int r = rm_rf_at(AT_FDCWD, f->dir);
    free(f);
    return r;
}

void fixture_reset(struct fixture *f)
{
    if (f->rootfd >= 0)
        close_fd(f->rootfd);
    assert_int_equal(rm_rf_at(f->dirfd, "root"), 0);
    assert_int_equal(mkdirat(f->dirfd, "root", 0755), 0);
    f->rootfd = openat(f->dirfd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->rootfd >= 0);
    buf_reset(&f->tar);
    tar_writer_free(f->writer);
    f->writer = tar_writer_new((struct tar_sink){add_to_tar, f});
    err_clear(&f->err);
    f->result = (struct tar_unpack_result){0};
    f->options = (struct tar_unpack_options){0};
}

static void add(struct fixture *f, struct tar_entry e)
{
    if (!e.mode)
        e.mode = e.type == TAR_DIR ? 0755 : 0644;
    e.mtime = (struct timespec){1234567890, 123456789};
    assert_int_equal(tar_writer_entry(f->writer, &e, &f->err), 0);
}

void add_file(struct fixture *f, const char *name, const char *content)
{
    add(f, (struct tar_entry){.type = TAR_FILE, .name = name, .size = strlen(content)});
    assert_int_equal(tar_writer_data(f->writer, content, strlen(content), &f->err), 0);
}

void add_dir(struct fixture *f, const char *name)
{
    add(f, (struct tar_entry){.type = TAR_DIR, .name = name});
}

void add_symlink(struct fixture *f, const char *name, const char *target)
{
    add(f, (struct tar_entry){.type = TAR_SYMLINK, .name = name, .linkname = target});
}

void add_hardlink(struct fixture *f, const char *name, const char *target)
{
    add(f, (struct tar_entry){.type = TAR_HARDLINK, .name = name, .linkname = target});
}

void add_device(struct fixture *f, const char *name, enum tar_type type, unsigned dev_major,
                unsigned dev_minor)
{
    add(f, (struct tar_entry){
               .type = type, .name = name, .devmajor = dev_major, .devminor = dev_minor});
}

static void pad(struct fixture *f)
{
    static const char zeros[TAR_BLOCK];

    assert_int_equal(buf_add(&f->tar, zeros, -f->tar.len % TAR_BLOCK), 0);
}

void add_raw(struct fixture *f, const char *name, char typeflag, const char *size,
             const char *linkname, const void *content, size_t len)
{
    uint8_t block[TAR_BLOCK] = {0};

    pad(f);
    memcpy(block, name, MIN(strlen(name), (size_t)100));
    memcpy(block + 100, "0000644", 8);
    memcpy(block + 108, "0000000", 8);
    memcpy(block + 116, "0000000", 8);
    memcpy(block + 124, size, MIN(strlen(size) + 1, (size_t)12));
    memcpy(block + 136, "11145401322", 12);
    block[OFF_TYPEFLAG] = (uint8_t)typeflag;
    memcpy(block + 157, linkname, strlen(linkname));
    memcpy(block + OFF_MAGIC,
           "ustar\0"
           "00",
           8);
    tar_checksum_set(block);
    assert_int_equal(buf_add(&f->tar, block, sizeof(block)), 0);
    assert_int_equal(buf_add(&f->tar, content, len), 0);
    pad(f);
}

void add_pax(struct fixture *f, const char *records, size_t len)
{
    char size[13];

    (void)snprintf(size, sizeof(size), "%011zo", len);
    add_raw(f, "PaxHeaders/x", 'x', size, "", records, len);
}

void add_records(struct fixture *f, const char *lines)
{
    struct buf records = BUF_INIT(2 * MIB);

    for (const char *end; *lines; lines = end + 1) {
        const char *eq = strchr(lines, '=');
        end = strchr(lines, '\n');
        _cleanup_free_ char *key = xstrndup(lines, (size_t)(eq - lines));
        assert_int_equal(tar_pax_add(&records, key, eq + 1, (size_t)(end - eq - 1)), 0);
    }
    add_pax(f, records.data, records.len);
    buf_done(&records);
}

static void check_canary(struct fixture *f)
{
    _cleanup_free_ char *text = NULL;
    struct stat st;

    assert_int_equal(read_file_at(f->dirfd, "canary", 1000, &text, NULL), 0);
    assert_string_equal(text, CANARY);
    assert_int_equal(fstatat(f->dirfd, "canary", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_nlink, 1);
    assert_int_equal(st.st_mode, S_IFREG | 0644);
    /* Nothing was put outside: a directory that must stay empty. */
    assert_int_equal(unlinkat(f->dirfd, "outside", AT_REMOVEDIR), 0);
    assert_int_equal(mkdirat(f->dirfd, "outside", 0755), 0);
}

static void check_rebuild(struct fixture *f, int journal, const void *plain, size_t len)
{
    struct tar_journal_info info;
    struct buf out = BUF_INIT(GIB);
    struct fixture sink = {.tar = out};

    int r =
        tar_rebuild_at(journal, f->rootfd, (struct tar_sink){add_to_tar, &sink}, &info, &f->err);
    if (r < 0)
        print_error("rebuild: %s\n", f->err.message);
    assert_int_equal(r, 0);
    assert_int_equal(info.tar_bytes, len);
    assert_int_equal(sink.tar.len, len);
    assert_memory_equal(sink.tar.data, plain, len);
    assert_true(digest_eq(&info.diff_id, &f->result.diff_id));
    buf_done(&sink.tar);
}

int unpack_bytes(struct fixture *f, const void *tar, size_t len, const void *plain,
                 size_t plain_len)
{
    _cleanup_(tar_source_freep)
    struct tar_source *src = NULL;
    _cleanup_close_ int journal = memfd_create("journal", MFD_CLOEXEC);
    struct digest d;

    err_clear(&f->err);
    int r = tar_source_open_mem(tar, len, &src, &f->err);
    if (r == 0)
        r = tar_unpack_layer(src, f->rootfd, &f->options, journal, &f->result, &f->err);
    check_canary(f);
    if (r < 0)
        return r;
    digest_of(plain, plain_len, &d);
    assert_string_equal(d.str, f->result.diff_id.str);
    assert_int_equal(f->result.tar_bytes, plain_len);
    check_rebuild(f, journal, plain, plain_len);
    return 0;
}

int unpack(struct fixture *f)
{
    static const char zeros[2 * TAR_BLOCK];

    pad(f);
    assert_int_equal(buf_add(&f->tar, zeros, sizeof(zeros)), 0);
    return unpack_bytes(f, f->tar.data, f->tar.len, f->tar.data, f->tar.len);
}

void expect_ok(struct fixture *f)
{
    int r = unpack(f);

    if (r < 0)
        print_error("unpack: %s\n", f->err.message);
    assert_int_equal(r, 0);
}

void expect_invalid(struct fixture *f, const char *text)
{
    assert_true(unpack(f) < 0);
    if (!strstr(f->err.message, text))
        print_error("unexpected message: %s\n", f->err.message);
    assert_non_null(strstr(f->err.message, text));
    assert_int_equal(f->err.kind, ERR_INVALID);
    fixture_reset(f);
}

bool tree_stat(struct fixture *f, const char *path, struct stat *ret)
{
    return fstatat(f->rootfd, path, ret, AT_SYMLINK_NOFOLLOW) == 0;
}

bool tree_has(struct fixture *f, const char *path, const char *content)
{
    _cleanup_free_ char *text = NULL;

    return read_file_at(f->rootfd, path, MIB, &text, NULL) == 0 && str_eq(text, content);
}

bool tree_opaque(struct fixture *f, const char *path)
{
    char full[4200], value[8];

    (void)snprintf(full, sizeof(full), "%s/root/%s", f->dir, path);
    return lgetxattr(full, "trusted.overlay.opaque", value, sizeof(value)) == 1 && value[0] == 'y';
}

bool tree_whiteout(struct fixture *f, const char *path)
{
    struct stat st;

    return tree_stat(f, path, &st) && S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

bool shell(struct fixture *f, const char *fmt, ...)
{
    _cleanup_free_ char *command = NULL, *full = NULL;
    va_list ap;

    va_start(ap, fmt);
    assert_true(vasprintf(&command, fmt, ap) >= 0);
    va_end(ap);
    full = xasprintf("cd %s && { %s; } >log 2>&1", f->dir, command);
    return system(full) == 0; /* NOLINT(cert-env33-c): commands of the tests */
}

char *slurp(struct fixture *f, const char *name, size_t *ret_len)
{
    char *data = NULL;

    assert_int_equal(read_file_at(f->dirfd, name, 64 * MIB, &data, ret_len), 0);
    return data;
}
