# SPDX-License-Identifier: GPL-2.0-or-later
"""Other engines with our OCI runtime under them: podman, containerd and dockerd, where they are installed.

Each gets its own directories and a network namespace without a way out; nothing of them is installed for this.
"""

import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import uuid

import pytest

from support.daemon import PATIENCE, RUNTIME, run, wait_for
from support.images import Image, busybox_rootfs

pytestmark = pytest.mark.lighter_only

TRAP = "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done"


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def mounts_below(directory):
    text = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    return [line.split()[4] for line in text.splitlines() if str(directory) in line]


class Host:
    """Directories and a network namespace for one engine."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="lighter-eng-", dir="/run"))
        self.netns = f"lighter-eng-{uuid.uuid4().hex[:8]}"
        self.processes = []
        run(["ip", "netns", "add", self.netns], check=True)
        self("ip", "link", "set", "lo", "up", check=True)
        self.image = Image([busybox_rootfs()], tag="barge:latest")

    def argv(self, *args):
        return ["nsenter", f"--net=/run/netns/{self.netns}", *[str(a) for a in args]]

    def __call__(self, *args, **kw):
        return run(self.argv(*args), timeout=PATIENCE, **kw)

    def spawn(self, *args):
        with open(self.dir / "log", "ab") as log:
            process = subprocess.Popen(self.argv("unshare", "--mount", "--propagation", "slave", *args),
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        self.processes.append(process)
        return process

    def file(self, name, data):
        (self.dir / name).write_bytes(data)
        return self.dir / name

    def close(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for mount in sorted(mounts_below(self.dir), reverse=True):
            run(["umount", "-l", mount])
        # Engines leave the groups above their containers' own; they all bear this name.
        for directory, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if self.netns in directory.split("/"):
                os.rmdir(directory)
        run(["ip", "netns", "del", self.netns])
        shutil.rmtree(self.dir, ignore_errors=True)


def with_terminal(argv):
    """Runs a command on a terminal of its own; returns what it printed."""
    master, slave = pty.openpty()
    process = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=slave, stderr=slave,
                               start_new_session=True)
    os.close(slave)
    seen = b""
    try:
        while chunk := os.read(master, 4096):
            seen += chunk
    except OSError:
        pass
    assert process.wait(timeout=PATIENCE) == 0, seen
    os.close(master)
    return seen.decode()


class Engine:
    """What podman's and docker's command lines have in common."""

    def __init__(self, host, *command):
        self.host, self.command = host, command
        self.options = ["--network", "none"]

    def __call__(self, *args, **kw):
        return self.host(*self.command, *args, **kw)

    def ok(self, *args):
        return self(*args, check=True).stdout

    def run(self, *args):
        return self("run", *self.options, *args)


@pytest.fixture(scope="module")
def podman():
    need("podman", "conmon")
    host = Host()
    try:
        engine = Engine(host, "podman", "--root", host.dir / "root", "--runroot", host.dir / "run", "--tmpdir",
                        host.dir / "tmp", "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                        "--events-backend", "file", "--runtime", RUNTIME)
        engine.options += ["--cgroup-parent", f"/{host.netns}"]
        # Its own default is above what this machine may allow.
        engine.options += ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"]
        engine.ok("load", "-i", host.file("image.tar", host.image.docker_archive()))
        yield engine
        engine("rm", "-f", "-a", "-t", "0")
    finally:
        host.close()


@pytest.fixture(scope="module")
def dockerd():
    need("dockerd", "containerd", "docker")
    host = Host()
    try:
        url = f"unix://{host.dir}/d.sock"
        engine = Engine(host, "docker", "--config", host.dir / "cli", "-H", url)
        host.spawn("dockerd", "--data-root", host.dir / "data", "--exec-root", host.dir / "exec", "-H", url,
                   "--pidfile", host.dir / "pid", "--storage-driver", "vfs", "--bridge", "none",
                   "--iptables=false", "--cgroup-parent", f"/{host.netns}",
                   "--add-runtime", f"lighter={RUNTIME}", "--default-runtime", "lighter",
                   "--config-file", host.file("daemon.json", b"{}"))
        wait_for(lambda: engine("version").returncode == 0, what="dockerd")
        engine.ok("load", "-i", host.file("image.tar", host.image.docker_archive()))
        yield engine
        for container in engine.ok("ps", "-aq").split():
            engine("rm", "-f", container)
    finally:
        host.close()


@pytest.fixture(params=["podman", "dockerd"])
def engine(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def running(engine):
    name = "c-" + uuid.uuid4().hex[:8]
    done = engine.run("-d", "--name", name, "barge", "sh", "-c", TRAP)
    assert done.returncode == 0, done.stderr
    try:
        wait_for(lambda: "up" in engine("logs", name).stdout, what="the start")
        yield name
    finally:
        engine("rm", "-f", name)


def test_output_and_status(engine):
    done = engine.run("--rm", "barge", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")


def test_options(engine):
    done = engine.run("--rm", "--user", "1000:1000", "--ulimit", "core=0:0", "--memory", "64m", "--pids-limit", "50",
                      "--cpus", "0.5", "--read-only", "--tmpfs", "/t", "--hostname", "barge", "--workdir", "/bin",
                      "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "-v",
                      "/tmp:/v:ro", "--env", "A=b", "--sysctl", "net.ipv4.ip_forward=1", "barge", "sh",
                      "-c", "id -u; hostname; pwd; echo $A; ulimit -c; cat /proc/sys/net/ipv4/ip_forward; "
                      "grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; touch /x /v/x; touch /t/x && echo t")
    assert done.stdout.split("\n")[:6] == ["1000", "barge", "/bin", "b", "0", "1"], done.stdout + done.stderr
    assert "CapBnd:\t0000000000000000" in done.stdout
    assert "NoNewPrivs:\t1" in done.stdout and "Seccomp:\t2" in done.stdout
    assert done.stderr.count("Read-only file system") == 2 and done.stdout.endswith("t\n")


def test_privileged_and_shared_namespaces(engine):
    done = engine.run("--rm", "--privileged", "--pid", "host", "--ipc", "host", "--uts", "host", "barge", "sh", "-c",
                      "grep CapEff /proc/self/status; for n in pid ipc uts; do readlink /proc/self/ns/$n; done")
    assert done.returncode == 0, done.stderr
    caps, *namespaces = done.stdout.splitlines()
    assert int(caps.split()[1], 16) & 1 << 21, "CAP_SYS_ADMIN"
    assert namespaces == [os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "ipc", "uts")]


@pytest.mark.parametrize("argument, status, words", [
    ("nope", 127, "executable file not found in $PATH"), ("/etc", 126, "permission denied")])
def test_program_that_cannot_run(engine, argument, status, words):
    done = engine.run("--rm", "barge", argument)
    assert done.returncode == status and words in done.stderr


def test_exec(engine, running):
    done = engine("exec", running, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert engine.ok("exec", "--user", "1000", "--workdir", "/bin", "--env", "A=b", running, "sh", "-c",
                     "id -u; pwd; echo $A").split() == ["1000", "/bin", "b"]
    done = engine("exec", running, "nope")
    assert done.returncode in (126, 127) and "executable file not found in $PATH" in done.stderr + done.stdout
    assert "sleep" in engine.ok("top", running)


def test_terminal(engine):
    out = with_terminal(engine.host.argv(*engine.command, "run", "--rm", "-it", *engine.options, "barge", "tty"))
    assert out.strip() == "/dev/pts/0"


def test_exec_on_a_terminal(engine, running):
    out = with_terminal(engine.host.argv(*engine.command, "exec", "-it", running, "tty"))
    assert re.fullmatch(r"/dev/pts/\d+", out.strip())


def test_life_cycle(engine, running):
    engine.ok("pause", running)
    assert engine.ok("inspect", "-f", "{{.State.Status}}", running).strip() == "paused"
    engine.ok("unpause", running)
    assert engine.ok("inspect", "-f", "{{.State.Status}}", running).strip() == "running"
    engine.ok("stop", running)
    assert engine.ok("inspect", "-f", "{{.State.ExitCode}}", running).strip() == "5"
    engine.ok("start", running)
    engine.ok("kill", running)
    wait_for(lambda: engine.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", running).strip()
             == "exited 137", what="the end")


def test_statistics(engine, running):
    out = engine.ok("stats", "--no-stream", "--format", "{{.PIDs}}", running)
    assert int(out.strip()) >= 1


def test_docker_update(dockerd):
    name = "u-" + uuid.uuid4().hex[:8]
    dockerd.run("-d", "--name", name, "barge", "sleep", "60")
    try:
        dockerd.ok("update", "--memory", "128m", "--memory-swap", "128m", "--cpus", "0.2", "--pids-limit", "20", name)
        ident = dockerd.ok("inspect", "-f", "{{.Id}}", name).strip()
        texts = [(pathlib.Path(d) / f).read_text(encoding="utf-8").strip() for d, _, files in os.walk("/sys/fs/cgroup")
                 if os.path.basename(d) == ident for f in files if f in ("pids.max", "memory.max",
                                                                         "memory.limit_in_bytes")]
        assert "20" in texts and str(128 << 20) in texts
    finally:
        dockerd("rm", "-f", name)


def test_podman_userns(podman):
    done = podman.run("--rm", "--uidmap", "0:100000:2000", "--gidmap", "0:100000:2000", "barge", "sh", "-c",
                      "cat /proc/self/uid_map; ls -ln /bin/busybox")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:3] == ["0", "100000", "2000"]
    assert done.stdout.splitlines()[1].split()[2:4] == ["0", "0"]


@pytest.fixture(scope="module")
def ctr():
    need("ctr", "containerd", "containerd-shim-runc-v2")
    host = Host()
    try:
        config = host.file("config.toml", f'''version = 2
root = "{host.dir}/root"
state = "{host.dir}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{host.dir}/c.sock"
'''.encode())
        host.spawn("containerd", "-c", config)

        def call(*args, **kw):
            return host("ctr", "-a", host.dir / "c.sock", "-n", host.netns, *args, **kw)
        wait_for(lambda: call("version").returncode == 0, what="containerd")
        call("images", "import", "--snapshotter", "native", host.file("image.tar", host.image.oci_layout()), check=True)
        call.host = host
        yield call
        for name in call("containers", "ls", "-q").stdout.split():
            call("task", "kill", "-s", "KILL", name)
            call("task", "rm", "-f", name)
            call("containers", "rm", name)
    finally:
        host.close()


RUN = ("run", "--snapshotter", "native", "--runtime", "io.containerd.runc.v2", "--runc-binary", RUNTIME)
REF = "docker.io/library/barge:latest"


def test_containerd_runs(ctr):
    done = ctr(*RUN, "--rm", REF, "one", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout) == (7, "out\n") and "err\n" in done.stderr
    done = ctr(*RUN, "--rm", "--seccomp", "--memory-limit", 64 << 20, "--cpus", "0.5", "--read-only", "--cwd", "/bin",
               "--env", "A=b", REF, "two", "sh", "-c", "pwd; echo $A; grep Seccomp: /proc/self/status; touch /x")
    assert done.stdout.split() == ["/bin", "b", "Seccomp:", "2"] and "Read-only" in done.stderr
    done = ctr(*RUN, "--rm", REF, "three", "nope")
    assert done.returncode == 1
    assert 'exec: "nope": executable file not found in $PATH' in done.stderr, "the log is read by the shim"
    out = with_terminal(ctr.host.argv("ctr", "-a", ctr.host.dir / "c.sock", "-n", ctr.host.netns, *RUN, "--rm",
                                      "-t", REF, "four", "tty"))
    assert out.strip() == "/dev/pts/0"


def test_containerd_life_cycle(ctr):
    name = "five"
    ctr(*RUN, "-d", REF, name, "sleep", "60", check=True)
    status = lambda: {line.split()[0]: line.split()[2] for line in  # noqa: E731
                      ctr("task", "ls", check=True).stdout.splitlines()[1:]}.get(name)
    assert status() == "RUNNING"
    done = ctr("task", "exec", "--exec-id", "e1", name, "sh", "-c", "echo in; exit 3")
    assert (done.returncode, done.stdout) == (3, "in\n")
    assert len(ctr("task", "ps", name, check=True).stdout.splitlines()) == 2
    ctr("task", "pause", name, check=True)
    assert status() == "PAUSED"
    ctr("task", "resume", name, check=True)
    metrics = json.loads(ctr("task", "metrics", "--format", "json", name, check=True).stdout)
    assert metrics["pids"]["current"] == 1
    ctr("task", "kill", "-s", "KILL", name, check=True)
    wait_for(lambda: status() == "STOPPED", what="the end")
    ctr("task", "rm", name)
    ctr("containers", "rm", name, check=True)
