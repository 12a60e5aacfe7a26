/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "runtime/cli/cli.h"

/* The option that "--name", "--name=value" or "-n" means, and its inline value. */
static const struct cli_option *find(const struct cli_option *options, const char *arg,
                                     const char **ret_value)
{
    bool is_long = arg[1] == '-';
    const char *name = arg + (is_long ? 2 : 1);
    size_t n = strcspn(name, "=");

    *ret_value = name[n] == '=' ? name + n + 1 : NULL;
    for (const struct cli_option *o = options; o->name; o++) {
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o; /* with one dash too, as Go's flags are */
        if (!is_long && n == 1 && o->letter == name[0])
            return o;
    }
    return NULL;
}

int cli_parse(const struct cli_option *options, int argc, char **argv, int start, struct err *err)
{
    int i = start;

    for (; i < argc; i++) {
        const char *value, *arg = argv[i];
        if (arg[0] != '-' || !arg[1])
            break;
        if (str_eq(arg, "--"))
            return i + 1;
        const struct cli_option *o = find(options, arg, &value);
        if (!o)
            return err_set(err, ERR_INVALID, "flag provided but not defined: %s", arg);
        if (!o->arg) {
            bool on = true;
            if (value && parse_bool(value, &on) < 0)
                return err_set(err, ERR_INVALID, "invalid boolean value \"%s\" for --%s", value,
                               o->name);
            *o->flag = on;
            continue;
        }
        if (!value && i + 1 >= argc)
            return err_set(err, ERR_INVALID, "flag needs an argument: --%s", o->name);
        if (!value)
            value = argv[++i];
        if (o->list)
            strv_push(o->list, value);
        else
            *o->value = value;
    }
    return i;
}

int cli_one_id(int argc, char **argv, const char **ret_id, struct err *err)
{
    static const struct cli_option none[] = {{0}};
    int i = cli_parse(none, argc, argv, 1, err);

    if (i < 0)
        return i;
    if (argc - i != 1)
        return err_set(err, ERR_INVALID, "\"%s\" requires exactly 1 argument(s)", argv[0]);
    *ret_id = argv[i];
    return 0;
}
