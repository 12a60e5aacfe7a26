/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/log.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/cli/cli.h"
#include "runtime/idmap.h"

static const struct {
    const char *name;
    cli_command_fn run;
    bool enters; /* puts processes into containers */
    const char *help;
} commands[] = {
    {"create", cmd_create, true, "create a container"},
    {"delete", cmd_delete, false, "delete what a stopped container holds"},
    {"events", cmd_events, false, "show what a container uses, and OOM kills"},
    {"exec", cmd_exec, true, "run a process in a container"},
    {"features", cmd_features, false, "show what this runtime can do"},
    {"kill", cmd_kill, false, "send a signal to a container's init process"},
    {"list", cmd_list, false, "list containers"},
    {"pause", cmd_pause, false, "suspend all processes of a container"},
    {"ps", cmd_ps, false, "show the processes of a container"},
    {"resume", cmd_resume, false, "resume a paused container"},
    {"run", cmd_run, true, "create and start a container"},
    {"spec", cmd_spec, false, "write a new config.json"},
    {"start", cmd_start, false, "start a created container"},
    {"state", cmd_state, false, "show the state of a container"},
    {"update", cmd_update, false, "change resource limits of a container"},
};

static void usage(FILE *f)
{
    (void)fputs("Usage: lighter-runtime [OPTIONS] COMMAND [ARGUMENTS]\n\n"
                "An OCI runtime: starts containers from bundles.\n\nCommands:\n",
                f);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        (void)fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].help);
    (void)fputs("\nOptions:\n"
                "  --root PATH        where the state of containers is kept (" RUNTIME_DEFAULT_ROOT
                ",\n"
                "                     or below $XDG_RUNTIME_DIR for an ordinary user)\n"
                "  --log PATH         append messages to a file\n"
                "  --log-format FMT   text or json\n"
                "  --cgroup-manager M cgroupfs, the only one there is\n"
                "  --debug            say more\n"
                "  -h, --help         show this\n"
                "  -v, --version      show the version\n",
                f);
}

/* What callers such as containerd look for in --log is the last line of level error. */
static void report(const struct cli *cli, const char *message)
{
    char now[TIME_RFC3339_MAX];

    (void)fprintf(stderr, "lighter-runtime: %s\n", message);
    if (!cli->log_path)
        return;
    time_format_rfc3339nano(now_nsec(), now);
    _cleanup_json_ json_t *o = json_object();
    json_set_str(o, "level", "error");
    json_set_str(o, "msg", message);
    json_set_str(o, "time", now);
    _cleanup_free_ char *json = json_print(o);
    json_t *msg = json_object_get(o, "msg");
    char *quoted = json_dumps(msg, JSON_ENCODE_ANY);
    _cleanup_free_ char *line = cli->log_json
                                    ? xasprintf("%s\n", json)
                                    : xasprintf("time=\"%s\" level=error msg=%s\n", now, quoted);
    free(quoted);
    _cleanup_close_ int fd =
        open(cli->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    if (fd >= 0)
        (void)write_full(fd, line, strlen(line));
}

static int dispatch(struct cli *cli, int argc, char **argv, char **all, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (!str_eq(argv[0], commands[i].name))
            continue;
        if (argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"))) {
            usage(stdout);
            return 0;
        }
        int r = commands[i].enters ? cli_protect_self(all, err) : 0;
        return r < 0 ? r : commands[i].run(cli, argc, argv, err);
    }
    if (str_eq(argv[0], "checkpoint") || str_eq(argv[0], "restore"))
        return err_set(err, ERR_UNSUPPORTED,
                       "command \"%s\" is not supported: containers cannot be checkpointed",
                       argv[0]);
    return err_set(err, ERR_INVALID, "no such command: %s", argv[0]);
}

static int run(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *format = "text", *rootless = NULL, *criu = NULL, *manager = "cgroupfs";
    bool help = false, version = false, debug = false, systemd = false;
    const struct cli_option options[] = {
        {"root", 0, "path", "", .value = &cli->root},
        {"log", 0, "path", "", .value = &cli->log_path},
        {"log-format", 0, "format", "", .value = &format},
        {"rootless", 0, "mode", "", .value = &rootless},
        {"criu", 0, "path", "", .value = &criu},
        {"cgroup-manager", 0, "manager", "", .value = &manager},
        {"debug", 0, NULL, "", .flag = &debug},
        {"systemd-cgroup", 0, NULL, "", .flag = &systemd},
        {"help", 'h', NULL, "", .flag = &help},
        {"version", 'v', NULL, "", .flag = &version},
        {0},
    };
    int i = cli_parse(options, argc, argv, 1, err);

    if (i < 0)
        return i;
    if (!str_eq(format, "text") && !str_eq(format, "json"))
        return err_set(err, ERR_INVALID, "invalid log-format \"%s\"", format);
    cli->log_json = str_eq(format, "json");
    if (debug)
        log_set_level(LOG_DEBUG);
    if (version) {
        (void)printf("lighter-runtime version %s\nspec: " OCI_SPEC_VERSION "\n", LIGHTER_VERSION);
        return 0;
    }
    if (help || i >= argc || str_eq(argv[i], "help")) {
        usage(stdout);
        return 0;
    }
    if (!str_eq(manager, "cgroupfs") && !str_eq(manager, "systemd"))
        return err_set(err, ERR_UNSUPPORTED, "--cgroup-manager %s is not supported", manager);
    if (systemd || str_eq(manager, "systemd"))
        return err_set(err, ERR_UNSUPPORTED,
                       "--systemd-cgroup is not supported: cgroups are made directly");
    return dispatch(cli, argc - i, argv + i, argv, err);
}

/* An ordinary user's containers, in a user namespace or not, are kept where that user may write.
 * Caller frees. */
static char *default_root(void)
{
    const char *dir = getenv("XDG_RUNTIME_DIR");

    if (!str_empty(dir) && geteuid() == 0) {
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0 || idmap_is_initial(proc))
            dir = NULL;
    }
    return str_empty(dir) ? xstrdup(RUNTIME_DEFAULT_ROOT) : xasprintf("%s/lighter-runtime", dir);
}

int main(int argc, char **argv)
{
    _cleanup_free_ char *root = default_root();
    struct cli cli = {.root = root};
    struct err err = {0};

    /* Descriptors 0 to 2 must be something, or what is opened next would take their place. */
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < 3);
    close_fd(fd);
    int r = run(&cli, argc, argv, &err);
    if (r >= 0)
        return r;
    report(&cli, err.message);
    return str_starts(err.message, "exec failed") ? 255 : 1;
}
