/* SPDX-License-Identifier: GPL-2.0-or-later */
/* features: what the runtime can do (runtime-spec features.md). */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "runtime/cli/cli.h"
#include "runtime/mount_opts.h"
#include "runtime/seccomp.h"

static json_t *list_of(const char *const *list, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(a, json_str_new(list[i]));
    return a;
}

static json_t *enabled(bool on)
{
    json_t *o = json_object();

    json_set_bool(o, "enabled", on);
    return o;
}

static json_t *cgroup_features(void)
{
    json_t *o = json_object();

    json_set_bool(o, "v1", true);
    json_set_bool(o, "v2", true);
    json_set_bool(o, "systemd", false);
    json_set_bool(o, "systemdUser", false);
    json_set_bool(o, "rdma", true);
    return o;
}

static json_t *seccomp_features(void)
{
    static const char *const actions[] = {
        "SCMP_ACT_ALLOW",        "SCMP_ACT_ERRNO",       "SCMP_ACT_KILL",
        "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG",
        "SCMP_ACT_NOTIFY",       "SCMP_ACT_TRACE",       "SCMP_ACT_TRAP"};
    static const char *const operators[] = {"SCMP_CMP_EQ",       "SCMP_CMP_GE", "SCMP_CMP_GT",
                                            "SCMP_CMP_LE",       "SCMP_CMP_LT", "SCMP_CMP_NE",
                                            "SCMP_CMP_MASKED_EQ"};
    static const char *const archs[] = {
        "SCMP_ARCH_AARCH64",   "SCMP_ARCH_ARM",      "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",
        "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL",   "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
        "SCMP_ARCH_PARISC",    "SCMP_ARCH_PARISC64", "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",
        "SCMP_ARCH_PPC64LE",   "SCMP_ARCH_RISCV64",  "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",
        "SCMP_ARCH_X32",       "SCMP_ARCH_X86",      "SCMP_ARCH_X86_64"};
    static const char *const flags[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                        "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                                        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"};
    json_t *o = enabled(true);

    json_set_take(o, "actions", list_of(actions, ARRAY_SIZE(actions)));
    json_set_take(o, "operators", list_of(operators, ARRAY_SIZE(operators)));
    json_set_take(o, "archs", list_of(archs, ARRAY_SIZE(archs)));
    json_set_take(o, "knownFlags", list_of(flags, ARRAY_SIZE(flags)));
    json_t *supported = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (seccomp_flag_supported(flags[i]))
            (void)json_array_append_new(supported, json_str_new(flags[i]));
    json_set_take(o, "supportedFlags", supported);
    return o;
}

static json_t *linux_features(void)
{
    static const char *const namespaces[] = {"cgroup", "ipc",  "mount", "network",
                                             "pid",    "time", "user",  "uts"};
    json_t *o = json_object(), *caps = json_array(), *extensions = json_object();

    json_set_take(o, "namespaces", list_of(namespaces, ARRAY_SIZE(namespaces)));
    for (unsigned i = 0; oci_capability_name(i); i++)
        (void)json_array_append_new(caps, json_str_new(oci_capability_name(i)));
    json_set_take(o, "capabilities", caps);
    json_set_take(o, "cgroup", cgroup_features());
    json_set_take(o, "seccomp", seccomp_features());
    json_set_take(o, "apparmor", enabled(true));
    json_set_take(o, "selinux", enabled(true));
    json_set_take(o, "intelRdt", enabled(false));
    json_set_take(extensions, "idmap", enabled(true));
    json_set_take(o, "mountExtensions", extensions);
    json_set_take(o, "netDevices", enabled(true));
    return o;
}

int cmd_features(struct cli *cli, int argc, char **argv, struct err *err)
{
    static const char *const hooks[] = {"prestart",       "createRuntime", "createContainer",
                                        "startContainer", "poststart",     "poststop"};
    _cleanup_json_ json_t *o = json_object();

    (void)cli;
    if (argc != 1)
        return err_set(err, ERR_INVALID, "\"%s\" takes no arguments", argv[0]);
    json_set_str(o, "ociVersionMin", "1.0.0");
    json_set_str(o, "ociVersionMax", OCI_SPEC_VERSION);
    json_set_take(o, "hooks", list_of(hooks, ARRAY_SIZE(hooks)));
    json_set_take(o, "mountOptions", mount_opts_names());
    json_set_take(o, "linux", linux_features());
    char *text = json_dumps(o, JSON_INDENT(2));
    (void)printf("%s\n", text);
    free(text);
    return 0;
}
