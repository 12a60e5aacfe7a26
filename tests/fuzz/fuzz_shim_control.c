/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Control messages of the shim, as both sides read them: the first byte says how many descriptors
 * come along. No descriptor may be lost or closed twice. */

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdutil.h"
#include "shim/client_internal.h"
#include "shim/detach.h"
#include "shim/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_event(const struct shim_msg *m)
{
    struct shim_event ev;
    struct err err = {};

    (void)shim_event_parse(m->body, m->type, &ev);
    if (shim_msg_error(m, &err) >= 0)
        abort();
}

static void read_as_request(struct shim_msg *m)
{
    struct request req;
    struct err err = {};

    if (request_parse(m, &req, &err) == 0) {
        for (size_t i = 0; i < req.n_streams; i++) {
            struct detach d;
            if (req.streams[i].fd < 0)
                abort();
            if (detach_parse(req.streams[i].detach_keys, &d, &err) == 0 && d.n > DETACH_KEYS_MAX)
                abort();
        }
    } else if (err.kind == ERR_NONE)
        abort();
    request_done(&req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[SOCK_MAX_FDS];
    size_t n_fds = size > 0 ? data[0] % 6 : 0;
    struct shim_msg m;
    struct err err = {};

    if (size < 1)
        return 0;
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close_fd(lowest);
    for (size_t i = 0; i < n_fds; i++)
        fds[i] = i == 0 && (data[0] & 0x80) ? memfd_sealed("fuzz", data + 1, size - 1)
                                            : open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (shim_msg_decode((const char *)data + 1, size - 1, fds, n_fds, &m, &err) == 0) {
        read_as_event(&m);
        read_as_request(&m);
        shim_msg_done(&m);
    } else if (err.kind == ERR_NONE)
        abort();
    int now = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (now != lowest)
        abort(); /* a descriptor leaked */
    close_fd(now);
    return 0;
}
