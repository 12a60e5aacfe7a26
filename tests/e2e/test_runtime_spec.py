# SPDX-License-Identifier: GPL-2.0-or-later
"""What config.json may ask of the runtime, field by field: each is looked at from inside the container."""

import array
import ctypes
import fcntl
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid

import pytest

from support.bundle import bundle, unpacked  # noqa: F401
from support.daemon import PATIENCE, run, wait_for

pytestmark = pytest.mark.lighter_only


def sh(bundle, script, **process):
    """Runs a script in the bundle's container; its output."""
    return bundle.write("sh", "-c", script, **process).ok("run", bundle.id)


def refused(bundle, *words):
    done = bundle.write("true")("run", bundle.id)
    assert done.returncode == 1 and not bundle.cgroups()
    for word in words:
        assert word in done.stderr
    return done.stderr


def own_caps(bundle, *names):
    for kind in ("bounding", "effective", "permitted"):
        bundle.config["process"]["capabilities"][kind] = list(names)


def started(bundle, *args, **process):
    bundle.write(*args, **process).create()
    bundle.ok("start", bundle.id)
    return bundle.state()["pid"]


# --- process

def test_scheduler(bundle):
    pid = started(bundle, "sleep", "60", scheduler={"policy": "SCHED_BATCH", "nice": 7})
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(") ", 1)[1].split()
    assert (stat[16], stat[38]) == ("7", "3")


def test_scheduler_is_checked(bundle):
    bundle.config["process"]["scheduler"] = {"policy": "SCHED_WARP"}
    refused(bundle, "process.scheduler.policy", "SCHED_WARP")
    bundle.config["process"]["scheduler"] = {"policy": "SCHED_OTHER", "nice": 40}
    refused(bundle, "process.scheduler.nice")
    bundle.config["process"]["scheduler"] = {"policy": "SCHED_BATCH", "runtime": 5}
    refused(bundle, "SCHED_DEADLINE")
    bundle.config["process"]["scheduler"] = {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_X"]}
    refused(bundle, "process.scheduler.flags", "SCHED_FLAG_X")


def test_io_priority(bundle):
    pid = started(bundle, "sleep", "60", ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 6})
    assert ctypes.CDLL(None).syscall(252 if os.uname().machine == "x86_64" else 31, 1, pid) == 2 << 13 | 6
    bundle.ok("delete", "-f", bundle.id)
    bundle.config["process"]["ioPriority"] = {"class": "IOPRIO_CLASS_BE", "priority": 8}
    refused(bundle, "process.ioPriority.priority")
    bundle.config["process"]["ioPriority"] = {"class": "BEST"}
    refused(bundle, "process.ioPriority.class", "BEST")


def test_exec_affinity(bundle):
    cpus = sorted(os.sched_getaffinity(0))
    last = str(cpus[-1])
    pid = started(bundle, "sleep", "60", execCPUAffinity={"initial": last, "final": last})
    assert os.sched_getaffinity(pid) == set(cpus), "only processes added later are concerned"
    out = bundle.ok("exec", bundle.id, "grep", "Cpus_allowed_list", "/proc/self/status")
    assert out.split()[1] == last
    (bundle.dir / "p.json").write_text(json.dumps({
        "args": ["grep", "Cpus_allowed_list", "/proc/self/status"], "cwd": "/", "env": ["PATH=/bin"],
        "execCPUAffinity": {"final": f"{cpus[0]}-{cpus[0]}"}}))
    assert bundle.ok("exec", "--process", bundle.dir / "p.json", bundle.id).split()[1] == str(cpus[0])


def test_affinity_is_checked(bundle):
    bundle.config["process"]["execCPUAffinity"] = {"initial": "1-0"}
    refused(bundle, "process.execCPUAffinity.initial", "1-0")


@pytest.mark.skipif(not os.path.exists("/proc/self/numa_maps"), reason="this kernel knows no memory nodes")
def test_memory_policy(bundle):
    bundle.config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]}
    assert "bind=static:0" in sh(bundle, "cat /proc/self/numa_maps")
    bundle.config["linux"]["memoryPolicy"] = {"mode": "MPOL_SOMEWHERE"}
    refused(bundle, "linux.memoryPolicy.mode", "MPOL_SOMEWHERE")


def test_personality(bundle):
    bundle.config["linux"]["personality"] = {"domain": "LINUX32"}
    machine = sh(bundle, "uname -m")
    assert machine.strip() in ("i686", "armv8l")
    bundle.write("sleep", "60").create()
    bundle.ok("start", bundle.id)
    assert bundle.ok("exec", bundle.id, "uname", "-m") == machine


def test_umask_and_rlimits(bundle):
    own_caps(bundle)
    out = sh(bundle, "umask; ulimit -n; ulimit -Hn; ulimit -c", user={"uid": 1000, "gid": 1000, "umask": 0o27},
             rlimits=[{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 0}])
    assert out.split() == ["0027", "100", "200", "0"]


# --- namespaces and names

def test_domainname(bundle):
    bundle.config["domainname"] = "harbour.example"
    assert sh(bundle, "cat /proc/sys/kernel/domainname; hostname").split() == ["harbour.example", "barge"]


def test_time_namespace(bundle):
    bundle.config["linux"]["namespaces"].append({"type": "time"})
    bundle.config["linux"]["timeOffsets"] = {"monotonic": {"secs": 1000}, "boottime": {"secs": 864000, "nanosecs": 5}}
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    uptime = float(sh(bundle, "cat /proc/uptime").split()[0])
    assert 863999.9 <= uptime - before < 864000 + PATIENCE  # it is rounded to hundredths
    bundle.config["linux"]["namespaces"].pop()
    refused(bundle, "timeOffsets")


def test_joins_a_mount_namespace(bundle):
    sleeper = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                f"mount -t tmpfs joined {bundle.dir} && echo $$ >{bundle.dir}/pid && exec sleep 60"])
    try:
        view = pathlib.Path(f"/proc/{sleeper.pid}/root{bundle.dir}")
        wait_for(lambda: (view / "pid").exists() and (view / "pid").stat().st_size, what="the namespace")
        for n in bundle.config["linux"]["namespaces"]:
            if n["type"] == "mount":
                n["path"] = f"/proc/{sleeper.pid}/ns/mnt"
        del bundle.config["root"]
        bundle.config["process"]["env"] = ["PATH=/usr/bin:/bin"]
        out = sh(bundle, f"readlink /proc/thread-self/ns/mnt; cat {bundle.dir}/pid; echo $$")
        assert out.split()[-2:] == [str(sleeper.pid), "1"]
    finally:
        sleeper.kill()
        sleeper.wait()


# --- mounts

def bind(source, where, *options, **more):
    return {"destination": where, "type": "bind", "source": str(source), "options": ["rbind", *options], **more}


@pytest.fixture
def tree(bundle):
    """A directory with a file system mounted below it, in no namespace of the test's own."""
    outer = bundle.dir / "tree"
    (outer / "sub").mkdir(parents=True)
    run(["mount", "-t", "tmpfs", "outer", outer], check=True)
    (outer / "sub").mkdir()
    run(["mount", "-t", "tmpfs", "inner", outer / "sub"], check=True)
    yield outer
    run(["umount", outer / "sub"])
    run(["umount", outer])


def options_of(text, where):
    for line in text.splitlines():
        if line.split()[4] == where:
            return set(line.split()[5].split(","))
    raise AssertionError(f"{where} is not mounted: {text}")


def test_recursive_mount_options(bundle, tree):
    bundle.config["mounts"] += [bind(tree, "/tmp/plain", "ro", "nosuid"),
                                bind(tree, "/tmp/rec", "rro", "rnosuid", "rnodev", "rnoexec", "rnosymfollow",
                                     "rnoatime")]
    text = sh(bundle, "cat /proc/self/mountinfo; touch /tmp/plain/sub/x && rm /tmp/plain/sub/x && echo written")
    assert "written" in text
    assert {"ro", "nosuid"} <= options_of(text, "/tmp/plain")
    assert not {"ro", "nosuid"} & options_of(text, "/tmp/plain/sub")
    for where in ("/tmp/rec", "/tmp/rec/sub"):
        assert {"ro", "nosuid", "nodev", "noexec", "nosymfollow", "noatime"} <= options_of(text, where)


def test_propagation_of_mounts(bundle, tree):
    bundle.config["mounts"] += [bind(tree, "/tmp/slave", "rslave"), bind(tree, "/tmp/private", "rprivate"),
                                bind(tree, "/tmp/shared", "rshared")]
    run(["mount", "--make-rshared", tree], check=True)
    lines = {line.split()[4]: line.split()[6] for line in sh(bundle, "cat /proc/self/mountinfo").splitlines()}
    assert lines["/tmp/slave/sub"].startswith("master:")
    assert lines["/tmp/private/sub"] == "-"
    assert lines["/tmp/shared/sub"].startswith("shared:")


def idmaps(bundle, where, kind, tmp):
    bundle.config["mounts"].append(bind(
        tmp, where, kind, uidMappings=[{"containerID": 0, "hostID": 5000, "size": 1000}],
        gidMappings=[{"containerID": 0, "hostID": 6000, "size": 1000}]))


def test_idmapped_mounts(bundle, tree):
    for directory in (tree, tree / "sub"):
        (directory / "f").touch()
        os.chown(directory / "f", 7, 8)
    idmaps(bundle, "/tmp/flat", "idmap", tree)
    idmaps(bundle, "/tmp/deep", "ridmap", tree)
    out = sh(bundle, "stat -c '%u %g' /tmp/flat/f /tmp/flat/sub/f /tmp/deep/f /tmp/deep/sub/f")
    assert out.splitlines() == ["5007 6008", "7 8", "5007 6008", "5007 6008"]


def test_tmpcopyup(bundle):
    bundle.config["mounts"].append({"destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]})
    assert "root:x:0:0" in sh(bundle, "cat /etc/passwd; echo x >/etc/new; cat /etc/new")


def test_tmpfs_mode(bundle, unpacked):
    """A tmpfs has the mode of what it covers, or is open to all where nothing was."""
    bundle.config["root"]["readonly"] = False
    bundle.config["mounts"] += [{"destination": d, "type": "tmpfs", "source": "tmpfs"} for d in ("/etc", "/tmp/new")]
    assert sh(bundle, "stat -c %a /etc /tmp/new").split() == ["755", "1777"]


# --- network devices

def test_net_devices(bundle):
    host, inside = "lt" + uuid.uuid4().hex[:8], "lp" + uuid.uuid4().hex[:8]
    ns = "lighter-nd-" + uuid.uuid4().hex[:8]
    run(["ip", "netns", "add", ns], check=True)
    enter = ["nsenter", f"--net=/run/netns/{ns}"]
    try:
        run([*enter, "ip", "link", "add", host, "type", "veth", "peer", "name", "far"], check=True)
        run([*enter, "ip", "addr", "add", "192.0.2.7/24", "dev", host], check=True)
        run([*enter, "ip", "addr", "add", "2001:db8::7/64", "dev", host], check=True)
        bundle.config["linux"]["netDevices"] = {host: {"name": inside}}
        bundle.write("sh", "-c", f"ip addr show dev {inside}")
        done = run(enter + bundle.argv("run", bundle.id), cwd=bundle.dir, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        assert "UP" in done.stdout.split("<")[1].split(">")[0].split(",")
        assert "192.0.2.7/24" in done.stdout and "2001:db8::7/64" in done.stdout
        bundle.config["linux"]["netDevices"] = {"nothere": {}}
        bundle.write("true")
        done = run(enter + bundle.argv("run", bundle.id), cwd=bundle.dir, timeout=PATIENCE)
        assert done.returncode == 1 and "nothere" in done.stderr
    finally:
        run(["ip", "netns", "del", ns])
    bundle.config["linux"]["namespaces"] = [n for n in bundle.config["linux"]["namespaces"] if n["type"] != "network"]
    refused(bundle, "linux.netDevices", "network namespace")


# --- resources

def written(bundle, *names):
    return {name: (pathlib.Path(d) / name).read_text(encoding="utf-8").strip()
            for d in bundle.cgroups() for name in names if (pathlib.Path(d) / name).exists()}


def test_resources(bundle):
    probe = bundle.write("true")
    probe.create()
    page = next((f for d in probe.cgroups() for f in os.listdir(d) if f.startswith("hugetlb.2MB.")), None)
    probe.ok("delete", probe.id)
    bundle.config["linux"]["resources"] = {
        "cpu": {"shares": 512, "quota": 20000, "period": 50000, "burst": 10000, "cpus": "0"},
        "memory": {"limit": 64 << 20, "swap": 64 << 20, "reservation": 32 << 20},
        **({"hugepageLimits": [{"pageSize": "2MB", "limit": 8 << 20}]} if page else {})}
    bundle.write("true").create()
    found = written(bundle, "cpu.shares", "cpu.weight", "cpu.cfs_burst_us", "cpu.max.burst", "cpuset.cpus", "memory.low",
                    "memory.soft_limit_in_bytes", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max")
    assert found.get("cpu.shares") == "512" or found.get("cpu.weight") == "20"
    assert "10000" in (found.get("cpu.cfs_burst_us"), found.get("cpu.max.burst"))
    assert found["cpuset.cpus"] == "0"
    assert str(32 << 20) in (found.get("memory.low"), found.get("memory.soft_limit_in_bytes"))
    if page:
        assert str(8 << 20) in (found.get("hugetlb.2MB.limit_in_bytes"), found.get("hugetlb.2MB.max"))


def test_unified(bundle):
    if not any(os.path.exists(f"{p}/cgroup.controllers") for p in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")):
        pytest.skip("no cgroup v2 is mounted")
    bundle.config["linux"]["resources"] = {"unified": {"cgroup.max.descendants": "7"}}
    bundle.write("true").create()
    assert written(bundle, "cgroup.max.descendants") == {"cgroup.max.descendants": "7"}
    bundle.ok("delete", bundle.id)
    bundle.config["linux"]["resources"] = {"unified": {"no.such.file": "7"}}
    refused(bundle, "no.such.file")
    bundle.config["linux"]["resources"] = {"unified": {"../cgroup.procs": "7"}}
    refused(bundle, "../cgroup.procs")


def test_update_below_use_is_refused(bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 256 << 20}}
    started(bundle, "sh", "-c", "head -c 20000000 /dev/zero >/tmp/f; sleep 60")
    wait_for(lambda: any(int(v) > 20_000_000 for v in written(
        bundle, "memory.usage_in_bytes", "memory.current").values()), what="memory in use")
    (bundle.dir / "r.json").write_text(json.dumps({"memory": {"limit": 1 << 20, "checkBeforeUpdate": True}}))
    done = bundle("update", "--resources", bundle.dir / "r.json", bundle.id)
    assert done.returncode == 1 and "in use" in done.stderr
    assert bundle.state()["status"] == "running"


# --- seccomp

SECCOMP_IOCTL_NOTIF_RECV, SECCOMP_IOCTL_NOTIF_SEND = 0xC0502100, 0xC0182101


class Listener(threading.Thread):
    """Takes seccomp listeners, and answers one request on each with a number of its own."""

    def __init__(self, path, value):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(path)
        self.server.listen()
        self.server.settimeout(PATIENCE)
        self.value, self.messages, self.error = value, [], None
        self.start()

    def run(self):
        try:
            while True:
                connection, _ = self.server.accept()
                data, fds, _, _ = socket.recv_fds(connection, 65536, 2)
                connection.close()
                self.messages.append(json.loads(data))
                request = array.array("B", bytes(80))
                fcntl.ioctl(fds[0], SECCOMP_IOCTL_NOTIF_RECV, request)
                ident = struct.unpack_from("Q", request)[0]
                fcntl.ioctl(fds[0], SECCOMP_IOCTL_NOTIF_SEND, struct.pack("QqiI", ident, self.value, 0, 0))
                os.close(fds[0])
        except OSError as error:
            self.error = error


def test_seccomp_listener(bundle, tmp_path):
    path = str(tmp_path / "seccomp.sock")
    listener = Listener(path, 4242)
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "meta",
        "syscalls": [{"names": ["getppid"], "action": "SCMP_ACT_NOTIFY"}]}
    bundle.config["annotations"] = {"a": "b"}
    try:
        for nnp in (True, False):
            own_caps(bundle, "CAP_SYS_ADMIN")
            out = sh(bundle, "echo $PPID; exec sleep 0", noNewPrivileges=nnp)
            assert out == "4242\n"
        assert len(listener.messages) == 2, listener.error
        for message in listener.messages:
            assert message["fds"] == ["seccompFd"] and message["metadata"] == "meta"
            assert message["state"]["id"] == bundle.id and message["pid"] == message["state"]["pid"] > 0
            assert message["state"]["annotations"] == {"a": "b"}
        bundle.config["process"]["args"] = ["true"]
    finally:
        listener.server.close()
        os.unlink(path)
    refused(bundle, "listenerPath", path)
    bundle.config["linux"]["seccomp"]["syscalls"][0]["names"] = ["sendmsg"]
    refused(bundle, "sendmsg")
    bundle.config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": path}
    refused(bundle, "SCMP_ACT_NOTIFY")


def test_seccomp_listener_of_exec(bundle, tmp_path):
    path = str(tmp_path / "seccomp.sock")
    listener = Listener(path, 77)
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path,
        "syscalls": [{"names": ["getsid"], "action": "SCMP_ACT_NOTIFY"},
                     {"names": ["getppid"], "action": "SCMP_ACT_NOTIFY"}]}
    try:
        started(bundle, "sh", "-c", "echo $PPID; while :; do sleep 1; done")
        wait_for(lambda: bundle.out() == "77\n", what="the answer")
        assert bundle.ok("exec", bundle.id, "sh", "-c", "echo $PPID") == "77\n"
        assert [m["state"]["status"] for m in listener.messages] == ["created", "running"]
    finally:
        listener.server.close()


# --- hooks

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]


def hook(bundle, name, script="true", **more):
    """A hook that keeps its state and where it ran; startContainer's runs in the container."""
    to = "/log" if name == "startContainer" else f"{bundle.dir}/log"
    shell = "/bin/sh"
    return {"path": shell, "args": ["sh", "-c", f"cat >{to}/{name}.json; readlink /proc/self/ns/mnt >{to}/{name}.ns; "
                                    f"pwd >{to}/{name}.cwd; echo {name} $HOOK >>{to}/order; {script}"],
            "env": ["PATH=/bin:/usr/bin", f"HOOK={name}-env"], **more}


@pytest.fixture
def hooked(bundle):
    (bundle.dir / "log").mkdir()
    bundle.config["mounts"].append(bind(bundle.dir / "log", "/tmp/log"))
    bundle.config["root"]["readonly"] = True
    bundle.config["mounts"].append(bind(bundle.dir / "log", "/var"))
    return bundle


def test_all_hooks(hooked):
    hooked.config["hooks"] = {name: [hook(hooked, name)] for name in KINDS}
    inner = hooked.config["hooks"]["startContainer"][0]["args"]
    inner[2] = inner[2].replace("/log", "/tmp/log")
    log = hooked.dir / "log"
    hooked.write("sh", "-c", "echo program >>/tmp/log/order").create()
    assert (log / "order").read_text().splitlines() == [f"{n} {n}-env" for n in KINDS[:3]]
    pid = hooked.state()["pid"]
    namespace = os.readlink(f"/proc/{pid}/ns/mnt")
    hooked.ok("start", hooked.id)
    hooked.wait_status("stopped")
    hooked.ok("delete", hooked.id)
    order = [line.split()[0] for line in (log / "order").read_text().splitlines()]
    assert sorted(order) == sorted([*KINDS, "program"])
    assert order[:4] == KINDS[:4] and order[-1] == "poststop" and order.index("program") > 3
    status = {n: json.loads((log / f"{n}.json").read_text()) for n in KINDS}
    assert {n: s["status"] for n, s in status.items()} == {
        "prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
        "startContainer": "created", "poststart": "running", "poststop": "stopped"}
    assert all(s["id"] == hooked.id and s["bundle"] == str(hooked.dir) for s in status.values())
    assert all(status[n]["pid"] == pid for n in KINDS[:5])
    inside = {n for n in KINDS if (log / f"{n}.ns").read_text().strip() == namespace}
    assert inside == {"createContainer", "startContainer"}
    assert {n: (log / f"{n}.cwd").read_text().strip() for n in KINDS if n != "startContainer"} == \
        {n: str(hooked.dir) for n in KINDS if n != "startContainer"}


@pytest.mark.parametrize("kind", KINDS[:3])
def test_failing_hook_stops_the_creation(hooked, kind):
    hooked.config["hooks"] = {kind: [hook(hooked, kind, "echo complaint >&2; exit 3")],
                              "poststop": [hook(hooked, "poststop")]}
    assert hooked.write("true").create(check=False) == 1
    assert kind in hooked.out() and "exit status 3" in hooked.out()
    assert not hooked.cgroups() and hooked("state", hooked.id).returncode == 1


def test_failing_start_container_hook(hooked):
    hooked.config["hooks"] = {"startContainer": [{"path": "/bin/false"}]}
    hooked.write("sh", "-c", "echo never").create()
    done = hooked("start", hooked.id)
    assert done.returncode == 1 and "startContainer" in done.stderr
    hooked.wait_status("stopped")
    assert "never" not in hooked.out()


def test_failing_poststop_hook_is_reported(hooked):
    hooked.config["hooks"] = {"poststop": [hook(hooked, "poststop", "exit 4"), hook(hooked, "poststop")]}
    hooked.write("true").create()
    done = hooked("delete", "-f", hooked.id)
    assert hooked("state", hooked.id).returncode == 1, "it is gone in any case"
    assert done.returncode == 0 and "poststop" in done.stderr and "exit status 4" in done.stderr
    assert (hooked.dir / "log/order").read_text().split().count("poststop") == 2, "the next ran too"


def test_failing_poststart_hook_stops_the_container(hooked):
    hooked.config["hooks"] = {"poststart": [hook(hooked, "poststart", "exit 6")]}
    hooked.write("sleep", "60").create()
    done = hooked("start", hooked.id)
    assert done.returncode == 1 and "poststart" in done.stderr and "exit status 6" in done.stderr
    hooked.wait_status("stopped")


def test_hook_timeout(hooked):
    hooked.config["hooks"] = {"createRuntime": [hook(hooked, "createRuntime", "sleep 60", timeout=1)]}
    before = time.monotonic()
    assert hooked.write("true").create(check=False) == 1
    assert time.monotonic() - before < 30
    assert "timed out" in hooked.out()


def test_hooks_are_checked(bundle):
    bundle.config["hooks"] = {"prestart": [{"path": "relative"}]}
    refused(bundle, "hooks.prestart", "absolute")
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/true", "timeout": "1"}]}
    refused(bundle, "timeout")


# --- refusals

def set_in(config, path, value):
    *way, last = path.split(".")
    for key in way:
        config = config.setdefault(key, {})
    config[last] = value


@pytest.mark.parametrize("path, value, words", [
    ("linux.resources.hugepageLimits", [{"pageSize": "64kB", "limit": 1}], "hugepageLimits.pageSize"),
    ("linux.resources.hugepageLimits", [{"pageSize": "2MB"}], "hugepageLimits.limit"),
    ("linux.resources.rdma", {"mlx": {"hcaHandles": "many"}}, "rdma.mlx.hcaHandles"),
    ("linux.resources.rdma", {"mlx": {"hcaHandles": -1}}, "rdma.mlx.hcaHandles"),
    ("linux.resources.blockIO", {"weight": 70000}, "blockIO.weight"),
    ("linux.resources.blockIO", {"weightDevice": [{"minor": 1}]}, "weightDevice.major"),
    ("linux.resources.blockIO", {"throttleReadBpsDevice": [3]}, "throttleReadBpsDevice[0]"),
    ("linux.resources.network", {"classID": -1}, "network.classID"),
    ("linux.resources.network", {"priorities": [{"name": "a/b", "priority": 1}]}, "network.priorities.name"),
    ("linux.resources.memory", {"swappiness": 101}, "memory.swappiness"),
    ("linux.resources.devices", [{"allow": True, "access": "x"}], "linux.resources.devices"),
    ("linux.netDevices", {"eth0": {"name": 23}}, "netDevices.eth0.name"),
    ("linux.intelRdt", {"closID": "../x"}, "intelRdt.closID"),
    ("linux.intelRdt", {"memBwSchema": "L3:0=1"}, "intelRdt.memBwSchema"),
    ("linux.namespaces", [{"type": "pid"}, {"type": "pid"}], "given twice"),
    ("linux.personality", {"domain": "BSD"}, "personality"),
    ("linux.uidMappings", [{"containerID": 0, "hostID": 0, "size": 1}], "user namespace"),
    ("linux.sysctl", {"kernel.panic": "1"}, "kernel.panic"),
    ("linux.maskedPaths", "all", "linux.maskedPaths"),
    ("process.user", {"uid": -1}, "process.user.uid"),
    ("process.user", {"uid": 4294967295}, "process.user"),
    ("process.rlimits", [{"type": "RLIMIT_X", "soft": 1, "hard": 1}], "RLIMIT_X"),
    ("process.env", [1], "process.env"), ("process.oomScoreAdj", 2000, "process.oomScoreAdj"),
    ("process.terminal", "yes", "process.terminal"),
    ("root", {"path": 5}, "root.path"), ("root", {}, "root.path"), ("mounts", [{}], "mounts.destination"),
    ("mounts", {}, "mounts"), ("hostname", 5, "hostname"), ("annotations", [], "annotations"),
    ("ociVersion", "2.0.0", "2.0.0"),
])
def test_errors_name_the_field(bundle, path, value, words):
    set_in(bundle.config, path, value)
    refused(bundle, words)


def test_intel_rdt_is_refused(bundle):
    bundle.config["linux"]["intelRdt"] = {"closID": "guest", "l3CacheSchema": "L3:0=f"}
    refused(bundle, "linux.intelRdt", "not supported")


def test_unknown_fields_are_ignored(bundle):
    bundle.config["somethingNew"] = {"a": 1}
    bundle.config["linux"]["somethingNew"] = [1]
    bundle.config["ociVersion"] = "1.99.0-dev"
    assert sh(bundle, "echo fine") == "fine\n"


def test_signals_are_default(bundle):
    """Whatever the caller ignores, the program starts with."""
    bundle.write("grep", "SigIgn", "/proc/self/status")
    old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        assert int(bundle.ok("run", bundle.id).split()[1], 16) == 0
    finally:
        signal.signal(signal.SIGUSR1, old)
