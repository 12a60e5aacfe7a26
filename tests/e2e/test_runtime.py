# SPDX-License-Identifier: GPL-2.0-or-later
"""The OCI runtime as other engines call it: bundles, the life cycle, refusals.

With E2E_ENGINE=dockerd the runtime is runc, whose words and states are what callers know.
"""

import json
import os
import signal
import socket
import subprocess

import pytest

from support.bundle import PROGRAM, bundle, unpacked  # noqa: F401
from support.daemon import PATIENCE, run, wait_for


def test_run(bundle):
    done = bundle.write("sh", "-c", "echo out; echo err >&2; exit 5")("run", bundle.id)
    assert (done.returncode, done.stdout, done.stderr) == (5, "out\n", "err\n")
    assert bundle("state", bundle.id).returncode == 1
    assert not list(bundle.root.glob("*/*"))


def test_run_gives_stdin_and_bundle_option(bundle):
    bundle.write("cat")
    done = run(bundle.argv("run", "--bundle", bundle.dir, bundle.id), stdin="through\n", cwd="/")
    assert done.stdout == "through\n", done.stderr


def test_what_the_process_finds(bundle):
    bundle.write("sh", "-c", "hostname; echo $$; pwd; id -u; id -g; grep -E 'CapEff|NoNewPrivs' "
                 "/proc/self/status; touch /x; echo y >/proc/sys/kernel/hostname; env",
                 cwd="/tmp", user={"uid": 1000, "gid": 2000, "additionalGids": [5]},
                 env=["PATH=/bin", "A=b"])
    done = bundle("run", bundle.id)
    lines = done.stdout.splitlines()
    assert lines[:5] == ["barge", "1", "/tmp", "1000", "2000"]
    assert "NoNewPrivs:\t1" in lines
    assert "CapEff:\t0000000000000000" in lines
    assert done.stderr.count("Read-only file system") == 2
    assert {"A=b", "PATH=/bin"} <= set(lines)


def test_namespaces(bundle):
    out = bundle.write("sh", "-c", "for n in pid ipc uts mnt net; do readlink /proc/self/ns/$n; done").ok(
        "run", bundle.id)
    mine = {os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "ipc", "uts", "mnt", "net")}
    assert len(out.split()) == 5 and not mine & set(out.split())


def test_life_cycle(bundle):
    bundle.write("sh", "-c", "trap 'echo bye; exit 3' TERM; echo started; while :; do sleep 0.05; done")
    bundle.create("--pid-file", bundle.dir / "pid")
    state = bundle.state()
    assert state["status"] == "created" and state["id"] == bundle.id
    assert state["bundle"] == str(bundle.dir) and state["ociVersion"].startswith("1.")
    assert int((bundle.dir / "pid").read_text()) == state["pid"]
    assert bundle.out() == ""
    assert bundle.create(check=False) != 0, "the name is taken"
    bundle.ok("start", bundle.id)
    assert bundle.state()["status"] == "running" and bundle.state()["pid"] == state["pid"]
    wait_for(lambda: "started" in bundle.out(), what="output")
    assert bundle("start", bundle.id).returncode == 1
    done = bundle("delete", bundle.id)
    assert done.returncode == 1 and "is not stopped: running" in done.stderr
    bundle.ok("kill", bundle.id, "TERM")
    bundle.wait_status("stopped")
    assert bundle.out().endswith("started\nbye\n")
    done = bundle("kill", bundle.id, "TERM")
    assert done.returncode == 1 and "not running" in done.stderr
    bundle.ok("delete", bundle.id)
    done = bundle("state", bundle.id)
    assert done.returncode == 1 and "does not exist" in done.stderr


def test_kill_of_one_that_was_only_created(bundle):
    bundle.write("sleep", "60").create()
    bundle.ok("kill", bundle.id, "KILL")
    bundle.wait_status("stopped")
    bundle.ok("delete", bundle.id)


def test_delete_forces(bundle):
    bundle.write("sh", "-c", "trap '' TERM; while :; do sleep 1; done").create()
    bundle.ok("start", bundle.id)
    pid = bundle.state()["pid"]
    bundle.ok("delete", "-f", bundle.id)
    wait_for(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in open(
        f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1][:3], what="the end")
    assert bundle("delete", "-f", bundle.id).returncode == 0, "nothing there is no error"


def test_list(bundle):
    bundle.write("sleep", "60").create()
    bundle.ok("start", bundle.id)
    rows = json.loads(bundle.ok("list", "-f", "json"))
    assert [(r["id"], r["status"], r["pid"]) for r in rows] == \
        [(bundle.id, "running", bundle.state()["pid"])]
    assert bundle.ok("list", "-q").split() == [bundle.id]
    header, row = bundle.ok("list").splitlines()
    assert header.split()[:4] == ["ID", "PID", "STATUS", "BUNDLE"]
    assert row.split()[0] == bundle.id and "running" in row


def test_exec(bundle):
    bundle.write("sleep", "60").create()
    bundle.ok("start", bundle.id)
    done = bundle("exec", bundle.id, "sh", "-c", "hostname; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "barge\n", "err\n")
    out = bundle.ok("exec", "--cwd", "/tmp", "--env", "A=b", "--user", "1000:2000", bundle.id, "sh", "-c",
                    "pwd; echo $A; id -u; id -g")
    assert out.split() == ["/tmp", "b", "1000", "2000"]
    (bundle.dir / "p.json").write_text(json.dumps({
        "args": ["sh", "-c", "echo $X; exit 4"], "cwd": "/", "env": ["PATH=/bin", "X=from file"],
        "user": {"uid": 0, "gid": 0}}))
    done = bundle("exec", "--process", bundle.dir / "p.json", bundle.id)
    assert (done.returncode, done.stdout) == (4, "from file\n")
    done = bundle("exec", bundle.id, "nope")
    assert done.returncode in (1, 127, 255)
    assert "nope" in done.stderr and "executable file not found in $PATH" in done.stderr
    mine = {os.readlink(f"/proc/{bundle.state()['pid']}/ns/{n}") for n in ("pid", "mnt", "net")}
    out = bundle.ok("exec", bundle.id, "sh", "-c", "for n in pid mnt net; do readlink /proc/self/ns/$n; done")
    assert set(out.split()) == mine


def test_exec_detached_writes_its_pid(bundle):
    bundle.write("sleep", "60").create()
    bundle.ok("start", bundle.id)
    with open(os.devnull, "wb") as null:
        subprocess.run(bundle.argv("exec", "-d", "--pid-file", bundle.dir / "epid", bundle.id, "sleep", "50"),
                       cwd=bundle.dir, stdin=null, stdout=null, stderr=null, timeout=PATIENCE, check=True)
    pid = int((bundle.dir / "epid").read_text())
    assert b"sleep" in open(f"/proc/{pid}/cmdline", "rb").read()
    assert os.readlink(f"/proc/{pid}/ns/pid") == os.readlink(f"/proc/{bundle.state()['pid']}/ns/pid")
    assert str(pid) in bundle.ok("ps", bundle.id)


def test_pause_and_resume(bundle):
    bundle.write("sleep", "60").create()
    bundle.ok("start", bundle.id)
    bundle.ok("pause", bundle.id)
    assert bundle.state()["status"] == "paused"
    bundle.ok("resume", bundle.id)
    assert bundle.state()["status"] == "running"


def test_limits(bundle):
    bundle.config["linux"]["resources"] = {
        "memory": {"limit": 64 << 20}, "pids": {"limit": 9}, "cpu": {"quota": 50000, "period": 100000}}
    bundle.write("sleep", "60").create()
    found = {}
    for group in bundle.cgroups():
        for name in ("memory.max", "memory.limit_in_bytes", "pids.max", "cpu.max", "cpu.cfs_quota_us"):
            if os.path.exists(f"{group}/{name}"):
                found[name] = open(f"{group}/{name}", encoding="utf-8").read().split()[0]
    assert str(64 << 20) in (found.get("memory.max"), found.get("memory.limit_in_bytes"))
    assert found["pids.max"] == "9"
    assert "50000" in (found.get("cpu.max"), found.get("cpu.cfs_quota_us"))
    bundle.ok("start", bundle.id)
    bundle.ok("update", "--pids-limit", "11", bundle.id)
    assert any(open(f"{g}/pids.max", encoding="utf-8").read().strip() == "11"
               for g in bundle.cgroups() if os.path.exists(f"{g}/pids.max"))


def test_hooks_run_in_order(bundle):
    log = bundle.dir / "hooks.log"

    def hook(name):
        return [{"path": "/bin/sh", "args": ["sh", "-c", f"cat >{bundle.dir}/{name}.json; echo {name} >>{log}"]}]
    bundle.config["hooks"] = {name: hook(name) for name in
                              ("prestart", "createRuntime", "poststart", "poststop")}
    bundle.write("true").create()
    assert log.read_text().split()[:2] == ["prestart", "createRuntime"]
    state = json.loads((bundle.dir / "prestart.json").read_text())
    assert state["id"] == bundle.id and state["pid"] > 0
    bundle.ok("start", bundle.id)
    bundle.wait_status("stopped")
    bundle.ok("delete", bundle.id)
    assert log.read_text().split() == ["prestart", "createRuntime", "poststart", "poststop"]


def test_failing_hook_stops_the_start(bundle):
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    assert bundle.write("true").create(check=False) != 0
    assert "hook" in bundle.out()
    assert bundle("state", bundle.id).returncode == 1


def test_console_socket(bundle, tmp_path):
    path = str(tmp_path / "tty.sock")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    server.settimeout(PATIENCE)
    bundle.write("sh", "-c", "tty; read line; echo got $line", terminal=True)
    bundle.create("--console-socket", path)
    connection, _ = server.accept()
    _, fds, _, _ = socket.recv_fds(connection, 4096, 1)
    connection.close()
    server.close()
    bundle.ok("start", bundle.id)
    with open(fds[0], "r+b", buffering=0) as terminal:
        os.write(fds[0], b"hello\n")
        seen = b""
        while b"got hello" not in seen:
            seen += terminal.read(4096)
    assert b"/dev/pts/0" in seen or b"/dev/console" in seen
    bundle.wait_status("stopped")


def test_command_that_does_not_exist(bundle):
    assert bundle.write("nope").create(check=False) != 0
    assert "nope" in bundle.out() and "executable file not found in $PATH" in bundle.out()
    assert bundle.cgroups() == []


def change(path, value):
    def do(config):
        *way, last = path.split(".")
        for key in way:
            config = config[key]
        config[last] = value
    return do


@pytest.mark.parametrize("breaking", [
    change("linux.namespaces", [{"type": "warp"}]), change("process.args", []),
    change("process.cwd", "relative"), change("root.path", "no-such-directory"),
    change("process", None), change("ociVersion", 7),
    change("mounts", [{"destination": "/m", "type": "bind", "source": "/no/such", "options": ["bind"]}]),
    change("linux.resources", {"memory": {"limit": "lots"}}),
], ids=["namespace", "no args", "relative cwd", "root", "no process", "version", "mount source", "limit"])
def test_bad_configuration(bundle, breaking):
    breaking(bundle.config)
    (bundle.dir / "config.json").write_text(json.dumps(bundle.config))
    assert bundle.create(check=False) != 0
    assert bundle.out().strip()
    assert bundle("state", bundle.id).returncode == 1


def test_no_configuration(bundle):
    done = bundle("run", bundle.id)
    assert done.returncode == 1 and "config.json" in done.stderr
    (bundle.dir / "config.json").write_text("{")
    done = bundle("run", bundle.id)
    assert done.returncode == 1 and done.stderr


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "a b"])
def test_bad_id(bundle, name):
    bundle.write("true")
    done = bundle("run", name)
    assert done.returncode == 1 and done.stderr


def test_errors_in_the_log(bundle):
    log = bundle.dir / "log.json"
    done = run([PROGRAM, "--root", bundle.root, "--log", log, "--log-format", "json", "state", "nobody"])
    assert done.returncode == 1
    line = json.loads(log.read_text().splitlines()[-1])
    assert line["level"] == "error" and "does not exist" in line["msg"]


def test_spec_runs(bundle, unpacked):
    bundle.ok("spec")
    config = json.loads((bundle.dir / "config.json").read_text())
    assert config["process"]["args"] == ["sh"]
    config["process"].update(args=["echo", "from spec"], terminal=False)
    config["process"].pop("rlimits", None)
    config["root"]["path"] = str(unpacked)
    config["linux"]["cgroupsPath"] = f"/{bundle.id}"
    (bundle.dir / "config.json").write_text(json.dumps(config))
    assert bundle.ok("run", bundle.id) == "from spec\n"


def test_version_and_features():
    out = run([PROGRAM, "--version"], check=True).stdout
    assert " version " in out and "spec: 1." in out
    assert run([PROGRAM, "--no-such-flag"]).returncode != 0


def test_signals_reach_the_process_of_run(bundle):
    bundle.write("sh", "-c", "trap 'echo got; exit 9' INT; echo ready; while :; do sleep 0.05; done")
    out = bundle.dir / "out"
    with open(out, "wb") as file:
        process = subprocess.Popen(bundle.argv("run", bundle.id), cwd=bundle.dir,
                                   stdin=subprocess.DEVNULL, stdout=file)
    try:
        wait_for(lambda: "ready" in bundle.out(), what="the start")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 9
        assert bundle.out() == "ready\ngot\n"
    finally:
        process.kill()
        process.wait()


@pytest.mark.lighter_only
def test_events(bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 9}}
    bundle.write("sleep", "60").create()
    bundle.ok("start", bundle.id)
    event = json.loads(bundle.ok("events", "--stats", bundle.id))
    assert (event["type"], event["id"]) == ("stats", bundle.id)
    data = event["data"]
    assert data["pids"] == {"current": 1, "limit": 9}
    assert data["memory"]["usage"]["limit"] == 64 << 20 and data["memory"]["usage"]["usage"] > 0
    assert data["memory"]["raw"] and data["cpu"]["usage"]["total"] > 0
    with subprocess.Popen(bundle.argv("events", "--interval", "50ms", bundle.id), cwd=bundle.dir,
                          stdout=subprocess.PIPE, text=True) as process:
        lines = [json.loads(process.stdout.readline()) for _ in range(3)]
        bundle.ok("kill", bundle.id, "KILL")
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, "it ends with the container"
    assert {line["type"] for line in lines} == {"stats"}
    done = bundle("events", "--stats", bundle.id)
    assert done.returncode == 1 and "not running" in done.stderr


@pytest.mark.lighter_only
def test_events_tell_of_oom_kills(bundle):
    bundle.config["linux"]["resources"] = {"memory": {"limit": 16 << 20, "swap": 16 << 20}}
    bundle.write("sh", "-c", "while ! test -e /tmp/go; do sleep 0.02; done; "
                 "(exec head -c 100000000 /dev/zero >/tmp/f); sleep 60").create()
    bundle.ok("start", bundle.id)
    with subprocess.Popen(bundle.argv("events", "--interval", "60s", bundle.id), cwd=bundle.dir,
                          stdout=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())["type"] == "stats"
        bundle.ok("exec", bundle.id, "touch", "/tmp/go")
        assert json.loads(process.stdout.readline())["type"] == "oom"
        # What lies in the tmpfs stays in memory, so that the shell may have been next.
        bundle("kill", bundle.id, "KILL")
        process.communicate(timeout=PATIENCE)


@pytest.mark.lighter_only
def test_features(bundle):
    features = json.loads(bundle.ok("features"))
    assert features["ociVersionMin"] == "1.0.0" and features["ociVersionMax"].startswith("1.")
    assert sorted(features["hooks"]) == ["createContainer", "createRuntime", "poststart", "poststop", "prestart",
                                         "startContainer"]
    assert {"ro", "rro", "rnosuid", "idmap", "ridmap", "tmpcopyup", "rshared"} <= set(features["mountOptions"])
    assert len(features["mountOptions"]) == len(set(features["mountOptions"]))
    lin = features["linux"]
    assert set(lin) == {"namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux", "intelRdt",
                        "mountExtensions", "netDevices"}
    assert sorted(lin["namespaces"]) == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]
    assert all(name.startswith("CAP_") for name in lin["capabilities"]) and "CAP_CHECKPOINT_RESTORE" in lin["capabilities"]
    assert lin["cgroup"] == {"v1": True, "v2": True, "systemd": False, "systemdUser": False, "rdma": True}
    assert lin["seccomp"]["enabled"] and "SCMP_ACT_NOTIFY" in lin["seccomp"]["actions"]
    assert set(lin["seccomp"]["supportedFlags"]) <= set(lin["seccomp"]["knownFlags"])
    assert "SECCOMP_FILTER_FLAG_LOG" in lin["seccomp"]["supportedFlags"]
    assert lin["mountExtensions"]["idmap"]["enabled"] and lin["netDevices"]["enabled"]


@pytest.mark.lighter_only
def test_options_of_crun(bundle):
    bundle.write("echo", "elsewhere")
    other = bundle.dir / "other.json"
    (bundle.dir / "config.json").rename(other)
    done = run([*bundle.argv("--cgroup-manager", "cgroupfs", "run"), "--config", other, "--keep", bundle.id],
               cwd=bundle.dir)
    assert (done.returncode, done.stdout) == (0, "elsewhere\n"), done.stderr
    assert bundle.state()["status"] == "stopped"
    bundle.ok("delete", bundle.id)
    done = bundle("--cgroup-manager", "systemd", "run", "--config", other, bundle.id)
    assert done.returncode == 1 and "systemd" in done.stderr
    done = bundle("--systemd-cgroup", "run", "--config", other, bundle.id)
    assert done.returncode == 1 and "systemd" in done.stderr


@pytest.mark.lighter_only
@pytest.mark.parametrize("command", ["checkpoint", "restore"])
def test_commands_that_are_refused(bundle, command):
    done = bundle(command, bundle.id)
    assert done.returncode == 1 and command in done.stderr and "not supported" in done.stderr
