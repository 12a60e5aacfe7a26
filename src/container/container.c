/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/container.h"

#include <limits.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/timeutil.h"

#define COMMAND_MAX (64 * KIB)

static char *make_command(const json_t *config)
{
    static const char *const parts[] = {"Entrypoint", "Cmd"};
    _cleanup_buf_ struct buf b = BUF_INIT(COMMAND_MAX);
    json_t *v;
    size_t i;

    for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
        json_array_foreach(json_object_get(config, parts[k]), i, v) {
            if (b.len > 0)
                (void)buf_addc(&b, ' ');
            /* as Docker, arguments with a blank are quoted */
            if (b.len > 0 && strchr(json_string_value(v), ' '))
                (void)buf_addf(&b, "'%s'", json_string_value(v));
            else
                (void)buf_adds(&b, json_string_value(v));
        }
    return buf_take(&b);
}

static enum container_restart restart_of(const char *name)
{
    if (str_eq(name, "always"))
        return RESTART_ALWAYS;
    if (str_eq(name, "unless-stopped"))
        return RESTART_UNLESS_STOPPED;
    return str_eq(name, "on-failure") ? RESTART_ON_FAILURE : RESTART_NO;
}

static void read_conf(struct container_conf *c, const json_t *config, const json_t *host)
{
    const json_t *policy = json_object_get(host, "RestartPolicy");
    json_t *labels = json_object_get(config, "Labels");
    const json_t *timeout = json_object_get(config, "StopTimeout");

    c->image = xstrdup(json_str_or(config, "Image", ""));
    c->command = make_command(config);
    c->network_mode = xstrdup(json_str_or(host, "NetworkMode", "bridge"));
    c->stop_signal = xstrdup(json_str_or(config, "StopSignal", ""));
    c->labels = json_is_object(labels) ? json_deep_copy(labels) : json_object();
    c->tty = json_bool_or(config, "Tty", false);
    c->open_stdin = json_bool_or(config, "OpenStdin", false);
    c->stdin_once = json_bool_or(config, "StdinOnce", false);
    c->auto_remove = json_bool_or(host, "AutoRemove", false);
    c->stop_timeout_sec = json_is_integer(timeout) ? (int)json_integer_value(timeout) : INT_MIN;
    c->restart = restart_of(json_str_or(policy, "Name", "no"));
    c->restart_max = (int)json_i64_or(policy, "MaximumRetryCount", 0);
}

struct container_conf *container_conf_new(const char *id, int64_t created_nsec,
                                          const char *image_id, const json_t *config,
                                          const json_t *host, const json_t *mounts)
{
    struct container_conf *c = XNEW(struct container_conf);

    c->refs = 1;
    (void)pthread_mutex_init(&c->host_lock, NULL);
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    (void)snprintf(c->image_id, sizeof(c->image_id), "%s", image_id ? image_id : "");
    c->created_nsec = created_nsec;
    c->config_text = json_print(config);
    c->host_text = json_print(host);
    c->mounts_text = json_print(mounts);
    read_conf(c, config, host);
    return c;
}

void container_conf_update(struct container_conf *c, const json_t *host)
{
    const json_t *policy = json_object_get(host, "RestartPolicy");
    char *text = json_print(host);

    {
        LOCK_SCOPE(&c->host_lock);
        free(c->host_text);
        c->host_text = text;
    }
    __atomic_store_n(&c->restart, restart_of(json_str_or(policy, "Name", "no")), __ATOMIC_RELAXED);
    __atomic_store_n(&c->restart_max, (int)json_i64_or(policy, "MaximumRetryCount", 0),
                     __ATOMIC_RELAXED);
}

enum container_restart container_conf_restart(const struct container_conf *c)
{
    return __atomic_load_n(&c->restart, __ATOMIC_RELAXED);
}

int container_conf_restart_max(const struct container_conf *c)
{
    return __atomic_load_n(&c->restart_max, __ATOMIC_RELAXED);
}

struct container_conf *container_conf_ref(struct container_conf *c)
{
    (void)__atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void container_conf_unref(struct container_conf *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    (void)pthread_mutex_destroy(&c->host_lock);
    free(c->config_text);
    free(c->host_text);
    free(c->mounts_text);
    free(c->image);
    free(c->command);
    free(c->network_mode);
    free(c->stop_signal);
    json_decref(c->labels);
    free(c);
}

static json_t *parse_own(const char *text, bool array)
{
    json_t *j = json_parse(text, strlen(text), "container record", NULL);

    if (j)
        return j;
    return array ? json_array() : json_object();
}

json_t *container_conf_config(const struct container_conf *c)
{
    return parse_own(c->config_text, false);
}

json_t *container_conf_host(const struct container_conf *c)
{
    LOCK_SCOPE((pthread_mutex_t *)&c->host_lock);
    return parse_own(c->host_text, false);
}

json_t *container_conf_mounts(const struct container_conf *c)
{
    return parse_own(c->mounts_text, true);
}

struct container_view *container_view_new(struct container_conf *conf, const char *name,
                                          const struct container_state *state,
                                          const struct container_endpoint *endpoint,
                                          char *const *exec_ids)
{
    struct container_view *v = XNEW(struct container_view);

    v->refs = 1;
    v->conf = container_conf_ref(conf);
    v->name = xstrdup(name);
    v->state = *state;
    if (endpoint)
        v->endpoint = *endpoint;
    v->exec_ids = strv_copy(exec_ids);
    return v;
}

struct container_view *container_view_ref(struct container_view *v)
{
    (void)__atomic_add_fetch(&v->refs, 1, __ATOMIC_RELAXED);
    return v;
}

void container_view_unref(struct container_view *v)
{
    if (!v || __atomic_sub_fetch(&v->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    container_conf_unref(v->conf);
    free(v->name);
    strv_free(v->exec_ids);
    free(v);
}
