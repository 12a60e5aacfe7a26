/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "../layer/fixture.h"

#include "base/buf.h"
#include "image/image.h"

struct image_fixture {
    struct fixture f;
    struct image_store *images;
    struct buf messages; /* progress, an object a line */
    int cancel_after;    /* messages; 0: never */
};

static inline void image_fixture_open(struct image_fixture *t)
{
    _cleanup_free_ char *tmp = xasprintf("%s/data/tmp", t->f.dir);
    struct err err = {0};

    assert_ok(image_store_open(t->f.db, t->f.layers, tmp, &t->images, &err));
}

static inline int image_setup(void **state)
{
    struct image_fixture *t = XNEW(struct image_fixture);

    *state = t;
    buf_init(&t->messages, 1 << 20);
    fixture_new(&t->f);
    image_fixture_open(t);
    return 0;
}

static inline int image_teardown(void **state)
{
    struct image_fixture *t = *state;

    image_store_close(t->images);
    buf_done(&t->messages);
    fixture_delete(&t->f);
    free(t);
    return 0;
}

static inline int on_message(void *ctx, const json_t *object)
{
    struct image_fixture *t = ctx;
    _cleanup_free_ char *line = json_print(object);

    (void)buf_addf(&t->messages, "%s\n", line);
    return t->cancel_after && --t->cancel_after == 0 ? -1 : 0;
}

static inline int load(struct image_fixture *t, const char *name, char ***ret, struct err *err)
{
    const struct image_progress progress = {.message = on_message, .ctx = t};
    _cleanup_close_ int fd = open_file(&t->f, name);

    buf_reset(&t->messages);
    return image_load(t->images, fd, false, &progress, ret, err);
}

static inline void load_ok(struct image_fixture *t, const char *name)
{
    _cleanup_strv_ char **loaded = NULL;
    struct err err = {0};

    if (load(t, name, &loaded, &err) < 0)
        fail_msg("%s: %s", name, err.message);
    assert_true(strv_len(loaded) > 0);
}

/* Makes archives in the work directory: layer trees l1, l2; docker-archive d.tar of "app:1"; OCI
 * layout o.tar of "app:2" with a gzip and a plain layer. */
void make_archives(const struct fixture *f);
