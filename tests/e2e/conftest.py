# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures. Each module has a daemon of its own; each test ends with the leak ledger."""

import os
import shutil
import signal

import pytest

from support import api as raw_api
from support import sweep
from support.daemon import DAEMON, DOCKER_CLIS, ENGINE, Daemon, end_clients
from support.images import busybox_rootfs
from support.ledger import Ledger

MARKERS = {
    "no_ledger": "the test checks what is left by itself",
    "images_change": "the test leaves images behind",
    "lighter_only": "the test holds Lighter to a promise that Docker does not make",
}


def pytest_configure(config):
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    end_in_order()


def pytest_sessionstart(session):
    if os.geteuid() != 0:
        pytest.exit("the end-to-end tests need root", 2)
    if not shutil.which("nsenter"):
        pytest.exit("nsenter (util-linux) is needed", 2)
    if not DAEMON.exists():
        pytest.exit(f"{DAEMON} is not there: make build, or E2E_DOCKERD", 2)
    sweep.remove_remains()


def pytest_collection_modifyitems(items):
    if ENGINE != "dockerd":
        return
    for item in items:
        if "lighter_only" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="a promise of Lighter's, not of Docker's"))


def end_in_order():
    """SIGTERM ends a run as Ctrl-C does: with every daemon stopped and removed."""
    def interrupt(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, interrupt)


@pytest.fixture(scope="session")
def rootfs():
    return busybox_rootfs()


@pytest.fixture(scope="module")
def daemon(rootfs):
    """A running daemon with the image busybox:latest."""
    d = Daemon()
    try:
        d.start()
        d.cli.ok("import", "-c", 'CMD ["sh"]', "-c", "ENV PATH=/bin:/usr/bin", "-",
                 "busybox:latest", stdin=rootfs)
        # The first container makes the bridge and the firewall table, which stay.
        d.cli.ok("run", "--rm", "busybox", "true")
        yield d
        d.close()
    finally:
        d.destroy()


@pytest.fixture(autouse=True)
def clients_end():
    """Whatever a test started as a client ends with it."""
    yield
    end_clients()
    raw_api.close_sockets()


@pytest.fixture(autouse=True)
def ledger(request, clients_end):
    """Compares what the daemon holds before and after each test that uses one."""
    if "daemon" not in request.fixturenames:
        yield
        return
    d = request.getfixturevalue("daemon")
    if not d.running():
        d.start()
    if ENGINE == "dockerd" or "no_ledger" in request.keywords:
        yield
        d.remove_containers()
        d.remove_images()
        return
    book = Ledger(d)
    before, fds = book.take(), book.fds()
    yield book
    end_clients()
    raw_api.close_sockets()
    if not d.running():
        d.start()
    d.remove_containers()
    if "images_change" in request.keywords:
        d.remove_images()
    # Two more clients' connections may be ending, and the database may open its log again.
    book.assert_settled(before, fds, fd_slack=4)


def _clients():
    if ENGINE != "dockerd":
        yield pytest.param("lighter", id="lighter")
    for path in DOCKER_CLIS:
        yield pytest.param(path, id="docker-28" if "local" in path else "docker-20")


@pytest.fixture(params=list(_clients()))
def cli(request, daemon):
    """Each command line client in turn: ours, and every docker found on the machine."""
    return daemon.cli if request.param == "lighter" else daemon.docker(request.param)


@pytest.fixture
def docker(daemon):
    """The newest real docker client."""
    if not DOCKER_CLIS:
        pytest.skip("no docker command line client on this machine")
    return daemon.docker(DOCKER_CLIS[0])


@pytest.fixture
def docker_py(daemon):
    docker = pytest.importorskip("docker", reason="python3-docker is not installed")
    client = docker.DockerClient(base_url=daemon.url, timeout=60)
    yield client
    client.close()
