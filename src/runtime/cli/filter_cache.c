/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled seccomp filters between runs: compiling Docker's default profile takes longer than all
 * the rest of a container's start.
 *
 * <root>/.seccomp has a fixed number of slots, which one follows from a hash of the profile. A slot
 * holds the profile's text, a NUL and the filter, so that a hit is a comparison and not a hash.
 * Only root can write there; what cannot be read or does not fit is compiled anew. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"
#include "runtime/cli/cli.h"
#include "runtime/seccomp.h"

#define SLOTS      64
#define FILTER_MAX (1 * MIB)

static unsigned slot_of(const char *key)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */

    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return (unsigned)((h ^ h >> 32) % SLOTS);
}

static int open_dir(const struct cli *cli)
{
    struct stat st;
    _cleanup_free_ char *path = xasprintf("%s/.seccomp", cli->root);

    if (mkdir(path, 0700) < 0 && errno == ENOENT && mkdir_p(cli->root, 0700) == 0)
        (void)mkdir(path, 0700);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 022)) {
        close_fd(fd);
        return -EPERM;
    }
    return fd;
}

static int find(int dir, const char *name, const char *key)
{
    _cleanup_free_ char *data = NULL;
    size_t len = 0, k = strlen(key) + 1;
    int r = read_file_at(dir, name, LIMIT_OCI_CONFIG_BYTES + FILTER_MAX, &data, &len);

    if (r < 0)
        return r;
    if (len <= k || memcmp(data, key, k) != 0)
        return -ENOENT;
    return memfd_sealed("seccomp", data + k, len - k);
}

static void keep(int dir, const char *name, const char *key, int filter_fd)
{
    _cleanup_free_ char *data = NULL;
    size_t k = strlen(key) + 1;
    struct stat st;

    if (fstat(filter_fd, &st) < 0 || st.st_size > (off_t)FILTER_MAX)
        return;
    data = xmalloc(k + (size_t)st.st_size);
    memcpy(data, key, k);
    if (pread(filter_fd, data + k, (size_t)st.st_size, 0) == st.st_size)
        (void)replace_file_at(dir, name, data, k + (size_t)st.st_size, 0600, false);
}

int filter_get(const struct cli *cli, const struct oci_spec *spec, int *ret_fd, struct err *err)
{
    char name[16];
    int fd = -1;

    *ret_fd = -1;
    if (!spec->seccomp)
        return 0;
    _cleanup_free_ char *text = json_print(spec->seccomp);
    _cleanup_free_ char *key = xasprintf(LIGHTER_VERSION " %s", text);
    _cleanup_close_ int dir = open_dir(cli);
    (void)snprintf(name, sizeof(name), "%u", slot_of(key));
    if (dir >= 0 && (fd = find(dir, name, key)) >= 0) {
        *ret_fd = fd;
        return 0;
    }
    int r = seccomp_compile(spec->seccomp, &fd, err);
    if (r < 0)
        return r;
    if (dir >= 0)
        keep(dir, name, key, fd);
    *ret_fd = fd;
    return 0;
}
