/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/alloc.h"
#include "base/hashmap.h"
#include "base/str.h"
#include "container/fields.h"
#include "container/request.h"
#include "container/spec.h"

static bool missing(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);

    switch (v ? json_typeof(v) : JSON_NULL) {
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return json_string_length(v) == 0;
    case JSON_ARRAY:
        return json_array_size(v) == 0;
    case JSON_OBJECT:
        return json_object_size(v) == 0;
    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
    default:
        return false;
    }
}

/* Takes the image's value when the request has none. Image metadata is data from outside: a value
 * of the wrong type is as good as absent. */
static void inherit(json_t *config, const json_t *image, const char *key, json_type type)
{
    json_t *v = json_object_get(image, key);

    if (v && json_typeof(v) == type && missing(config, key))
        (void)json_object_set(config, key, v);
}

static bool only_strings(const json_t *list)
{
    json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
        if (!json_is_string(v))
            return false;
    return true;
}

static char *variable_name(const json_t *assignment)
{
    const char *s = json_string_value(assignment);

    return xstrndup(s, strcspn(s, "="));
}

/* The request's variables first, then those of the image that it does not set. */
static void merge_env(json_t *config, const json_t *image)
{
    json_t *given = json_object_get(config, "Env"), *list = json_object_get(image, "Env"), *v;
    static char set[] = "";
    json_t *merged;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0)
        return;
    _cleanup_(hashmap_freep)
    struct hashmap *names = hashmap_new(NULL);
    merged = json_array();
    json_array_foreach(given, i, v) {
        _cleanup_free_ char *name = variable_name(v);

        hashmap_put(names, name, set);
        (void)json_array_append(merged, v);
    }
    json_array_foreach(list, i, v) {
        _cleanup_free_ char *name = json_is_string(v) ? variable_name(v) : NULL;

        if (!str_empty(name) && !hashmap_get(names, name))
            (void)json_array_append(merged, v);
    }
    json_set_take(config, "Env", merged);
}

static void merge_keys(json_t *config, const json_t *image, const char *key, bool strings)
{
    json_t *from = json_object_get(image, key), *to = json_object_get(config, key), *v;
    const char *name;

    if (!json_is_object(from) || json_object_size(from) == 0)
        return;
    if (!json_is_object(to)) {
        to = json_object();
        json_set_take(config, key, to);
    } else {
        to = json_copy(to);
        json_set_take(config, key, to);
    }
    json_object_foreach(from, name, v)
        if ((!strings || json_is_string(v)) && !json_object_get(to, name))
            (void)json_object_set(to, name, v);
}

static void merge_command(json_t *config, const json_t *image)
{
    json_t *entrypoint = json_object_get(config, "Entrypoint");
    json_t *from_cmd = json_object_get(image, "Cmd");
    json_t *from_entry = json_object_get(image, "Entrypoint");

    if (json_array_size(entrypoint) == 0) {
        if (json_array_size(json_object_get(config, "Cmd")) == 0 && json_is_array(from_cmd) &&
            only_strings(from_cmd))
            (void)json_object_set(config, "Cmd", from_cmd);
        if (json_is_null(entrypoint) && json_is_array(from_entry) && only_strings(from_entry))
            (void)json_object_set(config, "Entrypoint", from_entry);
    } else if (json_array_size(entrypoint) == 1 &&
               str_empty(json_string_value(json_array_get(entrypoint, 0)))) {
        /* [""] takes the image's entrypoint away */
        json_set_take(config, "Entrypoint", json_null());
    }
}

/* What the container does not say itself is the image's. */
static void merge_health(json_t *config, const json_t *image)
{
    json_t *health = json_object_get(image, "Healthcheck"), *value;
    json_t *own = json_object_get(config, "Healthcheck");
    const char *key;

    if (!json_is_object(health))
        return;
    if (!json_is_object(own)) {
        (void)json_object_set_new(config, "Healthcheck", json_deep_copy(health));
        return;
    }
    json_object_foreach(health, key, value)
        if (json_is_neutral(json_object_get(own, key)))
            (void)json_object_set(own, key, value);
}

/* Fields of the host configuration whose defaults are lists of the default OCI spec. */
static void fill_paths(json_t *host)
{
    json_t *opts = json_object_get(host, "SecurityOpt"), *v;
    bool open = json_bool_or(host, "Privileged", false);
    size_t i;

    json_array_foreach(opts, i, v)
        open |= str_eq(json_string_value(v), "systempaths=unconfined");
    if (json_is_null(json_object_get(host, "MaskedPaths")) && !open)
        json_set_take(host, "MaskedPaths", container_default_masked_paths());
    if (json_is_null(json_object_get(host, "ReadonlyPaths")) && !open)
        json_set_take(host, "ReadonlyPaths", container_default_readonly_paths());
}

int container_request_merge(struct container_request *rq, const json_t *image, const char *id,
                            json_t *warnings, struct err *err)
{
    const char *mode = json_str_or(rq->host, "NetworkMode", "");
    json_t *config = rq->config;
    const char *wd;

    if (json_is_object(image)) {
        inherit(config, image, "User", JSON_STRING);
        inherit(config, image, "WorkingDir", JSON_STRING);
        inherit(config, image, "StopSignal", JSON_STRING);
        merge_env(config, image);
        merge_keys(config, image, "ExposedPorts", false);
        merge_keys(config, image, "Volumes", false);
        merge_keys(config, image, "Labels", true);
        merge_command(config, image);
        merge_health(config, image);
    } else {
        merge_command(config, NULL);
    }
    if (missing(config, "Volumes"))
        json_set_take(config, "Volumes", json_null());
    if (json_is_null(json_object_get(config, "Labels")))
        json_set_take(config, "Labels", json_object());
    if (json_array_size(json_object_get(config, "Cmd")) == 0 &&
        json_array_size(json_object_get(config, "Entrypoint")) == 0)
        return err_set(err, ERR_INVALID, "no command specified");
    wd = json_str_or(config, "WorkingDir", "");
    if (!str_empty(wd) && wd[0] != '/') {
        _cleanup_free_ char *absolute = xasprintf("/%s", wd);

        json_set_str(config, "WorkingDir", absolute);
    }
    if (missing(config, "Hostname") && !str_after(mode, "container:") && !str_eq(mode, "host") &&
        !str_eq(json_str_or(rq->host, "UTSMode", ""), "host")) {
        char hostname[13];

        (void)snprintf(hostname, sizeof(hostname), "%.12s", id);
        json_set_str(config, "Hostname", hostname);
    }
    fill_paths(rq->host);
    rq->image = json_str_or(config, "Image", "");
    return 0;
}
