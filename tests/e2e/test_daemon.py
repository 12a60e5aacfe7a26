# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon as a program: flags, configuration file, signals, start and end."""

import json
import os
import re
import signal
import socket
import stat

import pytest

from support.api import Api
from support.daemon import (DAEMON, ENGINE, LIGHTER, LIGHTERD, PATIENCE, RUNTIME, SHIM, Daemon,
                            run, skip_if_sanitized, wait_for)


@pytest.fixture
def apart():
    made = []

    def make(**kw):
        made.append(Daemon(**kw))
        return made[-1]
    yield make
    for d in made:
        try:
            d.stop()
        finally:
            d.destroy()


@pytest.mark.lighter_only
@pytest.mark.parametrize("program", [LIGHTERD, LIGHTER, RUNTIME, SHIM], ids=lambda p: p.name)
def test_version_flag(program):
    done = run([program, "--version"], check=True)
    assert "0.1.0" in done.stdout


def test_help():
    out = run([DAEMON, "--help"], check=True).stdout
    for flag in ("--host", "--data-root", "--exec-root", "--pidfile", "--config-file",
                 "--storage-driver", "--debug", "--group"):
        assert flag in out


def test_unknown_flag():
    done = run([DAEMON, "--bogus"])
    assert done.returncode != 0 and "unknown flag: --bogus" in done.stderr


@pytest.mark.parametrize("config,text", [
    ({"bogus": 1}, "the following directives don't match any configuration option: bogus"),
    ({"debug": "yes"}, "debug"),
    ({"hosts": "x"}, "hosts"),
    ({"data-root": "/elsewhere"}, "specified both as a flag and in the configuration file"),
    pytest.param({"log-driver": "nonesuch"}, "nonesuch", marks=pytest.mark.lighter_only),
    ({"storage-driver": "zfs9"}, "zfs9"),
    ({"bip": "10.0.0.300/8"}, "10.0.0.300/8"),
])
def test_bad_configuration(apart, config, text):
    d = apart(config=config)
    d.spawn()
    assert d.process.wait(timeout=PATIENCE) != 0
    assert text in d.log_text()
    assert not d.socket.exists() or ENGINE == "dockerd"


def test_configuration_that_is_no_json(apart):
    d = apart()
    d.config.write_text("{ nonsense")
    d.spawn()
    assert d.process.wait(timeout=PATIENCE) != 0
    assert str(d.config) in d.log_text()


def test_configuration_is_used(apart):
    d = apart(config={"labels": ["a=b"], "debug": True, "bip": "10.203.0.1/24",
                      "log-opts": {"max-size": "1m", "max-file": "2"}}).start()
    info = d.api.get("/info").json
    assert info["Labels"] == ["a=b"] and info["Debug"] is True
    bridge = d.api.get("/networks/bridge").json
    assert bridge["IPAM"]["Config"][0]["Gateway"] == "10.203.0.1"


def test_validate(apart):
    d = apart(config={"debug": True})
    done = run([DAEMON, "--validate", "--config-file", d.config])
    assert done.returncode == 0 and "configuration OK" in done.stdout + done.stderr
    d.config.write_text('{"x": 1}')
    done = run([DAEMON, "--validate", "--config-file", d.config])
    assert done.returncode != 0 and "x" in done.stderr


def test_reload(apart):
    d = apart(config={"labels": ["old=1"]}).start()
    d.config.write_text(json.dumps({"labels": ["new=1"], "debug": True}))
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: d.api.get("/info").json["Labels"] == ["new=1"], what="the reload")
    assert d.api.get("/info").json["Debug"] is True
    size = len(d.log_text())
    d.config.write_text("{ broken")
    d.process.send_signal(signal.SIGHUP)
    wait_for(lambda: re.search("reload|invalid", d.log_text()[size:], re.I), what="a complaint")
    assert d.api.get("/info").json["Labels"] == ["new=1"]


def test_pidfile_and_socket(apart):
    d = apart().start()
    pidfile = d.pidfile
    assert int(pidfile.read_text()) == d.pid
    mode = os.stat(d.socket)
    assert stat.S_ISSOCK(mode.st_mode) and mode.st_mode & 0o777 == 0o660
    second = apart()
    second.pidfile = d.pidfile
    second.spawn()
    assert second.process.wait(timeout=PATIENCE) != 0
    assert str(d.pid) in second.log_text() or "pid" in second.log_text().lower()
    assert d.stop() == 0
    assert not pidfile.exists()


def test_stale_pidfile(apart):
    d = apart()
    d.pidfile.write_text("4194000\n")
    d.start()
    assert d.api.get("/_ping").status == 200


def test_several_hosts(apart):
    d = apart()
    extra = d.exec_base / "second.sock"
    d.start("-H", f"unix://{extra}", "-H", "tcp://127.0.0.1:2399")
    assert Api(str(extra)).get("/_ping").status == 200
    out = d.in_netns("curl", "-s", "http://127.0.0.1:2399/_ping")
    assert out == "OK"


def test_readiness_notification(apart):
    d = apart()
    path = d.exec_base / "notify.sock"
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    sock.settimeout(PATIENCE)
    d.spawn(env=dict(os.environ, NOTIFY_SOCKET=str(path)))
    assert b"READY=1" in sock.recv(1000)
    assert d.api.get("/_ping").status == 200
    d.process.send_signal(signal.SIGTERM)
    assert b"STOPPING=1" in sock.recv(1000)
    d.process.wait(timeout=PATIENCE)
    sock.close()


@pytest.mark.lighter_only
def test_idle_memory(apart):
    """The budget is 10 MB."""
    d = apart().start()
    skip_if_sanitized()
    status = open(f"/proc/{d.pid}/status", encoding="utf-8").read()
    rss = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    assert rss < 10 * 1024, f"{rss} kB"


@pytest.mark.lighter_only
def test_shim_memory(daemon):
    """The budget is 400 kB of private memory per container, when it has nothing to do."""
    skip_if_sanitized()
    daemon.cli.ok("run", "-d", "--name", "idle", "busybox", "sh", "-c", "echo x; sleep 600")
    daemon.wait_log("idle", "x")
    daemon.cli.ok("exec", "idle", "true")

    def private():
        rollup = open(f"/proc/{daemon.shim_pid('idle')}/smaps_rollup", encoding="utf-8").read()
        return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))
    wait_for(lambda: private() <= 400, timeout=10, what="400 kB")


@pytest.mark.lighter_only
def test_data_root_on_overlay_is_refused_clearly(apart, tmp_path):
    d = apart()
    done = run(["unshare", "-m", "sh", "-c",
                f"mkdir -p {tmp_path}/l {tmp_path}/u {tmp_path}/w {tmp_path}/m && "
                f"mount -t overlay -o lowerdir={tmp_path}/l,upperdir={tmp_path}/u,"
                f"workdir={tmp_path}/w none {tmp_path}/m && "
                f"timeout 30 {LIGHTERD} --config-file {d.config} -H unix://{d.exec_base}/x.sock "
                f"--data-root {tmp_path}/m/data --exec-root {d.exec} "
                f"--pidfile {d.exec_base}/x.pid"])
    assert done.returncode not in (0, 124)
    assert "overlay" in done.stderr.lower()


@pytest.mark.lighter_only
def test_lighter_without_a_daemon(tmp_path):
    done = run([LIGHTER, "-H", f"unix://{tmp_path}/none.sock", "ps"])
    assert done.returncode == 1
    assert f"Cannot connect to the Lighter daemon at unix://{tmp_path}/none.sock" in done.stderr


@pytest.mark.lighter_only
def test_environment_names_the_daemon(apart):
    d = apart().start()
    for variable in ("LIGHTER_HOST", "DOCKER_HOST"):
        done = run([LIGHTER, "version", "--format", "{{.Server.Version}}"],
                   env=dict(os.environ, **{variable: d.url}), check=True)
        assert done.stdout.strip() == "0.1.0"
