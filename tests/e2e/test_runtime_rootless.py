# SPDX-License-Identifier: GPL-2.0-or-later
"""The OCI runtime as an ordinary user, who has one id, no capabilities and no control groups."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import uuid

import pytest

from support.daemon import PATIENCE, RUNTIME, run, wait_for
from support.images import busybox_rootfs

pytestmark = pytest.mark.lighter_only

USER = 1234


class Rootless:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="lighter-rootless-", dir="/tmp"))
        self.bundle, self.run_dir = self.dir / "bundle", self.dir / "run"
        rootfs = self.bundle / "rootfs"
        for directory in (self.bundle, self.run_dir, rootfs):
            directory.mkdir()
        run(["tar", "-x", "-C", rootfs], stdin=busybox_rootfs(), check=True)
        for name in ("proc", "sys", "dev"):
            (rootfs / name).mkdir()
        self.program = self.dir / "lighter-runtime"
        shutil.copy(RUNTIME, self.program)
        run(["chown", "-R", f"{USER}:{USER}", self.dir], check=True)
        self.id = "rl-" + uuid.uuid4().hex[:8]

    def argv(self, *args):
        return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--inh-caps=-all",
                "--bounding-set=-all", "env", f"XDG_RUNTIME_DIR={self.run_dir}", str(self.program),
                *[str(a) for a in args]]

    def __call__(self, *args, **kw):
        return run(self.argv(*args), cwd=self.bundle, timeout=PATIENCE, **kw)

    def ok(self, *args):
        return self(*args, check=True).stdout

    def configure(self, *args, change=None):
        path = self.bundle / "config.json"
        path.unlink(missing_ok=True)
        self.ok("spec", "--rootless")
        config = json.loads(path.read_text(encoding="utf-8"))
        config["process"].update(args=list(args), terminal=False)
        del config["process"]["rlimits"]
        if change:
            change(config)
        path.write_text(json.dumps(config), encoding="utf-8")
        return self

    def create(self):
        with open(self.bundle / "out", "ab") as out:
            subprocess.run(self.argv("create", self.id), cwd=self.bundle, stdin=subprocess.DEVNULL, stdout=out,
                           stderr=out, timeout=PATIENCE, check=True)

    def state(self):
        return json.loads(self.ok("state", self.id))

    def close(self):
        self("delete", "-f", self.id)
        shutil.rmtree(self.dir)


@pytest.fixture
def rootless():
    r = Rootless()
    done = run(["setpriv", f"--reuid={USER}", "--clear-groups", "--inh-caps=-all", "unshare", "--user", "true"])
    if done.returncode != 0:
        r.close()
        pytest.skip(f"ordinary users get no user namespaces here: {done.stderr.strip()}")
    try:
        yield r
    finally:
        r.close()


def test_run(rootless):
    rootless.configure("sh", "-c", "id -u; hostname; cat /proc/self/uid_map; ls /dev/null /proc/self/exe; "
                       "ps | grep -c .; grep CapEff /proc/self/status; echo x 2>&1 >/sys/x; touch /here; exit 7")
    done = rootless("run", rootless.id)
    lines = done.stdout.splitlines()
    assert done.returncode == 7, done.stderr
    assert lines[:2] == ["0", "lighter"] and lines[2].split() == ["0", str(USER), "1"]
    assert done.stderr.count("Read-only file system") + done.stdout.count("Read-only file system") == 2
    assert rootless("state", rootless.id).returncode == 1
    assert list((rootless.run_dir / "lighter-runtime").glob("*/*")) == []


def test_life_cycle(rootless):
    rootless.configure("sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done").create()
    assert rootless.state()["status"] == "created"
    rootless.ok("start", rootless.id)
    state = rootless.state()
    assert state["status"] == "running" and os.stat(f"/proc/{state['pid']}/ns").st_uid in (0, USER)
    out = rootless.ok("exec", rootless.id, "sh", "-c", "id -u; readlink /proc/self/ns/mnt")
    assert out.split() == ["0", os.readlink(f"/proc/{state['pid']}/ns/mnt")]
    assert rootless("exec", rootless.id, "sh", "-c", "exit 4").returncode == 4
    assert str(state["pid"]) in rootless.ok("ps", rootless.id)
    assert json.loads(rootless.ok("list", "-f", "json"))[0]["id"] == rootless.id
    wait_for(lambda: "up" in (rootless.bundle / "out").read_text(), what="the start")
    rootless.ok("kill", rootless.id, "TERM")
    wait_for(lambda: rootless.state()["status"] == "stopped", what="the end")
    rootless.ok("delete", rootless.id)


def test_network_and_terminal(rootless):
    def change(config):
        config["linux"]["namespaces"].append({"type": "network"})
        config["process"]["terminal"] = True
    rootless.configure("sh", "-c", "tty; ip addr show lo", change=change)
    done = rootless("run", rootless.id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/dev/pts/0" in done.stdout and "LOOPBACK,UP" in done.stdout


def test_limits_that_cannot_be_set_are_refused(rootless):
    def change(config):
        config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 5}}
    done = rootless.configure("true", change=change)("run", rootless.id)
    assert done.returncode == 1 and "memory" in done.stderr and "not available" in done.stderr


def test_delegated_cgroup(rootless):
    """Where a subtree is the user's own, the container is put and limited there."""
    controllers = [d for d in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory") if os.path.isdir(d)]
    if len(controllers) < 2:
        pytest.skip("delegation is tested with cgroup v1's hierarchies here")
    name = "lighter-rl-" + uuid.uuid4().hex[:8]
    made = [pathlib.Path(c) / name for c in controllers]
    try:
        for directory in made:
            directory.mkdir()
            for path in (directory, directory / "tasks", directory / "cgroup.procs"):
                os.chown(path, USER, USER)

        def change(config):
            config["linux"]["cgroupsPath"] = f"/{name}/inner"
            config["linux"]["resources"] = {"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}
        rootless.configure("cat", "/proc/self/cgroup", change=change)
        out = rootless.ok("run", rootless.id)
        for kind in ("pids", "memory"):
            assert any(line.split(":")[1] == kind and line.split(":")[2] in (f"/{name}/inner", "/")
                       for line in out.splitlines()), out
        assert not any((d / "inner").exists() for d in made)
    finally:
        for directory in made:
            directory.rmdir()


def test_needs_a_user_namespace(rootless):
    def change(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "user"]
        del config["linux"]["uidMappings"], config["linux"]["gidMappings"]
    done = rootless.configure("true", change=change)("run", rootless.id)
    assert done.returncode == 1 and "user namespace" in done.stderr


def test_inside_somebody_elses_user_namespace(rootless):
    """As podman calls a runtime for an ordinary user: root of a namespace, but of nothing else."""
    def change(config):
        config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] != "user"]
        del config["linux"]["uidMappings"], config["linux"]["gidMappings"]
    rootless.configure("sh", "-c", "id -u; cat /proc/self/uid_map; echo ok >/dev/null && echo $?", change=change)
    at = rootless.argv().index("env")
    argv = rootless.argv("run", rootless.id)
    done = run([*argv[:at], "unshare", "--user", "--map-root-user", "--mount", *argv[at:]], cwd=rootless.bundle)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "0", str(USER), "1", "0"]
