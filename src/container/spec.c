/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/spec.h"

#include <errno.h>

#include "base/str.h"

static const char *const masked[] = {
    "/proc/asound",      "/proc/acpi",          "/proc/interrupts", "/proc/kcore",
    "/proc/keys",        "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
    "/proc/sched_debug", "/proc/scsi",          "/sys/firmware",    "/sys/devices/virtual/powercap",
};

static const char *const readonly[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

json_t *container_default_masked_paths(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(masked); i++)
        (void)json_array_append_new(list, json_string(masked[i]));
    return list;
}

json_t *container_default_readonly_paths(void)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(readonly); i++)
        (void)json_array_append_new(list, json_string(readonly[i]));
    return list;
}

int container_spec_build(const struct container_spec_params *p, json_t **ret, struct err *err)
{
    _cleanup_json_ json_t *spec = json_object();
    json_t *process = NULL, *mounts = NULL, *linux_obj = NULL, *annotations;
    const char *text;
    int r;

    json_set_str(spec, "ociVersion", "1.2.0");
    if ((r = container_spec_process(p, &process, err)) < 0)
        return r;
    json_set_take(spec, "process", process);
    json_set_take(spec, "root",
                  json_pack("{s:s,s:b}", "path", "rootfs", "readonly",
                            json_bool_or(p->host, "ReadonlyRootfs", false)));
    if (!str_eq(json_str_or(p->host, "UTSMode", ""), "host")) {
        text = json_str_or(p->config, "Hostname", "");
        if (!str_empty(text))
            json_set_str(spec, "hostname", text);
        text = json_str_or(p->config, "Domainname", "");
        if (!str_empty(text))
            json_set_str(spec, "domainname", text);
    }
    if ((r = container_spec_mounts(p, &mounts, err)) < 0)
        return r;
    json_set_take(spec, "mounts", mounts);
    if ((r = container_spec_linux(p, &linux_obj, err)) < 0)
        return r;
    json_set_take(spec, "linux", linux_obj);
    annotations = json_object_get(p->host, "Annotations");
    if (json_object_size(annotations) > 0)
        (void)json_object_set(spec, "annotations", annotations);
    *ret = TAKE_PTR(spec);
    return 0;
}
