/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "base/timeutil.h"

static atomic_int current_level = LOG_INFO;

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

void log_set_level(enum log_level level)
{
    atomic_store(&current_level, (int)level);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load(&current_level);
}

int log_level_parse(const char *s, enum log_level *ret)
{
    static const struct {
        const char *name;
        enum log_level level;
    } names[] = {{"debug", LOG_DEBUG},  {"info", LOG_INFO},   {"warn", LOG_WARN},
                 {"warning", LOG_WARN}, {"error", LOG_ERROR}, {"fatal", LOG_ERROR},
                 {"panic", LOG_ERROR}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (str_eq(s, names[i].name)) {
            *ret = names[i].level;
            return 0;
        }
    }
    return -EINVAL;
}

/* Log injection: control bytes and quotes are escaped, so that a message is always one line. */
static void add_quoted(struct buf *b, const char *s)
{
    (void)buf_addc(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            (void)buf_addf(b, "\\%c", c);
        else if (c == '\n')
            (void)buf_adds(b, "\\n");
        else if (c < 0x20 || c == 0x7f)
            (void)buf_addf(b, "\\x%02x", c);
        else
            (void)buf_addc(b, (char)c);
    }
    (void)buf_addc(b, '"');
}

void log_write(enum log_level level, const char *fmt, ...)
{
    char text[4096];
    char when[TIME_RFC3339_MAX];
    _cleanup_buf_ struct buf line = BUF_INIT(32768);
    va_list ap;

    if (level > log_get_level())
        return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    time_format_fixed(now_nsec(), when);
    (void)buf_addf(&line, "time=\"%s\" level=%s msg=", when, level_names[level]);
    add_quoted(&line, text);
    (void)buf_addc(&line, '\n');
    (void)write_full(STDERR_FILENO, buf_str(&line), line.len);
}
