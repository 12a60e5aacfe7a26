/* SPDX-License-Identifier: GPL-2.0-or-later */

/* /exec, and creating exec instances. */

#include "api/stream.h"

static int create(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *body = NULL;
    _cleanup_json_ json_t *answer = json_object();
    char id[65];
    int r = api_read_json(rq, true, &body, err);

    if (r < 0)
        return r;
    if (json_array_size(json_object_get(body, "Cmd")) == 0)
        return err_set(err, ERR_INVALID, "No exec command specified");
    if (rq->version < 25)
        (void)json_object_del(body, "Env");
    if (rq->version < 35)
        (void)json_object_del(body, "WorkingDir");
    if (rq->version < 42)
        (void)json_object_del(body, "ConsoleSize");
    r = engine_exec_create(rq->engine, rq->name, body, id, err);
    if (r < 0)
        return r;
    json_set_str(answer, "Id", id);
    api_reply_json(rq, 201, answer);
    return 0;
}

/* "ConsoleSize": [rows, columns]. */
static int console_size(const json_t *body, uint16_t *ret_rows, uint16_t *ret_cols, struct err *err)
{
    json_t *size = NULL;
    int r = json_get_array(body, NULL, "ConsoleSize", &size, err);

    if (r < 0 || !size)
        return r;
    json_int_t rows = json_integer_value(json_array_get(size, 0));
    json_int_t cols = json_integer_value(json_array_get(size, 1));
    if (json_array_size(size) != 2 || rows < 0 || rows > UINT16_MAX || cols < 0 ||
        cols > UINT16_MAX)
        return err_set(err, ERR_INVALID, "invalid ConsoleSize");
    *ret_rows = (uint16_t)rows;
    *ret_cols = (uint16_t)cols;
    return 0;
}

static int start(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *body = NULL;
    struct engine_attach attach = {
        .stream = true,
        .use_stdin = true,
        .use_stdout = true,
        .use_stderr = true,
        .hijack = api_hijack,
        .ctx = rq,
    };
    uint16_t rows = 0;
    uint16_t cols = 0;
    bool detach = false;
    bool tty = false;
    int r = api_read_json(rq, false, &body, err);

    if (r == 0)
        r = json_get_bool(body, NULL, "Detach", &detach, err);
    if (r == 0)
        r = json_get_bool(body, NULL, "Tty", &tty, err);
    if (r == 0 && tty && rq->version >= 42)
        r = console_size(body, &rows, &cols, err);
    if (r == 0)
        r = engine_exec_start(rq->engine, rq->name, detach, tty, rows, cols,
                              detach ? NULL : &attach, err);
    if (r == 0 && !http_replied(rq->http))
        api_reply_empty(rq, 200);
    return r;
}

static int resize(struct api_request *rq, struct err *err)
{
    uint16_t rows;
    uint16_t cols;
    int r = api_terminal_size(rq, &rows, &cols, err);

    if (r == 0)
        r = engine_exec_resize(rq->engine, rq->name, rows, cols, err);
    if (r == 0)
        api_reply_empty(rq, 200);
    return r;
}

static int inspect(struct api_request *rq, struct err *err)
{
    _cleanup_json_ json_t *answer = NULL;
    int r = engine_exec_inspect(rq->engine, rq->name, &answer, err);

    if (r == 0)
        api_reply_json(rq, 200, answer);
    return r;
}

const struct api_route api_exec_routes[] = {
    {"POST", "/containers/{id}/exec", create, 0, 0},
    {"POST", "/exec/{id}/start", start, 0, 0},
    {"POST", "/exec/{id}/resize", resize, 0, 0},
    {"GET", "/exec/{id}/json", inspect, 0, 0},
    {},
};
