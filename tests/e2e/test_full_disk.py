# SPDX-License-Identifier: GPL-2.0-or-later
"""A data root whose disk is full: while loading, while a container logs, while the daemon dies."""

import os

import pytest

from support.daemon import PATIENCE, Daemon, run, wait_for
from support.images import Image, add_file, make_tar

pytestmark = pytest.mark.lighter_only


@pytest.fixture
def small(tmp_path, rootfs):
    """A daemon whose data root is on a small disk."""
    disk = tmp_path / "small"
    disk.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=7m", "tmpfs", disk], check=True)
    try:
        d = Daemon(base=disk)
        d.log = tmp_path / "daemon.log"
        try:
            d.start()
            d.cli.ok("import", "-c", "ENV PATH=/bin", "-", "busybox:latest", stdin=rootfs)
            yield d
            d.close()
        finally:
            d.destroy()
    finally:
        run(["umount", "-l", disk], check=True)


def fill(daemon):
    """Takes all room there is; returns the file that holds it."""
    path = daemon.base / "ballast"
    run(["dd", "if=/dev/zero", f"of={path}", "bs=4k"])
    return path


def test_load_and_import(small):
    """They fail with the reason, and give the space back."""
    big = make_tar(lambda t: add_file(t, "big", os.urandom(20 << 20)))
    images = small.cli.ok("images", "-aq")
    for args, data in ((["load"], Image([big], "big:1").docker_archive()),
                       (["import", "-", "big:1"], big)):
        done = small.cli(*args, stdin=data)
        assert done.returncode == 1
        assert "no space left on device" in done.stderr
        assert small.cli.ok("images", "-aq") == images
    assert small.cli.ok("run", "--rm", "busybox", "/bin/echo", "room again") == "room again"


def test_container_that_logs(small):
    """It runs on, is seen, and ends with its own exit code; what the log cannot hold is missing there."""
    done = small.cli("run", "--name", "talks", "busybox", "sh", "-c",
                     "head -c 12000000 /dev/zero | tr '\\0' x | fold -w 1000; exit 7")
    assert done.returncode == 7, done.stderr
    assert len(done.stdout) > 12_000_000
    assert small.wait_status("talks")["ExitCode"] == 7
    assert small.cli.ok("logs", "--tail", "1", "talks")
    small.cli.ok("rm", "talks")
    assert small.cli.ok("run", "--rm", "busybox", "echo", "room again") == "room again"


def test_logging_goes_on_when_there_is_room_again(small):
    small.cli.ok("run", "-d", "--name", "talks", "busybox", "sh", "-c",
                 "echo first; until [ -e /dev/shm/go ]; do usleep 20000; done; "
                 "for i in $(seq 100); do echo lost; done; "
                 "until [ -e /dev/shm/on ]; do usleep 20000; done; echo last; exit 3")
    small.wait_log("talks", "first")
    ballast = fill(small)
    assert small.cli.ok("exec", "talks", "touch", "/dev/shm/go") == ""
    assert small.state("talks")["Running"]
    ballast.unlink()
    small.cli.ok("exec", "talks", "touch", "/dev/shm/on")
    assert small.wait_status("talks")["ExitCode"] == 3
    lines = small.cli.ok("logs", "talks").splitlines()
    assert lines[0] == "first" and lines[-1] == "last"


def test_daemon_on_a_full_disk(small):
    """It answers, refuses what it cannot keep, and takes over after its death."""
    small.cli.ok("run", "-d", "--name", "here", "busybox", "sh", "-c", "trap 'exit 5' TERM; echo ready; "
                 "while :; do sleep 0.05; done")
    small.wait_log("here", "ready")
    ballast = fill(small)
    assert small.cli.ok("ps", "--format", "{{.Names}}") == "here"
    done = small.cli("create", "busybox", "true")
    assert done.returncode == 0 or "space" in done.stderr or "full" in done.stderr, done.stderr
    small.kill9()
    small.spawn()
    wait_for(lambda: small.process.poll() is not None or answers(small), what="an answer or an end")
    if not small.running():
        assert "space" in small.log_text() or "full" in small.log_text(), small.log_text()[-2000:]
        ballast.unlink()
        small.start()
    assert small.state("here")["Running"]
    assert small.cli.ok("stop", "-t", str(PATIENCE), "here") == "here"
    assert small.state("here")["ExitCode"] == 5
    ballast.unlink(missing_ok=True)
    assert small.cli.ok("run", "--rm", "busybox", "echo", "fine") == "fine"


def answers(daemon):
    try:
        return daemon.api.get("/_ping").status == 200
    except OSError:
        return False
