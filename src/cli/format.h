/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Lists of objects in the formats of --format: a table with given columns, "table TEMPLATE",
 * "json", or a template. Rows are JSON objects whose members are the fields that templates may
 * name. */

#include "base/err.h"
#include "json/json.h"

struct format_column {
    const char *field, *heading;
};

struct format {
    const char *text;                    /* --format, or "" */
    const char *table;                   /* the default table's template, without "table " */
    const struct format_column *columns; /* all fields and their headings; NULL field ends */
    const char *type;                    /* Go's name of the row type, for errors */
    bool quiet;                          /* only {{.ID}} */
    bool check;                          /* try the template even when there are no rows */
    json_t *(*method)(const json_t *dot, const char *name, const char *arg); /* may be NULL */
};

/* Prints the rows (an array) to standard output. 0 or a negative errno. */
int format_rows(const struct format *f, const json_t *rows, struct err *err);
/* Does the template name the field? Then it is worth asking the daemon for. */
bool format_uses(const char *text, const char *field);
/* Prints one object by a template ("json" for all of it), with a newline. */
int format_one(const char *text, const char *name, const json_t *object, const char *type,
               struct err *err);
