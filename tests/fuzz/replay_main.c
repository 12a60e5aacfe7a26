/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Feeds each file of the given directories to a fuzzer: its corpus as an ordinary test, with any
 * compiler. Exit code 0, 1 when a file cannot be read, 77 (skipped) when there is none. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/fdutil.h"
#include "base/limits.h"
#include "base/macros.h"
#include "fuzz.h"

static int replay(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    int n = 0;

    if (!dir) {
        (void)fprintf(stderr, "%s: cannot be opened\n", path);
        return -1;
    }
    while ((e = readdir(dir))) {
        _cleanup_free_ char *data = NULL;
        size_t len;
        if (e->d_name[0] == '.')
            continue;
        if (read_file_at(fd, e->d_name, 16 * MIB, &data, &len) < 0) {
            (void)fprintf(stderr, "%s/%s: cannot be read\n", path, e->d_name);
            n = -1;
            break;
        }
        (void)printf("%s\n", e->d_name);
        (void)fflush(stdout);
        /* Without the NUL that a reader adds, so that a step beyond the end is seen. */
        uint8_t *exact = malloc(len ? len : 1);
        if (!exact)
            abort();
        memcpy(exact, data, len);
        (void)LLVMFuzzerTestOneInput(exact, len);
        free(exact);
        n++;
    }
    (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        int n = replay(argv[i]);
        if (n < 0)
            return 1;
        total += n;
    }
    return total > 0 ? 0 : 77;
}
