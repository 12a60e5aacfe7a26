/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Image references: the grammar of the distribution project's "reference" package and Docker's
 * normalisation ("busybox" is docker.io/library/busybox). Values are immutable once parsed. */

#include "base/err.h"
#include "base/macros.h"

#define REFERENCE_DEFAULT_DOMAIN "docker.io"
#define REFERENCE_DEFAULT_TAG    "latest"

struct reference {
    char *domain; /* owned; "docker.io", "localhost:5000" */
    char *path;   /* owned; "library/busybox" */
    char *tag;    /* owned; NULL when none was given */
    char *digest; /* owned; "sha256:…", NULL when none was given */
};

void reference_done(struct reference *r);
#define _cleanup_reference_ _cleanup_(reference_done)

/* Parses a name as people type it. ERR_INVALID with the distribution project's words. ret is
 * initialised on success only; reference_done() it. A name that is 64 hex digits is an ID, and
 * refused. */
int reference_parse(const char *s, struct reference *ret, struct err *err);
/* The same, but anything beside a plain name and a tag is refused (targets of tag, commit, import),
 * and a missing tag becomes "latest". */
int reference_parse_tagged(const char *s, struct reference *ret, struct err *err);

/* Sets the tag "latest" if there is neither tag nor digest. */
void reference_add_default_tag(struct reference *r);

/* All results are owned by the caller. */
char *reference_name(const struct reference *r);          /* "docker.io/library/busybox" */
char *reference_string(const struct reference *r);        /* the name with ":tag" and "@digest" */
char *reference_familiar_name(const struct reference *r); /* "busybox" */
char *reference_familiar(const struct reference *r);      /* "busybox:1", "busybox@sha256:…" */
/* The familiar form of a canonical string (one that reference_string() made). */
char *reference_familiar_of(const char *canonical);

/* "sha256:" + 64, "sha384:" + 96 or "sha512:" + 128 lower-case hex digits. */
bool reference_digest_valid(const char *s);
