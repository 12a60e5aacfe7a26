/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/io.h"

#include "base/fdutil.h"

static int sink_fd_write(void *arg, const void *data, size_t len, struct err *err)
{
    int r = write_full(*(int *)arg, data, len);

    return r < 0 ? err_errno(err, r, "write") : 0;
}

static int sink_null_write(void *arg, const void *data, size_t len, struct err *err)
{
    return 0;
}

struct tar_sink tar_sink_fd(int *fd)
{
    return (struct tar_sink){.write = sink_fd_write, .arg = fd};
}

struct tar_sink tar_sink_null(void)
{
    return (struct tar_sink){.write = sink_null_write};
}
