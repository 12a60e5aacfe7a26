/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image out of what a container has changed. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "container/fields.h"
#include "engine/internal.h"
#include "tar/pack.h"

/* The thread that writes the container's own files as a layer. */
struct packer {
    pthread_t thread;
    int upper, out; /* owned */
    int r;
    struct err err;
};

static void *pack_main(void *arg)
{
    struct packer *p = arg;
    struct tar_pack_options options = {.overlay = true, .live = true};

    p->r = tar_pack_tree(p->upper, tar_sink_fd(&p->out), &options, NULL, &p->err);
    p->out = close_fd(p->out);
    return NULL;
}

/* The container's Config with what the request says instead. */
static json_t *merged_config(const struct container *c, const json_t *body)
{
    json_t *config = container_conf_config(c->conf), *value;
    const char *key;

    json_object_foreach((json_t *)body, key, value)
        if (!json_is_neutral(value) && json_object_get(config, key))
            (void)json_object_set(config, key, value);
    return config;
}

static int store(struct engine *e, struct container *c, const struct engine_commit *params,
                 const char *reference, struct digest *ret_id, struct err *err)
{
    _cleanup_json_ json_t *config = merged_config(c, params->config);
    struct packer p = {.upper = -1, .out = -1};
    struct image_commit commit = {
        .parent = c->conf->image_id,
        .reference = reference,
        .author = params->author,
        .message = params->message,
        .created_by = c->conf->command,
        .config = config,
        .changes = params->changes,
    };
    int fds[2], r = layer_rw_open(e->layers, c->conf->id, &p.upper, err);

    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0) {
        p.upper = close_fd(p.upper);
        return err_errno(err, errno, "pipe");
    }
    p.out = fds[1];
    r = thread_spawn("commit", 0, pack_main, &p, &p.thread);
    if (r == 0) {
        commit.fd = fds[0];
        r = image_commit(e->images, &commit, ret_id, err);
        (void)close_fd(fds[0]);
        (void)pthread_join(p.thread, NULL);
        if (r == 0 && p.r < 0) {
            if (err)
                *err = p.err;
            r = p.r;
        }
    } else {
        (void)close_fd(fds[0]);
        p.out = close_fd(p.out);
        r = err_errno(err, r, "start a thread");
    }
    p.upper = close_fd(p.upper);
    return r;
}

int engine_container_commit(struct engine *e, const char *ref, const struct engine_commit *params,
                            char ret_id[static 80], struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    _cleanup_free_ char *reference = NULL;
    struct digest id = {0};
    bool paused;
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0)
        return r;
    if (!str_empty(params->repo))
        reference = str_empty(params->tag) ? xstrdup(params->repo)
                                           : xasprintf("%s:%s", params->repo, params->tag);
    /* one that does not run, or is paused already, has nothing to hold still */
    paused = params->pause && engine_container_pause(e, c->conf->id, NULL) == 0;
    r = store(e, c, params, reference, &id, err);
    if (paused)
        (void)engine_container_unpause(e, c->conf->id, NULL);
    if (r < 0)
        return r;
    engine_container_event(e, c, "commit", "comment", params->message ? params->message : "",
                           "imageID", id.str, "imageRef", reference ? reference : "", NULL);
    if (reference)
        engine_image_event(e, "tag", id.str, reference);
    (void)snprintf(ret_id, 80, "%s", id.str);
    return 0;
}
