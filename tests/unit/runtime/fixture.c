/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "oci/spec.h"
#include "runtime/cgroup.h"

static const char default_config[] =
    "{'ociVersion':'1.0.2','process':{'user':{'uid':0,'gid':0},'args':['true'],"
    "'env':['PATH=/bin'],'cwd':'/','noNewPrivileges':true,'capabilities':{"
    "'bounding':['CAP_KILL','CAP_CHOWN'],'effective':['CAP_KILL','CAP_CHOWN'],"
    "'permitted':['CAP_KILL','CAP_CHOWN']}},'root':{'path':'rootfs'},'hostname':'boat','mounts':["
    "{'destination':'/proc','type':'proc','source':'proc'},"
    "{'destination':'/dev','type':'tmpfs','source':'tmpfs','options':['nosuid','mode=755']},"
    "{'destination':'/dev/pts','type':'devpts','source':'devpts','options':['nosuid','noexec',"
    "'newinstance','ptmxmode=0666','mode=0620']},"
    "{'destination':'/sys','type':'sysfs','source':'sysfs','options':['nosuid','noexec','nodev',"
    "'ro']}],'linux':{'namespaces':[{'type':'pid'},{'type':'network'},{'type':'ipc'},"
    "{'type':'uts'},{'type':'mount'},{'type':'cgroup'}],'maskedPaths':['/proc/kcore',"
    "'/proc/keys','/sys/firmware','/proc/nothing-of-this-name'],"
    "'readonlyPaths':['/proc/sys','/proc/bus']}}";

static const char *const applets[] = {
    "sh",    "ls",    "cat",  "echo", "id",    "mount",    "env",  "true",
    "false", "sleep", "ps",   "pwd",  "touch", "mkdir",    "grep", "readlink",
    "chmod", "tty",   "stty", "kill", "stat",  "hostname", "ln",   "rm",
    "head",  "wc",    "test", "dd",   "seq",   "find",     "ip",
};

static char group_dir[64];
static const char *skip_reason;

/* What is missing for real containers, or NULL. */
static const char *find_skip_reason(void)
{
    if (geteuid() != 0)
        return "needs root";
    if (access("/bin/busybox", X_OK) < 0)
        return "needs /bin/busybox (busybox-static)";
    pid_t pid = fork();
    if (pid == 0)
        _exit(unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) < 0);
    int status = 0;
    (void)waitpid(pid, &status, 0);
    return status ? "needs the right to make namespaces" : NULL;
}

static int make_rootfs(int dir_fd)
{
    static const char *const dirs[] = {"rootfs",      "rootfs/bin", "rootfs/proc", "rootfs/dev",
                                       "rootfs/sys",  "rootfs/tmp", "rootfs/etc",  "rootfs/mnt",
                                       "rootfs/root", "rootfs/var"};
    _cleanup_free_ char *busybox = NULL;
    size_t len;

    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
        if (mkdirat(dir_fd, dirs[i], 0755) < 0)
            return -errno;
    int r = read_file_at(AT_FDCWD, "/bin/busybox", 64 * MIB, &busybox, &len);
    if (r < 0 || (r = write_file_at(dir_fd, "rootfs/bin/busybox", busybox, len, 0755)) < 0)
        return r;
    for (size_t i = 0; i < ARRAY_SIZE(applets); i++) {
        _cleanup_free_ char *path = xasprintf("rootfs/bin/%s", applets[i]);
        if (symlinkat("busybox", dir_fd, path) < 0)
            return -errno;
    }
    static const char passwd[] =
        "root:x:0:0:root:/root:/bin/sh\nsailor:x:7:8::/home/sailor:/bin/sh\n";
    return write_file_at(dir_fd, "rootfs/etc/passwd", passwd, sizeof(passwd) - 1, 0644);
}

int fixture_group_setup(void **state)
{
    (void)state;
    skip_reason = find_skip_reason();
    if (skip_reason)
        return 0;
    (void)snprintf(group_dir, sizeof(group_dir), "/tmp/lighter-runtime-XXXXXX");
    /* A container's root in a user namespace has to get through it. */
    if (!mkdtemp(group_dir) || chmod(group_dir, 0711) < 0)
        return -1;
    _cleanup_close_ int fd = open(group_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return make_rootfs(fd) < 0 ? -1 : 0;
}

int fixture_group_teardown(void **state)
{
    (void)state;
    if (skip_reason)
        return 0;
    return rm_rf_at(AT_FDCWD, group_dir) < 0 ? -1 : 0;
}

int fixture_setup(void **state)
{
    static unsigned count;
    char text[sizeof(default_config)];

    *state = NULL;
    if (skip_reason)
        return 0;
    struct fixture *f = XNEW(struct fixture);
    memcpy(text, default_config, sizeof(text));
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    f->config = json_parse(text, strlen(text), "default", NULL);
    (void)snprintf(f->dir, sizeof(f->dir), "%s", group_dir);
    (void)snprintf(f->id, sizeof(f->id), "lighter-test-%d-%u", (int)getpid(), count++);
    f->dir_fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->seccomp_fd = f->netns_fd = f->rootfs_fd = f->out_fd = -1;
    *state = f;
    return 0;
}

static bool cgroup_left(const char *id)
{
    struct cgroup *c = NULL;
    bool left = false;

    if (cgroup_new(NULL, id, &c, NULL) < 0)
        return false;
    cgroup_find(c);
    for (size_t i = 0; i < c->n; i++)
        left |= c->h[i].dir_fd >= 0;
    cgroup_free(c);
    return left;
}

static bool mount_left(const char *dir)
{
    _cleanup_free_ char *text = NULL;

    return read_file_at(AT_FDCWD, "/proc/self/mountinfo", 64 * MIB, &text, NULL) == 0 &&
           strstr(text, dir);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    int r = 0;

    if (!f)
        return 0;
    fixture_destroy(f);
    if (cgroup_left(f->id) || mount_left(f->dir)) {
        print_error("a cgroup or mount is left behind\n");
        r = -1;
    }
    if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
        print_error("a process is left behind\n");
        r = -1;
    }
    close_fd(f->dir_fd);
    json_decref(f->config);
    free(f);
    return r;
}

json_t *fixture_get(struct fixture *f, const char *path)
{
    _cleanup_strv_ char **parts = str_split(path, '.');
    json_t *o = f->config;

    for (size_t i = 0; parts[i]; i++)
        o = json_object_get(o, parts[i]);
    return o;
}

void fixture_set(struct fixture *f, const char *path, json_t *value)
{
    _cleanup_strv_ char **parts = str_split(path, '.');
    json_t *o = f->config;

    assert_non_null(value);
    for (size_t i = 0; parts[i + 1]; i++) {
        if (!json_object_get(o, parts[i]))
            json_set_take(o, parts[i], json_object());
        o = json_object_get(o, parts[i]);
    }
    json_set_take(o, parts[strv_len(parts) - 1], value);
}

void fixture_args(struct fixture *f, ...)
{
    va_list ap;
    json_t *args = json_array();

    va_start(ap, f);
    for (const char *s; (s = va_arg(ap, const char *));)
        (void)json_array_append_new(args, json_string(s));
    va_end(ap);
    fixture_set(f, "process.args", args);
}

void fixture_script(struct fixture *f, const char *script)
{
    fixture_args(f, "sh", "-c", script, NULL);
}

void fixture_add_mount(struct fixture *f, const char *where, const char *type, const char *source,
                       const char *options)
{
    _cleanup_strv_ char **list = str_split(options, ',');
    json_t *m = json_object();

    json_set_str(m, "destination", where);
    json_set_str(m, "type", type);
    json_set_str(m, "source", source);
    json_set_take(m, "options", json_strv(list, false));
    (void)json_array_append_new(json_object_get(f->config, "mounts"), m);
}

int fixture_create(struct fixture *f)
{
    _cleanup_free_ char *text = json_print(f->config);
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int out[2], r;

    if (skip_reason) {
        print_message("skipped: %s\n", skip_reason);
        skip();
    }
    if ((r = oci_spec_parse(text, strlen(text), &f->spec, &f->err)) < 0)
        return r;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    f->out_fd = out[0];
    const struct runtime_create_params params = {
        .id = f->id,
        .spec = f->spec,
        .bundle_fd = f->dir_fd,
        .rootfs_fd = f->rootfs_fd,
        .netns_fd = f->netns_fd,
        .seccomp_fd = f->seccomp_fd,
        .stdio = {null, out[1], out[1]},
    };
    r = runtime_create(&params, &f->c, &f->err);
    close_fd(out[1]);
    return r;
}

static int collect(pid_t pid, int fd, char **ret_output)
{
    int status = 0;
    char *text = NULL;

    assert_int_equal(read_fd(fd, 4 * MIB, &text, NULL), 0);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    if (ret_output)
        *ret_output = text;
    else
        free(text);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int fixture_wait(struct fixture *f, char **ret_output)
{
    return collect(runtime_pid(f->c), f->out_fd, ret_output);
}

void fixture_destroy(struct fixture *f)
{
    if (f->c) {
        assert_int_equal(runtime_destroy(f->c, &f->err), 0);
        while (waitpid(-1, NULL, 0) > 0)
            ;
        runtime_container_free(f->c);
    }
    if (f->out_fd >= 0)
        f->out_fd = close_fd(f->out_fd);
    oci_spec_free(f->spec);
    f->c = NULL;
    f->spec = NULL;
}

int fixture_run(struct fixture *f, char **ret_output)
{
    int r = fixture_create(f);

    if (r == 0)
        r = runtime_start(f->c, &f->err);
    if (r == 0)
        r = fixture_wait(f, ret_output);
    fixture_destroy(f);
    return r;
}

int fixture_exec(struct fixture *f, json_t *process, char **ret_output)
{
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct oci_process p;
    int out[2], console = -1;
    pid_t pid = 0;

    int r = oci_process_parse(process, &p, &f->err);
    json_decref(process);
    if (r < 0)
        return r;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    const int stdio[3] = {null, out[1], out[1]};
    r = runtime_exec(f->c, &p, stdio, &pid, &console, &f->err);
    close_fd(out[1]);
    oci_process_done(&p);
    if (r == 0)
        r = collect(pid, out[0], ret_output);
    close_fd(out[0]);
    return r;
}

void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in: %s", part, text);
}

void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in: %s", part, text);
}
