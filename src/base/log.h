/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Logging to standard error, one line a message: time=… level=… msg="…". Library modules log at
 * debug only; each failure is logged once, at the top. Thread-safe. */

#include "base/err.h"
#include "base/macros.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* "debug", "info", "warn", "error" ("fatal" and "panic" count as error). 0 or -EINVAL. */
int log_level_parse(const char *s, enum log_level *ret);
void log_write(enum log_level level, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                         \
    do {                                       \
        if (log_get_level() >= LOG_DEBUG)      \
            log_write(LOG_DEBUG, __VA_ARGS__); \
    } while (0)
