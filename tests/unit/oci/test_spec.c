/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "oci/spec.h"

/* Texts are written with ' for ". */
static int parse(const char *text, struct oci_spec **ret, struct err *err)
{
    _cleanup_free_ char *copy = xstrdup(text);

    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    return oci_spec_parse(copy, strlen(copy), ret, err);
}

/* A whole document with `process` members and top-level members added. */
static int parse_with(const char *process, const char *top, struct oci_spec **ret, struct err *err)
{
    _cleanup_free_ char *text =
        xasprintf("{'ociVersion':'1.0.2','root':{'path':'r'},'process':{'args':['a'],'cwd':'/'%s%s}"
                  "%s%s}",
                  *process ? "," : "", process, *top ? "," : "", top);

    return parse(text, ret, err);
}

static void assert_refused(const char *process, const char *top, const char *message)
{
    struct oci_spec *spec = NULL;
    struct err err = {0};

    assert_true(parse_with(process, top, &spec, &err) < 0);
    assert_null(spec);
    assert_int_equal(err.kind, ERR_INVALID);
    if (!strstr(err.message, message))
        fail_msg("\"%s\" is not in: %s", message, err.message);
}

static void test_minimal(void **state)
{
    struct oci_spec *spec = NULL;
    struct err err = {0};

    (void)state;
    if (parse_with("", "", &spec, &err) < 0)
        fail_msg("%s", err.message);
    assert_string_equal(spec->process.args[0], "a");
    assert_false(spec->process.caps.set);
    assert_false(spec->has_resources);
    assert_int_equal(spec->resources.memory_limit, OCI_UNSET);
    assert_int_equal(spec->resources.pids_limit, OCI_UNSET);
    assert_int_equal(spec->n_mounts, 0);
    assert_null(spec->hostname);
    oci_spec_free(spec);
}

static void test_process(void **state)
{
    struct oci_spec *spec = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        parse_with("'terminal':true,'consoleSize':{'height':25,'width':80},'user':{'uid':1,'gid':2,"
                   "'additionalGids':[3,4],'umask':18},'env':['A=b'],'capabilities':{'bounding':["
                   "'CAP_CHOWN','cap_kill','CAP_OF_TOMORROW'],'effective':['CAP_CHOWN']},'rlimits':"
                   "[{'type':'RLIMIT_NOFILE','soft':1,'hard':18446744073709551615}],"
                   "'noNewPrivileges':true,'oomScoreAdj':-5,'apparmorProfile':'p'",
                   "", &spec, &err),
        0);
    const struct oci_process *p = &spec->process;
    assert_true(p->terminal && p->no_new_privileges && p->has_oom_score_adj);
    assert_int_equal(p->console_height, 25);
    assert_int_equal(p->user.uid, 1);
    assert_int_equal(p->user.n_additional_gids, 2);
    assert_true(p->user.has_umask);
    assert_int_equal(p->user.umask, 022);
    assert_int_equal(p->caps.bounding, 0x21);
    assert_int_equal(p->caps.effective, 1);
    assert_int_equal(p->rlimits[0].type, RLIMIT_NOFILE);
    assert_true(p->rlimits[0].hard == UINT64_MAX);
    assert_int_equal(p->oom_score_adj, -5);
    oci_spec_free(spec);
}

static void test_linux(void **state)
{
    struct oci_spec *spec = NULL;
    struct err err = {0};

    (void)state;
    if (parse_with(
            "",
            "'hostname':'h','linux':{'namespaces':[{'type':'pid'},{'type':'uts'},{'type':"
            "'network','path':'/x'}],'resources':{'memory':{'limit':-1,'swappiness':-1},'cpu'"
            ":{'shares':9223372036854775807,'cpus':'0-1'},'pids':{'limit':7},'devices':[{"
            "'allow':true,'type':'c','major':1,'minor':3,'access':'rw'},{'allow':false}]},"
            "'sysctl':{'net.x':'1'},'maskedPaths':['/a'],'cgroupsPath':'/c','devices':[{"
            "'path':'/dev/x','type':'c','major':1,'minor':2,'fileMode':438}],"
            "'rootfsPropagation':'rslave'},'mounts':[{'destination':'/m','type':'bind',"
            "'source':'/s','options':['ro','rbind']}]",
            &spec, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(spec->ns[OCI_NS_PID].set && !spec->ns[OCI_NS_PID].path);
    assert_string_equal(spec->ns[OCI_NS_NETWORK].path, "/x");
    assert_false(spec->ns[OCI_NS_USER].set);
    assert_int_equal(spec->resources.memory_limit, -1);
    assert_int_equal(spec->resources.memory_swappiness, OCI_UNSET);
    assert_true(spec->resources.cpu_shares == INT64_MAX);
    assert_string_equal(spec->resources.cpuset_cpus, "0-1");
    assert_int_equal(spec->resources.pids_limit, 7);
    assert_int_equal(spec->resources.n_devices, 2);
    assert_true(spec->resources.devices[0].allow && !spec->resources.devices[0].mknod);
    assert_int_equal(spec->resources.devices[1].type, 'a');
    assert_true(spec->resources.devices[1].mknod);
    assert_string_equal(spec->sysctl_keys[0], "net.x");
    assert_int_equal(spec->devices[0].mode, 0666);
    assert_string_equal(spec->mounts[0].options[1], "rbind");
    oci_spec_free(spec);
}

static void test_refused_process(void **state)
{
    (void)state;
    assert_refused("'user':{'uid':-1}", "", "process.user.uid");
    assert_refused("'user':{'uid':4294967295}", "", "out of range");
    assert_refused("'user':{'uid':4294967296}", "", "process.user.uid");
    assert_refused("'user':{'uid':18446744073709551615}", "", "process.user.uid");
    assert_refused("'user':{'uid':'0'}", "", "process.user.uid");
    assert_refused("'user':{'uid':1.5}", "", "process.user.uid");
    assert_refused("'user':{'gid':99999999999999999999}", "", "config.json");
    assert_refused("'user':{'additionalGids':[-1]}", "", "additionalGids");
    assert_refused("'user':{'umask':512}", "", "umask");
    assert_refused("'args':[]", "", "args must not be empty");
    assert_refused("'args':['a\\u0000b']", "", "process.args");
    assert_refused("'cwd':'x'", "", "absolute path");
    assert_refused("'env':[1]", "", "process.env");
    assert_refused("'rlimits':[{'type':'RLIMIT_X','soft':1,'hard':1}]", "", "RLIMIT_X");
    assert_refused("'rlimits':[{'type':'RLIMIT_AS','soft':2,'hard':1}]", "", "soft is above hard");
    assert_refused("'rlimits':[{'type':'RLIMIT_AS','soft':1,'hard':1},{'type':'RLIMIT_AS','soft':1,"
                   "'hard':1}]",
                   "", "given twice");
    assert_refused("'oomScoreAdj':1001", "", "oomScoreAdj");
    assert_refused("'terminal':1", "", "process.terminal");
    assert_refused("'consoleSize':{'height':70000,'width':1}", "", "consoleSize");
}

static void test_refused_rest(void **state)
{
    struct oci_spec *spec = NULL;
    struct err err = {0};

    (void)state;
    assert_refused("", "'linux':{'namespaces':[{'type':'pid'},{'type':'pid'}]}", "given twice");
    assert_refused("", "'linux':{'namespaces':[{'type':'nope'}]}", "does not exist");
    assert_refused("", "'linux':{'namespaces':[{'type':'pid','path':'rel'}]}", "absolute");
    assert_refused("", "'linux':{'namespaces':[{'type':'user'}]}", "uidMappings");
    assert_refused("", "'linux':{'uidMappings':[{'containerID':0,'hostID':0,'size':1}]}",
                   "need a user namespace");
    assert_refused("", "'linux':{'uidMappings':[{'containerID':1,'hostID':0,'size':4294967295}]}",
                   "out of range");
    assert_refused("", "'linux':{'devices':[{'path':'/x','type':'z'}]}", "invalid type");
    assert_refused("", "'linux':{'devices':[{'path':'x','type':'p'}]}", "absolute");
    assert_refused("", "'linux':{'resources':{'devices':[{'access':'x'}]}}", "invalid access");
    assert_refused("", "'linux':{'resources':{'unified':{'../x':'1'}}}", "file name");
    assert_refused("", "'linux':{'rootfsPropagation':'sometimes'}", "rootfsPropagation");
    assert_refused("", "'linux':{'timeOffsets':{'boottime':{'secs':1}}}", "time namespace");
    assert_refused("", "'linux':7", "linux");
    assert_refused("", "'mounts':[{'type':'tmpfs'}]", "mounts.destination");
    assert_refused("", "'mounts':[7]", "mounts[0]");
    assert_refused("", "'hostname':'h'", "UTS namespace");
    assert_true(parse("{'root':{}}", &spec, &err) < 0);
    assert_true(parse("{'ociVersion':'2.0','root':{}}", &spec, &err) < 0);
    assert_true(parse("[]", &spec, &err) < 0);
    assert_true(parse("", &spec, &err) < 0);
    assert_null(spec);
}

/* What the runtime-spec's schema takes and refuses. */
static void test_schema(void **state)
{
    static const char *const good[] = {
        "{'ociVersion':'1.0.0'}",
        "{'ociVersion':'1.3.0','process':{'cwd':'/','args':['sh']},'root':{'path':'rootfs'}}",
        "{'ociVersion':'1.0.0','root':{'path':'r'},'linux':{'netDevices':{'eth0':{'name':'n0'},"
        "'ens4':{}}}}",
        "{'ociVersion':'1.0.0','root':{'path':'r'},'linux':{'resources':{'rdma':{'mlx5_1':"
        "{'hcaHandles':3,'hcaObjects':10000},'rxe3':{'hcaObjects':10000}}}}}",
        "{'ociVersion':'1.0.0','linux':{'resources':{'hugepageLimits':[{'pageSize':'2MB',"
        "'limit':18446744073709551615}]}}}",
    };
    static const char *const bad[][2] = {
        {"'linux':{'netDevices':{'eth0':{'name':23}}}", "linux.netDevices.eth0.name"},
        {"'linux':{'netDevices':{'a/b':{}}}", "linux.netDevices.a/b"},
        {"'linux':{'resources':{'rdma':{'m':{'hcaHandles':'x'}}}}", "rdma.m.hcaHandles"},
        {"'linux':{'resources':{'hugepageLimits':[{'limit':1,'pageSize':'64kB'}]}}", "64kB"},
        {"'linux':{'resources':{'blockIO':{'weightDevice':[{'major':8}]}}}", "weightDevice.minor"},
        {"'linux':{'intelRdt':{'closID':'..'}}", "closID"},
        {"'linux':{'memoryPolicy':{'mode':'MPOL_X'}}", "MPOL_X"},
        {"'linux':{'memoryPolicy':{'mode':'MPOL_BIND','nodes':'4096'}}", "nodes"},
    };
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct oci_spec *spec = NULL;
        if (parse(good[i], &spec, &err) < 0)
            fail_msg("%s: %s", good[i], err.message);
        oci_spec_free(spec);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_refused("", bad[i][0], bad[i][1]);
}

static void test_sched(void **state)
{
    _cleanup_(oci_spec_freep)
    struct oci_spec *spec = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        parse_with("'scheduler':{'policy':'SCHED_DEADLINE','runtime':1,'deadline':2,'period':3,"
                   "'flags':['SCHED_FLAG_RESET_ON_FORK']},'ioPriority':{'class':'IOPRIO_CLASS_RT',"
                   "'priority':1},'execCPUAffinity':{'initial':'0-1, 65','final':'3'}",
                   "'linux':{'memoryPolicy':{'mode':'MPOL_INTERLEAVE','nodes':'0,2'}}", &spec,
                   &err),
        0);
    const struct oci_process *p = &spec->process;
    assert_true(p->scheduler.set);
    assert_int_equal(p->scheduler.policy, 6);
    assert_int_equal(p->scheduler.flags, 1);
    assert_int_equal(p->scheduler.period, 3);
    assert_int_equal(p->io_priority, 1 << 13 | 1);
    assert_int_equal(p->affinity_initial.bits[0], 3);
    assert_int_equal(p->affinity_initial.bits[1], 2);
    assert_int_equal(p->affinity_final.bits[0], 8);
    assert_int_equal(spec->memory_policy.nodes.bits[0], 5);
    assert_refused("'scheduler':{'policy':'SCHED_OTHER','priority':1}", "", "priority");
    assert_refused("'scheduler':{}", "", "process.scheduler.policy");
    assert_refused("'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':-1}", "", "priority");
    assert_refused("'execCPUAffinity':{'final':'3-'}", "", "process.execCPUAffinity.final");
    assert_refused("'execCPUAffinity':{'final':'1,,2'}", "", "process.execCPUAffinity.final");
}

static void test_limits(void **state)
{
    struct oci_spec *spec = NULL;
    struct err err = {0};
    char *big = xmalloc(LIMIT_OCI_CONFIG_BYTES + 2);

    (void)state;
    memset(big, ' ', LIMIT_OCI_CONFIG_BYTES + 1);
    big[LIMIT_OCI_CONFIG_BYTES + 1] = '\0';
    assert_true(oci_spec_parse(big, LIMIT_OCI_CONFIG_BYTES + 1, &spec, &err) < 0);
    assert_non_null(strstr(err.message, "larger than"));
    memset(big, '[', 100000);
    assert_true(oci_spec_parse(big, 100000, &spec, &err) < 0);
    free(big);
}

/* Digits in strings stay as they are, and only whole numbers are folded. */
static void test_large_numbers(void **state)
{
    static const char text[] =
        "{\"args\":[\"18446744073709551615\",\"\\\"18446744073709551615\"],\"cwd\":\"/\","
        "\"rlimits\":[{\"type\":\"RLIMIT_AS\",\"soft\":9223372036854775808,\"hard\":"
        "18446744073709551615}]}";
    struct oci_process p;
    struct err err = {0};

    (void)state;
    assert_int_equal(oci_process_parse_text(text, sizeof(text) - 1, &p, &err), 0);
    assert_string_equal(p.args[0], "18446744073709551615");
    assert_string_equal(p.args[1], "\"18446744073709551615");
    assert_true(p.rlimits[0].soft == UINT64_C(1) << 63);
    assert_true(p.rlimits[0].hard == UINT64_MAX);
    oci_process_done(&p);
}

static void test_names(void **state)
{
    (void)state;
    assert_int_equal(oci_capability_parse("CAP_SYS_ADMIN"), 21);
    assert_int_equal(oci_capability_parse("sys_admin"), 21);
    assert_int_equal(oci_capability_parse("CAP_CHECKPOINT_RESTORE"), 40);
    assert_int_equal(oci_capability_parse("ALL"), -EINVAL);
    assert_string_equal(oci_capability_name(40), "CAP_CHECKPOINT_RESTORE");
    assert_null(oci_capability_name(41));
    assert_int_equal(oci_rlimit_parse("RLIMIT_NOFILE"), RLIMIT_NOFILE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),       cmocka_unit_test(test_process),
        cmocka_unit_test(test_linux),         cmocka_unit_test(test_refused_process),
        cmocka_unit_test(test_refused_rest),  cmocka_unit_test(test_schema),
        cmocka_unit_test(test_sched),         cmocka_unit_test(test_limits),
        cmocka_unit_test(test_large_numbers), cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
