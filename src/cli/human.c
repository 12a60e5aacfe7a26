/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/human.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"

static void scaled(double v, double base, const char *const *units, size_t n_units, int digits,
                   char *out)
{
    size_t i = 0;
    for (; v >= base && i + 1 < n_units; i++)
        v /= base;
    (void)snprintf(out, HUMAN_MAX, "%.*g%s", digits, v, units[i]);
}

void human_size(double bytes, int digits, char out[static HUMAN_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    scaled(bytes, 1000, units, ARRAY_SIZE(units), digits, out);
}

void human_bytes(double bytes, char out[static HUMAN_MAX])
{
    static const char *const units[] = {"B",   "KiB", "MiB", "GiB", "TiB",
                                        "PiB", "EiB", "ZiB", "YiB"};
    scaled(bytes, 1024, units, ARRAY_SIZE(units), 4, out);
}

void human_duration(int64_t nsec, char out[static HUMAN_MAX])
{
    int64_t sec = nsec / NSEC_PER_SEC, min = sec / 60;
    /* Hours are rounded, as go-units does. */
    int64_t hours = (int64_t)((double)nsec / (3600.0 * 1e9) + 0.5);
    if (sec < 1)
        (void)snprintf(out, HUMAN_MAX, "Less than a second");
    else if (sec == 1)
        (void)snprintf(out, HUMAN_MAX, "1 second");
    else if (sec < 60)
        (void)snprintf(out, HUMAN_MAX, "%" PRId64 " seconds", sec);
    else if (min == 1)
        (void)snprintf(out, HUMAN_MAX, "About a minute");
    else if (min < 60)
        (void)snprintf(out, HUMAN_MAX, "%" PRId64 " minutes", min);
    else if (hours == 1)
        (void)snprintf(out, HUMAN_MAX, "About an hour");
    else if (hours < 48)
        (void)snprintf(out, HUMAN_MAX, "%" PRId64 " hours", hours);
    else if (hours < 24 * 7 * 2)
        (void)snprintf(out, HUMAN_MAX, "%" PRId64 " days", hours / 24);
    else if (hours < 24 * 30 * 2)
        (void)snprintf(out, HUMAN_MAX, "%" PRId64 " weeks", hours / 24 / 7);
    else if (hours < 24 * 365 * 2)
        (void)snprintf(out, HUMAN_MAX, "%" PRId64 " months", hours / 24 / 30);
    else
        (void)snprintf(out, HUMAN_MAX, "%" PRId64 " years", hours / 24 / 365);
}

void human_time(int64_t sec, char out[static HUMAN_MAX])
{
    time_t t = (time_t)sec;
    struct tm tm;
    if (!localtime_r(&t, &tm) || !strftime(out, HUMAN_MAX, "%Y-%m-%d %H:%M:%S %z %Z", &tm))
        out[0] = '\0';
}

void human_rfc3339(int64_t nsec, bool nanoseconds, char out[static HUMAN_MAX])
{
    int64_t frac = nsec % NSEC_PER_SEC;
    time_t t = (time_t)(nsec / NSEC_PER_SEC - (frac < 0));
    struct tm tm;
    char date[32] = "";
    if (localtime_r(&t, &tm))
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    char fraction[16] = "";
    if (nanoseconds)
        (void)snprintf(fraction, sizeof(fraction), ".%09" PRId64,
                       frac < 0 ? frac + NSEC_PER_SEC : frac);
    char zone[16] = "Z";
    long off = tm.tm_gmtoff;
    if (off)
        (void)snprintf(zone, sizeof(zone), "%c%02ld:%02ld", off < 0 ? '-' : '+', labs(off) / 3600,
                       labs(off) / 60 % 60);
    (void)snprintf(out, HUMAN_MAX, "%s%s%s", date, fraction, zone);
}

char *human_ellipsis(const char *s, size_t max)
{
    size_t chars = 0, cut = 0;
    for (const char *p = s; *p; p++) {
        if (((unsigned char)*p & 0xc0) == 0x80)
            continue;
        if (chars + 1 == max)
            cut = (size_t)(p - s);
        chars++;
    }
    return chars <= max ? xstrdup(s) : xasprintf("%.*s…", (int)cut, s);
}

char *human_short_id(const char *id)
{
    const char *hex = strchr(id, ':');
    hex = hex ? hex + 1 : id;
    return xstrndup(hex, strnlen(hex, 12));
}
