/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

#include "base/alloc.h"
#include "base/fdutil.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/mountfd.h"

static const char *const ipc_keys[] = {
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
    "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
};

static bool is_ipc(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(ipc_keys); i++)
        if (str_eq(key, ipc_keys[i]))
            return true;
    return str_starts(key, "fs.mqueue.");
}

/* "net/ipv4/conf/eth0.1/forwarding" and "net.ipv4.conf.eth0/1.forwarding" both exist: whichever of
 * '.' and '/' comes first separates, the other one is part of a name (sysctl(8)). */
static char *dotted(const char *key)
{
    char *s = xstrdup(key);

    if (s[strcspn(s, "./")] != '/')
        return s;
    for (char *p = s; *p; p++)
        *p = *p == '/' ? '.' : *p == '.' ? '/' : *p;
    return s;
}

/* The file of a dotted key below /proc/sys. Heap. */
static char *path_of(const char *key)
{
    char *s = xstrdup(key);

    for (char *p = s; *p; p++)
        *p = *p == '.' ? '/' : *p == '/' ? '.' : *p;
    return s;
}

/* A key that is its file's name, spelled in one way only: with "net.//.kernel.x" a prefix says
 * nothing about the file that is written. */
static bool is_plain(const char *key)
{
    _cleanup_free_ char *path = path_of(key);
    _cleanup_strv_ char **parts = str_split(path, '/');

    for (const char *p = key; *p; p++)
        if ((unsigned char)*p <= ' ')
            return false;
    for (size_t i = 0; parts[i]; i++)
        if (!path_component_valid(parts[i]))
            return false;
    return true;
}

static int check_one(const struct oci_spec *spec, const char *given, bool net_own, struct err *err)
{
    _cleanup_free_ char *key = dotted(given);

    if (!is_plain(key))
        return err_set(err, ERR_INVALID, "sysctl \"%s\" is not a key", given);
    if (is_ipc(key)) {
        if (spec->ns[OCI_NS_IPC].set)
            return 0;
        return err_set(err, ERR_INVALID, "sysctl \"%s\" is not allowed in the hosts ipc namespace",
                       given);
    }
    if (str_starts(key, "net.")) {
        if (net_own)
            return 0;
        return err_set(err, ERR_INVALID, "sysctl \"%s\" not allowed in host network namespace",
                       given);
    }
    if (str_eq(key, "kernel.domainname") && spec->ns[OCI_NS_UTS].set)
        return 0;
    if (str_eq(key, "kernel.hostname"))
        return err_set(err, ERR_INVALID, "sysctl \"%s\" conflicts with the OCI field \"hostname\"",
                       given);
    return err_set(err, ERR_INVALID, "sysctl \"%s\" is not in a separate kernel namespace", given);
}

int sysctl_check(const struct oci_spec *spec, bool net_own, struct err *err)
{
    for (size_t i = 0; spec->sysctl_keys && spec->sysctl_keys[i]; i++) {
        int r = check_one(spec, spec->sysctl_keys[i], net_own, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int write_one(int proc_fd, const char *given, const char *value)
{
    _cleanup_free_ char *key = dotted(given), *file = path_of(key);
    _cleanup_free_ char *path = xasprintf("sys/%s", file);
    /* No link is followed: what is written to is below this procfs' /sys. */
    _cleanup_close_ int fd = open_beneath(proc_fd, path, O_WRONLY, 0);
    return fd < 0 ? fd : write_full(fd, value, strlen(value));
}

int sysctl_apply(const struct oci_spec *spec, int proc_fd, struct err *err)
{
    _cleanup_close_ int fresh = -1;

    for (size_t i = 0; spec->sysctl_keys && spec->sysctl_keys[i]; i++) {
        const char *key = spec->sysctl_keys[i], *value = spec->sysctl_values[i];
        int r = write_one(fresh >= 0 ? fresh : proc_fd, key, value);
        /* Where this runtime is in a container itself, its /proc/sys is read-only: then a procfs of
         * the new pid namespace, never attached anywhere, does. */
        if (r == -EROFS && fresh < 0) {
            fresh = mountfd_new("proc", "proc", NULL, 0, err);
            if (fresh < 0)
                return fresh;
            r = write_one(fresh, key, value);
        }
        if (r < 0)
            return err_errno(err, r, "write sysctl key %s", key);
    }
    return 0;
}
