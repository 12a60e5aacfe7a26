/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Docker's seccomp profile format (rules that depend on capabilities, architecture and kernel
 * version) to the runtime-spec's linux.seccomp. */
#include <errno.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/str.h"
#include "container/caps.h"
#include "container/spec.h"
#include "oci/spec.h"

/* The built-in profile, as text. */
__asm__(".pushsection .rodata\n"
        ".balign 8\n"
        "container_seccomp_default_start:\n"
        ".incbin \"" SECCOMP_DEFAULT_JSON "\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char container_seccomp_default_start[] __attribute__((visibility("hidden")));

#if defined(__x86_64__)
#define NATIVE_ARCH "SCMP_ARCH_X86_64"
#define GO_ARCH     "amd64"
#elif defined(__aarch64__)
#define NATIVE_ARCH "SCMP_ARCH_AARCH64"
#define GO_ARCH     "arm64"
#elif defined(__riscv)
#define NATIVE_ARCH "SCMP_ARCH_RISCV64"
#define GO_ARCH     "riscv64"
#elif defined(__s390x__)
#define NATIVE_ARCH "SCMP_ARCH_S390X"
#define GO_ARCH     "s390x"
#elif defined(__powerpc64__)
#define NATIVE_ARCH "SCMP_ARCH_PPC64LE"
#define GO_ARCH     "ppc64le"
#elif defined(__i386__)
#define NATIVE_ARCH "SCMP_ARCH_X86"
#define GO_ARCH     "x86"
#else
#define NATIVE_ARCH "SCMP_ARCH_ARM"
#define GO_ARCH     "arm"
#endif

static bool names_arch(const json_t *list)
{
    json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
        if (str_eq(json_string_value(v), GO_ARCH))
            return true;
    return false;
}

/* The two numbers that a kernel release such as "6.1.0-18-amd64" starts with. */
static bool parse_release(const char *s, uint32_t *ret_major, uint32_t *ret_minor)
{
    char text[32];

    snprintf(text, sizeof(text), "%.*s", (int)strspn(s, "0123456789."), s);

    char *minor = strchr(text, '.');

    if (!minor)
        return false;
    *minor++ = '\0';
    minor[strcspn(minor, ".")] = '\0';
    return parse_u32(text, ret_major) == 0 && parse_u32(minor, ret_minor) == 0;
}

/* Whether the kernel is at least "major.minor". */
static bool kernel_at_least(const char *want)
{
    struct utsname u;
    uint32_t major = 0, minor = 0, want_major = 0, want_minor = 0;

    if (!want || uname(&u) < 0 || !parse_release(u.release, &major, &minor) ||
        !parse_release(want, &want_major, &want_minor))
        return false;
    return major > want_major || (major == want_major && minor >= want_minor);
}

static unsigned count_caps(const json_t *list, uint64_t caps, size_t *ret_total)
{
    unsigned have = 0;
    json_t *v;
    size_t i;

    json_array_foreach(list, i, v) {
        int n = oci_capability_parse(json_string_value(v));

        if (n >= 0 && (caps & (UINT64_C(1) << n)))
            have++;
    }
    *ret_total = json_array_size(list);
    return have;
}

/* Whether a rule applies: all included capabilities there, no excluded one, architecture, kernel.
 */
static bool rule_applies(const json_t *rule, uint64_t caps)
{
    const json_t *in = json_object_get(rule, "includes"), *ex = json_object_get(rule, "excludes");
    const json_t *arches = json_object_get(in, "arches");
    const char *kernel = json_str_or(in, "minKernel", NULL);
    size_t total = 0;

    if (json_array_size(arches) > 0 && !names_arch(arches))
        return false;
    if (count_caps(json_object_get(in, "caps"), caps, &total) < total)
        return false;
    if (kernel && !kernel_at_least(kernel))
        return false;
    if (names_arch(json_object_get(ex, "arches")))
        return false;
    if (count_caps(json_object_get(ex, "caps"), caps, &total) > 0)
        return false;
    kernel = json_str_or(ex, "minKernel", NULL);
    return !(kernel && kernel_at_least(kernel));
}

static json_t *make_architectures(const json_t *profile)
{
    json_t *list = json_array(), *entry, *given = json_object_get(profile, "architectures");
    size_t i;

    if (json_array_size(given) > 0) {
        (void)json_array_extend(list, given);
        return list;
    }
    json_array_foreach(json_object_get(profile, "archMap"), i, entry)
        if (str_eq(json_str_or(entry, "architecture", ""), NATIVE_ARCH)) {
            (void)json_array_append(list, json_object_get(entry, "architecture"));
            (void)json_array_extend(list, json_object_get(entry, "subArchitectures"));
        }
    return list;
}

static int add_rule(json_t *syscalls, const json_t *rule, struct err *err)
{
    static const char *const copied[] = {"action", "errnoRet", "args"};
    json_t *names = json_object_get(rule, "names"), *name = json_object_get(rule, "name");
    json_t *out = json_object();

    if (json_is_string(name) && json_array_size(names) == 0)
        json_set_take(out, "names", json_pack("[O]", name));
    else if (json_is_array(names) && !name)
        (void)json_object_set(out, "names", names);
    for (size_t i = 0; i < ARRAY_SIZE(copied); i++) {
        json_t *v = json_object_get(rule, copied[i]);

        if (v && !json_is_null(v))
            (void)json_object_set(out, copied[i], v);
    }
    (void)json_array_append_new(syscalls, out);
    if (!json_object_get(out, "names") || !json_is_string(json_object_get(out, "action")))
        return err_set(err, ERR_INVALID,
                       "Decoding seccomp profile failed: a rule needs names and an action");
    return 0;
}

static int convert(const char *text, size_t len, uint64_t caps, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *profile = json_parse(text, len, "seccomp profile", err);
    _cleanup_json_ json_t *out = json_object();
    json_t *rule, *syscalls = json_array(), *v;
    size_t i;
    int r;

    json_set_take(out, "syscalls", syscalls);
    if (!profile)
        return -EINVAL;
    v = json_object_get(profile, "defaultAction");
    if (!json_is_string(v))
        return err_set(err, ERR_INVALID,
                       "Decoding seccomp profile failed: defaultAction is missing");
    (void)json_object_set(out, "defaultAction", v);
    v = json_object_get(profile, "defaultErrnoRet");
    if (json_is_integer(v))
        (void)json_object_set(out, "defaultErrnoRet", v);
    v = json_object_get(profile, "flags");
    if (json_array_size(v) > 0)
        (void)json_object_set(out, "flags", v);
    json_set_take(out, "architectures", make_architectures(profile));
    json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
        if (rule_applies(rule, caps) && (r = add_rule(syscalls, rule, err)) < 0)
            return r;
    *ret = TAKE_PTR(out);
    return 0;
}

int container_seccomp(const json_t *host, const char *profile, uint64_t caps, json_t **ret,
                      struct err *err)
{
    const char *chosen = profile;
    json_t *v;
    size_t i;

    json_array_foreach(json_object_get(host, "SecurityOpt"), i, v) {
        const char *s = json_string_value(v);

        if (str_after(s, "seccomp=") || str_after(s, "seccomp:"))
            chosen = s + strlen("seccomp=");
    }
    if (json_bool_or(host, "Privileged", false) || str_eq(chosen, "unconfined")) {
        *ret = NULL;
        return 0;
    }
    if (!chosen || str_eq(chosen, "builtin"))
        chosen = container_seccomp_default_start;
    return convert(chosen, strlen(chosen), caps, ret, err);
}
