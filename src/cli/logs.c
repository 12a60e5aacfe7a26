/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cli.h"
#include "client/stdcopy.h"

static int put(void *arg, enum stdcopy_stream stream, const char *data, size_t len)
{
    return write_full(stream == STDCOPY_STDERR ? STDERR_FILENO : STDOUT_FILENO, data, len);
}

/* Is the stream multiplexed? Old daemons do not say; then the container's terminal decides. */
static int is_multiplexed(struct client *c, const struct client_stream *s, const char *id,
                          bool *ret, struct err *err)
{
    const char *type = client_stream_content_type(s);
    if (strstr(type, "multiplexed-stream")) {
        *ret = true;
        return 0;
    }
    _cleanup_free_ char *path = xasprintf("/containers/%s/json", id);
    _cleanup_json_ json_t *j = NULL;
    int r = client_call(c, "GET", path, NULL, &j, err);
    if (r == 0)
        *ret = !json_bool_or(json_object_get(j, "Config"), "Tty", false);
    return r;
}

static int copy_logs(struct client_stream *s, bool multiplexed, struct err *err)
{
    struct stdcopy demux = {0};
    _cleanup_free_ char *data = xmalloc(32 * KIB);
    for (;;) {
        ssize_t n = client_stream_read(s, data, 32 * KIB);
        if (n == -ECONNRESET)
            return err_set(err, ERR_UNAVAILABLE, "unexpected EOF");
        if (n < 0)
            return err_errno(err, (int)n, "read the logs");
        if (n == 0)
            return 0;
        int r = multiplexed ? stdcopy_feed(&demux, data, (size_t)n, put, NULL, err)
                            : put(NULL, STDCOPY_STDOUT, data, (size_t)n);
        if (r < 0)
            return r;
    }
}

static int logs_path(const struct args *a, const char *id, struct buf *path, struct err *err)
{
    (void)buf_addf(path, "/containers/%s/logs?stdout=1&stderr=1", id);
    static const char *const times[] = {"since", "until"};
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        const char *v = args_str(a, times[i]);
        _cleanup_free_ char *stamp = NULL;
        if (!*v)
            continue;
        int r = cli_timestamp(times[i], v, &stamp, err);
        if (r < 0)
            return r;
        client_query(path, times[i], stamp);
    }
    static const char *const flags[] = {"follow", "timestamps", "details"};
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (args_bool(a, flags[i]))
            client_query(path, flags[i], "1");
    client_query(path, "tail", args_str(a, "tail"));
    return 0;
}

static int run_logs(struct cli *cli, const struct args *a)
{
    struct err err = {0};
    struct client *c = NULL;
    _cleanup_free_ char *id = client_escape(args_at(a, 0));
    _cleanup_buf_ struct buf path = BUF_INIT(16 * KIB);
    if (cli_client(cli, &c, &err) < 0)
        return cli_fail(&err);
    if (logs_path(a, id, &path, &err) < 0) {
        /* As docker does, a missing container is told first. */
        struct err missing = {0};
        _cleanup_free_ char *inspect = xasprintf("/containers/%s/json", id);
        bool gone = client_call(c, "GET", inspect, NULL, NULL, &missing) < 0;
        return cli_fail(gone ? &missing : &err);
    }
    _cleanup_(client_stream_freep)
    struct client_stream *s = NULL;
    bool multiplexed = false;
    if (client_open(c, "GET", buf_str(&path), NULL, &s, &err) < 0 ||
        is_multiplexed(c, s, id, &multiplexed, &err) < 0 || copy_logs(s, multiplexed, &err) < 0)
        return cli_fail(&err);
    return 0;
}

static const struct opt logs_opts[] = {
    {"details", 0, OPT_BOOL, "Show extra details provided to logs", NULL},
    {"follow", 'f', OPT_BOOL, "Follow log output", NULL},
    {"since", 0, OPT_STRING,
     "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 "
     "minutes)",
     NULL},
    {"tail", 'n', OPT_STRING, "Number of lines to show from the end of the logs", "all"},
    {"timestamps", 't', OPT_BOOL, "Show timestamps", NULL},
    {"until", 0, OPT_STRING,
     "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 "
     "minutes)",
     NULL},
};

const struct command cmd_logs = {"[OPTIONS] CONTAINER",
                                 "Fetch the logs of a container",
                                 "container logs, logs",
                                 logs_opts,
                                 ARRAY_SIZE(logs_opts),
                                 1,
                                 1,
                                 false,
                                 run_logs};
