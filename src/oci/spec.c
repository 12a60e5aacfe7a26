/* SPDX-License-Identifier: GPL-2.0-or-later */
/* config.json as a whole (runtime-spec config.md). */
#include "oci/spec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "oci/spec_internal.h"

#define MOUNTS_MAX 10000

int spec_get_u32(const json_t *o, const char *path, const char *key, uint32_t *ret, bool *ret_has,
                 struct err *err)
{
    int64_t v = OCI_UNSET;
    int r = json_get_i64(o, path, key, &v, err);

    if (r < 0)
        return r;
    if (ret_has)
        *ret_has = v != OCI_UNSET;
    if (v == OCI_UNSET)
        return 0;
    if (v < 0 || v > UINT32_MAX)
        return err_set(err, ERR_INVALID, "field \"%s.%s\" must be in 0..%" PRIu32, path, key,
                       UINT32_MAX);
    *ret = (uint32_t)v;
    return 0;
}

int spec_get_str(const json_t *o, const char *path, const char *key, char **ret, struct err *err)
{
    const char *s = NULL;
    int r = json_get_str(o, path, key, &s, err);

    if (r < 0)
        return r;
    if (s) {
        free(*ret);
        *ret = xstrdup(s);
    }
    return 0;
}

json_t *spec_array_object(const json_t *a, const char *path, size_t i, struct err *err)
{
    json_t *o = json_array_get(a, i);

    if (json_is_object(o))
        return o;
    err_set(err, ERR_INVALID, "field \"%s[%zu]\" must be an object", path, i);
    return NULL;
}

/* The signed number of the same bits, when the n digits at s are one of the upper half of 64 bits.
 */
static bool fold_number(const char *s, size_t n, char out[static 24])
{
    char digits[24];
    uint64_t v;

    if (n < 19 || n > 20)
        return false;
    memcpy(digits, s, n);
    digits[n] = '\0';
    if (parse_u64(digits, &v) < 0 || v <= INT64_MAX)
        return false;
    (void)snprintf(out, 24, "%" PRId64, (int64_t)v);
    return true;
}

/* config.json is written by Go programs, whose limits are unsigned 64-bit numbers such as
 * RLIM_INFINITY; the JSON library reads signed ones. So numbers of the upper half are replaced by
 * the signed number of the same bits. Caller frees. */
static char *fold_u64(const char *text, size_t len)
{
    /* 19 digits may become 20 characters. */
    char *out = xmalloc(len + len / 19 + 2);
    size_t o = 0;
    bool in_string = false;

    for (size_t i = 0; i < len;) {
        char folded[24];
        size_t n = in_string ? 0 : strspn(text + i, "0123456789");
        if (n > 0) {
            bool starts = i == 0 || !strchr("-+.eE", text[i - 1]);
            bool ends = !text[i + n] || !strchr(".eE", text[i + n]);
            bool fold = starts && ends && fold_number(text + i, n, folded);
            size_t k = fold ? strlen(folded) : n;
            memcpy(out + o, fold ? folded : text + i, k);
            o += k;
            i += n;
            continue;
        }
        if (text[i] == '"')
            in_string = !in_string;
        if (in_string && text[i] == '\\' && i + 1 < len)
            out[o++] = text[i++];
        out[o++] = text[i++];
    }
    out[o] = '\0';
    return out;
}

static int parse_mount(const json_t *o, struct oci_mount *m, struct err *err)
{
    static const char where[] = "mounts";
    int r;

    if ((r = spec_get_str(o, where, "destination", &m->destination, err)) < 0 ||
        (r = spec_get_str(o, where, "type", &m->type, err)) < 0 ||
        (r = spec_get_str(o, where, "source", &m->source, err)) < 0 ||
        (r = json_get_strv(o, where, "options", &m->options, err)) < 0 ||
        (r = spec_parse_id_maps(o, where, "uidMappings", &m->uid_maps, &m->n_uid_maps, err)) < 0 ||
        (r = spec_parse_id_maps(o, where, "gidMappings", &m->gid_maps, &m->n_gid_maps, err)) < 0)
        return r;
    if (str_empty(m->destination))
        return err_set(err, ERR_INVALID, "field \"mounts.destination\" must not be empty");
    return 0;
}

static int parse_mounts(const json_t *doc, struct oci_spec *spec, struct err *err)
{
    json_t *a = NULL;
    int r = json_get_array(doc, NULL, "mounts", &a, err);
    size_t n = json_array_size(a);

    if (r < 0 || n == 0)
        return r;
    if (n > MOUNTS_MAX)
        return err_set(err, ERR_INVALID, "field \"mounts\" has more than %d entries", MOUNTS_MAX);
    spec->mounts = XNEW_ARRAY(struct oci_mount, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = spec_array_object(a, "mounts", i, err);
        if (!o)
            return -EINVAL;
        if ((r = parse_mount(o, &spec->mounts[spec->n_mounts++], err)) < 0)
            return r;
    }
    return 0;
}

static int parse_root(const json_t *doc, struct oci_spec *spec, struct err *err)
{
    json_t *root = NULL;
    int r = json_get_object(doc, NULL, "root", &root, err);

    if (r < 0)
        return r;
    if (!root)
        return 0;
    if ((r = spec_get_str(root, "root", "path", &spec->root_path, err)) < 0 ||
        (r = json_get_bool(root, "root", "readonly", &spec->root_readonly, err)) < 0)
        return r;
    return 0;
}

static int parse_spec(const json_t *doc, struct oci_spec *spec, struct err *err)
{
    json_t *process = NULL, *linux_ = NULL, *hooks = NULL, *annotations = NULL;
    int r;

    if (!json_is_object(doc))
        return err_set(err, ERR_INVALID, "config.json must be an object");
    if ((r = spec_get_str(doc, NULL, "ociVersion", &spec->version, err)) < 0)
        return r;
    if (str_empty(spec->version))
        return err_set(err, ERR_INVALID, "field \"ociVersion\" is missing");
    if (!str_starts(spec->version, "1.") && !str_eq(spec->version, "1"))
        return err_set(err, ERR_INVALID, "ociVersion %s is not supported", spec->version);
    if ((r = parse_root(doc, spec, err)) < 0 || (r = parse_mounts(doc, spec, err)) < 0 ||
        (r = spec_get_str(doc, NULL, "hostname", &spec->hostname, err)) < 0 ||
        (r = spec_get_str(doc, NULL, "domainname", &spec->domainname, err)) < 0 ||
        (r = json_get_object(doc, NULL, "process", &process, err)) < 0 ||
        (r = json_get_object(doc, NULL, "linux", &linux_, err)) < 0 ||
        (r = json_get_object(doc, NULL, "hooks", &hooks, err)) < 0 ||
        (r = json_get_object(doc, NULL, "annotations", &annotations, err)) < 0)
        return r;
    if (process) {
        spec->has_process = true;
        if ((r = oci_process_parse(process, &spec->process, err)) < 0)
            return r;
    }
    spec->hooks = json_incref(hooks);
    spec->annotations = json_incref(annotations);
    (void)oci_resources_parse(NULL, &spec->resources, NULL);
    if (linux_ && (r = spec_parse_linux(linux_, spec, err)) < 0)
        return r;
    if ((!str_empty(spec->hostname) || !str_empty(spec->domainname)) && !spec->ns[OCI_NS_UTS].set)
        return err_set(err, ERR_INVALID, "unable to set hostname without a private UTS namespace");
    return 0;
}

/* Parses one of Go's JSON texts. New reference or NULL. */
static json_t *parse_text(const char *data, size_t len, const char *what, struct err *err)
{
    if (len > LIMIT_OCI_CONFIG_BYTES) {
        err_set(err, ERR_INVALID, "%s is larger than %zu bytes", what, LIMIT_OCI_CONFIG_BYTES);
        return NULL;
    }
    _cleanup_free_ char *text = xstrndup(data, len);
    _cleanup_free_ char *folded = fold_u64(text, strlen(text));
    return json_parse(folded, strlen(folded), what, err);
}

int oci_process_parse_text(const char *data, size_t len, struct oci_process *ret, struct err *err)
{
    _cleanup_json_ json_t *doc = parse_text(data, len, "process", err);

    return doc ? oci_process_parse(doc, ret, err) : -EINVAL;
}

int oci_spec_from_json(json_t *doc, struct oci_spec **ret, struct err *err)
{
    _cleanup_(oci_spec_freep)
    struct oci_spec *spec = XNEW(struct oci_spec);
    int r = parse_spec(doc, spec, err);

    if (r < 0)
        return r;
    spec->raw = json_incref(doc);
    *ret = TAKE_PTR(spec);
    return 0;
}

int oci_spec_parse(const char *data, size_t len, struct oci_spec **ret, struct err *err)
{
    _cleanup_json_ json_t *doc = parse_text(data, len, "config.json", err);

    return doc ? oci_spec_from_json(doc, ret, err) : -EINVAL;
}

void oci_spec_free(struct oci_spec *spec)
{
    if (!spec)
        return;
    free(spec->version);
    oci_process_done(&spec->process);
    free(spec->root_path);
    free(spec->hostname);
    free(spec->domainname);
    for (size_t i = 0; i < spec->n_mounts; i++) {
        struct oci_mount *m = &spec->mounts[i];
        free(m->destination);
        free(m->type);
        free(m->source);
        strv_free(m->options);
        free(m->uid_maps);
        free(m->gid_maps);
    }
    free(spec->mounts);
    spec_linux_done(spec);
    json_decref(spec->hooks);
    json_decref(spec->annotations);
    json_decref(spec->raw);
    free(spec);
}
