/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/limits.h"

#define CHUNK       (32 * KIB)
#define LINE_MAX_   (1 * MIB) /* 16 KiB of text, escaped, with attributes */
#define ROTATED_MAX 1000

struct logfile {
    char *path;   /* owned */
    int *fds;     /* owned; oldest first, the current file last; -1 when done with */
    size_t n, at; /* fds[at] is being read */
    char *data;   /* owned; data[start..end) is unread */
    size_t start, end, cap;
    bool skipping; /* in the middle of a line that is too long */
};

static char *file_name(const struct logfile *l, unsigned k)
{
    return k == 0 ? xstrdup(l->path) : xasprintf("%s.%u", l->path, k);
}

static void add_fd(struct logfile *l, int fd)
{
    l->fds = xrealloc_array(l->fds, l->n + 1, sizeof(int));
    l->fds[l->n++] = fd;
}

/* Opens what exists from path.<first> down to the current file. */
static void open_from(struct logfile *l, unsigned first)
{
    for (unsigned k = first + 1; k-- > 0;) {
        _cleanup_free_ char *name = file_name(l, k);
        int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (fd >= 0)
            add_fd(l, fd);
    }
}

static unsigned count_rotated(const struct logfile *l)
{
    unsigned k = 0;

    for (; k < ROTATED_MAX; k++) {
        _cleanup_free_ char *name = file_name(l, k + 1);

        if (access(name, F_OK) < 0)
            break;
    }
    return k;
}

/* Walks back from the end of one file until `*left` line ends have been passed. True when the place
 * was found: the offset then points behind that line end. */
static bool seek_back(int fd, int64_t *left)
{
    char buf[CHUNK];
    off_t pos = lseek(fd, 0, SEEK_END);

    while (pos > 0) {
        size_t len = (size_t)MIN(pos, (off_t)sizeof(buf));
        ssize_t n;

        pos -= (off_t)len;
        n = pread(fd, buf, len, pos);
        if (n <= 0)
            break;
        for (ssize_t i = n - 1; i >= 0; i--)
            if (buf[i] == '\n' && (*left)-- == 0) {
                (void)lseek(fd, pos + i + 1, SEEK_SET);
                return true;
            }
    }
    (void)lseek(fd, 0, SEEK_SET);
    return false;
}

/* The last `tail` complete lines: one line end more is passed than lines are wanted. */
static void seek_tail(struct logfile *l, int64_t tail)
{
    int64_t left = tail;

    for (size_t i = l->n; i-- > 0;)
        if (seek_back(l->fds[i], &left)) {
            l->at = i;
            return;
        }
}

int logfile_open(const char *path, int64_t tail, struct logfile **ret, struct err *err)
{
    struct logfile *l = XNEW(struct logfile);

    (void)err;
    l->path = xstrdup(path);
    open_from(l, count_rotated(l));
    if (tail >= 0)
        seek_tail(l, tail);
    *ret = l;
    return 0;
}

void logfile_close(struct logfile *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++)
        if (l->fds[i] >= 0)
            (void)close_fd(l->fds[i]);
    free(l->fds);
    free(l->path);
    free(l->data);
    free(l);
}

static bool same_file(int fd, const char *name)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && stat(name, &b) == 0 && a.st_ino == b.st_ino &&
           a.st_dev == b.st_dev;
}

/* The file that is read last has been rotated: opens its successors. False when it has not. */
static bool open_successors(struct logfile *l)
{
    unsigned k = 0, rotated;

    if (l->n > 0 && same_file(l->fds[l->n - 1], l->path))
        return false;
    if (access(l->path, F_OK) < 0)
        return false;
    rotated = count_rotated(l);
    for (k = 1; l->n > 0 && k <= rotated; k++) {
        _cleanup_free_ char *name = file_name(l, k);

        if (same_file(l->fds[l->n - 1], name))
            break;
    }
    /* not found: it was rotated away, so that all that is left is newer */
    open_from(l, l->n > 0 ? MIN(k - 1, rotated) : rotated);
    return true;
}

/* Reads more of the current file: bytes, or 0 at its end. */
static ssize_t fill(struct logfile *l)
{
    ssize_t n;

    if (l->start > 0) {
        memmove(l->data, l->data + l->start, l->end - l->start);
        l->end -= l->start;
        l->start = 0;
    }
    if (l->cap - l->end < CHUNK) {
        l->cap = l->end + CHUNK;
        l->data = xrealloc_array(l->data, l->cap, 1);
    }
    do
        n = read(l->fds[l->at], l->data + l->end, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    l->end += (size_t)n;
    return n;
}

/* Moves on to the next file; false when there is none. */
static bool next_file(struct logfile *l)
{
    if (l->at + 1 >= l->n && !open_successors(l))
        return false;
    if (l->at + 1 >= l->n)
        return false;
    (void)close_fd(l->fds[l->at]);
    l->fds[l->at++] = -1;
    /* a file that was rotated is complete: an unfinished line in it stays unfinished */
    l->start = l->end = 0;
    l->skipping = false;
    return true;
}

static bool take_line(struct logfile *l, const char **ret, size_t *ret_len)
{
    char *newline;

    while (l->end > l->start && (newline = memchr(l->data + l->start, '\n', l->end - l->start))) {
        const char *line = l->data + l->start;
        size_t len = (size_t)(newline - line);

        l->start += len + 1;
        if (l->skipping) {
            l->skipping = false;
            continue;
        }
        *ret = line;
        *ret_len = len;
        return true;
    }
    if (l->end - l->start > LINE_MAX_) {
        l->start = l->end = 0;
        l->skipping = true;
    }
    return false;
}

int logfile_next(struct logfile *l, const char **ret, size_t *ret_len)
{
    for (;;) {
        ssize_t n;

        if (take_line(l, ret, ret_len))
            return 1;
        if (l->at >= l->n) {
            size_t before = l->n;

            if (!open_successors(l) || l->n == before)
                return 0;
        }
        n = fill(l);
        if (n < 0)
            return (int)n;
        if (n == 0) {
            /* the rotation may have come between the last read and now: read once more */
            if (l->at + 1 < l->n || same_file(l->fds[l->at], l->path)) {
                if (l->at + 1 >= l->n || !next_file(l))
                    return 0;
                continue;
            }
            n = fill(l);
            if (n < 0)
                return (int)n;
            if (n == 0 && !next_file(l))
                return 0;
        }
    }
}
