/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/thread.h"

#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/limits.h"

struct start {
    thread_fn fn;
    void *arg;
    char name[16];
};

static void *start_main(void *p)
{
    struct start s = *(struct start *)p;

    free(p);
    (void)pthread_setname_np(pthread_self(), s.name);
    return s.fn(s.arg);
}

static int spawn_thread(const char *name, size_t stack_bytes, thread_fn fn, void *arg,
                        bool detached, pthread_t *ret)
{
    struct start *s = XNEW(struct start);
    pthread_attr_t attr;
    sigset_t all;
    sigset_t old;

    s->fn = fn;
    s->arg = arg;
    (void)snprintf(s->name, sizeof(s->name), "%s", name);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, stack_bytes ? stack_bytes : 256 * KIB);
    if (detached)
        (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(ret, &attr, start_main, s);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    if (r != 0)
        free(s);
    return -r;
}

int thread_spawn_detached(const char *name, size_t stack_bytes, thread_fn fn, void *arg)
{
    pthread_t t;

    return spawn_thread(name, stack_bytes, fn, arg, true, &t);
}

int thread_spawn(const char *name, size_t stack_bytes, thread_fn fn, void *arg, pthread_t *ret)
{
    return spawn_thread(name, stack_bytes, fn, arg, false, ret);
}
