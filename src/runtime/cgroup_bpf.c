/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cgroup v2 has no device files: a small eBPF program decides (BPF_PROG_TYPE_CGROUP_DEVICE).
 *
 * Rules are tried from the last to the first, keeping the access bits nobody has decided yet:
 *   - a rule that matches the device and denies one of those bits ends with "no";
 *   - one that allows takes its bits away, and ends with "yes" when none is left;
 *   - what remains at the end is denied.
 * This is what writing the rules in order to cgroup v1's files would give. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "runtime/cgroup.h"

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)

enum { R_ACCESS = BPF_REG_2, R_TYPE = BPF_REG_3, R_MAJOR = BPF_REG_4, R_MINOR = BPF_REG_5 };

struct program {
    struct bpf_insn *insns; /* owned */
    size_t n, cap;
};

static void emit(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off,
                 int32_t imm)
{
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->insns = xrealloc_array(p->insns, p->cap, sizeof(*p->insns));
    }
    p->insns[p->n++] = (struct bpf_insn){
        .code = code, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = off, .imm = imm};
}

static void emit_return(struct program *p, int value)
{
    emit(p, BPF_ALU | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_prologue(struct program *p)
{
    /* struct bpf_cgroup_dev_ctx { u32 access_type (access << 16 | type), major, minor } in r1 */
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_TYPE, BPF_REG_1, 0, 0);
    emit(p, BPF_ALU | BPF_MOV | BPF_X, R_ACCESS, R_TYPE, 0, 0);
    emit(p, BPF_ALU | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
    emit(p, BPF_ALU | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_MAJOR, BPF_REG_1, 4, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R_MINOR, BPF_REG_1, 8, 0);
}

static int32_t access_bits(const struct oci_device_rule *rule)
{
    return (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) | (rule->read ? BPF_DEVCG_ACC_READ : 0) |
           (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
}

/* Lets the jumps in [first, end) go to the end of the program as it is now. */
static void land_here(struct program *p, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        p->insns[i].off = (int16_t)(p->n - i - 1);
}

static void emit_number_tests(struct program *p, const struct oci_device_rule *rule)
{
    if (rule->major >= 0)
        emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_MAJOR, 0, 0, (int32_t)(uint32_t)rule->major);
    if (rule->minor >= 0)
        emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_MINOR, 0, 0, (int32_t)(uint32_t)rule->minor);
}

/* What happens to a device that the rule is about. */
static void emit_verdict(struct program *p, const struct oci_device_rule *rule)
{
    if (rule->allow && access_bits(rule) == ACCESS_ALL) {
        emit_return(p, 1);
    } else if (rule->allow) {
        emit(p, BPF_ALU | BPF_AND | BPF_K, R_ACCESS, 0, 0, ~access_bits(rule));
        emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_ACCESS, 0, 2, 0);
        emit_return(p, 1);
    } else {
        emit(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_0, R_ACCESS, 0, 0);
        emit(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_0, 0, 0, access_bits(rule));
        emit(p, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 0);
        emit_return(p, 0);
    }
}

/* The rules [first, end) are of one type: from the last to the first, behind one test of the type.
 * Every branch costs time when the kernel verifies the program, which is at each start. */
static void emit_group(struct program *p, const struct oci_device_rule *rules, size_t first,
                       size_t end)
{
    char type = rules[first].type;
    size_t start = p->n;

    if (type != 'a')
        emit(p, BPF_JMP32 | BPF_JNE | BPF_K, R_TYPE, 0, 0,
             type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    for (size_t i = end; i > first; i--) {
        size_t tests = p->n;
        emit_number_tests(p, &rules[i - 1]);
        size_t verdict = p->n;
        emit_verdict(p, &rules[i - 1]);
        land_here(p, tests, verdict);
    }
    if (type != 'a')
        land_here(p, start, start + 1);
}

/* True for a rule that decides about every device and access. */
static bool decides_all(const struct oci_device_rule *rule)
{
    return rule->type == 'a' && rule->major < 0 && rule->minor < 0 &&
           access_bits(rule) == ACCESS_ALL;
}

static void emit_program(struct program *p, const struct oci_device_rule *rules, size_t n)
{
    size_t first = 0;
    bool otherwise = false;

    /* The last all-embracing rule decides what the later ones leave, and makes the earlier ones
     * void. */
    for (size_t i = 0; i < n; i++)
        if (decides_all(&rules[i])) {
            first = i + 1;
            otherwise = rules[i].allow;
        }
    emit_prologue(p);
    for (size_t end = n; end > first;) {
        size_t start = end - 1;
        while (start > first && rules[start - 1].type == rules[end - 1].type)
            start--;
        emit_group(p, rules, start, end);
        end = start;
    }
    emit_return(p, otherwise);
}

static int sys_bpf(int cmd, union bpf_attr *attr)
{
    int r = (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));

    return r < 0 ? -errno : r;
}

static int load(const struct program *p)
{
    static const char license[] = "GPL";
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uint64_t)(uintptr_t)p->insns;
    attr.insn_cnt = (uint32_t)p->n;
    attr.license = (uint64_t)(uintptr_t)license;
    return sys_bpf(BPF_PROG_LOAD, &attr);
}

/* The one device program of ours that the directory has, to be replaced: its descriptor or -1. */
static int attached(int dir_fd)
{
    uint32_t ids[2] = {0};
    union bpf_attr attr;

    memset(&attr, 0, sizeof(attr));
    attr.query.target_fd = (uint32_t)dir_fd;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
    attr.query.prog_cnt = ARRAY_SIZE(ids);
    if (sys_bpf(BPF_PROG_QUERY, &attr) < 0 || attr.query.prog_cnt != 1)
        return -1;
    memset(&attr, 0, sizeof(attr));
    attr.prog_id = ids[0];
    int fd = sys_bpf(BPF_PROG_GET_FD_BY_ID, &attr);
    return fd < 0 ? -1 : fd;
}

static bool allows_all(const struct oci_device_rule *rules, size_t n)
{
    bool all = false;

    for (size_t i = 0; i < n; i++)
        if (!rules[i].allow)
            all = false;
        else if (decides_all(&rules[i]))
            all = true;
    return all;
}

int cgroup_bpf_attach(int dir_fd, const struct oci_device_rule *rules, size_t n, struct err *err)
{
    struct program p = {0};
    union bpf_attr attr;

    _cleanup_close_ int old = attached(dir_fd);
    if (old < 0 && allows_all(rules, n))
        return 0;
    emit_program(&p, rules, n);
    int fd = load(&p);
    free(p.insns);
    if (fd < 0)
        return err_errno(err, fd, "load the device program (bpf)");
    _cleanup_close_ int prog = fd;

    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)dir_fd;
    attr.attach_bpf_fd = (uint32_t)prog;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (old >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)old;
    }
    int r = sys_bpf(BPF_PROG_ATTACH, &attr);
    return r < 0 ? err_errno(err, r, "attach the device program (bpf)") : 0;
}
