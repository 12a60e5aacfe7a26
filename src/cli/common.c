/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands share. */
#include <stdarg.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "cli/cli.h"
#include "client/host.h"

int cli_client(struct cli *cli, struct client **ret, struct err *err)
{
    if (!cli->client) {
        const char *host = cli->hosts ? cli->hosts[0] : getenv("LIGHTER_HOST");
        if (str_empty(host))
            host = getenv("DOCKER_HOST");
        if (str_empty(host))
            host = CLIENT_DEFAULT_HOST;
        int r = client_new(host, getenv("DOCKER_API_VERSION"), &cli->client, err);
        if (r < 0) {
            err_wrap(err, "Failed to initialize: unable to resolve lighter endpoint");
            return r;
        }
    }
    *ret = cli->client;
    return 0;
}

int cli_fail(const struct err *err)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "%s\n", err->message);
    return CLI_EXIT_FAILURE;
}

int cli_failf(const char *fmt, ...)
{
    va_list ap;
    (void)fflush(stdout);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    return CLI_EXIT_FAILURE;
}

/* What a shell would return for the command that could not be started. */
static int code_of_message(const char *message)
{
    static const char *const not_found[] = {"executable file not found",
                                            "no such file or directory",
                                            "system cannot find the file specified"};
    static const char *const not_runnable[] = {"permission denied", "is a directory",
                                               "not a directory"};
    for (size_t i = 0; i < ARRAY_SIZE(not_found); i++)
        if (strstr(message, not_found[i]))
            return 127;
    for (size_t i = 0; i < ARRAY_SIZE(not_runnable); i++)
        if (strstr(message, not_runnable[i]))
            return 126;
    return CLI_EXIT_USAGE;
}

int cli_fail_run(const struct cli *cli, const struct err *err)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "lighter: %s\n\nRun 'lighter %s --help' for more information\n",
                  err->message, cli->path);
    return code_of_message(err->message);
}

int cli_each(struct cli *cli, const struct args *a, bool echo,
             int (*fn)(struct cli *cli, const struct args *a, const char *arg, struct err *err))
{
    int code = 0;
    for (int i = 0; i < args_n(a); i++) {
        struct err err = {0};
        if (fn(cli, a, args_at(a, i), &err) < 0)
            code = cli_fail(&err);
        else if (echo)
            (void)printf("%s\n", args_at(a, i));
    }
    return code;
}

char *cli_filters(char *const *filters)
{
    if (!filters)
        return NULL;
    _cleanup_json_ json_t *all = json_object();
    for (char *const *f = filters; *f; f++) {
        const char *eq = strchr(*f, '=');
        if (!eq)
            continue;
        size_t len = (size_t)(eq - *f);
        while (len > 0 && (*f)[len - 1] == ' ')
            len--;
        _cleanup_free_ char *key = xstrndup(*f, len);
        for (char *p = key; *p; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p = (char)(*p | 0x20);
        json_t *values = json_object_get(all, key);
        if (!values) {
            values = json_object();
            json_set_take(all, key, values);
        }
        json_set_bool(values, eq + 1 + strspn(eq + 1, " "), true);
    }
    return json_object_size(all) ? json_print(all) : NULL;
}

int cli_timestamp(const char *option, const char *value, char **ret, struct err *err)
{
    int64_t nsec = 0;
    if (time_parse_reference(value, now_nsec(), &nsec) < 0)
        return err_set(
            err, ERR_INVALID,
            "invalid value for \"%s\": failed to parse value as time or duration: \"%s\"", option,
            value);
    int64_t sec = nsec / NSEC_PER_SEC, frac = nsec % NSEC_PER_SEC;
    if (frac < 0) {
        frac += NSEC_PER_SEC;
        sec--;
    }
    *ret = xasprintf("%lld.%09lld", (long long)sec, (long long)frac);
    return 0;
}
