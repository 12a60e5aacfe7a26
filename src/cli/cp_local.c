/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/cp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "base/thread.h"
#include "tar/pack.h"
#include "tar/place.h"

struct cp_packer {
    pthread_t thread;
    char *dir, *only, *name; /* owned; only NULL: all of dir */
    int root, out;           /* owned */
    struct tar_pack_result result;
    int r;
    struct err err;
};

static bool says_contents(const char *path)
{
    return str_eq(path, ".") || str_ends(path, "/.");
}

char *cp_base(const char *path)
{
    _cleanup_free_ char *clean = path_clean(path);
    const char *slash = strrchr(clean, '/');

    if (says_contents(path))
        return xstrdup(".");
    return xstrdup(slash && slash[1] ? slash + 1 : clean);
}

char *cp_dir(const char *path)
{
    _cleanup_free_ char *clean = path_clean(path);
    char *slash = strrchr(clean, '/');

    if (says_contents(path))
        return TAKE_PTR(clean);
    if (!slash)
        return xstrdup(".");
    slash[slash == clean] = '\0';
    return TAKE_PTR(clean);
}

int cp_plan(const struct cp_end *from, const struct cp_end *to, char **ret_dir, char **ret_name,
            struct err *err)
{
    bool says_dir = str_ends(to->path, "/") || says_contents(to->path);

    if (to->exists && to->dir) {
        *ret_dir = xstrdup(to->path);
        *ret_name = NULL;
        return 0;
    }
    if (to->exists && from->dir)
        return err_set(err, ERR_INVALID, "cannot copy directory");
    if (!to->exists && !from->dir && says_dir)
        return err_set(err, ERR_INVALID, "no such directory");
    *ret_dir = cp_dir(to->path);
    *ret_name = cp_base(to->path);
    return 0;
}

static void packer_free(struct cp_packer *p)
{
    if (p->root >= 0)
        p->root = close_fd(p->root);
    if (p->out >= 0)
        p->out = close_fd(p->out);
    free(p->dir);
    free(p->only);
    free(p->name);
    free(p);
}

static void *pack_main(void *arg)
{
    struct cp_packer *p = arg;
    struct tar_pack_options o = {
        .live = true, .cross_mounts = true, .root_name = p->name, .only = p->only};

    p->r = tar_pack_tree(p->root, tar_sink_fd(&p->out), &o, &p->result, &p->err);
    p->out = close_fd(p->out);
    return NULL;
}

static int failed(const char *what, const char *path, int code, struct err *err)
{
    char text[128];

    return err_set(err, err_kind_of_errno(code), "%s %s: %s", what, path,
                   errno_text_lower(code, text));
}

int cp_pack(const char *path, const char *name, bool follow, struct cp_packer **ret, int *ret_fd,
            struct err *err)
{
    _cleanup_free_ char *real = follow ? realpath(path, NULL) : xstrdup(path);
    struct cp_packer *p = XNEW(struct cp_packer);
    int fds[2] = {-1, -1}, r = 0;
    struct stat st = {0};

    p->root = p->out = -1;
    p->name = xstrdup(name);
    if (!real || lstat(real, &st) < 0)
        r = failed("lstat", path, errno, err);
    if (r == 0 && !S_ISDIR(st.st_mode)) {
        p->dir = cp_dir(real);
        p->only = cp_base(real);
    } else if (r == 0)
        p->dir = xstrdup(real);
    if (r == 0 && (p->root = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        r = failed("open", p->dir, errno, err);
    if (r == 0 && pipe2(fds, O_CLOEXEC) < 0)
        r = err_errno(err, errno, "pipe");
    if (r == 0) {
        p->out = fds[1];
        r = thread_spawn("pack", 0, pack_main, p, &p->thread);
        if (r < 0) {
            (void)close_fd(fds[0]);
            r = err_errno(err, r, "start a thread");
        }
    }
    if (r < 0) {
        packer_free(p);
        return r;
    }
    *ret = p;
    *ret_fd = fds[0];
    return 0;
}

int cp_pack_end(struct cp_packer *p, uint64_t *ret_bytes, struct err *err)
{
    int r;

    (void)pthread_join(p->thread, NULL);
    r = p->r;
    *ret_bytes = p->result.tar_bytes;
    if (r < 0 && err)
        *err = p->err;
    packer_free(p);
    return r;
}

static ssize_t read_stream(void *arg, void *buf, size_t len, struct err *err)
{
    ssize_t n = client_stream_read(arg, buf, len);

    return n < 0 ? err_errno(err, (int)n, "read the archive") : n;
}

int cp_unpack(struct client_stream *s, const char *dir, const char *from, const char *to,
              uint64_t *ret_bytes, struct err *err)
{
    _cleanup_(tar_reader_freep)
    struct tar_reader *reader = tar_reader_new(read_stream, s);
    struct tar_place_options o = {
        .no_overwrite_dir_non_dir = true, .keep_owner = true, .from = from, .to = to};
    _cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *absolute = realpath(dir, NULL);
    int r;

    if (root < 0 || !absolute)
        return failed("lstat", dir, errno, err);
    r = tar_place(reader, root, absolute, &o, err);
    *ret_bytes = tar_reader_offset(reader);
    return r;
}
