/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is the same for both versions: finding hierarchies, moving, killing, removing. */
#include "runtime/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timeutil.h"

#define CGROUP_PATH_MAX  1024
#define CGROUP_FILE_MAX  (4 * MIB) /* cgroup.procs of a large container */
#define CGROUP_PIDS_MAX  ((size_t)4 * 1024 * 1024)
#define KILL_WAIT_NSEC   (10 * NSEC_PER_SEC)
#define REMOVE_WAIT_NSEC (5 * NSEC_PER_SEC)

static const struct {
    const char *name;
    unsigned bit;
} controllers[] = {
    {"cpu", CGROUP_CPU},
    {"cpuacct", CGROUP_CPUACCT},
    {"cpuset", CGROUP_CPUSET},
    {"memory", CGROUP_MEMORY},
    {"pids", CGROUP_PIDS},
    {"devices", CGROUP_DEVICES},
    {"freezer", CGROUP_FREEZER},
    {"blkio", CGROUP_IO},
    {"io", CGROUP_IO},
    {"hugetlb", CGROUP_HUGETLB},
    {"net_cls", CGROUP_NET_CLS},
    {"net_prio", CGROUP_NET_PRIO},
    {"perf_event", CGROUP_PERF_EVENT},
    {"rdma", CGROUP_RDMA},
    {"misc", CGROUP_MISC},
};

static unsigned controller_bit(const char *name, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
        if (strlen(controllers[i].name) == len && memcmp(controllers[i].name, name, len) == 0)
            return controllers[i].bit;
    return 0;
}

/* Splits at any of `seps`, collecting known controllers; the v1 mount options that make up a
 * hierarchy's name are joined in `options` when given. */
static unsigned parse_controllers(const char *s, const char *seps, struct buf *options)
{
    unsigned bits = 0;

    while (*s) {
        size_t n = strcspn(s, seps);
        unsigned bit = controller_bit(s, n);
        bits |= bit;
        if (options && n && (bit || (n > 5 && memcmp(s, "name=", 5) == 0))) {
            if (options->len)
                (void)buf_addc(options, ',');
            (void)buf_add(options, s, n);
        }
        s += n;
        s += strspn(s, seps);
    }
    return bits;
}

static struct cgroup_hierarchy *add_hierarchy(struct cgroup *c, const struct cgroup_ops *ops,
                                              const char *mountpoint)
{
    if (c->n == CGROUP_HIERARCHIES_MAX)
        return NULL;
    struct cgroup_hierarchy *h = &c->h[c->n++];
    *h = (struct cgroup_hierarchy){.ops = ops, .mountpoint = xstrdup(mountpoint), .dir_fd = -1};
    h->root_fd = open(mountpoint, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return h;
}

static void add_v2(struct cgroup *c, const char *mountpoint)
{
    _cleanup_free_ char *text = NULL;
    struct cgroup_hierarchy *h;

    if (c->v2 || !(h = add_hierarchy(c, &cgroup_v2_ops, mountpoint)))
        return;
    h->options = xstrdup("");
    if (cgroup_read(h->root_fd, "cgroup.controllers", &text) == 0)
        h->controllers = parse_controllers(text, " ", NULL);
    /* What needs no controller in v2. */
    h->controllers |= CGROUP_DEVICES | CGROUP_FREEZER;
    c->v2 = h;
}

/* One line of mountinfo: id parent dev root mountpoint options … - type source superoptions */
static void add_mount_line(struct cgroup *c, char *line)
{
    char *mid = strstr(line, " - ");

    if (!mid || !str_starts(mid + 3, "cgroup"))
        return;
    char *where = line;
    for (int i = 0; i < 4 && where; i++) {
        where = strchr(where, ' ');
        where = where ? where + 1 : NULL;
    }
    if (!where)
        return;
    where[strcspn(where, " ")] = '\0';
    if (str_starts(mid + 3, "cgroup2 ")) {
        add_v2(c, where);
        return;
    }
    char *super = strrchr(mid + 3, ' ');
    if (!str_starts(mid + 3, "cgroup ") || !super)
        return;
    _cleanup_buf_ struct buf options = BUF_INIT(512);
    unsigned bits = parse_controllers(super + 1, ",", &options);
    for (size_t i = 0; i < c->n; i++)
        if (str_eq(c->h[i].options, buf_str(&options)))
            return; /* the same hierarchy mounted twice */
    struct cgroup_hierarchy *h = options.len ? add_hierarchy(c, &cgroup_v1_ops, where) : NULL;
    if (!h)
        return;
    h->options = buf_take(&options);
    h->controllers = bits;
}

static int find_hierarchies(struct cgroup *c, struct err *err)
{
    struct statfs fs;

    if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC) {
        add_v2(c, "/sys/fs/cgroup");
        return 0;
    }
    _cleanup_free_ char *text = NULL;
    int r = read_file_at(AT_FDCWD, "/proc/self/mountinfo", 64 * MIB, &text, NULL);
    if (r < 0)
        return err_errno(err, r, "read /proc/self/mountinfo");
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        add_mount_line(c, line);
    /* In a hybrid, v2 has only what v1 does not. */
    for (size_t i = 0; c->v2 && i < c->n; i++)
        if (!c->h[i].ops->v2)
            c->v2->controllers &= ~c->h[i].controllers;
    return 0;
}

int cgroup_new(const char *cgroups_path, const char *id, struct cgroup **ret, struct err *err)
{
    _cleanup_free_ char *full = xasprintf("/%s", str_empty(cgroups_path) ? id : cgroups_path);
    _cleanup_(cgroup_freep)
    struct cgroup *c = XNEW(struct cgroup);

    c->path = path_clean(full);
    if (str_eq(c->path, "/") || strlen(c->path) > CGROUP_PATH_MAX || strchr(c->path, '\n'))
        return err_set(err, ERR_INVALID, "cgroupsPath \"%s\" is not usable", cgroups_path);
    if (strchr(c->path, ':'))
        return err_set(err, ERR_INVALID,
                       "cgroupsPath \"%s\": systemd's slice:prefix:name form is not supported",
                       cgroups_path);
    int r = find_hierarchies(c, err);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}

void cgroup_free(struct cgroup *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        free(c->h[i].options);
        free(c->h[i].mountpoint);
        if (c->h[i].root_fd >= 0)
            close_fd(c->h[i].root_fd);
        if (c->h[i].dir_fd >= 0)
            close_fd(c->h[i].dir_fd);
    }
    free(c->path);
    free(c);
}

void cgroup_find(struct cgroup *c)
{
    for (size_t i = 0; i < c->n; i++) {
        struct cgroup_hierarchy *h = &c->h[i];
        if (h->dir_fd >= 0 || h->root_fd < 0)
            continue;
        int fd = open_beneath(h->root_fd, c->path, O_RDONLY | O_DIRECTORY, 0);
        h->dir_fd = fd < 0 ? -1 : fd;
    }
}

static int make_one(struct cgroup *c, struct cgroup_hierarchy *h, struct err *err)
{
    if (h->dir_fd >= 0 || h->root_fd < 0)
        return 0;
    int r = h->ops->make(h, c->path, err);
    if (r < 0)
        err_wrap(err, "cgroup %s%s", h->mountpoint, c->path);
    return r;
}

static bool not_ours(const struct cgroup *c, int r)
{
    return c->delegated && (r == -EACCES || r == -EPERM || r == -EROFS || r == -ENOENT);
}

int cgroup_make_v2(struct cgroup *c, struct err *err)
{
    int r = c->v2 ? make_one(c, c->v2, err) : 0;

    /* A v2 hierarchy that only stands beside v1 is a convenience: without it all still works. */
    if (r < 0 && (c->n > 1 || not_ours(c, r))) {
        err_clear(err);
        return 0;
    }
    return r;
}

int cgroup_make_v1(struct cgroup *c, struct err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        int r = c->h[i].ops->v2 ? 0 : make_one(c, &c->h[i], err);
        if (r == 0)
            continue;
        /* A hierarchy that limits nothing may be out of reach (named ones, read-only mounts). */
        if (r == -EROFS || c->h[i].controllers == 0 || not_ours(c, r)) {
            err_clear(err);
            continue;
        }
        return r;
    }
    return 0;
}

static int missing(const struct cgroup *c, unsigned bit, bool wanted, const char *what,
                   struct err *err)
{
    if (!wanted)
        return 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->h[i].dir_fd >= 0 && (c->h[i].controllers & bit))
            return 0;
    return err_set(err, ERR_UNSUPPORTED, "%s limits need a cgroup controller that is not available",
                   what);
}

static int check_controllers(const struct cgroup *c, const struct oci_resources *r, struct err *err)
{
    int e;
    bool memory = r->memory_limit > 0 || r->memory_reservation > 0 || r->memory_swap > 0;
    bool cpu = r->cpu_quota > 0 || r->cpu_period > 0 || r->cpu_shares > 0;

    if ((e = missing(c, CGROUP_MEMORY, memory, "memory", err)) < 0 ||
        (e = missing(c, CGROUP_CPU, cpu, "cpu", err)) < 0 ||
        (e = missing(c, CGROUP_PIDS, r->pids_limit > 0, "pids", err)) < 0 ||
        (e = missing(c, CGROUP_CPUSET, !str_empty(r->cpuset_cpus) || !str_empty(r->cpuset_mems),
                     "cpuset", err)) < 0 ||
        (e = missing(c, CGROUP_HUGETLB, json_array_size(r->hugepage_limits) > 0, "huge page",
                     err)) < 0 ||
        (e = missing(c, CGROUP_RDMA, json_object_size(r->rdma) > 0, "rdma", err)) < 0)
        return e;
    if (json_object_size(r->unified) > 0 && !(c->v2 && c->v2->dir_fd >= 0))
        return err_set(err, ERR_UNSUPPORTED, "\"unified\" resources need cgroup v2");
    return 0;
}

int cgroup_apply(struct cgroup *c, const struct oci_resources *res, bool with_devices,
                 struct err *err)
{
    int r = check_controllers(c, res, err);

    for (size_t i = 0; i < c->n && r == 0; i++) {
        struct cgroup_hierarchy *h = &c->h[i];
        if (h->dir_fd < 0)
            continue;
        r = h->ops->apply(h, res, err);
        if (r == 0 && with_devices && (h->controllers & CGROUP_DEVICES)) {
            r = h->ops->apply_devices(h, res, err);
            /* Nothing is lost: without power over this machine no device node can be made. */
            if (not_ours(c, r)) {
                err_clear(err);
                r = 0;
            }
        }
    }
    return r;
}

int cgroup_attach(struct cgroup *c, pid_t pid, bool in_v2, struct err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        struct cgroup_hierarchy *h = &c->h[i];
        if (h->dir_fd < 0 || (h->ops->v2 && in_v2))
            continue;
        int r = cgroup_write_i64(h, "cgroup.procs", (int64_t)pid, err);
        if (r < 0 && not_ours(c, r)) {
            err_clear(err);
            h->dir_fd = close_fd(h->dir_fd);
            if (h->created)
                (void)unlinkat(h->root_fd, c->path + 1, AT_REMOVEDIR);
            continue;
        }
        if (r < 0) {
            err_wrap(err, "join cgroup %s%s", h->mountpoint, c->path);
            return r;
        }
    }
    return 0;
}

int cgroup_attach_self(struct cgroup *c, bool in_v2, struct err *err)
{
    for (size_t i = 0; i < c->n; i++) {
        struct cgroup_hierarchy *h = &c->h[i];
        if (h->dir_fd < 0 || (h->ops->v2 && in_v2))
            continue;
        /* "tasks" takes a thread, and this process has but one. */
        int r = cgroup_write(h, h->ops->v2 ? "cgroup.procs" : "tasks", "0", err);
        if (r < 0) {
            err_wrap(err, "join cgroup %s%s", h->mountpoint, c->path);
            return r;
        }
    }
    return 0;
}

/* The hierarchy to count processes in: v2 first, since it alone cannot lose one in a subgroup. */
static struct cgroup_hierarchy *counting_hierarchy(struct cgroup *c)
{
    static const unsigned order[] = {CGROUP_PIDS, CGROUP_FREEZER, CGROUP_MEMORY, CGROUP_DEVICES,
                                     ~0U};

    if (c->v2 && c->v2->dir_fd >= 0)
        return c->v2;
    for (size_t k = 0; k < ARRAY_SIZE(order); k++)
        for (size_t i = 0; i < c->n; i++)
            if (c->h[i].dir_fd >= 0 && (c->h[i].controllers & order[k]))
                return &c->h[i];
    for (size_t i = 0; i < c->n; i++)
        if (c->h[i].dir_fd >= 0)
            return &c->h[i];
    return NULL;
}

struct pid_list {
    pid_t *pids; /* owned */
    size_t n, cap;
};

static int read_procs(int dir_fd, struct pid_list *list)
{
    _cleanup_free_ char *text = NULL;
    int r = read_file_at(dir_fd, "cgroup.procs", CGROUP_FILE_MAX, &text, NULL);

    if (r == -ENOENT || r == -ENODEV)
        return 0;
    if (r < 0)
        return r;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        int pid;
        /* 0 stands for a process that this pid namespace does not see. */
        if (parse_int(line, &pid) < 0 || pid <= 0)
            continue;
        if (list->n == CGROUP_PIDS_MAX)
            return -E2BIG;
        if (list->n == list->cap) {
            list->cap = list->cap ? list->cap * 2 : 64;
            list->pids = xrealloc_array(list->pids, list->cap, sizeof(pid_t));
        }
        list->pids[list->n++] = (pid_t)pid;
    }
    return 0;
}

/* Calls fn for each directory below dir_fd, deepest first, and for dir_fd itself last. */
static int walk(int dir_fd, unsigned depth, int (*fn)(int dir_fd, void *arg), void *arg)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    int r = 0;

    if (!d) {
        close_fd(fd);
        return fn(dir_fd, arg);
    }
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (e->d_type != DT_DIR || e->d_name[0] == '.' || depth == 0)
            continue;
        _cleanup_close_ int sub =
            openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub >= 0)
            r = walk(sub, depth - 1, fn, arg);
    }
    (void)closedir(d);
    return r < 0 ? r : fn(dir_fd, arg);
}

static int collect(int dir_fd, void *arg)
{
    return read_procs(dir_fd, arg);
}

int cgroup_pids(struct cgroup *c, pid_t **ret, size_t *ret_n, struct err *err)
{
    struct cgroup_hierarchy *h = counting_hierarchy(c);
    struct pid_list list = {0};
    int r = h ? walk(h->dir_fd, 32, collect, &list) : 0;

    if (r < 0) {
        free(list.pids);
        return err_errno(err, r, "read the processes of cgroup %s", c->path);
    }
    *ret = list.pids;
    *ret_n = list.n;
    return 0;
}

int cgroup_signal(struct cgroup *c, int signo)
{
    _cleanup_free_ pid_t *pids = NULL;
    size_t n = 0;
    int r = cgroup_pids(c, &pids, &n, NULL);

    for (size_t i = 0; r == 0 && i < n; i++)
        if (kill(pids[i], signo) < 0 && errno != ESRCH)
            r = -errno;
    return r < 0 ? r : (int)MIN(n, (size_t)INT32_MAX);
}

static struct cgroup_hierarchy *freezer(struct cgroup *c)
{
    /* A v1 freezer is the user's expectation where it exists; else v2's. */
    for (size_t i = 0; i < c->n; i++)
        if (!c->h[i].ops->v2 && c->h[i].dir_fd >= 0 && (c->h[i].controllers & CGROUP_FREEZER))
            return &c->h[i];
    return c->v2 && c->v2->dir_fd >= 0 ? c->v2 : NULL;
}

int cgroup_freeze(struct cgroup *c, bool on, struct err *err)
{
    struct cgroup_hierarchy *h = freezer(c);

    if (!h)
        return err_set(err, ERR_UNSUPPORTED, "pausing needs a cgroup freezer");
    return h->ops->freeze(h, on, err);
}

bool cgroup_frozen(struct cgroup *c)
{
    struct cgroup_hierarchy *h = freezer(c);

    return h && h->ops->frozen(h) > 0;
}

int cgroup_oom_kills(struct cgroup *c, uint64_t *ret)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->h[i].dir_fd >= 0 && (c->h[i].controllers & CGROUP_MEMORY))
            return c->h[i].ops->oom_kills(&c->h[i], ret);
    return -ENOENT;
}

static void pause_nsec(int64_t nsec)
{
    struct timespec ts = {.tv_nsec = nsec};

    (void)nanosleep(&ts, NULL);
}

int cgroup_kill(struct cgroup *c, struct err *err)
{
    bool by_kernel = c->v2 && c->v2->dir_fd >= 0;
    int64_t wait = 200000, end = monotonic_nsec() + KILL_WAIT_NSEC;

    for (;;) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n = 0;
        int r = cgroup_pids(c, &pids, &n, err);
        if (r < 0)
            return r;
        if (n == 0)
            return 0;
        if (by_kernel && write_kernel_file_at(c->v2->dir_fd, "cgroup.kill", "1") < 0)
            by_kernel = false;
        /* Without cgroup.kill, a freeze keeps a fork bomb from outrunning the loop. */
        bool froze = !by_kernel && n > 1 && cgroup_freeze(c, true, NULL) == 0;
        if (!by_kernel)
            (void)cgroup_signal(c, SIGKILL);
        if (froze || cgroup_frozen(c))
            (void)cgroup_freeze(c, false, NULL);
        if (monotonic_nsec() > end)
            return err_set(err, ERR_INTERNAL, "%zu processes in cgroup %s do not end", n, c->path);
        pause_nsec(wait);
        wait = MIN(wait * 2, 50 * NSEC_PER_MSEC);
    }
}

/* Removes `name` in parent with the directories below it. */
static int remove_tree(int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != EBUSY || depth == 0)
        return -errno;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int r = errno == ENOENT ? 0 : -errno;
        close_fd(fd);
        return r;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_DIR && e->d_name[0] != '.')
            (void)remove_tree(dirfd(d), e->d_name, depth - 1);
    (void)closedir(d);
    return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -errno;
}

int cgroup_remove(struct cgroup *c, struct err *err)
{
    int64_t end = monotonic_nsec() + REMOVE_WAIT_NSEC;
    int result = 0;

    for (size_t i = 0; i < c->n; i++) {
        struct cgroup_hierarchy *h = &c->h[i];
        if (h->root_fd < 0)
            continue;
        int r;
        int64_t wait = 100000;
        /* EBUSY: the last process is still on its way out. */
        while ((r = remove_tree(h->root_fd, c->path + 1, 32)) == -EBUSY && monotonic_nsec() < end) {
            pause_nsec(wait);
            wait = MIN(wait * 2, 50 * NSEC_PER_MSEC);
        }
        if (h->dir_fd >= 0)
            h->dir_fd = close_fd(h->dir_fd);
        if (r < 0 && r != -EROFS && r != -EACCES && result == 0)
            result = err_errno(err, r, "remove cgroup %s%s", h->mountpoint, c->path);
    }
    return result;
}

int cgroup_write(struct cgroup_hierarchy *h, const char *file, const char *value, struct err *err)
{
    int r = write_kernel_file_at(h->dir_fd, file, value);

    return r < 0 ? err_errno(err, r, "write %s to %s", value, file) : 0;
}

int cgroup_write_i64(struct cgroup_hierarchy *h, const char *file, int64_t value, struct err *err)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    return cgroup_write(h, file, text, err);
}

int cgroup_read(int dir_fd, const char *file, char **ret)
{
    char *text = NULL;
    size_t len = 0;
    int r = read_file_at(dir_fd, file, CGROUP_FILE_MAX, &text, &len);

    if (r < 0)
        return r;
    while (len > 0 && text[len - 1] == '\n')
        text[--len] = '\0';
    *ret = text;
    return 0;
}

bool cgroup_has_file(struct cgroup_hierarchy *h, const char *file)
{
    return faccessat(h->dir_fd, file, F_OK, 0) == 0;
}

int cgroup_read_key(int dir_fd, const char *file, const char *key, uint64_t *ret)
{
    _cleanup_free_ char *text = NULL;
    int r = cgroup_read(dir_fd, file, &text);

    if (r < 0)
        return r;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        const char *value = str_after(line, key);
        if (value && *value == ' ')
            return parse_u64(value + 1, ret);
    }
    return -ENOENT;
}
