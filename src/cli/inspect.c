/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `inspect`, `container inspect`, `image inspect`: the daemon's own text, indented. */
#include <errno.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/options_format.h"
#include "cli/template.h"

#define TEXT_MAX (256 * MIB)

struct kind {
    const char *name, *path; /* "/containers/%s/json" without the rest */
    const char *tail;
};
static const struct kind kinds[] = {
    {"container", "/containers/", "/json"},
    {"image", "/images/", "/json"},
    {"network", "/networks/", ""},
    {"volume", "/volumes/", ""},
};

static void newline(struct buf *out, int depth)
{
    (void)buf_addf(out, "\n%*s", 4 * depth, "");
}

/* Indents JSON text as Go's json.Indent with four blanks, keeping numbers and escapes as they are.
 */
static void indent(const char *s, size_t len, int depth, struct buf *out)
{
    bool string = false;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (string) {
            (void)buf_addc(out, c);
            if (c == '\\' && i + 1 < len)
                (void)buf_addc(out, s[++i]);
            else if (c == '"')
                string = false;
            continue;
        }
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r')
            continue;
        if (c == '}' || c == ']') {
            char before = out->len ? out->data[out->len - 1] : 0;
            depth--;
            if (before != '{' && before != '[')
                newline(out, depth);
        } else if (out->len && (out->data[out->len - 1] == '{' || out->data[out->len - 1] == '[')) {
            newline(out, depth);
        }
        (void)buf_addc(out, c);
        if (c == '"')
            string = true;
        else if (c == '{' || c == '[')
            depth++;
        else if (c == ',')
            newline(out, depth);
        else if (c == ':')
            (void)buf_addc(out, ' ');
    }
}

/* The object's text from the first kind that has it; ERR_NOT_FOUND otherwise. */
static int find(struct client *c, const char *type, const char *name, bool size, char **ret,
                size_t *ret_len, struct err *err)
{
    _cleanup_free_ char *id = client_escape(name);
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (*type && !str_eq(type, kinds[i].name))
            continue;
        _cleanup_free_ char *path = xasprintf("%s%s%s%s", kinds[i].path, id, kinds[i].tail,
                                              size && i == 0 ? "?size=1" : "");
        int r = client_call_text(c, "GET", path, NULL, ret, ret_len, err);
        if (r == 0)
            return 0;
        /* A daemon without networks or volumes has none of this name either. */
        bool absent = err->kind == ERR_NOT_FOUND || (i > 1 && err->kind == ERR_UNSUPPORTED);
        if (!absent || *type)
            return r;
    }
    return err_set(err, ERR_NOT_FOUND, "Error: No such object: %s", name);
}

/* How results are shown: by a template, or as one array. */
struct sink {
    const char *format;
    struct buf out; /* the array's elements */
    int n;          /* shown so far */
};

static int show(struct sink *k, const char *text, size_t len, struct err *err)
{
    k->n++;
    if (!*k->format || str_eq(k->format, "json")) {
        bool pretty = !*k->format;
        (void)buf_adds(&k->out, k->n > 1 ? (pretty ? ",\n    " : ",") : (pretty ? "    " : ""));
        while (len > 0 && text[len - 1] == '\n')
            len--;
        if (!pretty) {
            (void)buf_add(&k->out, text, len);
            return 0;
        }
        struct buf one = BUF_INIT(TEXT_MAX);
        indent(text, len, 1, &one);
        (void)buf_add(&k->out, buf_str(&one), one.len);
        buf_done(&one);
        return 0;
    }
    _cleanup_json_ json_t *j = json_parse(text, len, "the daemon's answer", err);
    if (!j)
        return -EINVAL;
    int r = format_one(k->format, "", j, NULL, err);
    if (r < 0) {
        err_wrap(err, "template parsing error");
        k->n--;
    }
    return r;
}

static void finish(struct sink *k)
{
    if (!*k->format && k->n == 0)
        (void)printf("[]\n");
    else if (!*k->format)
        (void)printf("[\n%s\n]\n", buf_str(&k->out));
    else if (str_eq(k->format, "json"))
        (void)printf("[%s]\n", buf_str(&k->out));
    else if (k->n == 0)
        (void)printf("\n");
    buf_done(&k->out);
}

static int inspect_all(struct cli *cli, const struct args *a, const char *type, bool size)
{
    struct err err = {0};
    struct client *c = NULL;
    const char *format = args_str(a, "format");
    _cleanup_(template_freep)
    struct template *check = NULL;
    if (*format && !str_eq(format, "json") && template_parse(format, "", &check, &err) < 0) {
        err_wrap(&err, "template parsing error");
        (void)cli_fail(&err);
        return 64;
    }
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    struct sink k = {.format = format, .out = BUF_INIT(TEXT_MAX)};
    _cleanup_strv_ char **errors = NULL;
    for (int i = 0; i < args_n(a); i++) {
        _cleanup_free_ char *text = NULL;
        size_t len = 0;
        if (find(c, type, args_at(a, i), size, &text, &len, &err) < 0 ||
            show(&k, text, len, &err) < 0)
            strv_push(&errors, err.message);
    }
    finish(&k);
    for (char **e = errors; e && *e; e++)
        (void)cli_failf("%s", *e);
    return errors ? CLI_EXIT_FAILURE : 0;
}

static int run_inspect(struct cli *cli, const struct args *a)
{
    const char *type = args_str(a, "type");
    bool known = !*type;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        known = known || str_eq(type, kinds[i].name);
    if (!known)
        return cli_failf("unknown type: \"%s\": must be one of \"container\", \"image\", "
                         "\"network\", \"volume\"",
                         type);
    return inspect_all(cli, a, type, args_bool(a, "size"));
}

static int run_container_inspect(struct cli *cli, const struct args *a)
{
    return inspect_all(cli, a, "container", args_bool(a, "size"));
}

static int run_image_inspect(struct cli *cli, const struct args *a)
{
    return inspect_all(cli, a, "image", false);
}

static const struct opt inspect_opts[] = {
    {"format", 'f', OPT_STRING, HELP_FORMAT, NULL},
    {"size", 's', OPT_BOOL, "Display total file sizes if the type is container", NULL},
    {"type", 0, OPT_STRING, "Only inspect objects of the given type", NULL},
};
static const struct opt container_inspect_opts[] = {
    {"format", 'f', OPT_STRING, HELP_FORMAT, NULL},
    {"size", 's', OPT_BOOL, "Display total file sizes", NULL},
};
static const struct opt image_inspect_opts[] = {
    {"format", 'f', OPT_STRING, HELP_FORMAT, NULL},
};

const struct command cmd_inspect = {"[OPTIONS] NAME|ID [NAME|ID...]",
                                    "Return low-level information on Lighter objects",
                                    NULL,
                                    inspect_opts,
                                    ARRAY_SIZE(inspect_opts),
                                    1,
                                    -1,
                                    false,
                                    run_inspect};
const struct command cmd_container_inspect = {
    "[OPTIONS] CONTAINER [CONTAINER...]",
    "Display detailed information on one or more containers",
    NULL,
    container_inspect_opts,
    ARRAY_SIZE(container_inspect_opts),
    1,
    -1,
    false,
    run_container_inspect};
const struct command cmd_image_inspect = {"[OPTIONS] IMAGE [IMAGE...]",
                                          "Display detailed information on one or more images",
                                          NULL,
                                          image_inspect_opts,
                                          ARRAY_SIZE(image_inspect_opts),
                                          1,
                                          -1,
                                          false,
                                          run_image_inspect};
