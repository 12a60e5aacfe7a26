# SPDX-License-Identifier: GPL-2.0-or-later
"""export, diff and stats."""

import io
import json
import re
import tarfile

import pytest

from support.daemon import wait_for

SCRIPT = ("echo new >/new; mkdir -p /var/lib/x; echo y >/var/lib/x/y; rm /etc/passwd; echo more >>/etc/group;"
          "touch /ready; sleep 600")


@pytest.fixture
def box(daemon):
    daemon.cli.ok("run", "-d", "--name", "box", "-v", "/vol", "busybox", "sh", "-c", SCRIPT)
    wait_for(lambda: daemon.cli("exec", "box", "test", "-e", "/ready").returncode == 0, what="its changes")
    yield "box"
    daemon.cli.ok("rm", "-fv", "box")


def members(cli, name):
    client = cli.popen("export", name)
    data, error = client.communicate(timeout=60)
    assert client.returncode == 0, error
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {m.name: m for m in archive.getmembers()}


@pytest.mark.parametrize("state", ["running", "paused", "stopped"])
def test_export(daemon, cli, box, state):
    if state == "paused":
        daemon.cli.ok("pause", box)
    elif state == "stopped":
        daemon.cli.ok("stop", "-t", "0", box)
    have = members(cli, box)
    assert have["new"].size == 4 and have["var/lib/x/y"].size == 2 and have["bin/busybox"].size > 100000
    assert "etc/passwd" not in have
    # what is mounted is no part of it
    assert not [name for name in have if name.startswith(("proc/", "sys/", "dev/pts/"))]
    assert have["etc/hosts"].size == 0 and have["vol"].isdir()
    if state == "paused":
        daemon.cli.ok("unpause", box)


def test_export_of_nothing(cli):
    done = cli("export", "nobody")
    assert done.returncode == 1 and "No such container: nobody" in done.stderr


def test_diff(daemon, cli, box):
    lines = set(cli.ok("diff", box).splitlines())
    assert {"A /new", "C /etc", "D /etc/passwd", "C /etc/group", "C /var", "A /var/lib/x", "A /var/lib/x/y",
            "A /ready"} <= lines | {"C /var"}, lines
    assert "C /bin" not in lines and not [line for line in lines if line.endswith("/hosts")]
    daemon.cli.ok("create", "--name", "fresh", "busybox", "true")
    assert daemon.cli.ok("diff", "fresh") == ""
    assert daemon.api.get("/containers/fresh/changes").body.strip() == b"null"
    assert daemon.api.get("/containers/nobody/changes").status == 404


def test_stats(daemon, box):
    daemon.cli.ok("exec", "-d", box, "sh", "-c", "while :; do :; done")
    one = daemon.api.get(f"/containers/{box}/stats", stream="false").json
    assert one["name"] == "/box" and one["id"] == daemon.inspect(box)["Id"]
    cpu, before = one["cpu_stats"], one["precpu_stats"]
    used = cpu["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    assert 0 < used < 4e9 and cpu["system_cpu_usage"] > before["system_cpu_usage"]
    assert one["pids_stats"]["current"] >= 2 and one["memory_stats"]["usage"] > 0
    assert one["memory_stats"]["limit"] > one["memory_stats"]["usage"]
    assert "rx_bytes" in one["networks"]["eth0"] and "lo" not in one["networks"]
    assert one["read"] > one["preread"] > "2000"
    shot = daemon.api.get(f"/containers/{box}/stats", **{"stream": "false", "one-shot": "true"}).json
    assert shot["preread"].startswith("0001") and shot["precpu_stats"]["cpu_usage"]["total_usage"] == 0


def test_stats_of_a_stopped_one(daemon):
    daemon.cli.ok("create", "--name", "idle", "busybox", "true")
    one = daemon.api.get("/containers/idle/stats", stream="false").json
    assert one["read"].startswith("0001") and one["memory_stats"] == {} and one["pids_stats"] == {}


def test_stats_stream(daemon, box):
    sock = daemon.api.connect(f"GET /containers/{box}/stats HTTP/1.1\r\nHost: d\r\n\r\n".encode(), timeout=20)
    data = b""
    while data.count(b'"read"') < 2:
        data += sock.recv(65536)
    assert b"precpu_stats" in data


def test_stats_command(cli, box):
    lines = cli.ok("stats", "--no-stream", box).splitlines()
    assert re.split(r"\s{2,}", lines[0].strip()) == ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT",
                                                     "MEM %", "NET I/O", "BLOCK I/O", "PIDS"]
    assert re.fullmatch(r"[0-9a-f]{12}\s+box\s+[0-9.]+%\s+\S+B / \S+B\s+[0-9.]+%\s+\S+ / \S+\s+\S+ / \S+\s+1", lines[1].strip())
    row = json.loads(cli.ok("stats", "--no-stream", "--format", "{{json .}}", box))
    assert row["Name"] == "box" and row["PIDs"] == "1"
    done = cli("stats", "--no-stream", "nobody")
    assert done.returncode == 1 and "No such container: nobody" in done.stderr
