# SPDX-License-Identifier: GPL-2.0-or-later
"""Terminals and attached streams."""

import concurrent.futures
import socket
import time

import pytest

from support.api import read_all, read_frames
from support.daemon import ENGINE, PATIENCE, skip_if_sanitized, wait_for
from support.terminal import Terminal


def terminal(cli, *args, **kw):
    return Terminal(cli.argv(*args), cli.env, **kw)


def test_interactive_shell(daemon, cli):
    with terminal(cli, "run", "-it", "--rm", "--name", "it", "busybox", "sh") as t:
        t.expect("# ")
        t.type("echo $((40+2))\n")
        t.expect("\r\n42\r\n")
        t.type("exit 5\n")
        assert t.wait() == 5
    daemon.wait_gone("it")


def test_window_size(cli):
    with terminal(cli, "run", "-it", "--rm", "busybox", "sh", rows=33, cols=101) as t:
        t.expect("# ")
        t.type("until stty size | grep '^33 101$'; do usleep 50000; done\n")
        t.expect("\n33 101\r\n")
        t.resize(44, 66)
        t.type("until stty size | grep '^44 66$'; do usleep 50000; done\n")
        t.expect("\n44 66\r\n")
        t.type("exit\n")
        t.wait()


def test_ctrl_c_reaches_the_program(cli):
    with terminal(cli, "run", "-it", "--rm", "busybox", "sh", "-c",
                  "trap 'echo interrupted; exit 3' INT; echo ready; while :; do sleep 0.1; done") as t:
        t.expect("ready")
        t.type("\x03")
        t.expect("interrupted")
        assert t.wait() == 3


def test_detach_and_attach_again(daemon, cli):
    with terminal(cli, "run", "-it", "--name", "det", "busybox", "sh") as t:
        t.expect("# ")
        t.type("X=kept\n")
        t.expect("# ")
        t.type("\x10\x11")
        assert t.wait() == 0
    assert daemon.state("det")["Running"]
    with terminal(cli, "attach", "det") as t:
        t.type("echo value=$X\n")
        t.expect("value=kept")
        t.type("exit 4\n")
        assert t.wait() == 4


def test_own_detach_keys(daemon, cli):
    with terminal(cli, "run", "-it", "--name", "dk", "--detach-keys", "ctrl-a,x", "busybox",
                  "sh") as t:
        t.expect("# ")
        t.type("\x01x")
        t.wait()
    assert daemon.state("dk")["Running"]


def test_half_a_detach_sequence_is_passed_on(cli):
    with terminal(cli, "run", "-it", "--rm", "busybox", "sh", "-c",
                  "stty raw -echo; echo ready; head -c 2 | od -An -tx1") as t:
        t.expect("ready")
        t.type("\x10a")
        t.expect("10 61")
        t.wait()


def test_exec_on_a_terminal(daemon, cli):
    cli.ok("run", "-d", "--name", "et", "busybox", "sleep", "600")
    with terminal(cli, "exec", "-it", "et", "sh", rows=20, cols=70) as t:
        t.expect("# ")
        t.type("until stty size | grep '^20 70$'; do usleep 50000; done; tty\n")
        t.expect("\n20 70\r\n")
        t.expect("/dev/pts/")
        t.type("exit 6\n")
        assert t.wait() == 6


def attached(daemon, name):
    """Waits until a client is attached."""
    def seen():
        events = daemon.api.get("/events", since="0", until=f"{time.time():.3f}",
                                filters={"container": [name], "event": ["attach"]}).lines
        return events
    wait_for(seen, what=f"a client attached to {name}")


def test_attach_without_terminal(daemon, cli):
    cli.ok("run", "-d", "--name", "at", "busybox", "sh", "-c",
           "until [ -e /go ]; do usleep 20000; done; echo out; echo err >&2; exit 3")
    client = cli.popen("attach", "at")
    attached(daemon, "at")
    cli("exec", "at", "touch", "/go")  # may be killed with the container, which it ends
    out, err = client.communicate(timeout=PATIENCE)
    assert (client.returncode, out, err) == (3, b"out\n", b"err\n")


def test_two_attached_see_the_same(daemon):
    daemon.cli.ok("run", "-d", "--name", "two", "busybox", "sh", "-c", "until [ -e /go ]; do usleep 20000; done; echo both")
    socks = [daemon.api.hijack("/containers/two/attach?stream=1&stdout=1&stderr=1")[0]
             for _ in range(2)]
    daemon.cli("exec", "two", "touch", "/go")  # may be killed with the container, which it ends
    assert [read_frames(s)[1] for s in socks] == [b"both\n", b"both\n"]
    for s in socks:
        s.close()


def test_attach_before_start_loses_nothing(daemon):
    """The start follows the attach's answer at once, while others do the same."""
    def one(i):
        name = f"early{i}"
        daemon.api.post("/containers/create", {"Image": "busybox", "Cmd": ["echo", "first"]},
                        name=name)
        sock, head = daemon.api.hijack(f"/containers/{name}/attach?stream=1&stdout=1&stderr=1")
        assert head.startswith("HTTP/1.1 101 UPGRADED")
        assert daemon.api.post(f"/containers/{name}/start").status == 204
        assert read_frames(sock)[1] == b"first\n"
        sock.close()

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        list(pool.map(one, range(60)))


def test_stdin_half_close(daemon):
    daemon.api.post("/containers/create", {
        "Image": "busybox", "Cmd": ["sh", "-c", "cat; echo end"], "OpenStdin": True,
        "StdinOnce": True, "AttachStdin": True}, name="half")
    sock, _ = daemon.api.hijack("/containers/half/attach?stream=1&stdin=1&stdout=1")
    daemon.api.post("/containers/half/start")
    sock.sendall(b"some input\n")
    sock.shutdown(socket.SHUT_WR)
    assert read_frames(sock)[1] == b"some input\nend\n"
    sock.close()


@pytest.mark.lighter_only  # dockerd loses what it has read already
def test_data_behind_the_upgrade_request(daemon):
    """Bytes that came with the request's own packet are the program's input, too."""
    daemon.api.post("/containers/create", {
        "Image": "busybox", "Cmd": ["head", "-n", "1"], "OpenStdin": True, "StdinOnce": True},
        name="behind")
    sock = daemon.api.connect(
        b"POST /containers/behind/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\nearly bird\n")
    assert sock.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 101"
    daemon.api.post("/containers/behind/start")
    data = read_all(sock)
    assert data.endswith(b"early bird\n"), data
    sock.close()


def test_attach_with_logs(daemon):
    daemon.cli.ok("run", "-d", "--name", "wl", "busybox", "sh", "-c",
                  "echo before; until [ -e /go ]; do usleep 20000; done; echo after")
    daemon.wait_log("wl", "before")
    sock, _ = daemon.api.hijack("/containers/wl/attach?logs=1&stream=1&stdout=1")
    daemon.cli.ok("exec", "wl", "touch", "/go")
    assert read_frames(sock)[1] == b"before\nafter\n"
    sock.close()


def test_a_stalled_client_costs_no_memory(daemon):
    skip_if_sanitized()
    daemon.api.post("/containers/create", {
        "Image": "busybox", "Cmd": ["sh", "-c", "yes 0123456789abcdef | head -c 20000000"],
        "HostConfig": {"LogConfig": {"Type": "none"}}}, name="slow")
    sock, _ = daemon.api.hijack("/containers/slow/attach?stream=1&stdout=1", timeout=60)
    daemon.api.post("/containers/slow/start")
    time.sleep(1)  # the time in which a careless shim would fill its memory
    rollup = open(f"/proc/{daemon.shim_pid('slow')}/smaps_rollup", encoding="utf-8").read()
    private = sum(int(line.split()[1]) for line in rollup.splitlines()
                  if line.startswith("Private_"))
    assert private < 2048 or ENGINE == "dockerd", f"{private} kB"
    assert len(read_frames(sock)[1]) == 20_000_000
    sock.close()


def test_hijack_without_upgrade_header(daemon):
    """Very old clients send no Upgrade header and get 200."""
    daemon.cli.ok("run", "-d", "--name", "oldh", "busybox", "sh", "-c",
                  "until [ -e /go ]; do usleep 20000; done; echo x")
    sock = daemon.api.connect(b"POST /v1.24/containers/oldh/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
                              b"Content-Length: 0\r\n\r\n")
    assert sock.recv(15, socket.MSG_PEEK) == b"HTTP/1.1 200 OK"
    daemon.cli.ok("exec", "oldh", "touch", "/go")
    data = read_all(sock)
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert data.endswith(b"\x01\0\0\0\0\0\0\x02x\n"), data
    sock.close()
