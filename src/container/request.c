/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "container/request.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "container/fields.h"

/* ContainerConfig of the API. */
static const struct field config_fields[] = {
    {"Hostname", FIELD_STR},
    {"Domainname", FIELD_STR},
    {"User", FIELD_STR},
    {"AttachStdin", FIELD_BOOL},
    {"AttachStdout", FIELD_BOOL},
    {"AttachStderr", FIELD_BOOL},
    {"ExposedPorts", FIELD_SET, FIELD_OMIT},
    {"Tty", FIELD_BOOL},
    {"OpenStdin", FIELD_BOOL},
    {"StdinOnce", FIELD_BOOL},
    {"Env", FIELD_STRV},
    {"Cmd", FIELD_CMD},
    {"Healthcheck", FIELD_OBJECT, FIELD_OMIT},
    {"ArgsEscaped", FIELD_BOOL, FIELD_REFUSE | FIELD_OMIT, NULL, "is for Windows only"},
    {"Image", FIELD_STR},
    {"Volumes", FIELD_SET},
    {"WorkingDir", FIELD_STR},
    {"Entrypoint", FIELD_CMD},
    {"NetworkDisabled", FIELD_BOOL, FIELD_OMIT},
    {"MacAddress", FIELD_STR, FIELD_REFUSE | FIELD_OMIT, NULL,
     "setting the MAC address is not supported"},
    {"OnBuild", FIELD_STRV},
    {"Labels", FIELD_STRMAP},
    {"StopSignal", FIELD_STR, FIELD_OMIT},
    {"StopTimeout", FIELD_INT, FIELD_OMIT | FIELD_NULLABLE},
    {"Shell", FIELD_STRV, FIELD_OMIT},
    /* parts of the request that are no Config */
    {"HostConfig", FIELD_OBJECT, FIELD_DROP},
    {"NetworkingConfig", FIELD_OBJECT, FIELD_DROP},
};

#define NOT_LINUX "is for Windows only"
#define NO_PORTS  "publishing ports is not supported by this version"

/* HostConfig of the API, in the order in which Docker prints it. */
static const struct field host_fields[] = {
    {"Binds", FIELD_STRV},
    {"ContainerIDFile", FIELD_STR},
    {"LogConfig", FIELD_OBJECT},
    {"NetworkMode", FIELD_STR},
    {"PortBindings", FIELD_OBJECT, FIELD_REFUSE, NULL, NO_PORTS},
    {"RestartPolicy", FIELD_OBJECT},
    {"AutoRemove", FIELD_BOOL},
    {"VolumeDriver", FIELD_STR, FIELD_REFUSE, "local", "only the driver \"local\" is supported"},
    {"VolumesFrom", FIELD_STRV},
    {"ConsoleSize", FIELD_ARRAY},
    {"Annotations", FIELD_STRMAP, FIELD_OMIT},
    {"CapAdd", FIELD_STRV},
    {"CapDrop", FIELD_STRV},
    {"Capabilities", FIELD_STRV, FIELD_REFUSE | FIELD_DROP, NULL, "use CapAdd and CapDrop"},
    {"CgroupnsMode", FIELD_STR},
    {"Dns", FIELD_STRV},
    {"DnsOptions", FIELD_STRV},
    {"DnsSearch", FIELD_STRV},
    {"ExtraHosts", FIELD_STRV},
    {"GroupAdd", FIELD_STRV},
    {"IpcMode", FIELD_STR},
    {"Cgroup", FIELD_STR, FIELD_REFUSE},
    {"Links", FIELD_STRV, FIELD_REFUSE, NULL, "links are not supported; use a network"},
    {"OomScoreAdj", FIELD_INT},
    {"PidMode", FIELD_STR},
    {"Privileged", FIELD_BOOL},
    {"PublishAllPorts", FIELD_BOOL, FIELD_REFUSE, NULL, NO_PORTS},
    {"ReadonlyRootfs", FIELD_BOOL},
    {"SecurityOpt", FIELD_STRV},
    {"StorageOpt", FIELD_STRMAP, FIELD_REFUSE | FIELD_OMIT, NULL,
     "storage options are not supported by this storage driver"},
    {"Tmpfs", FIELD_STRMAP, FIELD_OMIT},
    {"UTSMode", FIELD_STR},
    {"UsernsMode", FIELD_STR},
    {"ShmSize", FIELD_INT},
    {"Sysctls", FIELD_STRMAP, FIELD_OMIT},
    {"Runtime", FIELD_STR},
    {"Isolation", FIELD_STR, FIELD_REFUSE, "default", NOT_LINUX},
    {"CpuShares", FIELD_INT},
    {"Memory", FIELD_INT},
    {"NanoCpus", FIELD_INT},
    {"CgroupParent", FIELD_STR},
    {"BlkioWeight", FIELD_INT},
    {"BlkioWeightDevice", FIELD_ARRAY},
    {"BlkioDeviceReadBps", FIELD_ARRAY},
    {"BlkioDeviceWriteBps", FIELD_ARRAY},
    {"BlkioDeviceReadIOps", FIELD_ARRAY},
    {"BlkioDeviceWriteIOps", FIELD_ARRAY},
    {"CpuPeriod", FIELD_INT},
    {"CpuQuota", FIELD_INT},
    {"CpuRealtimePeriod", FIELD_INT},
    {"CpuRealtimeRuntime", FIELD_INT},
    {"CpusetCpus", FIELD_STR},
    {"CpusetMems", FIELD_STR},
    {"Devices", FIELD_ARRAY},
    {"DeviceCgroupRules", FIELD_STRV},
    {"DeviceRequests", FIELD_ARRAY, FIELD_REFUSE, NULL, "device requests are not supported"},
    {"KernelMemory", FIELD_INT, FIELD_REFUSE | FIELD_OMIT, NULL,
     "kernel memory limits are not supported"},
    {"KernelMemoryTCP", FIELD_INT, FIELD_REFUSE | FIELD_OMIT, NULL,
     "kernel memory limits are not supported"},
    {"MemoryReservation", FIELD_INT},
    {"MemorySwap", FIELD_INT},
    {"MemorySwappiness", FIELD_INT, FIELD_NULLABLE},
    {"OomKillDisable", FIELD_BOOL, FIELD_NULLABLE},
    {"Init", FIELD_BOOL, FIELD_OMIT | FIELD_NULLABLE},
    {"PidsLimit", FIELD_INT, FIELD_NULLABLE},
    {"Ulimits", FIELD_ARRAY},
    {"CpuCount", FIELD_INT, FIELD_REFUSE, NULL, NOT_LINUX},
    {"CpuPercent", FIELD_INT, FIELD_REFUSE, NULL, NOT_LINUX},
    {"IOMaximumIOps", FIELD_INT, FIELD_REFUSE, NULL, NOT_LINUX},
    {"IOMaximumBandwidth", FIELD_INT, FIELD_REFUSE, NULL, NOT_LINUX},
    {"Mounts", FIELD_ARRAY, FIELD_OMIT},
    {"MaskedPaths", FIELD_STRV},
    {"ReadonlyPaths", FIELD_STRV},
    /* what old clients still send */
    {"LxcConf", FIELD_ARRAY, FIELD_REFUSE | FIELD_DROP},
    {"DiskQuota", FIELD_INT, FIELD_REFUSE | FIELD_DROP, NULL, NOT_LINUX},
};

#define NO_ENDPOINT "endpoint settings are not supported by this version"

static const struct field endpoint_fields[] = {
    {"IPAMConfig", FIELD_OBJECT, FIELD_REFUSE, NULL, "fixed addresses are not supported"},
    {"Links", FIELD_STRV, FIELD_REFUSE, NULL, NO_ENDPOINT},
    {"Aliases", FIELD_STRV, FIELD_REFUSE, NULL,
     "network-scoped aliases are only supported for containers in user defined networks"},
    {"MacAddress", FIELD_STR, FIELD_REFUSE, NULL, "setting the MAC address is not supported"},
    {"DriverOpts", FIELD_STRMAP, FIELD_REFUSE, NULL, NO_ENDPOINT},
    {"GwPriority", FIELD_INT, FIELD_REFUSE, NULL, NO_ENDPOINT},
    /* results that clients send back */
    {"NetworkID", FIELD_STR},
    {"EndpointID", FIELD_STR},
    {"Gateway", FIELD_STR},
    {"IPAddress", FIELD_STR},
    {"IPPrefixLen", FIELD_INT},
    {"IPv6Gateway", FIELD_STR},
    {"GlobalIPv6Address", FIELD_STR},
    {"GlobalIPv6PrefixLen", FIELD_INT},
    {"DNSNames", FIELD_STRV},
};

void container_request_done(struct container_request *rq)
{
    json_decref(rq->config);
    json_decref(rq->host);
    *rq = (struct container_request){0};
}

/* NetworkingConfig: only the endpoint of the network that NetworkMode names, and plain. */
static int check_networking(const json_t *body, const char *mode, json_t *warnings, struct err *err)
{
    const json_t *networking = fields_member(body, "NetworkingConfig"), *endpoints;
    const char *name;
    json_t *endpoint;

    endpoints = json_is_object(networking) ? fields_member(networking, "EndpointsConfig") : NULL;
    if (!endpoints || json_is_null(endpoints))
        return 0;
    if (!json_is_object(endpoints))
        return err_set(err, ERR_INVALID,
                       "field \"NetworkingConfig.EndpointsConfig\" must be an object");
    json_object_foreach((json_t *)endpoints, name, endpoint) {
        _cleanup_free_ char *path = xasprintf("EndpointsConfig.%s", name);
        _cleanup_json_ json_t *checked = NULL;
        bool same = str_eq(name, mode) || (str_eq(name, "default") && str_eq(mode, "bridge"));

        if (!same)
            return err_set(err, ERR_UNSUPPORTED,
                           "NetworkingConfig.EndpointsConfig: a container can be connected to the "
                           "network of its NetworkMode only, not to %s",
                           name);
        checked = fields_normalise(endpoint_fields, ARRAY_SIZE(endpoint_fields), endpoint, path,
                                   warnings, err);
        if (!checked)
            return -EINVAL;
    }
    return 0;
}

int container_request_parse(const json_t *body, const struct container_defaults *defaults,
                            struct container_request *ret, json_t *warnings, struct err *err)
{
    _cleanup_(container_request_done)
    struct container_request rq = {0};
    const char *mode;
    int r;

    if (!json_is_object(body))
        return err_set(err, ERR_INVALID, "config cannot be empty in order to create a container");
    rq.config =
        fields_normalise(config_fields, ARRAY_SIZE(config_fields), body, "Config", warnings, err);
    if (!rq.config)
        return -EINVAL;
    rq.host = fields_normalise(host_fields, ARRAY_SIZE(host_fields),
                               fields_member(body, "HostConfig"), "HostConfig", warnings, err);
    if (!rq.host)
        return -EINVAL;
    mode = json_str_or(rq.host, "NetworkMode", "");
    if (str_empty(mode) || str_eq(mode, "default"))
        json_set_str(rq.host, "NetworkMode", "bridge");
    r = check_networking(body, json_str_or(rq.host, "NetworkMode", ""), warnings, err);
    if (r < 0)
        return r;
    r = container_verify(rq.config, rq.host, defaults, warnings, err);
    if (r < 0)
        return r;
    rq.image = json_str_or(rq.config, "Image", "");
    *ret = rq;
    rq = (struct container_request){0};
    return 0;
}
