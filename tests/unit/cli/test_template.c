/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/template.h"

static const char object[] =
    "{\"Id\":\"sha256:abcdef\",\"Name\":\"web\",\"Size\":1234,\"Up\":true,\"List\":[\"a\",\"b\"],"
    "\"Empty\":[],\"Config\":{\"Env\":null,\"Labels\":{\"k\":\"v\",\"a.b\":\"c\"},\"Tty\":false},"
    "\"NetworkSettings\":{\"Networks\":{\"one\":{\"IP\":\"1\"},\"two\":{\"IP\":\"2\"}}},"
    "\"State\":{\"Status\":\"running\"},\"Html\":\"<&>\"}";

static int run(const char *text, bool typed, struct buf *out, struct err *err)
{
    _cleanup_json_ json_t *dot = json_parse(object, strlen(object), "object", NULL);
    _cleanup_(template_freep)
    struct template *t = NULL;
    int r = template_parse(text, "", &t, err);
    if (r < 0)
        return r;
    struct template_env env = {.dot = dot, .type = typed ? "*x.Y" : NULL};
    return template_execute(t, &env, out, err);
}

static void results(void **state)
{
    static const struct {
        const char *text, *result;
    } cases[] = {
        {"plain", "plain"},
        {"{{.Name}}", "web"},
        {"{{ .State.Status }}", "running"},
        {"{{.List}} {{.Config}}", "[a b] map[Env:<nil> Labels:map[a.b:c k:v] Tty:false]"},
        {"{{.Config.Env}} {{.Config.Labels.none}}", "[] <no value>"},
        {"{{json .List}}{{json .Html}}", "[\"a\",\"b\"]\"<&>\""},
        {"{{range .List}}<{{.}}>{{end}}", "<a><b>"},
        {"{{range $i, $e := .List}}{{$i}}={{$e}} {{end}}", "0=a 1=b "},
        {"{{range $k, $v := .NetworkSettings.Networks}}{{$k}}:{{$v.IP}};{{end}}", "one:1;two:2;"},
        {"{{range .Empty}}x{{else}}none{{end}}", "none"},
        {"{{if .Up}}yes{{else}}no{{end}}{{if .Config.Tty}}t{{end}}", "yes"},
        {"{{if .Config.Tty}}a{{else if .Up}}b{{else}}c{{end}}", "b"},
        {"{{with .State}}{{.Status}}{{end}}{{with .Empty}}x{{else}}-{{end}}", "running-"},
        {"{{if .State.Health}}h{{else}}none{{end}}", "none"},
        {"{{index .Config.Labels \"a.b\"}}{{index .List 1}}{{index .Config.Labels \"zz\"}}|",
         "cb|"},
        {"{{(index .NetworkSettings.Networks \"two\").IP}}", "2"},
        {"{{len .List}}{{len .Name}}{{.List | len}}", "232"},
        {"{{eq .Name \"web\"}} {{eq .Name \"a\" \"web\"}} {{ne .Size 3}} {{lt 1 2}} {{ge 2 2}}",
         "true true true true true"},
        {"{{and .Up .Name}} {{or .Empty .Name}} {{not .Up}}", "web web false"},
        {"{{and .Empty .Name.Nope}}", "[]"},
        {"{{$x := .Name}}{{range .List}}{{$x}}{{.}} {{end}}{{$x = \"q\"}}{{$x}}", "weba webb q"},
        {"{{range .List}}{{$.Name}}{{end}}", "webweb"},
        {"{{printf \"%s-%d|%5s|%-4s|%v|%q|%x|%05d\" .Name .Size \"ab\" \"c\" .Up \"q\" 255 42}}",
         "web-1234|   ab|c   |true|\"q\"|ff|00042"},
        {"{{.Id | printf \"%.3s\"}} {{slice .Id 7 10}}", "sha abc"},
        {"{{join .List \",\"}} {{split \"a:b\" \":\"}} {{upper .Name}} {{lower \"AB\"}} {{title \"a b\"}}",
         "a,b [a b] WEB ab A B"},
        {"{{pad \"x\" 2 1}}| {{truncate \"abcdef\" 2}}", "  x | ab"},
        {"{{print 1 2 \"a\" \"b\"}}{{println \"x\"}}", "1 2abx\n"},
        {"a {{- .Name -}} b", "awebb"},
        {"a{{/* note */}}b{{- /* trimmed */ -}} c", "abc"},
        {"{{`raw\\n`}}{{\"q\\tx\"}}", "raw\\nq\tx"},
        {"{{\"{{\"}}", "{{"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT(4096);
        struct err err = {0};
        int r = run(cases[i].text, false, &out, &err);
        if (r < 0)
            print_error("%s: %s\n", cases[i].text, err.message);
        assert_int_equal(r, 0);
        assert_string_equal(buf_str(&out), cases[i].result);
    }
}

static void errors(void **state)
{
    static const struct {
        const char *text, *message;
        bool typed;
    } cases[] = {
        {"{{.Id", "template: :1: unclosed action", false},
        {"{{end}}", "template: :1: unexpected {{end}}", false},
        {"{{if .Up}}", "template: :1: unexpected EOF", false},
        {"a\n{{foo}}", "template: :2: function \"foo\" not defined", false},
        {"{{\"a", "template: :1: unterminated quoted string", false},
        {"{{(.Name}}", "template: :1: unclosed left paren", false},
        {"{{}}", "template: :1: missing value for command", false},
        {"{{if}}{{end}}", "template: :1: missing value for if", false},
        {"{{.Foo}}", "template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"",
         false},
        {"{{.Foo}}",
         "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *x.Y", true},
        {"{{.Config.Foo}}",
         "template: :1:9: executing \"\" at <.Config.Foo>: map has no entry for key \"Foo\"", true},
        {"{{.Name.Foo}}",
         "template: :1:7: executing \"\" at <.Name.Foo>: can't evaluate field Foo in type interface "
         "{}",
         false},
        {"{{eq 1 \"a\"}}",
         "template: :1:2: executing \"\" at <eq 1 \"a\">: error calling eq: incompatible types for "
         "comparison",
         false},
        {"{{index .List 5}}",
         "template: :1:2: executing \"\" at <index .List 5>: error calling index: index out of "
         "range: 5",
         false},
        {"{{len}}",
         "template: :1:2: executing \"\" at <len>: wrong number of args for len: want 1 "
         "got 0",
         false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT(4096);
        struct err err = {0};
        assert_true(run(cases[i].text, cases[i].typed, &out, &err) < 0);
        assert_string_equal(err.message, cases[i].message);
    }
}

static void nesting(void **state)
{
    _cleanup_buf_ struct buf text = BUF_INIT(1 << 20);
    _cleanup_buf_ struct buf out = BUF_INIT(4096);
    struct err err = {0};
    (void)buf_adds(&text, "{{");
    for (int i = 0; i < 10000; i++)
        (void)buf_adds(&text, "(");
    (void)buf_adds(&text, ".}}");
    assert_true(run(buf_str(&text), false, &out, &err) < 0);
    buf_reset(&text);
    for (int i = 0; i < 10000; i++)
        (void)buf_adds(&text, "{{if 1}}");
    assert_true(run(buf_str(&text), false, &out, &err) < 0);
}

static void go_values(void **state)
{
    static const char text[] = "{\"b\":\"<&>\\n\\u0001\",\"a\":[1,1.5,null]}";
    _cleanup_json_ json_t *v = json_parse(text, sizeof(text) - 1, "v", NULL);
    assert_non_null(v);
    _cleanup_free_ char *plain = go_json(v, false);
    _cleanup_free_ char *escaped = go_json(v, true);
    assert_string_equal(plain, "{\"b\":\"<&>\\n\\u0001\",\"a\":[1,1.5,null]}");
    assert_string_equal(escaped, "{\"b\":\"\\u003c\\u0026\\u003e\\n\\u0001\",\"a\":[1,1.5,null]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results),
        cmocka_unit_test(errors),
        cmocka_unit_test(nesting),
        cmocka_unit_test(go_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
