/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spec: a config.json to start from. */
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

static json_t *own_id_map(uint32_t id)
{
    json_t *list = json_array(), *o = json_object();

    json_set_i64(o, "containerID", 0);
    json_set_i64(o, "hostID", id);
    json_set_i64(o, "size", 1);
    (void)json_array_append_new(list, o);
    return list;
}

static void drop_option(json_t *mount, const char *prefix)
{
    json_t *options = json_object_get(mount, "options");

    for (size_t i = json_array_size(options); i-- > 0;)
        if (str_starts(json_string_value(json_array_get(options, i)), prefix))
            (void)json_array_remove(options, i);
}

/* For an ordinary user, who has but one id, no network of the host's to give away, and no control
 * groups: a user namespace in which that user is root, the host's network, its /sys. */
static void make_rootless(json_t *spec)
{
    json_t *linux_ = json_object_get(spec, "linux"), *mounts = json_object_get(spec, "mounts"),
           *namespaces = json_object_get(linux_, "namespaces"), *user = json_object();

    for (size_t i = json_array_size(namespaces); i-- > 0;)
        if (str_eq(json_str_or(json_array_get(namespaces, i), "type", ""), "network"))
            (void)json_array_remove(namespaces, i);
    json_set_str(user, "type", "user");
    (void)json_array_append_new(namespaces, user);
    json_set_take(linux_, "uidMappings", own_id_map(geteuid()));
    json_set_take(linux_, "gidMappings", own_id_map(getegid()));
    (void)json_object_del(linux_, "resources");
    for (size_t i = json_array_size(mounts); i-- > 0;) {
        json_t *m = json_array_get(mounts, i);
        const char *where = json_str_or(m, "destination", "");
        drop_option(m, "gid=");
        if (str_eq(where, "/sys/fs/cgroup")) {
            (void)json_array_remove(mounts, i);
        } else if (str_eq(where, "/sys")) {
            static char *const options[] = {(char *)"rbind", (char *)"nosuid", (char *)"noexec",
                                            (char *)"nodev", (char *)"ro",     NULL};
            json_set_str(m, "type", "none");
            json_set_str(m, "source", "/sys");
            json_set_take(m, "options", json_strv(options, false));
        }
    }
}

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
    _cleanup_json_ json_t *spec = json_parse(default_spec, strlen(default_spec), "spec", err);
    if (!spec)
        return -EINVAL;
    if (rootless)
        make_rootless(spec);
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
