/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Unpacking with a journal into a real directory (on tmpfs where there is one): nothing beside it
 * may change, and what could be unpacked is given back exactly. Unprivileged, most entries fail. */

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"
#include "fuzz.h"
#include "tar/extract.h"
#include "tar/journal.h"

static char scratch[64];

static void remove_scratch(void)
{
    (void)rm_rf_at(AT_FDCWD, scratch);
}

static int open_scratch(void)
{
    static int fd = -1;

    if (fd >= 0)
        return fd;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(scratch, sizeof(scratch), "%s/fuzz-unpack-XXXXXX", base);
    if (!mkdtemp(scratch))
        abort();
    (void)atexit(remove_scratch);
    fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || write_file_at(fd, "canary", "tweet", 5, 0644) < 0)
        abort();
    return fd;
}

/* The scratch directory holds the canary as it was and the tree, nothing else. */
static void check_canary(int fd)
{
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t len, n = 0;

    if (read_file_at(fd, "canary", 100, &text, &len) < 0 || len != 5 ||
        memcmp(text, "tweet", 5) != 0)
        abort();
    if (fstatat(fd, "canary", &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_nlink != 1 ||
        st.st_mode != (S_IFREG | 0644))
        abort();
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir)
        abort();
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    if (n != 4)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tar_unpack_options options = {.max_bytes = 4 * MIB, .max_entries = 1000};
    struct tar_unpack_result res;
    struct err err = {0};
    struct tar_source *src = NULL;
    int dir = open_scratch();

    (void)umask(022);
    if (mkdirat(dir, "root", 0755) < 0)
        abort();
    int root = openat(dir, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int journal = memfd_create("journal", MFD_CLOEXEC);
    if (root < 0 || journal < 0)
        abort();
    int r = tar_source_open_mem(data, size, &src, &err);
    if (r == 0)
        r = tar_unpack_layer(src, root, &options, journal, &res, &err);
    if (r < 0 && !err.message[0])
        abort();
    if (r == 0 && tar_rebuild_at(journal, root, tar_sink_null(), NULL, &err) < 0)
        abort();
    tar_source_free(src);
    close_fd(journal);
    close_fd(root);
    check_canary(dir);
    if (rm_rf_at(dir, "root") < 0)
        abort();
    return 0;
}
