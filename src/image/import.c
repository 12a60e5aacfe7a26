/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "image/internal.h"

struct import {
    char *os, *arch, *variant; /* owned */
};

static void import_done(struct import *im)
{
    free(im->os);
    free(im->arch);
    free(im->variant);
}

static int parse_platform(const char *platform, struct import *im, struct err *err)
{
    if (str_empty(platform)) {
        im->os = xstrdup("linux");
        im->arch = xstrdup(oci_host_arch());
        im->variant = xstrdup(*oci_host_variant() ? oci_host_variant() : NULL);
        return 0;
    }
    _cleanup_strv_ char **parts = str_split(platform, '/');
    size_t n = strv_len(parts);
    for (size_t i = 0; i < n; i++)
        if (!*parts[i] ||
            strspn(parts[i], "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != strlen(parts[i]))
            return err_set(err, ERR_INVALID, "\"%.100s\" is an invalid component of \"%.100s\"",
                           parts[i], platform);
    if (n > 3)
        return err_set(err, ERR_INVALID, "\"%.200s\": cannot parse platform specifier", platform);
    if (!str_eq(parts[0], "linux"))
        return err_set(err, ERR_INVALID, "operating system is not supported");
    im->os = xstrdup(parts[0]);
    im->arch = xstrdup(n > 1 ? parts[1] : oci_host_arch());
    im->variant = n > 2 ? xstrdup(parts[2]) : NULL;
    return 0;
}

/* Members in the order in which Docker writes them. */
static json_t *make_config(const struct import *im, json_t *run_config, const char *message,
                           const struct digest *diff_id)
{
    json_t *o = json_object();
    json_t *step = json_object();
    json_t *rootfs = json_object();
    json_t *history = json_array();
    json_t *ids = json_array();
    int64_t now = now_nsec();

    json_set_time(step, "created", now);
    json_set_str(step, "comment", message);
    json_set_str(rootfs, "type", "layers");
    if (json_array_append_new(ids, json_str_new(diff_id->str)) < 0 ||
        json_array_append_new(history, step) < 0)
        abort();
    json_set_take(rootfs, "diff_ids", ids);
    json_set_str(o, "architecture", im->arch);
    json_set_str(o, "comment", message);
    json_set_take(o, "config", json_incref(run_config));
    json_set_time(o, "created", now);
    json_set_take(o, "history", history);
    json_set_str(o, "os", im->os);
    json_set_take(o, "rootfs", rootfs);
    if (im->variant)
        json_set_str(o, "variant", im->variant);
    return o;
}

/* Makes the image of a layer whose reference it takes over on success. */
static int add_image(struct image_store *s, const struct import *im, json_t *run_config,
                     const char *message, const struct layer_info *layer, struct digest *ret_id,
                     struct err *err)
{
    _cleanup_json_ json_t *config = make_config(im, run_config, message, &layer->diff_id);
    _cleanup_free_ char *text = json_print(config);
    const struct image_new new = {
        .config = text, .config_len = strlen(text), .chain_id = layer->chain_id};

    return image_add(s, &new, ret_id, err);
}

int image_import(struct image_store *s, int fd, const char *source, const char *reference,
                 const char *message, char *const *changes, const char *platform,
                 struct digest *ret_id, struct err *err)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_(import_done)
    struct import im = {0};
    _cleanup_json_ json_t *run_config = image_config_new();
    struct layer_info layer;
    struct digest id = {0};
    int r = parse_platform(platform, &im, err);

    if (r == 0 && !str_empty(reference))
        r = reference_parse_tagged(reference, &ref, err);
    if (r == 0)
        r = image_changes_apply(run_config, changes, err);
    if (r == 0)
        r = layer_register(s->layers, NULL, fd, NULL, &layer, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *comment = str_empty(message)
                                       ? xasprintf("Imported from %s", source ? source : "-")
                                       : xstrdup(message);
    r = add_image(s, &im, run_config, comment, &layer, &id, err);
    if (r < 0) {
        (void)layer_unref(s->layers, &layer.chain_id, NULL);
        return r;
    }
    if (ref.path)
        r = image_ref_set(s, &ref, &id, err);
    if (r == 0)
        *ret_id = id;
    return r;
}
