# SPDX-License-Identifier: GPL-2.0-or-later
"""Terminals and attached streams."""

import socket
import time

from support.api import read_all, read_frames
from support.daemon import wait_for
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
    wait_for(lambda: daemon.api.get("/containers/it/json").status == 404, what="removal")


def test_window_size(cli):
    with terminal(cli, "run", "-it", "--rm", "busybox", "sh", rows=33, cols=101) as t:
        t.expect("# ")
        time.sleep(0.3)
        t.type("stty size\n")
        t.expect("33 101")
        t.resize(44, 66)
        time.sleep(0.5)
        t.type("stty size\n")
        t.expect("44 66")
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
                  "stty raw -echo; head -c 2 | od -An -tx1") as t:
        time.sleep(0.7)
        t.type("\x10a")
        t.expect("10 61")
        t.wait()


def test_exec_on_a_terminal(daemon, cli):
    cli.ok("run", "-d", "--name", "et", "busybox", "sleep", "600")
    with terminal(cli, "exec", "-it", "et", "sh", rows=20, cols=70) as t:
        t.expect("# ")
        time.sleep(0.2)
        t.type("stty size; tty\n")
        t.expect("20 70")
        t.expect("/dev/pts/")
        t.type("exit 6\n")
        assert t.wait() == 6


def test_attach_without_terminal(daemon, cli):
    cli.ok("run", "-d", "--name", "at", "busybox", "sh", "-c",
           "sleep 0.7; echo out; echo err >&2; sleep 0.2; exit 3")
    done = cli("attach", "at", timeout=15)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_two_attached_see_the_same(daemon):
    daemon.cli.ok("run", "-d", "--name", "two", "busybox", "sh", "-c", "sleep 1; echo both")
    socks = [daemon.api.hijack("/containers/two/attach?stream=1&stdout=1&stderr=1")[0]
             for _ in range(2)]
    assert [read_frames(s)[1] for s in socks] == [b"both\n", b"both\n"]
    for s in socks:
        s.close()


def test_attach_before_start_loses_nothing(daemon):
    for i in range(20):
        name = f"early{i}"
        daemon.api.post("/containers/create", {"Image": "busybox", "Cmd": ["echo", "first"]},
                        name=name)
        sock, head = daemon.api.hijack(f"/containers/{name}/attach?stream=1&stdout=1&stderr=1")
        assert head.startswith("HTTP/1.1 101 UPGRADED")
        assert daemon.api.post(f"/containers/{name}/start").status == 204
        assert read_frames(sock)[1] == b"first\n"
        sock.close()


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


def test_data_behind_the_upgrade_request(daemon):
    """Bytes that came with the request's own packet are the program's input, too."""
    daemon.api.post("/containers/create", {
        "Image": "busybox", "Cmd": ["head", "-n", "1"], "OpenStdin": True, "StdinOnce": True},
        name="behind")
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(daemon.api.socket_path)
    sock.sendall(b"POST /containers/behind/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
                 b"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\nearly bird\n")
    time.sleep(0.2)
    daemon.api.post("/containers/behind/start")
    data = read_all(sock)
    assert data.endswith(b"early bird\n"), data
    sock.close()


def test_attach_with_logs(daemon):
    daemon.cli.ok("run", "-d", "--name", "wl", "busybox", "sh", "-c",
                  "echo before; sleep 1.5; echo after")
    wait_for(lambda: "before" in daemon.cli("logs", "wl").stdout, what="first line")
    sock, _ = daemon.api.hijack("/containers/wl/attach?logs=1&stream=1&stdout=1")
    assert read_frames(sock)[1] == b"before\nafter\n"
    sock.close()


def test_a_stalled_client_costs_no_memory(daemon):
    daemon.api.post("/containers/create", {
        "Image": "busybox", "Cmd": ["sh", "-c", "yes 0123456789abcdef | head -c 50000000"],
        "HostConfig": {"LogConfig": {"Type": "none"}}}, name="slow")
    sock, _ = daemon.api.hijack("/containers/slow/attach?stream=1&stdout=1", timeout=60)
    daemon.api.post("/containers/slow/start")
    time.sleep(1)
    pid = daemon.container_pid("slow")
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        shim = int(stat.read().rsplit(") ", 1)[1].split()[1])
    rollup = open(f"/proc/{shim}/smaps_rollup", encoding="utf-8").read()
    private = sum(int(line.split()[1]) for line in rollup.splitlines()
                  if line.startswith("Private_"))
    assert private < 2048, f"{private} kB"
    assert len(read_frames(sock)[1]) == 50_000_000
    sock.close()


def test_hijack_without_upgrade_header(daemon):
    """Very old clients send no Upgrade header and get 200."""
    daemon.cli.ok("run", "-d", "--name", "oldh", "busybox", "sh", "-c", "sleep 0.7; echo x")
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(daemon.api.socket_path)
    sock.sendall(b"POST /v1.24/containers/oldh/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n"
                 b"Content-Length: 0\r\n\r\n")
    data = read_all(sock)
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert data.endswith(b"\x01\0\0\0\0\0\0\x02x\n"), data
    sock.close()
