/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "engine/stats.h"

/* A kernel counter as JSON has it: signed, so the largest ones stay at the top. */
static int64_t number(const char *s)
{
    uint64_t v = 0;

    if (parse_u64(s, &v) < 0)
        return 0;
    return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* The words of a line. */
static char **words_of(const char *line)
{
    char **words = NULL;

    for (line += strspn(line, " \t"); *line; line += strspn(line, " \t")) {
        size_t n = strcspn(line, " \t");
        strv_push_take(&words, xstrndup(line, n));
        line += n;
    }
    return words;
}

static json_t *net_row(char *const *w)
{
    static const struct {
        const char *name;
        size_t at;
    } fields[] = {
        {"rx_bytes", 0}, {"rx_packets", 1}, {"rx_errors", 2},  {"rx_dropped", 3},
        {"tx_bytes", 8}, {"tx_packets", 9}, {"tx_errors", 10}, {"tx_dropped", 11},
    };
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        json_set_i64(o, fields[i].name, number(w[fields[i].at]));
    return o;
}

json_t *stats_parse_net(const char *text)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    json_t *all = json_object();

    for (size_t i = 0; lines[i]; i++) {
        char *colon = strchr(lines[i], ':');
        const char *name = lines[i] + strspn(lines[i], " ");
        _cleanup_strv_ char **words = NULL;

        if (!colon)
            continue;
        *colon = '\0';
        words = words_of(colon + 1);
        if (!str_eq(name, "lo") && strv_len(words) >= 12)
            json_set_take(all, name, net_row(words));
    }
    if (json_object_size(all) > 0)
        return all;
    json_decref(all);
    return NULL;
}

static json_t *blkio_row(const char *device, const char *op, int64_t value)
{
    _cleanup_strv_ char **numbers = str_split(device, ':');
    uint32_t major = 0, minor = 0;
    json_t *o;

    if (strv_len(numbers) != 2 || parse_u32(numbers[0], &major) < 0 ||
        parse_u32(numbers[1], &minor) < 0)
        return NULL;
    o = json_object();
    json_set_i64(o, "major", major);
    json_set_i64(o, "minor", minor);
    json_set_str(o, "op", op);
    json_set_i64(o, "value", value);
    return o;
}

static void append(json_t *list, json_t *row)
{
    if (row)
        (void)json_array_append_new(list, row);
}

json_t *stats_parse_blkio(const char *text)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    json_t *list = json_array();

    for (size_t i = 0; lines[i]; i++) {
        _cleanup_strv_ char **w = words_of(lines[i]);

        if (strv_len(w) == 3)
            append(list, blkio_row(w[0], w[1], number(w[2])));
        else if (strv_len(w) == 2 && strchr(w[0], ':'))
            append(list, blkio_row(w[0], "", number(w[1])));
    }
    return list;
}

json_t *stats_parse_io(const char *text, bool bytes)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    json_t *list = json_array();

    for (size_t i = 0; lines[i]; i++) {
        _cleanup_strv_ char **w = words_of(lines[i]);

        for (size_t k = 1; w && w[0] && w[k]; k++) {
            const char *r = str_after(w[k], bytes ? "rbytes=" : "rios=");
            const char *wr = str_after(w[k], bytes ? "wbytes=" : "wios=");

            if (r || wr)
                append(list, blkio_row(w[0], r ? "read" : "write", number(r ? r : wr)));
        }
    }
    return list;
}

json_t *stats_parse_flat(const char *text)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    json_t *o = json_object();

    for (size_t i = 0; lines[i]; i++) {
        _cleanup_strv_ char **w = words_of(lines[i]);

        if (strv_len(w) == 2)
            json_set_i64(o, w[0], number(w[1]));
    }
    return o;
}

int64_t stats_parse_system(const char *text, int *ret_cpus)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');
    int64_t ticks = 0;
    long hz = sysconf(_SC_CLK_TCK);

    *ret_cpus = 0;
    for (size_t i = 0; lines[i]; i++) {
        _cleanup_strv_ char **w = words_of(lines[i]);

        if (strv_len(w) < 8 || !str_starts(w[0], "cpu"))
            continue;
        if (w[0][3] != '\0') {
            (*ret_cpus)++;
            continue;
        }
        /* user nice system idle iowait irq softirq: as Docker adds them up */
        for (size_t k = 1; k < 8; k++)
            ticks += number(w[k]);
    }
    return ticks * (INT64_C(1000000000) / (hz > 0 ? hz : 100));
}
