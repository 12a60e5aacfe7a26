/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Cleanup attributes, hand-over macros and compiler annotations used everywhere.
 *
 * A variable marked `_cleanup_free_` etc. is released when its scope ends. To hand it to somebody
 * else, use TAKE_PTR() or TAKE_FD(): they return the value and leave NULL or -1 behind. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#define ARRAY_SIZE(a)       (sizeof(a) / sizeof((a)[0]))
#define _cleanup_(fn)       __attribute__((cleanup(fn)))
#define _printf_(fmt, args) __attribute__((format(printf, fmt, args)))
#define _unused_            __attribute__((unused))
#define _noreturn_          __attribute__((noreturn))
#define _must_check_        __attribute__((warn_unused_result))
#define MIN(a, b)                          \
    ({                                     \
        typeof(a) min_a_ = (a);            \
        typeof(b) min_b_ = (b);            \
        min_a_ < min_b_ ? min_a_ : min_b_; \
    })
#define MAX(a, b)                          \
    ({                                     \
        typeof(a) max_a_ = (a);            \
        typeof(b) max_b_ = (b);            \
        max_a_ > max_b_ ? max_a_ : max_b_; \
    })

#define TAKE_PTR(p)                \
    ({                             \
        typeof(p) take_ptr_ = (p); \
        (p) = NULL;                \
        take_ptr_;                 \
    })
#define TAKE_FD(fd)          \
    ({                       \
        int take_fd_ = (fd); \
        (fd) = -1;           \
        take_fd_;            \
    })

/* Defines `static void name_p(type **)` for _cleanup_(name_p), which calls name(*p) unless NULL. */
#define DEFINE_CLEANUP(type, name)      \
    static inline void name##p(type *p) \
    {                                   \
        if (*p)                         \
            name(*p);                   \
    }                                   \
    struct name##_cleanup_semicolon_

static inline void cleanup_free_(void *p)
{
    free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(cleanup_free_)

/* Closes fd, keeps errno, and returns -1, so that `fd = close_fd(fd)` leaves no stale number. */
int close_fd(int fd);
static inline void cleanup_close_(int *fd)
{
    if (*fd >= 0)
        *fd = close_fd(*fd);
}
#define _cleanup_close_ _cleanup_(cleanup_close_)
