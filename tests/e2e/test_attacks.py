# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile images, containers and clients: what once worked, or nearly did."""

import os
import signal
import time

import pytest

from support.daemon import parent_of, wait_for
from support.images import Image

# Some of these hang dockerd.
pytestmark = pytest.mark.lighter_only


def alive(pid):
    """Whether the process exists and is more than a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


STOPPER = "while :; do kill -STOP -1; done 2>/dev/null"


def test_container_that_stops_what_is_started_in_it(daemon):
    """The keeper of a container waits for a process that the container sees, and can stop."""
    daemon.cli.ok("run", "-d", "--name", "stopper", "busybox", "sh", "-c", STOPPER)
    try:
        for _ in range(3):
            daemon.cli("exec", "-d", "stopper", "true", timeout=30)
        begin = time.monotonic()
        daemon.cli.ok("kill", "stopper")
        assert time.monotonic() - begin < 8
    finally:
        daemon.cli.ok("rm", "-f", "stopper")


def test_container_that_stops_what_joins_it(daemon):
    daemon.cli.ok("run", "-d", "--name", "stopper", "busybox", "sh", "-c", STOPPER)
    try:
        for i in range(3):
            daemon.cli("run", "-d", "--name", f"joins{i}", "--pid", "container:stopper", "busybox", "true",
                       timeout=30)
    finally:
        for name in ("joins0", "joins1", "joins2", "stopper"):
            daemon.cli("rm", "-f", name)


@pytest.mark.parametrize("name", ["passwd", "group"])
def test_users_are_not_read_from_what_is_no_file(daemon, name):
    """Opening a device of the container's making has effects on the host: a watchdog would reboot it.
    A fifo shows that something was opened: its writer goes on."""
    daemon.cli.ok("run", "-d", "--name", "fifo", "busybox", "sh", "-c",
                  f"rm /etc/{name}; mkfifo /etc/{name}; touch /ready; echo x > /etc/{name}; touch /opened; sleep 60")
    try:
        wait_for(lambda: daemon.cli("exec", "-u", "0:0", "fifo", "test", "-e", "/ready").returncode == 0)
        daemon.cli("exec", "-u", "user:extra", "fifo", "true", timeout=20)
        daemon.cli("exec", "-u", "1000", "fifo", "true", timeout=20)
        assert daemon.cli("exec", "-u", "0:0", "fifo", "test", "-e", "/opened").returncode == 1
    finally:
        daemon.cli.ok("rm", "-f", "fifo")


def test_container_can_be_killed_without_its_shim(daemon):
    ident = daemon.cli.ok("run", "-d", "--name", "deaf", "busybox", "sleep", "600")
    state = daemon.api.get(f"/containers/{ident}/json").json["State"]
    shim = parent_of(state["Pid"])
    os.kill(shim, signal.SIGSTOP)
    try:
        client = daemon.cli.popen("kill", "deaf")
        wait_for(lambda: not alive(state["Pid"]), 30, "the end of the container")
    finally:
        os.kill(shim, signal.SIGCONT)
    assert client.wait(30) == 0
    assert daemon.cli.ok("wait", "deaf") == "137"
    daemon.cli.ok("rm", "deaf")


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="needs a mount below a directory")
def test_read_only_is_read_only_all_the_way_down(daemon):
    canary = f"lighter-canary-{os.getpid()}"
    done = daemon.cli("run", "--rm", "-v", "/dev:/host:ro", "busybox", "touch", f"/host/shm/{canary}")
    left = os.path.exists(f"/dev/shm/{canary}")
    if left:
        os.unlink(f"/dev/shm/{canary}")
    assert done.returncode != 0 and not left


def test_sysctls_of_the_hosts_network_by_way_of_another_container(daemon):
    daemon.cli.ok("run", "-d", "--name", "hostnet", "--network", "host", "busybox", "sleep", "60")
    try:
        done = daemon.cli("run", "--rm", "--network", "container:hostnet", "--sysctl",
                          "net.ipv4.ip_default_ttl=63", "busybox", "true")
        assert done.returncode != 0
        assert "not allowed in host network" in done.stderr
    finally:
        daemon.cli.ok("rm", "-f", "hostnet")


@pytest.mark.parametrize("key", ["net/../kernel/core_pattern", "net.//.kernel.core_pattern",
                                 "net.ipv4.//.//.kernel.core_pattern"])
def test_sysctl_that_names_another_file(daemon, key):
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as f:
        before = f.read().strip()
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"Sysctls": {key: before}}}
    assert daemon.api.post("/containers/create", body).status == 400


@pytest.mark.images_change
def test_image_with_very_many_variables(daemon, rootfs):
    """Quadratic work would keep a thread, and the container's lock, for minutes."""
    image = Image([rootfs], "evil:1", {"Env": [f"V{i}=x" for i in range(100_000)] + ["PATH=/bin"]})
    daemon.cli.ok("load", stdin=image.docker_archive())
    assert daemon.cli("run", "--rm", "evil:1", "sh", "-c", "exit 3", timeout=30).returncode == 3


@pytest.mark.images_change
def test_image_with_very_many_volumes(daemon, rootfs):
    image = Image([rootfs], "evil:1", {"Volumes": {f"/v/{i}": {} for i in range(100_000)}})
    daemon.cli.ok("load", stdin=image.docker_archive())
    assert "1024 mounts" in daemon.cli("run", "--rm", "evil:1", "true", timeout=30).stderr
    assert not daemon.api.get("/volumes").json["Volumes"]


@pytest.mark.parametrize("field,value", [
    ("ExtraHosts", "x:1.2.3.4\n5.6.7.8 evil"), ("ExtraHosts", "x y:1.2.3.4"), ("ExtraHosts", "x:not-an-address"),
    ("ExtraHosts", ":1.2.3.4"), ("Dns", "1.2.3.4\nnameserver 6.6.6.6"), ("Dns", "name.example"),
    ("DnsSearch", "a\nnameserver 6.6.6.6"), ("DnsOptions", "ndots:1\nnameserver 6.6.6.6")])
def test_lines_in_the_files_of_names(daemon, field, value):
    body = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {field: [value]}}
    assert daemon.api.post("/containers/create", body).status == 400
