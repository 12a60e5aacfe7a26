/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Images as the API shows them. */

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "image/internal.h"

/* The members of "Config" that are always there, with their zero values as Docker has them; null
 * stands for a missing list or map. */
static const struct {
    const char *key;
    char type; /* s "", b false, n null */
} config_members[] = {
    {"Hostname", 's'},     {"Domainname", 's'},   {"User", 's'},         {"AttachStdin", 'b'},
    {"AttachStdout", 'b'}, {"AttachStderr", 'b'}, {"ExposedPorts", '-'}, {"Tty", 'b'},
    {"OpenStdin", 'b'},    {"StdinOnce", 'b'},    {"Env", 'n'},          {"Cmd", 'n'},
    {"Healthcheck", '-'},  {"ArgsEscaped", '-'},  {"Image", 's'},        {"Volumes", 'n'},
    {"WorkingDir", 's'},   {"Entrypoint", 'n'},   {"OnBuild", 'n'},      {"Labels", 'n'},
    {"StopSignal", '-'},   {"StopTimeout", '-'},  {"Shell", '-'},
};

static json_t *full_config(const json_t *given)
{
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(config_members); i++) {
        const char *key = config_members[i].key;
        json_t *v = json_object_get(given, key);
        if (v && !(config_members[i].type == '-' && json_is_null(v)))
            json_set_take(o, key, json_incref(v));
        else if (config_members[i].type == 's')
            json_set_str(o, key, "");
        else if (config_members[i].type == 'b')
            json_set_bool(o, key, false);
        else if (config_members[i].type == 'n')
            json_set_take(o, key, json_null());
    }
    return o;
}

json_t *image_config_new(void)
{
    return full_config(NULL);
}

/* The comment is kept in the last step of the history, or, by older builders, at the top. */
static const char *comment_of(const json_t *config)
{
    const char *comment = json_str_or(config, "comment", "");
    const json_t *history = json_object_get(config, "history");

    if (*comment || json_array_size(history) == 0)
        return comment;
    return json_str_or(json_array_get(history, json_array_size(history) - 1), "comment", "");
}

static json_t *root_fs(const struct image *im)
{
    json_t *layers = json_array();
    json_t *o = json_object();

    for (size_t i = 0; i < im->n_diff_ids; i++)
        if (json_array_append_new(layers, json_str_new(im->diff_ids[i].str)) < 0)
            abort();
    json_set_str(o, "Type", "layers");
    if (im->n_diff_ids)
        json_set_take(o, "Layers", layers);
    else
        json_decref(layers);
    return o;
}

static json_t *graph_driver(struct image_store *s, const struct image *im)
{
    json_t *o = json_object();

    json_set_take(o, "Data",
                  *im->chain_id.str ? layer_metadata(s->layers, &im->chain_id) : json_null());
    json_set_str(o, "Name", layer_store_driver(s->layers));
    return o;
}

static void set_if(json_t *o, const char *key, const char *value)
{
    if (!str_empty(value))
        json_set_str(o, key, value);
}

int image_inspect(struct image_store *s, const char *name, json_t **ret, struct err *err)
{
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    int r = image_get(s, name, &im, err);

    if (r < 0)
        return r;
    json_t *o = json_object();
    json_t *metadata = json_object();
    json_set_str(o, "Id", im->id.str);
    json_set_take(o, "RepoTags", json_strv(im->tags, false));
    json_set_take(o, "RepoDigests", json_strv(im->digests, false));
    json_set_str(o, "Parent", im->parent ? im->parent : "");
    json_set_str(o, "Comment", comment_of(im->config));
    if (im->created_nsec)
        json_set_time(o, "Created", im->created_nsec);
    json_set_str(o, "DockerVersion", json_str_or(im->config, "docker_version", ""));
    json_set_str(o, "Author", json_str_or(im->config, "author", ""));
    json_set_take(o, "Config", full_config(json_object_get(im->config, "config")));
    json_set_str(o, "Architecture", json_str_or(im->config, "architecture", ""));
    set_if(o, "Variant", json_str_or(im->config, "variant", ""));
    json_set_str(o, "Os", json_str_or(im->config, "os", "linux"));
    set_if(o, "OsVersion", json_str_or(im->config, "os.version", ""));
    json_set_i64(o, "Size", im->size_bytes);
    json_set_take(o, "GraphDriver", graph_driver(s, im));
    json_set_take(o, "RootFS", root_fs(im));
    json_set_time(metadata, "LastTagTime", im->last_tagged_nsec);
    json_set_take(o, "Metadata", metadata);
    *ret = o;
    return 0;
}

/* Docker shows seconds; an image without a time has Go's zero time. */
static int64_t unix_seconds(int64_t nsec)
{
    return nsec ? nsec / NSEC_PER_SEC : INT64_C(-62135596800);
}

json_t *image_summary(const struct image *im)
{
    json_t *o = json_object();
    json_t *labels = json_object_get(json_object_get(im->config, "config"), "Labels");

    json_set_i64(o, "Containers", -1);
    json_set_i64(o, "Created", unix_seconds(im->created_nsec));
    json_set_str(o, "Id", im->id.str);
    json_set_take(o, "Labels", labels ? json_incref(labels) : json_null());
    json_set_str(o, "ParentId", im->parent ? im->parent : "");
    json_set_take(o, "RepoDigests", json_strv(im->digests, false));
    json_set_take(o, "RepoTags", json_strv(im->tags, false));
    json_set_i64(o, "SharedSize", -1);
    json_set_i64(o, "Size", im->size_bytes);
    return o;
}

/* Sizes of the image's layers, base first; n_diff_ids of them. */
static int64_t *layer_sizes(struct image_store *s, const struct image *im)
{
    int64_t *sizes = XNEW_ARRAY(int64_t, im->n_diff_ids + 1);
    struct digest at = {0};

    for (size_t i = 0; i < im->n_diff_ids; i++) {
        struct layer_info info = {0};
        layer_chain_id(&at, &im->diff_ids[i], &at);
        if (layer_get(s->layers, &at, &info, NULL) == 0)
            sizes[i] = info.size_bytes;
    }
    return sizes;
}

int image_history(struct image_store *s, const char *name, json_t **ret, struct err *err)
{
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    int r = image_get(s, name, &im, err);
    size_t used = 0;
    size_t i;
    json_t *h;

    if (r < 0)
        return r;
    json_t *rows = json_array();
    _cleanup_free_ int64_t *sizes = layer_sizes(s, im);
    json_array_foreach(json_object_get(im->config, "history"), i, h) {
        int64_t created = 0;
        json_t *o = json_object();
        bool empty = json_bool_or(h, "empty_layer", false);
        (void)time_parse_rfc3339(json_str_or(h, "created", ""), &created);
        json_set_str(o, "Comment", json_str_or(h, "comment", ""));
        json_set_i64(o, "Created", unix_seconds(created));
        json_set_str(o, "CreatedBy", json_str_or(h, "created_by", ""));
        json_set_str(o, "Id", "<missing>");
        json_set_i64(o, "Size", !empty && used < im->n_diff_ids ? sizes[used] : 0);
        json_set_take(o, "Tags", json_null());
        used += !empty;
        if (json_array_insert_new(rows, 0, o) < 0)
            abort();
    }
    json_t *newest = json_array_get(rows, 0);
    if (newest) {
        json_set_str(newest, "Id", im->id.str);
        json_set_take(newest, "Tags", json_strv(im->tags, true));
    }
    *ret = rows;
    return 0;
}
