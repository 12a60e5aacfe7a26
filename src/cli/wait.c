/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/wait.h"

#include <errno.h>

#include "base/alloc.h"

int wait_begin(struct client *c, const char *id, bool removed, struct client_stream **ret,
               struct err *err)
{
    _cleanup_free_ char *path =
        xasprintf("/containers/%s/wait?condition=%s", id, removed ? "removed" : "next-exit");
    return client_begin(c, "POST", path, NULL, false, ret, err);
}

int wait_result(struct client_stream *s, struct err *err)
{
    _cleanup_json_ json_t *res = NULL;
    int r = client_stream_json(s, &res, err);
    if (r < 0)
        return r;
    const json_t *e = json_object_get(res, "Error");
    const char *message = e ? json_str_or(e, "Message", "") : "";
    if (*message)
        return err_set(err, ERR_INTERNAL, "Error waiting for container: %s", message);
    return (int)json_i64_or(res, "StatusCode", 0);
}
