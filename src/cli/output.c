/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"

int output_stream(struct client_stream *s, int out, struct err *err)
{
    _cleanup_free_ char *data = xmalloc(256 * KIB);
    for (;;) {
        ssize_t n = client_stream_read(s, data, 256 * KIB);
        if (n < 0)
            return err_errno(err, (int)n, "read the archive");
        if (n == 0)
            return 0;
        int r = write_full(out, data, (size_t)n);
        if (r < 0)
            return err_errno(err, r, "write");
    }
}

int output_check(const char *failure, const char *path, char **ret, struct err *err)
{
    struct stat st;
    char real[PATH_MAX];
    if (stat(path, &st) < 0) {
        *ret = xstrdup(path);
        return 0;
    }
    const char *what = S_ISREG(st.st_mode)    ? NULL
                       : S_ISCHR(st.st_mode)  ? "cannot write to a character device file"
                       : S_ISBLK(st.st_mode)  ? "cannot write to a block device file"
                       : S_ISDIR(st.st_mode)  ? "cannot write to a directory"
                       : S_ISFIFO(st.st_mode) ? "cannot write to a named pipe file"
                                              : "cannot write to a special file";
    if (what)
        return err_set(err, ERR_INVALID, "%s: %s", failure, what);
    if (!realpath(path, real))
        return err_errno(err, errno, "%s: %s", failure, path);
    *ret = xstrdup(real);
    return 0;
}

int output_file(const char *failure, struct client_stream *s, const char *output, struct err *err)
{
    _cleanup_free_ char *path = NULL;
    int r = output_check(failure, output, &path, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *partial = xasprintf("%s.partial-%d", path, (int)getpid());
    _cleanup_close_ int out = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    char why[128];
    if (out < 0)
        return err_set(err, ERR_INVALID, "%s: invalid output path: open %s: %s", failure, output,
                       errno_text_lower(errno, why));
    r = output_stream(s, out, err);
    if (r == 0 && rename(partial, path) < 0)
        r = err_errno(err, errno, "rename to %s", output);
    if (r < 0)
        (void)unlink(partial);
    return r;
}
