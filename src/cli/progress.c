/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/progress.h"

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"

static int print_one(const char *line, size_t len, FILE *out, char **last, struct err *err)
{
    _cleanup_json_ json_t *m = json_parse(line, len, "the daemon's answer", err);
    if (!m)
        return -1;
    const char *error = json_str_or(m, "error", NULL);
    const json_t *detail = json_object_get(m, "errorDetail");
    if (detail)
        error = json_str_or(detail, "message", error);
    if (error)
        return err_set(err, ERR_INTERNAL, "%s", error);
    const char *text = json_str_or(m, "stream", NULL);
    const char *status = json_str_or(m, "status", NULL);
    const char *id = json_str_or(m, "id", "");
    if (status && last) {
        free(*last);
        *last = xstrdup(status);
    }
    if (!out)
        return 0;
    if (text)
        (void)fputs(text, out);
    else if (status && json_object_size(json_object_get(m, "progressDetail")) == 0)
        (void)fprintf(out, "%s%s%s\n", id, *id ? ": " : "", status);
    (void)fflush(out);
    return 0;
}

int progress_print(struct client_stream *s, FILE *out, char **ret_last, struct err *err)
{
    _cleanup_buf_ struct buf b = BUF_INIT(1 * MIB);
    _cleanup_free_ char *last = NULL;
    for (;;) {
        char *to = buf_reserve(&b, 8 * KIB);
        if (!to)
            return err_set(err, ERR_INTERNAL, "the daemon sent a message larger than 1 MiB");
        ssize_t n = client_stream_read(s, to, 8 * KIB);
        if (n < 0)
            return err_errno(err, (int)n, "read the daemon's answer");
        b.len += (size_t)n;
        size_t start = 0;
        for (;;) {
            char *nl = memchr(b.data + start, '\n', b.len - start);
            size_t len = nl ? (size_t)(nl - b.data) - start : b.len - start;
            if (!nl && n > 0)
                break;
            size_t blank = strspn(b.data + start, " \t\r");
            if (blank < len && print_one(b.data + start, len, out, &last, err) < 0)
                return -1;
            start += len + (nl ? 1 : 0);
            if (!nl)
                break;
        }
        buf_consume(&b, start);
        if (n == 0)
            break;
    }
    if (ret_last)
        *ret_last = TAKE_PTR(last);
    return 0;
}
