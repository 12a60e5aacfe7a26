/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The json-file driver: one JSON object a line, as Docker's, so that every reader of its files
 * reads ours.
 *
 *   {"log":"text\n","stream":"stdout","attrs":{…},"time":"2026-01-02T03:04:05.000000006Z"}
 *
 * Lines longer than LIMIT_LOG_LINE are cut; a piece that does not end its line has no "\n". Lines
 * are collected and written together, always whole ones: a write that a full disk cut short is
 * taken back. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/timeutil.h"
#include "shim/go_json.h"
#include "shim/logger.h"

#define WRITE_AT        (32 * KIB) /* collected bytes that are worth a write */
#define ATTRS_MAX       (64 * KIB)
#define LINE_FRAME      256 /* the object around text and attrs */
#define TIME_PREFIX_LEN 20  /* "2026-01-02T03:04:05." */

struct piece {  /* the beginning of a line whose end has not come yet */
    char *data; /* owned */
    size_t len, cap;
};

struct json_log {
    struct logger base;
    int fd; /* -1 when the file could not be opened again after a rotation */
    char *path;
    char *attrs; /* `"attrs":{…},` or "" */
    size_t attrs_len;
    uint64_t size, max_size;
    unsigned max_files;
    struct piece piece[2];
    char *out; /* owned; mmap'd: untouched pages cost nothing */
    size_t out_len, out_cap;
    uint64_t out_lines;
    int64_t prefix_sec; /* the second that `prefix` spells */
    char prefix[TIME_RFC3339_MAX];
};

static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        close_fd(fd);
        return -EINVAL;
    }
    return fd;
}

static int json_log_open(const struct logger_params *params, struct logger **ret, struct err *err)
{
    struct stat st;
    const char *attrs = params->attrs_json;

    if (!params->path || params->path[0] != '/')
        return err_set(err, ERR_INVALID, "log path must be absolute");
    if (attrs && strlen(attrs) > ATTRS_MAX)
        return err_set(err, ERR_INVALID, "log attributes are longer than %zu bytes", ATTRS_MAX);
    _cleanup_close_ int fd = open_file(params->path);
    if (fd < 0)
        return err_errno(err, fd, "open log file %s", params->path);
    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "open log file %s", params->path);
    struct json_log *l = XNEW(struct json_log);
    l->attrs = attrs ? xasprintf("\"attrs\":%s,", attrs) : xstrdup("");
    l->attrs_len = strlen(l->attrs);
    l->out_cap = WRITE_AT + GO_JSON_EXPANSION * LIMIT_LOG_LINE + LINE_FRAME + l->attrs_len;
    l->out = mmap(NULL, l->out_cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (l->out == MAP_FAILED) {
        free(l->attrs);
        free(l);
        return err_errno(err, ENOMEM, "open log file %s", params->path);
    }
    l->fd = TAKE_FD(fd);
    l->path = xstrdup(params->path);
    l->size = (uint64_t)st.st_size;
    l->max_size = params->max_size_bytes;
    l->max_files = MAX(params->max_files, 1U);
    l->prefix_sec = -1;
    *ret = &l->base;
    return 0;
}

/* Writes what is collected. What does not fit is lost, by whole lines and counted. */
static void write_out(struct json_log *l)
{
    size_t done = 0;

    if (l->out_len == 0)
        return;
    if (l->fd < 0)
        l->fd = open_file(l->path);
    while (l->fd >= 0 && done < l->out_len) {
        ssize_t n = write(l->fd, l->out + done, l->out_len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done < l->out_len) {
        const char *nl = done > 0 ? memrchr(l->out, '\n', done) : NULL;
        size_t whole = nl ? (size_t)(nl - l->out) + 1 : 0;
        uint64_t written = 0;
        for (const char *p = l->out; p < l->out + whole; p++)
            written += *p == '\n';
        if (whole < done && ftruncate(l->fd, (off_t)(l->size + whole)) < 0)
            whole = done;
        l->base.dropped_lines += l->out_lines - written;
        done = whole;
    }
    l->size += done;
    l->out_len = 0;
    l->out_lines = 0;
}

/* path.1 is the newest of the old ones; with a single file it is emptied. */
static void rotate(struct json_log *l)
{
    struct stat st;

    write_out(l);
    if (l->fd >= 0 && fstat(l->fd, &st) == 0)
        l->size = (uint64_t)st.st_size; /* somebody may have emptied it meanwhile */
    if (l->size < l->max_size)
        return;
    if (l->max_files < 2) {
        if (l->fd >= 0 && ftruncate(l->fd, 0) == 0)
            l->size = 0;
        return;
    }
    for (unsigned i = l->max_files - 1; i >= 1; i--) {
        _cleanup_free_ char *from = i > 1 ? xasprintf("%s.%u", l->path, i - 1) : xstrdup(l->path);
        _cleanup_free_ char *to = xasprintf("%s.%u", l->path, i);
        (void)rename(from, to);
    }
    l->fd = close_fd(l->fd);
    l->fd = open_file(l->path);
    l->size = l->fd >= 0 && fstat(l->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void put(struct json_log *l, const char *s, size_t n)
{
    memcpy(l->out + l->out_len, s, n);
    l->out_len += n;
}
#define PUT_LITERAL(l, s) put((l), (s), sizeof(s) - 1)

/* RFC3339Nano in UTC; the part that stays for a second is kept. */
static void put_time(struct json_log *l)
{
    int64_t now = now_nsec();
    char digits[9];
    size_t n = sizeof(digits);

    if (now / NSEC_PER_SEC != l->prefix_sec) {
        l->prefix_sec = now / NSEC_PER_SEC;
        time_format_fixed(l->prefix_sec * NSEC_PER_SEC, l->prefix);
    }
    put(l, l->prefix, TIME_PREFIX_LEN);
    for (int64_t frac = now % NSEC_PER_SEC, i = 8; i >= 0; i--, frac /= 10)
        digits[i] = (char)('0' + frac % 10);
    while (n > 0 && digits[n - 1] == '0')
        n--;
    if (n > 0)
        put(l, digits, n);
    else
        l->out_len--; /* no fraction, no point */
}

/* One log record: what was kept, then `data`. */
static void emit(struct json_log *l, enum log_stream stream, const char *data, size_t len,
                 bool newline)
{
    struct piece *p = &l->piece[stream];

    if (l->max_size > 0 && l->size + l->out_len >= l->max_size)
        rotate(l);
    PUT_LITERAL(l, "{\"log\":\"");
    if (p->len > 0 && len > 0) {
        /* A character may lie across the two parts. */
        if (p->len + len > p->cap) {
            p->cap = LIMIT_LOG_LINE;
            p->data = xrealloc_array(p->data, p->cap, 1);
        }
        memcpy(p->data + p->len, data, len);
        l->out_len += go_json_escape(p->data, p->len + len, l->out + l->out_len);
    } else if (p->len > 0)
        l->out_len += go_json_escape(p->data, p->len, l->out + l->out_len);
    else
        l->out_len += go_json_escape(data, len, l->out + l->out_len);
    p->len = 0;
    if (newline)
        PUT_LITERAL(l, "\\n");
    PUT_LITERAL(l, "\",\"stream\":\"");
    put(l, stream == LOG_STDERR ? "stderr" : "stdout", 6);
    PUT_LITERAL(l, "\",");
    put(l, l->attrs, l->attrs_len);
    PUT_LITERAL(l, "\"time\":\"");
    put_time(l);
    PUT_LITERAL(l, "Z\"}\n");
    l->out_lines++;
    if (l->out_len >= WRITE_AT)
        write_out(l);
}

static void keep(struct piece *p, const char *data, size_t len)
{
    if (p->len + len > p->cap) {
        p->cap = MIN(MAX(p->cap * 2, p->len + len), LIMIT_LOG_LINE);
        p->data = xrealloc_array(p->data, p->cap, 1);
    }
    memcpy(p->data + p->len, data, len);
    p->len += len;
}

static void json_log_write(struct logger *base, enum log_stream stream, const char *data,
                           size_t len)
{
    struct json_log *l = (struct json_log *)base;
    struct piece *p = &l->piece[stream];

    while (len > 0) {
        size_t take = MIN(len, LIMIT_LOG_LINE - p->len);
        const char *nl = memchr(data, '\n', take);
        if (nl) {
            take = (size_t)(nl - data) + 1;
            emit(l, stream, data, take - 1, true);
        } else if (p->len + take == LIMIT_LOG_LINE)
            emit(l, stream, data, take, false);
        else
            keep(p, data, take);
        data += take;
        len -= take;
    }
    write_out(l);
}

static void json_log_flush(struct logger *base)
{
    struct json_log *l = (struct json_log *)base;

    for (int i = 0; i < 2; i++)
        if (l->piece[i].len > 0)
            emit(l, (enum log_stream)i, NULL, 0, false);
    write_out(l);
}

static void json_log_trim(struct logger *base)
{
    struct json_log *l = (struct json_log *)base;

    (void)madvise(l->out, l->out_cap, MADV_DONTNEED);
    for (int i = 0; i < 2; i++) {
        if (l->piece[i].len > 0)
            continue;
        free(l->piece[i].data);
        l->piece[i] = (struct piece){};
    }
}

static void json_log_close(struct logger *base)
{
    struct json_log *l = (struct json_log *)base;

    (void)munmap(l->out, l->out_cap);
    for (int i = 0; i < 2; i++)
        free(l->piece[i].data);
    l->fd = close_fd(l->fd);
    free(l->path);
    free(l->attrs);
    free(l);
}

const struct logger_ops logger_json_file = {.name = "json-file",
                                            .open = json_log_open,
                                            .write = json_log_write,
                                            .flush = json_log_flush,
                                            .trim = json_log_trim,
                                            .close = json_log_close};
