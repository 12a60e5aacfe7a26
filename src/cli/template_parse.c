/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/template_ast.h"

#define MAX_DEPTH 64

struct parser {
    const struct template *t;
    const char *text;
    size_t pos;
    int depth;
    struct err *err;
    bool trim_next; /* the last action ended with "-}}" */
};

/* How a list of nodes ended. */
enum list_end { LIST_EOF, LIST_END, LIST_ELSE };

static void free_pipe(struct tpipe *p);

static void free_operand(struct toperand *o)
{
    free(o->name);
    json_decref(o->literal);
    free_pipe(o->pipe);
    strv_free(o->chain);
    free(o->text);
}

static void free_pipe(struct tpipe *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->commands[i].n; k++)
            free_operand(&p->commands[i].operands[k]);
        free(p->commands[i].operands);
        free(p->commands[i].text);
    }
    free(p->commands);
    free(p->vars[0]);
    free(p->vars[1]);
    free(p);
}

static void free_nodes(struct tnode *n)
{
    while (n) {
        struct tnode *next = n->next;
        free(n->text);
        free_pipe(n->pipe);
        free_nodes(n->body);
        free_nodes(n->otherwise);
        free(n);
        n = next;
    }
}

void template_free(struct template *t)
{
    if (!t)
        return;
    free_nodes(t->nodes);
    free(t->name);
    free(t->text);
    free(t);
}

static int line_of(const struct parser *p)
{
    int line = 1;
    for (size_t i = 0; i < p->pos && p->text[i]; i++)
        line += p->text[i] == '\n';
    return line;
}

static int _printf_(2, 3) fail(struct parser *p, const char *fmt, ...)
{
    struct buf b = BUF_INIT(ERR_MESSAGE_MAX);
    va_list ap;
    va_start(ap, fmt);
    (void)buf_vaddf(&b, fmt, ap);
    va_end(ap);
    (void)err_set(p->err, ERR_INVALID, "template: %s:%d: %s", p->t->name, line_of(p), buf_str(&b));
    buf_done(&b);
    return -EINVAL;
}

static void skip_blanks(struct parser *p)
{
    while (p->text[p->pos] && isspace((unsigned char)p->text[p->pos]))
        p->pos++;
}

static bool at_end(const struct parser *p)
{
    const char *s = p->text + p->pos;
    return str_starts(s, "}}") || (str_starts(s, "-}}"));
}

static bool ident_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static char *take_ident(struct parser *p)
{
    size_t from = p->pos;
    while (ident_char(p->text[p->pos]))
        p->pos++;
    return xstrndup(p->text + from, p->pos - from);
}

static void add_utf8(struct buf *b, unsigned long c)
{
    if (c < 0x80) {
        (void)buf_addc(b, (char)c);
    } else if (c < 0x800) {
        (void)buf_addc(b, (char)(0xc0 | c >> 6));
        (void)buf_addc(b, (char)(0x80 | (c & 0x3f)));
    } else {
        (void)buf_addc(b, (char)(0xe0 | (c >> 12 & 0xf)));
        (void)buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
        (void)buf_addc(b, (char)(0x80 | (c & 0x3f)));
    }
}

static void add_escape(struct parser *p, struct buf *b)
{
    static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
    char c = p->text[p->pos++];
    const char *f = c ? strchr(from, c) : NULL;
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : 0;
    if (f) {
        (void)buf_addc(b, to[f - from]);
    } else if (digits) {
        unsigned long code = 0;
        for (int i = 0; i < digits && isxdigit((unsigned char)p->text[p->pos]); i++) {
            int ch = p->text[p->pos++] | 0x20;
            code = code * 16 + (unsigned long)(ch <= '9' ? ch - '0' : ch - 'a' + 10);
        }
        add_utf8(b, code);
    } else if (c) {
        (void)buf_addc(b, c);
    }
}

static int parse_string(struct parser *p, json_t **ret)
{
    char quote = p->text[p->pos++];
    struct buf b = BUF_INIT(64 * 1024);
    while (p->text[p->pos] && p->text[p->pos] != quote) {
        char c = p->text[p->pos++];
        if (c == '\\' && quote != '`')
            add_escape(p, &b);
        else if (c == '\n' && quote != '`')
            break;
        else
            (void)buf_addc(&b, c);
    }
    bool closed = p->text[p->pos] == quote && p->text[p->pos];
    if (closed)
        p->pos++;
    *ret = json_str_new(buf_str(&b));
    buf_done(&b);
    return closed ? 0 : fail(p, "unterminated %squoted string", quote == '`' ? "raw " : "");
}

static int parse_number(struct parser *p, json_t **ret)
{
    const char *from = p->text + p->pos;
    char *end = NULL;
    size_t n = (*from == '-' || *from == '+') +
               strspn(from + (*from == '-' || *from == '+'), "0123456789");
    if (from[n] == '.' || from[n] == 'e' || from[n] == 'E') {
        *ret = json_real(strtod(from, &end));
        p->pos += (size_t)(end - from);
    } else {
        _cleanup_free_ char *digits = xstrndup(from + (*from == '+'), n - (*from == '+'));
        int64_t value = 0;
        if (parse_i64(digits, &value) < 0)
            return fail(p, "bad number syntax: \"%s\"", digits);
        *ret = json_integer(value);
        p->pos += n;
    }
    if (ident_char(p->text[p->pos]))
        return fail(p, "bad number syntax: \"%.*s\"", (int)(p->text + p->pos + 1 - from), from);
    return 0;
}

static int parse_pipe(struct parser *p, const char *context, bool parenthesised,
                      struct tpipe **ret);

static int parse_chain(struct parser *p, struct toperand *o, size_t from)
{
    bool first = o->kind == OPERAND_FIELD;
    while (p->text[p->pos] == '.' && ident_char(p->text[p->pos + 1])) {
        if (!first)
            o->pos = p->pos;
        p->pos++;
        strv_push_take(&o->chain, take_ident(p));
        /* A chain's errors are placed at its second field. */
        if (o->kind == OPERAND_FIELD && strv_len(o->chain) == 2)
            o->pos = p->pos - strlen(o->chain[1]) - 1;
        first = true;
    }
    o->text = xstrndup(p->text + from, p->pos - from);
    return 0;
}

static int parse_operand(struct parser *p, struct toperand *o)
{
    size_t from = p->pos;
    const char *s = p->text + from;
    o->pos = from;
    int r = 0;
    if (*s == '.' && ident_char(s[1])) {
        o->kind = OPERAND_FIELD;
    } else if (*s == '.') {
        o->kind = OPERAND_DOT;
        p->pos++;
    } else if (*s == '$') {
        o->kind = OPERAND_VAR;
        p->pos++;
        _cleanup_free_ char *name = take_ident(p);
        o->name = xasprintf("$%s", name);
    } else if (*s == '"' || *s == '`') {
        o->kind = OPERAND_LITERAL;
        r = parse_string(p, &o->literal);
    } else if (*s == '(') {
        o->kind = OPERAND_PIPE;
        p->pos++;
        if (++p->depth > MAX_DEPTH)
            return fail(p, "max expression depth exceeded");
        r = parse_pipe(p, "parenthesized pipeline", true, &o->pipe);
        p->depth--;
    } else if (isdigit((unsigned char)*s) ||
               ((*s == '-' || *s == '+') && isdigit((unsigned char)s[1]))) {
        o->kind = OPERAND_LITERAL;
        r = parse_number(p, &o->literal);
    } else if (ident_char(*s)) {
        o->name = take_ident(p);
        o->kind = OPERAND_LITERAL;
        if (str_eq(o->name, "true") || str_eq(o->name, "false"))
            o->literal = json_boolean(o->name[0] == 't');
        else if (str_eq(o->name, "nil"))
            o->literal = json_null();
        else if (template_func_known(o->name))
            o->kind = OPERAND_FUNC;
        else
            return fail(p, "function \"%s\" not defined", o->name);
    } else {
        return fail(p, "unexpected \"%.1s\" in command", s);
    }
    return r < 0 ? r : parse_chain(p, o, from);
}

static int parse_command(struct parser *p, struct tcommand *c, bool parenthesised)
{
    skip_blanks(p);
    size_t from = p->pos, to = from;
    for (;;) {
        skip_blanks(p);
        char ch = p->text[p->pos];
        if (!ch)
            return fail(p, "unclosed action");
        if (at_end(p) || ch == '|' || (ch == ')' && parenthesised))
            break;
        c->operands = xrealloc_array(c->operands, c->n + 1, sizeof(*c->operands));
        c->operands[c->n] = (struct toperand){0};
        int r = parse_operand(p, &c->operands[c->n++]);
        if (r < 0)
            return r;
        to = p->pos;
    }
    c->text = xstrndup(p->text + from, to - from);
    return 0;
}

/* "$x :=", "$i, $e :=" or "$x =" at the beginning of a pipeline. */
static int parse_vars(struct parser *p, struct tpipe *pipe)
{
    size_t start = p->pos;
    char *names[2] = {NULL, NULL};
    int n = 0;
    while (n < 2 && p->text[p->pos] == '$') {
        p->pos++;
        _cleanup_free_ char *name = take_ident(p);
        names[n++] = xasprintf("$%s", name);
        skip_blanks(p);
        if (p->text[p->pos] != ',')
            break;
        p->pos++;
        skip_blanks(p);
    }
    bool declare = str_starts(p->text + p->pos, ":=");
    bool assign = !declare && p->text[p->pos] == '=';
    if (n > 0 && (declare || assign)) {
        p->pos += declare ? 2 : 1;
        pipe->vars[0] = names[0];
        pipe->vars[1] = names[1];
        pipe->n_vars = n;
        pipe->assign = assign;
        return 0;
    }
    free(names[0]);
    free(names[1]);
    p->pos = start;
    return 0;
}

static int parse_pipe(struct parser *p, const char *context, bool parenthesised, struct tpipe **ret)
{
    struct tpipe *pipe = XNEW(struct tpipe);
    *ret = pipe;
    skip_blanks(p);
    int r = parse_vars(p, pipe);
    for (;;) {
        pipe->commands = xrealloc_array(pipe->commands, pipe->n + 1, sizeof(*pipe->commands));
        pipe->commands[pipe->n] = (struct tcommand){0};
        r = parse_command(p, &pipe->commands[pipe->n++], parenthesised);
        if (r < 0)
            return r;
        if (pipe->commands[pipe->n - 1].n == 0)
            return fail(p, "missing value for %s", context);
        if (p->text[p->pos] != '|')
            break;
        p->pos++;
    }
    if (parenthesised) {
        if (p->text[p->pos] != ')')
            return fail(p, "unclosed left paren");
        p->pos++;
    }
    return 0;
}

static int close_action(struct parser *p)
{
    skip_blanks(p);
    if (!p->text[p->pos])
        return fail(p, "unclosed action");
    p->trim_next = p->text[p->pos] == '-';
    p->pos += p->trim_next ? 1 : 0;
    if (!str_starts(p->text + p->pos, "}}"))
        return fail(p, "unexpected \"%.1s\" in operand", p->text + p->pos);
    p->pos += 2;
    return 0;
}

static int parse_list(struct parser *p, struct tnode **ret, enum list_end *ret_end);

/* After "if", "range" or "with". */
static int parse_control(struct parser *p, struct tnode *n, const char *word)
{
    enum list_end end = LIST_EOF;
    if (++p->depth > MAX_DEPTH)
        return fail(p, "max expression depth exceeded");
    int r = parse_pipe(p, word, false, &n->pipe);
    if (r == 0)
        r = close_action(p);
    if (r == 0)
        r = parse_list(p, &n->body, &end);
    if (r < 0)
        return r;
    if (end == LIST_ELSE) {
        skip_blanks(p);
        bool chained = str_starts(p->text + p->pos, word) && !str_eq(word, "range") &&
                       !ident_char(p->text[p->pos + strlen(word)]);
        if (chained) {
            p->pos += strlen(word);
            n->otherwise = XNEW(struct tnode);
            n->otherwise->kind = n->kind;
            r = parse_control(p, n->otherwise, word);
            p->depth--;
            return r;
        }
        r = close_action(p);
        if (r == 0)
            r = parse_list(p, &n->otherwise, &end);
        if (r < 0)
            return r;
    }
    p->depth--;
    return end == LIST_END ? 0 : fail(p, "unexpected %s", end == LIST_EOF ? "EOF" : "{{else}}");
}

static bool take_word(struct parser *p, const char *word)
{
    size_t n = strlen(word);
    if (!str_starts(p->text + p->pos, word) || ident_char(p->text[p->pos + n]))
        return false;
    p->pos += n;
    return true;
}

static int skip_comment(struct parser *p)
{
    const char *end = strstr(p->text + p->pos, "*/");
    if (!end)
        return fail(p, "unclosed comment");
    p->pos = (size_t)(end + 2 - p->text);
    return close_action(p);
}

/* After "{{": 1 and *ret_end when a list ends here. */
static int parse_action(struct parser *p, struct tnode ***tail, enum list_end *ret_end)
{
    static const struct {
        const char *word;
        enum node_kind kind;
    } controls[] = {{"if", NODE_IF}, {"range", NODE_RANGE}, {"with", NODE_WITH}};
    skip_blanks(p);
    if (str_starts(p->text + p->pos, "/*"))
        return skip_comment(p);
    if (take_word(p, "end")) {
        *ret_end = LIST_END;
        int r = close_action(p);
        return r < 0 ? r : 1;
    }
    if (take_word(p, "else")) {
        *ret_end = LIST_ELSE;
        return 1;
    }
    struct tnode *n = XNEW(struct tnode);
    **tail = n;
    *tail = &n->next;
    for (size_t i = 0; i < ARRAY_SIZE(controls); i++)
        if (take_word(p, controls[i].word)) {
            n->kind = controls[i].kind;
            return parse_control(p, n, controls[i].word);
        }
    n->kind = NODE_ACTION;
    int r = parse_pipe(p, "command", false, &n->pipe);
    return r < 0 ? r : close_action(p);
}

static void add_text(struct parser *p, struct tnode ***tail, size_t len, bool trim_end)
{
    const char *s = p->text + p->pos;
    size_t start = 0;
    while (p->trim_next && start < len && isspace((unsigned char)s[start]))
        start++;
    while (trim_end && len > start && isspace((unsigned char)s[len - 1]))
        len--;
    if (len == start)
        return;
    struct tnode *n = XNEW(struct tnode);
    n->kind = NODE_TEXT;
    n->text = xstrndup(s + start, len - start);
    **tail = n;
    *tail = &n->next;
}

static int parse_list(struct parser *p, struct tnode **ret, enum list_end *ret_end)
{
    struct tnode **tail = ret;
    for (;;) {
        const char *open = strstr(p->text + p->pos, "{{");
        size_t len = open ? (size_t)(open - p->text) - p->pos : strlen(p->text + p->pos);
        bool trim = open && open[2] == '-' && isspace((unsigned char)open[3]);
        add_text(p, &tail, len, trim);
        p->trim_next = false;
        p->pos += len;
        if (!open) {
            *ret_end = LIST_EOF;
            return 0;
        }
        p->pos += trim ? 3 : 2;
        int r = parse_action(p, &tail, ret_end);
        if (r)
            return r < 0 ? r : 0;
    }
}

int template_parse(const char *text, const char *name, struct template **ret, struct err *err)
{
    _cleanup_(template_freep)
    struct template *t = XNEW(struct template);
    t->name = xstrdup(name);
    t->text = xstrdup(text);
    struct parser p = {.t = t, .text = t->text, .err = err};
    enum list_end end = LIST_EOF;
    int r = parse_list(&p, &t->nodes, &end);
    if (r < 0)
        return r;
    if (end != LIST_EOF)
        return fail(&p, "unexpected {{%s}}", end == LIST_END ? "end" : "else");
    *ret = TAKE_PTR(t);
    return 0;
}

void template_place(const struct template *t, size_t pos, char *out, size_t cap)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < pos && t->text[i]; i++)
        if (t->text[i] == '\n') {
            line++;
            start = i + 1;
        }
    (void)snprintf(out, cap, "%s:%zu:%zu", t->name, line, pos - start);
}
