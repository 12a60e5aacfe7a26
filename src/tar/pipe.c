/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tar/pipe.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/thread.h"

#define SLOTS      4
#define SLOT_BYTES (512 * KIB)

struct slot {
    uint8_t *data; /* owned; SLOT_BYTES */
    size_t len;
};

struct tar_pipe {
    struct tar_source *src; /* borrowed */
    uint64_t max_bytes;
    pthread_t thread;
    bool running;
    int cancel_fd; /* owned */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock: */
    size_t filled; /* slots ready for the reader, from `next` on */
    bool ended, stop;
    struct err failure; /* kind ERR_NONE: none */
    /* The reader's own: */
    size_t next, pos;
    /* The thread's own until it has ended: */
    struct slot slots[SLOTS];
    struct digest_ctx *digest; /* owned */
    uint64_t bytes;
};

/* Fills a slot as far as the stream goes. Sets *ret_end at its end. */
static int fill_slot(struct tar_pipe *p, struct slot *s, bool *ret_end, struct err *err)
{
    s->len = 0;
    while (s->len < SLOT_BYTES) {
        ssize_t n = tar_source_read(p->src, s->data + s->len, SLOT_BYTES - s->len, err);
        if (n < 0)
            return (int)n;
        if (n == 0) {
            *ret_end = true;
            break;
        }
        s->len += (size_t)n;
    }
    digest_ctx_update(p->digest, s->data, s->len);
    p->bytes += s->len;
    if (p->max_bytes > 0 && p->bytes > p->max_bytes)
        return err_set(err, ERR_INVALID, "the layer is larger than the %llu bytes allowed",
                       (unsigned long long)p->max_bytes);
    return 0;
}

static void *produce(void *arg)
{
    struct tar_pipe *p = arg;
    struct err err = {0};
    bool end = false;
    int r = 0;

    for (size_t i = 0; !end && r == 0; i = (i + 1) % SLOTS) {
        (void)pthread_mutex_lock(&p->lock);
        while (p->filled == SLOTS && !p->stop)
            (void)pthread_cond_wait(&p->changed, &p->lock);
        bool stop = p->stop;
        (void)pthread_mutex_unlock(&p->lock);
        if (stop)
            return NULL;

        r = fill_slot(p, &p->slots[i], &end, &err);

        LOCK_SCOPE(&p->lock);
        if (r == 0)
            p->filled++;
        else
            p->failure = err;
        p->ended = end || r < 0;
        (void)pthread_cond_signal(&p->changed);
    }
    return NULL;
}

int tar_pipe_new(struct tar_source *src, uint64_t max_bytes, struct tar_pipe **ret, struct err *err)
{
    struct tar_pipe *p = XNEW(struct tar_pipe);

    p->src = src;
    p->max_bytes = max_bytes;
    p->digest = digest_ctx_new();
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->changed, NULL);
    for (size_t i = 0; i < SLOTS; i++)
        p->slots[i].data = xmalloc(SLOT_BYTES);
    p->cancel_fd = eventfd(0, EFD_CLOEXEC);
    int r = p->cancel_fd < 0 ? -errno : 0;
    if (r == 0) {
        tar_source_set_cancel(src, p->cancel_fd);
        r = thread_spawn("tar-read", 0, produce, p, &p->thread);
    }
    if (r < 0) {
        tar_pipe_free(p);
        return err_errno(err, r, "start reading a tar");
    }
    p->running = true;
    *ret = p;
    return 0;
}

void tar_pipe_free(struct tar_pipe *p)
{
    if (!p)
        return;
    if (p->running) {
        (void)pthread_mutex_lock(&p->lock);
        p->stop = true;
        (void)eventfd_write(p->cancel_fd, 1);
        (void)pthread_cond_signal(&p->changed);
        (void)pthread_mutex_unlock(&p->lock);
        (void)pthread_join(p->thread, NULL);
    }
    tar_source_set_cancel(p->src, -1);
    if (p->cancel_fd >= 0)
        close_fd(p->cancel_fd);
    for (size_t i = 0; i < SLOTS; i++)
        free(p->slots[i].data);
    digest_ctx_free(p->digest);
    (void)pthread_cond_destroy(&p->changed);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Waits for a slot: 1, or 0 at the end, or the thread's failure. */
static int await_slot(struct tar_pipe *p, struct err *err)
{
    LOCK_SCOPE(&p->lock);
    while (p->filled == 0 && !p->ended)
        (void)pthread_cond_wait(&p->changed, &p->lock);
    if (p->filled > 0)
        return 1;
    if (p->failure.kind != ERR_NONE) {
        if (err)
            *err = p->failure;
        return p->failure.code;
    }
    return 0;
}

ssize_t tar_pipe_read(void *pipe, void *buf, size_t len, struct err *err)
{
    struct tar_pipe *p = pipe;

    for (;;) {
        if (p->pos == 0) {
            int r = await_slot(p, err);
            if (r <= 0)
                return r;
        }
        struct slot *s = &p->slots[p->next];
        size_t n = MIN(len, s->len - p->pos);
        memcpy(buf, s->data + p->pos, n);
        p->pos += n;
        if (p->pos == s->len) {
            LOCK_SCOPE(&p->lock);
            p->filled--;
            p->next = (p->next + 1) % SLOTS;
            p->pos = 0;
            (void)pthread_cond_signal(&p->changed);
        }
        /* The last slot may be empty. */
        if (n > 0)
            return (ssize_t)n;
    }
}

void tar_pipe_result(struct tar_pipe *p, struct digest *ret_digest, uint64_t *ret_bytes)
{
    if (p->running)
        (void)pthread_join(p->thread, NULL);
    p->running = false;
    digest_ctx_final(p->digest, ret_digest);
    *ret_bytes = p->bytes;
}
