# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets that a service manager passes: they outlive the daemon, and requests wait in them."""

import os
import socket
import subprocess
import threading

import pytest

from support.api import Api
from support.daemon import LIGHTERD, Daemon, wait_for

pytestmark = pytest.mark.lighter_only


class Activated(Daemon):
    """A daemon that is started the way systemd starts it: with a listening socket as descriptor 3."""

    def __init__(self):
        super().__init__(name="fd")
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listening.bind(str(self.socket))
        self.listening.listen(16)

    def command(self, *args):
        daemon = [LIGHTERD, "--config-file", self.config, "-H", "fd://", "--data-root", self.data,
                  "--exec-root", self.exec, "--pidfile", self.pidfile, *args]
        return ["sh", "-c", 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "sh", *self.nsenter(*daemon)]

    def spawn(self, *args, env=None):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(*args), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                start_new_session=True, pass_fds=(3,),
                preexec_fn=lambda: os.dup2(self.listening.fileno(), 3))

    def destroy(self):
        self.listening.close()
        super().destroy()


@pytest.fixture
def activated():
    d = Activated()
    try:
        yield d
        d.stop()
    finally:
        d.destroy()


def ask_in_background(d):
    """A request whose answer is put into the returned list once there is one."""
    answers = []
    thread = threading.Thread(
        target=lambda: answers.append(Api(str(d.socket)).get("/_ping", timeout=60)), daemon=True)
    thread.start()
    return answers


def test_request_waits_for_the_daemon(activated):
    first = ask_in_background(activated)
    activated.spawn()
    wait_for(lambda: first, what="the answer")
    assert first[0].status == 200
    assert activated.stop() == 0
    assert activated.socket.exists(), "the socket is the service manager's"
    second = ask_in_background(activated)
    activated.spawn()
    wait_for(lambda: second, what="the answer")
    assert second[0].status == 200


def test_no_sockets_passed(activated):
    activated.spawn("-H", "fd://7")
    assert activated.process.wait(timeout=60) != 0
    assert "fd://7" in activated.log_text()
