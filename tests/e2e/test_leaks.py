# SPDX-License-Identifier: GPL-2.0-or-later
"""Many containers at once, and the ledger afterwards."""

import concurrent.futures
import os
import time

import pytest

from support.daemon import PATIENCE, skip_if_sanitized, wait_for


pytestmark = pytest.mark.lighter_only


def test_two_hundred_containers(daemon, ledger):
    daemon.cli.ok("run", "--rm", "busybox", "true")
    before, fds = ledger.take(), ledger.fds()

    def one(i):
        name = f"many{i}"
        done = daemon.cli("run", "-d", "--name", name, "-m", "32m", "busybox", "sleep", "300")
        assert done.returncode == 0, done.stderr
        assert daemon.cli.ok("exec", name, "echo", name) == name
        assert daemon.cli("stop", "-t", "0", name).returncode == 0
        assert daemon.cli("rm", name).returncode == 0

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(200)))
    ledger.assert_settled(before, fds, fd_slack=3)


def test_memory_stays_flat(daemon):
    skip_if_sanitized()

    def rss():
        status = open(f"/proc/{daemon.pid}/status", encoding="utf-8").read()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def calls(n):
        for _ in range(n):
            assert daemon.api.get("/containers/json", all=1).status == 200
            assert daemon.api.get("/info").status == 200

    calls(300)
    first = rss()
    calls(2000)
    assert rss() - first < 1024, f"{first} -> {rss()} kB"


def test_dead_event_clients(daemon, ledger):
    """Clients that asked for events and hung up are forgotten."""
    fds = ledger.fds()
    for _ in range(300):
        daemon.api.connect(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n").close()
    wait_for(lambda: ledger.fds() <= fds + 2, what="the descriptors' return")
    threads = len(os.listdir(f"/proc/{daemon.pid}/task"))
    assert threads < 40


def test_stuck_event_client_stalls_nobody(daemon):
    daemon.api.connect(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
    for _ in range(30):
        daemon.cli.ok("run", "--rm", "busybox", "true", timeout=PATIENCE)


def test_idle_costs_nothing(daemon):
    def ticks():
        fields = open(f"/proc/{daemon.pid}/stat", encoding="utf-8").read().rsplit(") ", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    daemon.cli.ok("run", "-d", "--name", "idle", "busybox", "sh", "-c", "echo ready; exec sleep 60")
    daemon.wait_log("idle", "ready")
    time.sleep(0.5)  # what the start set going ends
    before = ticks()
    time.sleep(2)
    assert ticks() - before <= 2
