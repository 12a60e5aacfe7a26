/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/user.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"

#define PASSWD_MAX_BYTES (8 * MIB)
#define PASSWD_MAX_LINE  (64 * KIB)
#define ID_MAX           2147483647
#define FIELDS_MAX       7

static bool is_number(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    return *s && strspn(s, "0123456789") == strlen(s);
}

/* 0, or -ERANGE for a number that is no ID. */
static int parse_id(const char *s, uint32_t *ret)
{
    uint64_t v = 0;

    if (parse_u64(s, &v) < 0 || v > ID_MAX)
        return -ERANGE;
    *ret = (uint32_t)v;
    return 0;
}

static int range_error(struct err *err)
{
    return err_set(err, ERR_INVALID, "uids and gids must be in range 0-%d", ID_MAX);
}

/* NULL when the file is absent or no regular file. */
static FILE *open_db(int rootfd, const char *path)
{
    int fd = open_regular_in_root(rootfd, path);
    FILE *f;

    if (fd < 0)
        return NULL;
    f = fdopen(fd, "re");
    if (!f)
        (void)close_fd(fd);
    return f;
}

/* Calls fn for each entry with its colon-separated fields until it returns non-zero. */
static int each_entry(int rootfd, const char *path,
                      int (*fn)(char *fields[FIELDS_MAX], size_t n, void *ctx), void *ctx)
{
    FILE *f = open_db(rootfd, path);
    _cleanup_free_ char *line = malloc(PASSWD_MAX_LINE);
    size_t total = 0;
    int r = 0;

    if (!f || !line) {
        if (f)
            (void)fclose(f);
        return 0;
    }
    while (r == 0 && total < PASSWD_MAX_BYTES && fgets(line, PASSWD_MAX_LINE, f)) {
        char *fields[FIELDS_MAX] = {0}, *p = line;
        size_t len = strlen(line), n = 0;

        total += len;
        if (len > 0 && line[len - 1] == '\n')
            line[--len] = '\0';
        if (len == 0 || line[0] == '#')
            continue;
        while (n < FIELDS_MAX && p) {
            fields[n++] = p;
            p = strchr(p, ':');
            if (p)
                *p++ = '\0';
        }
        r = fn(fields, n, ctx);
    }
    (void)fclose(f);
    return r;
}

struct user_query {
    const char *name; /* NULL: by number */
    uint32_t uid;
    bool found;
    struct container_user *user;
    char matched[256];
};

static int match_user(char *fields[FIELDS_MAX], size_t n, void *ctx)
{
    struct user_query *q = ctx;
    uint32_t uid = 0, gid = 0;

    if (n < 4 || parse_id(fields[2], &uid) < 0 || parse_id(fields[3], &gid) < 0)
        return 0;
    if (q->name ? !str_eq(fields[0], q->name) : uid != q->uid)
        return 0;
    q->found = true;
    q->user->uid = uid;
    q->user->gid = gid;
    (void)snprintf(q->matched, sizeof(q->matched), "%s", fields[0]);
    if (n > 5 && fields[5][0] == '/')
        (void)snprintf(q->user->home, sizeof(q->user->home), "%s", fields[5]);
    return 1;
}

struct group_query {
    const char *name; /* looked for, or NULL */
    bool numeric;
    uint32_t gid;
    const char *member; /* collect the groups that list this user, or NULL */
    bool found;
    struct container_user *user;
};

static void add_group(struct container_user *user, uint32_t gid)
{
    for (size_t i = 0; i < user->n_groups; i++)
        if (user->groups[i] == gid)
            return;
    if (user->n_groups < CONTAINER_USER_GROUPS_MAX)
        user->groups[user->n_groups++] = gid;
}

static bool lists_member(char *members, const char *name)
{
    char *p = members;

    while (p) {
        char *comma = strchr(p, ',');

        if (comma)
            *comma++ = '\0';
        if (str_eq(p, name))
            return true;
        p = comma;
    }
    return false;
}

static int match_group(char *fields[FIELDS_MAX], size_t n, void *ctx)
{
    struct group_query *q = ctx;
    uint32_t gid = 0;

    if (n < 3 || parse_id(fields[2], &gid) < 0)
        return 0;
    if (q->member) {
        if (n > 3 && lists_member(fields[3], q->member))
            add_group(q->user, gid);
        return 0;
    }
    if (q->numeric ? gid != q->gid : !str_eq(fields[0], q->name))
        return 0;
    q->gid = gid;
    q->found = true;
    return 1;
}

/* A group by name or number. */
static int find_group(int rootfd, const char *group, const char *what, uint32_t *ret,
                      struct err *err)
{
    struct group_query q = {.name = group, .numeric = is_number(group)};

    if (q.numeric) {
        if (parse_id(group, &q.gid) < 0)
            return range_error(err);
        *ret = q.gid;
        return 0;
    }
    (void)each_entry(rootfd, "/etc/group", match_group, &q);
    if (!q.found)
        return err_set(err, ERR_INVALID, "%s to find group %s: no matching entries in group file",
                       what, group);
    *ret = q.gid;
    return 0;
}

static int resolve_user(int rootfd, const char *name, struct user_query *q, struct err *err)
{
    if (!str_empty(name) && !is_number(name)) {
        q->name = name;
    } else if (!str_empty(name)) {
        if (parse_id(name, &q->uid) < 0)
            return range_error(err);
        q->user->uid = q->uid;
    }
    (void)each_entry(rootfd, "/etc/passwd", match_user, q);
    if (q->name && !q->found)
        return err_set(err, ERR_INVALID,
                       "unable to find user %s: no matching entries in passwd file", name);
    return 0;
}

int container_user_resolve(int rootfd, const char *user, const json_t *group_add,
                           struct container_user *ret, struct err *err)
{
    _cleanup_free_ struct container_user *u = XNEW(struct container_user);
    struct user_query q = {.user = u};
    _cleanup_free_ char *name = xstrdup(user ? user : "");
    char *group = strchr(name, ':');
    json_t *v;
    size_t i;
    int r;

    (void)snprintf(u->home, sizeof(u->home), "/");
    if (group)
        *group++ = '\0';
    if ((r = resolve_user(rootfd, name, &q, err)) < 0)
        return r;
    if (!str_empty(group)) {
        if ((r = find_group(rootfd, group, "unable", &u->gid, err)) < 0)
            return r;
        add_group(u, u->gid);
    } else {
        add_group(u, u->gid);
        if (q.found) {
            struct group_query members = {.member = q.matched, .user = u};

            (void)each_entry(rootfd, "/etc/group", match_group, &members);
        }
    }
    json_array_foreach(group_add, i, v) {
        uint32_t gid = 0;

        if ((r = find_group(rootfd, json_string_value(v), "Unable", &gid, err)) < 0)
            return r;
        add_group(u, gid);
    }
    *ret = *u;
    return 0;
}
