/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"

#define LINKS_MAX 40 /* as the kernel: path_resolution(7) */

struct walk {
    int rootfd;   /* borrowed */
    int *dirs;    /* owned; the directories below the root that the walk is in, innermost last */
    size_t depth; /* entries of dirs */
    char *rest;   /* owned; what is still to be resolved */
    size_t links; /* followed so far */
    int flags;
    mode_t mode;
    bool beneath;
};

static void leave_all(struct walk *w)
{
    while (w->depth > 0)
        close_fd(w->dirs[--w->depth]);
}

static void walk_done(struct walk *w)
{
    leave_all(w);
    free(w->dirs);
    free(w->rest);
}

static int current_dir(const struct walk *w)
{
    return w->depth ? w->dirs[w->depth - 1] : w->rootfd;
}

/* Takes the next component off the rest; *ret_last when nothing but slashes follows, and
 * *ret_slash when at least one does. NULL at the end. Caller frees. */
static char *next_component(struct walk *w, bool *ret_last, bool *ret_slash)
{
    const char *p = w->rest + strspn(w->rest, "/");

    if (!*p)
        return NULL;
    size_t n = strcspn(p, "/");
    char *name = xstrndup(p, n);
    const char *after = p + n;
    *ret_slash = *after == '/';
    *ret_last = after[strspn(after, "/")] == '\0';
    memmove(w->rest, after, strlen(after) + 1);
    return name;
}

static void enter(struct walk *w, int fd_owned)
{
    w->dirs = xrealloc_array(w->dirs, w->depth + 1, sizeof(int));
    w->dirs[w->depth++] = fd_owned;
}

static int follow(struct walk *w, int link_fd)
{
    char target[LIMIT_TAR_PATH];
    struct statfs fs;

    if (w->beneath || ++w->links > LINKS_MAX)
        return -ELOOP;
    if (fstatfs(link_fd, &fs) < 0)
        return -errno;
    /* The links of procfs lead elsewhere than their text says. */
    if ((unsigned long)fs.f_type == PROC_SUPER_MAGIC)
        return -ELOOP;
    ssize_t n = readlinkat(link_fd, "", target, sizeof(target) - 1);
    if (n < 0)
        return -errno;
    if ((size_t)n >= sizeof(target) - 1)
        return -ENAMETOOLONG;
    target[n] = '\0';
    /* The rest is empty or starts with a slash. */
    char *rest = xasprintf("%s%s", target, w->rest);
    free(w->rest);
    w->rest = rest;
    if (strlen(rest) >= LIMIT_TAR_PATH * 2)
        return -ENAMETOOLONG;
    if (target[0] == '/')
        leave_all(w);
    return 0;
}

static int open_last(const struct walk *w, const char *name, bool slash)
{
    int flags = w->flags | O_NOFOLLOW | O_CLOEXEC | (slash ? O_DIRECTORY : 0);
    int fd = openat(current_dir(w), name, flags, w->mode);

    return fd < 0 ? -errno : fd;
}

/* One component: 1 when *ret_fd is the result, 0 to go on, or a negative errno. */
static int step(struct walk *w, const char *name, bool last, bool slash, int *ret_fd)
{
    struct stat st;

    if (str_eq(name, "."))
        return 0;
    if (str_eq(name, "..")) {
        if (w->depth == 0)
            return w->beneath ? -EXDEV : 0;
        close_fd(w->dirs[--w->depth]);
        return 0;
    }
    _cleanup_close_ int fd = openat(current_dir(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && !(errno == ENOENT && last && (w->flags & O_CREAT)))
        return -errno;
    bool is_link = fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
    bool keep_link = last && !slash && (w->flags & (O_NOFOLLOW | O_EXCL));
    if (is_link && !keep_link)
        return follow(w, fd);
    if (last) {
        int r = open_last(w, name, slash);
        *ret_fd = r;
        return r < 0 ? r : 1;
    }
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    enter(w, TAKE_FD(fd));
    return 0;
}

int resolve_open(int rootfd, const char *path, int flags, mode_t mode, bool beneath)
{
    _cleanup_(walk_done)
    struct walk w = {
        .rootfd = rootfd, .rest = xstrdup(path), .flags = flags, .mode = mode, .beneath = beneath};

    if (beneath && path[0] == '/')
        return -EXDEV;
    for (;;) {
        bool last;
        bool slash;
        int fd = -1;
        _cleanup_free_ char *name = next_component(&w, &last, &slash);
        if (!name)
            break;
        int r = step(&w, name, last, slash, &fd);
        if (r != 0)
            return r < 0 ? r : fd;
    }
    /* The path ended in ".", ".." or a link to such: the directory that the walk is in. */
    int fd = openat(current_dir(&w), ".", (flags & ~(O_CREAT | O_EXCL)) | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}
