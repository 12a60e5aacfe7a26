/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "oci/reference.h"

#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"

#define TAG_MAX 128

void reference_done(struct reference *r)
{
    free(r->domain);
    free(r->path);
    free(r->tag);
    free(r->digest);
    *r = (struct reference){0};
}

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool has_upper(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] >= 'A' && s[i] <= 'Z')
            return true;
    return false;
}

/* separator := "." | "_" | "__" | "-"+ ; returns its length at s, 0 when there is none. */
static size_t path_separator(const char *s, size_t n)
{
    size_t i = 0;

    if (n == 0)
        return 0;
    if (s[0] == '.')
        return 1;
    if (s[0] == '_')
        return n > 1 && s[1] == '_' ? 2 : 1;
    while (i < n && s[i] == '-')
        i++;
    return i;
}

/* path-component := [a-z0-9]+ (separator [a-z0-9]+)* */
static bool path_component(const char *s, size_t n)
{
    size_t i = 0;

    for (;;) {
        size_t start = i;
        while (i < n && is_lower_alnum(s[i]))
            i++;
        if (i == start)
            return false;
        if (i == n)
            return true;
        size_t sep = path_separator(s + i, n - i);
        if (sep == 0)
            return false;
        i += sep;
    }
}

static bool path_valid(const char *s)
{
    for (;;) {
        size_t n = strcspn(s, "/");
        if (!path_component(s, n))
            return false;
        if (!s[n])
            return true;
        s += n + 1;
    }
}

static bool domain_port_valid(const char *s)
{
    if (!*s)
        return true;
    if (*s++ != ':' || !*s)
        return false;
    return s[strspn(s, "0123456789")] == '\0';
}

/* domain-name: components of letters, digits and inner hyphens; or a bracketed IPv6 address. */
static bool domain_valid(const char *s)
{
    if (*s == '[') {
        size_t n = strspn(s + 1, "0123456789abcdefABCDEF:");
        return n > 0 && s[n + 1] == ']' && domain_port_valid(s + n + 2);
    }
    for (;;) {
        size_t n = 0;
        while (is_alnum(s[n]) || s[n] == '-')
            n++;
        if (n == 0 || s[0] == '-' || s[n - 1] == '-')
            return false;
        if (s[n] != '.')
            return domain_port_valid(s + n);
        s += n + 1;
    }
}

static bool tag_valid(const char *s)
{
    size_t n = strlen(s);

    if (n == 0 || n > TAG_MAX || !(is_alnum(s[0]) || s[0] == '_'))
        return false;
    for (size_t i = 1; i < n; i++)
        if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-')
            return false;
    return true;
}

bool reference_digest_valid(const char *s)
{
    static const struct {
        const char *prefix;
        size_t digits;
    } algorithms[] = {{"sha256:", 64}, {"sha384:", 96}, {"sha512:", 128}};

    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
        const char *hex = str_after(s, algorithms[i].prefix);
        if (hex)
            return strlen(hex) == algorithms[i].digits &&
                   strspn(hex, "0123456789abcdef") == algorithms[i].digits;
    }
    return false;
}

/* What stands before the first slash is a registry if it could not be a user's name. */
static bool is_domain(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] == '.' || s[i] == ':')
            return true;
    return (n == strlen("localhost") && strncmp(s, "localhost", n) == 0) || has_upper(s, n);
}

static void split_domain(const char *s, char **ret_domain, char **ret_rest)
{
    const char *slash = strchr(s, '/');
    _cleanup_free_ char *domain = NULL;
    const char *rest = s;

    if (slash && is_domain(s, (size_t)(slash - s))) {
        domain = xstrndup(s, (size_t)(slash - s));
        rest = slash + 1;
    }
    if (!domain || str_eq(domain, "index.docker.io")) {
        free(domain);
        domain = xstrdup(REFERENCE_DEFAULT_DOMAIN);
    }
    if (str_eq(domain, REFERENCE_DEFAULT_DOMAIN) && !strchr(rest, '/'))
        *ret_rest = xasprintf("library/%s", rest);
    else
        *ret_rest = xstrdup(rest);
    *ret_domain = TAKE_PTR(domain);
}

static int invalid(struct err *err)
{
    return err_set(err, ERR_INVALID, "invalid reference format");
}

int reference_parse(const char *s, struct reference *ret, struct err *err)
{
    _cleanup_reference_ struct reference r = {0};

    if (strlen(s) == 64 && str_is_hex(s, 64) && !has_upper(s, 64))
        return err_set(err, ERR_INVALID,
                       "invalid repository name (%s), cannot specify 64-byte hexadecimal strings",
                       s);
    /* No valid reference is longer than name, tag and a SHA-512 digest. */
    if (!*s || strlen(s) > (size_t)LIMIT_REFERENCE_LENGTH + TAG_MAX + 160)
        return invalid(err);
    split_domain(s, &r.domain, &r.path);
    size_t name_len = strcspn(r.path, ":");
    if (has_upper(r.path, MIN(name_len, strcspn(r.path, "@"))))
        return err_set(err, ERR_INVALID,
                       "invalid reference format: repository name (%.*s) must be lowercase",
                       (int)name_len, r.path);
    char *at = strchr(r.path, '@');
    if (at) {
        *at = '\0';
        r.digest = xstrdup(at + 1);
    }
    char *colon = strchr(r.path, ':');
    if (colon) {
        *colon = '\0';
        r.tag = xstrdup(colon + 1);
    }
    if (!domain_valid(r.domain) || !path_valid(r.path) || (r.tag && !tag_valid(r.tag)) ||
        (r.digest && !reference_digest_valid(r.digest)))
        return invalid(err);
    if (strlen(r.path) > LIMIT_REFERENCE_LENGTH)
        return err_set(err, ERR_INVALID, "repository name must not be more than %d characters",
                       LIMIT_REFERENCE_LENGTH);
    *ret = r;
    r = (struct reference){0};
    return 0;
}

int reference_parse_tagged(const char *s, struct reference *ret, struct err *err)
{
    _cleanup_reference_ struct reference r = {0};
    int rc = reference_parse(s, &r, err);

    if (rc < 0)
        return rc;
    if (r.digest)
        return err_set(err, ERR_INVALID, "refusing to create a tag with a digest reference");
    reference_add_default_tag(&r);
    *ret = r;
    r = (struct reference){0};
    return 0;
}

void reference_add_default_tag(struct reference *r)
{
    if (!r->tag && !r->digest)
        r->tag = xstrdup(REFERENCE_DEFAULT_TAG);
}

static char *with_suffix(const struct reference *r, const char *name)
{
    return xasprintf("%s%s%s%s%s", name, r->tag ? ":" : "", r->tag ? r->tag : "",
                     r->digest ? "@" : "", r->digest ? r->digest : "");
}

char *reference_name(const struct reference *r)
{
    return xasprintf("%s/%s", r->domain, r->path);
}

char *reference_string(const struct reference *r)
{
    _cleanup_free_ char *name = reference_name(r);

    return with_suffix(r, name);
}

/* The short form of a path at Docker Hub (which may be followed by tag and digest). A path that
 * would be read as that of another registry keeps its domain. */
static char *familiar_hub(const char *path)
{
    const char *slash = strchr(path, '/');
    const char *short_path = str_after(path, "library/");

    if (short_path && !strchr(short_path, '/'))
        return xstrdup(short_path);
    if (slash && is_domain(path, (size_t)(slash - path)))
        return xasprintf(REFERENCE_DEFAULT_DOMAIN "/%s", path);
    return xstrdup(path);
}

char *reference_familiar_name(const struct reference *r)
{
    if (!str_eq(r->domain, REFERENCE_DEFAULT_DOMAIN))
        return reference_name(r);
    return familiar_hub(r->path);
}

char *reference_familiar(const struct reference *r)
{
    _cleanup_free_ char *name = reference_familiar_name(r);

    return with_suffix(r, name);
}

char *reference_familiar_of(const char *canonical)
{
    const char *rest = str_after(canonical, REFERENCE_DEFAULT_DOMAIN "/");

    return rest ? familiar_hub(rest) : xstrdup(canonical);
}
