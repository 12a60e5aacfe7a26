/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/limits.h"
#include "base/str.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

bool kernel_cgroup_v2(void)
{
    struct statfs st;

    return statfs(CGROUP_ROOT, &st) == 0 && st.f_type == CGROUP2_SUPER_MAGIC;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool v1_mounted(const char *controller)
{
    _cleanup_free_ char *path = xasprintf(CGROUP_ROOT "/%s", controller);

    return exists(path);
}

/* NULL when they cannot be read; caller frees. */
static char **v2_controllers(void)
{
    _cleanup_free_ char *text = NULL;

    if (read_file_at(AT_FDCWD, CGROUP_ROOT "/cgroup.controllers", 4 * KIB, &text, NULL) < 0)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return str_split(text, ' ');
}

void kernel_probe(bool cgroup_v2, struct kernel_features *ret)
{
    _cleanup_free_ char *forward = NULL;
    _cleanup_strv_ char **names = NULL;

    *ret = (struct kernel_features){0};
    if (cgroup_v2) {
        names = v2_controllers();
        ret->memory = strv_contains(names, "memory");
        ret->cpu = ret->cpu_cfs = strv_contains(names, "cpu");
        ret->cpuset = strv_contains(names, "cpuset");
        ret->pids = strv_contains(names, "pids");
        ret->swap = ret->memory && exists("/proc/swaps");
    } else {
        ret->memory = v1_mounted("memory");
        ret->swap = exists(CGROUP_ROOT "/memory/memory.memsw.limit_in_bytes");
        ret->cpu = v1_mounted("cpu");
        ret->cpu_cfs = exists(CGROUP_ROOT "/cpu/cpu.cfs_quota_us");
        ret->cpuset = v1_mounted("cpuset");
        ret->pids = v1_mounted("pids");
    }
    if (read_file_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_forward", 16, &forward, NULL) == 0)
        ret->ip_forward = forward[0] == '1';
}

json_t *kernel_warnings(const struct kernel_features *f)
{
    const struct {
        bool ok;
        const char *text;
    } all[] = {
        {f->memory, "WARNING: No memory limit support"},
        {f->swap, "WARNING: No swap limit support"},
        {f->cpu_cfs, "WARNING: No cpu cfs quota support"},
        {f->cpu, "WARNING: No cpu shares support"},
        {f->cpuset, "WARNING: No cpuset support"},
        {f->pids, "WARNING: No pids limit support"},
        {f->ip_forward, "WARNING: IPv4 forwarding is disabled"},
    };
    json_t *list = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (!all[i].ok) {
            if (!list)
                list = json_array();
            (void)json_array_append_new(list, json_string(all[i].text));
        }
    return list ? list : json_null();
}

bool kernel_blkio_weight(bool cgroup_v2)
{
    _cleanup_strv_ char **names = NULL;

    if (!cgroup_v2)
        return exists(CGROUP_ROOT "/blkio/blkio.weight") ||
               exists(CGROUP_ROOT "/blkio/blkio.bfq.weight");
    names = v2_controllers();
    return strv_contains(names, "io");
}

unsigned kernel_memory_nodes(void)
{
    DIR *d = opendir("/sys/devices/system/node");
    unsigned n = 0;

    for (struct dirent *entry; d && (entry = readdir(d));) {
        const char *number = str_after(entry->d_name, "node");
        uint32_t node = 0;

        if (number && parse_u32(number, &node) == 0 && node >= n)
            n = node + 1;
    }
    if (d)
        (void)closedir(d);
    return n;
}

bool kernel_has_seccomp(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

unsigned kernel_own_threads(void)
{
    DIR *d = opendir("/proc/self/task");
    unsigned n = 0;

    if (!d)
        return 1;
    while (readdir(d))
        n++;
    (void)closedir(d);
    return n > 2 ? n - 2 : 1;
}
