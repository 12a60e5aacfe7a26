/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <errno.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/template_ast.h"

#define MAX_VARS 64

struct eval {
    const struct template *t;
    const struct template_env *env;
    struct buf *out;
    struct err *err;
    struct {
        const char *name;
        json_t *value; /* ref; NULL: no value */
    } vars[MAX_VARS];
    size_t n_vars;
};

static int eval_pipe(struct eval *e, const struct tpipe *p, json_t *dot, json_t **ret);

static int fail_text(struct eval *e, size_t pos, const char *text, const char *why)
{
    char place[128];
    template_place(e->t, pos, place, sizeof(place));
    (void)err_set(e->err, ERR_INVALID, "template: %s: executing \"%s\" at <%s>: %s", place,
                  e->t->name, text, why);
    return -EINVAL;
}

static int fail_at(struct eval *e, const struct toperand *o, const char *why)
{
    return fail_text(e, o->pos, o->text, why);
}

static void set_var(struct eval *e, const char *name, json_t *value, bool assign)
{
    for (size_t i = e->n_vars; assign && i > 0; i--)
        if (str_eq(e->vars[i - 1].name, name)) {
            json_decref(e->vars[i - 1].value);
            e->vars[i - 1].value = json_incref(value);
            return;
        }
    if (e->n_vars == MAX_VARS)
        return;
    e->vars[e->n_vars].name = name;
    e->vars[e->n_vars++].value = json_incref(value);
}

static void drop_vars(struct eval *e, size_t to)
{
    while (e->n_vars > to)
        json_decref(e->vars[--e->n_vars].value);
}

/* Keys of such members are the user's: one that is missing has no value. */
static bool is_free_map(const char *name)
{
    static const char *const maps[] = {"Labels",       "Attributes", "Networks",    "Ports",
                                       "PortBindings", "Options",    "DriverOpts",  "Sysctls",
                                       "Data",         "Details",    "Annotations", "ExposedPorts",
                                       "Volumes",      "Tmpfs",      "Runtimes"};
    for (size_t i = 0; name && i < ARRAY_SIZE(maps); i++)
        if (str_eq(name, maps[i]))
            return true;
    return false;
}

/* Members that the API leaves out when they are empty: nil rather than an error. */
static bool is_optional(const char *name)
{
    static const char *const names[] = {"Health",       "Healthcheck", "StopSignal", "StopTimeout",
                                        "Shell",        "Mounts",      "Sysctls",    "Annotations",
                                        "ExposedPorts", "GraphDriver", "SizeRw",     "SizeRootFs",
                                        "Init",         "Runtime",     "StorageOpt", "Tmpfs",
                                        "Descriptor",   "Manifests",   "Metadata"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(name, names[i]))
            return true;
    return false;
}

/* Docker's templates know the names of Go's fields, which differ from JSON's in case: .ID,
 * .APIVersion. */
static json_t *find_member(const json_t *object, const char *name, bool any_case)
{
    json_t *v = json_object_get(object, name);
    const char *key;

    if (v || !any_case)
        return v;
    json_object_foreach((json_t *)object, key, v)
        if (strcasecmp(key, name) == 0)
            return v;
    return NULL;
}

static int get_field(struct eval *e, const struct toperand *o, const json_t *from, const char *of,
                     const char *name, json_t **ret)
{
    _cleanup_free_ char *why = NULL;
    if (json_is_object(from)) {
        json_t *v = find_member(from, name, !is_free_map(of));
        if (v) {
            *ret = json_incref(v);
            return 0;
        }
        if (from == e->env->dot && e->env->type)
            why = xasprintf("can't evaluate field %s in type %s", name, e->env->type);
        else if (is_free_map(of)) {
            *ret = NULL;
            return 0;
        } else if (is_optional(name)) {
            *ret = json_null();
            return 0;
        } else {
            why = xasprintf("map has no entry for key \"%s\"", name);
        }
        return fail_at(e, o, why);
    }
    if (json_is_null(from) && is_free_map(of)) {
        *ret = NULL;
        return 0;
    }
    if (!from || json_is_null(from))
        why = xasprintf("nil pointer evaluating interface {}.%s", name);
    else
        why = xasprintf("can't evaluate field %s in type interface {}", name);
    return fail_at(e, o, why);
}

static int eval_chain(struct eval *e, const struct toperand *o, json_t **value)
{
    const char *of = NULL;
    for (char **f = o->chain; f && *f; f++) {
        json_t *next = NULL;
        int r = get_field(e, o, *value, of, *f, &next);
        if (r < 0)
            return r;
        json_decref(*value);
        *value = next;
        of = *f;
    }
    return 0;
}

static int eval_operand(struct eval *e, const struct toperand *o, json_t *dot, json_t **ret)
{
    _cleanup_json_ json_t *v = NULL;
    int r = 0;
    switch (o->kind) {
    case OPERAND_DOT:
    case OPERAND_FIELD:
        v = json_incref(dot);
        break;
    case OPERAND_VAR:
        for (size_t i = e->n_vars; i > 0; i--)
            if (str_eq(e->vars[i - 1].name, o->name)) {
                v = json_incref(e->vars[i - 1].value);
                r = 1;
                break;
            }
        if (r == 0)
            return fail_at(e, o, "undefined variable");
        break;
    case OPERAND_LITERAL:
        v = json_incref(o->literal);
        break;
    case OPERAND_PIPE:
        r = eval_pipe(e, o->pipe, dot, &v);
        break;
    case OPERAND_FUNC:
        r = template_func_call(o->name, e->env, NULL, 0, &v, e->err);
        break;
    }
    if (r >= 0)
        r = eval_chain(e, o, &v);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(v);
    return 0;
}

static int call_function(struct eval *e, const struct tcommand *c, json_t *dot, json_t *piped,
                         bool has_piped, json_t **ret)
{
    size_t n = c->n - 1 + has_piped;
    json_t **args = XNEW_ARRAY(json_t *, n + 1);
    const char *name = c->operands[0].name;
    int r = 0;
    size_t done = 0;
    for (; done < c->n - 1 && r == 0; done++) {
        r = eval_operand(e, &c->operands[done + 1], dot, &args[done]);
        /* and and or stop at the first argument that decides. */
        bool decides = r == 0 && ((str_eq(name, "and") && !template_truth(args[done])) ||
                                  (str_eq(name, "or") && template_truth(args[done])));
        if (decides) {
            *ret = json_incref(args[done]);
            done++;
            r = 1;
            break;
        }
    }
    if (r == 0 && has_piped)
        args[done++] = json_incref(piped);
    if (r == 0) {
        struct err why = {0};
        r = template_func_call(name, e->env, args, n, ret, &why);
        if (r < 0) {
            bool count = str_starts(why.message, "wrong number");
            _cleanup_free_ char *text =
                count ? xstrdup(why.message) : xasprintf("error calling %s: %s", name, why.message);
            const struct toperand *o = &c->operands[0];
            r = fail_text(e, o->pos, count ? name : c->text, text);
        }
    }
    for (size_t i = 0; i < done; i++)
        json_decref(args[i]);
    free(args);
    return r > 0 ? 0 : r;
}

/* `.Label "x"`: the only kind of field that takes an argument. */
static int call_method(struct eval *e, const struct tcommand *c, json_t *dot, json_t *piped,
                       json_t **ret)
{
    const struct toperand *o = &c->operands[0];
    _cleanup_json_ json_t *arg = NULL;
    bool field = o->kind == OPERAND_FIELD && strv_len(o->chain) == 1;
    int r = 0;
    if (c->n == 2)
        r = eval_operand(e, &c->operands[1], dot, &arg);
    else
        arg = json_incref(piped);
    if (r < 0)
        return r;
    if (field && c->n <= 2 && e->env->method && json_is_string(arg)) {
        *ret = e->env->method(dot, o->chain[0], json_string_value(arg));
        if (*ret)
            return 0;
    }
    _cleanup_free_ char *why = field
                                   ? xasprintf("%s is not a method but has arguments", o->chain[0])
                                   : xasprintf("can't give argument to non-function %s", o->text);
    return fail_at(e, o, why);
}

static int eval_command(struct eval *e, const struct tcommand *c, json_t *dot, json_t *piped,
                        bool has_piped, json_t **ret)
{
    if (c->operands[0].kind == OPERAND_FUNC && !c->operands[0].chain)
        return call_function(e, c, dot, piped, has_piped, ret);
    if (c->n > 1 || has_piped)
        return call_method(e, c, dot, piped, ret);
    return eval_operand(e, &c->operands[0], dot, ret);
}

static int eval_pipe(struct eval *e, const struct tpipe *p, json_t *dot, json_t **ret)
{
    _cleanup_json_ json_t *value = NULL;
    for (size_t i = 0; i < p->n; i++) {
        json_t *next = NULL;
        int r = eval_command(e, &p->commands[i], dot, value, i > 0, &next);
        if (r < 0)
            return r;
        json_decref(value);
        value = next;
    }
    *ret = TAKE_PTR(value);
    return 0;
}

static int run_nodes(struct eval *e, const struct tnode *n, json_t *dot);

static int run_body(struct eval *e, const struct tnode *body, json_t *dot)
{
    size_t vars = e->n_vars;
    int r = run_nodes(e, body, dot);
    drop_vars(e, vars);
    return r;
}

static int run_element(struct eval *e, const struct tnode *n, json_t *key, json_t *value)
{
    size_t vars = e->n_vars;
    if (n->pipe->n_vars == 2) {
        set_var(e, n->pipe->vars[0], key, n->pipe->assign);
        set_var(e, n->pipe->vars[1], value, n->pipe->assign);
    } else if (n->pipe->n_vars == 1) {
        set_var(e, n->pipe->vars[0], value, n->pipe->assign);
    }
    int r = run_nodes(e, n->body, value);
    drop_vars(e, vars);
    return r;
}

static int by_key(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static int run_object(struct eval *e, const struct tnode *n, json_t *o)
{
    size_t len = json_object_size(o), i = 0;
    _cleanup_free_ const char **keys = XNEW_ARRAY(const char *, len + 1);
    const char *k;
    json_t *v;
    json_object_foreach(o, k, v)
        keys[i++] = k;
    qsort(keys, len, sizeof(*keys), by_key);
    int r = 0;
    for (i = 0; i < len && r == 0; i++) {
        _cleanup_json_ json_t *key = json_str_new(keys[i]);
        r = run_element(e, n, key, json_object_get(o, keys[i]));
    }
    return r;
}

static int run_range(struct eval *e, const struct tnode *n, json_t *dot)
{
    _cleanup_json_ json_t *list = NULL;
    int r = eval_pipe(e, n->pipe, dot, &list);
    if (r < 0)
        return r;
    if (!template_truth(list))
        return run_body(e, n->otherwise, dot);
    if (json_is_object(list))
        return run_object(e, n, list);
    if (!json_is_array(list)) {
        struct buf b = BUF_INIT(ERR_MESSAGE_MAX);
        go_print(&b, list);
        _cleanup_free_ char *why = xasprintf("range can't iterate over %s", buf_str(&b));
        buf_done(&b);
        return fail_at(e, &n->pipe->commands[0].operands[0], why);
    }
    for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
        _cleanup_json_ json_t *key = json_integer((json_int_t)i);
        r = run_element(e, n, key, json_array_get(list, i));
    }
    return r;
}

/* Go prints a nil list as [] and a nil map as map[]; JSON calls both null. */
static const char *empty_of(const struct tpipe *p)
{
    static const char *const lists[] = {"Env",
                                        "Cmd",
                                        "Entrypoint",
                                        "OnBuild",
                                        "Binds",
                                        "Links",
                                        "CapAdd",
                                        "CapDrop",
                                        "Dns",
                                        "DnsOptions",
                                        "DnsSearch",
                                        "ExtraHosts",
                                        "GroupAdd",
                                        "SecurityOpt",
                                        "VolumesFrom",
                                        "Devices",
                                        "Ulimits",
                                        "Mounts",
                                        "Args",
                                        "RepoTags",
                                        "RepoDigests",
                                        "Layers",
                                        "Aliases",
                                        "Warnings",
                                        "ExecIDs",
                                        "Shell",
                                        "MaskedPaths",
                                        "DNSNames",
                                        "Manifests",
                                        "DeviceRequests",
                                        "DeviceCgroupRules"};
    const struct toperand *o = &p->commands[0].operands[0];
    if (p->n != 1 || p->commands[0].n != 1 || !o->chain)
        return "<nil>";
    const char *last = o->chain[strv_len(o->chain) - 1];
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        if (str_eq(last, lists[i]))
            return "[]";
    return is_free_map(last) ? "map[]" : "<nil>";
}

static int run_node(struct eval *e, const struct tnode *n, json_t *dot)
{
    if (n->kind == NODE_TEXT)
        return buf_adds(e->out, n->text);
    if (n->kind == NODE_RANGE)
        return run_range(e, n, dot);
    _cleanup_json_ json_t *v = NULL;
    size_t vars = e->n_vars;
    int r = eval_pipe(e, n->pipe, dot, &v);
    if (r < 0)
        return r;
    for (int i = 0; i < n->pipe->n_vars; i++)
        set_var(e, n->pipe->vars[i], v, n->pipe->assign);
    if (n->kind == NODE_ACTION) {
        if (n->pipe->n_vars == 0 && json_is_null(v))
            (void)buf_adds(e->out, empty_of(n->pipe));
        else if (n->pipe->n_vars == 0)
            go_print(e->out, v);
        return 0;
    }
    bool truth = template_truth(v);
    const struct tnode *body = truth ? n->body : n->otherwise;
    r = run_body(e, body, n->kind == NODE_WITH && truth ? v : dot);
    drop_vars(e, vars);
    return r;
}

static int run_nodes(struct eval *e, const struct tnode *n, json_t *dot)
{
    int r = 0;
    for (; n && r == 0; n = n->next)
        r = run_node(e, n, dot);
    return r;
}

int template_execute(const struct template *t, const struct template_env *env, struct buf *out,
                     struct err *err)
{
    _cleanup_free_ struct eval *e = XNEW(struct eval);
    e->t = t;
    e->env = env;
    e->out = out;
    e->err = err;
    _cleanup_json_ json_t *dot = json_copy((json_t *)(uintptr_t)env->dot);
    /* Fields of the dot are told from those of inner objects by identity. */
    struct template_env own = *env;
    own.dot = dot;
    e->env = &own;
    set_var(e, "$", dot, false);
    int r = run_nodes(e, t->nodes, dot);
    drop_vars(e, 0);
    return r;
}
