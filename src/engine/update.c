/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits and restart policy of containers that exist. */
#include <errno.h>

#include "engine/internal.h"

/* op is held. The shim of a container that runs, so that its limits have to change now. */
static int find_shim(struct container *c, struct shim_handle **ret, struct err *err)
{
    LOCK_SCOPE(&c->lock);
    if (c->gone || c->state.removing || c->state.dead)
        return err_set(err, ERR_CONFLICT,
                       "Cannot update container %s: container is marked for removal and cannot be "
                       "\"update\"",
                       c->conf->id);
    if (c->state.running && !c->state.restarting && c->shim)
        *ret = shim_handle_ref(c->shim);
    return 0;
}

static int apply(struct shim_handle *shim, const json_t *host, struct err *err)
{
    _cleanup_json_ json_t *resources = json_object();
    int r = container_spec_resources(host, resources, err);

    if (r == 0)
        r = shim_update(shim->shim, resources, err);
    return r;
}

static int update_locked(struct engine *e, struct container *c, const json_t *body,
                         json_t *warnings, struct err *err)
{
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    _cleanup_json_ json_t *config = container_conf_config(c->conf), *next = NULL;
    _cleanup_json_ json_t *host = container_conf_host(c->conf);
    struct container_defaults defaults;
    int r = find_shim(c, &shim, err);

    if (r < 0)
        return r;
    {
        LOCK_SCOPE(&e->settings_lock);
        engine_container_defaults(e, &defaults);
        r = container_update_parse(body, config, host, &defaults, &next, warnings, err);
    }
    if (r < 0)
        return r;
    if (shim && (r = apply(shim, next, err)) < 0) {
        (void)apply(shim, host, NULL);
        err_wrap(err, "Cannot update container %s", c->conf->id);
        return r;
    }
    r = container_store_host(e->db, c->conf->id, next, err);
    if (r < 0)
        return r;
    container_conf_update(c->conf, next);
    return 0;
}

int engine_container_update(struct engine *e, const char *ref, const json_t *body,
                            json_t **ret_warnings, struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_json_ json_t *warnings = json_array();
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    {
        LOCK_SCOPE(&c->op);
        r = update_locked(e, c, body, warnings, err);
    }
    if (r < 0)
        return r;
    engine_container_event(e, c, "update", NULL);
    *ret_warnings = json_array_size(warnings) > 0 ? TAKE_PTR(warnings) : json_null();
    return 0;
}
