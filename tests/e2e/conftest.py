# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures. Each module has a daemon of its own; each test ends with the leak ledger."""

import os
import shutil

import pytest

from support.daemon import LIGHTERD, Daemon
from support.images import busybox_rootfs
from support.ledger import Ledger

DOCKER_CLIS = [p for p in ("/usr/local/bin/docker", "/usr/bin/docker") if os.access(p, os.X_OK)]


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests need root", 2)
    if not LIGHTERD.exists():
        pytest.exit(f"{LIGHTERD} is not there: make build", 2)


@pytest.fixture(scope="session")
def rootfs():
    return busybox_rootfs()


@pytest.fixture(scope="module")
def daemon(rootfs):
    """A running daemon with the image busybox:latest."""
    d = Daemon().start()
    try:
        d.cli.ok("import", "-c", 'CMD ["sh"]', "-c", "ENV PATH=/bin:/usr/bin", "-",
                 "busybox:latest", stdin=rootfs)
        # The first container makes the bridge and the firewall table, which stay.
        d.cli.ok("run", "--rm", "busybox", "true")
        yield d
    finally:
        d.close()


@pytest.fixture(autouse=True)
def ledger(request):
    """Compares what the daemon holds before and after each test that uses one."""
    if "daemon" not in request.fixturenames or "no_ledger" in request.keywords:
        yield
        return
    d = request.getfixturevalue("daemon")
    book = Ledger(d)
    before, fds = book.take(), book.fds()
    yield book
    if d.process.poll() is not None:
        d.start()
    book.container_ids()
    d.remove_containers()
    if "images_change" in request.keywords:
        before.pop("layers")
    book.assert_settled(before, fds, fd_slack=8)


def _clients():
    yield pytest.param("lighter", id="lighter")
    for path in DOCKER_CLIS:
        yield pytest.param(path, id="docker-28" if "local" in path else "docker-20")


@pytest.fixture(params=list(_clients()))
def cli(request, daemon):
    """Each command line client in turn: ours, and every docker found on the machine."""
    if request.param == "lighter":
        return daemon.cli
    return daemon.docker(request.param)


@pytest.fixture
def docker(daemon):
    """The newest real docker client."""
    if not DOCKER_CLIS:
        pytest.skip("no docker command line client on this machine")
    return daemon.docker(DOCKER_CLIS[0])


@pytest.fixture
def docker_py(daemon):
    docker = pytest.importorskip("docker", reason="python3-docker is not installed")
    client = docker.DockerClient(base_url=daemon.url)
    yield client
    client.close()


def pytest_configure(config):
    config.addinivalue_line("markers", "no_ledger: the test checks what is left by itself")
    config.addinivalue_line("markers", "images_change: the test leaves images behind")
    assert shutil.which("nsenter"), "nsenter (util-linux) is needed"
