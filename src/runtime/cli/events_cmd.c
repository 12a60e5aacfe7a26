/* SPDX-License-Identifier: GPL-2.0-or-later */
/* events: what a container uses, now or again and again, and when the OOM killer strikes. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/timeutil.h"
#include "runtime/cli/cli.h"

/* How late an OOM kill may be told. */
#define OOM_POLL_NSEC (200 * NSEC_PER_MSEC)

static void print_event(const char *type, const char *id, json_t *data)
{
    _cleanup_json_ json_t *o = json_object();

    json_set_str(o, "type", type);
    json_set_str(o, "id", id);
    if (data)
        json_set_take(o, "data", data);
    _cleanup_free_ char *text = json_print(o);
    (void)printf("%s\n", text);
    (void)fflush(stdout);
}

/* Waits until the container has ended (true) or the time is over. */
static bool ended(const struct state *s, int64_t nsec)
{
    struct pollfd p = {.fd = runtime_pidfd(s->c), .events = POLLIN};

    return poll(&p, 1, (int)(nsec / NSEC_PER_MSEC)) > 0;
}

static int watch(struct state *s, int64_t interval, struct err *err)
{
    uint64_t told = 0, now = 0;
    int64_t next = monotonic_nsec();

    (void)runtime_oom_kills(s->c, &told);
    for (;;) {
        int64_t left = next - monotonic_nsec();
        if (left <= 0) {
            print_event("stats", s->id, runtime_stats(s->c));
            next += interval;
            left = interval;
        }
        bool end = ended(s, MIN(left, OOM_POLL_NSEC));
        if (runtime_oom_kills(s->c, &now) == 0 && now > told) {
            told = now;
            print_event("oom", s->id, NULL);
        }
        if (end)
            return 0;
        if (ferror(stdout))
            return err_errno(err, EPIPE, "write events");
    }
}

int cmd_events(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *interval = "5s";
    bool stats = false;
    const struct cli_option options[] = {
        {"interval", 0, "duration", "time between statistics (5s)", .value = &interval},
        {"stats", 0, NULL, "show statistics once", .flag = &stats},
        {0}};
    int64_t nsec = 0;
    struct state s;
    int r, i = cli_parse(options, argc, argv, 1, err);

    if (i < 0)
        return i;
    if (argc - i != 1)
        return err_set(err, ERR_INVALID, "\"events\" requires exactly 1 argument(s)");
    if (duration_parse(interval, &nsec) < 0 || nsec < NSEC_PER_MSEC)
        return err_set(err, ERR_INVALID, "--interval: \"%s\" is not a duration above 0", interval);
    if ((r = state_load(cli, argv[i], &s, err)) < 0)
        return r;
    if (str_eq(state_status(&s), "stopped"))
        r = err_set(err, ERR_CONFLICT, "container with id %s is not running", s.id);
    else if (stats)
        print_event("stats", s.id, runtime_stats(s.c));
    else
        r = watch(&s, nsec, err);
    state_done(&s);
    return r;
}
