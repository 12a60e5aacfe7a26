/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Tables of JSON fields: what a request may hold, of which type, and what becomes of each.
 *
 * fields_normalise() walks a table and writes a complete object: every field of the table appears
 * as Docker prints it, with its type's zero value (or null) when the request has none. A field that
 * this engine does not honour is accepted while it says nothing, and refused by name otherwise. A
 * field that no table knows gives a warning. */

#include "base/err.h"
#include "base/macros.h"
#include "json/json.h"

enum field_kind {
    FIELD_STR,
    FIELD_BOOL,
    FIELD_INT,
    FIELD_STRV,   /* array of strings */
    FIELD_CMD,    /* array of strings, or one string */
    FIELD_STRMAP, /* object of strings */
    FIELD_SET,    /* object whose keys count */
    FIELD_OBJECT,
    FIELD_ARRAY,
};

enum {
    FIELD_OMIT = 1 << 0,     /* left out of the output when empty (Go's omitempty) */
    FIELD_NULLABLE = 1 << 1, /* absent is null, not the type's zero */
    FIELD_REFUSE = 1 << 2,   /* only its neutral values are accepted */
    FIELD_DROP = 1 << 3,     /* checked, but not part of the output */
};

struct field {
    const char *name;
    enum field_kind kind;
    unsigned flags;
    const char *neutral; /* FIELD_REFUSE: one more string that is as good as nothing, or NULL */
    const char *why;     /* FIELD_REFUSE: what to say, or NULL for "is not supported" */
};

/* in may be NULL (all defaults). path names the object in errors. warnings: array to append to, or
 * NULL. New reference, or NULL with ERR_INVALID or ERR_UNSUPPORTED. */
json_t *fields_normalise(const struct field *table, size_t n, const json_t *in, const char *path,
                         json_t *warnings, struct err *err);

/* Member of an object, its name compared without case when there is no exact match, as Go decodes.
 * Borrowed. */
json_t *fields_member(const json_t *in, const char *name);
/* Null, false, 0, "", [], {} and arrays or objects of nothing else. */
bool json_is_neutral(const json_t *j);
