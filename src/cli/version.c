/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "cli/cli.h"
#include "cli/format.h"
#include "cli/options_format.h"
#include "cli/version.h"

const char *client_arch(void)
{
    static struct utsname u;
    static const struct {
        const char *kernel, *go;
    } names[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"}};
    if (uname(&u) < 0)
        return "unknown";
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(u.machine, names[i].kernel))
            return names[i].go;
    return u.machine;
}

/* "Thu Aug 13 05:35:48 2026" for RFC 3339 times; others as they are. */
static char *build_time(const char *s)
{
    int64_t nsec = 0;
    char out[64];
    struct tm tm;
    if (time_parse_rfc3339(s, &nsec) < 0)
        return xstrdup(s);
    time_t t = (time_t)(nsec / NSEC_PER_SEC);
    if (!gmtime_r(&t, &tm) || !strftime(out, sizeof(out), "%a %b %e %H:%M:%S %Y", &tm))
        return xstrdup(s);
    return xstrdup(out);
}

static json_t *client_part(const char *api_version)
{
    json_t *o = json_object();
    json_set_str(o, "Version", LIGHTER_VERSION);
    json_set_str(o, "ApiVersion", api_version);
    json_set_str(o, "DefaultAPIVersion", CLIENT_API_VERSION);
    json_set_str(o, "GitCommit", "");
    json_set_str(o, "GoVersion", "");
    json_set_str(o, "Os", "linux");
    json_set_str(o, "Arch", client_arch());
    json_set_str(o, "BuildTime", "");
    json_set_str(o, "Context", "default");
    return o;
}

static void line(int indent, int width, const char *name, const char *value)
{
    if (!str_empty(value))
        (void)printf("%*s%-*s%s\n", indent, "", width - indent, name, value);
}

static void print_component(const json_t *c)
{
    const json_t *d = json_object_get(c, "Details");
    (void)printf(" %s:\n", json_str_or(c, "Name", ""));
    (void)printf("  Version:          %s\n", json_str_or(c, "Version", ""));
    const char *api = json_str_or(d, "ApiVersion", NULL);
    if (!api) {
        (void)printf("  GitCommit:        %s\n", json_str_or(d, "GitCommit", ""));
        return;
    }
    _cleanup_free_ char *built = build_time(json_str_or(d, "BuildTime", ""));
    _cleanup_free_ char *os =
        xasprintf("%s/%s", json_str_or(d, "Os", "linux"), json_str_or(d, "Arch", ""));
    (void)printf("  API version:      %s (minimum version %s)\n", api,
                 json_str_or(d, "MinAPIVersion", ""));
    line(2, 20, "Go version:", json_str_or(d, "GoVersion", ""));
    line(2, 20, "Git commit:", json_str_or(d, "GitCommit", ""));
    line(2, 20, "Built:", built);
    line(2, 20, "OS/Arch:", os);
    line(2, 20, "Experimental:", json_str_or(d, "Experimental", ""));
}

static void print_text(const char *api_version, const json_t *server)
{
    _cleanup_free_ char *api =
        str_eq(api_version, CLIENT_API_VERSION)
            ? xstrdup(api_version)
            : xasprintf("%s (downgraded from " CLIENT_API_VERSION ")", api_version);
    _cleanup_free_ char *os = xasprintf("linux/%s", client_arch());
    (void)printf("Client:\n Version:           " LIGHTER_VERSION "\n");
    line(1, 20, "API version:", api);
    line(1, 20, "OS/Arch:", os);
    line(1, 20, "Context:", "default");
    if (!server)
        return;
    const char *platform = json_str_or(json_object_get(server, "Platform"), "Name", "");
    (void)printf("\nServer:%s%s\n", *platform ? " " : "", platform);
    size_t i;
    json_t *c;
    json_array_foreach(json_object_get(server, "Components"), i, c)
        print_component(c);
}

static int run_version(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    const char *format = args_str(a, "format");
    _cleanup_json_ json_t *server = NULL;
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    int failed = client_call(c, "GET", "/version", NULL, &server, &err);
    if (*format) {
        struct err bad = {0};
        _cleanup_json_ json_t *all = json_object();
        json_set_take(all, "Client", client_part(client_api_version(c)));
        json_set_take(all, "Server", server ? json_incref(server) : json_null());
        if (format_one(format, "version", all, "system.versionInfo", &bad) < 0) {
            (void)printf("\n");
            return cli_fail(&bad);
        }
    } else {
        print_text(client_api_version(c), server);
    }
    return failed < 0 ? cli_fail(&err) : 0;
}

static const struct opt version_opts[] = {
    {"format", 'f', OPT_STRING, HELP_FORMAT, NULL},
};

const struct command cmd_version = {"[OPTIONS]",
                                    "Show the Lighter version information",
                                    NULL,
                                    version_opts,
                                    ARRAY_SIZE(version_opts),
                                    0,
                                    0,
                                    false,
                                    run_version};
