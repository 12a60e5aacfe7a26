/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/timeutil.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

static int64_t clock_nsec(clockid_t clock)
{
    struct timespec ts;

    (void)clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

int64_t now_nsec(void)
{
    return clock_nsec(CLOCK_REALTIME);
}

int64_t monotonic_nsec(void)
{
    return clock_nsec(CLOCK_MONOTONIC);
}

static void format_parts(int64_t nsec, bool trim, char out[static TIME_RFC3339_MAX])
{
    if (nsec == 0) {
        (void)snprintf(out, TIME_RFC3339_MAX, "0001-01-01T00:00:00Z");
        return;
    }
    int64_t sec = nsec / NSEC_PER_SEC;
    int64_t frac = nsec % NSEC_PER_SEC;
    if (frac < 0) {
        frac += NSEC_PER_SEC;
        sec--;
    }
    time_t t = (time_t)sec;
    struct tm tm;
    (void)gmtime_r(&t, &tm);
    char date[24];
    char digits[16];
    (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(digits, sizeof(digits), ".%09d", (int)frac);
    size_t n = strlen(digits);
    while (trim && n > 1 && digits[n - 1] == '0')
        n--;
    if (n == 1)
        n = 0;
    (void)snprintf(out, TIME_RFC3339_MAX, "%s%.*sZ", date, (int)n, digits);
}

void time_format_rfc3339nano(int64_t nsec, char out[static TIME_RFC3339_MAX])
{
    format_parts(nsec, true, out);
}

void time_format_fixed(int64_t nsec, char out[static TIME_RFC3339_MAX])
{
    format_parts(nsec, false, out);
}

static int digits(const char **s, size_t n, int *ret)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        if ((*s)[i] < '0' || (*s)[i] > '9')
            return -EINVAL;
        v = v * 10 + ((*s)[i] - '0');
    }
    *s += n;
    *ret = v;
    return 0;
}

static int expect(const char **s, char c)
{
    if (**s != c)
        return -EINVAL;
    (*s)++;
    return 0;
}

/* ".123" as nanoseconds; digits past the ninth are dropped. */
static int parse_fraction(const char **s, int64_t *ret)
{
    int64_t v = 0;
    int64_t unit = NSEC_PER_SEC;

    if (**s < '0' || **s > '9')
        return -EINVAL;
    for (; **s >= '0' && **s <= '9'; (*s)++) {
        unit /= 10;
        v += (**s - '0') * unit;
    }
    *ret = v;
    return 0;
}

/* "Z" or "+hh:mm", as seconds east. */
static int parse_zone(const char **s, int *ret_offset)
{
    int hours;
    int minutes;
    char sign = **s;

    if (sign == 'Z' || sign == 'z') {
        (*s)++;
        *ret_offset = 0;
        return 0;
    }
    if (sign != '+' && sign != '-')
        return -EINVAL;
    (*s)++;
    if (digits(s, 2, &hours) < 0 || expect(s, ':') < 0 || digits(s, 2, &minutes) < 0 ||
        hours > 23 || minutes > 59)
        return -EINVAL;
    *ret_offset = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return 0;
}

static int parse_date(const char **s, struct tm *tm)
{
    if (digits(s, 4, &tm->tm_year) < 0 || expect(s, '-') < 0 || digits(s, 2, &tm->tm_mon) < 0 ||
        expect(s, '-') < 0 || digits(s, 2, &tm->tm_mday) < 0)
        return -EINVAL;
    if (tm->tm_mon < 1 || tm->tm_mon > 12 || tm->tm_mday < 1 || tm->tm_mday > 31)
        return -EINVAL;
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return 0;
}

static int parse_clock(const char **s, struct tm *tm, int64_t *frac)
{
    if (digits(s, 2, &tm->tm_hour) < 0 || expect(s, ':') < 0 || digits(s, 2, &tm->tm_min) < 0)
        return -EINVAL;
    if (**s == ':') {
        (*s)++;
        if (digits(s, 2, &tm->tm_sec) < 0)
            return -EINVAL;
    }
    if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
        return -EINVAL;
    if (**s == '.') {
        (*s)++;
        return parse_fraction(s, frac);
    }
    return 0;
}

/* zone_required: strict RFC 3339; otherwise time and zone may be missing. */
static int parse_timestamp(const char *s, bool zone_required, int64_t *ret_nsec)
{
    struct tm tm = {.tm_isdst = -1};
    int64_t frac = 0;
    int offset = 0;
    bool local = true;
    int r = parse_date(&s, &tm);

    if (r == 0 && (*s == 'T' || *s == 't')) {
        s++;
        r = parse_clock(&s, &tm, &frac);
    }
    if (r == 0 && *s) {
        r = parse_zone(&s, &offset);
        local = false;
    }
    if (r < 0 || *s || (zone_required && local))
        return -EINVAL;
    time_t t = local ? mktime(&tm) : timegm(&tm) - offset;
    *ret_nsec = (int64_t)t * NSEC_PER_SEC + frac;
    return 0;
}

int time_parse_rfc3339(const char *s, int64_t *ret_nsec)
{
    /* Go's zero time is "never". */
    if (str_eq(s, "0001-01-01T00:00:00Z")) {
        *ret_nsec = 0;
        return 0;
    }
    return parse_timestamp(s, true, ret_nsec);
}

static int duration_unit(const char **s, int64_t *ret)
{
    static const struct {
        const char *name;
        int64_t nsec;
    } units[] = {
        {"ns", 1},
        {"us", 1000},
        {"\xc2\xb5s", 1000},
        {"ms", NSEC_PER_MSEC},
        {"s", NSEC_PER_SEC},
        {"m", 60 * NSEC_PER_SEC},
        {"h", 3600 * NSEC_PER_SEC},
    };

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        size_t n = strlen(units[i].name);
        /* "m" must not swallow the start of "ms", which stands before it in the table. */
        if (strncmp(*s, units[i].name, n) == 0) {
            *s += n;
            *ret = units[i].nsec;
            return 0;
        }
    }
    return -EINVAL;
}

int duration_parse(const char *s, int64_t *ret_nsec)
{
    bool negative = *s == '-';
    int64_t total = 0;

    if (*s == '-' || *s == '+')
        s++;
    if (str_eq(s, "0")) {
        *ret_nsec = 0;
        return 0;
    }
    if (!*s)
        return -EINVAL;
    while (*s) {
        int64_t whole = 0;
        int64_t frac = 0;
        int64_t unit = 0;
        bool any = false;
        for (; *s >= '0' && *s <= '9'; s++, any = true)
            if (__builtin_mul_overflow(whole, (int64_t)10, &whole) ||
                __builtin_add_overflow(whole, (int64_t)(*s - '0'), &whole))
                return -ERANGE;
        if (*s == '.') {
            s++;
            if (*s >= '0' && *s <= '9') {
                if (parse_fraction(&s, &frac) < 0)
                    return -EINVAL;
                any = true;
            }
        }
        if (!any || duration_unit(&s, &unit) < 0)
            return -EINVAL;
        int64_t part;
        if (__builtin_mul_overflow(whole, unit, &part) ||
            __builtin_add_overflow(total, part, &total))
            return -ERANGE;
        /* frac counts 1e-9 of the unit. */
        total += (int64_t)((double)frac / (double)NSEC_PER_SEC * (double)unit);
    }
    *ret_nsec = negative ? -total : total;
    return 0;
}

int time_parse_reference(const char *s, int64_t now, int64_t *ret_nsec)
{
    int64_t v;

    if (duration_parse(s, &v) == 0 && !str_eq(s, "0")) {
        *ret_nsec = now - v;
        return 0;
    }
    const char *p = s;
    int64_t sec = 0;
    int64_t frac = 0;
    bool negative = *p == '-';
    if (negative)
        p++;
    const char *start = p;
    while (*p >= '0' && *p <= '9')
        p++;
    if (p > start && (*p == '\0' || *p == '.')) {
        char whole[24];
        if ((size_t)(p - start) >= sizeof(whole))
            return -ERANGE;
        memcpy(whole, start, (size_t)(p - start));
        whole[p - start] = '\0';
        if (parse_i64(whole, &sec) < 0 || sec > INT64_MAX / NSEC_PER_SEC - 1)
            return -ERANGE;
        if (*p == '.') {
            p++;
            if (parse_fraction(&p, &frac) < 0 || *p)
                return -EINVAL;
        }
        v = sec * NSEC_PER_SEC + frac;
        *ret_nsec = negative ? -v : v;
        return 0;
    }
    return parse_timestamp(s, false, ret_nsec);
}
