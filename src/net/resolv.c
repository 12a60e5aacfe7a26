/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "net/net.h"

#define RESOLV_CONF "/etc/resolv.conf"
/* systemd-resolved's list of the real servers, behind its loopback stub. */
#define RESOLVED_CONF "/run/systemd/resolve/resolv.conf"

struct resolv {
    char **servers, **search, **options; /* owned string vectors */
};

static void resolv_done(struct resolv *c)
{
    strv_free(c->servers);
    strv_free(c->search);
    strv_free(c->options);
}

static bool is_loopback(const char *server)
{
    return str_starts(server, "127.") || str_eq(server, "::1");
}

/* Adds the words of a line to the vector that its keyword names. */
static void parse_line(struct resolv *c, const char *line)
{
    _cleanup_free_ char *copy = xstrdup(line);

    for (char *p = copy; *p; p++)
        if (*p == '\t' || *p == '\r')
            *p = ' ';
    _cleanup_strv_ char **words = str_split(copy, ' ');
    char ***to = NULL;
    for (size_t i = 0; words[i]; i++) {
        if (!*words[i])
            continue;
        if (*words[i] == '#' || *words[i] == ';')
            return;
        if (to) {
            strv_push(to, words[i]);
        } else if (str_eq(words[i], "nameserver")) {
            to = &c->servers;
        } else if (str_eq(words[i], "search") || str_eq(words[i], "domain")) {
            strv_free(c->search);
            c->search = NULL;
            to = &c->search;
        } else if (str_eq(words[i], "options")) {
            to = &c->options;
        } else {
            return;
        }
    }
}

static void parse_file(struct resolv *c, const char *text)
{
    _cleanup_strv_ char **lines = str_split(text, '\n');

    for (size_t i = 0; lines[i]; i++)
        parse_line(c, lines[i]);
}

static bool only_loopback(const struct resolv *c)
{
    for (size_t i = 0; c->servers && c->servers[i]; i++)
        if (!is_loopback(c->servers[i]))
            return false;
    return strv_len(c->servers) > 0;
}

static void add_line(struct buf *b, const char *keyword, char *const *words)
{
    if (strv_len(words) == 0)
        return;
    _cleanup_free_ char *joined = strv_join(words, " ");
    (void)buf_addf(b, "%s %s\n", keyword, joined);
}

static void replace(char ***to, char *const *with)
{
    if (strv_len(with) == 0)
        return;
    strv_free(*to);
    *to = strv_copy(with);
}

char *net_resolv_conf(bool host_mode, char *const *dns, char *const *search, char *const *options)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_(resolv_done)
    struct resolv c = {};
    struct buf b = BUF_INIT(1 * MIB);

    if (read_file_at(AT_FDCWD, RESOLV_CONF, 256 * KIB, &text, NULL) < 0)
        text = xstrdup("");
    if (host_mode && strv_len(dns) + strv_len(search) + strv_len(options) == 0)
        return TAKE_PTR(text);
    parse_file(&c, text);
    if (!host_mode && only_loopback(&c)) {
        _cleanup_free_ char *real = NULL;
        if (read_file_at(AT_FDCWD, RESOLVED_CONF, 256 * KIB, &real, NULL) == 0) {
            resolv_done(&c);
            c = (struct resolv){};
            parse_file(&c, real);
        }
    }
    replace(&c.servers, dns);
    replace(&c.search, search);
    replace(&c.options, options);
    bool any = false;
    for (size_t i = 0; c.servers && c.servers[i]; i++) {
        if (!host_mode && strv_len(dns) == 0 && is_loopback(c.servers[i]))
            continue;
        (void)buf_addf(&b, "nameserver %s\n", c.servers[i]);
        any = true;
    }
    if (!any && !host_mode)
        (void)buf_adds(&b, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    /* --dns-search=. means no search list at all. */
    if (!strv_contains(c.search, "."))
        add_line(&b, "search", c.search);
    add_line(&b, "options", c.options);
    return buf_take(&b);
}
