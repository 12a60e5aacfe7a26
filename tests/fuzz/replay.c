/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Gives a fuzzer each file of the directories named as arguments, without libFuzzer: how corpora
 * run as ordinary tests. */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fdutil.h"
#include "base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    if (!d)
        return -1;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        _cleanup_free_ char *data = NULL;
        size_t len = 0;
        if (e->d_name[0] == '.')
            continue;
        if (read_file_at(dirfd(d), e->d_name, 64 * MIB, &data, &len) < 0)
            continue;
        (void)LLVMFuzzerTestOneInput((const uint8_t *)data, len);
        n++;
    }
    (void)closedir(d);
    (void)printf("%s: %d inputs\n", dir, n);
    return n;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (replay(argv[i]) <= 0)
            return 1;
    return argc > 1 ? 0 : 1;
}
