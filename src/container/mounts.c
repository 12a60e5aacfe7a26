/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/mounts.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "container/fields.h"
#include "container/request.h"

#define INVALID(...) err_set(err, ERR_INVALID, __VA_ARGS__)

struct mode {
    bool ro, nocopy, labelled;
    const char *propagation;
};

static bool is_propagation(const char *s)
{
    static const char *const names[] = {"shared", "rshared", "slave",
                                        "rslave", "private", "rprivate"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (str_eq(names[i], s))
            return true;
    return false;
}

/* "ro,z,rslave" of -v. */
static int parse_bind_mode(const char *text, char **parts, bool bind, struct mode *ret,
                           struct err *err)
{
    struct mode m = {0};
    bool access = false;

    for (size_t i = 0; parts && parts[i]; i++) {
        const char *p = parts[i];

        if (str_eq(p, "ro") || str_eq(p, "rw")) {
            if (access)
                return INVALID("invalid mode: %s", text);
            access = true;
            m.ro = str_eq(p, "ro");
        } else if (str_eq(p, "z") || str_eq(p, "Z")) {
            if (m.labelled)
                return INVALID("invalid mode: %s", text);
            m.labelled = true;
        } else if (str_eq(p, "nocopy") && !m.nocopy && !bind) {
            m.nocopy = true;
        } else if (is_propagation(p) && !m.propagation && bind) {
            m.propagation = p;
        } else {
            return INVALID("invalid mode: %s", text);
        }
    }
    *ret = m;
    return 0;
}

static json_t *mount_new(const char *type, const char *destination, const char *mode, bool rw)
{
    json_t *m = json_object();

    json_set_str(m, "Type", type);
    if (!str_eq(type, "bind") && !str_eq(type, "tmpfs"))
        json_set_str(m, "Name", "");
    json_set_str(m, "Source", "");
    json_set_str(m, "Destination", destination);
    if (str_eq(type, "volume"))
        json_set_str(m, "Driver", "local");
    json_set_str(m, "Mode", mode);
    json_set_bool(m, "RW", rw);
    json_set_str(m, "Propagation", str_eq(type, "bind") ? "rprivate" : "");
    return m;
}

/* Adds m (taken). The destination must be absolute, clean and not the root. */
static int add_mount(json_t *list, json_t *m, const char *spec, struct err *err)
{
    _cleanup_json_ json_t *mount = m;
    const char *destination = json_str_or(m, "Destination", "");
    json_t *other;
    size_t i;

    if (destination[0] != '/')
        return INVALID("invalid volume specification: '%s': invalid mount config for type \"%s\": "
                       "invalid mount path: '%s' mount path must be absolute",
                       spec, json_str_or(m, "Type", ""), destination);
    if (str_eq(destination, "/"))
        return INVALID("invalid volume specification: '%s': invalid mount config for type \"%s\": "
                       "invalid specification: destination can't be '/'",
                       spec, json_str_or(m, "Type", ""));
    if (json_array_size(list) >= LIMIT_CONTAINER_MOUNTS)
        return INVALID("a container cannot have more than %d mounts", LIMIT_CONTAINER_MOUNTS);
    json_array_foreach(list, i, other)
        if (str_eq(json_str_or(other, "Destination", ""), destination))
            return INVALID("Duplicate mount point: %s", destination);
    (void)json_array_append(list, mount);
    return 0;
}

static bool has_destination(const json_t *list, const char *destination)
{
    json_t *m;
    size_t i;

    json_array_foreach(list, i, m)
        if (str_eq(json_str_or(m, "Destination", ""), destination))
            return true;
    return false;
}

/* -v: "destination", "source:destination" or "source:destination:mode". */
static int add_bind(json_t *list, const char *spec, struct err *err)
{
    _cleanup_strv_ char **parts = str_split(spec, ':'), **modes = NULL;
    _cleanup_free_ char *destination = NULL, *source = NULL;
    size_t n = strv_len(parts);
    const char *mode = n == 3 ? parts[2] : "";
    struct mode parsed = {0};
    bool bind;
    json_t *m;
    int r;

    if (n < 2 || n > 3 || str_empty(parts[0]) || str_empty(parts[1]) || (n == 3 && str_empty(mode)))
        return INVALID("invalid volume specification: '%s'", spec);
    bind = parts[0][0] == '/';
    if (!bind && (strchr(parts[0], '/') || !container_name_valid(parts[0])))
        return INVALID("create %s: \"%s\" includes invalid characters for a local volume name, "
                       "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a "
                       "host directory, use absolute path",
                       parts[0], parts[0]);
    modes = n == 3 ? str_split(mode, ',') : NULL;
    r = parse_bind_mode(mode, modes, bind, &parsed, err);
    if (r < 0)
        return r;
    destination = path_clean(parts[1]);
    m = mount_new(bind ? "bind" : "volume", destination, n == 3 ? mode : (bind ? "" : "z"),
                  !parsed.ro);
    if (bind) {
        source = path_clean(parts[0]);
        json_set_str(m, "Source", source);
        json_set_str(m, "Propagation", parsed.propagation ? parsed.propagation : "rprivate");
        json_set_bool(m, "create", true);
    } else {
        json_set_str(m, "Name", parts[0]);
        json_set_bool(m, "copy", !parsed.nocopy);
    }
    json_set_bool(m, "explicit", true);
    return add_mount(list, m, spec, err);
}

static const struct field mount_fields[] = {
    {"Type", FIELD_STR},
    {"Source", FIELD_STR},
    {"Target", FIELD_STR},
    {"ReadOnly", FIELD_BOOL},
    {"Consistency", FIELD_STR},
    {"BindOptions", FIELD_OBJECT},
    {"VolumeOptions", FIELD_OBJECT},
    {"TmpfsOptions", FIELD_OBJECT},
    {"ImageOptions", FIELD_OBJECT, FIELD_REFUSE},
    {"ClusterOptions", FIELD_OBJECT, FIELD_REFUSE},
};
static const struct field bind_fields[] = {
    {"Propagation", FIELD_STR},
    {"NonRecursive", FIELD_BOOL},
    {"CreateMountpoint", FIELD_BOOL},
    {"ReadOnlyNonRecursive", FIELD_BOOL},
    {"ReadOnlyForceRecursive", FIELD_BOOL, FIELD_REFUSE},
};
static const struct field volume_fields[] = {
    {"NoCopy", FIELD_BOOL},
    {"Labels", FIELD_STRMAP},
    {"DriverConfig", FIELD_OBJECT},
    {"Subpath", FIELD_STR, FIELD_REFUSE},
};
static const struct field tmpfs_fields[] = {
    {"SizeBytes", FIELD_INT},
    {"Mode", FIELD_INT},
    {"Options", FIELD_ARRAY, FIELD_REFUSE},
};

static int fill_bind(json_t *m, const json_t *spec, struct err *err)
{
    const char *source = json_str_or(spec, "Source", ""), *propagation;
    _cleanup_json_ json_t *o =
        fields_normalise(bind_fields, ARRAY_SIZE(bind_fields), json_object_get(spec, "BindOptions"),
                         "BindOptions", NULL, err);
    _cleanup_free_ char *clean = NULL;
    struct stat st;

    if (!o)
        return -EINVAL;
    if (source[0] != '/')
        return INVALID(
            "invalid mount config for type \"bind\": invalid mount path: '%s' mount path "
            "must be absolute",
            source);
    propagation = json_str_or(o, "Propagation", "");
    if (!str_empty(propagation) && !is_propagation(propagation))
        return INVALID("invalid propagation mode: %s", propagation);
    if (!json_bool_or(o, "CreateMountpoint", false) && stat(source, &st) < 0)
        return INVALID("invalid mount config for type \"bind\": bind source path does not exist: "
                       "%s",
                       source);
    clean = path_clean(source);
    json_set_str(m, "Source", clean);
    json_set_str(m, "Propagation", str_empty(propagation) ? "rprivate" : propagation);
    json_set_bool(m, "create", json_bool_or(o, "CreateMountpoint", false));
    json_set_bool(m, "nonrec", json_bool_or(o, "NonRecursive", false));
    json_set_bool(m, "rononrec", json_bool_or(o, "ReadOnlyNonRecursive", false));
    return 0;
}

static int fill_volume(json_t *m, const json_t *spec, struct err *err)
{
    const char *name = json_str_or(spec, "Source", ""), *driver;
    _cleanup_json_ json_t *o =
        fields_normalise(volume_fields, ARRAY_SIZE(volume_fields),
                         json_object_get(spec, "VolumeOptions"), "VolumeOptions", NULL, err);
    json_t *config;

    if (!o)
        return -EINVAL;
    if (!str_empty(name) && !container_name_valid(name))
        return INVALID("create %s: \"%s\" includes invalid characters for a local volume name, "
                       "only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a "
                       "host directory, use absolute path",
                       name, name);
    config = json_object_get(o, "DriverConfig");
    driver = json_str_or(config, "Name", "");
    if (!str_empty(driver) && !str_eq(driver, "local"))
        return err_set(err, ERR_NOT_FOUND,
                       "error looking up volume plugin %s: plugin \"%s\" not "
                       "found",
                       driver, driver);
    json_set_str(m, "Name", name);
    json_set_bool(m, "copy", !json_bool_or(o, "NoCopy", false));
    json_set_bool(m, "explicit", !str_empty(name));
    if (json_object_size(json_object_get(o, "Labels")) > 0)
        (void)json_object_set(m, "labels", json_object_get(o, "Labels"));
    if (json_object_size(json_object_get(config, "Options")) > 0)
        (void)json_object_set(m, "driver_opts", json_object_get(config, "Options"));
    return 0;
}

static int fill_tmpfs(json_t *m, const json_t *spec, struct err *err)
{
    _cleanup_json_ json_t *o =
        fields_normalise(tmpfs_fields, ARRAY_SIZE(tmpfs_fields),
                         json_object_get(spec, "TmpfsOptions"), "TmpfsOptions", NULL, err);
    json_t *options;
    int64_t size, mode;

    if (!o)
        return -EINVAL;
    if (!str_empty(json_str_or(spec, "Source", "")))
        return INVALID("invalid mount config for type \"tmpfs\": field Source must not be "
                       "specified");
    size = json_i64_or(o, "SizeBytes", 0);
    mode = json_i64_or(o, "Mode", 0);
    if (size < 0 || mode < 0 || mode > 07777)
        return INVALID("invalid mount config for type \"tmpfs\": invalid size or mode");
    options = json_pack("[s,s,s]", "noexec", "nosuid", "nodev");
    if (size > 0)
        (void)json_array_append_new(options, json_sprintf("size=%lld", (long long)size));
    if (mode > 0)
        (void)json_array_append_new(options, json_sprintf("mode=%04o", (unsigned)mode));
    if (!json_bool_or(m, "RW", true))
        (void)json_array_append_new(options, json_string("ro"));
    json_set_take(m, "options", options);
    return 0;
}

/* One of HostConfig.Mounts. */
static int add_structured(json_t *list, const json_t *given, struct err *err)
{
    _cleanup_json_ json_t *spec =
        fields_normalise(mount_fields, ARRAY_SIZE(mount_fields), given, "Mounts", NULL, err);
    _cleanup_json_ json_t *m = NULL;
    _cleanup_free_ char *destination = NULL;
    const char *type, *target;
    int r;

    if (!spec)
        return -EINVAL;
    type = json_str_or(spec, "Type", "");
    target = json_str_or(spec, "Target", "");
    if (str_empty(target))
        return INVALID("invalid mount config for type \"%s\": field Target must not be empty",
                       type);
    if (target[0] != '/')
        return INVALID("invalid mount config for type \"%s\": invalid mount path: '%s' mount path "
                       "must be absolute",
                       type, target);
    destination = path_clean(target);
    m = mount_new(type, destination, str_eq(type, "volume") ? "z" : "",
                  !json_bool_or(spec, "ReadOnly", false));
    if (str_eq(type, "bind"))
        r = fill_bind(m, spec, err);
    else if (str_eq(type, "volume"))
        r = fill_volume(m, spec, err);
    else if (str_eq(type, "tmpfs"))
        r = fill_tmpfs(m, spec, err);
    else if (str_eq(type, "image") || str_eq(type, "cluster") || str_eq(type, "npipe"))
        r = err_set(err, ERR_UNSUPPORTED, "mounts of type \"%s\" are not supported", type);
    else
        r = INVALID("invalid mount config for type \"%s\": mount type unknown", type);
    if (r < 0)
        return r;
    return add_mount(list, TAKE_PTR(m), target, err);
}

json_t *container_tmpfs_options(const char *text, struct err *err)
{
    static const char *const flags[] = {
        "rw",       "ro",         "exec",     "noexec",     "suid",        "nosuid",
        "dev",      "nodev",      "sync",     "async",      "atime",       "noatime",
        "diratime", "nodiratime", "relatime", "norelatime", "strictatime", "nostrictatime",
        "defaults", "mand",       "nomand",   "private",    "rprivate",    "shared",
        "rshared",  "slave",      "rslave",   "unbindable", "runbindable", "dirsync",
        "remount",  "bind",       "rbind"};
    static const char *const values[] = {
        "size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=", "mpol="};
    _cleanup_json_ json_t *list = json_pack("[s,s,s]", "noexec", "nosuid", "nodev");
    _cleanup_strv_ char **parts = NULL;

    if (str_empty(text))
        return TAKE_PTR(list);
    parts = str_split(text, ',');
    for (size_t i = 0; parts[i]; i++) {
        bool ok = false;

        for (size_t k = 0; k < ARRAY_SIZE(flags) && !ok; k++)
            ok = str_eq(parts[i], flags[k]);
        for (size_t k = 0; k < ARRAY_SIZE(values) && !ok; k++)
            ok = str_starts(parts[i], values[k]) && strlen(parts[i]) > strlen(values[k]);
        if (!ok) {
            (void)INVALID("invalid tmpfs option \"%s\"", parts[i]);
            return NULL;
        }
        (void)json_array_append_new(list, json_str_new(parts[i]));
    }
    return TAKE_PTR(list);
}

static int check_tmpfs(const json_t *host, struct err *err)
{
    const char *destination;
    json_t *v;

    json_object_foreach(json_object_get(host, "Tmpfs"), destination, v) {
        _cleanup_json_ json_t *options = NULL;
        _cleanup_free_ char *clean = path_clean(destination);

        if (destination[0] != '/')
            return INVALID("invalid mount path: '%s' mount path must be absolute", destination);
        if (str_eq(clean, "/"))
            return INVALID("invalid specification: destination can't be '/'");
        options = container_tmpfs_options(json_string_value(v), err);
        if (!options)
            return -EINVAL;
    }
    return 0;
}

static int add_inherited(json_t *list, const json_t *inherited)
{
    json_t *m;
    size_t i;

    json_array_foreach(inherited, i, m)
        if (!has_destination(list, json_str_or(m, "Destination", "")))
            (void)json_array_append(list, m);
    return 0;
}

int container_mounts_parse(const json_t *config, const json_t *host, const json_t *inherited,
                           json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *list = json_array();
    const json_t *tmpfs = json_object_get(host, "Tmpfs");
    const char *destination;
    json_t *v;
    size_t i;
    int r;

    json_array_foreach(json_object_get(host, "Binds"), i, v)
        if ((r = add_bind(list, json_string_value(v), err)) < 0)
            return r;
    json_array_foreach(json_object_get(host, "Mounts"), i, v)
        if ((r = add_structured(list, v, err)) < 0)
            return r;
    if ((r = check_tmpfs(host, err)) < 0)
        return r;
    (void)add_inherited(list, inherited);
    json_object_foreach(json_object_get(config, "Volumes"), destination, v) {
        _cleanup_free_ char *absolute =
            destination[0] == '/' ? xstrdup(destination) : xasprintf("/%s", destination);
        _cleanup_free_ char *clean = path_clean(absolute);
        json_t *m;

        if (has_destination(list, clean) || json_object_get(tmpfs, destination))
            continue;
        m = mount_new("volume", clean, "", true);
        json_set_bool(m, "copy", true);
        if ((r = add_mount(list, m, destination, err)) < 0)
            return r;
    }
    *ret = TAKE_PTR(list);
    return 0;
}

json_t *container_mounts_public(const json_t *mounts)
{
    json_t *list = json_array(), *m, *v;
    const char *key;
    size_t i;

    json_array_foreach(mounts, i, m) {
        json_t *out = json_object();

        json_object_foreach(m, key, v)
            if (key[0] >= 'A' && key[0] <= 'Z')
                (void)json_object_set(out, key, v);
        (void)json_array_append_new(list, out);
    }
    return list;
}

int container_volumes_from_parse(const char *spec, char **ret_name, bool *ret_read_only,
                                 struct err *err)
{
    const char *colon = strchr(spec, ':');

    if (str_empty(spec) || colon == spec)
        return INVALID("invalid volumes-from specification: %s", spec);
    if (colon && !str_eq(colon + 1, "ro") && !str_eq(colon + 1, "rw") && !str_eq(colon + 1, "z") &&
        !str_eq(colon + 1, "Z"))
        return INVALID("invalid mode for volumes-from: %s", colon + 1);
    *ret_read_only = colon && str_eq(colon + 1, "ro");
    *ret_name = colon ? xstrndup(spec, (size_t)(colon - spec)) : xstrdup(spec);
    return 0;
}
