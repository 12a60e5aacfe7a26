/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "cli/options.h"

static int even(const char *v, struct err *err)
{
    return strlen(v) % 2 ? err_set(err, ERR_INVALID, "odd") : 0;
}

static const struct opt table[] = {
    {"interactive", 'i', OPT_BOOL, "In", NULL},
    {"tty", 't', OPT_BOOL, "Tty", NULL},
    {"proxy", 0, OPT_BOOL, "Proxy", "true"},
    {"env", 'e', OPT_LIST, "Env", NULL},
    {"env-file", 0, OPT_LIST, "File", NULL},
    {"memory", 'm', OPT_BYTES, "Memory", NULL},
    {"swap", 0, OPT_MEMSWAP, "Swap", NULL},
    {"cpus", 0, OPT_DECIMAL, "Cpus", NULL},
    {"last", 'n', OPT_INT, "Last", "-1"},
    {"weight", 0, OPT_UINT16, "Weight", NULL},
    {"every", 0, OPT_DURATION, "Every", NULL},
    {"pull", 0, OPT_STRING, "Pull", "missing"},
    {"filter", 'f', OPT_FILTER, "Filter", NULL},
    {"platform", 0, OPT_STRINGS, "Platform", NULL},
    {"network", 0, OPT_NETWORK, "Network", NULL},
    {"net", 0, OPT_NETWORK, NULL, NULL, "network"},
    {"even", 0, OPT_STRING, "Even", NULL, NULL, even},
};

static int parse(const char *line, bool stop, struct args **a, struct err *err)
{
    static char **argv;
    strv_free(argv);
    argv = *line ? str_split(line, ' ') : NULL;
    return args_parse(table, ARRAY_SIZE(table), (int)strv_len(argv), argv, stop, a, err);
}

static void accepted(void **state)
{
    _cleanup_(args_freep)
    struct args *a = NULL;
    assert_int_equal(parse("-it -eA=b --env C --env=D=e=f -m1g --cpus 1.5 --swap -1 -n 3 x -i y",
                           false, &a, NULL),
                     0);
    assert_true(args_bool(a, "interactive"));
    assert_true(args_bool(a, "tty"));
    assert_true(args_bool(a, "proxy"));
    assert_false(args_set(a, "proxy"));
    assert_int_equal(strv_len(args_list(a, "env")), 3);
    assert_string_equal(args_list(a, "env")[2], "D=e=f");
    assert_int_equal(args_num(a, "memory"), 1 << 30);
    assert_int_equal(args_num(a, "swap"), -1);
    assert_int_equal(args_num(a, "cpus"), 1500000000);
    assert_int_equal(args_num(a, "last"), 3);
    assert_string_equal(args_str(a, "pull"), "missing");
    assert_int_equal(args_n(a), 2);
    assert_string_equal(args_at(a, 1), "y");
    assert_null(args_at(a, 2));
}

static void stops(void **state)
{
    _cleanup_(args_freep)
    struct args *a = NULL;
    assert_int_equal(parse("-i image -t --foo", true, &a, NULL), 0);
    assert_false(args_bool(a, "tty"));
    assert_int_equal(args_n(a), 3);
    assert_string_equal(args_from(a, 1)[1], "--foo");
    args_free(TAKE_PTR(a));
    assert_int_equal(parse("-i -- -t", false, &a, NULL), 0);
    assert_int_equal(args_n(a), 1);
    args_free(TAKE_PTR(a));
    assert_int_equal(parse("- --interactive=false -t=0 --proxy=f", false, &a, NULL), 0);
    assert_string_equal(args_at(a, 0), "-");
    assert_false(args_bool(a, "interactive"));
    assert_false(args_bool(a, "tty"));
    assert_false(args_bool(a, "proxy"));
    assert_true(args_set(a, "proxy"));
}

static void second_names(void **state)
{
    _cleanup_(args_freep)
    struct args *a = NULL;
    assert_int_equal(parse("--net none --network b --platform x,y --platform z", false, &a, NULL),
                     0);
    assert_int_equal(strv_len(args_list(a, "network")), 2);
    assert_int_equal(strv_len(args_list(a, "platform")), 3);
    assert_null(args_list(a, "env"));
    args_free(TAKE_PTR(a));
    assert_int_equal(parse("--help", false, &a, NULL), ARGS_HELP);
    assert_int_equal(parse("-ih", false, &a, NULL), ARGS_HELP_SHORT);
    assert_null(a);
}

static void refused(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"--foo", "unknown flag: --foo"},
        {"--foo=1", "unknown flag: --foo"},
        {"-x", "unknown shorthand flag: 'x' in -x"},
        {"-ixt", "unknown shorthand flag: 'x' in -xt"},
        {"--env", "flag needs an argument: --env"},
        {"-ie", "flag needs an argument: 'e' in -e"},
        {"--tty=maybe", "invalid argument \"maybe\" for \"-t, --tty\" flag: strconv.ParseBool: "
                        "parsing \"maybe\": invalid syntax"},
        {"-n x", "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": "
                 "invalid syntax"},
        {"-n 99999999999999999999",
         "invalid argument \"99999999999999999999\" for \"-n, --last\" flag: strconv.ParseInt: "
         "parsing \"99999999999999999999\": value out of range"},
        {"--weight 70000", "invalid argument \"70000\" for \"--weight\" flag: strconv.ParseUint: "
                           "parsing \"70000\": value out of range"},
        {"-m 3x", "invalid argument \"3x\" for \"-m, --memory\" flag: invalid suffix: 'x'"},
        {"-m x", "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'"},
        {"-m -1", "invalid argument \"-1\" for \"-m, --memory\" flag: invalid size: '-1'"},
        {"--cpus 1.x", "invalid argument \"1.x\" for \"--cpus\" flag: failed to parse 1.x as a "
                       "rational number"},
        {"--cpus 0.0000000001",
         "invalid argument \"0.0000000001\" for \"--cpus\" flag: value is too precise"},
        {"--every 5", "invalid argument \"5\" for \"--every\" flag: time: invalid duration \"5\""},
        {"-f x", "invalid argument \"x\" for \"-f, --filter\" flag: bad format of filter (expected "
                 "name=value)"},
        {"--even abc", "invalid argument \"abc\" for \"--even\" flag: odd"},
        {"---x", "bad flag syntax: ---x"},
        {"--=x", "bad flag syntax: --=x"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct args *a = NULL;
        struct err err = {0};
        assert_true(parse(cases[i].line, false, &a, &err) < 0);
        assert_string_equal(err.message, cases[i].text);
        assert_null(a);
    }
}

static void sizes(void **state)
{
    static const struct {
        const char *text;
        int64_t n;
    } good[] = {{"0", 0},         {"100", 100},      {"32b", 32},      {"1k", 1024},
                {"1K", 1024},     {"1kb", 1024},     {"1KiB", 1024},   {"1.5g", 1610612736},
                {"2 m", 2 << 20}, {"1t", 1LL << 40}, {"1p", 1LL << 50}};
    static const char *const bad[] = {"",  "x",    "-1", "1x",  "1kx",
                                      "k", "1..2", ".5", "1e9", "9999999p"};
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        int64_t n = -7;
        assert_int_equal(parse_ram_bytes(good[i].text, &n, NULL), 0);
        assert_int_equal(n, good[i].n);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        int64_t n = -7;
        assert_true(parse_ram_bytes(bad[i], &n, NULL) < 0);
        assert_int_equal(n, -7);
    }
}

static void help(void **state)
{
    static const struct opt opts[] = {
        {"zeta", 'z', OPT_BOOL,
         "A long text that has to be wrapped at the end of the line, twice in "
         "fact, as it goes on and on",
         NULL},
        {"alpha", 0, OPT_STRING, "First\nsecond line", "x"},
        {"hidden", 0, OPT_BOOL, NULL, NULL},
        {"count", 'n', OPT_INT, "Number", "-1"},
    };
    _cleanup_buf_ struct buf b = BUF_INIT(4096);
    opts_help(opts, ARRAY_SIZE(opts), 79, &b);
    assert_string_equal(buf_str(&b),
                        "      --alpha string   First\n"
                        "                       second line (default \"x\")\n"
                        "  -n, --count int      Number (default -1)\n"
                        "  -z, --zeta           A long text that has to be wrapped at the end of\n"
                        "                       the line, twice in fact, as it goes on and on\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted), cmocka_unit_test(stops), cmocka_unit_test(second_names),
        cmocka_unit_test(refused),  cmocka_unit_test(sizes), cmocka_unit_test(help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
