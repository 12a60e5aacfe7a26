/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Removal of references and images, by dockerd's rules and in its words. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "image/internal.h"

/* Reasons not to delete an image. "Hard" ones hold even with force. */
enum {
    CONFLICT_CHILDREN = 1,
    CONFLICT_RUNNING = 2,
    CONFLICT_REFERENCED = 4,
    CONFLICT_STOPPED = 8,
    CONFLICT_HARD = CONFLICT_CHILDREN | CONFLICT_RUNNING,
    CONFLICT_SOFT = CONFLICT_REFERENCED | CONFLICT_STOPPED,
};

struct removal {
    struct image_store *s;
    const struct image_users *users;
    json_t *records; /* ref; the answer so far */
};

struct user_search {
    int want_running; /* 1, 0, or -1: whichever */
    char found[13];   /* short container ID, or "" */
};

static void user_found(void *ctx, const char *container_id, bool running)
{
    struct user_search *u = ctx;

    if (*u->found || (u->want_running >= 0 && u->want_running != running))
        return;
    (void)snprintf(u->found, sizeof(u->found), "%.12s", container_id);
}

static bool find_user(const struct removal *rm, const struct digest *id, int want_running,
                      char ret[static 13])
{
    struct user_search u = {.want_running = want_running};

    if (rm->users)
        rm->users->each(rm->users->ctx, id, user_found, &u);
    memcpy(ret, u.found, sizeof(u.found));
    return *u.found != '\0';
}

static int has_children(struct image_store *s, const struct digest *id, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT 1 FROM image_images WHERE parent=? LIMIT 1", "s",
                       id->str);

    return r < 0 ? r : db_step(st, err);
}

static int conflict(const struct digest *id, bool hard, struct err *err, const char *why,
                    const char *who)
{
    return err_set(err, ERR_CONFLICT, "conflict: unable to delete %.12s (%s) - %s%s",
                   digest_hex(id), hard ? "cannot be forced" : "must be forced", why, who);
}

/* ret_used: a container is the reason. */
static int check_conflicts(struct removal *rm, const struct digest *id, int mask, bool *ret_used,
                           struct err *err)
{
    _cleanup_strv_ char **refs = NULL;
    char user[13];
    int r = has_children(rm->s, id, err);

    *ret_used = false;
    if (r < 0)
        return r;
    if (r > 0 && (mask & CONFLICT_CHILDREN))
        return conflict(id, true, err, "image has dependent child images", "");
    if ((mask & CONFLICT_RUNNING) && find_user(rm, id, 1, user)) {
        *ret_used = true;
        return conflict(id, true, err, "image is being used by running container ", user);
    }
    r = image_refs_of(rm->s, id, &refs, err);
    if (r < 0)
        return r;
    if ((mask & CONFLICT_REFERENCED) && refs[0])
        return conflict(id, false, err, "image is referenced in multiple repositories", "");
    if ((mask & CONFLICT_STOPPED) && find_user(rm, id, 0, user)) {
        *ret_used = true;
        return conflict(id, false, err, "image is being used by stopped container ", user);
    }
    return 0;
}

static void record(struct removal *rm, const char *what, const char *value)
{
    json_t *o = json_object();

    json_set_str(o, what, value);
    if (json_array_append_new(rm->records, o) < 0)
        abort();
}

static int remove_ref(struct removal *rm, const char *canonical, struct err *err)
{
    _cleanup_free_ char *familiar = reference_familiar_of(canonical);
    int r = db_run(rm->s->db, err, "DELETE FROM image_refs WHERE ref=?", "s", canonical);

    if (r == 0)
        record(rm, "Untagged", familiar);
    return r;
}

static int remove_refs(struct removal *rm, char *const *refs, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && refs[i]; i++)
        r = remove_ref(rm, refs[i], err);
    return r;
}

/* The repository's part of a canonical reference: up to its tag or digest. */
static size_t repository_length(const char *canonical)
{
    const char *at = strchr(canonical, '@');
    const char *slash = strrchr(canonical, '/');
    const char *colon = strchr(slash ? slash : canonical, ':');

    if (at)
        return (size_t)(at - canonical);
    return colon ? (size_t)(colon - canonical) : strlen(canonical);
}

static bool same_repository(const char *a, const char *b)
{
    size_t n = repository_length(a);

    return n == repository_length(b) && strncmp(a, b, n) == 0;
}

/* At most one tag, and everything else digests of the same repository. */
static bool single_reference(char *const *refs)
{
    size_t tags = 0;

    for (size_t i = 0; refs[i]; i++) {
        if (!strchr(refs[i], '@'))
            tags++;
        if (!same_repository(refs[i], refs[0]))
            return false;
    }
    return tags <= 1;
}

/* The image's row and references at once, so that no name is left of it. */
static int delete_rows(struct removal *rm, const struct image *im, struct err *err)
{
    _cleanup_strv_ char **refs = NULL;
    int r = db_begin(rm->s->db, err);

    if (r < 0)
        return r;
    r = image_refs_of(rm->s, &im->id, &refs, err);
    if (r == 0)
        r = remove_refs(rm, refs, err);
    if (r == 0)
        r = db_run(rm->s->db, err, "DELETE FROM image_images WHERE id=?", "s", im->id.str);
    if (r < 0) {
        db_rollback(rm->s->db);
        return r;
    }
    return db_commit(rm->s->db, err);
}

/* Takes out the rows and the layers that nothing else needs. */
static int delete_image(struct removal *rm, const struct image *im, struct err *err)
{
    _cleanup_strv_ char **layers = NULL;
    int r = delete_rows(rm, im, err);

    if (r < 0)
        return r;
    record(rm, "Deleted", im->id.str);
    if (*im->chain_id.str)
        r = layer_release(rm->s->layers, &im->chain_id, &layers, err);
    for (size_t i = 0; layers && layers[i]; i++)
        record(rm, "Deleted", layers[i]);
    return r;
}

/* quiet: a conflict only means that the image stays. */
static int delete_checked(struct removal *rm, const struct digest *id, bool force, bool prune,
                          bool quiet, struct err *err)
{
    struct digest at = *id;

    for (;;) {
        _cleanup_(image_unrefp)
        struct image *im = NULL;
        struct err why = {0};
        bool used = false;
        int r = image_get_by_id(rm->s, &at, &im, err);
        if (r < 0)
            return r;
        r = check_conflicts(rm, &at, CONFLICT_HARD | (force ? 0 : CONFLICT_SOFT), &used, &why);
        if (r < 0) {
            bool dangling = strv_len(im->tags) + strv_len(im->digests) == 0;
            if (quiet && why.kind == ERR_CONFLICT && (!dangling || used))
                return 0;
            if (err)
                *err = why;
            return r;
        }
        r = delete_image(rm, im, err);
        if (r < 0 || !prune || !im->parent || digest_parse(im->parent, &at, NULL) < 0 ||
            image_exists(rm->s, &at, NULL) != 1)
            return r;
        force = false;
        quiet = true;
        /* A parent with a name, a child or a user of its own stays. */
        if (check_conflicts(rm, &at, CONFLICT_HARD | CONFLICT_SOFT, &used, NULL) < 0)
            return 0;
    }
}

static bool is_id_prefix(const struct digest *id, const char *name)
{
    return str_starts(id->str, name) || str_starts(digest_hex(id), name);
}

/* A reference was given. *ret_done: other references remain, so the image stays. */
static int untag(struct removal *rm, const struct image *im, const char *name, bool force,
                 bool *ret_done, struct err *err)
{
    _cleanup_reference_ struct reference ref = {0};
    _cleanup_strv_ char **refs = NULL;
    char user[13];
    int r = image_refs_of(rm->s, &im->id, &refs, err);

    if (r < 0)
        return r;
    if (!force && single_reference(refs) && find_user(rm, &im->id, -1, user))
        return err_set(err, ERR_CONFLICT,
                       "conflict: unable to remove repository reference \"%s\" (must force) - "
                       "container %s is using its referenced image %.12s",
                       name, user, digest_hex(&im->id));
    r = reference_parse(name, &ref, err);
    if (r < 0)
        return r;
    if (ref.digest) {
        free(ref.tag);
        ref.tag = NULL;
    }
    reference_add_default_tag(&ref);
    _cleanup_free_ char *canonical = reference_string(&ref);
    r = remove_ref(rm, canonical, err);
    strv_free(refs);
    refs = NULL;
    if (r == 0)
        r = image_refs_of(rm->s, &im->id, &refs, err);
    bool tag_left = ref.digest != NULL;
    for (size_t i = 0; r == 0 && refs[i]; i++)
        tag_left = tag_left || (!strchr(refs[i], '@') && same_repository(refs[i], canonical));
    size_t left = 0;
    for (size_t i = 0; r == 0 && refs[i]; i++) {
        /* With its last tag a repository's digests go too. */
        if (!tag_left && strchr(refs[i], '@') && same_repository(refs[i], canonical))
            r = remove_ref(rm, refs[i], err);
        else
            left++;
    }
    *ret_done = left > 0;
    return r;
}

static int remove_by_id(struct removal *rm, const struct image *im, bool force, struct err *err)
{
    _cleanup_strv_ char **refs = NULL;
    bool used = false;
    int r = image_refs_of(rm->s, &im->id, &refs, err);

    if (r < 0 || !single_reference(refs))
        return r;
    r = check_conflicts(rm, &im->id, CONFLICT_HARD | (force ? 0 : CONFLICT_STOPPED), &used, err);
    return r < 0 ? r : remove_refs(rm, refs, err);
}

int image_remove(struct image_store *s, const char *name, bool force, bool prune_children,
                 const struct image_users *users, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *records = json_array();
    struct removal rm = {.s = s, .users = users, .records = records};
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    bool by_id;
    bool done = false;
    int r = image_get(s, name, &im, err);

    if (r < 0)
        return r;
    by_id = is_id_prefix(&im->id, name);
    r = by_id ? remove_by_id(&rm, im, force, err) : untag(&rm, im, name, force, &done, err);
    if (r == 0 && !done)
        r = delete_checked(&rm, &im->id, force, prune_children, !by_id, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(records);
    return 0;
}
