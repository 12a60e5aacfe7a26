/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ending containers without the help of their shims: what one leaves that was killed by force, and
 * what one keeps that answers no more. */
#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "engine/internal.h"
#include "oci/spec.h"
#include "runtime/runtime.h"

void container_end_orphan(struct engine *e, const struct container_conf *conf)
{
    _cleanup_json_ json_t *host = container_conf_host(conf);
    _cleanup_free_ char *path = container_cgroup_path(host, e->cgroup_parent, conf->id);
    _cleanup_(runtime_container_freep)
    struct runtime_container *left = NULL;
    struct oci_spec spec = {.cgroups_path = path};
    struct err err = {0};

    if (runtime_open(conf->id, &spec, NULL, 0, 0, &left, &err) < 0 ||
        runtime_destroy(left, &err) < 0)
        log_warn("clean up after the shim of container %s: %s", conf->id, err.message);
}

int container_kill(struct container *c, struct shim_handle *shim, struct err *err)
{
    struct err own = {0};
    int r = shim_kill(shim->shim, SIGKILL, &own);
    bool current;

    {
        LOCK_SCOPE(&c->lock);
        current = c->shim == shim;
    }
    if (r < 0 && own.kind == ERR_UNAVAILABLE && current) {
        log_warn("%s; its container is ended without it", own.message);
        container_end_orphan(c->engine, c->conf);
        return 0;
    }
    if (r < 0 && err)
        *err = own;
    return r;
}
