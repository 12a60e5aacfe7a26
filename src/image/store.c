/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "image/internal.h"

static const char *const migrations[] = {
    "CREATE TABLE image_images("
    " id TEXT PRIMARY KEY, config BLOB NOT NULL, chain_id TEXT NOT NULL, size INTEGER NOT NULL,"
    " created INTEGER NOT NULL, parent TEXT, last_tagged INTEGER NOT NULL) STRICT;"
    "CREATE INDEX image_images_parent ON image_images(parent);"
    "CREATE TABLE image_refs(ref TEXT PRIMARY KEY, id TEXT NOT NULL) STRICT;"
    "CREATE INDEX image_refs_id ON image_refs(id);",
};

/* A counted image; `im` comes first, so that the one is the other. */
struct image_box {
    struct image im;
    int refs; /* atomic */
};

struct image *image_ref(struct image *im)
{
    (void)__atomic_add_fetch(&((struct image_box *)im)->refs, 1, __ATOMIC_RELAXED);
    return im;
}

void image_unref(struct image *im)
{
    if (!im || __atomic_sub_fetch(&((struct image_box *)im)->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    json_decref(im->config);
    free(im->diff_ids);
    strv_free(im->tags);
    strv_free(im->digests);
    free(im->parent);
    free(im);
}

/* Tells the layer store which layers images use: a load that was cut off holds none. */
static int reconcile(struct image_store *s, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    _cleanup_free_ struct digest *chains = NULL;
    size_t n = 0;
    int r =
        db_prepare(s->db, &st, err, "SELECT chain_id FROM image_images WHERE chain_id<>''", NULL);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0) {
        chains = xrealloc_array(chains, n + 1, sizeof(*chains));
        (void)snprintf(chains[n++].str, sizeof(chains->str), "%s", db_col_str(st, 0));
    }
    if (r < 0)
        return r;
    db_stmt_done(TAKE_PTR(st));
    return layer_reconcile(s->layers, chains, n, err);
}

int image_store_open(struct db *db, struct layer_store *layers, const char *tmp_dir,
                     struct image_store **ret, struct err *err)
{
    _cleanup_(image_store_closep)
    struct image_store *s = XNEW(struct image_store);

    s->db = db;
    s->layers = layers;
    s->tmp_dir = xstrdup(tmp_dir);
    int r = mkdir_p(tmp_dir, 0700);
    if (r < 0)
        return err_errno(err, r, "create %s", tmp_dir);
    r = db_migrate(db, "image", migrations, ARRAY_SIZE(migrations), err);
    if (r == 0)
        r = reconcile(s, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(s);
    return 0;
}

void image_store_close(struct image_store *s)
{
    if (!s)
        return;
    free(s->tmp_dir);
    free(s);
}

/* Reading */

int image_refs_of(struct image_store *s, const struct digest *id, char ***ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    _cleanup_strv_ char **refs = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT ref FROM image_refs WHERE id=? ORDER BY ref", "s",
                       id->str);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        strv_push(&refs, db_col_str(st, 0));
    if (r < 0)
        return r;
    *ret = refs ? TAKE_PTR(refs) : XNEW_ARRAY(char *, 1);
    return 0;
}

#define IMAGE_COLUMNS "id, config, chain_id, size, parent, last_tagged"

/* The image of the current row, without its references. */
static int image_of_row(struct db_stmt *st, struct image **ret, struct err *err)
{
    _cleanup_oci_image_config_ struct oci_image_config config = {0};
    size_t len = 0;
    const void *bytes = db_col_blob(st, 1, &len);
    int r = oci_image_config_parse(bytes, len, &config, err);

    if (r < 0)
        return r;
    struct image_box *box = XNEW(struct image_box);
    struct image *im = &box->im;
    box->refs = 1;
    (void)snprintf(im->id.str, sizeof(im->id.str), "%s", db_col_str(st, 0));
    im->config = json_incref(config.root);
    (void)snprintf(im->chain_id.str, sizeof(im->chain_id.str), "%s", db_col_str(st, 2));
    im->diff_ids = TAKE_PTR(config.diff_ids);
    im->n_diff_ids = config.n_diff_ids;
    im->created_nsec = config.created_nsec;
    im->size_bytes = db_col_i64(st, 3);
    im->parent = xstrdup(db_col_str(st, 4));
    im->last_tagged_nsec = db_col_i64(st, 5);
    *ret = im;
    return 0;
}

static int fill_refs(struct image_store *s, struct image *im, struct err *err)
{
    _cleanup_strv_ char **refs = NULL;
    int r = image_refs_of(s, &im->id, &refs, err);

    for (size_t i = 0; r == 0 && refs[i]; i++)
        strv_push_take(strchr(refs[i], '@') ? &im->digests : &im->tags,
                       reference_familiar_of(refs[i]));
    return r;
}

int image_get_by_id(struct image_store *s, const struct digest *id, struct image **ret,
                    struct err *err)
{
    _cleanup_(image_unrefp)
    struct image *im = NULL;
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT " IMAGE_COLUMNS " FROM image_images WHERE id=?",
                       "s", id->str);

    if (r == 0)
        r = db_step(st, err);
    if (r < 0)
        return r;
    if (r == 0)
        return err_set(err, ERR_NOT_FOUND, "No such image: %s", id->str);
    r = image_of_row(st, &im, err);
    if (r == 0)
        r = fill_refs(s, im, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(im);
    return 0;
}

int image_exists(struct image_store *s, const struct digest *id, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT 1 FROM image_images WHERE id=?", "s", id->str);

    return r < 0 ? r : db_step(st, err);
}

int image_ref_lookup(struct image_store *s, const char *canonical, struct digest *ret,
                     struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err, "SELECT id FROM image_refs WHERE ref=?", "s", canonical);

    if (r == 0)
        r = db_step(st, err);
    if (r == 1)
        (void)snprintf(ret->str, sizeof(ret->str), "%s", db_col_str(st, 0));
    return r;
}

/* The image whose ID starts with the hex digits: 1, or 0 when there is none or more than one. */
static int find_prefix(struct image_store *s, const char *name, struct digest *ret, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    const char *hex = str_after(name, "sha256:");
    size_t len;
    struct digest found = {0};

    hex = hex ? hex : name;
    len = strlen(hex);
    if (len == 0 || len > 64 || strspn(hex, "0123456789abcdef") != len)
        return 0;
    _cleanup_free_ char *low = xasprintf("sha256:%s", hex);
    _cleanup_free_ char *high = xasprintf("sha256:%sg", hex);
    int r = db_prepare(s->db, &st, err, "SELECT id FROM image_images WHERE id>=? AND id<? LIMIT 2",
                       "ss", low, high);
    if (r == 0)
        r = db_step(st, err);
    if (r <= 0)
        return r;
    (void)snprintf(found.str, sizeof(found.str), "%s", db_col_str(st, 0));
    r = db_step(st, err);
    if (r != 0)
        return r < 0 ? r : 0;
    *ret = found;
    return 1;
}

/* What a reference names in the store: with tag and digest both, the digest counts. */
static char *stored_form(const struct reference *r)
{
    _cleanup_free_ char *name = reference_name(r);

    return r->digest ? xasprintf("%s@%s", name, r->digest) : xasprintf("%s:%s", name, r->tag);
}

static int resolve(struct image_store *s, const char *name, struct digest *ret, struct err *err)
{
    _cleanup_reference_ struct reference ref = {0};
    struct digest id;
    const char *hex = str_after(name, "sha256:");
    size_t len = strlen(hex ? hex : name);

    if (len == 64 && strspn(hex ? hex : name, "0123456789abcdef") == 64) {
        (void)snprintf(id.str, sizeof(id.str), "sha256:%s", hex ? hex : name);
        int r = image_exists(s, &id, err);
        if (r == 0)
            return err_set(err, ERR_NOT_FOUND, "No such image: %s", id.str);
        if (r == 1)
            *ret = id;
        return r < 0 ? r : 0;
    }
    int r = reference_parse(name, &ref, err);
    if (r < 0)
        return r;
    reference_add_default_tag(&ref);
    _cleanup_free_ char *canonical = stored_form(&ref);
    r = image_ref_lookup(s, canonical, &id, err);
    if (r == 0)
        r = find_prefix(s, name, &id, err);
    if (r < 0)
        return r;
    if (r == 0) {
        _cleanup_free_ char *familiar = reference_familiar(&ref);
        return err_set(err, ERR_NOT_FOUND, "No such image: %s", familiar);
    }
    *ret = id;
    return 0;
}

int image_get(struct image_store *s, const char *name, struct image **ret, struct err *err)
{
    struct digest id = {0};
    int r = resolve(s, name, &id, err);

    return r < 0 ? r : image_get_by_id(s, &id, ret, err);
}

static void free_images(struct image **images, size_t n)
{
    for (size_t i = 0; i < n; i++)
        image_unref(images[i]);
    free(images);
}

int image_list(struct image_store *s, struct image ***ret, size_t *ret_n, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    struct image **images = NULL;
    size_t n = 0;
    size_t cap = 0;
    int r =
        db_prepare(s->db, &st, err,
                   "SELECT " IMAGE_COLUMNS " FROM image_images ORDER BY created DESC, id", NULL);

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0) {
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            images = xrealloc_array(images, cap, sizeof(*images));
        }
        r = image_of_row(st, &images[n], err);
        if (r < 0)
            break;
        n++;
        r = fill_refs(s, images[n - 1], err);
        if (r < 0)
            break;
    }
    if (r < 0) {
        free_images(images, n);
        return r;
    }
    *ret = images ? images : XNEW_ARRAY(struct image *, 1);
    *ret_n = n;
    return 0;
}

size_t image_count(struct image_store *s)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;

    if (db_prepare(s->db, &st, NULL, "SELECT count(*) FROM image_images", NULL) < 0 ||
        db_step(st, NULL) != 1)
        return 0;
    return (size_t)db_col_i64(st, 0);
}

/* Writing */

static int size_of_chain(struct image_store *s, const struct digest *chain, int64_t *ret,
                         struct err *err)
{
    struct layer_info info = {.parent = *chain};
    int64_t sum = 0;

    while (*info.parent.str) {
        struct digest at = info.parent;
        int r = layer_get(s->layers, &at, &info, err);
        if (r < 0)
            return r;
        sum += info.size_bytes;
    }
    *ret = sum;
    return 0;
}

/* 1: added, 0: was there. */
static int insert_image(struct image_store *s, const struct image_new *n, const struct digest *id,
                        int64_t created, int64_t size, struct err *err)
{
    _cleanup_(db_stmt_donep)
    struct db_stmt *st = NULL;
    int r = db_prepare(s->db, &st, err,
                       "INSERT INTO image_images VALUES(?,?,?,?,?,?,0)"
                       " ON CONFLICT(id) DO NOTHING RETURNING id",
                       "sbsiis", id->str, (const void *)n->config, n->config_len, n->chain_id.str,
                       size, created, n->parent);
    int added = 0;

    if (r < 0)
        return r;
    while ((r = db_step(st, err)) > 0)
        added = 1;
    return r < 0 ? r : added;
}

int image_add(struct image_store *s, const struct image_new *n, struct digest *ret_id,
              struct err *err)
{
    _cleanup_oci_image_config_ struct oci_image_config config = {0};
    struct digest id;
    int64_t size = 0;
    int r = oci_image_config_parse(n->config, n->config_len, &config, err);

    if (r == 0)
        r = size_of_chain(s, &n->chain_id, &size, err);
    if (r < 0)
        return r;
    digest_of(n->config, n->config_len, &id);
    r = insert_image(s, n, &id, config.created_nsec, size, err);
    if (r < 0)
        return r;
    *ret_id = id;
    if (r == 0 && *n->chain_id.str)
        (void)layer_unref(s->layers, &n->chain_id, NULL);
    return 0;
}

int image_ref_set(struct image_store *s, const struct reference *ref, const struct digest *id,
                  struct err *err)
{
    _cleanup_free_ char *name = reference_familiar_name(ref);

    if (ref->tag && str_eq(name, "sha256"))
        return err_set(err, ERR_INVALID,
                       "refusing to create an ambiguous tag using digest algorithm as name");
    _cleanup_free_ char *canonical = stored_form(ref);
    int r = db_begin(s->db, err);
    if (r < 0)
        return r;
    r = image_exists(s, id, err);
    if (r == 0)
        r = err_set(err, ERR_NOT_FOUND, "No such image: %s", id->str);
    if (r == 1)
        r = db_run(s->db, err, "INSERT OR REPLACE INTO image_refs VALUES(?,?)", "ss", canonical,
                   id->str);
    if (r == 0)
        r = db_run(s->db, err, "UPDATE image_images SET last_tagged=? WHERE id=?", "is", now_nsec(),
                   id->str);
    if (r < 0) {
        db_rollback(s->db);
        return r;
    }
    return db_commit(s->db, err);
}

int image_tag(struct image_store *s, const char *name, const char *target, struct err *err)
{
    _cleanup_reference_ struct reference ref = {0};
    struct digest id = {0};
    int r = resolve(s, name, &id, err);

    if (r == 0)
        r = reference_parse_tagged(target, &ref, err);
    return r < 0 ? r : image_ref_set(s, &ref, &id, err);
}
