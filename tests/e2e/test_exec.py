# SPDX-License-Identifier: GPL-2.0-or-later
"""exec: further processes in a running container."""

import os
import re

import pytest

from support.api import read_frames
from support.daemon import PATIENCE, wait_for


@pytest.fixture
def box(daemon):
    daemon.cli.ok("run", "-d", "--name", "box", "busybox", "sleep", "600")
    return "box"


def test_output_and_code(cli, box):
    done = cli("exec", box, "sh", "-c", "echo out; echo err >&2; exit 9")
    assert (done.returncode, done.stdout, done.stderr) == (9, "out\n", "err\n")


def test_exit_codes_are_always_right(daemon, box):
    for code in range(40):
        assert daemon.cli("exec", box, "sh", "-c", f"exit {code}").returncode == code


def test_it_joins_the_container(daemon, cli, box):
    pid = daemon.container_pid(box)
    out = cli.ok("exec", box, "sh", "-c",
                 "for n in mnt pid net ipc uts; do readlink /proc/self/ns/$n; done; cat /proc/self/cgroup")
    for name in ("mnt", "pid", "net", "ipc", "uts"):
        assert os.readlink(f"/proc/{pid}/ns/{name}") in out
    mine = open(f"/proc/{pid}/cgroup", encoding="utf-8").read()
    paths = {line.split(":", 2)[1]: line.split(":", 2)[2] for line in mine.splitlines()}
    assert daemon.inspect(box)["Id"] in paths.get("memory", paths.get("", ""))


def test_options(cli, box):
    out = cli.ok("exec", "-e", "A=b", "-w", "/tmp", "-u", "user", box, "sh", "-c",
                 "echo $A; pwd; id -u; id -g")
    assert out.split() == ["b", "/tmp", "1000", "1000"]


def test_stdin(cli, box):
    assert cli.ok("exec", "-i", box, "cat", stdin="through\n") == "through"


def test_tty(cli, box):
    assert cli("exec", "-t", box, "tty").stdout == "/dev/pts/0\r\n"


def test_detached(daemon, cli, box):
    assert cli.ok("exec", "-d", box, "sh", "-c", "echo done >/tmp/mark") == ""
    wait_for(lambda: cli("exec", box, "cat", "/tmp/mark").stdout == "done\n", what="the mark")


@pytest.mark.parametrize("command,code,text", [
    ("nope", 127, 'exec: "nope": executable file not found in $PATH'),
    ("/etc/passwd", 126, "permission denied"),
])
def test_command_that_cannot_run(cli, box, command, code, text):
    done = cli("exec", box, command)
    assert done.returncode in (code, 126)  # dockerd 26 says 126 for both
    assert text in done.stdout + done.stderr


def test_not_running(daemon, cli):
    cli.ok("create", "--name", "idle", "busybox", "true")
    done = cli("exec", "idle", "true")
    assert done.returncode == 1
    assert re.search("is not running", done.stderr)


def test_unknown_container(cli):
    done = cli("exec", "nobody", "true")
    assert done.returncode == 1 and "No such container: nobody" in done.stderr


def test_api_flow(daemon, box):
    made = daemon.api.post(f"/containers/{box}/exec", {
        "AttachStdout": True, "AttachStderr": True, "Cmd": ["sh", "-c", "echo hi; exit 3"]})
    assert made.status == 201
    exec_id = made.json["Id"]
    before = daemon.api.get(f"/exec/{exec_id}/json").json
    assert (before["Running"], before["ExitCode"]) == (False, None)
    sock, head = daemon.api.hijack(f"/exec/{exec_id}/start", {"Detach": False, "Tty": False})
    assert head.startswith("HTTP/1.1 101 UPGRADED")
    assert read_frames(sock)[1] == b"hi\n"
    sock.close()
    after = daemon.api.get(f"/exec/{exec_id}/json").json
    assert (after["Running"], after["ExitCode"]) == (False, 3)
    assert daemon.api.post(f"/exec/{exec_id}/start", {"Detach": True}).status in (409, 500)
    assert daemon.api.get("/exec/deadbeef/json").status == 404


def test_exec_survives_no_one_reading(daemon, box):
    """A client that hangs up kills neither the process nor the daemon."""
    made = daemon.api.post(f"/containers/{box}/exec", {
        "AttachStdout": True, "Cmd": ["sh", "-c", "sleep 0.3; echo late; echo x >/tmp/late"]}).json
    sock, _ = daemon.api.hijack(f"/exec/{made['Id']}/start", {"Detach": False})
    sock.close()
    wait_for(lambda: daemon.cli("exec", box, "cat", "/tmp/late").stdout == "x\n", what="the mark")
    assert daemon.state(box)["Running"]


def test_no_descriptors_leak_in(cli, box):
    fds = cli.ok("exec", box, "ls", "/proc/self/fd").split()
    assert set(fds) <= {"0", "1", "2", "3"}
    fds = cli.ok("run", "--rm", "busybox", "ls", "/proc/self/fd").split()
    assert set(fds) <= {"0", "1", "2", "3"}


def test_large_output(daemon, cli, box):
    done = cli("exec", box, "sh", "-c", "yes 0123456789 | head -c 5000000")
    assert len(done.stdout) == 5_000_000


def test_exec_ends_with_the_container(daemon, box):
    client = daemon.cli.popen("exec", box, "sh", "-c", "echo ready; exec sleep 300")
    assert client.stdout.readline() == b"ready\n"
    daemon.cli.ok("kill", box)
    client.communicate(timeout=PATIENCE)
    assert client.returncode == 137
