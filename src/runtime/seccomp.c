/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sock.h"
#include "base/str.h"

#define ERRNO_MAX               4095
#define FLAG_WAIT_KILLABLE_RECV (1U << 5) /* Linux 5.19 */

static void filter_release(scmp_filter_ctx *filter)
{
    if (*filter)
        seccomp_release(*filter);
}

static int parse_action(const json_t *o, const char *key, const char *errno_key, uint32_t *ret,
                        struct err *err)
{
    static const struct {
        const char *name;
        uint32_t action;
    } actions[] = {
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
    };
    const char *name = NULL;
    int64_t number = EPERM;
    int r;

    if ((r = json_get_str(o, "linux.seccomp", key, &name, err)) < 0 ||
        (r = json_get_i64(o, "linux.seccomp", errno_key, &number, err)) < 0)
        return r;
    if (number < 0 || number > ERRNO_MAX)
        return err_set(err, ERR_INVALID, "linux.seccomp: %s is out of range", errno_key);
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (str_eq(name, actions[i].name)) {
            *ret = actions[i].action;
            return 0;
        }
    if (str_eq(name, "SCMP_ACT_ERRNO"))
        *ret = SCMP_ACT_ERRNO((uint32_t)number);
    else if (str_eq(name, "SCMP_ACT_TRACE"))
        *ret = SCMP_ACT_TRACE((uint32_t)number);
    else
        return err_set(err, ERR_INVALID, "seccomp action \"%s\" is unknown", name ? name : "");
    return 0;
}

static int add_architectures(scmp_filter_ctx filter, const json_t *o, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = json_get_strv(o, "linux.seccomp", "architectures", &names, err);

    for (size_t i = 0; r == 0 && names && names[i]; i++) {
        const char *name = str_after(names[i], "SCMP_ARCH_");
        char lower[32] = "";
        for (size_t k = 0; name && name[k] && k + 1 < sizeof(lower); k++)
            lower[k] = (char)(name[k] >= 'A' && name[k] <= 'Z' ? name[k] + 32 : name[k]);
        uint32_t arch = seccomp_arch_resolve_name(lower);
        if (!arch)
            return err_set(err, ERR_INVALID, "seccomp architecture \"%s\" is unknown", names[i]);
        r = seccomp_arch_add(filter, arch);
        if (r == -EEXIST)
            r = 0;
        if (r < 0)
            return err_errno(err, r, "seccomp architecture %s", names[i]);
    }
    return r;
}

static int parse_arg(const json_t *o, struct scmp_arg_cmp *ret, struct err *err)
{
    static const struct {
        const char *name;
        enum scmp_compare op;
    } ops[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
               {"SCMP_CMP_LT", SCMP_CMP_LT},
               {"SCMP_CMP_LE", SCMP_CMP_LE},
               {"SCMP_CMP_EQ", SCMP_CMP_EQ},
               {"SCMP_CMP_GE", SCMP_CMP_GE},
               {"SCMP_CMP_GT", SCMP_CMP_GT},
               {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
    static const char where[] = "linux.seccomp.syscalls.args";
    int64_t index = -1, value = 0, value_two = 0;
    const char *op = NULL;
    int r;

    /* Values are unsigned 64-bit; the upper half arrives as negative numbers (oci/spec.c). */
    if ((r = json_get_i64(o, where, "index", &index, err)) < 0 ||
        (r = json_get_i64(o, where, "value", &value, err)) < 0 ||
        (r = json_get_i64(o, where, "valueTwo", &value_two, err)) < 0 ||
        (r = json_get_str(o, where, "op", &op, err)) < 0)
        return r;
    if (index < 0 || index > 5)
        return err_set(err, ERR_INVALID, "%s: index must be in 0..5", where);
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        if (str_eq(op, ops[i].name)) {
            *ret = (struct scmp_arg_cmp){.arg = (unsigned)index,
                                         .op = ops[i].op,
                                         .datum_a = (uint64_t)value,
                                         .datum_b = (uint64_t)value_two};
            return 0;
        }
    return err_set(err, ERR_INVALID, "%s: op \"%s\" is unknown", where, op ? op : "");
}

static int add_rule(scmp_filter_ctx filter, uint32_t action, const char *name,
                    const struct scmp_arg_cmp *args, unsigned n, struct err *err)
{
    int nr = seccomp_syscall_resolve_name(name);

    /* Profiles name calls of every architecture and of newer kernels. */
    if (nr == __NR_SCMP_ERROR)
        return 0;
    /* Two conditions on one argument cannot stand in one rule: any of them holding is enough, as
     * libcontainer decided. */
    bool repeated = false;
    unsigned seen = 0;
    for (unsigned i = 0; i < n; i++) {
        repeated |= (seen & (1U << args[i].arg)) != 0;
        seen |= 1U << args[i].arg;
    }
    int r = 0;
    if (repeated)
        for (unsigned i = 0; r == 0 && i < n; i++)
            r = seccomp_rule_add_array(filter, action, nr, 1, &args[i]);
    else
        r = seccomp_rule_add_array(filter, action, nr, n, args);
    if (r == -EEXIST)
        r = 0;
    return r < 0 ? err_errno(err, r, "seccomp rule for %s", name) : 0;
}

static int add_syscall_entry(scmp_filter_ctx filter, const json_t *o, uint32_t default_action,
                             struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    struct scmp_arg_cmp args[6];
    json_t *list = NULL;
    uint32_t action = 0;
    int r;

    if (!json_is_object(o))
        return err_set(err, ERR_INVALID, "linux.seccomp.syscalls must hold objects");
    if ((r = json_get_strv(o, "linux.seccomp.syscalls", "names", &names, err)) < 0 ||
        (r = parse_action(o, "action", "errnoRet", &action, err)) < 0 ||
        (r = json_get_array(o, "linux.seccomp.syscalls", "args", &list, err)) < 0)
        return r;
    size_t n = json_array_size(list);
    if (n > ARRAY_SIZE(args))
        return err_set(err, ERR_INVALID, "linux.seccomp.syscalls.args has more than 6 entries");
    for (size_t i = 0; i < n; i++)
        if ((r = parse_arg(json_array_get(list, i), &args[i], err)) < 0)
            return r;
    if (action == default_action)
        return 0;
    for (size_t i = 0; r == 0 && names && names[i]; i++)
        r = add_rule(filter, action, names[i], args, (unsigned)n, err);
    return r;
}

static const struct {
    const char *name;
    unsigned flag;
} known_flags[] = {{"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
                   {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
                   {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
                   {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", FLAG_WAIT_KILLABLE_RECV}};

int seccomp_flags(const json_t *o, unsigned *ret, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    unsigned flags = 0;
    int r = json_get_strv(o, "linux.seccomp", "flags", &names, err);

    for (size_t i = 0; r == 0 && names && names[i]; i++) {
        size_t k = 0;
        while (k < ARRAY_SIZE(known_flags) && !str_eq(names[i], known_flags[k].name))
            k++;
        if (k == ARRAY_SIZE(known_flags))
            return err_set(err, ERR_UNSUPPORTED, "seccomp flag \"%s\" is not supported", names[i]);
        flags |= known_flags[k].flag;
    }
    /* It only means something where there is a listener, and is refused elsewhere. */
    if (str_empty(json_str_or(o, "listenerPath", "")))
        flags &= ~FLAG_WAIT_KILLABLE_RECV;
    if (r == 0)
        *ret = flags;
    return r;
}

bool seccomp_flag_supported(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(known_flags); i++) {
        if (!str_eq(name, known_flags[i].name))
            continue;
        unsigned long flags = known_flags[i].flag;
        if (flags == FLAG_WAIT_KILLABLE_RECV)
            flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
        /* A kernel that knows the flags goes on to look at the filter, which is nowhere. */
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, NULL) < 0 && errno == EFAULT;
    }
    return false;
}

static int export_filter(scmp_filter_ctx filter, struct err *err)
{
    _cleanup_close_ int fd = memfd_create("seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return err_errno(err, errno, "memfd for the seccomp filter");
    int r = seccomp_export_bpf(filter, fd);
    if (r < 0)
        return err_errno(err, r, "compile the seccomp filter");
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return err_errno(err, errno, "seal the seccomp filter");
    return TAKE_FD(fd);
}

int seccomp_compile(const json_t *seccomp, int *ret_fd, struct err *err)
{
    _cleanup_(filter_release)
    scmp_filter_ctx filter = NULL;
    uint32_t default_action = 0;
    json_t *syscalls = NULL;
    int r;

    if ((r = parse_action(seccomp, "defaultAction", "defaultErrnoRet", &default_action, err)) < 0 ||
        (r = json_get_array(seccomp, "linux.seccomp", "syscalls", &syscalls, err)) < 0)
        return r;
    filter = seccomp_init(default_action);
    if (!filter)
        return err_set(err, ERR_INTERNAL, "the seccomp filter cannot be made");
    /* no_new_privs is the runtime's decision, not the filter's. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    if ((r = add_architectures(filter, seccomp, err)) < 0)
        return r;
    for (size_t i = 0; i < json_array_size(syscalls); i++)
        if ((r = add_syscall_entry(filter, json_array_get(syscalls, i), default_action, err)) < 0)
            return r;
    int fd = export_filter(filter, err);
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

int seccomp_wants_listener(const json_t *seccomp, bool *ret, struct err *err)
{
    const char *path = json_str_or(seccomp, "listenerPath", "");
    const json_t *list = json_object_get(seccomp, "syscalls");
    bool wanted = false;

    /* Every call of the runtime's own would wait for somebody who does not have the listener. */
    if (str_eq(json_str_or(seccomp, "defaultAction", ""), "SCMP_ACT_NOTIFY"))
        return err_set(err, ERR_INVALID,
                       "SCMP_ACT_NOTIFY cannot be used as the default seccomp action");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i), *names = json_object_get(o, "names");
        if (!str_eq(json_str_or(o, "action", ""), "SCMP_ACT_NOTIFY"))
            continue;
        wanted = true;
        for (size_t k = 0; k < json_array_size(names); k++)
            if (str_eq(json_string_value(json_array_get(names, k)), "sendmsg"))
                return err_set(err, ERR_INVALID,
                               "SCMP_ACT_NOTIFY cannot be used for sendmsg, by which the listener "
                               "is handed over");
    }
    if (wanted && !*path)
        return err_set(err, ERR_INVALID,
                       "seccomp action SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath");
    *ret = wanted;
    return 0;
}

char *seccomp_listener_message(const json_t *seccomp, const char *oci_version, pid_t pid,
                               json_t *state)
{
    _cleanup_json_ json_t *o = json_object();
    json_t *fds = json_array();

    json_set_str(o, "ociVersion", oci_version);
    (void)json_array_append_new(fds, json_string("seccompFd"));
    json_set_take(o, "fds", fds);
    json_set_i64(o, "pid", pid);
    json_set_str(o, "metadata", json_str_or(seccomp, "listenerMetadata", ""));
    json_set_take(o, "state", state);
    return json_print(o);
}

static void program_done(struct sock_fprog *program)
{
    free(program->filter);
}

static int load_program(int fd, struct sock_fprog *ret, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_errno(err, errno, "seccomp filter");
    size_t n = (size_t)st.st_size / sizeof(struct sock_filter);
    if (n == 0 || n > BPF_MAXINSNS || (size_t)st.st_size % sizeof(struct sock_filter))
        return err_set(err, ERR_INVALID, "the seccomp filter has a wrong size");
    _cleanup_free_ struct sock_filter *insns = xmalloc((size_t)st.st_size);
    if (pread(fd, insns, (size_t)st.st_size, 0) != st.st_size)
        return err_errno(err, errno, "read the seccomp filter");
    *ret = (struct sock_fprog){.len = (unsigned short)n, .filter = TAKE_PTR(insns)};
    return 0;
}

int seccomp_install(int fd, unsigned flags, struct err *err)
{
    _cleanup_(program_done)
    struct sock_fprog program = {0};
    int r = load_program(fd, &program, err);

    if (r < 0)
        return r;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, (unsigned long)flags, &program) == 0)
        return 0;
    if (errno != ENOSYS || flags)
        return err_errno(err, errno, "install the seccomp filter");
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
        return err_errno(err, errno, "install the seccomp filter");
    return 0;
}

int seccomp_install_listener(int fd, unsigned flags, int sock, const char *message, struct err *err)
{
    _cleanup_(program_done)
    struct sock_fprog program = {0};
    int r = load_program(fd, &program, err);

    if (r < 0)
        return r;
    /* There is but one thread to synchronise, and the two do not go together. */
    flags &= ~(unsigned)SECCOMP_FILTER_FLAG_TSYNC;
    _cleanup_close_ int listener =
        (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                     (unsigned long)flags | SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
    if (listener < 0)
        return err_errno(err, errno, "install the seccomp filter with a listener");
    r = send_fds(sock, message, strlen(message), &listener, 1);
    return r < 0 ? err_errno(err, r, "hand over the seccomp listener") : 0;
}
