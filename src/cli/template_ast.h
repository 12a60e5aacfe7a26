/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The tree of a parsed template; shared by parser, evaluator and functions. */

#include "cli/template.h"

struct tpipe;

enum operand_kind {
    OPERAND_DOT,
    OPERAND_FIELD,
    OPERAND_VAR,
    OPERAND_LITERAL,
    OPERAND_FUNC,
    OPERAND_PIPE
};

struct toperand {
    enum operand_kind kind;
    char *name;         /* owned: variable with its '$', or function */
    json_t *literal;    /* ref; NULL for nil */
    struct tpipe *pipe; /* owned: parenthesised */
    char **chain;       /* owned: fields after it */
    size_t pos;         /* where Go places its errors */
    char *text;         /* owned: as errors show it */
};

struct tcommand {
    struct toperand *operands; /* owned */
    size_t n;
    char *text; /* owned: as errors of its function show it */
};

struct tpipe {
    char *vars[2]; /* owned: declared or assigned variables */
    int n_vars;
    bool assign;               /* '=' rather than ':=' */
    struct tcommand *commands; /* owned */
    size_t n;
};

enum node_kind { NODE_TEXT, NODE_ACTION, NODE_IF, NODE_RANGE, NODE_WITH };

struct tnode {
    enum node_kind kind;
    char *text;              /* owned */
    struct tpipe *pipe;      /* owned */
    struct tnode *body;      /* owned list */
    struct tnode *otherwise; /* owned list */
    struct tnode *next;      /* owned */
};

struct template
{
    char *name; /* owned */
    char *text; /* owned: for places in errors */
    struct tnode *nodes;
};

/* Is there such a function? */
bool template_func_known(const char *name);
/* Calls it. args[i] NULL is "no value". *ret gets a new reference. 0, or -EINVAL with err's bare
 * reason. */
int template_func_call(const char *name, const struct template_env *env, json_t *const *args,
                       size_t n, json_t **ret, struct err *err);
bool template_truth(const json_t *v);
/* "name:line:column" of an offset. */
void template_place(const struct template *t, size_t pos, char *out, size_t cap);
