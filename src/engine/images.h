/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The operations of engine/engine.h on images. */

#include "base/err.h"
#include "base/macros.h"
#include "base/sink.h"
#include "json/json.h"

struct engine;

int engine_image_list(struct engine *e, const json_t *filters, bool all, bool digests,
                      bool shared_size, json_t **ret, struct err *err);
int engine_image_inspect(struct engine *e, const char *name, json_t **ret, struct err *err);
int engine_image_history(struct engine *e, const char *name, json_t **ret, struct err *err);
int engine_image_tag(struct engine *e, const char *name, const char *target, struct err *err);
int engine_image_remove(struct engine *e, const char *name, bool force, bool noprune, json_t **ret,
                        struct err *err);
/* begin is called before the first progress line (errors before it become an HTTP status, later
 * ones a line {"errorDetail":{"message":…},"error":…}). fd: the tar stream. */
struct engine_progress {
    int (*begin)(void *ctx, struct sink *ret, struct err *err);
    void *ctx;
};
int engine_image_load(struct engine *e, int fd, bool quiet, const struct engine_progress *p,
                      struct err *err);
int engine_image_import(struct engine *e, int fd, const char *source, const char *repo,
                        const char *tag, const char *message, char *const *changes,
                        const char *platform, const struct engine_progress *p, struct err *err);
int engine_image_save(struct engine *e, char *const *names, int out_fd, struct err *err);
