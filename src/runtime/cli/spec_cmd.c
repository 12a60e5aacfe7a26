/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec and features: what the runtime offers, as JSON. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/str.h"
#include "runtime/cli/cli.h"

static const char default_spec[] =
    "{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},"
    "\"args\":[\"sh\"],\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/"
    "bin\",\"TERM=xterm\"],\"cwd\":\"/\",\"capabilities\":{"
    "\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
    "\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
    "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],"
    "\"noNewPrivileges\":true},\"root\":{\"path\":\"rootfs\",\"readonly\":true},"
    "\"hostname\":\"lighter\",\"mounts\":["
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\","
    "\"strictatime\",\"mode=755\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\","
    "\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},"
    "{\"destination\":\"/dev/shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\","
    "\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"]},"
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":["
    "\"nosuid\",\"noexec\",\"nodev\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\","
    "\"noexec\",\"nodev\",\"ro\"]},"
    "{\"destination\":\"/sys/fs/cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":["
    "\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"]}],"
    "\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},"
    "\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
    "{\"type\":\"mount\"},{\"type\":\"cgroup\"}],"
    "\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/interrupts\",\"/proc/kcore\","
    "\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","
    "\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\",\"/sys/devices/virtual/powercap\"],"
    "\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\","
    "\"/proc/sysrq-trigger\"]}}";

int cmd_spec(struct cli *cli, int argc, char **argv, struct err *err)
{
    const char *bundle = ".";
    bool rootless = false;
    const struct cli_option options[] = {
        {"bundle", 'b', "path", "where to write config.json", .value = &bundle},
        {"rootless", 0, NULL, "for an unprivileged user", .flag = &rootless},
        {0}};
    int i = cli_parse(options, argc, argv, 1, err);

    (void)cli;
    if (i < 0)
        return i;
    if (i != argc)
        return err_set(err, ERR_INVALID, "\"spec\" takes no arguments");
    if (rootless)
        return err_set(err, ERR_UNSUPPORTED, "--rootless is not supported");
    _cleanup_json_ json_t *spec = json_parse(default_spec, strlen(default_spec), "spec", err);
    if (!spec)
        return -EINVAL;
    char *text = json_dumps(spec, JSON_INDENT(4));
    _cleanup_free_ char *path = xasprintf("%s/config.json", bundle);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        int code = errno;
        free(text);
        return code == EEXIST ? err_set(err, ERR_CONFLICT, "File %s exists. Remove it first", path)
                              : err_errno(err, code, "create %s", path);
    }
    int r = write_full(fd, text, strlen(text));
    free(text);
    close_fd(fd);
    return r < 0 ? err_errno(err, r, "write %s", path) : 0;
}

static void set_list(json_t *o, const char *key, const char *const *list, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(a, json_str_new(list[i]));
    json_set_take(o, key, a);
}

static json_t *enabled(void)
{
    json_t *o = json_object();

    json_set_bool(o, "enabled", true);
    return o;
}

/* runtime-spec features.md */
int cmd_features(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const char *const hooks[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop"};
    static const char *const namespaces[] = {"cgroup", "ipc",  "mount", "network",
                                             "pid",    "time", "user",  "uts"};
    static const char *const mount_options[] = {
        "async",       "atime",   "bind",    "defaults",  "dev",        "diratime",
        "dirsync",     "exec",    "noatime", "nodev",     "nodiratime", "noexec",
        "nosuid",      "private", "rbind",   "relatime",  "ro",         "rprivate",
        "rro",         "rshared", "rslave",  "rw",        "shared",     "slave",
        "strictatime", "suid",    "sync",    "tmpcopyup", "unbindable"};
    _cleanup_json_ json_t *o = json_object();
    json_t *lin = json_object(), *cgroup = json_object(), *caps = json_array();

    (void)cli;
    if (argc != 1)
        return err_set(err, ERR_INVALID, "\"%s\" takes no arguments", argv[0]);
    json_set_str(o, "ociVersionMin", "1.0.0");
    json_set_str(o, "ociVersionMax", "1.2.0");
    set_list(o, "hooks", hooks, ARRAY_SIZE(hooks));
    set_list(o, "mountOptions", mount_options, ARRAY_SIZE(mount_options));
    set_list(lin, "namespaces", namespaces, ARRAY_SIZE(namespaces));
    for (unsigned i = 0; oci_capability_name(i); i++)
        (void)json_array_append_new(caps, json_str_new(oci_capability_name(i)));
    json_set_take(lin, "capabilities", caps);
    json_set_bool(cgroup, "v1", true);
    json_set_bool(cgroup, "v2", true);
    json_set_bool(cgroup, "systemd", false);
    json_set_bool(cgroup, "systemdUser", false);
    json_set_take(lin, "cgroup", cgroup);
    json_set_take(lin, "seccomp", enabled());
    json_set_take(lin, "apparmor", enabled());
    json_set_take(lin, "selinux", enabled());
    json_set_take(o, "linux", lin);
    char *text = json_dumps(o, JSON_INDENT(2));
    (void)printf("%s\n", text);
    free(text);
    return 0;
}
