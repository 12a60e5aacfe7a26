/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "engine/internal.h"

#define PENDING_MAX 64 /* clients attached to one container before its start */

static int check_attachable(struct container *c, const char *ref, struct err *err)
{
    LOCK_SCOPE(&c->lock);
    if (c->gone || c->state.removing)
        return err_set(err, ERR_NOT_FOUND, "No such container: %s", ref);
    if (c->state.paused)
        return err_set(err, ERR_CONFLICT,
                       "container %s is paused, unpause the container before attach", ref);
    if (c->state.restarting)
        return err_set(err, ERR_CONFLICT,
                       "container %s is restarting, wait until the container is running", ref);
    if (!c->shim && c->n_pending >= PENDING_MAX)
        return err_set(err, ERR_UNAVAILABLE, "too many clients are attached to container %s", ref);
    return 0;
}

/* Keeps the stream until the container starts; false when it runs meanwhile. Takes what the stream
 * owns. */
static bool keep_pending(struct container *c, const struct shim_stream *stream)
{
    LOCK_SCOPE(&c->lock);
    if (c->shim)
        return false;
    c->pending = xrealloc_array(c->pending, c->n_pending + 1, sizeof(*c->pending));
    c->pending[c->n_pending] = *stream;
    c->pending[c->n_pending].detach_keys = xstrdup(stream->detach_keys);
    c->n_pending++;
    return true;
}

static int write_fd(void *ctx, const void *data, size_t len)
{
    return write_full(*(int *)ctx, data, len);
}

static int hand_over(struct container *c, struct shim_stream *stream, struct err *err)
{
    _cleanup_(shim_handle_unrefp)
    struct shim_handle *shim = NULL;
    bool starting;
    int r;

    /* a start in progress takes what is pending under `op`: wait for it, so that the stream is
     * either part of it or goes to the shim */
    (void)pthread_mutex_lock(&c->op);
    starting = keep_pending(c, stream);
    (void)pthread_mutex_unlock(&c->op);
    if (starting)
        return 0;
    {
        LOCK_SCOPE(&c->lock);
        shim = shim_handle_ref(c->shim);
    }
    if (!shim)
        r = err_set(err, ERR_CONFLICT, "container %s has ended", c->conf->id);
    else
        r = shim_attach(shim->shim, stream, err);
    if (!shim)
        (void)close_fd(stream->fd);
    free((void *)stream->preread);
    return r;
}

/* Makes the client's connection a stream, to be released by the caller. */
static int open_stream(struct container *c, const struct engine_attach *params,
                       struct shim_stream *ret, struct err *err)
{
    struct shim_stream stream = {
        .fd = -1,
        .use_stdin = params->use_stdin && c->conf->open_stdin,
        .use_stdout = params->use_stdout,
        .use_stderr = params->use_stderr,
        .multiplex = !c->conf->tty,
        .detach_keys = params->detach_keys,
    };
    char *preread = NULL;
    int r;

    if ((r = shim_check_detach_keys(params->detach_keys, err)) < 0 ||
        (r = params->hijack(params->ctx, stream.multiplex, &stream.fd, &preread,
                            &stream.preread_len, err)) < 0)
        return r;
    stream.preread = preread;
    *ret = stream;
    engine_container_event(c->engine, c, "attach", NULL);
    return 0;
}

/* Attaches before the start: 1 when the stream is kept. The client starts the container as soon as
 * it has the answer, so the stream must be pending before anybody else's start can come in between.
 * The answer's head is the only thing written under `op`; it is bounded by the socket's timeout. */
static int attach_early(struct container *c, const struct engine_attach *params,
                        struct shim_stream *ret, struct err *err)
{
    LOCK_SCOPE(&c->op);
    int r = open_stream(c, params, ret, err);

    return r < 0 ? r : keep_pending(c, ret);
}

static bool has_shim(struct container *c)
{
    LOCK_SCOPE(&c->lock);
    return c->shim != NULL;
}

int engine_container_attach(struct engine *e, const char *ref, const struct engine_attach *params,
                            struct err *err)
{
    _cleanup_(container_unrefp)
    struct container *c = NULL;
    struct shim_stream stream = {.fd = -1};
    int r = engine_lookup(e, ref, &c, err);

    if (r < 0 || (r = check_attachable(c, ref, err)) < 0)
        return r;
    if (params->stream && !params->logs && !has_shim(c))
        r = attach_early(c, params, &stream, err);
    else
        r = open_stream(c, params, &stream, err);
    if (r != 0)
        return MIN(r, 0);
    if (params->logs) {
        struct sink sink = {.write = write_fd, .gone_fd = -1, .ctx = &stream.fd};

        (void)container_copy_logs(e, c->conf, params->use_stdout, params->use_stderr, &sink);
    }
    if (!params->stream) {
        (void)close_fd(stream.fd);
        free((void *)stream.preread);
        return 0;
    }
    /* the answer has been sent: what fails from here on the client sees as the stream's end */
    (void)hand_over(c, &stream, NULL);
    return 0;
}
