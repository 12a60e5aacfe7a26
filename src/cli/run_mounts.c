/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --volume, --mount, --tmpfs, --volumes-from. */
#include <errno.h>
#include <limits.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/run.h"

static json_t *sub_object(json_t *o, const char *key)
{
    json_t *s = json_object_get(o, key);
    if (!s) {
        s = json_object();
        json_set_take(o, key, s);
    }
    return s;
}

static void set_pair(json_t *o, const char *pair)
{
    size_t n = strcspn(pair, "=");
    _cleanup_free_ char *key = xstrndup(pair, n);
    json_set_str(o, key, pair[n] ? pair + n + 1 : "");
}

static int mount_bool(json_t *o, const char *field, const char *key, const char *value,
                      struct err *err)
{
    bool b = true;
    if (value && parse_bool(value, &b) < 0)
        return err_set(err, ERR_INVALID, "invalid value for %s: %s", field, value);
    if (b)
        json_set_bool(o, key, b);
    return 0;
}

/* A field of the mount's kind: bind-*, volume-*, tmpfs-*. 1 when it is none. */
static int mount_kind_field(json_t *m, const char *key, const char *value, struct err *err)
{
    int64_t n = 0;
    mode_t mode = 0;
    if (str_eq(key, "bind-propagation")) {
        json_set_str(sub_object(m, "BindOptions"), "Propagation", value);
    } else if (str_eq(key, "bind-nonrecursive")) {
        return mount_bool(sub_object(m, "BindOptions"), key, "NonRecursive", value, err);
    } else if (str_eq(key, "bind-recursive")) {
        if (str_eq(value, "disabled"))
            json_set_bool(sub_object(m, "BindOptions"), "NonRecursive", true);
        else if (str_eq(value, "writable"))
            json_set_bool(sub_object(m, "BindOptions"), "ReadOnlyNonRecursive", true);
        else if (str_eq(value, "readonly"))
            json_set_bool(sub_object(m, "BindOptions"), "ReadOnlyForceRecursive", true);
        else if (!str_eq(value, "enabled"))
            return err_set(err, ERR_INVALID,
                           "invalid value for bind-recursive: %s (must be \"enabled\", "
                           "\"disabled\", \"writable\", or \"readonly\")",
                           value);
    } else if (str_eq(key, "bind-create-src")) {
        return mount_bool(sub_object(m, "BindOptions"), key, "CreateMountpoint", value, err);
    } else if (str_eq(key, "volume-nocopy")) {
        return mount_bool(sub_object(m, "VolumeOptions"), key, "NoCopy", value, err);
    } else if (str_eq(key, "volume-subpath")) {
        json_set_str(sub_object(m, "VolumeOptions"), "Subpath", value);
    } else if (str_eq(key, "volume-label")) {
        set_pair(sub_object(sub_object(m, "VolumeOptions"), "Labels"), value);
    } else if (str_eq(key, "volume-driver")) {
        json_set_str(sub_object(sub_object(m, "VolumeOptions"), "DriverConfig"), "Name", value);
    } else if (str_eq(key, "volume-opt")) {
        set_pair(sub_object(sub_object(sub_object(m, "VolumeOptions"), "DriverConfig"), "Options"),
                 value);
    } else if (str_eq(key, "tmpfs-size")) {
        if (parse_ram_bytes(value, &n, NULL) < 0)
            return err_set(err, ERR_INVALID, "invalid value for %s: %s", key, value);
        json_set_i64(sub_object(m, "TmpfsOptions"), "SizeBytes", n);
    } else if (str_eq(key, "tmpfs-mode")) {
        if (parse_mode(value, &mode) < 0)
            return err_set(err, ERR_INVALID, "invalid value for %s: %s", key, value);
        json_set_i64(sub_object(m, "TmpfsOptions"), "Mode", mode);
    } else {
        return 1;
    }
    return 0;
}

static int mount_field(json_t *m, const char *field, struct err *err)
{
    size_t n = strcspn(field, "=");
    _cleanup_free_ char *key = xstrndup(field, n);
    for (char *p = key; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p | 0x20);
    const char *value = field[n] ? field + n + 1 : NULL;
    static const char *const flags[] = {"readonly", "ro", "volume-nocopy", "bind-nonrecursive",
                                        "bind-create-src"};
    bool flag = false;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        flag = flag || str_eq(key, flags[i]);
    if (!value && !flag)
        return err_set(err, ERR_INVALID, "invalid field '%s' must be a key=value pair", field);
    if (str_eq(key, "type")) {
        json_set_str(m, "Type", value);
    } else if (str_eq(key, "source") || str_eq(key, "src")) {
        json_set_str(m, "Source", value);
    } else if (str_eq(key, "target") || str_eq(key, "dst") || str_eq(key, "destination")) {
        json_set_str(m, "Target", value);
    } else if (str_eq(key, "readonly") || str_eq(key, "ro")) {
        return mount_bool(m, key, "ReadOnly", value, err);
    } else if (str_eq(key, "consistency")) {
        json_set_str(m, "Consistency", value);
    } else {
        int r = mount_kind_field(m, key, value, err);
        if (r == 1)
            return err_set(err, ERR_INVALID, "unexpected key '%s' in '%s'", key, field);
        return r;
    }
    return 0;
}

json_t *parse_mount(const char *text, struct err *err)
{
    _cleanup_json_ json_t *m = json_object();
    json_set_str(m, "Type", "volume");
    _cleanup_strv_ char **fields = str_split(text, ',');
    for (char **f = fields; *f; f++)
        if (mount_field(m, *f, err) < 0)
            return NULL;
    const char *type = json_str_or(m, "Type", "");
    const char *source = json_str_or(m, "Source", "");
    static const struct {
        const char *key, *type, *name;
    } kinds[] = {{"BindOptions", "bind", "bind-*"},
                 {"VolumeOptions", "volume", "volume-*"},
                 {"TmpfsOptions", "tmpfs", "tmpfs-*"}};
    if (!*type)
        (void)err_set(err, ERR_INVALID, "type is required");
    else if (!*json_str_or(m, "Target", ""))
        (void)err_set(err, ERR_INVALID, "target is required");
    else
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
            if (json_object_get(m, kinds[i].key) && !str_eq(type, kinds[i].type)) {
                (void)err_set(err, ERR_INVALID, "cannot mix '%s' options with mount type '%s'",
                              kinds[i].name, type);
                return NULL;
            }
    if (!*type || !*json_str_or(m, "Target", ""))
        return NULL;
    if (str_eq(type, "bind") && (source[0] == '.' || source[0] == '~')) {
        char real[PATH_MAX];
        if (realpath(source, real))
            json_set_str(m, "Source", real);
    }
    return TAKE_PTR(m);
}

/* "src:dst[:mode]" has a source; its own directory names are made absolute. */
static void add_volume(const char *v, json_t *config, json_t *binds)
{
    if (!strchr(v, ':')) {
        json_set_take(json_object_get(config, "Volumes"), v, json_object());
        return;
    }
    if (v[0] == '.') {
        size_t n = strcspn(v, ":");
        _cleanup_free_ char *source = xstrndup(v, n);
        char cwd[PATH_MAX];
        if (getcwd(cwd, sizeof(cwd))) {
            _cleanup_free_ char *joined = xasprintf("%s/%s", cwd, source);
            _cleanup_free_ char *clean = path_clean(joined);
            _cleanup_free_ char *full = xasprintf("%s%s", clean, v + n);
            (void)json_array_append_new(binds, json_str_new(full));
            return;
        }
    }
    (void)json_array_append_new(binds, json_str_new(v));
}

int run_mounts(const struct args *a, json_t *config, json_t *host, struct err *err)
{
    json_t *binds = json_array();
    json_set_take(config, "Volumes", json_object());
    for (char *const *v = args_list(a, "volume"); v && *v; v++)
        add_volume(*v, config, binds);
    json_set_take(host, "Binds", json_array_size(binds) ? json_incref(binds) : json_null());
    json_decref(binds);
    json_set_take(host, "VolumesFrom", json_strv(args_list(a, "volumes-from"), true));
    json_set_str(host, "VolumeDriver", args_str(a, "volume-driver"));
    char *const *tmpfs = args_list(a, "tmpfs");
    for (char *const *t = tmpfs; t && *t; t++) {
        size_t n = strcspn(*t, ":");
        _cleanup_free_ char *path = xstrndup(*t, n);
        json_set_str(sub_object(host, "Tmpfs"), path, (*t)[n] ? *t + n + 1 : "");
    }
    char *const *mounts = args_list(a, "mount");
    if (!mounts)
        return 0;
    json_t *list = json_array();
    json_set_take(host, "Mounts", list);
    for (char *const *m = mounts; *m; m++) {
        json_t *mount = parse_mount(*m, err);
        if (!mount)
            return -EINVAL;
        (void)json_array_append_new(list, mount);
    }
    return 0;
}
