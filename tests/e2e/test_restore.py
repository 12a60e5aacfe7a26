# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon dies anywhere; containers, logs and terminals go on; the next one takes over."""

import json
import os
import signal
import time

import pytest

from support.api import read_frames
from support.daemon import Daemon, run, wait_for
from support.terminal import Terminal


def test_running_container_is_taken_over(daemon, cli):
    cli.ok("run", "-d", "--name", "on", "busybox", "sh", "-c",
           "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done")
    pid = daemon.container_pid("on")
    started = daemon.state("on")["StartedAt"]
    daemon.kill9()
    time.sleep(0.5)
    assert os.path.exists(f"/proc/{pid}")
    daemon.start()
    state = daemon.state("on")
    assert (state["Status"], state["Pid"], state["StartedAt"]) == ("running", pid, started)
    assert cli.ok("ps", "--format", "{{.Names}}") == "on"
    count = len(cli.ok("logs", "on").splitlines())
    assert cli.ok("logs", "on").splitlines()[:3] == ["1", "2", "3"]
    wait_for(lambda: len(cli.ok("logs", "on").splitlines()) > count + 3, what="further output")
    assert cli.ok("exec", "on", "echo", "still here") == "still here"
    lines = cli.ok("logs", "on").splitlines()
    assert lines == [str(i) for i in range(1, len(lines) + 1)], "lines were lost"
    cli.ok("stop", "-t", "0", "on")
    assert daemon.state("on")["ExitCode"] == 137


def test_exit_while_no_daemon_runs(daemon, cli):
    cli.ok("run", "-d", "--name", "gone", "busybox", "sh", "-c", "echo last words; sleep 0.6; exit 23")
    daemon.kill9()
    time.sleep(1.2)
    daemon.start()
    state = daemon.state("gone")
    assert (state["Status"], state["ExitCode"]) == ("exited", 23)
    assert state["FinishedAt"] > state["StartedAt"]
    assert cli.ok("wait", "gone") == "23"
    assert cli.ok("logs", "gone") == "last words"


def test_killed_while_no_daemon_runs(daemon, cli):
    cli.ok("run", "-d", "--name", "sh", "busybox", "sleep", "60")
    pid = daemon.container_pid("sh")
    daemon.kill9()
    os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    daemon.start()
    assert daemon.state("sh")["ExitCode"] == 137


def test_auto_remove_while_no_daemon_runs(daemon, cli):
    cli.ok("run", "-d", "--rm", "--name", "auto", "busybox", "sleep", "0.6")
    daemon.kill9()
    time.sleep(1.2)
    daemon.start()
    wait_for(lambda: daemon.api.get("/containers/auto/json").status == 404, what="removal")


def test_restart_policy_after_the_daemon(daemon, cli):
    cli.ok("run", "-d", "--name", "pol", "--restart", "always", "busybox", "sleep", "0.8")
    daemon.kill9()
    time.sleep(1.5)
    daemon.start()
    wait_for(lambda: daemon.state("pol")["Running"], what="a new start")


def test_terminal_stays_attached(daemon):
    cli = daemon.cli
    with Terminal(cli.argv("run", "-it", "--name", "term", "busybox", "sh"), cli.env) as t:
        t.expect("# ")
        daemon.kill9()
        t.type("echo alive=$((6*7))\n")
        t.expect("alive=42")
        daemon.start()
        t.type("echo again=$((5*5))\n")
        t.expect("again=25")
        assert daemon.state("term")["Running"]
        cli.ok("kill", "term")
        t.wait()


def test_attached_stream_survives(daemon):
    daemon.api.post("/containers/create", {
        "Image": "busybox", "Cmd": ["sh", "-c", "for i in 1 2 3 4 5 6; do echo $i; sleep 0.3; done"]},
        name="str")
    sock, _ = daemon.api.hijack("/containers/str/attach?stream=1&stdout=1")
    daemon.api.post("/containers/str/start")
    time.sleep(0.5)
    daemon.kill9()
    time.sleep(0.6)
    daemon.start()
    assert read_frames(sock)[1] == b"1\n2\n3\n4\n5\n6\n"
    sock.close()


def test_graceful_stop_leaves_containers_alone(daemon, cli):
    cli.ok("run", "-d", "--name", "calm", "busybox", "sleep", "60")
    pid = daemon.container_pid("calm")
    assert daemon.stop() == 0
    assert os.path.exists(f"/proc/{pid}")
    daemon.start()
    assert daemon.container_pid("calm") == pid


def test_exec_state_is_taken_over(daemon):
    daemon.cli.ok("run", "-d", "--name", "ex", "busybox", "sleep", "60")
    made = daemon.api.post("/containers/ex/exec", {"Cmd": ["sh", "-c", "sleep 0.8; exit 7"]}).json
    daemon.api.post(f"/exec/{made['Id']}/start", {"Detach": True})
    daemon.kill9()
    time.sleep(1.2)
    daemon.start()
    assert daemon.cli.ok("exec", "ex", "echo", "y") == "y"


def test_network_goes_on(daemon, cli):
    cli.ok("run", "-d", "--name", "srv", "busybox", "sh", "-c",
           "while :; do echo pong | nc -l -p 7777; done")
    address = daemon.inspect("srv")["NetworkSettings"]["IPAddress"]
    daemon.kill9()
    out = daemon.in_netns("busybox", "nc", "-w", "3", address, "7777", stdin="")
    assert out == "pong\n"
    daemon.start()
    assert daemon.inspect("srv")["NetworkSettings"]["IPAddress"] == address
    other = cli.ok("run", "--rm", "busybox", "hostname", "-i")
    assert other != address


def test_killed_at_many_moments(daemon):
    """kill -9 while containers are made, started and removed: nothing half-made stays."""
    for i in range(8):
        clients = [daemon.cli.popen("run", "--rm", "busybox", "sh", "-c", "sleep 0.1; echo ok")
                   for _ in range(4)]
        time.sleep(0.012 * (i + 1))
        daemon.kill9()
        for client in clients:
            client.kill()
            client.communicate(timeout=20)
        daemon.start()
    wait_for(lambda: not [c for c in daemon.api.get("/containers/json", all=1).json
                          if c["State"] == "running"], 20, "the end of all")
    assert daemon.cli.ok("run", "--rm", "busybox", "echo", "works") == "works"


def test_boot_finds_everything_dead(daemon, cli):
    """After a reboot there are no shims and no run-time state."""
    cli.ok("run", "-d", "--name", "boot", "busybox", "sleep", "60")
    pid = daemon.container_pid("boot")
    shim = int(open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(") ", 1)[1].split()[1])
    daemon.kill9()
    os.kill(shim, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    run(["rm", "-rf", daemon.exec])
    daemon.start()
    state = daemon.state("boot")
    assert state["Status"] == "exited" and state["ExitCode"] in (137, 255)
    assert cli.ok("start", "boot") == "boot"
    assert daemon.state("boot")["Running"]


def test_dead_shim_is_noticed(daemon, cli):
    """A shim killed by force takes its container along; the daemon says so and goes on."""
    cli.ok("run", "-d", "--name", "noshim", "busybox", "sleep", "60")
    pid = daemon.container_pid("noshim")
    shim = int(open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(") ", 1)[1].split()[1])
    os.kill(shim, signal.SIGKILL)
    wait_for(lambda: daemon.state("noshim")["Status"] == "exited", what="the exit")
    assert daemon.state("noshim")["ExitCode"] in (137, 255)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what="the process's end")


@pytest.mark.no_ledger
def test_data_roots_are_not_shared(daemon):
    second = Daemon()
    second.data = daemon.data
    second.spawn()
    assert second.process.wait(timeout=10) != 0
    assert "lock" in second.log_text().lower() or "in use" in second.log_text().lower()
    second.close_nothing = True
    run(["ip", "netns", "del", second.netns])
    run(["rm", "-rf", second.exec_base, second.base])


@pytest.mark.no_ledger
def test_newer_state_is_refused(rootfs):
    d = Daemon().start()
    try:
        d.stop()
        database = next(d.data.glob("*.db"))
        import sqlite3
        with sqlite3.connect(database) as db:
            db.execute("UPDATE schema_version SET version = 999")
        db.close()
        d.spawn()
        assert d.process.wait(timeout=10) != 0
        assert "newer" in d.log_text()
        with sqlite3.connect(database) as db:
            rows = json.dumps(db.execute("SELECT * FROM schema_version").fetchall())
        db.close()
        assert "999" in rows
    finally:
        run(["ip", "netns", "del", d.netns])
        run(["rm", "-rf", d.exec_base, d.base])
