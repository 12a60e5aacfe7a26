/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/mount_opts.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "base/alloc.h"
#include "base/str.h"

/* What it does: attributes to set and clear, or one of the special meanings. */
static const struct {
    const char *name;
    uint64_t set, clr;
    unsigned long propagation;
    const char *fs_flag; /* belongs to the super block: handed to the file system by this name */
    bool bind, recursive;
} known[] = {
    {"ro", .set = MOUNT_ATTR_RDONLY},
    {"rw", .clr = MOUNT_ATTR_RDONLY},
    {"nosuid", .set = MOUNT_ATTR_NOSUID},
    {"suid", .clr = MOUNT_ATTR_NOSUID},
    {"nodev", .set = MOUNT_ATTR_NODEV},
    {"dev", .clr = MOUNT_ATTR_NODEV},
    {"noexec", .set = MOUNT_ATTR_NOEXEC},
    {"exec", .clr = MOUNT_ATTR_NOEXEC},
    {"noatime", .set = MOUNT_ATTR_NOATIME, .clr = MOUNT_ATTR__ATIME},
    {"atime", .clr = MOUNT_ATTR__ATIME},
    {"relatime", .clr = MOUNT_ATTR__ATIME},
    {"norelatime", .clr = MOUNT_ATTR__ATIME},
    {"strictatime", .set = MOUNT_ATTR_STRICTATIME, .clr = MOUNT_ATTR__ATIME},
    {"nostrictatime", .clr = MOUNT_ATTR__ATIME},
    {"nodiratime", .set = MOUNT_ATTR_NODIRATIME},
    {"diratime", .clr = MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", .set = MOUNT_ATTR_NOSYMFOLLOW},
    {"symfollow", .clr = MOUNT_ATTR_NOSYMFOLLOW},
    {"defaults", .clr = 0},
    {"loud", .clr = 0},
    {"silent", .clr = 0},
    {"async", .clr = 0},
    {"norbind", .clr = 0},
    {"sync", .fs_flag = "sync"},
    {"dirsync", .fs_flag = "dirsync"},
    {"lazytime", .fs_flag = "lazytime"},
    {"nolazytime", .clr = 0},
    {"mand", .clr = 0}, /* no kernel since 5.15 knows mandatory locks */
    {"nomand", .clr = 0},
    {"iversion", .fs_flag = "iversion"},
    {"noiversion", .clr = 0},
    {"bind", .bind = true},
    {"rbind", .bind = true, .recursive = true},
    {"private", .propagation = MS_PRIVATE},
    {"rprivate", .propagation = MS_PRIVATE | MS_REC},
    {"slave", .propagation = MS_SLAVE},
    {"rslave", .propagation = MS_SLAVE | MS_REC},
    {"shared", .propagation = MS_SHARED},
    {"rshared", .propagation = MS_SHARED | MS_REC},
    {"unbindable", .propagation = MS_UNBINDABLE},
    {"runbindable", .propagation = MS_UNBINDABLE | MS_REC},
};

static int find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(known); i++)
        if (str_eq(name, known[i].name))
            return (int)i;
    return -ENOENT;
}

static void add_attr(uint64_t *set, uint64_t *clr, int i)
{
    *set = (*set & ~known[i].clr) | known[i].set;
    *clr |= known[i].clr;
    if (!(known[i].clr & MOUNT_ATTR__ATIME))
        *clr &= ~known[i].set;
}

static int add_option(struct mount_opts *o, const char *name, struct err *err)
{
    if (str_eq(name, "tmpcopyup")) {
        o->copy_up = true;
        return 0;
    }
    if (str_eq(name, "idmap") || str_eq(name, "ridmap")) {
        o->idmap_rec = name[0] == 'r';
        return 0;
    }
    if (str_eq(name, "remount"))
        return err_set(err, ERR_UNSUPPORTED, "mount option \"remount\" is not supported");
    int i = find(name);
    if (i < 0 && name[0] == 'r' && (i = find(name + 1)) >= 0 && (known[i].set || known[i].clr)) {
        add_attr(&o->rec_attr_set, &o->rec_attr_clr, i);
        return 0;
    }
    if (i < 0) {
        strv_push(&o->data, name);
        return 0;
    }
    add_attr(&o->attr_set, &o->attr_clr, i);
    if (known[i].propagation) {
        if (o->n_propagation == ARRAY_SIZE(o->propagation))
            return err_set(err, ERR_INVALID, "too many propagation options");
        o->propagation[o->n_propagation++] = known[i].propagation;
    }
    if (known[i].fs_flag)
        strv_push(&o->data, known[i].fs_flag);
    o->bind |= known[i].bind;
    o->recursive |= known[i].recursive;
    return 0;
}

int mount_opts_parse(char *const *options, struct mount_opts *ret, struct err *err)
{
    struct mount_opts o = {0};

    for (size_t i = 0; options && options[i]; i++) {
        int r = *options[i] ? add_option(&o, options[i], err) : 0;
        if (r < 0) {
            mount_opts_done(&o);
            return r;
        }
    }
    *ret = o;
    return 0;
}

json_t *mount_opts_names(void)
{
    _cleanup_strv_ char **names = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        strv_push(&names, known[i].name);
        if (known[i].set || known[i].clr)
            strv_push_take(&names, xasprintf("r%s", known[i].name));
    }
    strv_push(&names, "idmap");
    strv_push(&names, "ridmap");
    strv_push(&names, "tmpcopyup");
    return json_strv(names, false);
}

void mount_opts_done(struct mount_opts *o)
{
    strv_free(o->data);
    *o = (struct mount_opts){0};
}
