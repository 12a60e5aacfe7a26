# SPDX-License-Identifier: GPL-2.0-or-later
"""The predefined networks."""

import json
import re
import subprocess
import sys

import pytest

from support.daemon import run


def test_bridge(daemon, cli):
    out = cli.ok("run", "--rm", "busybox", "sh", "-c",
                 "ip -4 -o addr show eth0; ip route; cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6")
    assert re.search(r"inet 172\.\d+\.\d+\.\d+/16", out)
    gateway = re.search(r"default via (\S+) dev eth0", out).group(1)
    assert gateway.endswith(".0.1")
    assert out.endswith("1")


def test_containers_reach_each_other_and_the_host(daemon, cli):
    cli.ok("run", "-d", "--name", "srv", "busybox", "sh", "-c",
           "while :; do echo pong | nc -l -p 80; done")
    net = daemon.inspect("srv")["NetworkSettings"]
    address = net["Networks"]["bridge"]["IPAddress"]
    assert daemon.fetch(address, 80) == "pong\n"
    assert cli.ok("run", "--rm", "busybox", "sh", "-c",
                  f"until nc -w 20 {address} 80 </dev/null; do usleep 50000; done") == "pong"
    done = cli("run", "--rm", "busybox", "ping", "-c1", "-w20", net["Networks"]["bridge"]["Gateway"])
    assert done.returncode == 0


# Tells who called.
ACCEPT = """
import socket
server = socket.create_server(("198.51.100.2", 99))
print("ready", flush=True)
client, address = server.accept()
client.sendall(address[0].encode())
"""


def test_masquerade(daemon, cli):
    """Another host beyond the daemon's sees the daemon's address, not the container's."""
    peer = daemon.netns + "-p"
    server = None
    run(["ip", "netns", "add", peer], check=True)
    try:
        run(["ip", "link", "add", "up0", "netns", daemon.netns, "type", "veth", "peer", "name", "up1",
             "netns", peer], check=True)
        daemon.in_netns("ip", "addr", "add", "198.51.100.1/24", "dev", "up0")
        daemon.in_netns("ip", "link", "set", "up0", "up")
        for args in (["addr", "add", "198.51.100.2/24", "dev", "up1"], ["link", "set", "up1", "up"]):
            run(["nsenter", f"--net=/run/netns/{peer}", "ip", *args], check=True)
        server = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{peer}", sys.executable, "-c", ACCEPT],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert server.stdout.readline() == b"ready\n"
        done = cli("run", "-i", "--rm", "busybox", "nc", "-w", "20", "198.51.100.2", "99", stdin="hi\n")
        assert (done.returncode, done.stdout) == (0, "198.51.100.1"), done.stderr
    finally:
        if server:
            server.kill()
            server.communicate()
        run(["ip", "netns", "del", peer])
        run(["nsenter", f"--net=/run/netns/{daemon.netns}", "ip", "link", "del", "up0"])


@pytest.mark.lighter_only
def test_new_connections_from_outside_are_dropped(daemon):
    rules = daemon.in_netns("nft", "list", "table", "ip", "lighter")
    assert 'oifname "lighter0" drop' in rules


def test_none(cli):
    out = cli.ok("run", "--rm", "--net", "none", "busybox", "ip", "-o", "link")
    assert [line.split(":")[1].strip() for line in out.splitlines()] == ["lo"]


def test_host(daemon, cli):
    mine = daemon.in_netns("readlink", "/proc/self/ns/net").strip()
    assert cli.ok("run", "--rm", "--net", "host", "busybox", "readlink", "/proc/self/ns/net") == mine


def test_unknown_network(cli):
    done = cli("run", "--rm", "--net", "nosuch", "busybox", "true")
    assert done.returncode == 125
    assert "network nosuch not found" in done.stderr


def test_files(daemon, cli):
    out = cli.ok("run", "--rm", "--hostname", "me", "--add-host", "db:10.1.2.3", "--dns", "9.9.9.9",
                 "--dns-search", "corp", "busybox", "sh", "-c",
                 "cat /etc/hostname /etc/hosts /etc/resolv.conf; hostname -i")
    lines = out.splitlines()
    assert lines[0] == "me"
    assert re.search(r"^127\.0\.0\.1\s+localhost", out, re.M)
    assert re.search(r"^10\.1\.2\.3\s+db", out, re.M)
    address = lines[-1].strip()
    assert re.search(rf"^{re.escape(address)}\s+me", out, re.M)
    assert "nameserver 9.9.9.9" in lines and "search corp" in lines


def test_files_can_be_written(cli):
    assert cli.ok("run", "--rm", "busybox", "sh", "-c",
                  "echo '10.9.9.9 added' >>/etc/hosts && tail -n1 /etc/hosts") == "10.9.9.9 added"


def test_networks_are_listed(daemon, docker):
    names = docker.ok("network", "ls", "--format", "{{.Name}} {{.Driver}}").splitlines()
    assert sorted(names) == ["bridge bridge", "host host", "none null"]
    daemon.cli.ok("run", "-d", "--name", "nn", "busybox", "sleep", "60")
    bridge = json.loads(docker.ok("network", "inspect", "bridge"))[0]
    endpoint = next(iter(bridge["Containers"].values()))
    assert endpoint["Name"] == "nn"
    assert endpoint["IPv4Address"].startswith(daemon.inspect("nn")["NetworkSettings"]["IPAddress"])


def test_addresses_are_used_again(daemon):
    def address():
        return daemon.cli.ok("run", "--rm", "busybox", "hostname", "-i")
    assert len({address() for _ in range(5)}) == 1


def test_privileged_port_and_hostname_resolution(cli):
    out = cli.ok("run", "--rm", "--hostname", "self", "busybox", "ping", "-c1", "-w20", "self")
    assert "1 packets received" in out
