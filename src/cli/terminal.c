/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/terminal.h"

#include <errno.h>
#include <sys/ioctl.h>

#include "base/str.h"

void terminal_raw(struct terminal *t)
{
    t->fd = -1;
    if (tcgetattr(STDIN_FILENO, &t->saved) < 0)
        return;
    struct termios raw = t->saved;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0)
        t->fd = STDIN_FILENO;
}

void terminal_restore(struct terminal *t)
{
    if (t->fd >= 0)
        (void)tcsetattr(t->fd, TCSANOW, &t->saved);
    t->fd = -1;
}

bool terminal_size(unsigned *rows, unsigned *cols)
{
    struct winsize ws;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) < 0 || (ws.ws_row == 0 && ws.ws_col == 0))
        return false;
    *rows = ws.ws_row;
    *cols = ws.ws_col;
    return true;
}

static int key_of(const char *name)
{
    static const char specials[] = "@[\\]^_";
    if (name[0] && !name[1])
        return (unsigned char)name[0];
    const char *c = str_after(name, "ctrl-");
    if (!c || !c[0] || c[1])
        return -EINVAL;
    if (c[0] >= 'a' && c[0] <= 'z')
        return c[0] - 'a' + 1;
    const char *s = strchr(specials, c[0]);
    if (!s)
        return -EINVAL;
    return *s == '@' ? 0 : 26 + (int)(s - specials);
}

int detach_keys_parse(const char *text, struct detach_keys *ret, struct err *err)
{
    struct detach_keys d = {0};
    _cleanup_strv_ char **names = str_split(*text ? text : "ctrl-p,ctrl-q", ',');
    for (char **n = names; *n; n++) {
        int key = key_of(*n);
        if (key < 0 || d.n == DETACH_KEYS_MAX)
            return err_set(err, ERR_INVALID, "invalid detach keys (%s): Unknown character: '%s'",
                           text, *n);
        d.keys[d.n++] = (char)key;
    }
    *ret = d;
    return 0;
}

bool detach_keys_filter(struct detach_keys *d, const char *in, size_t len, char *out,
                        size_t *ret_len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (in[i] != d->keys[d->matched] && d->matched > 0) {
            memcpy(out + n, d->keys, d->matched);
            n += d->matched;
            d->matched = 0;
        }
        if (in[i] != d->keys[d->matched]) {
            out[n++] = in[i];
        } else if (++d->matched == d->n) {
            d->matched = 0;
            *ret_len = n;
            return true;
        }
    }
    *ret_len = n;
    return false;
}
