/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Go's text/template, as far as output formats use it, over JSON values.
 *
 * Actions: fields and chains (.A.B), variables, literals, parentheses, pipelines, if/else if/else,
 * range (with index and element, and else), with, comments, trim markers. Functions: and or not len
 * index slice print printf println eq ne lt le gt ge html js urlquery, and Docker's json join lower
 * upper title split pad truncate. Errors carry Go's words and places. */

#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"

struct template;

/* name appears in error texts ("" in most commands). */
int template_parse(const char *text, const char *name, struct template **ret, struct err *err);
void template_free(struct template *t);
DEFINE_CLEANUP(struct template *, template_free);

struct template_env {
    const json_t *dot;
    /* Go's name of the dot's type: a field it lacks cannot be evaluated "in type …". NULL: the dot
     * is a map, which "has no entry for key". */
    const char *type;
    bool header; /* the dot holds column headings: functions give back their last argument */
    bool
        escape; /* json of the whole dot escapes <, > and &, as values that marshal themselves do */
    /* A field of the dot that takes arguments (`.Label "x"`); NULL when there is none of the name.
     * New reference. */
    json_t *(*method)(const json_t *dot, const char *name, const char *arg);
};

/* Appends the result. */
int template_execute(const struct template *t, const struct template_env *env, struct buf *out,
                     struct err *err);

/* JSON as Go writes it: compact, with <, > and & as \u003c … when `escape`. Caller frees. */
char *go_json(const json_t *v, bool escape);
/* A value as Go's %v. */
void go_print(struct buf *out, const json_t *v);
