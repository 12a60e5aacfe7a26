# SPDX-License-Identifier: GPL-2.0-or-later
"""The create requests that compare_api.py makes."""

# One line a create request: the words after `docker create`.
CREATES = r"""
busybox
busybox sh -c 'exit 3'
-it busybox sh
-i busybox cat
--name {n}-named -h box --domainname example.org busybox true
-e A=b -e C= -w /tmp -u 33:33 busybox env
--entrypoint '' busybox true
--entrypoint 'echo' busybox a b
-l a=b -l c busybox true
-m 64m --memory-swap 128m --memory-reservation 32m --memory-swappiness 10 busybox true
-m 64m busybox true
--cpus 1.5 --cpu-shares 512 --cpuset-cpus 0 busybox true
--cpu-period 50000 --cpu-quota 25000 busybox true
--pids-limit 50 --oom-kill-disable --oom-score-adj 100 -m 32m busybox true
--pids-limit -1 busybox true
--blkio-weight 300 busybox true
--ulimit nofile=100:200 --ulimit core=0 busybox true
--restart always busybox true
--restart on-failure:3 busybox true
--rm busybox true
--cap-add NET_ADMIN --cap-drop all --security-opt no-new-privileges busybox true
--cap-add cap_sys_admin --cap-drop mknod busybox true
--privileged busybox true
--security-opt seccomp=unconfined busybox true
--security-opt label=disable busybox true
--device /dev/null --device /dev/zero:/dev/x:r --device-cgroup-rule 'c 1:3 rwm' busybox true
-v /tmp:/v -v /tmp:/w:ro -v {n}-vol:/x -v /y busybox true
--mount type=bind,src=/tmp,dst=/v,readonly --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700 busybox true
--mount type=volume,src={n}-vol,dst=/v,volume-nocopy --mount type=volume,dst=/u busybox true
--mount type=bind,src=/tmp,dst=/v,bind-propagation=rslave busybox true
--tmpfs /t --tmpfs /u:size=1m,mode=700 --shm-size 32m --read-only busybox true
-p 8080 -p 127.0.0.1:18080:80/udp --expose 99 busybox true
-p 18081-18082:81-82 busybox true
-P --expose 7000-7001 busybox true
--network host busybox true
--network none --dns 1.1.1.1 --dns-search x.org --dns-option ndots:2 busybox true
--network container:nosuch busybox true
--add-host a:1.2.3.4 --add-host b:host-gateway busybox true
--mac-address 02:42:ac:11:00:99 busybox true
--ip 1.2.3.4 busybox true
--network-alias x busybox true
--pid host --ipc host --uts host --cgroupns host busybox true
--ipc shareable --cgroupns private busybox true
--ipc private --pid container:nosuch busybox true
--userns host busybox true
--init --stop-signal SIGINT --stop-timeout 3 busybox true
--log-driver none busybox true
--log-driver json-file --log-opt max-size=1m --log-opt max-file=2 busybox true
--log-driver local busybox true
--log-driver nosuch busybox true
--log-opt foo=bar busybox true
--log-opt max-size=x busybox true
--health-cmd 'true' --health-interval 1s --health-timeout 2s --health-retries 3 --health-start-period 4s busybox true
--no-healthcheck busybox true
--sysctl net.ipv4.ip_forward=1 --group-add 1000 --group-add audio busybox true
--sysctl kernel.foo=1 busybox true
--isolation default busybox true
--isolation hyperv busybox true
--runtime nosuch busybox true
--cgroup-parent /foo busybox true
--annotation a=b busybox true
--volumes-from nosuch busybox true
--volume-driver nosuch -v {n}-vol2:/x busybox true
--link nosuch:x busybox true
--storage-opt size=1G busybox true
--gpus all busybox true
--platform linux/arm64 busybox true
--platform foo busybox true
-v /nosuch-dir-here:/a:ro --rm busybox true
--mount type=bind,src=/nosuch-dir-here,dst=/a busybox true
-v /tmp:relative busybox true
-v /tmp:/ busybox true
-v /tmp:/a -v /etc:/a busybox true
-v /tmp:/a:ro,rw busybox true
-v a,b:/x busybox true
-w relative busybox true
-h 'bad_host!' busybox true
--name '_bad' busybox true
--name 'x' busybox true
-u nosuchuser busybox true
-m 1m busybox true
-m 64m --memory-swap 32m busybox true
--memory-swap 32m busybox true
--memory-reservation 64m -m 32m busybox true
--cpus 1000 busybox true
--cpuset-cpus 999 busybox true
--cpuset-cpus x busybox true
--cpuset-mems 9 busybox true
--cpu-quota 10 busybox true
--cpu-period 10 busybox true
--cpu-shares -1 busybox true
--blkio-weight 5 busybox true
--oom-score-adj 2000 busybox true
--ulimit nosuch=1 busybox true
--restart on-failure:-1 busybox true
--restart always:3 busybox true
--stop-signal FOO busybox true
--cap-add FOO busybox true
--cap-add all --cap-drop FOO busybox true
--device /dev/nosuch busybox true
--security-opt foo=bar busybox true
--security-opt apparmor=unconfined busybox true
--shm-size 0 busybox true
--network nosuch busybox true
--network host -p 80:80 busybox true
--network host --mac-address 02:42:ac:11:00:99 busybox true
--network none --link a:b busybox true
--health-interval 1us --health-cmd x busybox true
--ipc container:nosuch busybox true
--ipc foo busybox true
--pid foo busybox true
--uts foo busybox true
--userns foo busybox true
--cgroupns foo busybox true
--dns foo busybox true
nosuchimage true
busybox@sha256:0000000000000000000000000000000000000000000000000000000000000000 true
"""

# Bodies that no command line sends: (name, query, body).
RAW_CREATES = [
    ("no body", "", None),
    ("empty body", "", {}),
    ("not json", "", "{"),
    ("an array", "", "[]"),
    ("null", "", "null"),
    ("two values", "", '{"Image":"busybox"} {}'),
    ("text for a number", "", {"Image": "busybox", "HostConfig": {"Memory": "x"}}),
    ("number for a text", "", {"Image": 3}),
    ("text for a list", "", {"Image": "busybox", "Cmd": "true"}),
    ("text for an entrypoint", "", {"Image": "busybox", "Entrypoint": "true"}),
    ("no HostConfig", "", {"Image": "busybox", "Cmd": ["true"]}),
    ("null HostConfig", "", {"Image": "busybox", "HostConfig": None}),
    ("unknown field", "", {"Image": "busybox", "Foo": 1}),
    ("lower-case fields", "", {"image": "busybox", "cmd": ["true"]}),
    ("empty image", "", {"Image": ""}),
    ("bad image", "", {"Image": "UPPER"}),
    ("bad name", "?name=a/b", {"Image": "busybox"}),
    ("slash name", "?name=/cmpapi-slash", {"Image": "busybox"}),
    ("empty name", "?name=", {"Image": "busybox"}),
    ("bad platform", "?platform=a/b/c/d", {"Image": "busybox"}),
    ("binds and mounts", "", {"Image": "busybox", "HostConfig": {
        "Binds": ["/tmp:/a"], "Mounts": [{"Type": "tmpfs", "Target": "/a"}]}}),
    ("mount without type", "", {"Image": "busybox", "HostConfig": {"Mounts": [{"Target": "/a"}]}}),
    ("mount without target", "", {"Image": "busybox", "HostConfig": {
        "Mounts": [{"Type": "bind", "Source": "/tmp"}]}}),
    ("mount with a source that is relative", "", {"Image": "busybox", "HostConfig": {
        "Mounts": [{"Type": "bind", "Source": "tmp", "Target": "/a"}]}}),
    ("tmpfs with a source", "", {"Image": "busybox", "HostConfig": {
        "Mounts": [{"Type": "tmpfs", "Source": "/tmp", "Target": "/a"}]}}),
    ("negative memory", "", {"Image": "busybox", "HostConfig": {"Memory": -1}}),
    ("negative swap", "", {"Image": "busybox", "HostConfig": {"MemorySwap": -1}}),
    ("pids limit zero", "", {"Image": "busybox", "HostConfig": {"PidsLimit": 0}}),
    ("NanoCpus and CpuQuota", "", {"Image": "busybox", "HostConfig": {
        "NanoCpus": 1000000000, "CpuQuota": 1000}}),
    ("restart unknown", "", {"Image": "busybox", "HostConfig": {"RestartPolicy": {"Name": "foo"}}}),
    ("restart and remove", "", {"Image": "busybox", "HostConfig": {
        "AutoRemove": True, "RestartPolicy": {"Name": "always"}}}),
    ("port without a protocol", "", {"Image": "busybox", "ExposedPorts": {"80": {}}, "HostConfig": {
        "PortBindings": {"80": [{"HostPort": "18090"}]}}}),
    ("bad port", "", {"Image": "busybox", "HostConfig": {"PortBindings": {"x/tcp": [{"HostPort": "1"}]}}}),
    ("bad host port", "", {"Image": "busybox", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "x"}]}}}),
    ("bad exposed port", "", {"Image": "busybox", "ExposedPorts": {"foo": {}}}),
    ("env without equals", "", {"Image": "busybox", "Env": ["A", "B=c"]}),
    ("env empty name", "", {"Image": "busybox", "Env": ["=x"]}),
    ("negative stop timeout", "", {"Image": "busybox", "StopTimeout": -1}),
    ("empty strings", "", {"Image": "busybox", "Cmd": [""], "Entrypoint": [], "User": "", "WorkingDir": ""}),
    ("nothing to run", "", {"Image": "busybox", "Cmd": [], "Entrypoint": [""]}),
    ("masked paths", "", {"Image": "busybox", "HostConfig": {"MaskedPaths": [], "ReadonlyPaths": ["/proc/sys"]}}),
    ("networking config", "", {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"bridge": {}}}}),
    ("two networks", "", {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"bridge": {}, "none": {}}}}),
    ("null endpoint", "", {"Image": "busybox", "NetworkingConfig": {"EndpointsConfig": {"bridge": None}}}),
    ("network mode by name", "", {"Image": "busybox", "HostConfig": {"NetworkMode": "bridge"}}),
    ("healthcheck bad", "", {"Image": "busybox", "Healthcheck": {"Test": ["FOO"]}}),
    ("healthcheck none with more", "", {"Image": "busybox", "Healthcheck": {"Test": ["NONE", "x"]}}),
    ("console size", "", {"Image": "busybox", "Tty": True, "HostConfig": {"ConsoleSize": [24, 80]}}),
    ("volumes", "", {"Image": "busybox", "Volumes": {"/data": {}, "/": {}}}),
    ("volume relative", "", {"Image": "busybox", "Volumes": {"data": {}}}),
]
