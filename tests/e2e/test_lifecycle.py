# SPDX-License-Identifier: GPL-2.0-or-later
"""Start, stop, kill, restart, wait, rename, pause, remove, list."""

import json
import os
import re
import signal
import threading
import time

import pytest

from support.daemon import ENGINE, PATIENCE, wait_for

LOOP = "echo ready; while :; do sleep 0.05; done"


def test_create_start_wait(daemon, cli):
    cli.ok("create", "--name", "c1", "busybox", "sh", "-c", "exit 3")
    assert daemon.state("c1")["Status"] == "created"
    assert cli.ok("start", "c1") == "c1"
    assert cli.ok("wait", "c1") == "3"
    state = daemon.state("c1")
    assert (state["Status"], state["ExitCode"], state["Running"], state["Pid"]) == \
        ("exited", 3, False, 0)
    assert state["StartedAt"] < state["FinishedAt"] or ENGINE == "dockerd"


def test_start_again(daemon, cli):
    cli.ok("create", "--name", "c2", "busybox", "sh", "-c", "echo run >>/log; cat /log")
    assert cli.ok("start", "-a", "c2") == "run"
    assert cli.ok("start", "-a", "c2") == "run\nrun"


def test_stop_sends_sigterm(daemon, cli):
    cli.ok("run", "-d", "--name", "c3", "busybox", "sh", "-c",
           "trap 'exit 42' TERM; " + LOOP)
    daemon.wait_log("c3", "ready")
    assert cli.ok("stop", "-t", "60", "c3") == "c3"
    assert daemon.state("c3")["ExitCode"] == 42


def test_stop_kills_after_the_timeout(daemon, cli):
    cli.ok("run", "-d", "--name", "c4", "busybox", "sleep", "60")
    cli.ok("stop", "-t", "1", "c4")
    assert daemon.state("c4")["ExitCode"] == 137


def test_stop_signal(daemon, cli):
    cli.ok("run", "-d", "--name", "c5", "--stop-signal", "USR1", "busybox", "sh", "-c",
           "trap 'exit 9' USR1; " + LOOP)
    daemon.wait_log("c5", "ready")
    cli.ok("stop", "-t", "60", "c5")
    assert daemon.state("c5")["ExitCode"] == 9


def test_kill(daemon, cli):
    cli.ok("run", "-d", "--name", "c6", "busybox", "sh", "-c",
           "trap 'echo got; exit 5' HUP; " + LOOP)
    daemon.wait_log("c6", "ready")
    assert cli.ok("kill", "-s", "HUP", "c6") == "c6"
    assert cli.ok("wait", "c6") == "5"
    done = cli("kill", "c6")
    assert done.returncode == 1
    assert "is not running" in done.stderr


def test_restart(daemon, cli):
    cli.ok("run", "-d", "--name", "c7", "busybox", "sleep", "60")
    pid = daemon.container_pid("c7")
    assert cli.ok("restart", "-t", "0", "c7") == "c7"
    assert daemon.container_pid("c7") not in (0, pid)


def test_restart_policy(daemon):
    daemon.cli.ok("run", "-d", "--name", "c8", "--restart", "on-failure:2", "busybox", "sh", "-c",
                  "echo x; exit 1")
    wait_for(lambda: daemon.inspect("c8")["RestartCount"] == 2, what="two restarts")
    daemon.wait_status("c8")
    assert daemon.cli.ok("logs", "c8").split() == ["x"] * 3


def test_restart_always_until_stopped(daemon):
    daemon.cli.ok("run", "-d", "--name", "c9", "--restart", "always", "busybox", "sleep", "0.2")
    wait_for(lambda: daemon.inspect("c9")["RestartCount"] >= 2, what="two restarts")
    daemon.cli.ok("stop", "-t", "0", "c9")
    count = daemon.inspect("c9")["RestartCount"]
    time.sleep(1)  # longer than the pause before another restart
    assert daemon.state("c9")["Status"] == "exited"
    assert daemon.inspect("c9")["RestartCount"] == count


def test_stop_wins_over_a_restart_under_way(daemon):
    for i in range(10):
        name = f"again{i}"
        daemon.cli.ok("run", "-d", "--name", name, "--restart", "always", "busybox", "true")
        wait_for(lambda: daemon.inspect(name)["RestartCount"] >= 1, what="a restart")
        daemon.cli.ok("stop", "-t", "0", name)
        assert daemon.state(name)["Status"] == "exited"
        daemon.cli.ok("rm", name)


def test_what_has_printed_is_running(daemon):
    """The start's answer may come after the first output; calls on the container wait for it."""
    for i in range(10):
        name = f"quick{i}"
        daemon.api.post("/containers/create", {"Image": "busybox", "Cmd": ["sh", "-c", "echo up; sleep 60"]},
                        name=name)
        sock, _ = daemon.api.hijack(f"/containers/{name}/attach?stream=1&stdout=1")
        starter = threading.Thread(target=daemon.api.post, args=(f"/containers/{name}/start",))
        starter.start()
        assert b"up" in read_until(sock, b"up")
        answer = daemon.api.post(f"/containers/{name}/exec", {"Cmd": ["true"]})
        assert answer.status == 201, answer.body
        answer = daemon.api.post(f"/containers/{name}/kill")
        assert answer.status == 204, answer.body
        starter.join()


def test_rename(daemon, cli):
    cli.ok("create", "--name", "old", "busybox", "true")
    cli.ok("rename", "old", "new")
    assert daemon.inspect("new")["Name"] == "/new"
    assert daemon.api.get("/containers/old/json").status == 404


def test_pause(daemon, cli):
    cli.ok("run", "-d", "--name", "pau", "busybox", "sh", "-c",
           "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done")
    cli.ok("pause", "pau")
    assert daemon.state("pau")["Status"] == "paused"
    pid = daemon.container_pid("pau")
    assert daemon.state("pau")["Running"] is True
    count = len(cli.ok("logs", "pau").splitlines())
    time.sleep(0.4)  # ten lines' time
    assert abs(len(cli.ok("logs", "pau").splitlines()) - count) <= 1
    done = cli("exec", "pau", "true")
    assert done.returncode == 1 and "is paused" in done.stderr
    assert daemon.container_pid("pau") == pid
    cli.ok("unpause", "pau")
    wait_for(lambda: len(cli.ok("logs", "pau").splitlines()) > count + 2, what="more output")


def test_remove_refuses_a_running_one(daemon, cli):
    cli.ok("run", "-d", "--name", "rr", "busybox", "sleep", "60")
    done = cli("rm", "rr")
    assert done.returncode == 1
    assert "container is running" in done.stderr
    cli.ok("rm", "-f", "rr")
    done = cli("rm", "rr")
    assert done.returncode == 1 and "No such container: rr" in done.stderr


def test_inspect_unknown(cli):
    done = cli("inspect", "nothing-there")
    assert done.returncode == 1
    assert done.stdout.strip() == "[]"
    assert re.search("no such object: nothing-there", done.stderr, re.I)


def test_ps_columns(daemon, cli):
    container = cli.ok("run", "-d", "--name", "shown", "busybox", "sleep", "60")
    header, row = cli.ok("ps").splitlines()
    assert header.split() == ["CONTAINER", "ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS",
                              "NAMES"]
    assert row.startswith(container[:12])
    assert '"sleep 60"' in row and "busybox" in row and "Up " in row and row.endswith("shown")


def test_list_filters(daemon):
    daemon.cli.ok("run", "-d", "--name", "runs", "busybox", "sleep", "60")
    assert daemon.cli("run", "--name", "ended", "busybox", "sh", "-c", "exit 4").returncode == 4
    daemon.cli.ok("create", "--name", "made", "busybox", "true")

    def names(**filters):
        rows = daemon.api.get("/containers/json", all=1, filters=filters).json
        return {row["Names"][0][1:] for row in rows}

    assert names(status=["running"]) == {"runs"}
    assert names(status=["exited"]) == {"ended"}
    assert names(exited=["4"]) == {"ended"}
    assert names(status=["created"]) == {"made"}
    assert names(name=["^/?(runs|made)$"]) == {"runs", "made"}
    assert names(ancestor=["busybox"]) == {"runs", "ended", "made"}
    assert names(before=["made"]) == {"runs", "ended"}
    assert names(since=["runs"]) == {"ended", "made"}
    assert daemon.api.get("/containers/json", all=1, filters={"bogus": ["x"]}).status == 400
    assert len(daemon.api.get("/containers/json", limit=2).json) == 2


def waiting(daemon, name, condition):
    """A wait request whose headers have come: from then on it waits."""
    sock = daemon.api.connect(f"POST /containers/{name}/wait?condition={condition} HTTP/1.1\r\nHost: d\r\n"
                              "Content-Length: 0\r\n\r\n".encode())
    assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 200 OK")
    return sock


def read_until(sock, text):
    data = b""
    while text not in data:
        piece = sock.recv(4096)
        assert piece, data
        data += piece
    return data


def test_wait_next_exit(daemon):
    daemon.cli.ok("create", "--name", "wn", "busybox", "sh", "-c", "exit 6")
    sock = waiting(daemon, "wn", "next-exit")
    daemon.cli.ok("start", "wn")
    assert b'"StatusCode":6' in read_until(sock, b"StatusCode")


def test_wait_removed(daemon):
    daemon.cli.ok("create", "--rm", "--name", "wr", "busybox", "sh", "-c", "exit 8")
    sock = waiting(daemon, "wr", "removed")
    daemon.cli.ok("start", "wr")
    assert b'"StatusCode":8' in read_until(sock, b"StatusCode")
    assert daemon.api.get("/containers/wr/json").status == 404


def test_events(daemon, cli):
    since = f"{time.time() - 1:.3f}"
    watcher = cli.popen("events", "--since", since, "--format", "{{json .}}", "--filter", "container=ev")
    assert cli("run", "--rm", "--name", "ev", "busybox", "sh", "-c", "exit 2").returncode == 2
    events = []
    while not events or events[-1]["Action"] != "destroy":
        events.append(json.loads(watcher.stdout.readline()))
    watcher.terminate()
    actions = [e["Action"] for e in events]
    assert [a for a in actions if a in ("create", "attach", "start", "die", "destroy")] == \
        ["create", "attach", "start", "die", "destroy"]
    died = next(e for e in events if e["Action"] == "die")
    assert died["Actor"]["Attributes"]["exitCode"] == "2"
    assert died["Actor"]["Attributes"]["image"] == "busybox"
    assert died["Type"] == "container" and died["scope"] == "local"


def test_past_events(daemon):
    since = time.time() - 1
    daemon.cli.ok("run", "--name", "past", "busybox", "true")
    daemon.wait_status("past")
    answer = daemon.api.get("/events", since=f"{since:.3f}", until=f"{time.time():.3f}",
                            filters={"type": ["container"], "container": ["past"]})
    actions = [e["Action"] for e in answer.lines]
    assert [a for a in actions if a != "attach"] == ["create", "start", "die"]
    assert "attach" in actions


@pytest.mark.parametrize("reference", ["full", "prefix", "name"])
def test_references(daemon, reference):
    container = daemon.cli.ok("create", "--name", "refd", "busybox", "true")
    ref = {"full": container, "prefix": container[:7], "name": "refd"}[reference]
    assert daemon.inspect(ref)["Id"] == container


def test_ambiguous_prefix(daemon):
    ids = [daemon.cli.ok("create", "busybox", "true") for _ in range(17)]
    digit = next(d for d in "0123456789abcdef" if sum(i.startswith(d) for i in ids) > 1)
    answer = daemon.api.get(f"/containers/{digit}/json")
    assert answer.status in (400, 404)
    assert "multiple" in answer.message.lower()


def test_parallel_starts_of_one_container(daemon):
    daemon.cli.ok("create", "--name", "once", "busybox", "sleep", "60")
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(
        daemon.api.post("/containers/once/start").status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [204] + [304] * 7


def test_background_process_of_cli_is_gone(daemon):
    """A client that goes away does not take its container along."""
    client = daemon.cli.popen("run", "--name", "stays", "busybox", "sleep", "60")
    wait_for(lambda: daemon.api.get("/containers/stays/json").status == 200
             and daemon.state("stays")["Running"], what="start")
    client.kill()
    client.communicate(timeout=PATIENCE)
    assert daemon.cli.ok("exec", "stays", "echo", "here") == "here"
    assert daemon.state("stays")["Running"]


def test_signal_proxy(daemon, cli):
    client = cli.popen("run", "--name", "prox", "busybox", "sh", "-c",
                       "trap 'echo bye; exit 11' TERM; echo ready; while :; do sleep 0.05; done")
    assert client.stdout.readline() == b"ready\n"
    client.send_signal(15)
    out, _ = client.communicate(timeout=PATIENCE)
    assert (client.returncode, out) == (11, b"bye\n")


@pytest.mark.lighter_only
def test_stopped_shim_hangs_nobody(daemon):
    """One stuck container must not stop lists, inspections or other containers."""
    daemon.cli.ok("run", "-d", "--name", "stuck", "busybox", "sleep", "60")
    shim = daemon.shim_pid("stuck")
    os.kill(shim, signal.SIGSTOP)
    try:
        assert daemon.cli.ok("ps", "-q", timeout=30)
        assert daemon.state("stuck")["Running"]
        assert daemon.cli.ok("run", "--rm", "busybox", "echo", "fine", timeout=30) == "fine"
    finally:
        os.kill(shim, signal.SIGCONT)
