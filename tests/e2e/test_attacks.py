# SPDX-License-Identifier: GPL-2.0-or-later
"""Hostile images, containers and clients: what once worked, or nearly did."""

import time

import pytest

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
