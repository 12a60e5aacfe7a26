/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/stdcopy.h"

#include <errno.h>

int stdcopy_feed(struct stdcopy *s, const char *data, size_t len, stdcopy_fn fn, void *arg,
                 struct err *err)
{
    while (len > 0) {
        if (s->left == 0 && s->n_header < sizeof(s->header)) {
            size_t n = MIN(len, sizeof(s->header) - s->n_header);
            memcpy(s->header + s->n_header, data, n);
            s->n_header += n;
            data += n;
            len -= n;
            if (s->n_header < sizeof(s->header))
                return 0;
            if (s->header[0] > STDCOPY_SYSTEM_ERROR) {
                (void)err_set(err, ERR_INTERNAL, "unrecognized stream: %d", s->header[0]);
                return -EBADMSG;
            }
            s->left = (uint64_t)s->header[4] << 24 | (uint64_t)s->header[5] << 16 |
                      (uint64_t)s->header[6] << 8 | s->header[7];
        } else {
            size_t n = (size_t)MIN((uint64_t)len, s->left);
            int r = fn(arg, (enum stdcopy_stream)s->header[0], data, n);
            if (r)
                return r;
            data += n;
            len -= n;
            s->left -= n;
        }
        if (s->left == 0)
            s->n_header = 0;
    }
    return 0;
}
