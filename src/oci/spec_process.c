/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process object of config.json (runtime-spec config.md#process). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/str.h"
#include "oci/spec_internal.h"

static int parse_user(const json_t *process, struct oci_user *user, struct err *err)
{
    static const char where[] = "process.user";
    json_t *o = NULL, *gids = NULL;
    int r;

    if ((r = json_get_object(process, "process", "user", &o, err)) < 0 || !o)
        return r;
    if ((r = spec_get_u32(o, where, "uid", &user->uid, NULL, err)) < 0 ||
        (r = spec_get_u32(o, where, "gid", &user->gid, NULL, err)) < 0 ||
        (r = spec_get_u32(o, where, "umask", &user->umask, &user->has_umask, err)) < 0 ||
        (r = json_get_array(o, where, "additionalGids", &gids, err)) < 0)
        return r;
    /* (uid_t)-1 means "no change" to the kernel. */
    if (user->uid == UINT32_MAX || user->gid == UINT32_MAX)
        return err_set(err, ERR_INVALID, "field \"%s\" holds an id out of range", where);
    if (user->has_umask && user->umask > 0777)
        return err_set(err, ERR_INVALID, "field \"%s.umask\" must be at most 0777", where);
    size_t n = json_array_size(gids);
    if (n > 65536)
        return err_set(err, ERR_INVALID, "field \"%s.additionalGids\" has too many groups", where);
    user->additional_gids = n ? XNEW_ARRAY(uint32_t, n) : NULL;
    for (size_t i = 0; i < n; i++) {
        const json_t *g = json_array_get(gids, i);
        if (!json_is_integer(g) || json_integer_value(g) < 0 || json_integer_value(g) >= UINT32_MAX)
            return err_set(err, ERR_INVALID, "field \"%s.additionalGids\" must hold group ids",
                           where);
        user->additional_gids[user->n_additional_gids++] = (uint32_t)json_integer_value(g);
    }
    return 0;
}

static int parse_capability_set(const json_t *o, const char *key, uint64_t *ret, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = json_get_strv(o, "process.capabilities", key, &names, err);

    if (r < 0)
        return r;
    for (size_t i = 0; names && names[i]; i++) {
        int cap = oci_capability_parse(names[i]);
        /* Unknown ones are what an older kernel or runtime cannot grant: skipped, as the spec
         * asks, since a container never gets more by it. */
        if (cap >= 0)
            *ret |= UINT64_C(1) << cap;
    }
    return 0;
}

static int parse_capabilities(const json_t *process, struct oci_capabilities *caps, struct err *err)
{
    json_t *o = NULL;
    int r = json_get_object(process, "process", "capabilities", &o, err);

    if (r < 0 || !o)
        return r;
    caps->set = true;
    if ((r = parse_capability_set(o, "bounding", &caps->bounding, err)) < 0 ||
        (r = parse_capability_set(o, "effective", &caps->effective, err)) < 0 ||
        (r = parse_capability_set(o, "inheritable", &caps->inheritable, err)) < 0 ||
        (r = parse_capability_set(o, "permitted", &caps->permitted, err)) < 0 ||
        (r = parse_capability_set(o, "ambient", &caps->ambient, err)) < 0)
        return r;
    return 0;
}

static int parse_rlimits(const json_t *process, struct oci_process *p, struct err *err)
{
    json_t *a = NULL;
    int r = json_get_array(process, "process", "rlimits", &a, err);
    size_t n = json_array_size(a);

    if (r < 0 || n == 0)
        return r;
    if (n > 64)
        return err_set(err, ERR_INVALID, "field \"process.rlimits\" has too many entries");
    p->rlimits = XNEW_ARRAY(struct oci_rlimit, n);
    for (size_t i = 0; i < n; i++) {
        const char *type = NULL;
        int64_t soft = 0, hard = 0;
        json_t *o = spec_array_object(a, "process.rlimits", i, err);
        if (!o)
            return -EINVAL;
        if ((r = json_get_str(o, "process.rlimits", "type", &type, err)) < 0 ||
            (r = json_get_i64(o, "process.rlimits", "soft", &soft, err)) < 0 ||
            (r = json_get_i64(o, "process.rlimits", "hard", &hard, err)) < 0)
            return r;
        int number = type ? oci_rlimit_parse(type) : -EINVAL;
        if (number < 0)
            return err_set(err, ERR_INVALID, "invalid rlimit type: %s", type ? type : "");
        for (size_t k = 0; k < p->n_rlimits; k++)
            if (p->rlimits[k].type == number)
                return err_set(err, ERR_INVALID, "rlimit %s is given twice", type);
        /* Negative numbers are the upper half of 64 bits: see fold_u64() in spec.c. */
        struct oci_rlimit *l = &p->rlimits[p->n_rlimits++];
        *l = (struct oci_rlimit){.type = number, .soft = (uint64_t)soft, .hard = (uint64_t)hard};
        if (l->soft > l->hard)
            return err_set(err, ERR_INVALID, "rlimit %s: soft is above hard", type);
    }
    return 0;
}

static int parse_console_size(const json_t *process, struct oci_process *p, struct err *err)
{
    json_t *o = NULL;
    uint32_t height = 0, width = 0;
    int r = json_get_object(process, "process", "consoleSize", &o, err);

    if (r < 0 || !o)
        return r;
    if ((r = spec_get_u32(o, "process.consoleSize", "height", &height, NULL, err)) < 0 ||
        (r = spec_get_u32(o, "process.consoleSize", "width", &width, NULL, err)) < 0)
        return r;
    if (height > UINT16_MAX || width > UINT16_MAX)
        return err_set(err, ERR_INVALID, "field \"process.consoleSize\" is out of range");
    p->console_height = (uint16_t)height;
    p->console_width = (uint16_t)width;
    return 0;
}

static int parse_process(const json_t *j, struct oci_process *p, struct err *err)
{
    int r;

    if ((r = json_get_bool(j, "process", "terminal", &p->terminal, err)) < 0 ||
        (r = parse_console_size(j, p, err)) < 0 || (r = parse_user(j, &p->user, err)) < 0 ||
        (r = json_get_strv(j, "process", "args", &p->args, err)) < 0 ||
        (r = json_get_strv(j, "process", "env", &p->env, err)) < 0 ||
        (r = spec_get_str(j, "process", "cwd", &p->cwd, err)) < 0 ||
        (r = parse_capabilities(j, &p->caps, err)) < 0 || (r = parse_rlimits(j, p, err)) < 0 ||
        (r = json_get_bool(j, "process", "noNewPrivileges", &p->no_new_privileges, err)) < 0 ||
        (r = spec_get_str(j, "process", "apparmorProfile", &p->apparmor_profile, err)) < 0 ||
        (r = spec_get_str(j, "process", "selinuxLabel", &p->selinux_label, err)) < 0)
        return r;

    const json_t *adj = json_object_get(j, "oomScoreAdj");
    p->has_oom_score_adj = adj && !json_is_null(adj);
    if ((r = json_get_int(j, "process", "oomScoreAdj", &p->oom_score_adj, err)) < 0)
        return r;
    if (p->oom_score_adj < -1000 || p->oom_score_adj > 1000)
        return err_set(err, ERR_INVALID, "field \"process.oomScoreAdj\" must be in -1000..1000");
    if ((r = spec_parse_sched(j, p, err)) < 0)
        return r;
    if (!p->args)
        return err_set(err, ERR_INVALID, "args must not be empty");
    if (!p->cwd || p->cwd[0] != '/')
        return err_set(err, ERR_INVALID, "Cwd must be an absolute path");
    return 0;
}

int oci_process_parse(const json_t *j, struct oci_process *ret, struct err *err)
{
    struct oci_process p = {0};

    if (!json_is_object(j))
        return err_set(err, ERR_INVALID, "field \"process\" must be an object");
    int r = parse_process(j, &p, err);
    if (r < 0) {
        oci_process_done(&p);
        return r;
    }
    *ret = p;
    return 0;
}

void oci_process_done(struct oci_process *p)
{
    if (!p)
        return;
    strv_free(p->args);
    strv_free(p->env);
    free(p->cwd);
    free(p->rlimits);
    free(p->user.additional_gids);
    free(p->apparmor_profile);
    free(p->selinux_label);
    *p = (struct oci_process){0};
}
