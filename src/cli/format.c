/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/format.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/table.h"
#include "cli/template.h"

#define OUTPUT_MAX (256 * MIB)

/* The template proper: without "table", with "\t" and "\n" made real. Caller frees. */
static char *clean_template(const struct format *f, bool *ret_table)
{
    const char *s = f->text;
    *ret_table = false;
    if (f->quiet && (!*s || str_starts(s, "table")))
        return xstrdup("{{.ID}}");
    if (str_eq(s, "json"))
        return xstrdup("{{json .}}");
    if (!*s || str_starts(s, "table")) {
        *ret_table = true;
        s = *s ? s + strlen("table") : s;
        s += strspn(s, " ");
        if (!*s)
            s = f->table;
    }
    struct buf b = BUF_INIT(64 * KIB);
    for (; *s; s++) {
        if (s[0] == '\\' && (s[1] == 't' || s[1] == 'n'))
            (void)buf_addc(&b, *++s == 't' ? '\t' : '\n');
        else
            (void)buf_addc(&b, *s);
    }
    return buf_take(&b);
}

/* `.Label "com.example.x"` heads a column with its argument's last part. */
static json_t *heading_method(const json_t *dot, const char *name, const char *arg)
{
    const char *last = strrchr(arg, '.');
    _cleanup_free_ char *text = xstrdup(last ? last + 1 : arg);
    for (char *p = text; *p; p++)
        if (*p == '-' || *p == '_')
            *p = ' ';
    return json_str_new(text);
}

/* Runs the template over a row of empty fields, for its errors. */
static int check_fields(const struct format *f, const struct template *t, struct err *err)
{
    _cleanup_json_ json_t *row = json_object();
    _cleanup_buf_ struct buf out = BUF_INIT(OUTPUT_MAX);
    for (const struct format_column *c = f->columns; c->field; c++)
        json_set_str(row, c->field, "");
    struct template_env env = {.dot = row, .type = f->type, .method = f->method};
    return template_execute(t, &env, &out, err);
}

static int add_headings(const struct format *f, const struct template *t, struct buf *out,
                        struct err *err)
{
    _cleanup_json_ json_t *headings = json_object();
    for (const struct format_column *c = f->columns; c->field; c++)
        json_set_str(headings, c->field, c->heading);
    struct template_env env = {
        .dot = headings, .type = f->type, .header = true, .method = heading_method};
    int r = template_execute(t, &env, out, err);
    (void)buf_addc(out, '\n');
    return r;
}

int format_rows(const struct format *f, const json_t *rows, struct err *err)
{
    bool table = false;
    _cleanup_free_ char *text = clean_template(f, &table);
    _cleanup_(template_freep)
    struct template *t = NULL;
    int r = template_parse(text, "", &t, err);
    if (r < 0) {
        err_wrap(err, "failed to parse template");
        return r;
    }
    _cleanup_buf_ struct buf out = BUF_INIT(OUTPUT_MAX);
    _cleanup_buf_ struct buf aligned = BUF_INIT(OUTPUT_MAX);
    size_t i;
    json_t *row;
    /* Rows first: their errors name the real type. */
    _cleanup_buf_ struct buf body = BUF_INIT(OUTPUT_MAX);
    if (f->check && json_array_size(rows) == 0)
        r = check_fields(f, t, err);
    json_array_foreach(rows, i, row) {
        struct template_env env = {
            .dot = row, .type = f->type, .escape = true, .method = f->method};
        r = template_execute(t, &env, &body, err);
        if (r < 0)
            break;
        (void)buf_addc(&body, '\n');
    }
    if (r == 0 && table)
        r = add_headings(f, t, &out, err);
    if (r < 0) {
        err_wrap(err, "failed to execute template");
        return r;
    }
    (void)buf_add(&out, buf_str(&body), body.len);
    if (table)
        table_align(buf_str(&out), &aligned);
    const struct buf *result = table ? &aligned : &out;
    (void)fwrite(buf_str(result), 1, result->len, stdout);
    return 0;
}

bool format_uses(const char *text, const char *field)
{
    _cleanup_free_ char *dotted = xasprintf(".%s", field);
    size_t n = strlen(dotted);
    for (const char *p = text; (p = strstr(p, dotted)); p++) {
        char after = p[n];
        bool more = (after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z');
        if (!more)
            return true;
    }
    return false;
}

int format_one(const char *text, const char *name, const json_t *object, const char *type,
               struct err *err)
{
    _cleanup_(template_freep)
    struct template *t = NULL;
    _cleanup_buf_ struct buf out = BUF_INIT(OUTPUT_MAX);
    int r = template_parse(str_eq(text, "json") ? "{{json .}}" : text, name, &t, err);
    if (r < 0)
        return r;
    struct template_env env = {.dot = object, .type = type};
    r = template_execute(t, &env, &out, err);
    if (r == 0)
        (void)printf("%s\n", buf_str(&out));
    return r;
}
