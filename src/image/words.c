/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/words.h"

#include <ctype.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"

#define BLANKS " \t\r\n\v\f"

/* The length of the word at s, which starts with no blank. */
static size_t word_length(const char *s)
{
    char quote = '\0';
    size_t i = 0;

    while (s[i] && (quote || !strchr(BLANKS, s[i]))) {
        if (s[i] == '\\' && quote != '\'' && s[i + 1])
            i++;
        else if (quote && s[i] == quote)
            quote = '\0';
        else if (!quote && (s[i] == '\'' || s[i] == '"'))
            quote = s[i];
        i++;
    }
    return i;
}

char **words_split(const char *s)
{
    char **words = NULL;

    for (;;) {
        s += strspn(s, BLANKS);
        if (!*s)
            return words;
        size_t n = word_length(s);
        strv_push_take(&words, xstrndup(s, n));
        s += n;
    }
}

static const char *env_get(const json_t *env, const char *name, size_t len)
{
    size_t i;
    json_t *v;

    json_array_foreach(env, i, v) {
        const char *s = json_string_value(v);
        if (s && strncmp(s, name, len) == 0 && s[len] == '=')
            return s + len + 1;
    }
    return NULL;
}

struct lexer {
    const char *at;
    const json_t *env;
    struct buf out;
    int depth;
};

static int lex_until(struct lexer *l, char end, struct err *err);

static size_t name_length(const char *s)
{
    size_t n = 0;

    if (isdigit((unsigned char)*s))
        return 1;
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    return n;
}

/* "${…}", at the first character behind the brace. */
static int lex_braced(struct lexer *l, struct err *err)
{
    size_t n = name_length(l->at);
    const char *value = env_get(l->env, l->at, n);

    if (n == 0)
        return err_set(err, ERR_INVALID, "syntax error: bad substitution");
    l->at += n;
    if (*l->at == '}') {
        l->at++;
        return buf_adds(&l->out, value ? value : "");
    }
    bool colon = *l->at == ':';
    l->at += colon;
    char op = *l->at;
    if (op != '-' && op != '+')
        return err_set(err, ERR_INVALID, "unsupported modifier (%c) in substitution",
                       op ? op : '}');
    l->at++;
    bool set = value && (!colon || *value);
    size_t mark = l->out.len;
    if (++l->depth > 16)
        return err_set(err, ERR_INVALID, "substitutions nested too deeply");
    int r = lex_until(l, '}', err);
    l->depth--;
    if (r < 0)
        return r;
    bool use_word = op == '-' ? !set : set;
    if (!use_word) {
        l->out.len = mark;
        if (l->out.data)
            l->out.data[mark] = '\0';
        if (op == '-')
            return buf_adds(&l->out, value);
    }
    return 0;
}

static int lex_dollar(struct lexer *l, struct err *err)
{
    size_t n;

    if (*l->at == '{') {
        l->at++;
        return lex_braced(l, err);
    }
    n = name_length(l->at);
    if (n == 0)
        return buf_addc(&l->out, '$');
    const char *value = env_get(l->env, l->at, n);
    l->at += n;
    return buf_adds(&l->out, value ? value : "");
}

static int lex_single_quote(struct lexer *l, struct err *err)
{
    size_t n = strcspn(l->at, "'");

    if (!l->at[n])
        return err_set(err, ERR_INVALID,
                       "unexpected end of statement while looking for matching "
                       "single-quote");
    int r = buf_add(&l->out, l->at, n);
    l->at += n + 1;
    return r;
}

static int lex_double_quote(struct lexer *l, struct err *err)
{
    for (;;) {
        int r = 0;
        char c = *l->at;
        if (!c)
            return err_set(err, ERR_INVALID,
                           "unexpected end of statement while looking for matching double-quote");
        l->at++;
        if (c == '"')
            return 0;
        if (c == '$') {
            r = lex_dollar(l, err);
        } else {
            if (c == '\\' && *l->at && strchr("\"$\\", *l->at))
                c = *l->at++;
            r = buf_addc(&l->out, c);
        }
        if (r < 0)
            return r;
    }
}

/* Up to the character `end`, which is passed over; '\0': to the end of the text. */
static int lex_until(struct lexer *l, char end, struct err *err)
{
    for (;;) {
        int r;
        char c = *l->at;
        if (!c)
            return end ? err_set(err, ERR_INVALID, "syntax error: missing '%c'", end) : 0;
        l->at++;
        if (c == end)
            return 0;
        if (c == '\'')
            r = lex_single_quote(l, err);
        else if (c == '"')
            r = lex_double_quote(l, err);
        else if (c == '$')
            r = lex_dollar(l, err);
        else if (c == '\\' && *l->at)
            r = buf_addc(&l->out, *l->at++);
        else
            r = c == '\\' ? 0 : buf_addc(&l->out, c);
        if (r < 0)
            return r;
    }
}

int words_expand(const char *word, const json_t *env, char **ret, struct err *err)
{
    struct lexer l = {.at = word, .env = env, .out = BUF_INIT(1 * MIB)};
    int r = lex_until(&l, '\0', err);

    if (l.out.overflow)
        r = err_set(err, ERR_INVALID, "the expanded text is too long");
    if (r < 0) {
        buf_done(&l.out);
        return r;
    }
    *ret = buf_take(&l.out);
    return 0;
}

int words_json(const char *s, char ***ret, struct err *err)
{
    _cleanup_strv_ char **words = NULL;
    size_t i;
    json_t *v;

    s += strspn(s, BLANKS);
    if (*s != '[')
        return 0;
    _cleanup_json_ json_t *a = json_parse(s, strlen(s), "array", NULL);
    if (!json_is_array(a))
        return 0;
    words = XNEW_ARRAY(char *, 1);
    json_array_foreach(a, i, v) {
        const char *text = json_string_value(v);
        if (!text || strlen(text) != json_string_length(v))
            return err_set(err, ERR_INVALID,
                           "when using JSON array syntax, arrays must be "
                           "comprised of strings only");
        strv_push(&words, text);
    }
    *ret = TAKE_PTR(words);
    return 1;
}
