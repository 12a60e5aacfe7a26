/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled seccomp filters, one for each profile and set of capabilities: compiling costs more than
 * the rest of a start. */
#include <errno.h>

#include "base/alloc.h"
#include "base/digest.h"
#include "engine/internal.h"
#include "runtime/seccomp.h"

#define CACHE_MAX 64

/* What the filter depends on. */
static char *cache_key(struct engine *e, const json_t *host, uint64_t caps)
{
    _cleanup_free_ char *opts = NULL;
    json_t *list = json_object_get(host, "SecurityOpt");
    struct digest d = {0};

    if (json_array_size(list) > 0) {
        opts = json_dumps(list, JSON_COMPACT);
        digest_of(opts, strlen(opts), &d);
    }
    return xasprintf("%llx %d %s", (unsigned long long)caps,
                     json_bool_or(host, "Privileged", false) ? 1
                     : e->seccomp_profile                    ? 2
                                                             : 0,
                     d.str);
}

int engine_seccomp_filter(struct engine *e, const json_t *host, uint64_t caps, int *ret_fd,
                          struct err *err)
{
    _cleanup_free_ char *key = cache_key(e, host, caps);
    _cleanup_json_ json_t *config = NULL;
    int *boxed, fd = -1, r;

    LOCK_SCOPE(&e->seccomp_lock);
    boxed = hashmap_get(e->seccomp, key);
    if (boxed) {
        *ret_fd = *boxed;
        return 0;
    }
    r = container_seccomp(host, e->seccomp_profile, caps, &config, err);
    if (r < 0)
        return r;
    if (config && (r = seccomp_compile(config, &fd, err)) < 0)
        return r;
    if (hashmap_len(e->seccomp) >= CACHE_MAX)
        return err_set(err, ERR_UNAVAILABLE, "too many different seccomp profiles are in use");
    boxed = XNEW(int);
    *boxed = fd;
    hashmap_put(e->seccomp, key, boxed);
    *ret_fd = fd;
    return 0;
}
