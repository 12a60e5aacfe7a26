# SPDX-License-Identifier: GPL-2.0-or-later
"""Start, stop, kill, restart, wait, rename, pause, remove, list."""

import json
import re
import subprocess
import threading
import time

import pytest

from support.daemon import wait_for


def test_create_start_wait(daemon, cli):
    cli.ok("create", "--name", "c1", "busybox", "sh", "-c", "exit 3")
    assert daemon.state("c1")["Status"] == "created"
    assert cli.ok("start", "c1") == "c1"
    assert cli.ok("wait", "c1") == "3"
    state = daemon.state("c1")
    assert (state["Status"], state["ExitCode"], state["Running"], state["Pid"]) == \
        ("exited", 3, False, 0)
    assert state["StartedAt"] < state["FinishedAt"]


def test_start_again(daemon, cli):
    cli.ok("create", "--name", "c2", "busybox", "sh", "-c", "echo run >>/log; cat /log")
    assert cli.ok("start", "-a", "c2") == "run"
    assert cli.ok("start", "-a", "c2") == "run\nrun"


def test_stop_sends_sigterm(daemon, cli):
    cli.ok("run", "-d", "--name", "c3", "busybox", "sh", "-c",
           "trap 'exit 42' TERM; while :; do sleep 0.05; done")
    time.sleep(0.3)
    started = time.monotonic()
    assert cli.ok("stop", "c3") == "c3"
    assert time.monotonic() - started < 5
    assert daemon.state("c3")["ExitCode"] == 42


def test_stop_kills_after_the_timeout(daemon, cli):
    cli.ok("run", "-d", "--name", "c4", "busybox", "sleep", "60")
    cli.ok("stop", "-t", "1", "c4")
    assert daemon.state("c4")["ExitCode"] == 137


def test_stop_signal(daemon, cli):
    cli.ok("run", "-d", "--name", "c5", "--stop-signal", "USR1", "busybox", "sh", "-c",
           "trap 'exit 9' USR1; while :; do sleep 0.05; done")
    time.sleep(0.3)
    cli.ok("stop", "c5")
    assert daemon.state("c5")["ExitCode"] == 9


def test_kill(daemon, cli):
    cli.ok("run", "-d", "--name", "c6", "busybox", "sh", "-c",
           "trap 'echo got; exit 5' HUP; while :; do sleep 0.05; done")
    time.sleep(0.3)
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
    wait_for(lambda: daemon.state("c8")["Status"] == "exited", 15, "the last restart")
    inspect = daemon.inspect("c8")
    assert inspect["RestartCount"] == 2
    assert daemon.cli.ok("logs", "c8").split() == ["x"] * 3


def test_restart_always_until_stopped(daemon):
    daemon.cli.ok("run", "-d", "--name", "c9", "--restart", "always", "busybox", "sleep", "0.2")
    wait_for(lambda: daemon.inspect("c9")["RestartCount"] >= 2, 15, "two restarts")
    daemon.cli.ok("stop", "-t", "0", "c9")
    time.sleep(1)
    assert daemon.state("c9")["Status"] == "exited"


def test_rename(daemon, cli):
    cli.ok("create", "--name", "old", "busybox", "true")
    cli.ok("rename", "old", "new")
    assert daemon.inspect("new")["Name"] == "/new"
    assert daemon.api.get("/containers/old/json").status == 404


def test_pause(daemon, cli):
    cli.ok("run", "-d", "--name", "p", "busybox", "sh", "-c",
           "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done")
    cli.ok("pause", "p")
    assert daemon.state("p")["Status"] == "paused"
    count = len(cli.ok("logs", "p").splitlines())
    time.sleep(0.4)
    assert abs(len(cli.ok("logs", "p").splitlines()) - count) <= 1
    cli.ok("unpause", "p")
    wait_for(lambda: len(cli.ok("logs", "p").splitlines()) > count + 2, what="more output")


def test_remove_refuses_a_running_one(daemon, cli):
    cli.ok("run", "-d", "--name", "r", "busybox", "sleep", "60")
    done = cli("rm", "r")
    assert done.returncode == 1
    assert "container is running" in done.stderr
    cli.ok("rm", "-f", "r")
    done = cli("rm", "r")
    assert done.returncode == 1 and "No such container: r" in done.stderr


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
    daemon.cli.ok("run", "--name", "ended", "busybox", "sh", "-c", "exit 4")
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


def test_wait_next_exit(daemon):
    daemon.cli.ok("create", "--name", "w", "busybox", "sh", "-c", "sleep 0.3; exit 6")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(
        daemon.api.post("/containers/w/wait", condition="next-exit").json))
    waiter.start()
    time.sleep(0.2)
    daemon.cli.ok("start", "w")
    waiter.join(10)
    assert answers[0]["StatusCode"] == 6


def test_wait_removed(daemon):
    daemon.cli.ok("create", "--rm", "--name", "wr", "busybox", "sh", "-c", "exit 8")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(
        daemon.api.post("/containers/wr/wait", condition="removed").json))
    waiter.start()
    time.sleep(0.2)
    daemon.cli.ok("start", "wr")
    waiter.join(10)
    assert answers[0]["StatusCode"] == 8
    assert daemon.api.get("/containers/wr/json").status == 404


def test_events(daemon, cli):
    watcher = cli.popen("events", "--format", "{{json .}}", "--filter", "container=ev")
    time.sleep(0.5)
    cli("run", "--rm", "--name", "ev", "busybox", "sh", "-c", "exit 2")
    wait_for(lambda: daemon.api.get("/containers/ev/json").status == 404, what="removal")
    time.sleep(0.3)
    watcher.terminate()
    events = [json.loads(line) for line in watcher.communicate(timeout=10)[0].splitlines()]
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
    wait_for(lambda: daemon.state("past")["Status"] == "exited", what="exit")
    answer = daemon.api.get("/events", since=f"{since:.3f}", until=f"{time.time():.3f}",
                            filters={"type": ["container"], "container": ["past"]})
    assert [e["Action"] for e in answer.lines] == ["create", "attach", "start", "die"]


@pytest.mark.parametrize("reference", ["full", "prefix", "name", "/name"])
def test_references(daemon, reference):
    container = daemon.cli.ok("create", "--name", "refd", "busybox", "true")
    ref = {"full": container, "prefix": container[:7], "name": "refd",
           "/name": "%2Frefd"}[reference]
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
    client.communicate(timeout=10)
    time.sleep(0.3)
    assert daemon.state("stays")["Running"]


def test_signal_proxy(daemon, cli):
    client = cli.popen("run", "--name", "prox", "busybox", "sh", "-c",
                       "trap 'echo bye; exit 11' TERM; echo ready; while :; do sleep 0.05; done")
    assert client.stdout.readline() == b"ready\n"
    client.send_signal(15)
    out, _ = client.communicate(timeout=10)
    assert (client.returncode, out) == (11, b"bye\n")


def test_stopped_shim_hangs_nobody(daemon):
    """One stuck container must not stop lists, inspections or other containers."""
    daemon.cli.ok("run", "-d", "--name", "stuck", "busybox", "sleep", "60")
    pid = daemon.container_pid("stuck")
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        shim = int(stat.read().rsplit(") ", 1)[1].split()[1])
    subprocess.run(["kill", "-STOP", str(shim)], check=True)
    try:
        assert daemon.cli.ok("ps", "-q", timeout=5)
        assert daemon.state("stuck")["Running"]
        assert daemon.cli.ok("run", "--rm", "busybox", "echo", "fine", timeout=10) == "fine"
    finally:
        subprocess.run(["kill", "-CONT", str(shim)], check=True)
