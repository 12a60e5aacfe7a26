/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Threads with a name and a small stack. */

#include <pthread.h>

#include "base/macros.h"

typedef void *(*thread_fn)(void *arg);

/* Starts a detached thread named `name` (15 bytes are kept) with all signals blocked.
 * stack_bytes 0: 256 KiB. 0 or a negative errno. */
int thread_spawn_detached(const char *name, size_t stack_bytes, thread_fn fn, void *arg);
/* The same, to be joined. */
int thread_spawn(const char *name, size_t stack_bytes, thread_fn fn, void *arg, pthread_t *ret);

static inline void mutex_unlockp_(pthread_mutex_t **m)
{
    if (*m)
        (void)pthread_mutex_unlock(*m);
}
static inline pthread_mutex_t *mutex_lock_(pthread_mutex_t *m)
{
    (void)pthread_mutex_lock(m);
    return m;
}
#define LOCK_CAT2_(a, b) a##b
#define LOCK_CAT_(a, b)  LOCK_CAT2_(a, b)
/* Holds the mutex until the end of the scope. */
#define LOCK_SCOPE(m)         \
    _cleanup_(mutex_unlockp_) \
    _unused_ pthread_mutex_t *LOCK_CAT_(lock_scope_, __LINE__) = mutex_lock_(m)
