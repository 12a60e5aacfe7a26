/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is used, and the removal of what is not. */

#include "api/filters.h"
#include "api/versions.h"
#include "base/str.h"

typedef int (*prune_fn)(struct engine *e, const json_t *filters, json_t **ret, struct err *err);

static const char *const container_filters[] = {"label", "label!", "until", NULL};
static const char *const image_filters[] = {"dangling", "label", "label!", "until", NULL};
static const char *const volume_filters[] = {"all", "label", "label!", NULL};

static int prune(struct api_request *rq, const char *const *accepted, prune_fn fn, struct err *err)
{
    _cleanup_json_ json_t *filters = NULL;
    _cleanup_json_ json_t *answer = NULL;
    int r = api_filters(rq, accepted, &filters, err);

    if (r == 0)
        r = fn(rq->engine, filters, &answer, err);
    if (r == 0)
        api_reply_json(rq, 200, answer);
    return r;
}

static int prune_containers(struct api_request *rq, struct err *err)
{
    return prune(rq, container_filters, engine_container_prune, err);
}

static int prune_images(struct api_request *rq, struct err *err)
{
    return prune(rq, image_filters, engine_image_prune, err);
}

static int prune_anonymous(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    return engine_volume_prune(e, filters, false, ret, err);
}

static int prune_all(struct engine *e, const json_t *filters, json_t **ret, struct err *err)
{
    return engine_volume_prune(e, filters, true, ret, err);
}

/* Before 1.42 names protected no volume. */
static int prune_volumes(struct api_request *rq, struct err *err)
{
    return prune(rq, volume_filters, rq->version >= 42 ? prune_anonymous : prune_all, err);
}

/* There are no networks but the built-in ones. */
static int prune_networks(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = json_pack("{s:n}", "NetworksDeleted");

    (void)err;
    api_reply_json(rq, 200, answer);
    return 0;
}

/* Nothing is built, so nothing is kept from builds. */
static int prune_builds(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = json_pack("{s:n,s:i}", "CachesDeleted", "SpaceReclaimed", 0);

    (void)err;
    api_reply_json(rq, 200, answer);
    return 0;
}

static int df_types(struct api_request *rq, unsigned *ret, struct err *err)
{
    static const struct {
        const char *name;
        unsigned bit;
    } types[] = {
        {"container", ENGINE_DF_CONTAINERS},
        {"image", ENGINE_DF_IMAGES},
        {"volume", ENGINE_DF_VOLUMES},
        {"build-cache", ENGINE_DF_BUILD_CACHE},
    };
    _cleanup_strv_ char **names = rq->version >= 42 ? http_query_all(rq->http, "type") : NULL;
    unsigned what = 0;

    for (size_t i = 0; names && names[i]; i++) {
        bool known = false;

        for (size_t k = 0; k < ARRAY_SIZE(types); k++)
            if (str_eq(types[k].name, names[i])) {
                what |= types[k].bit;
                known = true;
            }
        if (!known)
            return err_set(err, ERR_INVALID, "unknown object type: %s", names[i]);
    }
    *ret = what ? what : ENGINE_DF_ALL;
    return 0;
}

/* Below 1.51 a list of images does not tell how many containers use them, but this answer does. */
static void fit_images(json_t *images, unsigned version)
{
    json_t *im;
    size_t i;

    json_array_foreach(images, i, im) {
        int64_t containers = json_i64_or(im, "Containers", 0);

        api_answer_for_version(API_IMAGE_SUMMARY, im, version);
        json_set_i64(im, "Containers", containers);
    }
}

static int df(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    unsigned what = 0;
    int r = df_types(rq, &what, err);

    if (r == 0)
        r = engine_system_df(rq->engine, what, &answer, err);
    if (r < 0)
        return r;
    if (rq->version < 42)
        json_set_i64(answer, "BuilderSize", 0);
    fit_images(json_object_get(answer, "Images"), rq->version);
    if (json_object_get(answer, "Containers"))
        api_answers_for_version(API_CONTAINER_SUMMARY, json_object_get(answer, "Containers"),
                                rq->version);
    api_reply_json(rq, 200, answer);
    return 0;
}

const struct api_route api_prune_routes[] = {
    {"POST", "/containers/prune", prune_containers, 25, 0},
    {"POST", "/images/prune", prune_images, 25, 0},
    {"POST", "/volumes/prune", prune_volumes, 25, 0},
    {"POST", "/networks/prune", prune_networks, 25, 0},
    {"POST", "/build/prune", prune_builds, 31, 0},
    {"GET", "/system/df", df, 25, 0},
    {},
};
