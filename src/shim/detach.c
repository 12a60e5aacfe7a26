/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shim/detach.h"

#include <string.h>

#include "base/str.h"

/* One key into its byte; false when there is no such key. */
static bool parse_key(const char *key, size_t len, uint8_t *ret)
{
    if (len == 1) {
        *ret = (uint8_t)key[0];
        return true;
    }
    if (len == 3 && memcmp(key, "DEL", 3) == 0) {
        *ret = 127;
        return true;
    }
    if (len != 6 || memcmp(key, "ctrl-", 5) != 0)
        return false;
    if (key[5] >= 'a' && key[5] <= 'z')
        *ret = (uint8_t)(key[5] - 'a' + 1);
    else if (key[5] == '@' || (key[5] >= '[' && key[5] <= '_'))
        *ret = (uint8_t)(key[5] - '@');
    else
        return false;
    return true;
}

int detach_parse(const char *keys, struct detach *ret, struct err *err)
{
    struct detach d = {};
    const char *all = str_empty(keys) ? DETACH_KEYS_DEFAULT : keys;

    for (const char *p = all;;) {
        size_t len = strcspn(p, ",");
        if (d.n == DETACH_KEYS_MAX || !parse_key(p, len, &d.keys[d.n]))
            return err_set(err, ERR_INVALID, "invalid detach keys (%s) provided", all);
        d.n++;
        if (!p[len])
            break;
        p += len + 1;
    }
    *ret = d;
    return 0;
}

bool detach_filter(struct detach *d, const char *in, size_t n, char *out, size_t *ret_len)
{
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        while (d->matched > 0 && d->keys[d->matched] != (uint8_t)in[i]) {
            /* Broken: what is held goes on, except for the longest tail of it that is itself the
             * beginning of the sequence. */
            size_t keep = d->matched - 1;
            while (keep > 0 && memcmp(d->keys, d->keys + d->matched - keep, keep) != 0)
                keep--;
            memcpy(out + len, d->keys, d->matched - keep);
            len += d->matched - keep;
            d->matched = keep;
        }
        if (d->n == 0 || d->keys[d->matched] != (uint8_t)in[i])
            out[len++] = in[i];
        else if (++d->matched == d->n) {
            d->matched = 0;
            *ret_len = len;
            return true;
        }
    }
    *ret_len = len;
    return false;
}
