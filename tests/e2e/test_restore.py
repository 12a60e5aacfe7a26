# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon dies anywhere; containers, logs and terminals go on; the next one takes over."""

import json
import os
import shutil
import signal
import sqlite3
import time

import pytest

from support.api import read_frames
from support.daemon import BUILD, PATIENCE, Daemon, run, wait_for
from support.images import busybox_rootfs
from support.terminal import Terminal

pytestmark = pytest.mark.lighter_only


def gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def test_running_container_is_taken_over(daemon, cli):
    cli.ok("run", "-d", "--name", "on", "busybox", "sh", "-c",
           "i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done")
    pid = daemon.container_pid("on")
    started = daemon.state("on")["StartedAt"]
    daemon.kill9()
    time.sleep(0.5)  # ten lines' time
    assert not gone(pid)
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
    cli.ok("run", "-d", "--name", "gone", "busybox", "sh", "-c", "echo last words; sleep 1; exit 23")
    pid = daemon.container_pid("gone")
    daemon.kill9()
    wait_for(lambda: gone(pid), what="the process's end")
    daemon.start()
    state = daemon.wait_status("gone")
    assert state["ExitCode"] == 23
    assert state["FinishedAt"] > state["StartedAt"]
    assert cli.ok("wait", "gone") == "23"
    assert cli.ok("logs", "gone") == "last words"


def test_killed_while_no_daemon_runs(daemon, cli):
    cli.ok("run", "-d", "--name", "sh", "busybox", "sleep", "60")
    pid = daemon.container_pid("sh")
    daemon.kill9()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: gone(pid), what="the process's end")
    daemon.start()
    assert daemon.wait_status("sh")["ExitCode"] == 137


def test_auto_remove_while_no_daemon_runs(daemon, cli):
    cli.ok("run", "-d", "--rm", "--name", "auto", "busybox", "sleep", "1")
    pid = daemon.container_pid("auto")
    daemon.kill9()
    wait_for(lambda: gone(pid), what="the process's end")
    daemon.start()
    daemon.wait_gone("auto")


def test_restart_policy_after_the_daemon(daemon, cli):
    cli.ok("run", "-d", "--name", "pol", "--restart", "always", "busybox", "sleep", "1")
    pid = daemon.container_pid("pol")
    daemon.kill9()
    wait_for(lambda: gone(pid), what="the process's end")
    daemon.start()
    wait_for(lambda: daemon.state("pol")["Running"], what="a new start")


def test_terminal_stays_attached(daemon):
    cli = daemon.cli
    with Terminal(cli.argv("run", "-it", "--name", "term", "busybox", "sh"), cli.env) as t:
        t.expect("# ")
        wait_for(lambda: daemon.state("term")["Running"], what="the start")
        t.type("echo zero=$((0))\n")
        t.expect("zero=0")
        daemon.kill9()
        t.type("echo alive=$((6*7))\n")
        t.expect("alive=42")
        daemon.start()
        t.type("echo again=$((5*5))\n")
        t.expect("again=25")
        assert daemon.state("term")["Running"]
        t.resize(31, 92)
        t.type("until stty size | grep '^31 92$'; do usleep 50000; done\n")
        t.expect("\n31 92\r\n")
        cli.ok("kill", "term")
        t.wait()


def test_docker_run_keeps_its_terminal(daemon, docker):
    """docker waits for the exit code on a connection that dies; the terminal is the container's own."""
    with Terminal(docker.argv("run", "-it", "--name", "dterm", "busybox", "sh"), docker.env) as t:
        t.expect("# ")
        wait_for(lambda: daemon.state("dterm")["Running"], what="the start")
        t.type("echo zero=$((0))\n")
        t.expect("zero=0")
        daemon.kill9()
        t.type("echo alive=$((6*7))\n")
        t.expect("alive=42")
        daemon.start()
        t.type("echo again=$((5*5))\n")
        t.expect("again=25")
        t.type("exit 9\n")
        t.wait()
    assert daemon.wait_status("dterm")["ExitCode"] == 9


def test_exec_keeps_its_terminal(daemon, cli):
    cli.ok("run", "-d", "--name", "xt", "busybox", "sleep", "600")
    with Terminal(cli.argv("exec", "-it", "xt", "sh"), cli.env) as t:
        t.expect("# ")
        t.type("echo zero=$((0))\n")
        t.expect("zero=0")
        daemon.kill9()
        t.type("echo alive=$((6*7))\n")
        t.expect("alive=42")
        daemon.start()
        t.type("echo again=$((5*5))\n")
        t.expect("again=25")
        t.type("exit 6\n")
        assert t.wait() == 6
    assert daemon.state("xt")["Running"]


def test_attach_by_docker_goes_on(daemon, cli):
    cli.ok("run", "-dit", "--name", "da", "busybox", "sh")
    with Terminal(cli.argv("attach", "da"), cli.env) as t:
        t.type("echo one=$((1))\n")
        t.expect("one=1")
        daemon.kill9()
        t.type("echo two=$((2))\n")
        t.expect("two=2")
        daemon.start()
        t.type("exit 8\n")
        t.wait()
    assert daemon.wait_status("da")["ExitCode"] == 8


def test_logs_follow(daemon, cli):
    """The follower's connection ends with the daemon; the next one gets every line to the end."""
    cli.ok("run", "-d", "--name", "lf", "busybox", "sh", "-c",
           "echo 1; until [ -e /go ]; do usleep 20000; done; echo 2; until [ -e /end ]; do usleep 20000; done; "
           "echo 3; exit 4")
    follower = cli.popen("logs", "-f", "lf")
    assert follower.stdout.readline() == b"1\n"
    daemon.kill9()
    follower.communicate(timeout=PATIENCE)
    daemon.start()
    follower = cli.popen("logs", "-f", "lf")
    assert follower.stdout.readline() == b"1\n"
    cli.ok("exec", "lf", "touch", "/go")
    assert follower.stdout.readline() == b"2\n"
    cli.ok("exec", "lf", "touch", "/end")
    assert follower.communicate(timeout=PATIENCE)[0] == b"3\n"
    assert daemon.wait_status("lf")["ExitCode"] == 4


def test_events_end_and_go_on(daemon, cli):
    watcher = cli.popen("events", "--since", int(time.time()) - 1, "--filter", "container=ee")
    cli.ok("run", "-d", "--name", "ee", "busybox", "sleep", "600")
    assert b"ee" in watcher.stdout.readline()
    daemon.kill9()
    watcher.communicate(timeout=PATIENCE)
    since = int(time.time()) - 1
    daemon.start()
    watcher = cli.popen("events", "--since", since, "--filter", "container=ee", "--format", "{{.Action}}")
    cli.ok("kill", "ee")
    actions = []
    while "die" not in actions:
        actions.append(watcher.stdout.readline().decode().strip())
        assert actions[-1], actions


def test_exit_codes_of_many(daemon):
    """Some end before, some while no daemon runs, some after; each code is its own."""
    for i in range(12):
        daemon.cli.ok("run", "-d", "--name", f"many{i}", "busybox", "sh", "-c",
                      f"until [ -e /dev/shm/go ]; do usleep 20000; done; exit {i + 1}")
    pids = [daemon.container_pid(f"many{i}") for i in range(12)]
    for i in range(4):
        daemon.cli.ok("exec", f"many{i}", "touch", "/dev/shm/go")
    roots = [f"/proc/{pid}/root/dev/shm/go" for pid in pids]
    daemon.kill9()
    for i in range(4, 8):
        open(roots[i], "w", encoding="utf-8").close()
    wait_for(lambda: all(gone(pid) for pid in pids[:8]), what="eight ends")
    daemon.start()
    for i in range(8, 12):
        daemon.cli.ok("exec", f"many{i}", "touch", "/dev/shm/go")
    for i in range(12):
        assert daemon.wait_status(f"many{i}")["ExitCode"] == i + 1
        assert daemon.cli.ok("wait", f"many{i}") == str(i + 1)


def test_upgrade(tmp_path):
    """Containers of an old daemon, whose programs are gone from the disk, under a new one."""
    old = tmp_path / "old"
    old.mkdir()
    for name in ("lighterd", "lighter-shim", "lighter-init"):
        shutil.copy2(BUILD / name, old / name)
    d = Daemon(program=old / "lighterd")
    try:
        d.start()
        d.cli.ok("import", "-c", "ENV PATH=/bin", "-", "busybox:latest", stdin=busybox_rootfs())
        d.cli.ok("run", "-d", "--name", "old", "busybox", "sh", "-c",
                 "echo before; trap 'echo after; exit 12' TERM; while :; do sleep 0.05; done")
        d.wait_log("old", "before")
        pid, shim = d.container_pid("old"), d.shim_pid("old")
        assert d.stop() == 0
        shutil.rmtree(old)
        d.program = None
        d.start()
        assert (d.container_pid("old"), d.shim_pid("old")) == (pid, shim)
        assert d.cli.ok("exec", "old", "echo", "x") == "x"
        d.cli.ok("stop", "-t", str(PATIENCE), "old")
        assert d.state("old")["ExitCode"] == 12
        assert d.cli.ok("logs", "old") == "before\nafter"
        assert d.cli.ok("start", "old") == "old"
        d.close()
    finally:
        d.destroy()


def test_attached_stream_survives(daemon):
    daemon.api.post("/containers/create", {
        "Image": "busybox", "Cmd": ["sh", "-c", "for i in 1 2 3; do echo $i; done; until [ -e /go ]; do usleep 20000; done; "
                                          "for i in 4 5 6; do echo $i; done"]},
        name="str")
    sock, _ = daemon.api.hijack("/containers/str/attach?stream=1&stdout=1")
    daemon.api.post("/containers/str/start")
    daemon.wait_log("str", "3")
    daemon.kill9()
    daemon.start()
    daemon.cli.ok("exec", "str", "touch", "/go")
    assert read_frames(sock)[1] == b"1\n2\n3\n4\n5\n6\n"
    sock.close()


def test_graceful_stop_leaves_containers_alone(daemon, cli):
    cli.ok("run", "-d", "--name", "calm", "busybox", "sleep", "60")
    pid = daemon.container_pid("calm")
    assert daemon.stop() == 0
    assert not gone(pid)
    daemon.start()
    assert daemon.container_pid("calm") == pid


def test_exec_state_is_taken_over(daemon):
    daemon.cli.ok("run", "-d", "--name", "ex", "busybox", "sleep", "60")
    made = daemon.api.post("/containers/ex/exec", {"Cmd": ["sh", "-c", "sleep 0.8; exit 7"]}).json
    daemon.api.post(f"/exec/{made['Id']}/start", {"Detach": True})
    daemon.kill9()
    daemon.start()
    wait_for(lambda: "sleep" not in daemon.cli.ok("exec", "ex", "ps", "-o", "args").replace("sleep 60", ""),
             what="the end of the exec'd process")
    assert daemon.cli.ok("exec", "ex", "echo", "y") == "y"


def test_network_goes_on(daemon, cli):
    cli.ok("run", "-d", "--name", "srv", "busybox", "sh", "-c",
           "while :; do echo pong | nc -l -p 7777; done")
    address = daemon.inspect("srv")["NetworkSettings"]["IPAddress"]
    daemon.kill9()
    assert daemon.fetch(address, 7777) == "pong\n"
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
            client.communicate(timeout=PATIENCE)
        daemon.start()
    wait_for(lambda: not [c for c in daemon.api.get("/containers/json", all=1).json
                          if c["State"] == "running"], what="the end of all")
    assert daemon.cli.ok("run", "--rm", "busybox", "echo", "works") == "works"


def test_boot_finds_everything_dead(daemon, cli):
    """After a reboot there are no shims and no run-time state."""
    cli.ok("run", "-d", "--name", "boot", "busybox", "sleep", "60")
    pid = daemon.container_pid("boot")
    shim = daemon.shim_pid("boot")
    daemon.kill9()
    os.kill(shim, signal.SIGKILL)
    if not gone(pid):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: gone(pid), what="the process's end")
    run(["rm", "-rf", daemon.exec])
    daemon.start()
    assert daemon.wait_status("boot")["ExitCode"] in (137, 255)
    assert cli.ok("start", "boot") == "boot"
    assert daemon.state("boot")["Running"]


def test_dead_shim_is_noticed(daemon, cli):
    """A shim killed by force takes its container along; the daemon says so and goes on."""
    cli.ok("run", "-d", "--name", "noshim", "busybox", "sleep", "60")
    pid = daemon.container_pid("noshim")
    os.kill(daemon.shim_pid("noshim"), signal.SIGKILL)
    assert daemon.wait_status("noshim")["ExitCode"] in (137, 255)
    wait_for(lambda: gone(pid), what="the process's end")


def test_data_roots_are_not_shared(daemon):
    second = Daemon()
    try:
        second.data = daemon.data
        second.spawn()
        assert second.process.wait(timeout=PATIENCE) != 0
        assert "lock" in second.log_text().lower() or "in use" in second.log_text().lower()
        assert daemon.api.get("/_ping").status == 200
    finally:
        second.destroy()


def test_newer_state_is_refused():
    d = Daemon()
    try:
        d.start()
        d.stop()
        database = next(d.data.glob("*.db"))
        with sqlite3.connect(database) as db:
            db.execute("UPDATE schema_version SET version = 999")
        db.close()
        d.spawn()
        assert d.process.wait(timeout=PATIENCE) != 0
        assert "newer" in d.log_text()
        with sqlite3.connect(database) as db:
            rows = json.dumps(db.execute("SELECT * FROM schema_version").fetchall())
        db.close()
        assert "999" in rows
    finally:
        d.destroy()
