# SPDX-License-Identifier: GPL-2.0-or-later
"""update: limits and restart policy of containers that exist."""

import pathlib

import pytest

from support.daemon import wait_for


@pytest.fixture
def box(daemon):
    daemon.cli.ok("run", "-d", "--name", "box", "-m", "64m", "busybox", "sh", "-c", "sleep 600; exit 3")
    return "box"


def limit(daemon, box, controller, v1, v2):
    pid = daemon.container_pid(box)
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            for mount in (names, controller):
                file = pathlib.Path(f"/sys/fs/cgroup/{mount}{path}/{v1}")
                if file.exists():
                    return file.read_text().strip()
        if not names:
            for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
                file = pathlib.Path(f"{root}{path}/{v2}")
                if file.exists():
                    return file.read_text().strip()
    pytest.skip(f"no {controller} controller on this machine")


def test_running(daemon, cli, box):
    assert cli.ok("update", "-m", "96m", "--memory-swap", "200m", "--pids-limit", "77", box) == box
    assert limit(daemon, box, "memory", "memory.limit_in_bytes", "memory.max") == str(96 << 20)
    assert limit(daemon, box, "pids", "pids.max", "pids.max") == "77"
    cli.ok("update", "--cpu-shares", "300", box)
    host = daemon.inspect(box)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["PidsLimit"], host["CpuShares"]) == \
        (96 << 20, 200 << 20, 77, 300)
    assert limit(daemon, box, "pids", "pids.max", "pids.max") == "77"


def test_it_stays_after_restarts(daemon, box):
    daemon.cli.ok("update", "-m", "80m", "--restart", "on-failure:4", box)
    daemon.cli.ok("restart", "-t", "0", box)
    assert limit(daemon, box, "memory", "memory.limit_in_bytes", "memory.max") == str(80 << 20)
    daemon.kill9()
    daemon.start()
    host = daemon.inspect(box)["HostConfig"]
    assert host["Memory"] == 80 << 20
    assert host["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 4}


def test_the_new_policy_counts(daemon, box):
    daemon.cli.ok("update", "--restart", "always", box)
    pid = daemon.container_pid(box)
    daemon.cli.ok("exec", box, "kill", "-9", "-1")
    wait_for(lambda: daemon.inspect(box)["RestartCount"] >= 1 and daemon.inspect(box)["State"]["Pid"] not in (0, pid),
             what="the restart")
    daemon.cli.ok("update", "--restart", "no", box)


@pytest.mark.parametrize("args,text", [
    (("-m", "1m"), "Minimum memory limit allowed is 6MB"),
    (("-m", "900m"), "Memory limit should be smaller than already set memoryswap limit"),
    (("--restart", "sometimes"), "invalid restart policy: unknown policy 'sometimes'"),
    ((), "you must provide one or more flags"),
])
def test_refusals(daemon, cli, box, args, text):
    done = cli("update", *args, box)
    assert done.returncode == 1 and text in done.stderr, done.stderr
    assert daemon.inspect(box)["HostConfig"]["Memory"] == 64 << 20


def test_unknown(cli):
    done = cli("update", "-m", "64m", "nobody")
    assert done.returncode == 1 and "No such container: nobody" in done.stderr
